"""Pyramidal TIFF: written tile by tile, and read where OpenSlide sees too little.

The only module that names tifffile.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from rimlight.errors import StorageError

_TILE_PX = 256
_SMALLEST_LEVEL_PX = 256
_BIGTIFF_FROM_PIXELS = 2**31  # JPEG needs at most about 1.5 bytes a pixel, all levels together

Rgb = NDArray[np.uint8]


def write_pyramid(path: Path, rgb: Rgb, *, mpp: float, quality: int = 85) -> None:
    """Write an RGB image as a tiled pyramidal TIFF that OpenSlide sees in full.

    The same image gives the same bytes. Each level is the mean of 2 x 2 pixels of the one before;
    a file half written never stands under ``path``.

    Args:
        path: Ends in ``.tiff`` or ``.tif``.
        rgb: Level 0, uint8 (h, w, 3).
        mpp: Micrometres per level-0 pixel.
        quality: JPEG quality, 1..100; colour is not subsampled.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
        ValueError: Not an RGB image, or an mpp that is not above 0.
    """
    height_px, width_px = rgb.shape[:2]
    bands = (rgb[top : top + _TILE_PX] for top in range(0, height_px, _TILE_PX))
    write_pyramid_rows(
        path, bands, width_px=width_px, height_px=height_px, mpp=mpp, quality=quality
    )


def write_pyramid_rows(
    path: Path,
    rows: Iterable[Rgb],
    *,
    width_px: int,
    height_px: int,
    mpp: float,
    quality: int = 85,
) -> None:
    """Write a slide too large for memory, from bands of rows in order from the top.

    As ``write_pyramid``, but only one band and the encoded small levels are held in memory.

    Args:
        path: Ends in ``.tiff`` or ``.tif``.
        rows: Bands uint8 (any number of rows, width_px, 3) that add up to height_px.
        width_px: Width of level 0.
        height_px: Height of level 0.
        mpp: Micrometres per level-0 pixel.
        quality: JPEG quality, 1..100.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
        ValueError: A band of another shape, too few or too many rows, or mpp not above 0.
    """
    if not mpp > 0:
        raise ValueError(f"mpp must be above 0, got {mpp}")
    sizes = _level_sizes(width_px, height_px)
    encoder = _Encoder(rows, sizes, quality)
    level_0 = encoder.level_0()
    with (
        _whole_file(path) as part,
        tifffile.TiffWriter(part, bigtiff=width_px * height_px > _BIGTIFF_FROM_PIXELS) as out,
    ):
        for index, (width, height) in enumerate(sizes):
            out.write(
                level_0 if index == 0 else iter(encoder.smaller[index]),
                shape=(height, width, 3),
                dtype=np.uint8,
                tile=(_TILE_PX, _TILE_PX),
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                subfiletype=1 if index else 0,
                resolution=(1e4 / mpp / 2**index,) * 2,
                resolutionunit="CENTIMETER",
                metadata=None,
                software=False,
            )
            for _ in level_0:  # nothing is left, unless there were too many rows
                raise ValueError(f"the bands must have {height_px} rows together, got more")


class _Encoder:
    """Cuts bands into JPEG tiles, and fills the smaller levels on the way."""

    def __init__(self, rows: Iterable[Rgb], sizes: Sequence[tuple[int, int]], quality: int) -> None:
        self._rows = rows
        self._sizes = sizes
        self._quality = quality
        self._waiting: list[list[Rgb]] = [[] for _ in sizes]
        self.smaller: list[list[bytes]] = [[] for _ in sizes]

    def level_0(self) -> Iterator[bytes]:
        """Yield the tiles of level 0; when it ends, ``smaller`` holds those of the others."""
        n_rows = 0
        for band in _bands(self._rows, self._sizes[0]):
            n_rows += len(band)
            self._halve(band, 1, is_last=n_rows == self._sizes[0][1])
            yield from self._tiles(band)

    def _halve(self, band: Rgb, index: int, *, is_last: bool) -> None:
        if index == len(self._sizes):
            return
        waiting = self._waiting[index]
        waiting.append(_halved(band))
        if is_last or sum(map(len, waiting)) == _TILE_PX:
            whole = np.concatenate(waiting)
            waiting.clear()
            self.smaller[index].extend(self._tiles(whole))
            self._halve(whole, index + 1, is_last=is_last)

    def _tiles(self, band: Rgb) -> Iterator[bytes]:
        for left in range(0, band.shape[1], _TILE_PX):
            tile = band[:, left : left + _TILE_PX]
            short = [(0, _TILE_PX - side) for side in tile.shape[:2]]
            full = np.pad(tile, [*short, (0, 0)], mode="edge")
            yield bytes(imagecodecs.jpeg8_encode(full, level=self._quality, subsampling="444"))


def _level_sizes(width_px: int, height_px: int) -> list[tuple[int, int]]:
    sizes = [(width_px, height_px)]
    while max(sizes[-1]) > _SMALLEST_LEVEL_PX:
        width, height = sizes[-1]
        sizes.append((ceil(width / 2), ceil(height / 2)))
    return sizes


def _bands(rows: Iterable[Rgb], size: tuple[int, int]) -> Iterator[Rgb]:
    """Yield bands of one tile's height, the last one as high as what is left."""
    width_px, height_px = size
    held: list[Rgb] = []
    n_held, n_seen = 0, 0
    for band in rows:
        if band.ndim != 3 or band.shape[1:] != (width_px, 3) or band.dtype != np.uint8:
            raise ValueError(f"a band must be uint8 (rows, {width_px}, 3), got {band.shape}")
        held.append(band)
        n_held, n_seen = n_held + len(band), n_seen + len(band)
        while n_held >= _TILE_PX:
            whole = np.concatenate(held)
            yield whole[:_TILE_PX]
            held, n_held = [whole[_TILE_PX:]], n_held - _TILE_PX
    if n_seen != height_px:
        raise ValueError(f"the bands must have {height_px} rows together, got {n_seen}")
    if n_held:
        yield np.concatenate(held)


def _halved(band: Rgb) -> Rgb:
    """Return the mean of each 2 x 2 pixels, rounded; an odd last row or column stands twice."""
    odd = [(0, side % 2) for side in band.shape[:2]]
    even = np.pad(band, [*odd, (0, 0)], mode="edge").astype(np.uint16)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)


@contextmanager
def _whole_file(path: Path) -> Iterator[Any]:
    """Give a file to write to, which takes its name only when it is whole."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(
            f"{path}: cannot be written: {error.strerror or error}; "
            "make room or choose another folder"
        ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
