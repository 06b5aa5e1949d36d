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
_NEARLY = 1.001  # levels of a scanner may be scaled by a little more than a power of two


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
        wanted = _wanted(seen, level)
        if wanted.width_px * wanted.height_px <= _MOST_PIXELS:
            return _fitted(slide.raster.read(index, wanted, white=self._white), seen, place)
        level, small = self._small
        seen = _seen(level, place.box)
        return _fitted(_cut(small, _wanted(seen, level)), seen, place)

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
    """Return a box in pixels of a level; it may leave the level."""
    return Window(
        left_px=box.left_l0 / level.scale_x,
        top_px=box.top_l0 / level.scale_y,
        width_px=box.width_l0 / level.scale_x,
        height_px=box.height_l0 / level.scale_y,
    )


def _wanted(seen: Window, level: Level) -> PixelWindow:
    """Return whole pixels around a window: none more where its edges cut none."""
    ends = []
    for start, length, n in (
        (seen.left_px, seen.width_px, level.width_px),
        (seen.top_px, seen.height_px, level.height_px),
    ):
        margin = 0 if start == int(start) and length == int(length) else 1
        low = min(max(0, floor(start) - margin), n - 1)
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
    pixels = _with_lost_edge(piece.pixels, window, place)
    blocks = _blocks(pixels, window, place)
    if blocks is not None:
        return blocks
    return resampled(pixels, window=window, width_px=place.width_px, height_px=place.height_px)


def _with_lost_edge(pixels: Rgb | Light, window: Window, place: TilePlace) -> Rgb | Light:
    """Double the last row or column where a small level lost what the last pixel would see."""
    beyond_down = window.top_px + window.height_px - pixels.shape[0]
    beyond_across = window.left_px + window.width_px - pixels.shape[1]
    down = int(beyond_down >= window.height_px / place.height_px)
    across = int(beyond_across >= window.width_px / place.width_px)
    if not (down or across):
        return pixels
    wider = np.concatenate([pixels, pixels[:, -1:]], axis=1) if across else pixels
    return np.concatenate([wider, wider[-1:]]) if down else wider


def _blocks(pixels: Rgb | Light, window: Window, place: TilePlace) -> Rgb | None:
    """Return the means of whole blocks, which is what resampling gives there, but sooner."""
    side = round(window.width_px / place.width_px)
    is_whole = (
        pixels.dtype == np.uint8
        and side > 0
        and (window.left_px, window.top_px) == (0, 0)
        and (place.width_px * side, place.height_px * side) == (window.width_px, window.height_px)
        and window.height_px <= pixels.shape[0]
        and window.width_px <= pixels.shape[1]
    )
    if not is_whole:
        return None
    found: Rgb = block_mean(pixels[: place.height_px * side, : place.width_px * side], side_px=side)
    return found
