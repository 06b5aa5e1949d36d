"""From the pixels of one plane to those of another: one resampling, exact to a part of a pixel.

``_px`` here: pixels of the array that is read from, x to the right and y down, (0, 0) the outer
corner of its first pixel.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """An upright rectangle in the plane of an array; its edges may cut pixels."""

    left_px: float
    top_px: float
    width_px: float
    height_px: float


def resampled(
    pixels: Float[np.ndarray, "h w c"] | UInt8[np.ndarray, "h w c"],
    *,
    window: Window,
    width_px: int,
    height_px: int,
) -> UInt8[np.ndarray, "height_px width_px c"]:
    """Return what a sensor with larger or smaller pixels would have seen in ``window``.

    Each new pixel is the mean of the area it covers; a source pixel that is covered in part
    counts in part. Where new pixels are smaller than old ones, the covered area is that of one
    old pixel, which is linear interpolation. So no value arises that lies outside its
    neighbours, a ramp stays a ramp, and pixels that fall onto pixels come back unchanged.

    Args:
        pixels: 0..255; the window may leave them by less than a pixel.
        window: The area seen, in pixels of ``pixels``.
        width_px: New pixels across.
        height_px: New pixels down.

    Raises:
        ValueError: A new pixel would see nothing of ``pixels``.

    >>> row = np.float32([[[0], [10], [20], [30]]])
    >>> half = Window(left_px=0, top_px=0, width_px=4, height_px=1)
    >>> resampled(row, window=half, width_px=2, height_px=1).ravel().tolist()
    [5, 25]
    """
    same = _whole_pixels(pixels, window, width_px=width_px, height_px=height_px)
    if same is not None:
        return same
    down = _shares(height_px, start=window.top_px, length=window.height_px, n=pixels.shape[0])
    across = _shares(width_px, start=window.left_px, length=window.width_px, n=pixels.shape[1])
    rows = _seen(pixels.astype(np.float32, copy=False), down)
    seen = _seen(np.swapaxes(rows, 0, 1), across)
    new: UInt8[np.ndarray, "height_px width_px c"]
    new = np.rint(np.swapaxes(seen, 0, 1)).clip(0, 255).astype(np.uint8)
    return new


def _whole_pixels(
    pixels: Float[np.ndarray, "h w c"] | UInt8[np.ndarray, "h w c"],
    window: Window,
    *,
    width_px: int,
    height_px: int,
) -> UInt8[np.ndarray, "height_px width_px c"] | None:
    """Return the pixels of a window that cuts none, where each new pixel is an old one."""
    left, top = round(window.left_px), round(window.top_px)
    is_aligned = (
        pixels.dtype == np.uint8
        and (left, top) == (window.left_px, window.top_px)
        and (width_px, height_px) == (window.width_px, window.height_px)
        and 0 <= left <= pixels.shape[1] - width_px
        and 0 <= top <= pixels.shape[0] - height_px
    )
    if not is_aligned:
        return None
    return pixels[top : top + height_px, left : left + width_px].copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """Which old pixels each new one sees, and the share of each; shares of a new one add to 1."""

    old: Int[np.ndarray, "n_new n_seen"]
    share: Float[np.ndarray, "n_new n_seen"]


def _shares(n_new: int, *, start: float, length: float, n: int) -> _Shares:
    step = length / n_new
    centre = start + (np.arange(n_new) + 0.5) * step
    reach = max(step, 1.0) / 2
    low, high = (centre - reach)[:, None], (centre + reach)[:, None]
    first = np.floor(low).astype(np.int64)
    old = first + np.arange(int((np.ceil(high) - first).max()))
    overlap = np.minimum(high, old + 1) - np.maximum(low, old)
    share = np.where((old >= 0) & (old < n), overlap.clip(0.0, None), 0.0)
    total = share.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise ValueError(f"the window {start}..{start + length} leaves the {n} pixels given")
    return _Shares(old=old.clip(0, n - 1), share=(share / total).astype(np.float32))


def _seen(
    pixels: Float[np.ndarray, "n_old other c"], shares: _Shares
) -> Float[np.ndarray, "n_new other c"]:
    """Return the shared means along the first axis.

    A few passes over the data rather than a matrix product, which would start threads for
    patches that are far too small for them.
    """
    seen = np.zeros((len(shares.old), *pixels.shape[1:]), dtype=np.float32)
    for at in range(shares.old.shape[1]):
        seen += shares.share[:, at, None, None] * pixels[shares.old[:, at]]
    return seen


def block_mean(
    pixels: UInt8[np.ndarray, "*n h w c"], *, side_px: int
) -> UInt8[np.ndarray, "*n h_new w_new c"]:
    """Return the mean of each whole block of ``side_px`` x ``side_px`` pixels, rounded.

    Rows and columns that fill no whole block are left out.

    Args:
        pixels: One picture, or several.
        side_px: Side of a block.

    >>> block_mean(np.uint8([[[0], [4]], [[8], [8]]]), side_px=2).ravel().tolist()
    [5]
    """
    if side_px == 1:
        return pixels
    height, width = (side // side_px * side_px for side in pixels.shape[-3:-1])
    # Sums of 16 x 16 and fewer fit in 16 bits; slices are added far faster than axes are summed.
    number = np.uint16 if side_px <= 16 else np.uint32
    down: np.ndarray = pixels[..., :height:side_px, :width, :].astype(number)
    for row in range(1, side_px):
        np.add(down, pixels[..., row:height:side_px, :width, :], out=down)
    total: np.ndarray = down[..., ::side_px, :].copy()
    for column in range(1, side_px):
        np.add(total, down[..., column::side_px, :], out=total)
    # Rounded right in 32 bits too: a mean that is not half way is farther from it than they err.
    mean: np.ndarray = np.rint(total.astype(np.float32) / np.float32(side_px**2))
    return mean.astype(np.uint8)
