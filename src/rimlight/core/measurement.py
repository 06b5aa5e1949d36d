"""DAB density inside a mask, and the cheap rivals that call cells by density alone.

A rival calls a cell positive where its density is above a cut. Cuts and rings are fitted on the
cells handed in: hand in training cells only.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64, UInt8

from rimlight.core.zones import distance_um

LEVELS = 4
DARKEST_LIGHT = 2
"""A channel at or below this light counts as saturated: there one grey level is 0.1 OD or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A ring around the click, in micrometres; an inner radius of 0 is a disc."""

    inner_um: float
    outer_um: float


def mean_od(
    dab: Float[np.ndarray, "n h w"], mask: Bool[np.ndarray, "... h w"]
) -> Float64[np.ndarray, " n"]:
    """Return the mean DAB density of each patch inside its mask, or inside one mask for all.

    Returns:
        OD; nan where the mask is empty.

    >>> mean_od(np.float32([[[1, 3], [8, 9]]]), np.array([[True, True], [False, False]])).tolist()
    [2.0]
    """
    inside = np.broadcast_to(mask, dab.shape)
    n_inside = inside.sum(axis=(1, 2))
    total = np.einsum("nhw,nhw->n", dab, inside, dtype=np.float64)
    mean = np.full(len(dab), np.nan)
    np.divide(total, n_inside, out=mean, where=n_inside > 0)
    return mean


def top_share(maps: Float[np.ndarray, "n h w"], *, share: float) -> Bool[np.ndarray, "n h w"]:
    """Return the pixels with the highest signed values: equally many in each map.

    Exactly ``round(share * h * w)`` pixels, a half rounded up; of equal values the first in
    reading order are taken.

    Raises:
        ValueError: The share is outside 0..1, or a map has a value that is not finite.

    >>> top_share(np.float32([[[0, 5], [5, 5]]]), share=0.5).tolist()
    [[[False, True], [True, False]]]
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be within 0..1, got {share}")
    if not np.isfinite(maps).all():
        raise ValueError("maps must be finite; a cell without a map has no top pixels")
    flat = maps.reshape(len(maps), -1)
    n_taken = int(np.floor(share * flat.shape[1] + 0.5))
    taken = np.zeros(flat.shape, dtype=bool)
    first = np.argsort(-flat, axis=1, kind="stable")[:, :n_taken]
    np.put_along_axis(taken, first, True, axis=1)
    return taken.reshape(maps.shape)


def saturated_share(
    rgb: UInt8[np.ndarray, "n h w 3"], dab: Float[np.ndarray, "n h w"], *, max_od: float
) -> Float64[np.ndarray, " n"]:
    """Return the share of pixels too dark to measure: DAB above ``max_od`` or hardly any light.

    Source:
        Own definition, see docs/statistics.md.

    >>> rgb = np.uint8([[[[90, 80, 2], [90, 80, 3]]]])
    >>> saturated_share(rgb, np.float32([[[1.0, 1.0]]]), max_od=2.5).tolist()
    [0.5]
    """
    dark = (dab > max_od) | (rgb.min(axis=-1) <= DARKEST_LIGHT)
    share: np.ndarray = dark.mean(axis=(1, 2), dtype=np.float64)
    return share


def best_cut(value: Float[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]) -> float:
    """Return the cut with the best F1 when values above it are called positive.

    The cut lies in the middle of a gap between neighbouring values; of cuts with the same F1 the
    one in the widest gap is taken, then the lowest. Values that are nan are left out.

    Returns:
        The cut; nan where no positive cell has a value; just below the lowest value where calling
        every cell positive is best.

    >>> best_cut(np.array([0.1, 0.2, 0.6, 0.7]), np.array([False, False, True, True]))
    0.4
    """
    known = ~np.isnan(value)
    cuts, n_hits, n_false, gap = _cuts(value[known].astype(np.float64), is_positive[known])
    return _best(cuts, _f1(n_hits, n_false), gap) if len(cuts) else float("nan")


