"""Causes in the words of a pathologist: what is meant, and what an edit did to the picture."""

from rimlight.records import CauseName
from rimlight.report.wording import number, percent

NAMES: dict[str, str] = {
    CauseName.NEIGHBOUR_MEMBRANE: "brown membrane of a neighbour",
    CauseName.NEIGHBOUR_NUCLEUS: "dark nucleus of a neighbour",
    CauseName.SURROUNDINGS: "surroundings, nothing more precise",
    CauseName.OWN_NUCLEUS: "brown in the own nucleus",
    CauseName.OWN_CYTOPLASM: "brown blush of the own cytoplasm",
    CauseName.PIGMENT: "pigment or other dark specks",
    CauseName.MACROPHAGE: "brown all over, as in a macrophage",
    CauseName.FAINT_STAIN: "own membrane too faint",
    CauseName.OFF_CENTRE: "click beside the cell's centre",
    CauseName.OUT_OF_FOCUS: "patch out of focus",
    CauseName.SLIDE_EDGE: "edge of the slide",
    CauseName.DOUBTFUL_LABEL: "label is doubtful",
    CauseName.UNEXPLAINED: "unexplained",
}
_EDITS: dict[str, tuple[str, str]] = {
    CauseName.NEIGHBOUR_MEMBRANE: (
        "Taking the neighbours' brown away",
        "neighbours' brown taken away",
    ),
    CauseName.NEIGHBOUR_NUCLEUS: (
        "Making the neighbours' nuclei paler",
        "neighbours' nuclei made paler",
    ),
    CauseName.SURROUNDINGS: ("Blanking what lies around the cell", "surroundings blanked"),
    CauseName.OWN_NUCLEUS: ("Taking the brown out of its nucleus", "brown out of the nucleus"),
    CauseName.OWN_CYTOPLASM: (
        "Taking the blush out of its cytoplasm",
        "blush out of the cytoplasm",
    ),
    CauseName.PIGMENT: ("Painting the dark specks over", "dark specks painted over"),
    CauseName.MACROPHAGE: ("Taking the diffuse brown out of the cell", "diffuse brown taken out"),
    CauseName.FAINT_STAIN: ("Doubling its own brown", "own brown doubled"),
    CauseName.OFF_CENTRE: ("Centring the patch on its nucleus", "centred on the nucleus"),
}
ZONES_OF_CAUSE: dict[str, tuple[int, ...]] = {
    CauseName.NEIGHBOUR_MEMBRANE: (4,),
    CauseName.NEIGHBOUR_NUCLEUS: (3,),
    CauseName.OWN_NUCLEUS: (1,),
    CauseName.OWN_CYTOPLASM: (2,),
    CauseName.FAINT_STAIN: (2,),
    CauseName.SLIDE_EDGE: (5,),
}
"""Numbers of ``causes/zones`` in which each cause lies, for cells without an edit."""


def name_of(cause: str) -> str:
    """Return a cause in words; one that is not known by its own name.

    >>> name_of("pigment"), name_of("moon_phase")
    ('pigment or other dark specks', 'moon phase')
    """
    return NAMES.get(cause, cause.replace("_", " "))


def edit_title(cause: str) -> str:
    """Return what an edit did, short enough to stand below a picture.

    >>> edit_title("faint_stain")
    'Same cell, own brown doubled'
    """
    return f"Same cell, {_EDITS[cause][1]}" if cause in _EDITS else "Same cell, edited"


def sentence_of(
    cause: str, *, before: float, after: float | None, recovered: float | None, is_wrong: bool
) -> str:
    """Return what an edit did to the call, in one plain sentence; what is only on the map, so.

    >>> sentence_of("neighbour_membrane", before=2, after=-1, recovered=1.5, is_wrong=True)
    "Taking the neighbours' brown away turns the call to negative."
    >>> sentence_of("own_nucleus", before=2.0, after=0.8, recovered=0.6, is_wrong=True)
    'Taking the brown out of its nucleus moves the logit 60 % of the way to the threshold.'
    >>> sentence_of("faint_stain", before=0.3, after=3.2, recovered=4.0, is_wrong=False)
    'Doubling its own brown makes the uncertain call a clear one.'
    >>> sentence_of("slide_edge", before=2.0, after=None, recovered=None, is_wrong=True)
    'By the map only: edge of the slide.'
    """
    if cause == CauseName.UNEXPLAINED:
        return "Unexplained: no edit that was tried proves a cause."
    if cause == CauseName.DOUBTFUL_LABEL:
        return "No edit proves a cause, and the label itself is in doubt."
    if after is None or cause not in _EDITS:
        return f"By the map only: {name_of(cause)}."
    doing = _EDITS[cause][0]
    if (before > 0) != (after > 0):
        return f"{doing} turns the call to {call_of(after)}."
    if is_wrong or recovered is None:
        way = percent(recovered, digits=0)
        return f"{doing} moves the logit {way} of the way to the threshold."
    far = "a clear one" if recovered >= 1 else "clearer"
    return f"{doing} makes the uncertain call {far}."


def logit_words(before: float, after: float | None) -> str:
    """Return the logit before and after, with the call of each.

    >>> logit_words(2.14, -0.8)
    'logit +2.1 \u2192 \u22120.8'
    """
    words = f"logit {number(before, digits=1, is_signed=True)}"
    return words if after is None else f"{words} \u2192 {number(after, digits=1, is_signed=True)}"


def call_of(logit: float) -> str:
    """Return the call in a word.

    >>> call_of(0.2), call_of(-0.2)
    ('positive', 'negative')
    """
    return "positive" if logit > 0 else "negative"
