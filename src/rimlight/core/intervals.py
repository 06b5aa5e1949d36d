"""Intervals that resample cases, never cells: cells of one case are alike, cases are not.

Cases are drawn with replacement and all cells of a drawn case come along, as often as it was
drawn. The draws depend on the seed and the number of cases alone, so every statistic of one
sample is computed on the same resamples, and a difference of two statistics is paired.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, Shaped

from rimlight.core.clustered import Clusters, Statistic, Times, clusters_of
from rimlight.records import Interval

FEWEST_RELIABLE_CASES = 10
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A statistic on the sample and on each resample; nan: undefined there."""

    value: float
    resamples: Float64[np.ndarray, " r"]
    n_cells: int
    n_cases: int

    def __sub__(self, other: "Sampled") -> "Sampled":
        """Return the paired difference; both must come from the same resamples."""
        return Sampled(
            value=self.value - other.value,
            resamples=self.resamples - other.resamples,
            n_cells=min(self.n_cells, other.n_cells),
            n_cases=min(self.n_cases, other.n_cases),
        )

    @property
    def interval(self) -> Interval:
        """Percentile interval of 95 % over the resamples in which the statistic is defined.

        None for both ends where the statistic is undefined or rests on one case: a single case
        says nothing about how cases differ.
        """
        known = self.resamples[~np.isnan(self.resamples)]
        has_value = not np.isnan(self.value)
        low = high = None
        if has_value and len(known) and self.n_cases > 1:
            low, high = (float(end) for end in np.percentile(known, PERCENTILES))
        return Interval(
            value=self.value if has_value else None,
            low=low,
            high=high,
            n_cells=self.n_cells,
            n_cases=self.n_cases,
            n_resamples=len(self.resamples),
            n_undefined=len(self.resamples) - len(known),
            is_reliable=self.n_cases >= FEWEST_RELIABLE_CASES,
        )


def case_times(n_cases: int, *, n_resamples: int, seed: int) -> Times:
    """Return how many times each case is drawn in each resample; every row sums to n_cases."""
    drawn = np.random.default_rng(seed).integers(0, max(n_cases, 1), size=(n_resamples, n_cases))
    rows = np.arange(n_resamples)[:, None] * n_cases
    counts = np.bincount((rows + drawn).ravel(), minlength=n_resamples * n_cases)
    return counts.reshape(n_resamples, n_cases).astype(np.float64)


def sampled(statistic: Statistic, clusters: Clusters, *, times: Times) -> Sampled:
    """Return a statistic on the cells of ``clusters`` and on the resamples ``times`` of all cases.

    Raises:
        ValueError: The resamples are of another number of cases.
    """
    if times.shape[1] != clusters.n_cases:
        raise ValueError(f"resamples of {times.shape[1]} cases, but {clusters.n_cases} cases")
    n_cells, n_cases = len(clusters.code), len(np.unique(clusters.code))
    if not n_cells:
        nothing = np.full(len(times), np.nan)
        return Sampled(value=float("nan"), resamples=nothing, n_cells=0, n_cases=0)
    value = float(statistic(np.ones((1, clusters.n_cases)))[0])
    resamples = np.concatenate(
        [statistic(part) for part in np.array_split(times, _n_parts(len(times), n_cells))]
    )
    return Sampled(value=value, resamples=resamples, n_cells=n_cells, n_cases=n_cases)


def case_intervals(
    statistics: Mapping[str, Callable[[Int[np.ndarray, " k"]], float]],
    case: Shaped[np.ndarray, " n"],
    *,
    n_resamples: int,
    seed: int,
) -> dict[str, Interval]:
    """Return an interval for each statistic, all from the same resamples of the cases.

    For statistics of any kind; those of ``core/clustered.py`` are much faster by ``sampled``.

    Args:
        statistics: Each maps indices of cells, repeated as often as their case was drawn, to a
            number, nan where it is undefined.
        case: The case of each cell.
    """
    clusters = clusters_of(case)
    times = case_times(clusters.n_cases, n_resamples=n_resamples, seed=seed).astype(int)
    cells = np.arange(len(clusters.code))
    found = np.array(
        [
            [statistic(chosen) for statistic in statistics.values()]
            for chosen in (np.repeat(cells, row[clusters.code]) for row in times)
        ]
    ).reshape(n_resamples, len(statistics))
    return {
        name: Sampled(
            value=float(statistic(cells)),
            resamples=found[:, i].astype(np.float64),
            n_cells=len(cells),
            n_cases=clusters.n_cases,
        ).interval
        for i, (name, statistic) in enumerate(statistics.items())
    }


def case_interval(
    statistic: Callable[[Int[np.ndarray, " k"]], float],
    case: Shaped[np.ndarray, " n"],
    *,
    n_resamples: int,
    seed: int,
) -> Interval:
    """Return the interval of one statistic; see ``case_intervals``."""
    return case_intervals({"it": statistic}, case, n_resamples=n_resamples, seed=seed)["it"]


def _n_parts(n_resamples: int, n_cells: int) -> int:
    """Into how many parts resamples are cut so that ranking them needs some 16 MB at a time."""
    return max(1, min(n_resamples, n_resamples * n_cells // 2_000_000))
