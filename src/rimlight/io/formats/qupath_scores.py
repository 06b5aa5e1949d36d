"""Scored cells as detections in QuPath, classed so that QuPath counts the same percentages.

A slide has up to a million cells, so each line is put together from text made once a class, and
the file is read back a feature at a time. What is written is strict JSON, to the byte the same as
the json module would write.
"""

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np

from rimlight.errors import LabelFileError
from rimlight.io.formats.gathering import pixels
from rimlight.io.formats.packing import opened
from rimlight.io.formats.points import plain_text
from rimlight.io.formats.qupath_collection import (
    NAMESPACE,
    frame_of,
    origin_of,
    write_collection_lines,
)
from rimlight.io.formats.qupath_features import Features, class_of
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
_PROBABILITY, _LOGIT, _OD = "rimlight: probability", "rimlight: logit", "rimlight: ring DAB OD"
_REASON = "rimlight.reason"
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_COLUMNS = ("x_l0", "y_l0", "logit", "probability", "od_ring")


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
        ValueError: A number is not finite, but for densities that were not measured.
    """
    for name in _COLUMNS[:-1]:
        if not np.isfinite(getattr(cells, name)).all():
            raise ValueError(f"{name}: not all finite")
    return write_collection_lines(path, _lines(cells, slide), slide=slide, frame=frame_of(slide))


def _lines(cells: ScoredCells, slide: SlideInfo) -> Iterator[str]:
    left_l0, top_l0 = origin_of(slide, frame_of(slide))
    columns = (cells.x_l0, cells.y_l0, cells.logit, cells.probability, cells.od_ring)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    judged = zip(cells.level.tolist(), cells.reason.tolist(), strict=True)
    heads, tails = _classes(cells), _tails(cells)
    name = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
    name.update(f"score/{slide.fingerprint}/".encode())
    for (x, y, logit, probability, od), (level, reason) in zip(rows, judged, strict=True):
        hashed = name.copy()  # as uuid5 does it, of score/fingerprint/x/y
        hashed.update(b"%.2f/%.2f" % (x, y))
        h = hashed.hexdigest()
        # nan is left out: QuPath knows no missing number
        density = f',"{_OD}":{round(od, 6)}' if od == od else ""
        yield (
            f'{{"type":"Feature","id":"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-'
            f'{h[20:32]}","geometry":{{"type":"Point","coordinates":['
            f"{round(x - left_l0, 6)},{round(y - top_l0, 6)}]}},"
            f'{_IGNORED_HEAD if reason else heads[level]}"{_PROBABILITY}":{round(probability, 6)},'
            f'"{_LOGIT}":{logit}{density}}}{tails[reason]}'
        )


def _classes(cells: ScoredCells) -> list[str]:
    """Return the properties of each level up to its measurements."""
    names = LEVEL_CLASSES if cells.has_levels else (LEVEL_CLASSES[0], POSITIVE_CLASS)
    return [_head({"names": ["Tumor", name], "color": list(_COLOURS[name])}) for name in names]


def _head(classification: dict[str, Any]) -> str:
    return f'"properties":{{"objectType":"detection","classification":{_text(classification)},' + (
        '"measurements":{'
    )


def _tails(cells: ScoredCells) -> list[str]:
    """Return what stands behind the measurements for each reason."""
    return ["}}", *(f',"metadata":{_text({_REASON: each})}}}}}' for each in cells.reasons[1:])]


def _text(data: object) -> str:
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


_IGNORED_HEAD = _head(_IGNORED)


def read_qupath_scores(path: Path) -> tuple[ScoredCells, dict[str, Any]]:
    """Return the cells of a file that ``write_qupath_scores`` made, and its header.

    Places count from the frame that the header names. The level of a cell that does not count is
    not in the file; its call comes back in place of it, 0 or 1. Memory is that of the cells.

    Raises:
        LabelFileError: The file is absent, too large, not JSON, or no file of scored cells.
    """
    columns = [array("d") for _ in _COLUMNS]
    classes, reasons = array("b"), array("b")
    names: dict[str, int] = {"": 0}
    with opened(path) as file:
        features = Features(file=file)
        for place, feature in features:
            try:
                values, number, reason = _cell_of(feature)
                reasons.append(names.setdefault(reason, len(names)))
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                raise LabelFileError(
                    f"{path}: {place}: is no scored cell of rimlight: {short(str(error))}; score "
                    "the slide again"
                ) from error
            classes.append(number)
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    found = {name: np.array(column) for name, column in zip(_COLUMNS, columns, strict=True)}
    said = np.array(classes, dtype=np.int64)
    has_levels = bool(((said > 0) & (said < _POSITIVE)).any())
    level = np.where(said == _POSITIVE, 1, said)
    level = np.where(said == _UNCLASSED, found["logit"] > 0, level)
    cells = ScoredCells(
        **found,
        level=level,
        reason=np.array(reasons, dtype=np.int64),
        reasons=tuple(names),
        has_levels=has_levels,
    )
    return cells, features.header


_NUMBER_OF_CLASS = {f"Tumor: {name}": n for n, name in enumerate((*LEVEL_CLASSES, POSITIVE_CLASS))}
_POSITIVE, _UNCLASSED = len(LEVEL_CLASSES), -1


def _cell_of(feature: Any) -> tuple[tuple[float, ...], int, str]:
    """Return the numbers of a cell, the number of its class, and why it does not count."""
    properties = feature["properties"]
    x, y = feature["geometry"]["coordinates"]
    measured = properties["measurements"]
    values = (
        pixels(x, "x"),
        pixels(y, "y"),
        *(pixels(measured[name], name) for name in (_LOGIT, _PROBABILITY)),
        pixels(measured[_OD], _OD) if _OD in measured else float("nan"),
    )
    metadata = properties.get("metadata", {})
    if _REASON in metadata:
        return values, _UNCLASSED, plain_text(metadata[_REASON], what="reason") or ""
    return values, _NUMBER_OF_CLASS[class_of(properties)], ""
