"""Regions and cores of tissue arrays from QuPath, and out to it."""

from collections.abc import Iterable
from pathlib import Path
from reprlib import repr as short
from typing import Any

from rimlight.io.formats.drawn_regions import (
    DrawnRegion,
    RegionFile,
    about_file,
    refuse_too_many,
    ring_of,
    uuid_or_none,
)
from rimlight.io.formats.packing import opened
from rimlight.io.formats.points import Fault, Frame, plain_text
from rimlight.io.formats.qupath_collection import frame_of, origin_of, write_collection
from rimlight.io.formats.qupath_features import Features, class_of
from rimlight.records import Region, RegionKind, SlideInfo

_CORE_TYPES = frozenset(("tmacore", "tma_core", "tmacoreobject"))
_ANNOTATION_TYPES = frozenset(("annotation", "pathannotationobject", "unknown"))
_CLASS_OF_KIND = {
    RegionKind.INCLUDE: {"name": "Region*", "color": [0, 0, 180]},
    RegionKind.EXCLUDE: {"name": "Ignore*", "color": [180, 180, 180]},
}
_CASE_KEYS = ("rimlight.case", "Case ID", "Unique ID")


def read_qupath_regions(path: Path) -> RegionFile:
    """Read the annotations with an area, and the cores, of a GeoJSON file.

    Points, lines and what a program found (detections, cells, tiles) are left out and noted.

    Raises:
        LabelFileError: The file is absent, too large, not JSON, or holds no GeoJSON features.
    """
    items: list[DrawnRegion | Fault] = []
    notes: list[str] = []
    n_corners = 0
    with opened(path) as file:
        features = Features(file=file)
        for place, feature in features:
            found: DrawnRegion | Fault | str
            try:
                found = _region_of(place, feature)
            except (ValueError, TypeError, AttributeError) as error:
                found = Fault(place=place, reason=str(error))
            if isinstance(found, str):
                notes.append(found)
            else:
                items.append(found)
            if isinstance(found, DrawnRegion):
                n_corners += sum(len(ring) for polygon in found.polygons for ring in polygon)
            refuse_too_many(len(items) + len(notes), n_corners, path)
        about = about_file(features.header, file.content_hash())
    return RegionFile(items=tuple(items), about=about, notes=tuple(notes))


def write_qupath_regions(
    path: Path, regions: Iterable[Region], *, slide: SlideInfo, frame: Frame | None = None
) -> int:
    """Write the regions of one slide, whole or not at all, and return how many.

    Regions are locked annotations of the class ``Region*`` or ``Ignore*``, cores are QuPath's
    own, and each keeps its id, so that the same region is known again.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        regions: Of this slide.
        slide: The slide.
        frame: Where coordinates count from; None takes what QuPath shows.

    Raises:
        StorageError: The disk refuses.
        ValueError: A region is of another slide.
    """
    frame = frame or frame_of(slide)
    features = (_feature_of(region, slide, frame) for region in regions)
    return write_collection(path, features, slide=slide, frame=frame)


def _region_of(place: str, feature: Any) -> DrawnRegion | str:
    """Return a region, or the sentence that says why it is none."""
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict):
        raise ValueError("has no geometry")  # noqa: TRY004
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    kind = _object_type(feature, properties)
    if kind not in _CORE_TYPES | _ANNOTATION_TYPES:
        return f"{place}: is no annotation but {short(kind)}; left out"
    shape = geometry.get("type")
    coordinates: Any = geometry.get("coordinates")
    if shape not in ("Polygon", "MultiPolygon"):
        return f"{place}: has no area, it is {short(shape)}; left out"
    _refuse_other_plane(geometry)
    parts = [coordinates] if shape == "Polygon" else coordinates
    polygons = tuple(tuple(ring_of(ring) for ring in part) for part in parts)
    if not polygons or not all(polygons):
        raise ValueError("has a polygon without a ring")
    metadata = properties.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    case = next((metadata[key] for key in _CASE_KEYS if metadata.get(key)), None)
    is_core = kind in _CORE_TYPES
    return DrawnRegion(
        place=place,
        polygons=polygons,
        uuid=uuid_or_none(feature.get("id")),
        name=plain_text(properties.get("name"), what="name"),
        class_name=plain_text(class_of(properties), what="class"),
        reader=plain_text(metadata.get("rimlight.reader"), what="reader"),
        case=plain_text(case, what="case") if is_core else None,
        is_core=is_core,
        is_missing=is_core and properties.get("isMissing") is True,
    )


def _object_type(feature: dict[str, Any], properties: dict[str, Any]) -> str:
    """Return the type of an object where QuPath 0.2, 0.3 or later wrote it, in lower case."""
    old = feature.get("id")
    said = properties.get("objectType", properties.get("object_type"))
    if said is None and isinstance(old, str) and old.endswith("Object"):
        said = old
    return said.casefold() if isinstance(said, str) else "unknown"


def _refuse_other_plane(geometry: dict[str, Any]) -> None:
    plane = geometry.get("plane") or {}
    if isinstance(plane, dict) and any(plane.get(axis) not in (None, 0) for axis in "zt"):
        raise ValueError("lies on another z or t plane; only plane 0 is read")


def _feature_of(region: Region, slide: SlideInfo, frame: Frame) -> dict[str, Any]:
    if region.slide_id != slide.slide_id:
        raise ValueError(f"region {region.name} is of {region.slide_id}, not of {slide.slide_id}")
    left_l0, top_l0 = origin_of(slide, frame)
    polygons = [
        [
            [[round(x - left_l0, 6), round(y - top_l0, 6)] for x, y in (*ring, ring[0])]
            for ring in polygon
        ]
        for polygon in region.polygons
    ]
    is_one = len(polygons) == 1
    is_core = region.kind is RegionKind.CORE
    metadata = {"rimlight.reader": region.reader, "rimlight.case": region.case_id}
    return {
        "type": "Feature",
        "id": region.region_id,
        "geometry": {
            "type": "Polygon" if is_one else "MultiPolygon",
            "coordinates": polygons[0] if is_one else polygons,
        },
        "properties": {
            "objectType": "tmaCore" if is_core else "annotation",
            "name": region.name,
            **({} if is_core else {"classification": _CLASS_OF_KIND[region.kind]}),
            "isLocked": True,
            **({"isMissing": region.is_missing} if is_core else {}),
            "metadata": {key: value for key, value in metadata.items() if value},
        },
    }
