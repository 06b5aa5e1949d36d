"""What an overview of a slide tells: white of glass, where tissue is, why not brightfield."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from rimlight.core.density import optical_density

_NO_GLASS = (255.0, 255.0, 255.0)
# Own definitions, see docs/decisions/0002-white-point-and-icc.md.
_DARKEST_GLASS = 160  # grey value, every channel
_LARGEST_TINT = 32  # grey values between the channels of glass
_LARGEST_STEP = 3.0  # grey values between neighbours on glass
_BRIGHT_BAND = 20.0  # grey values below the brightest glass: pale tissue lies further down
_SMALLEST_SHARE = 0.005  # of the overview; less is a speck, not glass
_DARK = 60  # grey value, brightest channel; light that glass or tissue never falls to
_DARK_SHARE = 0.5
_TINTLESS = 3  # grey values between the channels of grey
_LEAST_OD = 0.02  # of the densest channel; glass of real scans stays below 0.01, see decision 23


@dataclass(frozen=True, slots=True, kw_only=True)
class WhitePoint:
    """I0: the value 0..255 of clear glass, per channel R, G, B.

    is_estimated: False where no glass was in view and 255 was taken instead.
    """

    white: tuple[float, float, float]
    is_estimated: bool


def white_point(overview: UInt8[np.ndarray, "h w 3"]) -> WhitePoint:
    """Return the most frequent value of clear glass, per channel.

    Glass is bright, nearly without tint, and smooth. Pixels of 255 in all channels are mostly
    filling that no scanner has seen, so they count only where there is no other glass. Means
    of 2 x 2 pixels are taken first, so that noise is not mistaken for tissue.

    Args:
        overview: The whole slide at low magnification.

    Returns:
        The mode per channel, in whole grey values.

    Source:
        Own definition, see docs/decisions/0002-white-point-and-icc.md.

    >>> white_point(np.full((64, 64, 3), (243, 242, 240), dtype=np.uint8))
    WhitePoint(white=(243.0, 242.0, 240.0), is_estimated=True)
    """
    glass = _glass(overview)
    is_filling = (glass == 255).all(axis=1)
    smallest = max(
        1.0, _SMALLEST_SHARE * overview.shape[0] * overview.shape[1] / _n_merged(overview)
    )
    if (~is_filling).sum() >= smallest:
        glass = glass[~is_filling]
    if len(glass) < smallest:
        return WhitePoint(white=_NO_GLASS, is_estimated=False)
    brightness = glass.mean(axis=1)
    near = glass[brightness >= np.percentile(brightness, 99) - _BRIGHT_BAND]
    red, green, blue = (_mode(near[:, channel]) for channel in range(3))
    return WhitePoint(white=(red, green, blue), is_estimated=True)


def tissue_mask(
    overview: UInt8[np.ndarray, "h w 3"], *, white: tuple[float, float, float]
) -> Bool[np.ndarray, "h w"]:
    """Return where there is tissue, pale or brown, one pixel of its surroundings included.

    It serves to pass over glass; what is on the tissue is for others to judge. Density of the
    densest channel is asked, so that blue and brown count alike, pale as they may be.

    Args:
        overview: The slide at about 8 µm per pixel.
        white: I0 of the slide.

    Source:
        Own definition, see docs/decisions/0013-candidates-and-rounds.md.
    """
    from scipy.ndimage import binary_dilation, gaussian_filter

    densest = optical_density(overview, white=white).max(axis=2)
    is_tissue: np.ndarray = binary_dilation(
        gaussian_filter(densest, 1.0) > _LEAST_OD, structure=np.ones((3, 3), dtype=bool)
    )
    return is_tissue


def brightfield_fault(overview: UInt8[np.ndarray, "h w 3"]) -> str | None:
    """Return why an overview cannot be that of a stained brightfield slide; None if it can.

    Returns:
        The end of a sentence that begins with the slide: "is ...".
    """
    brightest = overview.max(axis=2)
    if white_point(overview).is_estimated:
        return _greyness(overview)
    dark_share = float((brightest < _DARK).mean())
    if dark_share > _DARK_SHARE:
        return (
            f"is not brightfield: {dark_share:.0%} of it is dark and no clear glass is in view, "
            "as in fluorescence"
        )
    return _greyness(overview)


def _greyness(overview: UInt8[np.ndarray, "h w 3"]) -> str | None:
    """Grey scale has tissue but no tint in it; an empty slide is let through."""
    low, high = overview.min(axis=2).astype(int), overview.max(axis=2).astype(int)
    is_tissue = high < 0.85 * np.percentile(high, 99)
    if is_tissue.mean() < 0.01 or (high - low)[is_tissue].max() > _TINTLESS:
        return None
    return "is grey scale: stains cannot be told apart without colour"


def _n_merged(overview: UInt8[np.ndarray, "h w 3"]) -> int:
    return 4 if min(overview.shape[:2]) >= 32 else 1


def _glass(overview: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "n 3"]:
    """Return the pixels, or means of 2 x 2, that look like clear glass or white filling."""
    pixels = overview.astype(np.float32)
    if _n_merged(overview) == 4:
        height, width = (side // 2 for side in overview.shape[:2])
        whole = pixels[: 2 * height, : 2 * width]
        pixels = whole.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    tint = pixels.max(axis=2) - pixels.min(axis=2)
    is_glass = (pixels.min(axis=2) >= _DARKEST_GLASS) & (tint <= _LARGEST_TINT)
    glass: Float[np.ndarray, "n 3"] = np.rint(pixels[is_glass & _is_smooth(pixels.mean(axis=2))])
    return glass


def _is_smooth(brightness: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return where no direct neighbour differs by more than a step."""
    smooth = np.ones(brightness.shape, dtype=bool)
    across = np.abs(np.diff(brightness, axis=1)) <= _LARGEST_STEP
    down = np.abs(np.diff(brightness, axis=0)) <= _LARGEST_STEP
    smooth[:, 1:] &= across
    smooth[:, :-1] &= across
    smooth[1:] &= down
    smooth[:-1] &= down
    return smooth


def _mode(values: Float[np.ndarray, " n"]) -> float:
    counts = np.bincount(values.astype(int), minlength=256)
    padded = np.pad(counts, 1)
    return float((padded[:-2] + 2 * padded[1:-1] + padded[2:]).argmax())
