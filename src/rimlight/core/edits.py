"""One change to a patch: turned, shifted, stained more or less, blurred, DAB taken out of a zone.

Nothing here draws random numbers: the caller says which turn, which factor, which offset. Patches
are uint8 RGB ``(n, h, w, 3)`` and come back as uint8; the patches handed in are left as they were.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from rimlight.core.density import light, optical_density
from rimlight.core.stains import StainMatrix, mix, unmix

N_TURNS = 8

_LOG_OF_LIGHT = np.log(np.arange(256).clip(1)).astype(np.float32)


def turned(
    patches: UInt8[np.ndarray, "n h w 3"], *, turn: int | Int[np.ndarray, " n"]
) -> UInt8[np.ndarray, "n h w 3"]:
    """Return patches under one of the eight flips and turns of a square.

    Args:
        turn: 0 to 3: that many quarter turns against the clock. 4 to 7: left and right swapped
            first, then ``turn - 4`` quarter turns. One for all patches, or one a patch.

    Raises:
        ValueError: A turn outside 0..7, or patches that are not square.

    >>> dots = np.zeros((1, 2, 2, 3), np.uint8); dots[0, 0, 1] = 9  # top right
    >>> turned(dots, turn=1)[0, :, :, 0].tolist()  # goes to top left
    [[9, 0], [0, 0]]
    """
    turns = np.broadcast_to(np.asarray(turn), (len(patches),))
    if patches.shape[1] != patches.shape[2]:
        raise ValueError(f"only square patches can be turned, got shape {patches.shape}")
    if len(turns) and not (turns.min() >= 0 and turns.max() < N_TURNS):
        raise ValueError(f"a turn is 0..7, got {turns.min()}..{turns.max()}")
    out = np.empty_like(patches)
    for which in np.unique(turns):
        chosen = turns == which
        flipped = patches[chosen][:, :, ::-1] if which >= 4 else patches[chosen]
        out[chosen] = np.rot90(flipped, k=which % 4, axes=(1, 2))
    return out


def cropped(
    patches: UInt8[np.ndarray, "n h w 3"],
    *,
    size_px: int,
    offset_px: Int[np.ndarray, "n 2"] | None = None,
) -> UInt8[np.ndarray, "n size size 3"]:
    """Return the square of ``size_px`` around the middle of each patch, moved by whole pixels.

    Args:
        size_px: Side of the square.
        offset_px: Per patch x, y: how far the square moves right and down; none: not at all. Where
            the patch and the square cannot share their middle, the square lies half a pixel up
            and left of it.

    Raises:
        ValueError: A square that leaves its patch.

    >>> ramp = np.arange(25, dtype=np.uint8).reshape(1, 5, 5, 1).repeat(3, axis=3)
    >>> cropped(ramp, size_px=1, offset_px=np.array([[1, -2]]))[0, 0, 0, 0]  # column 3, row 0
    np.uint8(3)
    """
    n, height, width = patches.shape[:3]
    offset = np.zeros((n, 2), dtype=int) if offset_px is None else offset_px
    left = (width - size_px) // 2 + offset[:, 0]
    top = (height - size_px) // 2 + offset[:, 1]
    room = [left, top, width - size_px - left, height - size_px - top]
    if size_px < 1 or (n and min(int(part.min()) for part in room) < 0):
        raise ValueError(
            f"a square of {size_px} px moved by up to {np.abs(offset).max(initial=0)} px leaves "
            f"a patch of {width} x {height} px; cut patches with a larger margin"
        )
    out = np.empty((n, size_px, size_px, 3), dtype=patches.dtype)
    for i in range(n):
        out[i] = patches[i, top[i] : top[i] + size_px, left[i] : left[i] + size_px]
    return out


def stain_scaled(
    patches: UInt8[np.ndarray, "n h w 3"],
    *,
    factors: Float[np.ndarray, "n 3"],
    offsets_od: Float[np.ndarray, "n 3"],
    stains: StainMatrix,
    whites: Float[np.ndarray, "n 3"],
) -> UInt8[np.ndarray, "n h w 3"]:
    """Return patches with each stain's density scaled and each channel's density shifted.

    od' = unmix(od) * factors, mixed again, + offsets_od. As this is linear in density, it is one
    3 x 3 matrix and one offset a patch, taken on log light: fast enough to run on every batch.

    Args:
        factors: Per patch for haematoxylin, DAB, residual; 1 leaves the stain as it is.
        offsets_od: Per patch for R, G, B, in OD; above 0 darkens.
        whites: I0 of each patch's slide, 0..255.

    Raises:
        ValueError: A white point outside 1..255, or a factor or offset that is not finite.
    """
    if not ((whites > 1) & (whites <= 255)).all():
        raise ValueError(f"whites must be above 1 and at most 255, got {whites.min()} at least")
    if not (np.isfinite(factors).all() and np.isfinite(offsets_od).all()):
        raise ValueError("factors and offsets_od must be finite")
    rows = stains.rows
    change = np.linalg.inv(rows) @ (factors[:, :, None] * rows)  # od' = od @ change
    log_white = np.log(whites.astype(np.float64))
    shift = log_white - np.einsum("ni,nij->nj", log_white, change) - np.log(10) * offsets_od
    log_light = _LOG_OF_LIGHT[patches].reshape(len(patches), -1, 3) @ change.astype(np.float32)
    bright = np.exp(log_light + shift[:, None].astype(np.float32), out=log_light)
    bright += 0.5
    new: np.ndarray = np.minimum(bright, 255, out=bright).astype(np.uint8)
    return new.reshape(patches.shape)


def blurred(
    patches: UInt8[np.ndarray, "n h w 3"], *, sigma_px: Float[np.ndarray, " n"]
) -> UInt8[np.ndarray, "n h w 3"]:
    """Return patches under a Gaussian blur, each with its own sigma; borders reflect.

    Args:
        sigma_px: Standard deviation per patch; 0 leaves the patch untouched.

    Raises:
        ValueError: A sigma below 0 or not finite.
    """
    if not (np.isfinite(sigma_px).all() and (sigma_px >= 0).all()):
        raise ValueError("sigma_px must be 0 or more and finite")
    out = patches.copy()
    for i in np.flatnonzero(sigma_px > 0):
        height, width = patches.shape[1:3]
        down, along = _smoother(height, sigma_px[i]), _smoother(width, sigma_px[i])
        planes = down @ patches[i].transpose(2, 0, 1).astype(np.float32) @ along.T
        out[i] = np.clip(planes + 0.5, 0, 255).transpose(1, 2, 0)
    return out


def dab_removed(
    patch: UInt8[np.ndarray, "h w 3"],
    *,
    zone: Bool[np.ndarray, "h w"],
    background_od: float,
    stains: StainMatrix,
    white: tuple[float, float, float],
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the patch with DAB inside the zone lowered to the background, never raised.

    Haematoxylin and residual stay; pixels outside the zone, and pixels with no more DAB than the
    background, keep their bytes.

    Args:
        background_od: DAB density of unstained tissue on this slide.
    """
    stain_maps = unmix(optical_density(patch, white=white), stains=stains)
    lowered = zone & (stain_maps[..., 1] > background_od)
    stain_maps[..., 1] = np.where(lowered, np.float32(background_od), stain_maps[..., 1])
    bright = light(mix(stain_maps, stains=stains), white=white)
    new = np.clip(bright + 0.5, 0, 255).astype(np.uint8)
    return np.where(lowered[..., None], new, patch)


def _smoother(size_px: int, sigma_px: float) -> Float[np.ndarray, "size size"]:
    """The matrix that blurs a line of pixels."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(
        gaussian_filter1d(np.eye(size_px, dtype=np.float32), sigma_px, axis=0, mode="reflect")
    )
