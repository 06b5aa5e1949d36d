"""What every slide reader offers: levels, and pixels of a window on one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Light = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One plane of a pyramid.

    scale_x, scale_y: level-0 pixels that one pixel of this level covers.
    """

    width_px: int
    height_px: int
    scale_x: float
    scale_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelWindow:
    """Whole pixels of one level; they may lie outside it."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Pixels that were read, (h, w, 3), 0..255; what is no part of the slide is white.

    left_px, top_px: where the outer corner of the first pixel really lies on the level; some
    readers can only come near the corner that was asked for.
    """

    pixels: Rgb | Light
    left_px: float
    top_px: float


class Raster(Protocol):
    """An open image; it is closed by whoever opened it."""

    @property
    def levels(self) -> Sequence[Level]:
        """Level 0 first, then ever smaller ones."""
        ...

    def read(self, index: int, window: PixelWindow, *, white: Light) -> Piece:
        """Return at least the pixels of ``window`` on level ``index``.

        Raises:
            SlideError: The pixels cannot be decoded.
        """
        ...


def levels_of(sizes: Sequence[tuple[int, int]]) -> tuple[Level, ...]:
    """Return the levels of a pyramid from their (width, height), level 0 first.

    Scanners halve and drop or double an odd last row, so the ratio of two sizes is a little off
    the true scale; a whole number is taken where it explains both sizes to within a pixel.

    >>> [level.scale_x for level in levels_of([(4443, 3567), (2221, 1783), (1000, 803)])]
    [1.0, 2.0, 4.443]
    """
    width, height = sizes[0]
    return tuple(
        Level(width_px=w, height_px=h, scale_x=_scale(width, w), scale_y=_scale(height, h))
        for w, h in sizes
    )


def _scale(full: int, reduced: int) -> float:
    whole = max(1, round(full / reduced))
    return float(whole) if abs(full / whole - reduced) < 1 else full / reduced


def pasted(pixels: Rgb, window: PixelWindow, *, corner: tuple[int, int], white: Light) -> Piece:
    """Return a piece of a window's size with ``pixels`` in their place and white around them.

    Args:
        pixels: The part of the window that lies on the level, (h, w, 3).
        window: What was asked for.
        corner: Column and row of ``pixels`` within the window.
        white: Filling.
    """
    left, top = corner
    height, width = pixels.shape[:2]
    if (height, width) == (window.height_px, window.width_px):
        filled: Rgb | Light = pixels
    else:
        filled = np.empty((window.height_px, window.width_px, 3), dtype=np.float32)
        filled[:] = white
        filled[top : top + height, left : left + width] = pixels
    return Piece(pixels=filled, left_px=window.left_px, top_px=window.top_px)


def clipped(window: PixelWindow, level: Level) -> PixelWindow:
    """Return the part of a window that lies on a level; its width or height may be 0."""
    left = min(max(window.left_px, 0), level.width_px)
    top = min(max(window.top_px, 0), level.height_px)
    right = min(max(window.left_px + window.width_px, left), level.width_px)
    bottom = min(max(window.top_px + window.height_px, top), level.height_px)
    return PixelWindow(left_px=left, top_px=top, width_px=right - left, height_px=bottom - top)
