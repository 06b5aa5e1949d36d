"""Centres that another program found, from its files: cells, detections and points, no labels.

Read a feature or a row at a time, so that memory is that of two numbers a cell.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short
from typing import Any, Literal, cast

import numpy as np

from rimlight.errors import LabelFileError
from rimlight.io.formats.dicom_annotations import read_dicom_annotations
from rimlight.io.formats.gathering import MAX_CELL_PX, pixels_of_text
from rimlight.io.formats.packing import opened
from rimlight.io.formats.points import CandidateFormat, Frame, plain_text, text_or_none
from rimlight.io.formats.polygons import Point, area_centroid, points_of_ring, width_of
from rimlight.io.formats.qupath_features import Features, class_of
from rimlight.io.formats.row_stream import streamed_rows
from rimlight.records import SlideInfo

MAX_CANDIDATES = 4_000_000
MAX_BYTES = 16 * 2**30
_MAX_CLASSES = 1000
_JSON_ENDINGS = (".geojson", ".json")
_TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_KIND_OF_OLD_ID = {"PathCellObject": "cell", "PathDetectionObject": "detection"}
_CELLS, _ANNOTATION = ("cell", "detection"), "annotation"
_PLACE_HEADINGS: tuple[tuple[str, str, Literal["px", "um"]], ...] = (
    ("x_l0", "y_l0", "px"),
    ("x_px", "y_px", "px"),
    ("x", "y", "px"),
    ("centroid x px", "centroid y px", "px"),
    ("x_um", "y_um", "um"),
    ("centroid x µm", "centroid y µm", "um"),  # QuPath's table, with the micro sign
    ("centroid x μm", "centroid y μm", "um"),
    ("centroid x um", "centroid y um", "um"),
)
_SLIDE_HEADINGS = ("slide", "slide_id", "image", "file")
_CLASS_HEADINGS = ("class", "classification", "label")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandidateFile:
    """The centres of one file, in its own frame, in the order of the file.

    x, y: pixels of the slide's full resolution, or um where ``unit`` is ``um``.
    slide_number: of each centre, the place of its slide in ``slide_names``; an empty name is of
        the slide that the whole file is of.
    counts: how many objects of each kind were taken.
    notes: what was left out, one sentence a kind.
    """

    x: np.ndarray
    y: np.ndarray
    slide_number: np.ndarray
    slide_names: tuple[str, ...]
    unit: Literal["px", "um"]
    file_format: CandidateFormat
    content_hash: str
    frame: Frame | None
    slide: str | None
    slide_hash: str | None
    counts: dict[str, int]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.x)


def read_candidates(
    path: Path,
    *,
    file_format: CandidateFormat | None = None,
    classes: Collection[str] = (),
    slides: Sequence[SlideInfo] = (),
) -> CandidateFile:
    """Read centres from GeoJSON, from a table with columns of x and y, or from DICOM annotations.

    Of GeoJSON: QuPath's cells by their nucleus where it is drawn, detections, points of
    annotations, and annotations that are outlines of a cell's size, as CellViT writes them.

    Args:
        path: The file; ``.gz`` too.
        file_format: Its format; None tells it from the name.
        classes: Only objects of these classes, in any case; empty for all.
        slides: Those a DICOM file may be of, their paths whole.

    Raises:
        LabelFileError: The file is absent, too large, of another form, has a fault, or holds no
            centre.
    """
    path = Path(path)
    taken = _Taken(path=path, classes=frozenset(map(_folded, classes)))
    kind = file_format or _format_of(path)
    if kind == "dicom":
        found = _of_dicom(path, taken, slides)
    else:
        found = _of_geojson(path, taken) if kind == "qupath" else _of_table(path, taken)
    if not len(found):
        raise LabelFileError(f"{path}: holds no {taken.wanted()}; {taken.met()}")
    return found


@dataclass(slots=True, kw_only=True)
class _Taken:
    """What was read so far."""

    path: Path
    classes: frozenset[str]
    x: "array[float]" = field(default_factory=lambda: array("d"))
    y: "array[float]" = field(default_factory=lambda: array("d"))
    slide_number: "array[int]" = field(default_factory=lambda: array("i"))
    number_of_slide: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    classes_met: dict[str, None] = field(default_factory=dict)

    def point(self, point: Point, *, kind: str, slide: str = "") -> None:
        """Take a centre."""
        self.x.append(point[0])
        self.y.append(point[1])
        self.slide_number.append(self.number_of_slide.setdefault(slide, len(self.number_of_slide)))
        self.counts[kind] += 1
        if len(self.x) > MAX_CANDIDATES:
            raise LabelFileError(
                f"{self.path}: holds more than {MAX_CANDIDATES} centres; split the file"
            )

    def is_asked(self, class_name: str | None) -> bool:
        """Whether an object of this class is wanted; remembers the class."""
        if class_name is not None and len(self.classes_met) < _MAX_CLASSES:
            self.classes_met[class_name] = None
        is_asked = not self.classes or (
            class_name is not None and _folded(class_name) in self.classes
        )
        self.left_out["objects of other classes"] += not is_asked
        return is_asked

    def wanted(self) -> str:
        of_class = f" of class {' or '.join(sorted(self.classes))}" if self.classes else ""
        return f"cell, detection or point{of_class}"

    def met(self) -> str:
        shown = ", ".join(map(repr, list(self.classes_met)[:8]))
        return f"its classes are {shown}" if self.classes and shown else "export such objects"

    def file(self, **facts: Any) -> CandidateFile:
        """Return what was taken."""
        notes = tuple(f"{n} {what} were left out" for what, n in self.left_out.items() if n)
        return CandidateFile(
            x=np.array(self.x),
            y=np.array(self.y),
            slide_number=np.array(self.slide_number, dtype=np.int64),
            slide_names=tuple(self.number_of_slide),
            counts=dict(self.counts),
            notes=notes,
            **facts,
        )


def _format_of(path: Path) -> CandidateFormat:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(_JSON_ENDINGS):
        return "qupath"
    if name.endswith(_TABLE_ENDINGS):
        return "csv"
    if name.endswith(".dcm"):
        return "dicom"
    raise LabelFileError(
        f"{path}: is no .geojson, .json, .csv, .tsv or .dcm by its name; export the objects from "
        "QuPath as GeoJSON, or write a table with columns x_px and y_px"
    )


def _of_geojson(path: Path, taken: _Taken) -> CandidateFile:
    with opened(path, max_bytes=MAX_BYTES) as file:
        features = Features(file=file)
        for place, feature in features:
            try:
                for kind, point in _centres(feature, taken):
                    taken.point(point, kind=kind)
            except ValueError as error:
                raise LabelFileError(
                    f"{path}: {place}: {error}; nothing was imported; correct or remove it"
                ) from error
        content_hash = file.content_hash()
    header = features.header
    frame = header.get("frame")
    return taken.file(
        unit="px",
        file_format="qupath",
        content_hash=content_hash,
        frame=cast(Frame, frame) if frame in ("level0", "bounds") else None,
        slide=text_or_none(header.get("slide")),
        slide_hash=text_or_none(header.get("slide_hash")),
    )


def _centres(feature: Any, taken: _Taken) -> Iterator[tuple[str, Point]]:
    """Yield the centres of one object with what kind of object it is."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        raise ValueError("has no geometry")  # noqa: TRY004
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    kind = _kind_of(feature, properties)
    if kind not in (*_CELLS, _ANNOTATION):
        taken.left_out[f"objects of kind {kind[:40]}"] += 1
        return
    if not taken.is_asked(plain_text(class_of(properties), what="class")):
        return
    nucleus = feature.get("nucleusGeometry")
    if kind == "cell" and isinstance(nucleus, dict) and nucleus.get("coordinates"):
        geometry = nucleus
    yield from ((kind, point) for point in _points_of(geometry, kind, taken))


