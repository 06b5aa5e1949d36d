"""Aperio ImageScope XML in and out: small outlines as labels, a layer for each class and reader.

ImageScope has no points. A label is written as a regular octagon around the cell; any outline,
rectangle or ellipse of a cell's size is read as a label at its middle. There is no public schema:
what is written follows files that ImageScope made, and was not opened in ImageScope itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from math import cos, pi, sin
from pathlib import Path

from rimlight.errors import LabelFileError
from rimlight.io.formats.gathering import (
    COLOUR_OF_EXPRESSION,
    MAX_CELL_PX,
    Gathered,
    facts_of,
    of_slide,
    own_facts,
    pixels_of_text,
)
from rimlight.io.formats.packing import opened, packed_file
from rimlight.io.formats.points import Frame, PointFile, PointRecord, plain_text
from rimlight.io.formats.qupath_collection import origin_of
from rimlight.io.formats.xml_stream import Tag, element_text, own_attributes, own_header, xml_tags
from rimlight.records import Label, SlideInfo

ROOT = "Annotations"
RADIUS_UM = 2.0
MAX_VERTICES = 10_000
_N_VERTICES = 8
_OWN = "rimlight."
_LAYER = (ROOT, "Annotation")
_LAYER_ATTRIBUTE = (*_LAYER, "Attributes", "Attribute")
_REGION = (*_LAYER, "Regions", "Region")
_REGION_ATTRIBUTE = (*_REGION, "Attributes", "Attribute")
_VERTEX = (*_REGION, "Vertices", "Vertex")
_OUTLINE, _RECTANGLE, _ELLIPSE = "0", "1", "2"


def read_imagescope(path: Path) -> PointFile:
    """Read the cells of an ImageScope file: the class is the layer's name, else the region's text.

    Regions wider than 200 px, arrows, rulers and holes are left out and noted.

    Raises:
        LabelFileError: The file is absent, too large, no XML, or no file of ImageScope.
    """
    reading = _Reading(gathered=Gathered(path=Path(path)))
    with opened(path) as file:
        for tag in xml_tags(file):
            if tag.path[0] != ROOT:
                raise LabelFileError(
                    f"{path}: is no ImageScope file, it begins with {tag.path[0][:40]!r}; "
                    "say what it is with --format"
                )
            reading.take(tag)
        content_hash = file.content_hash()
    return reading.gathered.file(content_hash, reading.header)


def write_imagescope(
    path: Path, labels: Sequence[Label], *, slide: SlideInfo, frame: Frame | None = None
) -> int:
    """Write the labels of one slide as outlines of 2 um radius, whole or not at all.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        labels: Labels of cells on this slide.
        slide: The slide.
        frame: Where coordinates count from; None takes ``level0``.

    Returns:
        How many labels were written.

    Raises:
        LabelFileError: A name cannot be written in XML.
        StorageError: The disk refuses.
        ValueError: A label is of another slide.
    """
    frame = frame or "level0"
    in_layers = sorted(of_slide(labels, slide.slide_id), key=_layer_of)
    with packed_file(path) as handle:
        said = {"MicronsPerPixel": slide.mpp, **own_attributes(slide, frame)}
        head = element_text(ROOT, said, is_open=True)
        handle.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n'.encode())
        for number, (_, of_layer) in enumerate(groupby(in_layers, key=_layer_of), start=1):
            for place, label in enumerate(of_layer, start=1):
                if place == 1:
                    handle.write(f"{_layer_text(label, number)}\n".encode())
                handle.write(f"{_region_text(label, place, slide, frame)}\n".encode())
            handle.write(b"</Regions></Annotation>\n")
        handle.write(f"</{ROOT}>\n".encode())
    return len(in_layers)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was read so far; layer, region and vertices are those at hand."""

    gathered: Gathered
    header: dict[str, str] = field(default_factory=dict)
    n_layers: int = 0
    n_regions: int = 0
    layer: dict[str, str] = field(default_factory=dict)
    layer_facts: dict[str, str] = field(default_factory=dict)
    region: dict[str, str] = field(default_factory=dict)
    region_facts: dict[str, str] = field(default_factory=dict)
    vertices: list[dict[str, str]] = field(default_factory=list)

    def take(self, tag: Tag) -> None:
        """Take the next tag of the file."""
        if not tag.is_start:
            if tag.path == _REGION:
                self.end_region()
            return
        said = dict(tag.attributes)
        if tag.path == _VERTEX:
            if len(self.vertices) <= MAX_VERTICES:
                self.vertices.append(said)
        elif tag.path == _REGION_ATTRIBUTE:
            self.region_facts[said.get("Name", "")] = said.get("Value", "")
        elif tag.path == _LAYER_ATTRIBUTE:
            self.layer_facts[said.get("Name", "")] = said.get("Value", "")
        elif tag.path == _REGION:
            self.n_regions += 1
            self.region, self.region_facts, self.vertices = said, {}, []
        elif tag.path == _LAYER:
            self.n_layers, self.n_regions = self.n_layers + 1, 0
            self.layer, self.layer_facts = said, {}
        elif tag.path == (ROOT,):
            self.header = own_header(said)

    def end_region(self) -> None:
        """Take the region at hand as a label, a fault, or something to note."""
        place = f"layer {self.n_layers}, region {self.n_regions}"
        left_out = self.why_no_label()
        if left_out is not None:
            self.gathered.note(f"{place}: {left_out}; left out")
            return
        try:
            corners = [
                (pixels_of_text(said.get("X"), "X"), pixels_of_text(said.get("Y"), "Y"))
                for said in self.vertices
            ]
            if _width_of(corners) > MAX_CELL_PX:
                self.gathered.note(f"{place}: is wider than {MAX_CELL_PX:g} px; left out")
                return
            is_outline = self.region.get("Type", _OUTLINE) == _OUTLINE
            x, y = _centroid(corners) if is_outline else _middle(corners)
            record = PointRecord(
                place=place,
                x=round(x, 6),
                y=round(y, 6),
                class_name=self.class_name(),
                **self.facts(),
            )
        except ValueError as error:
            self.gathered.fault(place, error)
            return
        self.gathered.take(record)

    def why_no_label(self) -> str | None:
        """Return why the region at hand is no cell, None where it may be one."""
        kind = self.region.get("Type", _OUTLINE)
        if kind not in (_OUTLINE, _RECTANGLE, _ELLIPSE):
            return f"is neither outline, rectangle nor ellipse but of type {kind[:40]!r}"
        if self.region.get("NegativeROA") == "1":
            return "is a hole"
        if not self.vertices:
            return "has no vertices"
        return f"has more than {MAX_VERTICES} vertices" if self.is_long() else None

    def is_long(self) -> bool:
        """Whether the region at hand has more vertices than the outline of a cell."""
        return len(self.vertices) > MAX_VERTICES

    def class_name(self) -> str:
        """Return the name of the layer, else the text of the region."""
        name = plain_text(self.layer.get("Name"), what="name") or plain_text(
            self.region.get("Text"), what="text"
        )
        if name is None:
            raise ValueError("has no class; name its layer")
        return name

    def facts(self) -> dict[str, str | None]:
        """Return reader, cell, time and id; the text is a cell's name only in a layer of ours."""
        reader = self.layer_facts.get(f"{_OWN}reader")
        if not reader:
            return {"reader": plain_text(self.layer_facts.get("reader"), what="reader")}
        said = {key: self.region_facts.get(_OWN + key) for key in ("time", "label")}
        return own_facts({**said, "reader": reader, "cell": self.region.get("Text")})


