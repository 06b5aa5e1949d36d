"""The table of the cells of a scored slide, read back: ``scores/SLIDE.csv.gz``."""

import csv
import gzip
import io
import zlib
from array import array
from pathlib import Path

import numpy as np

from rimlight.errors import RunError
from rimlight.io.formats.qupath_scores import ScoredCells

_NUMBERS = ("x_l0", "y_l0", "logit", "probability", "od_ring")


def read_scored_cells(path: Path) -> ScoredCells:
    """Return the cells of a scored slide in the order of the table; memory holds columns alone.

    ``reasons`` are those that the table names, the empty one first.

    Raises:
        RunError: The file is missing or damaged.
    """
    columns = {name: array("d") for name in _NUMBERS}
    level, reason, number_of_reason = array("b"), array("h"), {"": 0}
    has_levels = True
    try:
        with gzip.open(path, "rb") as packed, io.TextIOWrapper(packed, "utf-8") as text:
            for cell in csv.DictReader(text):
                for name in _NUMBERS:
                    columns[name].append(float(cell[name] or "nan"))
                has_levels = has_levels and cell["level"] != ""
                level.append(int(float(cell["level"] or cell["call"])))
                reason.append(number_of_reason.setdefault(cell["excluded"], len(number_of_reason)))
    except (OSError, EOFError, zlib.error, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{path}: the cells of a scored slide cannot be read; run rimlight score again"
        ) from error
    return ScoredCells(
        **{name: np.array(column, dtype=np.float64) for name, column in columns.items()},
        level=np.array(level, dtype=np.int64),
        reason=np.array(reason, dtype=np.int64),
        reasons=tuple(number_of_reason),
        has_levels=has_levels,
    )
