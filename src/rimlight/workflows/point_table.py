"""Predicted cells as bytes that a browser hands to its graphics card as they are.

A 4-byte length of the header, 4 bytes of zero, the header as JSON padded with spaces, then the
columns: little-endian, each at the offset that the header names.
"""

import json
import struct
from typing import Any

import numpy as np

from rimlight.workflows.seen_points import SeenPoints

_ALIGNED = 8


def point_table(seen: SeenPoints) -> bytes:
    """Return the cells that may be seen as one table of bytes.

    Columns: ``x_tenths``, ``y_tenths`` (i4, tenths of level-0 pixels, so that the name of a place
    can be made from them), ``logit``, ``probability`` (f4), ``number`` (u4), ``level`` and
    ``reason`` (u1; 0: the cell counts).
    """
    points, rows = seen.points, seen.numbers
    columns = {
        "x_tenths": points.tenths[rows, 0].astype("<i4"),
        "y_tenths": points.tenths[rows, 1].astype("<i4"),
        "logit": points.logit[rows].astype("<f4"),
        "probability": points.probability[rows].astype("<f4"),
        "number": rows.astype("<u4"),
        "level": points.level[rows].astype("u1"),
        "reason": points.reason[rows].astype("u1"),
    }
    header = _header(seen) | {"columns": _places(columns)}
    # The header names offsets from the end of itself, so that its own length does not matter.
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    parts = [struct.pack("<II", len(text), 0), text]
    for column in columns.values():
        raw = column.tobytes()
        parts += [raw, b"\0" * (-len(raw) % _ALIGNED)]
    return b"".join(parts)


def _header(seen: SeenPoints) -> dict[str, Any]:
    points = seen.points
    return {
        "n": len(seen.numbers),
        "n_all": len(points),
        "slide_id": points.slide_id,
        "run": points.run_id,
        "model": points.model,
        "part": points.part,
        "source": points.source,
        "has_levels": points.has_levels,
        "reasons": list(points.reasons),
        "is_disclosed": seen.is_disclosed,
        "named": [
            [number, cell.cell_id, cell.x_l0, cell.y_l0]
            for number, cell in seen.named.items()
            if seen.shows(number)
        ],
    }


def _places(columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return name, type, offset and length of each column, in bytes."""
    found, offset = [], 0
    for name, column in columns.items():
        kind = column.dtype.kind + str(column.dtype.itemsize)
        found.append({"name": name, "dtype": kind, "offset": offset, "length": column.nbytes})
        offset += column.nbytes + -column.nbytes % _ALIGNED
    return found
