"""Parts of a patch by their distance from the click: discs and rings.

The click is at the exact middle of the patch, which is (size_px - 1) / 2 in pixel centres.
A ring leaves out its inner border and takes its outer one, so that a disc and the ring around it
fill the larger disc without a pixel missing or counted twice.
"""

import numpy as np
from jaxtyping import Bool, Float64


def disc(size_px: int, *, mpp: float, radius_um: float) -> Bool[np.ndarray, "s s"]:
    """Return the pixels whose centre lies within ``radius_um`` of the middle of the patch.

    Raises:
        ValueError: A size, pixel size or radius that is not positive.

    Source:
        Own definition, see docs/statistics.md.

    >>> int(disc(5, mpp=0.5, radius_um=0.5).sum())  # the middle pixel and its four neighbours
    5
    """
    if radius_um <= 0:
        raise ValueError(f"radius_um must be positive, got {radius_um}")
    return distance_um(size_px, mpp=mpp) <= radius_um


def ring(size_px: int, *, mpp: float, inner_um: float, outer_um: float) -> Bool[np.ndarray, "s s"]:
    """Return the pixels farther than ``inner_um`` and at most ``outer_um`` from the middle.

    Raises:
        ValueError: The radii are not 0 <= inner < outer.

    >>> int(ring(5, mpp=0.5, inner_um=0.5, outer_um=0.75).sum())  # the four diagonal neighbours
    4
    """
    if not 0 <= inner_um < outer_um:
        raise ValueError(f"a ring needs 0 <= inner < outer, got {inner_um} and {outer_um}")
    far = distance_um(size_px, mpp=mpp)
    return (far > inner_um) & (far <= outer_um)


def distance_um(size_px: int, *, mpp: float) -> Float64[np.ndarray, "s s"]:
    """Return how far each pixel's centre lies from the middle of the patch.

    >>> distance_um(3, mpp=0.5)[1].tolist()
    [0.5, 0.0, 0.5]
    """
    if size_px < 1 or not mpp > 0:
        raise ValueError(f"a patch needs size_px >= 1 and mpp > 0, got {size_px} and {mpp}")
    along = np.arange(size_px) - (size_px - 1) / 2
    # Rounded, so that a radius given in decimals meets the pixel that lies exactly on it.
    far: np.ndarray = np.round(np.hypot(along[:, None], along[None, :]) * mpp, 9)
    return far
