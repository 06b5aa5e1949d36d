"""Attribution to contributing pixels: a pseudo-segmentation, evidence about the network.

The map says whose, the gate (for us DAB density above background) says where.  It is not a
validated membrane segmenter.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from jaxtyping import Bool, Float, Float32

from rimlight.explain.zone_mass import centre_prior

LARGEST_GATE = 2.5
N_SECTORS, FEWEST_SECTORS = 72, 36
_RAYS_A_SECTOR, _STEP_PX = 5, 0.25


def evidence(
    values: Float[np.ndarray, "h w"], *, gate: Float[np.ndarray, "h w"], sigma_px: float
) -> Float32[np.ndarray, "h w"]:
    """Return the smoothed evidence for the call, times the gate; 0 or more.

    The signed map is smoothed first and its positive part taken then, so that evidence against,
    on a neighbour, cancels evidence for.  Borders reflect.

    Args:
        values: Signed sum of a map's channels, in units of the response.
        gate: 0 or more, for us max(DAB OD - background, 0); capped at 2.5.
        sigma_px: Gaussian sigma; 0 smooths nothing.

    Raises:
        ValueError: Shapes differ, a value is not finite, or the gate is negative.

    Source:
        Own definition, see docs/method.md.
    """
    from scipy.ndimage import gaussian_filter

    check_maps(values, gate)
    if sigma_px < 0:
        raise ValueError(f"sigma_px: must be 0 or more, got {sigma_px}")
    smooth = gaussian_filter(values.astype(np.float64), sigma_px, mode="reflect")
    product: np.ndarray = smooth.clip(min=0) * gate.clip(max=LARGEST_GATE)
    return product.astype(np.float32)


def check_maps(values: Float[np.ndarray, "h w"], gate: Float[np.ndarray, "h w"]) -> None:
    """Refuse a map and a gate that cannot be multiplied.

    Raises:
        ValueError: Shapes differ, a value is not finite, or the gate is negative.
    """
    if values.shape != gate.shape or values.ndim != 2:
        raise ValueError(
            f"values and gate: must be of one shape (h, w), got {values.shape}, {gate.shape}"
        )
    if not (np.isfinite(values).all() and np.isfinite(gate).all()):
        raise ValueError("values and gate: hold NaN or infinity; explain the image again")
    if (gate < 0).any():
        raise ValueError("gate: must be 0 or more; clip the gate at 0 first")


def thresholded(
    product: Float[np.ndarray, "h w"],
    *,
    gate: Float[np.ndarray, "h w"],
    floor: float,
    min_area_px: float,
) -> Bool[np.ndarray, "h w"]:
    """Return the pixels that made a positive call: evidence above Otsu's threshold, where stained.

    Ask :func:`reason_without_mask` first: a map that is no answer has no mask.

    Args:
        floor: What the gate must exceed: 3 SD of the slide's unstained tissue.
        min_area_px: Components smaller than this are dropped; pixels that touch by a corner are
            one.
    """
    mask = (product > otsu_threshold(product)) & (gate > floor)
    return _without_specks(mask, min_area_px)


def otsu_threshold(values: Float[np.ndarray, "*pixels"]) -> float:
    """Return the threshold that splits values into two classes of least variance within.

    Exact, without a histogram: the class above holds the values greater than the threshold.
    Infinity where all values are equal, since nothing stands out.

    Source:
        Otsu (1979), IEEE Trans. Syst. Man Cybern. 9, 62-66.

    >>> otsu_threshold(np.array([0.0, 0.0, 1.0, 9.0, 10.0]))
    1.0
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    ends = np.flatnonzero(np.diff(ordered))  # a cut lies between two different values
    if not len(ends):
        return float("inf")
    n_below = ends + 1.0
    n_above = len(ordered) - n_below
    sum_below = np.cumsum(ordered)[ends]
    apart = sum_below / n_below - (ordered.sum() - sum_below) / n_above
    return float(ordered[ends[np.argmax(n_below * n_above * apart**2)]])


def _without_specks(mask: Bool[np.ndarray, "h w"], min_area_px: float) -> Bool[np.ndarray, "h w"]:
    from scipy.ndimage import label

    parts, _ = label(mask, structure=np.ones((3, 3)))
    is_kept = np.bincount(parts.ravel()) >= min_area_px
    is_kept[0] = False
    kept: np.ndarray = is_kept[parts]
    return kept


def reason_without_mask(
    *, is_called_positive: bool, is_converged: bool, is_reference_valid: bool
) -> str:
    """Return why a cell gets no mask of contributing pixels; empty where it gets one.

    >>> reason_without_mask(is_called_positive=False, is_converged=True, is_reference_valid=True)
    'called negative: nothing to outline'
    """
    if not is_called_positive:
        return "called negative: nothing to outline"
    if not is_converged:
        return "map not converged: its sum misses the rise"
    return "" if is_reference_valid else "reference has not the class it should have"


