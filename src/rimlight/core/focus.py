"""How sharp a patch is: the spread of its second derivative against its contrast."""

import numpy as np
from jaxtyping import Float64, Int16, UInt8

_AT_ONCE = 64


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
    found = [np.empty(0)]
    for start in range(0, len(patches), _AT_ONCE):
        # Sums of three channels: whole numbers, whose third parts cancel in the ratio.
        grey = patches[start : start + _AT_ONCE].sum(axis=3, dtype=np.int16)
        contrast, edges = _variance(grey), _variance(_laplacian(grey))
        ratio = edges / np.maximum(contrast, 1e-12)
        found.append(np.where(contrast > 0, ratio, 0.0))
    return np.concatenate(found)


def _laplacian(grey: Int16[np.ndarray, "n h w"]) -> Int16[np.ndarray, "n h w"]:
    """Return the sum of the four neighbours less four times the pixel; edges stand twice."""
    wide = np.pad(grey, [(0, 0), (1, 1), (1, 1)], mode="edge")
    around = wide[:, 2:, 1:-1] + wide[:, :-2, 1:-1] + wide[:, 1:-1, 2:] + wide[:, 1:-1, :-2]
    edges: np.ndarray = around - 4 * grey
    return edges


def _variance(values: Int16[np.ndarray, "n h w"]) -> Float64[np.ndarray, " n"]:
    """Return the variance of each plane, exact until the last division."""
    exact = values.reshape(len(values), -1).astype(np.float64)
    mean = exact.mean(axis=1)
    square = np.einsum("np,np->n", exact, exact) / exact.shape[1]
    variance: np.ndarray = square - mean**2
    return variance.clip(min=0)
