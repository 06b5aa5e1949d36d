"""QuPath GeoJSON in and out: labels in, labels and areas out; what QuPath's words mean.

Read: what QuPath 0.2 to 0.8 writes, plain or gzipped. Written: what 0.4 and later read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any, Literal, cast

from rimlight.errors import LabelFileError
from rimlight.io.formats.packing import opened
from rimlight.io.formats.points import (
    Fault,
    Frame,
    PointFile,
    PointRecord,
    plain_text,
    text_or_none,
    utc_time,
)
from rimlight.io.formats.qupath_collection import (
    frame_of,
    object_id,
    origin_of,
    write_collection,
)
from rimlight.io.formats.qupath_features import Features, class_of
from rimlight.records import Expression, Label, SlideInfo

MAX_POINTS = 1_000_000
MAX_COORDINATE = 1e12
ROUND_KEY = "rimlight.round"
_CLASS_OF_EXPRESSION = {
    Expression.NEGATIVE: (("Tumor", "Negative"), (90, 90, 180)),
    Expression.WEAK: (("Tumor", "1+"), (255, 215, 0)),
    Expression.MODERATE: (("Tumor", "2+"), (225, 150, 50)),
    Expression.STRONG: (("Tumor", "3+"), (200, 50, 50)),
    Expression.OTHER: (("Other",), (255, 200, 0)),
    Expression.CANNOT_JUDGE: (("Cannot judge",), (160, 160, 160)),
}
_LEVEL_OF_WORD = {
    "negative": Expression.NEGATIVE,
    "weak": Expression.WEAK,
    "moderate": Expression.MODERATE,
    "strong": Expression.STRONG,
    "1+": Expression.WEAK,
    "2+": Expression.MODERATE,
    "3+": Expression.STRONG,
}
_CANNOT_JUDGE_WORDS = frozenset(("cannot judge", "cannot_judge"))
_OTHER_WORDS = frozenset(
    ("other", "ignore*", "immune cells", "necrosis", "stroma"),
)


def expression_of_class(name: str) -> Expression | None:
    """Return what a class name means, in any case; None where it is not known.

    >>> [expression_of_class(name) for name in ("Tumor: 1+", "STRONG", "Positive")]
    [<Expression.WEAK: 'weak'>, <Expression.STRONG: 'strong'>, None]
    """
    parts = [" ".join(part.split()).casefold() for part in name.split(":")]
    if len(parts) == 2 and parts[0] in ("tumor", "tumour"):
        return _LEVEL_OF_WORD.get(parts[1])
    if len(parts) == 1 and parts[0] in _OTHER_WORDS:
        return Expression.OTHER
    if len(parts) == 1 and parts[0] in _CANNOT_JUDGE_WORDS:
        return Expression.CANNOT_JUDGE
    return _LEVEL_OF_WORD.get(parts[0]) if len(parts) == 1 else None


def read_qupath(path: Path) -> PointFile:
    """Read the point labels of a GeoJSON file; a multipoint gives one label a point.

    The class is the classification, or the object's name where there is none. Lines and areas
    are left out and noted.

    Raises:
        LabelFileError: The file is absent, too large, not JSON, or holds no GeoJSON features.
    """
    items: list[PointRecord | Fault] = []
    notes: list[str] = []
    with opened(Path(path)) as file:
        features = Features(file=file)
        for n_features, (place, feature) in enumerate(features, start=1):
            _take(feature, place, items=items, notes=notes)
            _refuse_too_many(max(n_features, len(items) + len(notes)), path)
        content_hash = file.content_hash()
    header = features.header
    frame = header.get("frame")
    return PointFile(
        items=tuple(items),
        content_hash=content_hash,
        frame=cast(Frame, frame) if frame in ("level0", "bounds") else None,
        slide=text_or_none(header.get("slide")),
        slide_hash=text_or_none(header.get("slide_hash")),
        notes=tuple(notes),
    )


def write_qupath(
    path: Path, labels: Iterable[Label], *, slide: SlideInfo, frame: Frame | None = None
) -> int:
    """Write the labels of one slide as GeoJSON that QuPath reads, whole or not at all.

    Each label is a locked point annotation; reader, cell and time are in its metadata.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        labels: Labels of cells on this slide; taken one at a time.
        slide: The slide; its fingerprint, mpp and bounds go into the header.
        frame: Where coordinates count from. None takes ``bounds`` where the slide has bounds,
            because QuPath crops to them, and ``level0`` elsewhere.

    Returns:
        How many labels were written.

    Raises:
        StorageError: The disk refuses.
        ValueError: A label is of another slide.
    """
    frame = frame or frame_of(slide)
    features = (_feature_of(label, slide, frame) for label in labels)
    return write_collection(path, features, slide=slide, frame=frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One object of areas: polygons in level-0 pixels, each an outer ring and its holes.

    name: shown in QuPath; with the first part of the class and the slide it makes the object's id.
    class_name: a colon and a space part what QuPath shows as a class and its subclass.
    measurements: by name with unit; None is left out.
    """

    name: str
    class_name: str
    colour: tuple[int, int, int]
    polygons: tuple[tuple[tuple[tuple[float, float], ...], ...], ...]
    measurements: Mapping[str, float | None]


