"""Transmitted light to optical density and back, to base 10.

White (I0) is the value 0..255 of clear glass on this slide, per channel.  Pixels are taken as
stored: no ICC profile is applied and the encoding is not undone (docs/method.md).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, UInt8

White = Float[np.ndarray, "*#pixels 3"] | Sequence[float]

_DARKEST = 1.0
_LOG10_OF_LIGHT = np.log10(np.arange(256).clip(_DARKEST)).astype(np.float32)


def optical_density(
    rgb: UInt8[np.ndarray, "*pixels 3"], *, white: White
) -> Float32[np.ndarray, "*pixels 3"]:
    """Return the optical density of each colour channel, to base 10.

    Beer-Lambert: OD = -log10(I / I0).  An intensity of 0 is read as 1; light brighter than
    ``white`` has a negative density, so that bare glass averages 0.  Nothing is clipped at 0.

    Args:
        rgb: Transmitted light, 0..255.
        white: I0 per channel, 1 < I0 <= 255; (3,), or one a pixel or patch if it broadcasts.

    Returns:
        Density, no unit; 1.0 means that a tenth of the light came through.

    Raises:
        ValueError: ``white`` is not three values above 1 and at most 255; ``rgb`` is not uint8.

    Source:
        Ruifrok and Johnston (2001), Anal. Quant. Cytol. Histol. 23, 291-299.

    >>> print(optical_density(np.uint8([255, 25, 0]), white=(255, 255, 255)).round(2))
    [0.   1.01 2.41]
    """
    if rgb.dtype != np.uint8:
        raise ValueError(f"rgb: must be uint8, 0..255, got {rgb.dtype}; convert it first")
    density: np.ndarray = np.log10(_checked_white(white)) - _LOG10_OF_LIGHT[rgb]
    return density


def light(
    density: Float[np.ndarray, "*pixels 3"], *, white: White
) -> Float32[np.ndarray, "*pixels 3"]:
    """Return the light that passes a density: I0 x 10^-OD, 0..255, not rounded.

    The way back from :func:`optical_density`.  What would be brighter than 255 is 255.

    Raises:
        ValueError: ``white`` is not three values above 1 and at most 255.

    >>> print(light(np.float32([0.0, 1.0, 2.0]), white=(200, 200, 200)).round(3))
    [200.  20.   2.]
    """
    through = np.power(np.float32(10), -np.asarray(density, dtype=np.float32))
    bright: np.ndarray = np.minimum(_checked_white(white) * through, np.float32(255))
    return bright


def _checked_white(white: White) -> Float32[np.ndarray, "*pixels 3"]:
    values = np.asarray(white, dtype=np.float32)
    if values.shape[-1:] != (3,) or not ((values > _DARKEST) & (values <= 255)).all():
        raise ValueError(
            f"white: must be three values above 1 and at most 255, got {np.asarray(white)}; "
            "hand in I0 of the slide on the scale 0..255"
        )
    return values