def _width_of(corners: Sequence[tuple[float, float]]) -> float:
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return max(max(xs) - min(xs), max(ys) - min(ys))


def _middle(corners: Sequence[tuple[float, float]]) -> tuple[float, float]:
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2


def _centroid(corners: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the centre of the area; of a line or a single point, the middle."""
    left, top = corners[0]
    inside = [(x - left, y - top) for x, y in (*corners, corners[0])]  # closed, and near 0
    twice_area = x_moment = y_moment = 0.0
    for (x, y), (next_x, next_y) in pairwise(inside):
        cross = x * next_y - next_x * y
        twice_area += cross
        x_moment += (x + next_x) * cross
        y_moment += (y + next_y) * cross
    if abs(twice_area) < 1e-6:
        return _middle(corners)
    return left + x_moment / (3 * twice_area), top + y_moment / (3 * twice_area)


def _layer_of(label: Label) -> tuple[str, int]:
    return label.reader, list(COLOUR_OF_EXPRESSION).index(label.expression)


def _layer_text(label: Label, number: int) -> str:
    red, green, blue = COLOUR_OF_EXPRESSION[label.expression]
    said = {
        "Id": number,
        "Name": label.expression.value,
        "LineColor": red + 256 * green + 65536 * blue,  # a BGR integer
        "Visible": 1,
        "Type": 4,
    }
    reader = element_text("Attribute", {"Name": f"{_OWN}reader", "Id": 0, "Value": label.reader})
    head = element_text("Annotation", said, is_open=True)
    return f"{head}<Attributes>{reader}</Attributes><Regions>"


def _region_text(label: Label, number: int, slide: SlideInfo, frame: Frame) -> str:
    facts = facts_of(label)
    said = {"Id": number, "Type": _OUTLINE, "NegativeROA": 0, "Text": facts["cell"]}
    own = "".join(
        element_text("Attribute", {"Name": _OWN + key, "Id": place, "Value": facts[key]})
        for place, key in enumerate(("time", "label"))
    )
    left, top = origin_of(slide, frame)
    x, y = round(label.cell.x_l0 - left, 6), round(label.cell.y_l0 - top, 6)
    radius_px = RADIUS_UM / slide.mpp
    corners = [
        element_text(
            "Vertex",
            {
                "X": round(x + radius_px * cos(2 * pi * n / _N_VERTICES), 6),
                "Y": round(y + radius_px * sin(2 * pi * n / _N_VERTICES), 6),
                "Z": 0,
            },
        )
        for n in range(_N_VERTICES)
    ]
    head = element_text("Region", said, is_open=True)
    vertices = "".join(corners)
    return f"{head}<Attributes>{own}</Attributes><Vertices>{vertices}</Vertices></Region>"
