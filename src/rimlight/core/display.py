"""What a viewer may ask for of a slide: Deep Zoom tiles, and ways of colour.

Level ``max_level`` is level 0 of the slide; each level before it has half as many pixels, rounded
up, down to level 0 of one pixel. Pixels of a level are all of one size: the last one of a row may
lie beyond the slide in part, and viewers cut it off there.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from rimlight.records import Box

TILE_PX = 256
Way = Literal["srgb", "absolute", "perceptual", "saturation", "embed", "ignore"]
"""How the colour profile of a slide is used for display: ``srgb`` is relative colorimetric."""
WAYS: tuple[Way, ...] = get_args(Way)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Where a tile lies: its level, and which it is from the left and from the top."""

    level: int
    column: int
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlace:
    """What the pixels of a tile cover, beyond the slide by less than one of them."""

    box: Box
    width_px: int
    height_px: int


def max_level(width_l0: int, height_l0: int) -> int:
    """Return the level whose pixels are those of level 0 of the slide.

    >>> [max_level(side, 1) for side in (1, 2, 256, 257)]
    [0, 1, 8, 9]
    """
    return (max(width_l0, height_l0) - 1).bit_length()


def tile_place(tile: Tile, *, width_l0: int, height_l0: int) -> TilePlace | None:
    """Return where a tile lies on a slide; None where there is no such tile.

    >>> place = tile_place(Tile(level=8, column=0, row=0), width_l0=301, height_l0=200)
    >>> place.box.left_l0, place.box.width_l0, place.width_px, place.height_px
    (0, 302, 151, 100)
    """
    last = max_level(width_l0, height_l0)
    if not 0 <= tile.level <= last or tile.column < 0 or tile.row < 0:
        return None
    step = 2 ** (last - tile.level)
    left, top = tile.column * TILE_PX * step, tile.row * TILE_PX * step
    if left >= width_l0 or top >= height_l0:
        return None
    width_px = min(TILE_PX, -(-(width_l0 - left) // step))
    height_px = min(TILE_PX, -(-(height_l0 - top) // step))
    return TilePlace(
        box=Box(left_l0=left, top_l0=top, width_l0=width_px * step, height_l0=height_px * step),
        width_px=width_px,
        height_px=height_px,
    )
