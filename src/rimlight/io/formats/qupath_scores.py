"""Scored cells as detections in QuPath, classed so that QuPath counts the same percentages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.io.formats.qupath_collection import frame_of, object_id, origin_of, write_collection
from rimlight.records import SlideInfo

LEVEL_CLASSES = ("Negative", "1+", "2+", "3+")
POSITIVE_CLASS = "Positive"
_COLOURS = {
    "Negative": (90, 90, 180),
    "1+": (255, 215, 0),
    "2+": (225, 150, 50),
    "3+": (200, 50, 50),
    POSITIVE_CLASS: (200, 50, 50),
}
_IGNORED = {"name": "Ignore*", "color": [180, 180, 180]}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredCells:
    """Cells of one slide, one entry each.

    level: 0 negative to 3 strong; without levels 0 or 1. reason: why a cell does not count, as an
    index of ``reasons``; 0 for cells that do. od_ring: DAB density of the ring; nan: not measured.
    """

    x_l0: np.ndarray
    y_l0: np.ndarray
    logit: np.ndarray
    probability: np.ndarray
    od_ring: np.ndarray
    level: np.ndarray
    reason: np.ndarray
    reasons: Sequence[str]
    has_levels: bool

    def __len__(self) -> int:
        return len(self.x_l0)


def write_qupath_scores(path: Path, cells: ScoredCells, *, slide: SlideInfo) -> int:
    """Write the cells of a slide as point detections, whole or not at all, and return how many.

    Counted cells are ``Tumor: Negative``, ``1+``, ``2+`` or ``3+``, or ``Tumor: Positive`` without
    levels; QuPath's own positive percentage and H-score of them are TPS and H-score here. Cells
    that do not count are ``Ignore*`` with the reason. Coordinates count from the slide's bounds
    where it has any, because QuPath crops to them.

    Raises:
        StorageError: The disk refuses.
    """
    return write_collection(path, _features(cells, slide), slide=slide, frame=frame_of(slide))


def _features(cells: ScoredCells, slide: SlideInfo) -> Iterator[dict[str, Any]]:
    left_l0, top_l0 = origin_of(slide, frame_of(slide))
    classes = LEVEL_CLASSES if cells.has_levels else (LEVEL_CLASSES[0], POSITIVE_CLASS)
    classification = [{"names": ["Tumor", name], "color": list(_COLOURS[name])} for name in classes]
    columns = (cells.x_l0, cells.y_l0, cells.logit, cells.probability, cells.od_ring)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    judged = zip(cells.level.tolist(), cells.reason.tolist(), strict=True)
    for (x, y, logit, probability, od), (level, reason) in zip(rows, judged, strict=True):
        measured = {"rimlight: probability": round(probability, 6), "rimlight: logit": logit}
        if od == od:  # nan is left out: QuPath knows no missing number
            measured["rimlight: ring DAB OD"] = round(od, 6)
        properties: dict[str, Any] = {
            "objectType": "detection",
            "classification": _IGNORED if reason else classification[level],
            "measurements": measured,
        }
        if reason:
            properties["metadata"] = {"rimlight.reason": cells.reasons[reason]}
        yield {
            "type": "Feature",
            "id": object_id(f"score/{slide.fingerprint}/{x:.2f}/{y:.2f}"),
            "geometry": {
                "type": "Point",
                "coordinates": [round(x - left_l0, 6), round(y - top_l0, 6)],
            },
            "properties": properties,
        }
