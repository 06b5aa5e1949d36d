"""Areas of cells that this program wrote for QuPath, read back by the name of the cell."""

import json
from math import isfinite
from pathlib import Path
from typing import Any

from rimlight.errors import LabelFileError, RunError
from rimlight.io.formats.packing import opened

MAX_BYTES = 512 * 2**20

Ring = tuple[tuple[float, float], ...]


def read_areas(path: Path) -> dict[str, tuple[tuple[Ring, ...], ...]]:
    """Return the polygons of each named area, rings of x, y in level-0 pixels.

    Raises:
        RunError: The file is missing, damaged, or was not written by this program.
    """
    try:
        with opened(path, max_bytes=MAX_BYTES) as file:
            data = json.loads(b"".join(iter(lambda: file.read(2**20), b"")))
        left_l0, top_l0 = _origin(data["rimlight"])
        return {
            str(feature["properties"]["name"]): _polygons(feature["geometry"], left_l0, top_l0)
            for feature in data["features"]
        }
    except (LabelFileError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RunError(f"{path.name}: cannot be read; make the outlines again") from error


def _origin(header: dict[str, Any]) -> tuple[float, float]:
    if header["frame"] != "bounds":
        return 0.0, 0.0
    return float(header["bounds"][0]), float(header["bounds"][1])


def _polygons(
    geometry: dict[str, Any], left_l0: float, top_l0: float
) -> tuple[tuple[Ring, ...], ...]:
    parts = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        parts = [parts]
    found = tuple(
        tuple(tuple((float(x) + left_l0, float(y) + top_l0) for x, y in ring) for ring in part)
        for part in parts
    )
    if not all(isfinite(x) and isfinite(y) for part in found for ring in part for x, y in ring):
        raise ValueError("an outline has a corner nowhere")
    return found
