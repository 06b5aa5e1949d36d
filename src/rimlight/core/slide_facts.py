"""What an overview and a few squares of a slide tell of its stain, size, focus and damage.

Numbers only; whether they are as they should be is for ``core.slide_guards`` to say. A square is
read at level 0, so that its pixels are those of the file; its corner lies on whole blocks of 8 x 8
pixels, as JPEG has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, UInt8

from rimlight.core.density import White, optical_density
from rimlight.core.focus import sharpness
from rimlight.core.resampling import block_mean
from rimlight.core.stains import StainMatrix, unmix

FINE_MPP, COLOUR_MPP, FOCUS_MPP = 0.25, 0.5, 1.0
FOCUS_UM = 32.0
JPEG_PX = 8
STAINED_OD = 0.15
"""Of the densest channel; a paler pixel has no colour to speak of."""
DARK_RED_OD = 0.6
"""Of an overview in red, where neither stain is so dense over 8 um; pen, pigment and folds are."""
PINK_SHARE = 0.25
"""Of the density of a pixel, on eosin's side of the two stains, from which it is pink."""
FOREIGN_SHARE, FOREIGN_OD = 0.2, 0.3
"""Residual in the density of a pixel of pen, and its density."""
N_SCALES, FIRST_SIGMA_UM, PER_OCTAVE = 15, 0.3, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewFacts:
    """Of a slide at about 8 um per pixel; shares 0..1.

    tissue_mm2: area of the tissue mask. border_share: of the four borders of the scan, what is
    tissue. dark_share: of the tissue, what is pen, pigment, fold or of foreign colour and dense.
    flat_share: of the tissue, what has one value without any grain, as a lost tile has.
    """

    tissue_mm2: float
    border_share: float
    dark_share: float
    flat_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareFacts:
    """Of sampled squares of tissue; nan where there is nothing to tell it from.

    foreign_share: of the colour of stained pixels, what neither stain explains; the median.
    haematoxylin_share, dab_share: of stained pixels, those with more of that stain than of the
    other and 0.1 OD of it. eosin_share: of stained pixels of the middle square, those that are
    pink as eosin is.
    haematoxylin_red, haematoxylin_green, dab_red, dab_green: part of red and of green in the
    density of pixels of that stain. haematoxylin_od: 90th percentile of stained pixels.
    nuclear_um: scale of the haematoxylin's grain; nuclear_od: how strong it is there;
    nuclear_contrast: its power over that of noise.
    sharpness: median; soft_share: of pieces of 32 um, those below the least sharpness.
    blockiness: step at the borders of JPEG's blocks, over the step elsewhere.
    """

    foreign_share: float
    haematoxylin_share: float
    dab_share: float
    eosin_share: float
    haematoxylin_red: float
    haematoxylin_green: float
    dab_red: float
    dab_green: float
    haematoxylin_od: float
    nuclear_um: float
    nuclear_od: float
    nuclear_contrast: float
    sharpness: float
    soft_share: float
    blockiness: float
    flat_share: float


def overview_facts(
    overview: UInt8[np.ndarray, "h w 3"],
    *,
    mask: Bool[np.ndarray, "h w"],
    mpp: float,
    white: White,
    stains: StainMatrix,
) -> OverviewFacts:
    """Return what an overview tells.

    Args:
        overview: The slide at about 8 um per pixel.
        mask: Its tissue.
        mpp: Micrometres that one of its pixels covers.
        white: I0 of the slide.
        stains: To unmix with.
    """
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    n_tissue = max(1, int(mask.sum()))
    density = optical_density(overview, white=white)
    is_dark = (density[..., 0] > DARK_RED_OD) | (
        (density.max(axis=2) > FOREIGN_OD) & (_residual_share(density, stains) > FOREIGN_SHARE)
    )
    return OverviewFacts(
        tissue_mm2=float(mask.sum()) * mpp**2 / 1e6,
        border_share=float(border.mean()) if border.size else 0.0,
        dark_share=float((is_dark & mask).sum()) / n_tissue,
        flat_share=float((_is_flat(overview) & mask & (density.max(axis=2) > 0.06)).sum())
        / n_tissue,
    )


def square_facts(
    squares: Sequence[UInt8[np.ndarray, "h w 3"]],
    *,
    mpp: float,
    white: White,
    stains: StainMatrix,
    least_sharpness: float,
) -> SquareFacts:
    """Return what squares of tissue tell together.

    Args:
        squares: At level 0, each from a corner on whole blocks of 8 pixels.
        mpp: Micrometres that one of their pixels covers.
        white: I0 of the slide.
        stains: To unmix with.
        least_sharpness: A piece of tissue below it is soft.
    """
    pieces = [sharpness_of_pieces(square, mpp=mpp, white=white) for square in squares]
    sharp = np.concatenate([np.empty(0), *pieces])
    nuclear_um, nuclear_od, contrast = nuclear_scale(squares, mpp=mpp, white=white, stains=stains)
    return SquareFacts(
        **_colours(squares, mpp=mpp, white=white, stains=stains),
        nuclear_um=nuclear_um,
        nuclear_od=nuclear_od,
        nuclear_contrast=contrast,
        sharpness=float(np.median(sharp)) if len(sharp) else np.nan,
        soft_share=float((sharp < least_sharpness).mean()) if len(sharp) else np.nan,
        blockiness=blockiness(squares),
        flat_share=_flat_share(squares, white=white),
    )


