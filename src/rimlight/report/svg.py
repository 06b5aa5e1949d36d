"""Drawings of matplotlib as markup that can stand inside a strict page.

Matplotlib writes a style sheet that would reach the whole page, style attributes that a strict
content policy blocks, and ids that clash as soon as a page holds two drawings.  Here a drawing
becomes plain attributes, ids carry its name, text stays text, and the same numbers always give
the same bytes.
"""

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

INK, MUTED, LINE, ACCENT, RIVAL = "#1c2733", "#5a6772", "#d5dce2", "#0b5c8a", "#8b97a1"
LEVEL_COLOURS = ("#a9b4bd", "#6fa8cc", "#2f78ad", "#123f63")
LEVEL_MARKERS = ("o", "s", "^", "D")
LEVEL_NAMES = ("negative", "weak", "moderate", "strong")

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rimlight",
    "text.parse_math": False,
    "font.size": 12,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RIVAL,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_SVG = "http://www.w3.org/2000/svg"


def drawn_svg(
    draw: Callable[["Sheet"], None], *, name: str, width_px: float, height_px: float
) -> str:
    """Return the drawing as SVG markup of its own; one unit is one CSS pixel.

    Args:
        draw: Draws on the empty sheet it is given.
        name: Goes before each id, so that it must differ between drawings of one page.
        width_px: Natural width in CSS pixels; the page may scale it.
        height_px: Natural height in CSS pixels.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    written = io.StringIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A case named in letters that the measuring font lacks is still text in the page.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing")
        sheet = Figure(figsize=(width_px / 72, height_px / 72))
        FigureCanvasSVG(sheet)
        draw(sheet)
        sheet.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return _plain(written.getvalue(), name)


def axes_at(sheet: "Sheet", box_px: tuple[float, float, float, float]) -> "Axes":
    """Return axes at (left, top, width, height) in CSS pixels from the sheet's top left."""
    width_px, height_px = sheet.get_size_inches() * 72
    left, top, width, height = box_px
    return sheet.add_axes(
        (
            left / width_px,
            1 - (top + height) / height_px,
            width / width_px,
            height / height_px,
        )
    )


def _plain(markup: str, name: str) -> str:
    root = ElementTree.fromstring(markup)  # noqa: S314 - our own output, see the import
    used = {value for node in root.iter() for value in _targets(node)}
    for node in list(root):
        if _bare(node.tag) in ("metadata", "defs"):
            _drop_foreign(root, node)
    for node in root.iter():
        _make_plain(node, name, used)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.set("xmlns", _SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _drop_foreign(root: ElementTree.Element, node: ElementTree.Element) -> None:
    for child in list(node):
        if _bare(child.tag) == "style":
            node.remove(child)
    if _bare(node.tag) == "metadata" or not len(node):
        root.remove(node)


def _make_plain(node: ElementTree.Element, name: str, used: set[str]) -> None:
    node.tag = _bare(node.tag)
    attributes: dict[str, str] = {}
    for key, value in node.attrib.items():
        bare = _bare(key)
        if bare == "style":
            attributes |= _declarations(value)
        elif bare == "id":
            if value in used:
                attributes["id"] = f"{name}-{value}"
        elif bare == "href":
            attributes["href"] = f"#{name}-{value[1:]}"
        elif not value.startswith("rotate(-0 "):
            attributes[bare] = value.replace("url(#", f"url(#{name}-")
    node.attrib.clear()
    node.attrib.update(attributes)
    if node.tail and not node.tail.strip():
        node.tail = None
    if node.text and not node.text.strip():
        node.text = None
    if "d" in attributes:
        node.set("d", " ".join(attributes["d"].split()))


def _declarations(style: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    named = {key.strip(): value.strip() for key, value in pairs}
    return {key: value for key, value in named.items() if key != "font-family"}


def _targets(node: ElementTree.Element) -> list[str]:
    found = []
    for key, value in node.attrib.items():
        if _bare(key) == "href":
            found.append(value[1:])
        elif value.startswith("url(#"):
            found.append(value[5:-1])
    return found


def _bare(name: str) -> str:
    return name.rpartition("}")[2]