def separating_cut(value: Float[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]) -> float:
    """Return the cut with the best balanced accuracy when values above it are called positive.

    Unlike ``best_cut`` it does not lean towards the larger class, so that a weak measure is cut in
    the middle and not at its end. Gaps, ties and nan are treated as there.

    Returns:
        The cut; nan where one of the classes has no value.

    >>> value, label = np.array([0.1, 0.3, 0.2, 0.6]), np.array([False, True, True, True])
    >>> round(separating_cut(value, label), 3), round(best_cut(value, label), 3)
    (0.15, 0.15)
    """
    known = ~np.isnan(value)
    cuts, n_hits, n_false, gap = _cuts(value[known].astype(np.float64), is_positive[known])
    if not len(cuts) or n_false[0] == 0:
        return float("nan")
    return _best(cuts, n_hits / n_hits[0] - n_false / n_false[0], gap)


def best_ring(
    dab: Float[np.ndarray, "n h w"],
    is_positive: Bool[np.ndarray, " n"],
    *,
    mpp: float,
    radii_um: Float[np.ndarray, " r"] | None = None,
) -> Ring:
    """Return the ring, or disc, whose mean density calls these cells with the best F1.

    Of equally good rings the widest is taken, then the innermost.

    Args:
        radii_um: Radii to try, rising, the first 0; by default 0 to 14 micrometres in steps of 1,
            as far as the patch reaches.

    Raises:
        ValueError: No positive cell, so that no ring is best.
    """
    size_px = dab.shape[1]
    if radii_um is None:
        radii_um = np.arange(0.0, min(14.0, size_px * mpp / 2) + 0.5)
    if not is_positive.any():
        raise ValueError("a ring is fitted on positive and negative cells, got no positive one")
    found = [
        (
            _best_f1(mean, is_positive),
            -(outer - inner),
            -inner,
            Ring(inner_um=inner, outer_um=outer),
        )
        for inner, outer, mean in _ring_means(dab, mpp=mpp, radii_um=radii_um)
    ]
    return max(found, key=lambda item: (round(item[0], 12), item[1], item[2]))[3]


def level_cuts(
    value: Float[np.ndarray, " n"], level: Int[np.ndarray, " n"]
) -> tuple[float, float, float]:
    """Return the three cuts, not falling, that give the least squared error of the level.

    The error is that of ``levels_from``; squared, so that two levels off weigh four times one, as
    in quadratic-weighted kappa. The best cuts are found exactly. Values that are nan are left out.

    Returns:
        Cuts between negative and weak, weak and moderate, moderate and strong; two are equal where
        no cell is best called by the level between them; nan three times without a value.

    >>> level_cuts(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 1, 2, 3]))
    (0.5, 1.5, 2.5)
    """
    known = ~np.isnan(value)
    order = np.argsort(value[known], kind="stable")
    x, y = value[known][order].astype(np.float64), level[known][order]
    if not len(x):
        return (float("nan"),) * 3
    borders = np.concatenate([[0], np.flatnonzero(np.diff(x) > 0) + 1, [len(x)]])
    costs = (y[:, None] - np.arange(LEVELS)) ** 2
    below = np.vstack([np.zeros(LEVELS, dtype=np.int64), np.cumsum(costs, axis=0)])[borders]
    low, middle, high = (int(borders[chosen]) for chosen in _best_borders(below))
    return _cut_at(x, low), _cut_at(x, middle), _cut_at(x, high)


def levels_from(
    value: Float[np.ndarray, " n"], cuts: tuple[float, float, float]
) -> Int64[np.ndarray, " n"]:
    """Return level 0..3: how many cuts each value is above.

    Raises:
        ValueError: A value or a cut is nan: it has no level.

    >>> levels_from(np.array([0.2, 0.5, 0.9]), (0.2, 0.4, 0.6)).tolist()
    [0, 2, 3]
    """
    if np.isnan(value).any() or np.isnan(cuts).any():
        raise ValueError("a value or a cut that is nan gives no level; leave such cells out")
    above: np.ndarray = (value[:, None] > np.asarray(cuts)).sum(axis=1, dtype=np.int64)
    return above


