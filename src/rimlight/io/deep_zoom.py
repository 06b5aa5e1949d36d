"""Deep Zoom tiles of a slide, made from the same rasters that training reads."""

from functools import cached_property
from math import ceil, floor

import numpy as np

from rimlight.core.display import Tile, TilePlace, max_level, tile_place
from rimlight.core.resampling import Window, block_mean, resampled
from rimlight.io.rasters import Level, Light, Piece, PixelWindow, Rgb, levels_of
from rimlight.io.slides import Slide
from rimlight.records import Box

_MOST_PIXELS = 2048 * 2048
"""Read for one tile; where a slide has no small levels, an overview kept in memory is one."""
_OVERVIEW_PX = 2048
_NEARLY = 1.001


class DeepZoom:
    """The tiles of one open slide.

    Args:
        slide: Open as long as tiles are read.
        white: I0 of the slide, 0..255; fills what the scanner left out.
    """

    def __init__(self, slide: Slide, *, white: Light) -> None:
        self._slide = slide
        self._white = white

    def read(self, tile: Tile) -> Rgb:
        """Return the pixels of a tile as the file has them, uint8 (h, w, 3).

        Raises:
            SlideError: The pixels cannot be decoded.
            ValueError: The slide has no such tile.
        """
        slide = self._slide
        place = tile_place(tile, width_l0=slide.width_l0, height_l0=slide.height_l0)
        if place is None:
            raise ValueError(f"no such tile: {tile}")
        step = 2 ** (max_level(slide.width_l0, slide.height_l0) - tile.level)
        index = _level_for(slide, step)
        level = slide.raster.levels[index]
        seen = _seen(level, place.box)
        if seen.width_px * seen.height_px > _MOST_PIXELS:
            level, small = self._small
            seen = _seen(level, place.box)
            return _fitted(_cut(small, _wanted(seen, level)), seen, place)
        return _fitted(
            slide.raster.read(index, _wanted(seen, level), white=self._white), seen, place
        )

    @cached_property
    def _small(self) -> tuple[Level, Rgb]:
        """A small level of a slide that has none."""
        slide = self._slide
        small = slide.overview(_OVERVIEW_PX)
        sizes = [(slide.width_l0, slide.height_l0), (small.shape[1], small.shape[0])]
        return levels_of(sizes)[1], small


def _level_for(slide: Slide, step: int) -> int:
    """Return the coarsest level that is at least as fine as the tile."""
    fine = [
        i
        for i, level in enumerate(slide.raster.levels)
        if max(level.scale_x, level.scale_y) <= step * _NEARLY
    ]
    return max(fine, default=0)


def _seen(level: Level, box: Box) -> Window:
    """Return a box in pixels of a level, which may have lost the last odd row or column."""
    left, top = box.left_l0 / level.scale_x, box.top_l0 / level.scale_y
    right = min(level.width_px, left + box.width_l0 / level.scale_x)
    bottom = min(level.height_px, top + box.height_l0 / level.scale_y)
    left, top = min(left, level.width_px - 1), min(top, level.height_px - 1)
    return Window(left_px=left, top_px=top, width_px=right - left, height_px=bottom - top)


def _wanted(seen: Window, level: Level) -> PixelWindow:
    """Return whole pixels around a window: none more where its edges cut none."""
    ends = []
    for start, length, n in (
        (seen.left_px, seen.width_px, level.width_px),
        (seen.top_px, seen.height_px, level.height_px),
    ):
        margin = 0 if start == int(start) and length == int(length) else 1
        low = max(0, floor(start) - margin)
        ends.append((low, min(n, ceil(start + length) + margin) - low))
    (left, width), (top, height) = ends
    return PixelWindow(left_px=left, top_px=top, width_px=width, height_px=height)


def _cut(small: Rgb, window: PixelWindow) -> Piece:
    rows = slice(window.top_px, window.top_px + window.height_px)
    columns = slice(window.left_px, window.left_px + window.width_px)
    return Piece(pixels=small[rows, columns], left_px=window.left_px, top_px=window.top_px)


def _fitted(piece: Piece, seen: Window, place: TilePlace) -> Rgb:
    window = Window(
        left_px=seen.left_px - piece.left_px,
        top_px=seen.top_px - piece.top_px,
        width_px=seen.width_px,
        height_px=seen.height_px,
    )
    blocks = _blocks(piece.pixels, window, place)
    if blocks is not None:
        return blocks
    return resampled(
        piece.pixels, window=window, width_px=place.width_px, height_px=place.height_px
    )


def _blocks(pixels: Rgb | Light, window: Window, place: TilePlace) -> Rgb | None:
    """Return the means of whole blocks, which is what resampling gives there, but sooner."""
    side = round(window.width_px / place.width_px)
    is_whole = (
        pixels.dtype == np.uint8
        and side > 0
        and (window.left_px, window.top_px) == (0, 0)
        and (place.width_px * side, place.height_px * side) == (window.width_px, window.height_px)
    )
    if not is_whole:
        return None
    found: Rgb = block_mean(pixels[: place.height_px * side, : place.width_px * side], side_px=side)
    return found
