"""Cells with what a program found of them, as points in QuPath: a class and measurements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.io.formats.qupath_collection import frame_of, object_id, origin_of, write_collection
from rimlight.records import Cell, SlideInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One cell with a finding.

    measurements: by name with unit; None is left out.
    """

    cell: Cell
    class_name: str
    colour: tuple[int, int, int]
    measurements: Mapping[str, float | None]


def write_qupath_marks(path: Path, marks: Iterable[Mark], *, slide: SlideInfo) -> int:
    """Write marks of one slide as GeoJSON detections that QuPath reads, whole or not at all.

    Coordinates count from the slide's bounds where it has any, because QuPath crops to them.

    Returns:
        How many marks were written.

    Raises:
        StorageError: The disk refuses.
        ValueError: A cell is of another slide.
    """
    features = (_feature_of(mark, slide) for mark in marks)
    return write_collection(path, features, slide=slide, frame=frame_of(slide))


def _feature_of(mark: Mark, slide: SlideInfo) -> dict[str, Any]:
    cell = mark.cell
    if cell.slide_id != slide.slide_id:
        raise ValueError(f"cell {cell.cell_id} is of {cell.slide_id}, not of {slide.slide_id}")
    left_l0, top_l0 = origin_of(slide, frame_of(slide))
    return {
        "type": "Feature",
        "id": object_id(f"{mark.class_name}/{slide.fingerprint}/{cell.cell_id}"),
        "geometry": {
            "type": "Point",
            "coordinates": [round(cell.x_l0 - left_l0, 6), round(cell.y_l0 - top_l0, 6)],
        },
        "properties": {
            "objectType": "detection",
            "name": cell.cell_id,
            "classification": {"name": mark.class_name, "color": list(mark.colour)},
            "measurements": {k: v for k, v in mark.measurements.items() if v is not None},
        },
    }