Cuts = Float64[np.ndarray, " k"]


def _cuts(
    value: Float64[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]
) -> tuple[Cuts, Cuts, Cuts, Cuts]:
    """Every cut worth trying, lowest first: true and false positives above it, width of its gap.

    Empty without a positive cell. The first cut has all cells above it.
    """
    n_positive = int(is_positive.sum())
    if not n_positive:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    order = np.argsort(value, kind="stable")
    x, y = value[order], is_positive[order]
    first = np.concatenate([[0], np.flatnonzero(np.diff(x) > 0) + 1])
    n_hits = n_positive - np.concatenate([[0], np.cumsum(y)])[first]
    inner = (x[first[1:] - 1] + x[first[1:]]) / 2
    gap = np.concatenate([[0.0], x[first[1:]] - x[first[1:] - 1]])
    cuts = np.concatenate([[_cut_at(x, 0)], inner])
    return cuts, n_hits.astype(np.float64), len(x) - first - n_hits.astype(np.float64), gap


def _f1(n_hits: Cuts, n_false: Cuts) -> Cuts:
    f1: np.ndarray = 2 * n_hits / (n_hits + n_false + n_hits[0])
    return f1


def _best(cuts: Cuts, merit: Cuts, gap: Cuts) -> float:
    best = np.flatnonzero(merit >= merit.max() - 1e-12)
    return float(cuts[best[np.argmax(gap[best])]])


def _best_f1(value: Float64[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]) -> float:
    if np.isnan(value).any():
        return -1.0
    _, n_hits, n_false, _ = _cuts(value, is_positive)
    return float(_f1(n_hits, n_false).max())


def _ring_means(
    dab: Float[np.ndarray, "n h w"], *, mpp: float, radii_um: Float[np.ndarray, " r"]
) -> list[tuple[float, float, Float64[np.ndarray, " n"]]]:
    """Mean density in every ring between two of the radii; each pixel is summed once."""
    far = distance_um(dab.shape[1], mpp=mpp).ravel()
    zone = np.searchsorted(radii_um, far, side="left").clip(1) - 1
    zones = (zone[:, None] == np.arange(len(radii_um) - 1)).astype(np.float32)
    total = np.cumsum(
        dab.reshape(len(dab), -1).astype(np.float32) @ zones, axis=1, dtype=np.float64
    )
    count = np.cumsum(zones.sum(axis=0, dtype=np.float64))
    total = np.concatenate([np.zeros((len(dab), 1)), total], axis=1)
    count = np.concatenate([[0.0], count])
    return [
        (
            float(radii_um[i]),
            float(radii_um[j]),
            (total[:, j] - total[:, i]) / (count[j] - count[i]),
        )
        for i in range(len(radii_um))
        for j in range(i + 1, len(radii_um))
        if count[j] > count[i]
    ]


def _best_borders(below: Int64[np.ndarray, "b 4"]) -> tuple[int, int, int]:
    """The borders between levels 0|1, 1|2, 2|3 with the least total cost, lowest borders first."""
    least, came_from = below[:, 0], []
    for upper in range(1, LEVELS):
        before = least - below[:, upper]
        best = np.minimum.accumulate(before)
        is_new = np.concatenate([[True], best[1:] < best[:-1]])
        came_from.append(np.maximum.accumulate(np.where(is_new, np.arange(len(best)), 0)))
        least = best + below[:, upper]
    high = int(came_from[2][-1])
    middle = int(came_from[1][high])
    return int(came_from[0][middle]), middle, high


def _cut_at(x: Float64[np.ndarray, " n"], n_below: int) -> float:
    """A cut that leaves the first ``n_below`` of the sorted values at or below it."""
    if n_below == 0:
        return float(np.nextafter(x[0], -np.inf))
    if n_below == len(x):
        return float(x[-1])
    return float((x[n_below - 1] + x[n_below]) / 2)
