"""The cells of a round as points that a reader classifies in QuPath.

A point says which cell it is and nothing of why it is asked about. Its class is left open: the
reader sets it, saves the objects, and ``rimlight import`` takes them as labels of these cells.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rimlight.io.formats.qupath import ROUND_KEY
from rimlight.io.formats.qupath_collection import (
    frame_of,
    object_id,
    origin_of,
    write_collection,
)
from rimlight.records import Cell, SlideInfo


def write_qupath_round(
    path: Path, cells: Sequence[Cell], *, slide: SlideInfo, round_id: int
) -> int:
    """Write cells of one slide as point annotations without a class, whole or not at all.

    They come row by row, so that their order tells nothing either.

    Returns:
        How many cells were written.

    Raises:
        StorageError: The disk refuses.
        ValueError: A cell is of another slide.
    """
    for cell in cells:
        if cell.slide_id != slide.slide_id:
            raise ValueError(f"cell {cell.cell_id} is of {cell.slide_id}, not of {slide.slide_id}")
    in_rows = sorted(cells, key=lambda cell: (cell.y_l0, cell.x_l0, cell.cell_id))
    features = (_feature_of(cell, slide, round_id) for cell in in_rows)
    return write_collection(path, features, slide=slide, frame=frame_of(slide))


def _feature_of(cell: Cell, slide: SlideInfo, round_id: int) -> dict[str, Any]:
    left_l0, top_l0 = origin_of(slide, frame_of(slide))
    return {
        "type": "Feature",
        "id": object_id(f"round/{slide.fingerprint}/{round_id}/{cell.cell_id}"),
        "geometry": {
            "type": "Point",
            "coordinates": [round(cell.x_l0 - left_l0, 6), round(cell.y_l0 - top_l0, 6)],
        },
        "properties": {
            "objectType": "annotation",
            "name": cell.cell_id,
            "metadata": {"rimlight.cell": cell.cell_id, ROUND_KEY: str(round_id)},
        },
    }
