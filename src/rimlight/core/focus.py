"""How sharp a patch is: the spread of its second derivative against its contrast."""

import numpy as np
from jaxtyping import Float64, UInt8


def sharpness(patches: UInt8[np.ndarray, "n h w 3"]) -> Float64[np.ndarray, " n"]:
    """Return the sharpness of each patch, 0 for one colour; no unit, for comparison on one slide.

    The variance of the Laplacian of the grey image over the variance of the grey image, so that
    a pale patch is not taken for a soft one.

    Source:
        Pech-Pacheco et al. (2000), ICPR 3, 314-317: variance of the Laplacian; the division by
        the contrast is our own.

    >>> dots = np.zeros((1, 8, 8, 3), np.uint8); dots[0, ::2, ::2] = 255
    >>> ramp = np.arange(8, dtype=np.uint8)[None, :, None, None].repeat(8, 2).repeat(3, 3)
    >>> bool(sharpness(dots)[0] > 100 * sharpness(ramp)[0])
    True
    """
    from scipy.ndimage import laplace

    grey = patches.mean(axis=3, dtype=np.float64)
    contrast = grey.var(axis=(1, 2))
    edges = np.stack([laplace(one) for one in grey]) if len(grey) else grey
    found: np.ndarray = edges.var(axis=(1, 2)) / np.maximum(contrast, 1e-12)
    return np.where(contrast > 0, found, 0.0)