def write_qupath_areas(
    path: Path,
    areas: Iterable[Area],
    *,
    slide: SlideInfo,
    kind: Literal["detection", "annotation"] = "detection",
) -> int:
    """Write areas of one slide as GeoJSON objects that QuPath reads, whole or not at all.

    Coordinates count from the slide's bounds where it has any, because QuPath crops to them.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        areas: Taken one at a time.
        slide: The slide.
        kind: QuPath's kind of object; locked annotations suit few, detections any number.

    Returns:
        How many objects were written.

    Raises:
        StorageError: The disk refuses.
    """
    features = (_area_feature(area, slide, kind) for area in areas)
    return write_collection(path, features, slide=slide, frame=frame_of(slide))


def _area_feature(area: Area, slide: SlideInfo, kind: str) -> dict[str, Any]:
    left_l0, top_l0 = origin_of(slide, frame_of(slide))
    polygons = [
        [[[round(x - left_l0, 3), round(y - top_l0, 3)] for x, y in ring] for ring in rings]
        for rings in area.polygons
    ]
    is_one = len(polygons) == 1
    names = area.class_name.split(": ")
    object_name = f"{names[0]}/{slide.fingerprint}/{area.name}"
    classification = {"names": names} if len(names) > 1 else {"name": names[0]}
    return {
        "type": "Feature",
        "id": object_id(object_name),
        "geometry": {
            "type": "Polygon" if is_one else "MultiPolygon",
            "coordinates": polygons[0] if is_one else polygons,
        },
        "properties": {
            "objectType": kind,
            "name": area.name,
            "classification": {**classification, "color": list(area.colour)},
            "measurements": {k: v for k, v in area.measurements.items() if v is not None},
            **({"isLocked": True} if kind == "annotation" else {}),
        },
    }


def _refuse_too_many(n_points: int, path: Path) -> None:
    if n_points > MAX_POINTS:
        raise LabelFileError(f"{path}: holds more than {MAX_POINTS} points; split the file")