def gaussian_prior(size_px: int, *, sigma_px: float) -> Float32[np.ndarray, "s s"]:
    """Return a control map that knows only where the centre is: a Gaussian, 1 at its peak."""
    return centre_prior((size_px, size_px), sigma_px=sigma_px).astype(np.float32)


def mean_of_others(values: Float[np.ndarray, "n h w"]) -> Float32[np.ndarray, "n h w"]:
    """Return for each cell the mean map of all other cells: a learned centre prior, as control.

    Raises:
        ValueError: There is one cell only.
    """
    if len(values) < 2:
        raise ValueError(
            f"values: at least two maps are needed for the others' mean, got {len(values)}"
        )
    total = values.sum(0, dtype=np.float64)
    others: np.ndarray = (total - values) / (len(values) - 1)
    return others.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the way round a cell its contributing pixels cover; it describes the mask.

    completeness: covered sectors over available ones, 0..1; NaN under 36 available.
    longest_gap_deg: longest run of available sectors without a contributing pixel.
    completeness_sd: SD when the centre moves in 8 directions; NaN where undefined.
    bridged_gap_deg: gaps below this are closed by the smoothing.
    """

    completeness: float
    n_available: int
    longest_gap_deg: float
    completeness_sd: float
    bridged_gap_deg: float


def angular_coverage(
    mask: Bool[np.ndarray, "h w"],
    *,
    available: Bool[np.ndarray, "h w"],
    centre_px: tuple[float, float],
    sigma_px: float,
    move_px: float,
) -> Coverage:
    """Return the coverage of 72 sectors of 5 degrees around a centre.

    A sector is available where it crosses ``available`` (the own ring on tissue) and covered where
    a contributing pixel lies in it there.  It is not a reader's membrane completeness.

    Args:
        centre_px: x, y in pixels of the mask, pixel centres at whole numbers.
        sigma_px: Smoothing of the map, for the size of gap that cannot be seen.
        move_px: How far the centre is moved for the SD; 1 um.

    Raises:
        ValueError: Shapes differ.

    Source:
        Own definition, see docs/method.md.
    """
    if mask.shape != available.shape:
        raise ValueError(
            f"mask and available: must be of one shape, got {mask.shape}, {available.shape}"
        )
    has, covers = _sectors(mask, available, centre_px)
    turns = np.arange(8) * np.pi / 4
    moved = [
        _share(*_sectors(mask, available, (centre_px[0] + dx, centre_px[1] + dy)))
        for dx, dy in zip(move_px * np.cos(turns), move_px * np.sin(turns), strict=True)
    ]
    rows, columns = np.nonzero(available)
    radius_px = np.hypot(rows - centre_px[1], columns - centre_px[0]).mean() if len(rows) else nan
    return Coverage(
        completeness=_share(has, covers),
        n_available=int(has.sum()),
        longest_gap_deg=_longest_run(has & ~covers) * 360 / N_SECTORS,
        completeness_sd=float(np.std(moved)),
        bridged_gap_deg=float(np.degrees(2 * sigma_px / radius_px)) if radius_px > 0 else nan,
    )


def _sectors(
    mask: np.ndarray, available: np.ndarray, centre_px: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Whether rays of each sector meet an available pixel, and one that contributes."""
    n_rays = N_SECTORS * _RAYS_A_SECTOR
    angle = (np.arange(n_rays) + 0.5) * 2 * np.pi / n_rays
    radius = np.arange(_STEP_PX, np.hypot(*mask.shape), _STEP_PX)
    column = np.rint(centre_px[0] + np.outer(np.cos(angle), radius)).astype(int)
    row = np.rint(centre_px[1] + np.outer(np.sin(angle), radius)).astype(int)
    inside = (row >= 0) & (row < mask.shape[0]) & (column >= 0) & (column < mask.shape[1])
    row, column = row.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)
    meets = inside & available[row, column]
    has = meets.reshape(N_SECTORS, -1).any(1)
    covers = (meets & mask[row, column]).reshape(N_SECTORS, -1).any(1)
    return has, covers


def _share(has: np.ndarray, covers: np.ndarray) -> float:
    return float(covers.sum() / has.sum()) if has.sum() >= FEWEST_SECTORS else nan


def _longest_run(is_gap: Bool[np.ndarray, "sectors"]) -> int:
    if is_gap.all():
        return len(is_gap)
    longest = run = 0
    for step in np.concatenate([is_gap, is_gap]):
        run = run + 1 if step else 0
        longest = max(longest, run)
    return longest
