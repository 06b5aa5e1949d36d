"""ASAP XML in and out: dots as labels, a group for each class and reader.

ASAP keeps of a file what it knows: names, groups with their attributes, and coordinates. So the
reader stands in the attributes of the groups and the cell in the name of the dot; times and ids,
which it drops when it saves, stand in attributes of ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rimlight.errors import LabelFileError
from rimlight.io.formats.gathering import (
    Gathered,
    facts_of,
    hex_colour,
    of_slide,
    own_facts,
    pixels_of_text,
)
from rimlight.io.formats.packing import opened, packed_file
from rimlight.io.formats.points import Fault, Frame, PointFile, PointRecord, plain_text
from rimlight.io.formats.qupath_collection import origin_of
from rimlight.io.formats.xml_stream import (
    OWN,
    Tag,
    element_text,
    own_attributes,
    own_header,
    xml_tags,
)
from rimlight.records import Label, SlideInfo

ROOT = "ASAP_Annotations"
ANNOTATION = (ROOT, "Annotations", "Annotation")
COORDINATE = (*ANNOTATION, "Coordinates", "Coordinate")
_GROUP = (ROOT, "AnnotationGroups", "Group")
_GROUP_ATTRIBUTE = (*_GROUP, "Attributes", "Attribute")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
ASAPS_OWN_NAME = re.compile(r"Annotation \d+")


def read_asap(path: Path) -> PointFile:
    """Read the dots and point sets of an ASAP file; the group of a dot is its class.

    Polygons, splines and rectangles are left out and noted.

    Raises:
        LabelFileError: The file is absent, too large, no XML, or no file of ASAP.
    """
    reading = _Reading(gathered=Gathered(path=Path(path)))
    with opened(path) as file:
        for tag in xml_tags(file):
            if tag.path[0] != ROOT:
                raise LabelFileError(
                    f"{path}: is no ASAP file, it begins with {tag.path[0][:40]!r}; "
                    "say what it is with --format"
                )
            reading.take(tag)
        content_hash = file.content_hash()
    items = reading.gathered.items
    for number, item in enumerate(items):
        if isinstance(item, PointRecord):
            items[number] = _with_group(item, reading.groups.get(item.class_name, {}))
    return reading.gathered.file(content_hash, reading.header)


def write_asap(
    path: Path, labels: Sequence[Label], *, slide: SlideInfo, frame: Frame | None = None
) -> int:
    """Write the labels of one slide as dots for ASAP, whole or not at all.

    A group is named after its class, and after its reader too where there are several.

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
    groups: dict[str, Label] = {}
    has_many_readers = len({label.reader for label in labels}) > 1
    with packed_file(path) as handle:
        head = element_text(ROOT, own_attributes(slide, frame), is_open=True)
        handle.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n<Annotations>\n'.encode())
        for label in of_slide(labels, slide.slide_id):
            group = label.expression.value + (f", {label.reader}" if has_many_readers else "")
            groups.setdefault(group, label)
            handle.write(f"{_dot_text(label, group, origin_of(slide, frame))}\n".encode())
        handle.write(b"</Annotations>\n<AnnotationGroups>\n")
        for group, label in groups.items():
            handle.write(f"{_group_text(group, label)}\n".encode())
        handle.write(f"</AnnotationGroups>\n</{ROOT}>\n".encode())
    return len(labels)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was read so far.

    dot: place of the first coordinate of the annotation at hand, None before it.
    groups: the attributes of each group by its name.
    """

    gathered: Gathered
    header: dict[str, str] = field(default_factory=dict)
    n_annotations: int = 0
    n_points: int = 0
    annotation: dict[str, str] = field(default_factory=dict)
    group: str = ""
    groups: dict[str, dict[str, str]] = field(default_factory=dict)

    def take(self, tag: Tag) -> None:
        """Take the next tag of the file."""
        if not tag.is_start:
            if tag.path == ANNOTATION:
                self.end_annotation()
        elif tag.path == COORDINATE:
            self.point(tag)
        elif tag.path == ANNOTATION:
            self.n_annotations += 1
            self.n_points = 0
            self.annotation = dict(tag.attributes)
        elif tag.path == _GROUP:
            self.group = tag.attributes.get("Name", "")
            self.groups.setdefault(self.group, {})
        elif tag.path == _GROUP_ATTRIBUTE:
            self.groups[self.group].update(tag.attributes)
        elif tag.path == (ROOT,):
            self.header = own_header(tag.attributes)

    def point(self, tag: Tag) -> None:
        """Take one coordinate of a dot or a point set."""
        kind = self.annotation.get("Type")
        if kind not in ("Dot", "PointSet"):
            return
        self.n_points += 1
        place = f"annotation {self.n_annotations}"
        if kind == "PointSet":
            place += f", point {self.n_points}"
        elif self.n_points > 1:
            self.gathered.fault(f"{place}, point {self.n_points}", "a dot has one coordinate")
            return
        try:
            facts = self.facts() if kind == "Dot" else {}
            record = PointRecord(
                place=place,
                x=coordinate(tag, "X"),
                y=coordinate(tag, "Y"),
                class_name=self.class_name(),
                **facts,
            )
        except ValueError as error:
            self.gathered.fault(place, error)
            return
        self.gathered.take(record)

    def class_name(self) -> str:
        """Return the group of the annotation at hand."""
        group = plain_text(self.annotation.get("PartOfGroup"), what="group")
        if group in (None, "None"):
            raise ValueError("is in no group; its group is its class")
        return str(group)

    def facts(self) -> dict[str, Any]:
        """Return what a dot says of itself; its name is a cell's only in a group of ours."""
        said = {key: self.annotation.get(OWN + key) for key in ("time", "label")}
        return own_facts({**said, "cell": self.annotation.get("Name")})

    def end_annotation(self) -> None:
        """Note an annotation that gave no label."""
        kind, place = self.annotation.get("Type", ""), f"annotation {self.n_annotations}"
        if kind not in ("Dot", "PointSet"):
            self.gathered.note(f"{place}: is no point but {kind[:40]!r}; left out")
        elif not self.n_points:
            self.gathered.note(f"{place}: has no points; left out")


