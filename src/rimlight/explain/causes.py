"""Why a call errs: causes that the map proposes, and that only an edit confirms.

The map is split by stain and by zone around the nuclei; where evidence on the wrong side lies
proposes causes.  For each one the patch is edited as the cause predicts (see ``cause_edits``);
it is confirmed if the logit comes to the threshold, every placebo recovers less than half of that,
and the cell itself looks as its label says (see ``own_line``).  One forward pass an edit.

Source:
    Own definition, docs/method.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

from rimlight.explain.cause_edits import EDITED, RESIDUAL, Edit, Scene, edit_of
from rimlight.explain.own_line import Look
from rimlight.records import CauseName

Response = Callable[[UInt8[np.ndarray, "n h w 3"]], Float[np.ndarray, " n"]]
Status = Literal["confirmed", "map_only", "unexplained"]
ZONES = ("own_nucleus", "own_ring", "neighbour_nuclei", "neighbour_rings", "rest")
STAINS = ("haematoxylin", "dab", "residual")

LEAST_PROPOSED = 0.1
"""Share of the evidence on the wrong side that must lie where a cause says it does."""
LEAST_RECOVERED, MOST_OF_PLACEBO = 1.0, 0.5
MOST_PADDING = 0.05

_ON_WRONG_POSITIVE = (
    CauseName.NEIGHBOUR_MEMBRANE,
    CauseName.SURROUNDINGS,
    CauseName.OWN_NUCLEUS,
    CauseName.OWN_CYTOPLASM,
    CauseName.MACROPHAGE,
    CauseName.PIGMENT,
    CauseName.OFF_CENTRE,
)
_ON_WRONG_NEGATIVE = (
    CauseName.NEIGHBOUR_NUCLEUS,
    CauseName.SURROUNDINGS,
    CauseName.FAINT_STAIN,
    CauseName.PIGMENT,
    CauseName.OFF_CENTRE,
)
_UNNAMED = (CauseName.SURROUNDINGS,)
"""Causes that are told only where no cause with a name is confirmed."""
_TOLD_ONLY = (CauseName.FAINT_STAIN,)
"""Causes that are tried and never confirmed: twice its brown turns many a negative cell as well."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """A map split by zone and stain; signed sums, in logits, rows ZONES, columns STAINS.

    towards: per pixel and stain, the evidence on the wrong side, at least 0.
    """

    sums: Float[np.ndarray, "5 3"]
    towards: Float[np.ndarray, "h w 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A cause that was tried by its edit.

    proposed: share of the evidence on the wrong side that proposed it, 0..1.
    recovered: (logit after - before) / (threshold - before); placebo_recovered: the largest of
        the placebos, NaN without one.
    """

    cause: CauseName
    proposed: float
    logit_before: float
    logit_after: float
    recovered: float
    placebo_logit: float
    placebo_recovered: float
    placebo_share: float
    edited_share: float
    is_confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """What was found of one cell: the main cause and every trial, confirmed ones first.

    edited: the patch of the main cause's edit; the patch itself where there is none.
    """

    status: Status
    cause: CauseName
    confirmed: tuple[CauseName, ...]
    trials: tuple[Trial, ...]
    edited: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked about one cell.

    is_positive_right: the side that the logit should be on.
    threshold: logit that an edit should reach; 0 for a wrong call, further for an uncertain one.
    look: whether the cell looks as its label says, see ``own_line``; where it does not, no edit can
        tell an error of the call from one of the label, and none confirms.
    is_out_of_focus: the patch is among the softest of its slide.
    is_doubtful: the label is doubted, on other grounds than the map.
    """

    scene: Scene
    evidence: Evidence
    logit: float
    is_positive_right: bool
    threshold: float = 0.0
    look: Look = "as_labelled"
    is_out_of_focus: bool = False
    is_doubtful: bool = False


def evidence_of(
    values: Float[np.ndarray, "3 h w"], scene: Scene, *, is_positive_right: bool
) -> Evidence:
    """Return where the evidence of a map lies, and the part of it on the wrong side.

    Args:
        values: Attribution of each stain and pixel, in logits.
    """
    zones = scene.zones
    weights = [
        zones.own_nucleus.astype(float),
        zones.weight_own.astype(float),
        zones.neighbour_nuclei.astype(float),
        zones.weight_neighbour.astype(float),
    ]
    rest = 1 - np.clip(sum(weights), 0, 1)
    per_pixel = np.moveaxis(values, 0, -1).astype(np.float64)
    sums = np.stack([(weight[..., None] * per_pixel).sum((0, 1)) for weight in (*weights, rest)])
    wrong = per_pixel if not is_positive_right else -per_pixel
    return Evidence(sums=sums, towards=wrong.clip(min=0))


def proposals(case: Case) -> list[tuple[CauseName, float]]:
    """Return the causes that a map proposes, with the share of evidence behind each."""
    whole = float(case.evidence.towards.sum())
    if whole <= 0:
        return []
    places = _places(case.scene)
    allowed = _ON_WRONG_NEGATIVE if case.is_positive_right else _ON_WRONG_POSITIVE
    found = []
    for cause in allowed:
        where, stains = places[cause]
        share = float(case.evidence.towards[where][:, stains].sum()) / whole
        if share >= LEAST_PROPOSED or cause is CauseName.FAINT_STAIN:
            found.append((cause, share))
    return found


def examined(cases: Sequence[Case], response: Response, *, seed: int) -> list[Finding]:
    """Return what was found of each cell; all edits go through the network in one batch.

    Args:
        response: Patches, light 0..255, to logits.
        seed: Of the placebos' places.
    """
    asked: list[tuple[int, CauseName, float, Edit]] = []
    for place, case in enumerate(cases):
        for cause, share in proposals(case):
            edit = edit_of(case.scene, cause, seed=seed + place)
            if edit is not None:
                asked.append((place, cause, share, edit))
    answers = answers_of([edit for *_, edit in asked], response)
    trials: list[list[tuple[Trial, Edit]]] = [[] for _ in cases]
    for (place, cause, share, edit), logits in zip(asked, answers, strict=True):
        trials[place].append((_trial(cases[place], cause, share, edit=edit, logits=logits), edit))
    return [_finding(case, found) for case, found in zip(cases, trials, strict=True)]


def answers_of(edits: Sequence[Edit], response: Response) -> list[Float[np.ndarray, " k"]]:
    """Return the logits of each edit, then of its placebos; one call of the network for all."""
    patches = [patch for edit in edits for patch in (edit.patch, *edit.placebos)]
    if not patches:
        return []
    ends = np.cumsum([1 + len(edit.placebos) for edit in edits])
    return np.split(response(np.stack(patches)), ends[:-1])


def _places(scene: Scene) -> dict[CauseName, tuple[Bool[np.ndarray, "h w"], list[int]]]:
    """Where and in which stains each cause has its evidence."""
    zones, own_side = scene.zones, scene.own_side
    anywhere = ~zones.padding
    return {
        CauseName.NEIGHBOUR_MEMBRANE: ((scene.beyond_um > 0) & ~zones.neighbour_nuclei, [1]),
        CauseName.NEIGHBOUR_NUCLEUS: (zones.neighbour_nuclei, [0]),
        CauseName.SURROUNDINGS: (~own_side & anywhere, [0, 1, RESIDUAL]),
        CauseName.OWN_NUCLEUS: (zones.own_nucleus, [1]),
        CauseName.OWN_CYTOPLASM: (own_side & ~zones.own_nucleus, [1]),
        CauseName.MACROPHAGE: (own_side, [1]),
        CauseName.FAINT_STAIN: (own_side, [1]),
        CauseName.PIGMENT: (scene.specks, [0, 1, RESIDUAL]),
        CauseName.OFF_CENTRE: (anywhere, [0, 1, RESIDUAL]),
    }


def _trial(
    case: Case, cause: CauseName, proposed: float, *, edit: Edit, logits: Float[np.ndarray, " n"]
) -> Trial:
    after, others = float(logits[0]), logits[1:]
    way = case.threshold - case.logit
    recovered = (after - case.logit) / way if way else 0.0
    placebo = (others.astype(np.float64) - case.logit) / way if way else np.zeros(len(others))
    worst = int(placebo.argmax()) if len(others) else -1
    is_turned = (after > 0) == case.is_positive_right != (case.logit > 0)
    is_moved = recovered >= LEAST_RECOVERED or is_turned
    is_told_apart = not len(others) or placebo[worst] < MOST_OF_PLACEBO * recovered
    return Trial(
        cause=cause,
        proposed=proposed,
        logit_before=case.logit,
        logit_after=after,
        recovered=recovered,
        placebo_logit=float(others[worst]) if len(others) else float("nan"),
        placebo_recovered=float(placebo[worst]) if len(others) else float("nan"),
        placebo_share=edit.placebo_share,
        edited_share=edit.edited_share,
        is_confirmed=bool(
            case.look == "as_labelled" and is_moved and is_told_apart and cause not in _TOLD_ONLY
        ),
    )


def _finding(case: Case, found: list[tuple[Trial, Edit]]) -> Finding:
    ordered = sorted(found, key=lambda pair: (not pair[0].is_confirmed, -pair[0].recovered))
    trials = tuple(trial for trial, _ in ordered)
    confirmed = [pair for pair in ordered if pair[0].is_confirmed]
    named = [pair for pair in confirmed if pair[0].cause not in _UNNAMED]
    chosen = (named or confirmed)[:1]
    if chosen:
        rest = [trial.cause for trial, _ in confirmed if trial is not chosen[0][0]]
        return Finding(
            status="confirmed",
            cause=chosen[0][0].cause,
            confirmed=(chosen[0][0].cause, *rest),
            trials=trials,
            edited=chosen[0][1].patch,
        )
    cause = _by_the_map(case, trials)
    return Finding(
        status="unexplained" if cause is CauseName.UNEXPLAINED else "map_only",
        cause=cause,
        confirmed=(),
        trials=trials,
        edited=case.scene.patch,
    )


def _by_the_map(case: Case, trials: Sequence[Trial]) -> CauseName:
    """What can be told where no edit confirms."""
    if case.scene.zones.padding.mean() > MOST_PADDING:
        return CauseName.SLIDE_EDGE
    if case.is_out_of_focus:
        return CauseName.OUT_OF_FOCUS
    if case.is_doubtful:
        return CauseName.DOUBTFUL_LABEL
    told = [trial.cause for trial in trials if trial.cause in _TOLD_ONLY and trial.recovered >= 1]
    if told:
        return told[0]
    found = [item for item in proposals(case) if item[0] not in (*_UNNAMED, CauseName.OFF_CENTRE)]
    named = [item for item in found if item[1] > 0.5]
    return max(named, key=lambda item: item[1])[0] if named else CauseName.UNEXPLAINED


def tried_on_right_calls(
    scenes: Sequence[Scene], response: Response, logits: Float[np.ndarray, " n"], *, seed: int
) -> dict[CauseName, tuple[int, int]]:
    """Return per cause how many right calls its edit was tried on, and how many it turned.

    Every edit is tried that a wrong call on that side would be given, whatever the map says.
    """
    asked: list[tuple[int, CauseName, Edit]] = []
    for place, scene in enumerate(scenes):
        for cause in EDITED:
            edit = edit_of(scene, cause, seed=seed + place)
            if edit is not None:
                asked.append((place, cause, edit))
    if not asked:
        return {}
    after = response(np.stack([edit.patch for *_, edit in asked]))
    counts: dict[CauseName, tuple[int, int]] = {}
    for (place, cause, _), logit in zip(asked, after, strict=True):
        tried, turned = counts.get(cause, (0, 0))
        counts[cause] = (tried + 1, turned + int((logit > 0) != (logits[place] > 0)))
    return counts
