"""Maps of numbers as pyramidal OME-TIFF, which QuPath and Bio-Formats open with scale and unit."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import imagecodecs
import numpy as np
import tifffile
from jaxtyping import Float32

from rimlight.errors import RunError
from rimlight.io.files import whole_file
from rimlight.io.pyramid_levels import TILE_PX, LevelTiles, level_sizes

_NAMESPACE = UUID("6a0f1a0e-8f5d-5b1c-9f61-2f6f3d1b7c42")
_BIGTIFF_FROM_PIXELS = 2**28  # 4 bytes a pixel, a third more for the smaller levels
_ZLIB_LEVEL = 6

Values = Float32[np.ndarray, "rows columns"]


def write_ome_pyramid(
    path: Path,
    rows: Iterable[Values],
    *,
    shape: tuple[int, int],
    mpp: float,
    channel: str,
    description: str = "",
    origin_um: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Write a map too large for memory as OME-TIFF: float32, tiled, smaller levels as SubIFDs.

    NaN stands where nothing was computed. A pixel of a smaller level is the mean of those of its
    2 x 2 pixels that have a value, and NaN where none has. Compressed by zlib without a predictor,
    because Bio-Formats refuses the one for floats. The same map gives the same bytes.

    Args:
        path: Ends in ``.ome.tiff`` or ``.ome.tif``.
        rows: Bands float32 (any number of rows, columns), in order from the top.
        shape: Rows and columns of the map.
        mpp: Micrometres a map pixel.
        channel: What the values are, with their unit; shown by QuPath as the channel's name.
        description: What else a reader of the file should know.
        origin_um: x and y of the outer corner of the first pixel, from that of the slide.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
        ValueError: A band of another shape, too few or too many rows, or mpp not above 0.
    """
    if not mpp > 0:
        raise ValueError(f"mpp must be above 0, got {mpp}")
    sizes = level_sizes(shape[1], shape[0])
    bands = iter(rows)
    with (
        whole_file(path) as file,
        _tiles_of(bands, sizes, folder=Path(path).parent) as tiles,
        tifffile.TiffWriter(file, ome=True, bigtiff=shape[0] * shape[1] > _BIGTIFF_FROM_PIXELS)
        as out,
    ):  # fmt: skip
        facts = _ome_facts(path, mpp=mpp, said=(channel, description), origin_um=origin_um)
        for index, (width, height) in enumerate(sizes):
            out.write(
                tiles.smaller(index) if index else tiles.level_0(),
                shape=(height, width),
                dtype=np.float32,
                tile=(TILE_PX, TILE_PX),
                photometric="minisblack",
                compression="zlib",
                subfiletype=1 if index else 0,
                subifds=None if index else len(sizes) - 1,
                resolution=(1e4 / mpp / 2**index,) * 2,
                resolutionunit="CENTIMETER",
                metadata=None if index else facts,
                software=False,
            )
            for _ in bands:  # tifffile has taken all that it needs
                raise ValueError(f"the bands must have {shape[0]} rows together, got more")


def _tiles_of(
    bands: Iterable[Values], sizes: Sequence[tuple[int, int]], *, folder: Path
) -> LevelTiles:
    like = np.empty((0, 0), dtype=np.float32)
    return LevelTiles(bands, sizes, like=like, halved=_halved, encoded=_encoded, folder=folder)


def _ome_facts(
    path: Path, *, mpp: float, said: tuple[str, str], origin_um: tuple[float, float]
) -> dict[str, Any]:
    name, (channel, description) = Path(path).name, said
    return {
        "axes": "YX",
        "UUID": str(uuid5(_NAMESPACE, f"{name}/{channel}/{description}")),
        "Name": name,
        "Description": description,
        "PhysicalSizeX": mpp,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": mpp,
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": [channel]},
        "Plane": {
            "PositionX": [origin_um[0]],
            "PositionXUnit": ["µm"],
            "PositionY": [origin_um[1]],
            "PositionYUnit": ["µm"],
        },
    }