def _kind_of(feature: dict[str, Any], properties: dict[str, Any]) -> str:
    said = properties.get("objectType", properties.get("object_type"))
    if isinstance(said, str):
        return said
    old = feature.get("id")
    return _KIND_OF_OLD_ID.get(old, _ANNOTATION) if isinstance(old, str) else _ANNOTATION


def _points_of(geometry: dict[str, Any], kind: str, taken: _Taken) -> Iterator[Point]:
    shape, places = geometry.get("type"), geometry.get("coordinates")
    if shape in ("Point", "MultiPoint"):
        yield from points_of_ring([places] if shape == "Point" else places)
        return
    if shape not in ("Polygon", "MultiPolygon"):
        taken.left_out[f"objects drawn as {short(shape)}"] += 1
        return
    if not isinstance(places, list) or not all(isinstance(part, list) for part in places):
        raise ValueError(f"its coordinates are no list of rings, got {short(places)}")
    parts = [places] if shape == "Polygon" else places
    polygons = [
        [points_of_ring(ring) for ring in part if ring] for part in parts if part and part[0]
    ]
    wide = [part for part in polygons if width_of(part[0]) > MAX_CELL_PX]
    if not polygons or wide:
        what = f"outlines wider than {MAX_CELL_PX:g} px" if wide else "outlines without points"
        taken.left_out[what] += 1
    elif kind == _ANNOTATION:  # one object of all cells of a class, as CellViT writes it
        yield from (area_centroid([part]) for part in polygons)
    else:
        yield area_centroid(polygons)


