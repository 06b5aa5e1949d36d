"""Deep Zoom tiles of a slide, made from the same rasters that training reads."""

from math import ceil, floor

import numpy as np

from rimlight.core.display import Tile, TilePlace, max_level, tile_place
from rimlight.core.resampling import Window, block_mean, resampled
from rimlight.errors import SlideError
from rimlight.io.rasters import Level, Light, PixelWindow, Rgb
from rimlight.io.slides import Slide
from rimlight.records import Box

_MOST_PIXELS = 2048 * 2048
"""Read for one tile; a slide without small levels is not shown smaller than that allows."""
_NEARLY = 1.001


def min_level(slide: Slide) -> int:
    """Return the smallest level whose tiles can be made by reading few enough pixels."""
    last = max_level(slide.width_l0, slide.height_l0)
    for level in range(last + 1):
        place = tile_place(
            Tile(level=level, column=0, row=0), width_l0=slide.width_l0, height_l0=slide.height_l0
        )
        if place is not None and _n_pixels(slide, place, 2 ** (last - level)) <= _MOST_PIXELS:
            return level
    return last


def read_tile(slide: Slide, tile: Tile, *, white: Light) -> Rgb:
    """Return the pixels of a tile as the file has them, uint8 (h, w, 3).

    Args:
        slide: Open.
        tile: One that the slide has.
        white: I0 of the slide, 0..255; fills what the scanner left out.

    Raises:
        SlideError: The pixels cannot be decoded, or are too many for one tile.
        ValueError: The slide has no such tile.
    """
    place = tile_place(tile, width_l0=slide.width_l0, height_l0=slide.height_l0)
    if place is None:
        raise ValueError(f"no such tile: {tile}")
    step = 2 ** (max_level(slide.width_l0, slide.height_l0) - tile.level)
    if _n_pixels(slide, place, step) > _MOST_PIXELS:
        raise SlideError(
            f"{slide.path}: has no smaller picture that level {tile.level} could be made from; "
            "convert it to a pyramidal TIFF"
        )
    index = _level_for(slide, step)
    seen = _seen(slide.raster.levels[index], place.box)
    wanted = _wanted(seen, slide.raster.levels[index])
    piece = slide.raster.read(index, wanted, white=white)
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


def _level_for(slide: Slide, step: int) -> int:
    """Return the coarsest level that is at least as fine as the tile."""
    fine = [
        i
        for i, level in enumerate(slide.raster.levels)
        if max(level.scale_x, level.scale_y) <= step * _NEARLY
    ]
    return max(fine, default=0)


def _n_pixels(slide: Slide, place: TilePlace, step: int) -> float:
    seen = _seen(slide.raster.levels[_level_for(slide, step)], place.box)
    return seen.width_px * seen.height_px


def _seen(level: Level, box: Box) -> Window:
    """Return a box in pixels of a level, which may have lost the last odd row or column."""
    left, top = box.left_l0 / level.scale_x, box.top_l0 / level.scale_y
    right = min(level.width_px, left + box.width_l0 / level.scale_x)
    bottom = min(level.height_px, top + box.height_l0 / level.scale_y)
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


def _blocks(pixels: Rgb | Light, window: Window, place: TilePlace) -> Rgb | None:
    """Return the means of whole blocks, which is what resampling gives there, but sooner."""
    side = round(window.width_px / place.width_px)
    is_whole = (
        pixels.dtype == np.uint8
        and (window.left_px, window.top_px) == (0, 0)
        and (place.width_px * side, place.height_px * side) == (window.width_px, window.height_px)
    )
    if not is_whole:
        return None
    found: Rgb = block_mean(
        pixels[: place.height_px * side, : place.width_px * side], side_px=max(1, side)
    )
    return found