def nuclear_scale(
    squares: Sequence[UInt8[np.ndarray, "h w 3"]], *, mpp: float, white: White, stains: StainMatrix
) -> tuple[float, float, float]:
    """Return the scale in um at which haematoxylin varies most, how much, and over how much noise.

    Differences of Gaussians over five octaves, taken from the power spectrum; what noise adds, as
    much at each scale as the finest scale could have of it, is taken off. nan without a peak.

    Source:
        Scale selection after Lindeberg (1998), Int. J. Comput. Vis. 30, 79-116; own constants.
    """
    block = max(1, round(FINE_MPP / mpp))
    step_um = mpp * block
    sigma = FIRST_SIGMA_UM * 2 ** (np.arange(N_SCALES + 1) / PER_OCTAVE)
    sigma = sigma[sigma >= 1.2 * step_um]
    power = [
        _band_power(_nuclear_density(block_mean(one, side_px=block), white, stains), step_um, sigma)
        for one in squares
        if min(one.shape[:2]) >= 64 * block
    ]
    if not power:
        return np.nan, np.nan, np.nan
    found = np.mean(power, axis=0)
    noise = found[0] * (sigma[0] / sigma[:-1]) ** 2
    signal = (found - noise).clip(min=0)
    at = int(signal.argmax())
    if not 0 < at < len(signal) - 1 or signal[at] <= 0:
        return np.nan, np.nan, np.nan
    below, peak, above = np.log(signal[at - 1 : at + 2].clip(min=1e-12))
    shift = 0.5 * (below - above) / min(below - 2 * peak + above, -1e-9)
    scale = float(sigma[at] * 2 ** (np.clip(shift, -1, 1) / PER_OCTAVE))
    return scale, float(np.sqrt(signal[at])), float(signal[at] / max(noise[at], 1e-12))


