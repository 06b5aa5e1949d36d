"""The levels of a pyramid from bands of rows: each is cut into tiles and halved as it comes.

One band is held in memory; the encoded tiles of the smaller levels wait in a nameless file.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

TILE_PX = 256
_SMALLEST_LEVEL_PX = 256

Band = np.ndarray[Any, Any]


def level_sizes(width_px: int, height_px: int) -> list[tuple[int, int]]:
    """Return width and height of each level, halved and rounded up, down to one tile.

    >>> level_sizes(1001, 300)
    [(1001, 300), (501, 150), (251, 75)]
    """
    sizes = [(width_px, height_px)]
    while max(sizes[-1]) > _SMALLEST_LEVEL_PX:
        width, height = sizes[-1]
        sizes.append((ceil(width / 2), ceil(height / 2)))
    return sizes


class LevelTiles(AbstractContextManager["LevelTiles"]):
    """Cuts bands into encoded tiles, and fills the smaller levels on the way.

    Args:
        bands: Of any height, in order from the top; together as high as level 0.
        sizes: Width and height of each level.
        like: An array of the type, and of the shape after (rows, columns), that bands must have.
        halved: Makes a band of the next level; an odd last row or column gives a pixel too.
        encoded: Makes the bytes of a tile, which may be short at the right and at the bottom.
        folder: Where the nameless file lies.
    """

    def __init__(
        self,
        bands: Iterable[Band],
        sizes: Sequence[tuple[int, int]],
        *,
        like: Band,
        halved: Callable[[Band], Band],
        encoded: Callable[[Band], bytes],
        folder: Path,
    ) -> None:
        self._bands = bands
        self._sizes = sizes
        self._like = like
        self._halved = halved
        self._encoded = encoded
        self._waiting: list[list[Band]] = [[] for _ in sizes]
        self._kept: list[list[tuple[int, int]]] = [[] for _ in sizes]
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def level_0(self) -> Iterator[bytes]:
        """Yield the tiles of level 0; when it ends, the tiles of all others are known.

        Raises:
            ValueError: A band of another shape or type, too few or too many rows.
        """
        n_rows = 0
        for band in _of_one_tile(self._bands, self._sizes[0], like=self._like):
            n_rows += len(band)
            self._halve(band, 1, is_last=n_rows == self._sizes[0][1])
            yield from self._tiles(band)

    def smaller(self, index: int) -> Iterator[bytes]:
        """Yield the tiles of a level after the first."""
        for start, n_bytes in self._kept[index]:
            self._file.seek(start)
            yield self._file.read(n_bytes)

    def _halve(self, band: Band, index: int, *, is_last: bool) -> None:
        if index == len(self._sizes):
            return
        waiting = self._waiting[index]
        waiting.append(self._halved(band))
        if is_last or sum(map(len, waiting)) == TILE_PX:
            whole = np.concatenate(waiting)
            waiting.clear()
            for tile in self._tiles(whole):
                self._kept[index].append((self._file.tell(), len(tile)))
                self._file.write(tile)
            self._halve(whole, index + 1, is_last=is_last)

    def _tiles(self, band: Band) -> Iterator[bytes]:
        for left in range(0, band.shape[1], TILE_PX):
            yield self._encoded(band[:, left : left + TILE_PX])


def _of_one_tile(bands: Iterable[Band], size: tuple[int, int], *, like: Band) -> Iterator[Band]:
    """Yield bands of one tile's height, the last one as high as what is left."""
    width_px, height_px = size
    tail = (width_px, *like.shape[2:])
    held: list[Band] = []
    n_held, n_seen = 0, 0
    for band in bands:
        if band.ndim != like.ndim or band.shape[1:] != tail or band.dtype != like.dtype:
            shown = ", ".join(["rows", *map(str, tail)])
            raise ValueError(f"a band must be {like.dtype} ({shown}), got {band.shape}")
        held.append(band)
        n_held, n_seen = n_held + len(band), n_seen + len(band)
        if n_seen > height_px:
            break
        while n_held >= TILE_PX:
            whole = np.concatenate(held)
            yield whole[:TILE_PX]
            held, n_held = [whole[TILE_PX:]], n_held - TILE_PX
    if n_seen != height_px:
        raise ValueError(f"the bands must have {height_px} rows together, got {n_seen}")
    if n_held:
        yield np.concatenate(held)
