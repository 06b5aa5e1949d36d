"""Nuclei in a patch, found from haematoxylin alone and without training.

Brown stain can hide a nucleus and a pale one may be missed: what comes back serves to say where
rings lie, it is no count of cells.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int32

SMOOTHING_UM, SEED_SMOOTHING_UM = 0.5, 1.25
SEED_DISTANCE_UM = 2.5
SMALLEST_NUCLEUS_UM2 = 6.0
LEAST_CONTRAST_OD = 0.05
"""A patch whose stained and unstained pixels differ by less than this holds no nucleus."""


def nuclei(
    haematoxylin_od: Float[np.ndarray, "h w"],
    *,
    mpp: float,
    is_padding: Bool[np.ndarray, "h w"] | None = None,
) -> Int32[np.ndarray, "h w"]:
    """Return a number for each nucleus at its pixels; 0 where there is none.

    The smoothed density is cut at Otsu's threshold; touching nuclei are parted by a watershed
    that floods from the peaks of the density, smoothed more, times the depth inside the cut.

    Args:
        haematoxylin_od: Density of haematoxylin; values below 0 count as 0.
        mpp: Micrometres that one pixel covers.
        is_padding: Pixels beyond the slide, which hold no nucleus.

    Raises:
        ValueError: No image (h, w), a density that is not finite, or a pixel size not above 0.

    Source:
        Own definition, see docs/method.md.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter
    from skimage.filters import threshold_otsu
    from skimage.segmentation import watershed

    known = _known(haematoxylin_od, mpp, is_padding)
    density = np.where(known, haematoxylin_od, 0).clip(min=0).astype(np.float64)
    smooth = gaussian_filter(density, SMOOTHING_UM / mpp)
    if not known.any() or np.ptp(smooth[known]) <= 0:
        return np.zeros(density.shape, dtype=np.int32)
    is_dark = known & (smooth > threshold_otsu(smooth[known]))
    if not is_dark.any() or (known & ~is_dark).sum() == 0:
        return np.zeros(density.shape, dtype=np.int32)
    if smooth[is_dark].mean() - smooth[known & ~is_dark].mean() < LEAST_CONTRAST_OD:
        return np.zeros(density.shape, dtype=np.int32)
    # Padded by one, so that the edge of the patch does not count as the edge of a nucleus.
    depth_um = distance_transform_edt(np.pad(is_dark, 1, mode="edge"))[1:-1, 1:-1] * mpp
    height = gaussian_filter(density, SEED_SMOOTHING_UM / mpp) * depth_um
    parts = watershed(-height, markers=_seeds(height, is_dark, mpp=mpp), mask=is_dark)
    return _without_specks(parts, smallest_px=SMALLEST_NUCLEUS_UM2 / mpp**2)


def _known(
    density: np.ndarray, mpp: float, is_padding: np.ndarray | None
) -> Bool[np.ndarray, "h w"]:
    if density.ndim != 2 or not np.isfinite(density).all():
        raise ValueError(
            f"haematoxylin_od: must be finite and of shape (h, w), got shape {density.shape}"
        )
    if not mpp > 0:
        raise ValueError(f"mpp: must be above 0, got {mpp}")
    if is_padding is None:
        return np.ones(density.shape, dtype=bool)
    if is_padding.shape != density.shape:
        raise ValueError(f"is_padding: must have the shape {density.shape}, got {is_padding.shape}")
    known: np.ndarray = ~is_padding
    return known


def _seeds(
    height: Float64[np.ndarray, "h w"], is_dark: Bool[np.ndarray, "h w"], *, mpp: float
) -> Int32[np.ndarray, "h w"]:
    """One mark a nucleus: peaks that are far enough from each other."""
    from skimage.feature import peak_local_max

    peaks = peak_local_max(
        height,
        min_distance=max(1, round(SEED_DISTANCE_UM / mpp)),
        exclude_border=False,
        labels=is_dark.astype(np.int32),
    )
    seeds = np.zeros(height.shape, dtype=np.int32)
    seeds[peaks[:, 0], peaks[:, 1]] = np.arange(1, len(peaks) + 1)
    return seeds


def _without_specks(
    parts: Int32[np.ndarray, "h w"], *, smallest_px: float
) -> Int32[np.ndarray, "h w"]:
    size_px = np.bincount(parts.ravel())
    is_kept = size_px >= smallest_px
    is_kept[0] = False
    number = np.where(is_kept, np.cumsum(is_kept), 0)
    kept: np.ndarray = number[parts].astype(np.int32)
    return kept