def coordinate(tag: Tag, axis: str) -> float:
    """Return a coordinate; on some computers ASAP writes a decimal comma, and never thousands.

    Raises:
        ValueError: It is no number of pixels; the message is a clause.
    """
    text = tag.attributes.get(axis)
    if text is not None and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    return pixels_of_text(text, axis)


def _with_group(record: PointRecord, group: dict[str, str]) -> PointRecord | Fault:
    """Return a point with what its group says of it."""
    try:
        reader = plain_text(group.get(f"{OWN}reader"), what="reader")
        class_name = plain_text(group.get(f"{OWN}class"), what="class")
    except ValueError as error:
        return Fault(place=record.place, reason=str(error))
    if reader is None or class_name is None:
        return replace(record, cell=None, time=None, label_id=None)
    is_named = record.cell is not None and not ASAPS_OWN_NAME.fullmatch(record.cell)
    cell = record.cell if is_named else None
    return replace(record, reader=reader, class_name=class_name, cell=cell)


def _dot_text(label: Label, group: str, origin: tuple[float, float]) -> str:
    facts = facts_of(label)
    said = {
        "Name": facts["cell"],
        "Type": "Dot",
        "PartOfGroup": group,
        "Color": hex_colour(label.expression),
        f"{OWN}time": facts["time"],
        f"{OWN}label": facts["label"],
    }
    x, y = (round(label.cell.x_l0 - origin[0], 6), round(label.cell.y_l0 - origin[1], 6))
    point = element_text("Coordinate", {"Order": 0, "X": x, "Y": y})
    head = element_text("Annotation", said, is_open=True)
    return f"{head}<Coordinates>{point}</Coordinates></Annotation>"


def _group_text(group: str, label: Label) -> str:
    said = {"Name": group, "PartOfGroup": "None", "Color": hex_colour(label.expression)}
    reader = element_text("Attribute", {f"{OWN}reader": label.reader})
    level = element_text("Attribute", {f"{OWN}class": label.expression.value})
    head = element_text("Group", said, is_open=True)
    return f"{head}<Attributes>{reader}{level}</Attributes></Group>"