def _encoded(tile: Values) -> bytes:
    if np.isnan(tile).all():
        return _empty_tile()
    full = np.full((TILE_PX, TILE_PX), np.nan, dtype="<f4")
    full[: tile.shape[0], : tile.shape[1]] = tile
    return bytes(imagecodecs.zlib_encode(full.tobytes(), level=_ZLIB_LEVEL))


@cache
def _empty_tile() -> bytes:
    full = np.full((TILE_PX, TILE_PX), np.nan, dtype="<f4")
    return bytes(imagecodecs.zlib_encode(full.tobytes(), level=_ZLIB_LEVEL))


def _halved(band: Values) -> Values:
    """Return the mean of those of each 2 x 2 pixels that have a value."""
    odd = [(0, side % 2) for side in band.shape]
    even = np.pad(band, odd, constant_values=np.nan)
    parts = np.stack([even[row::2, column::2] for row in (0, 1) for column in (0, 1)])
    is_known = ~np.isnan(parts)
    n_known = is_known.sum(axis=0)
    total = np.where(is_known, parts, 0).sum(axis=0, dtype=np.float64)
    mean: np.ndarray = np.full(total.shape, np.nan)
    np.divide(total, n_known, out=mean, where=n_known > 0)
    return mean.astype(np.float32)


def read_ome_windows(
    path: Path, corners: Sequence[tuple[int, int]], *, size_px: int
) -> list[Values]:
    """Return squares of a map at full size; NaN beyond it.

    Args:
        path: As ``write_ome_pyramid`` writes it.
        corners: Row and column where each square begins; it may lie outside.
        size_px: Side of the squares.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            tiles: dict[tuple[int, int], Values] = {}
            return [_window(page, tiles, *corner, size_px=size_px) for corner in corners]
    except (OSError, ValueError, LookupError, RuntimeError, AttributeError) as error:
        raise RunError(f"{path.name}: the map cannot be read; make it again") from error


def _window(
    page: Any, tiles: dict[tuple[int, int], Values], row: int, column: int, *, size_px: int
) -> Values:
    found = np.full((size_px, size_px), np.nan, dtype=np.float32)
    bottom, right = (
        min(start + size_px, end) for start, end in ((row, page.shape[0]), (column, page.shape[1]))
    )
    for down in range(max(row, 0) // TILE_PX, -(-bottom // TILE_PX)):
        for across in range(max(column, 0) // TILE_PX, -(-right // TILE_PX)):
            tile = tiles.get((down, across))
            if tile is None:
                tile = tiles[down, across] = _tile(page, down, across)
            rows = slice(max(row, down * TILE_PX), min(bottom, (down + 1) * TILE_PX))
            columns = slice(max(column, across * TILE_PX), min(right, (across + 1) * TILE_PX))
            found[
                rows.start - row : rows.stop - row, columns.start - column : columns.stop - column
            ] = tile[
                rows.start - down * TILE_PX : rows.stop - down * TILE_PX,
                columns.start - across * TILE_PX : columns.stop - across * TILE_PX,
            ]
    return found


def _tile(page: Any, down: int, across: int) -> Values:
    index = down * -(-page.shape[1] // TILE_PX) + across
    handle = page.parent.filehandle
    handle.seek(page.dataoffsets[index])
    data = imagecodecs.zlib_decode(handle.read(page.databytecounts[index]))
    return np.frombuffer(data, dtype="<f4").reshape(TILE_PX, TILE_PX)


def read_ome_level(path: Path, *, most_px: int) -> tuple[Values, int]:
    """Return the largest level of a map that is no longer than ``most_px``, and which one it is.

    Each level has half the rows and columns of the one before; the smallest is taken where none
    is small enough.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            levels = tiff.series[0].levels
            fits = (n for n, level in enumerate(levels) if max(level.shape) <= most_px)
            index = next(fits, len(levels) - 1)
            values: np.ndarray = levels[index].asarray()
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise RunError(f"{path}: the map cannot be read; make it again") from error
    return values, index
