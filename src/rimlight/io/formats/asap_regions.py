"""Regions from ASAP XML: polygons, splines and rectangles; the group is the class."""

from dataclasses import dataclass, field
from pathlib import Path

from rimlight.errors import LabelFileError
from rimlight.io.formats.asap import ANNOTATION, ASAPS_OWN_NAME, COORDINATE, ROOT, coordinate
from rimlight.io.formats.drawn_regions import (
    DrawnRegion,
    RegionFile,
    about_file,
    refuse_too_many,
    ring_of,
)
from rimlight.io.formats.packing import opened
from rimlight.io.formats.points import Fault, plain_text
from rimlight.io.formats.xml_stream import Tag, own_header, xml_tags

_AREAS = ("Polygon", "Spline", "Rectangle")


def read_asap_regions(path: Path) -> RegionFile:
    """Read the areas of an ASAP file; dots and point sets are left out and noted.

    ASAP has no holes; an area within another is an area of its own.

    Raises:
        LabelFileError: The file is absent, too large, no XML, or no file of ASAP.
    """
    reading = _Reading()
    with opened(path) as file:
        for tag in xml_tags(file):
            if tag.path[0] != ROOT:
                raise LabelFileError(
                    f"{path}: is no ASAP file, it begins with {tag.path[0][:40]!r}"
                )
            reading.take(tag)
            refuse_too_many(reading.n_annotations, reading.n_corners, path)
        about = about_file(reading.header, file.content_hash())
    return RegionFile(items=tuple(reading.items), about=about, notes=tuple(reading.notes))


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was read so far; corners: order, x and y of those of the annotation at hand."""

    items: list[DrawnRegion | Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    header: dict[str, str] = field(default_factory=dict)
    annotation: dict[str, str] = field(default_factory=dict)
    corners: list[Tag] = field(default_factory=list)
    n_annotations: int = 0
    n_corners: int = 0

    def take(self, tag: Tag) -> None:
        """Take the next tag of the file."""
        if tag.path == ANNOTATION and tag.is_start:
            self.n_annotations += 1
            self.annotation, self.corners = dict(tag.attributes), []
        elif tag.path == COORDINATE and tag.is_start:
            self.n_corners += 1
            self.corners.append(tag)
        elif tag.path == ANNOTATION:
            self.end_annotation()
        elif tag.path == (ROOT,) and tag.is_start:
            self.header = own_header(tag.attributes)

    def end_annotation(self) -> None:
        """Add the region at hand, or why it is none."""
        kind, place = self.annotation.get("Type", ""), f"annotation {self.n_annotations}"
        if kind not in _AREAS:
            self.notes.append(f"{place}: has no area, it is {kind[:40]!r}; left out")
            return
        try:
            ordered = sorted(self.corners, key=lambda tag: int(tag.attributes.get("Order", "0")))
            ring = ring_of([(coordinate(tag, "X"), coordinate(tag, "Y")) for tag in ordered])
            group = plain_text(self.annotation.get("PartOfGroup"), what="group")
            name = plain_text(self.annotation.get("Name"), what="name")
        except ValueError as error:
            self.items.append(Fault(place=place, reason=str(error)))
            return
        self.items.append(
            DrawnRegion(
                place=place,
                polygons=((ring,),),
                name=None if name and ASAPS_OWN_NAME.fullmatch(name) else name,
                class_name=None if group == "None" else group,
            )
        )