def _of_dicom(path: Path, taken: _Taken, slides: Sequence[SlideInfo]) -> CandidateFile:
    read = read_dicom_annotations(path, slides)
    for group in read.groups:
        if taken.is_asked(group.class_name):
            for x, y in group.places_l0.tolist():
                taken.point((x, y), kind="annotation")
    taken.left_out["groups of lines"] += len(read.notes)
    return taken.file(
        unit="px",
        file_format="dicom",
        content_hash=read.content_hash,
        frame="level0",
        slide=str(read.slide.slide_id),
        slide_hash=read.slide.fingerprint,
    )


def _of_table(path: Path, taken: _Taken) -> CandidateFile:
    with streamed_rows(path, max_rows=MAX_CANDIDATES, max_bytes=MAX_BYTES) as rows:
        columns = _columns_of(rows.header, path)
        for row in rows:
            try:
                if len(row.cells) != len(rows.header):
                    raise ValueError(
                        f"has {len(row.cells)} cells under {len(rows.header)} headings"
                    )
                said = {name: row.cells[place] for name, place in columns.places.items()}
                if not taken.is_asked(said.get("class", "").strip() or None):
                    continue
                point = pixels_of_text(said["x"], "x"), pixels_of_text(said["y"], "y")
                taken.point(point, kind="row", slide=said.get("slide", "").strip())
            except ValueError as error:
                raise LabelFileError(
                    f"{path}: line {row.line}: {error}; nothing was imported; correct that line"
                ) from error
    return taken.file(
        unit=columns.unit,
        file_format="csv",
        content_hash=rows.content_hash(),
        frame=columns.frame,
        slide=None,
        slide_hash=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Where the columns of a table are, and what its numbers count."""

    places: dict[str, int]
    unit: Literal["px", "um"]
    frame: Frame | None


def _columns_of(header: Sequence[str], path: Path) -> _Columns:
    folded = [" ".join(name.split()).casefold() for name in header]
    for x, y, unit in _PLACE_HEADINGS:
        if x in folded and y in folded:
            places = {"x": folded.index(x), "y": folded.index(y)}
            for name, headings in (("slide", _SLIDE_HEADINGS), ("class", _CLASS_HEADINGS)):
                found = [folded.index(each) for each in headings if each in folded]
                places |= {name: found[0]} if found else {}
            return _Columns(places=places, unit=unit, frame="level0" if x == "x_l0" else None)
    raise LabelFileError(
        f"{path}: has no columns of x and y; its headings are {', '.join(header)[:300]}; name them "
        "x_l0 and y_l0, x_px and y_px, or x_um and y_um"
    )


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
