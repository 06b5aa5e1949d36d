"""Candidate cell centres over a whole slide, from haematoxylin density and without training.

The slide is read in square tiles with a border. Nothing here depends on where a tile begins: the
filters reach a fixed length, and a centre belongs to the one tile whose core holds its pixel, so
that tiles of any size find the same centres and none twice.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from rimlight.core.density import White, optical_density
from rimlight.core.stains import StainMatrix

# Own definitions, see docs/decisions/0013-candidates-and-rounds.md.
NUCLEUS_SIGMA_UM, SURROUND_SIGMA_UM = 1.5, 5.0
LEAST_DISTANCE_UM = 3.0
LEAST_HAEMATOXYLIN_OD = 0.03
PALEST_CONTRAST_OD, DARKEST_CONTRAST_OD = 0.015, 0.05
SHARE_OF_CLEAR_NUCLEI, CLEAR_NUCLEI = 0.35, 0.9
_TRUNCATE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The core of a tile, in whole pixels of the plane that is searched."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


def candidate_centres(
    rgb: UInt8[np.ndarray, "h w 3"],
    *,
    mpp: float,
    white: White,
    stains: StainMatrix,
    least_contrast_od: float = DARKEST_CONTRAST_OD,
) -> Int64[np.ndarray, "n 2"]:
    """Return column and row of the pixels in which a cell's nucleus probably lies, row by row.

    Haematoxylin less DAB, so that a brown line is no nucleus, is smoothed to the size of a
    nucleus; what lies higher than its surroundings and is the highest within 3 µm is a centre,
    where there is haematoxylin at all. A nucleus that DAB hides, that is pale, or that the
    section missed is not found.

    Args:
        rgb: Light 0..255, at about 1 µm per pixel.
        mpp: Micrometres that one pixel covers.
        white: I0 of the slide.
        stains: To unmix with.
        least_contrast_od: How much a centre must exceed its surroundings, the same all over a
            slide; see :func:`least_contrast_od`.

    Raises:
        ValueError: The pixel size is not above 0.

    Source:
        Difference of Gaussians (Marr and Hildreth 1980) on unmixed stain; own constants.
    """
    contrast = _contrast(rgb, mpp=mpp, white=white, stains=stains)
    is_centre = _is_highest(contrast, reach_px=_distance_px(mpp)) & (contrast > least_contrast_od)
    rows, columns = np.nonzero(is_centre)
    centres: np.ndarray = np.column_stack([columns, rows]).astype(np.int64)
    return centres


def nuclear_contrasts(
    rgb: UInt8[np.ndarray, "h w 3"], *, mpp: float, white: White, stains: StainMatrix
) -> Float32[np.ndarray, " n"]:
    """Return how much each possible centre exceeds its surroundings, in OD, the faintest too."""
    contrast = _contrast(rgb, mpp=mpp, white=white, stains=stains)
    values: np.ndarray = contrast[_is_highest(contrast, reach_px=_distance_px(mpp))]
    return values[values > PALEST_CONTRAST_OD]


def least_contrast_od(contrasts: Float32[np.ndarray, " n"]) -> float:
    """Return the contrast asked of a slide's candidates: about a third of that of clear nuclei.

    Counterstain differs between laboratories by more than a factor of three.

    Args:
        contrasts: Of possible centres in samples of the slide's tissue.

    >>> least_contrast_od(np.full(100, 0.1, dtype=np.float32))
    0.035
    """
    if not len(contrasts):
        return PALEST_CONTRAST_OD
    clear = float(np.quantile(contrasts, CLEAR_NUCLEI))
    least = SHARE_OF_CLEAR_NUCLEI * clear
    return round(min(max(least, PALEST_CONTRAST_OD), DARKEST_CONTRAST_OD), 6)


def border_px(mpp: float) -> int:
    """Return how many pixels around a tile the search must see to be sure of its core.

    >>> border_px(1.0)
    20
    """
    return ceil(_TRUNCATE * SURROUND_SIGMA_UM / mpp + 0.5) + _distance_px(mpp) + 1


def tiles_of(width_px: int, height_px: int, *, side_px: int) -> list[Tile]:
    """Return tiles that cover an area once, row by row; the last ones are smaller.

    Raises:
        ValueError: A side is not above 0.
    """
    if min(width_px, height_px, side_px) < 1:
        raise ValueError(f"sides must be above 0, got {width_px}, {height_px} and {side_px}")
    return [
        Tile(
            left_px=left,
            top_px=top,
            width_px=min(side_px, width_px - left),
            height_px=min(side_px, height_px - top),
        )
        for top in range(0, height_px, side_px)
        for left in range(0, width_px, side_px)
    ]


def owned(centres: Int64[np.ndarray, "n 2"], tile: Tile) -> Bool[np.ndarray, " n"]:
    """Return which centres, in pixels of the whole area, lie in the core of a tile.

    >>> tile = Tile(left_px=10, top_px=0, width_px=10, height_px=5)
    >>> owned(np.array([[9, 0], [10, 4], [19, 4], [20, 0], [12, 5]]), tile).tolist()
    [False, True, True, False, False]
    """
    x, y = centres[:, 0] - tile.left_px, centres[:, 1] - tile.top_px
    answer: np.ndarray = (x >= 0) & (x < tile.width_px) & (y >= 0) & (y < tile.height_px)
    return answer


def by_tile(
    centres: Int64[np.ndarray, "n 2"], *, side_px: int
) -> dict[tuple[int, int], Int64[np.ndarray, " k"]]:
    """Return the rows of the centres that each tile of :func:`tiles_of` owns, by its left and top.

    Rows rise within a tile; tiles without a centre are left out.

    >>> by_tile(np.array([[9, 0], [10, 4], [3, 3]]), side_px=10)
    {(0, 0): array([0, 2]), (10, 0): array([1])}
    """
    column, row = (centres // side_px).T
    order = np.lexsort((column, row))
    corners = np.column_stack([column, row])[order] * side_px
    starts = np.flatnonzero(np.any(np.diff(corners, axis=0, prepend=-1), axis=1))
    groups = np.split(order, starts[1:])
    return {
        (int(left), int(top)): mine
        for (left, top), mine in zip(corners[starts].tolist(), groups, strict=False)
    }


def _contrast(
    rgb: UInt8[np.ndarray, "h w 3"], *, mpp: float, white: White, stains: StainMatrix
) -> Float32[np.ndarray, "h w"]:
    """What a nucleus-sized blob exceeds its surroundings by; -inf without haematoxylin."""
    from scipy.ndimage import gaussian_filter

    if not mpp > 0:
        raise ValueError(f"mpp: must be above 0, got {mpp}")
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    haematoxylin, dab = (
        _summed(rgb, optical_density(grey, white=white) * weights.astype(np.float32))
        for weights in (stains.inverse[:, 0], stains.inverse[:, 1])
    )
    near, near_dab, far = (
        gaussian_filter(density, sigma_um / mpp, truncate=_TRUNCATE)
        for density, sigma_um in (
            (haematoxylin, NUCLEUS_SIGMA_UM),
            (dab, NUCLEUS_SIGMA_UM),
            (haematoxylin - dab, SURROUND_SIGMA_UM),
        )
    )
    contrast: np.ndarray = near - near_dab - far
    contrast[near <= LEAST_HAEMATOXYLIN_OD] = -np.inf
    return contrast


def _summed(
    rgb: UInt8[np.ndarray, "h w 3"], terms: Float32[np.ndarray, "256 3"]
) -> Float32[np.ndarray, "h w"]:
    """Sum term by term: a matrix product may round the last pixels of a row otherwise."""
    red, green, violet = (terms[:, channel][rgb[..., channel]] for channel in range(3))
    total: np.ndarray = red + green + violet
    return total


def _is_highest(contrast: Float32[np.ndarray, "h w"], *, reach_px: int) -> Bool[np.ndarray, "h w"]:
    """Return pixels that no other within reach exceeds; of equal ones the first counts."""
    from scipy.ndimage import maximum_filter

    row, column = np.mgrid[-reach_px : reach_px + 1, -reach_px : reach_px + 1]
    disc = row**2 + column**2 <= reach_px**2
    is_before = disc & ((row < 0) | ((row == 0) & (column < 0)))
    lowest = np.float32(-np.inf)
    before = maximum_filter(contrast, footprint=is_before, mode="constant", cval=lowest)
    around = maximum_filter(contrast, footprint=disc, mode="constant", cval=lowest)
    highest: np.ndarray = (contrast > before) & (contrast >= around) & (contrast > lowest)
    return highest


def _distance_px(mpp: float) -> int:
    return max(1, round(LEAST_DISTANCE_UM / mpp))
