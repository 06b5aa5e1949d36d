"""Digital Slide Archive (HistomicsUI) annotation JSON in and out: points as labels.

The archive refuses keys that it does not know, so what is ours stands in ``user`` of a point and
in ``attributes`` of the file.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short
from typing import Any

from rimlight.errors import LabelFileError
from rimlight.io.formats.gathering import (
    Gathered,
    facts_of,
    hex_colour,
    of_slide,
    own_facts,
    pixels,
)
from rimlight.io.formats.json_stream import Entered, KeyPath, json_values, write_json_items
from rimlight.io.formats.packing import opened
from rimlight.io.formats.points import Frame, PointFile, PointRecord, plain_text
from rimlight.io.formats.qupath_collection import header_of, origin_of
from rimlight.records import Label, SlideInfo

# One annotation; as the archive's own answer wraps it; or a list of either.
_BODIES: tuple[KeyPath, ...] = ((), ("annotation",), ("*",), ("*", "annotation"))
_ENTERED = frozenset(_BODIES) | {(*body, "elements") for body in _BODIES}
_NO_CLASS = ("default", "none")


def read_dsa(path: Path) -> PointFile:
    """Read the points of annotations; the class is the group of a point, else its label.

    Other elements are left out and noted.

    Raises:
        LabelFileError: The file is absent, too large, not JSON, or holds no elements.
    """
    reading = _Reading(gathered=Gathered(path=Path(path)))
    with opened(path) as file:
        for place, value in json_values(file, entered=_ENTERED):
            reading.take(place, value)
        content_hash = file.content_hash()
    if not reading.has_elements:
        raise LabelFileError(f"{path}: holds no list of elements; export the annotation as JSON")
    if len({header.get("slide_hash") for header in reading.headers}) > 1:
        raise LabelFileError(f"{path}: holds annotations of several slides; import them apart")
    return reading.gathered.file(content_hash, (*reading.headers, {})[0])


def write_dsa(
    path: Path, labels: Iterable[Label], *, slide: SlideInfo, frame: Frame | None = None
) -> int:
    """Write the labels of one slide as one annotation of points, whole or not at all.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        labels: Labels of cells on this slide; taken one at a time.
        slide: The slide.
        frame: Where coordinates count from; None takes ``level0``.

    Returns:
        How many labels were written.

    Raises:
        StorageError: The disk refuses.
        ValueError: A label is of another slide.
    """
    frame = frame or "level0"
    head = {
        "name": "rimlight labels",
        "description": "Cells labelled at a glance. Research use only.",
        "attributes": {"rimlight": header_of(slide, frame)},
    }
    origin = origin_of(slide, frame)
    elements = (_element_of(label, origin) for label in of_slide(labels, slide.slide_id))
    return write_json_items(path, head, "elements", elements)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was read so far; ``headers`` are those of annotations that we wrote."""

    gathered: Gathered
    headers: list[dict[str, Any]] = field(default_factory=list)
    n_documents: int = 0
    n_elements: int = 0
    has_elements: bool = False

    def take(self, place: KeyPath, value: Any) -> None:
        """Take the next value of the file."""
        if place[-1:] == ("elements",):
            self.has_elements = self.has_elements or value is Entered.LIST
        elif place[-2:] == ("elements", "*"):
            self.n_elements += 1
            document = f"annotation {self.n_documents}, " if place[0] == "*" else ""
            self.element(value, f"{document}element {self.n_elements}")
        elif place == ("*",):
            self.n_documents, self.n_elements = self.n_documents + 1, 0
        elif place[-1:] == ("attributes",) and isinstance(value, dict):
            header = value.get("rimlight")
            self.headers += [header] if isinstance(header, dict) else []

    def element(self, element: Any, place: str) -> None:
        """Take one element as a label, a fault, or something to note."""
        if not isinstance(element, dict):
            self.gathered.fault(place, f"is no element but {short(element)}")
            return
        if element.get("type") != "point":
            kind = short(element.get("type"))
            self.gathered.note(f"{place}: is no point but {kind}; left out")
            return
        try:
            x, y = _centre(element.get("center"))
            user = element.get("user")
            own = user.get("rimlight") if isinstance(user, dict) else None
            said = own if isinstance(own, dict) else {}
            record = PointRecord(
                place=place, x=x, y=y, class_name=_class_name(element), **own_facts(said)
            )
        except ValueError as error:
            self.gathered.fault(place, error)
            return
        self.gathered.take(record)


def _centre(centre: Any) -> tuple[float, float]:
    if not isinstance(centre, list) or len(centre) not in (2, 3):
        raise ValueError(f"needs a center of x, y and z, got {short(centre)}")
    if len(centre) == 3 and pixels(centre[2], "z"):
        raise ValueError("lies on another plane; only z = 0 is read")
    return pixels(centre[0], "x"), pixels(centre[1], "y")


def _class_name(element: dict[str, Any]) -> str:
    group = plain_text(element.get("group"), what="group")
    if group is not None and group.casefold() not in _NO_CLASS:
        return group
    label = element.get("label")
    said = label.get("value") if isinstance(label, dict) else label
    name = plain_text(said, what="label")
    if name is None:
        raise ValueError("has no class; put it in a group")
    return name


def _element_of(label: Label, origin: tuple[float, float]) -> dict[str, Any]:
    x, y = label.cell.x_l0 - origin[0], label.cell.y_l0 - origin[1]
    return {
        "type": "point",
        "center": [round(x, 6), round(y, 6), 0],
        "label": {"value": label.expression.value},
        "group": label.expression.value,
        "lineColor": hex_colour(label.expression),
        "user": {"rimlight": facts_of(label)},
    }