def _take(feature: Any, place: str, *, items: list[PointRecord | Fault], notes: list[str]) -> None:
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        items.append(Fault(place=place, reason="has no geometry"))
        return
    geometry = feature["geometry"]
    kind, points = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Point", "MultiPoint"):
        notes.append(f"{place}: is no point but {short(kind)}; left out")
        return
    if points == []:
        notes.append(f"{place}: has no points; left out")
        return
    if kind == "Point":
        points = [points]
    if _is_unread(feature):
        notes.append(f"{place}: a cell of a round that has no class yet; left out")
        return
    if not isinstance(points, list):
        items.append(Fault(place=place, reason="its coordinates are no list"))
        return
    if len(points) > MAX_POINTS:
        items.append(Fault(place=place, reason=f"has more than {MAX_POINTS} points"))
        return
    try:
        said = _said(feature, has_many=len(points) > 1)
    except ValueError as error:
        items.append(Fault(place=place, reason=str(error)))
        return
    for n, point in enumerate(points, start=1):
        where = place if len(points) == 1 else f"{place}, point {n}"
        try:
            x, y = _coordinates(point)
            items.append(PointRecord(place=where, x=x, y=y, **said))
        except ValueError as error:
            items.append(Fault(place=where, reason=str(error)))


def _is_unread(feature: dict[str, Any]) -> bool:
    """Whether a point was written by ``write_qupath_round`` and nobody has given it a class."""
    properties = feature.get("properties")
    if not isinstance(properties, dict) or properties.get("classification"):
        return False
    metadata = properties.get("metadata")
    if not isinstance(metadata, dict) or ROUND_KEY not in metadata:
        return False
    return properties.get("name") in (None, "", metadata.get("rimlight.cell"))


def _said(feature: dict[str, Any], *, has_many: bool) -> dict[str, Any]:
    """Return what an object says of all its points."""
    plane = feature["geometry"].get("plane") or {}
    if isinstance(plane, dict) and any(plane.get(axis) not in (None, 0) for axis in "zt"):
        raise ValueError("lies on another z or t plane; only plane 0 is read")
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    class_name = _class_name(properties)
    if class_name is None:
        raise ValueError("has no class; set its classification")
    metadata = properties.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    reader = plain_text(metadata.get("rimlight.reader", metadata.get("reader")), what="reader")
    if has_many:  # ids and times in the metadata can be those of one point at most
        return {"class_name": class_name, "reader": reader}
    return {
        "class_name": class_name,
        "reader": reader,
        "cell": plain_text(metadata.get("rimlight.cell"), what="cell"),
        "time": utc_time(plain_text(metadata.get("rimlight.time"), what="time")),
        "label_id": plain_text(metadata.get("rimlight.label"), what="label id"),
    }


def _class_name(properties: dict[str, Any]) -> str | None:
    said = class_of(properties)
    return plain_text(said, what="class") or plain_text(properties.get("name"), what="name")


def _coordinates(point: Any) -> tuple[float, float]:
    if not isinstance(point, list) or len(point) != 2:
        raise ValueError(f"needs two coordinates, x and y, got {short(point)}")
    for axis, number in zip("xy", point, strict=True):
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not is_number or number != number or abs(number) > MAX_COORDINATE:
            raise ValueError(f"{axis} is no number of pixels, got {short(number)}")
    return float(point[0]), float(point[1])


def _feature_of(label: Label, slide: SlideInfo, frame: Frame) -> dict[str, Any]:
    if label.cell.slide_id != slide.slide_id:
        raise ValueError(f"label {label.label_id} is of {label.cell.slide_id}, not this slide")
    left_l0, top_l0 = origin_of(slide, frame)
    names, colour = _CLASS_OF_EXPRESSION[label.expression]
    object_name = f"label/{slide.fingerprint}/{label.cell.cell_id}/{label.reader}"
    classification = {"names": list(names)} if len(names) > 1 else {"name": names[0]}
    return {
        "type": "Feature",
        "id": object_id(object_name),
        "geometry": {
            "type": "Point",
            "coordinates": [
                round(label.cell.x_l0 - left_l0, 6),
                round(label.cell.y_l0 - top_l0, 6),
            ],
        },
        "properties": {
            "objectType": "annotation",
            "classification": {**classification, "color": list(colour)},
            "isLocked": True,
            "metadata": {
                "rimlight.cell": label.cell.cell_id,
                "rimlight.reader": label.reader,
                "rimlight.time": label.made_at,
                "rimlight.label": label.label_id,
            },
        },
    }