def sharpness_of_pieces(
    square: UInt8[np.ndarray, "h w 3"], *, mpp: float, white: White
) -> Float64[np.ndarray, " n"]:
    """Return the sharpness of pieces of 32 um of a square, glass left out."""
    small = block_mean(square, side_px=max(1, round(FOCUS_MPP / mpp)))
    side = max(8, round(FOCUS_UM / (mpp * max(1, round(FOCUS_MPP / mpp)))))
    rows, columns = (length // side for length in small.shape[:2])
    whole = small[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    pieces = whole.swapaxes(1, 2).reshape(-1, side, side, 3)
    density = optical_density(pieces, white=white).max(axis=3)
    is_tissue = (density > 0.03).mean(axis=(1, 2)) > 0.5
    found: np.ndarray = sharpness(pieces[is_tissue])
    return found


_EVERY = 3  # row and column is looked at; not a part of 8


def blockiness(squares: Sequence[UInt8[np.ndarray, "h w 3"]]) -> float:
    """Return the mean step across borders of 8 x 8 blocks over the mean step elsewhere.

    1 for an image that was never compressed in blocks; nan without a square.

    Source:
        Own definition, as in Wang et al. (2000), ICIP 3, 981-984.

    >>> ramp = np.arange(32, dtype=np.uint8)[None, :, None].repeat(32, 0).repeat(3, 2)
    >>> round(blockiness([ramp]), 3), round(blockiness([ramp // 8 * 8]), 1) > 10
    (1.0, True)
    """
    at_border, elsewhere = [], []
    for square in squares:
        grey = square.astype(np.int16).sum(axis=2, dtype=np.int16)
        for rows in (grey[::_EVERY], grey[:, ::_EVERY].T):
            steps = np.abs(np.diff(rows, axis=1)).mean(axis=0)
            is_border = np.arange(1, len(steps) + 1) % JPEG_PX == 0
            at_border.append(steps[is_border])
            elsewhere.append(steps[~is_border])
    if not at_border:
        return np.nan
    # A small number keeps an even square from dividing by nothing.
    return float(
        (np.concatenate(at_border).mean() + 0.01) / (np.concatenate(elsewhere).mean() + 0.01)
    )


def _colours(
    squares: Sequence[UInt8[np.ndarray, "h w 3"]], *, mpp: float, white: White, stains: StainMatrix
) -> dict[str, float]:
    block = max(1, round(COLOUR_MPP / mpp))
    stained = [_stained(block_mean(one, side_px=block), white) for one in squares]
    density = np.concatenate([np.empty((0, 3), dtype=np.float32), *stained])
    if not len(density):
        return dict.fromkeys(_COLOURS, np.nan)
    haematoxylin, dab, residual = unmix(density, stains=stains).T
    size = np.linalg.norm(density, axis=1)
    is_blue = (haematoxylin > 0.1) & (haematoxylin > dab)
    is_brown = (dab > 0.1) & (dab > haematoxylin)
    is_pink = residual * np.sign(stains.inverse[:, 2] @ EOSIN) > PINK_SHARE * size
    values = (
        float(np.median(np.abs(residual) / size)),
        float(is_blue.mean()),
        float(is_brown.mean()),
        _share_of_middle_square(is_pink, [len(one) for one in stained]),
        *_mean_colour(density[is_blue]),
        *_mean_colour(density[is_brown]),
        float(np.percentile(haematoxylin, 90)),
    )
    return dict(zip(_COLOURS, values, strict=True))


def _stained(pixels: UInt8[np.ndarray, "h w 3"], white: White) -> Float32[np.ndarray, "n 3"]:
    density = optical_density(pixels, white=white).reshape(-1, 3)
    found: np.ndarray = density[density.max(axis=1) >= STAINED_OD]
    return found


def _share_of_middle_square(is_so: Bool[np.ndarray, " n"], lengths: Sequence[int]) -> float:
    """Return the median over squares of a share: eosin is everywhere, red pen on some alone."""
    parts = np.split(is_so, np.cumsum(lengths)[:-1])
    shares = [float(part.mean()) for part in parts if len(part) >= _FEWEST_PIXELS]
    return float(np.median(shares)) if shares else 0.0


EOSIN = np.array([0.07, 0.99, 0.11])
_COLOURS = (
    "foreign_share",
    "haematoxylin_share",
    "dab_share",
    "eosin_share",
    "haematoxylin_red",
    "haematoxylin_green",
    "dab_red",
    "dab_green",
    "haematoxylin_od",
)
_FEWEST_PIXELS = 500


def _mean_colour(density: Float[np.ndarray, "n 3"]) -> tuple[float, float]:
    """Return the parts of red and green in the density of pixels; nan of too few."""
    if len(density) < _FEWEST_PIXELS:
        return np.nan, np.nan
    mean = density.mean(axis=0, dtype=np.float64)
    return float(mean[0] / mean.sum()), float(mean[1] / mean.sum())


def _nuclear_density(
    rgb: UInt8[np.ndarray, "h w 3"], white: White, stains: StainMatrix
) -> Float32[np.ndarray, "h w"]:
    """Haematoxylin less DAB, so that nuclei stand out from brown around them, too."""
    weights = (stains.inverse[:, 0] - stains.inverse[:, 1]).astype(np.float32)
    found: np.ndarray = optical_density(rgb, white=white) @ weights
    return found


def _band_power(
    density: Float32[np.ndarray, "h w"], step_um: float, sigma_um: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " m"]:
    """Return the variance of the difference between each Gaussian and the next."""
    height, width = density.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None, :]
    spectrum = np.abs(np.fft.rfft2((density - density.mean()) * window)) ** 2
    down = np.fft.fftfreq(height, step_um)[:, None]
    across = np.fft.rfftfreq(width, step_um)[None, :]
    radius = np.sqrt(down**2 + across**2)
    # Rings of equal frequency: the filters are round, so a ring has one weight.
    ring = np.rint(radius * min(height, width) * step_um).astype(int)
    total = np.bincount(ring.ravel(), weights=spectrum.ravel())
    frequency = np.arange(len(total)) / (min(height, width) * step_um)
    passed = np.exp(-2 * (np.pi * frequency * sigma_um[:, None]) ** 2)
    found: np.ndarray = ((passed[:-1] - passed[1:]) ** 2) @ total
    scale: float = 2 / (window**2).sum() / (height * width)
    return found * scale


def _residual_share(
    density: Float[np.ndarray, "h w 3"], stains: StainMatrix
) -> Float[np.ndarray, "h w"]:
    residual = np.abs(unmix(density, stains=stains)[..., 2])
    share: np.ndarray = residual / np.maximum(np.linalg.norm(density, axis=2), 1e-6)
    return share


def _is_flat(rgb: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """Return pixels that equal all their neighbours in all channels."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = (3, 3, 1)
    flat: np.ndarray = (maximum_filter(rgb, size) == minimum_filter(rgb, size)).all(axis=2)
    return flat


def _flat_share(squares: Sequence[UInt8[np.ndarray, "h w 3"]], *, white: White) -> float:
    """Return the share of blocks of 16 x 16 pixels without any grain, glass left out."""
    n_flat, n_all = 0, 0
    for square in squares:
        rows, columns = (length // 16 for length in square.shape[:2])
        blocks = square[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16, 3)
        corner = blocks[:, 0, :, 0]
        flat = (blocks == corner[:, None, :, None]).all(axis=(1, 3, 4))
        is_stained = optical_density(corner, white=white).max(axis=2) > 0.06
        n_flat, n_all = n_flat + int((flat & is_stained).sum()), n_all + flat.size
    return n_flat / n_all if n_all else np.nan
