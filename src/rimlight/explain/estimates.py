"""Means and medians over cells with intervals that resample cases, for any kind of image.

The one module of the general rooms that uses the core: intervals are the same everywhere.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from rimlight.core.clustered import clusters_of, mean_of
from rimlight.core.intervals import case_interval, case_times, sampled
from rimlight.explain.scorecard import Control
from rimlight.records import Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """Which case each item belongs to, and how often cases are resampled.

    case: name of the case of each item; items of one case are alike, cases are not.
    """

    case: Shaped[np.ndarray, " n"]
    n_resamples: int
    seed: int

    @property
    def n_cases(self) -> int:
        """Number of cases."""
        return len(np.unique(self.case))

    def mean(self, values: Float[np.ndarray, " n"], *, name: str = "") -> Control:
        """Return the mean over items where it is known; None for both ends with one case."""
        known = np.isfinite(values)
        clusters = clusters_of(self.case[known])
        times = case_times(clusters.n_cases, n_resamples=self.n_resamples, seed=self.seed)
        statistic = mean_of(values[known].astype(np.float64), clusters)
        return control_of(sampled(statistic, clusters, times=times).interval, name=name)

    def median(self, values: Float[np.ndarray, " n"], *, name: str = "") -> Control:
        """Return the median over items where it is known."""
        known = values[np.isfinite(values)].astype(np.float64)
        if not len(known):
            return Control(name=name, value=None)
        found = case_interval(
            lambda chosen: float(np.median(known[chosen])),
            self.case[np.isfinite(values)],
            n_resamples=self.n_resamples,
            seed=self.seed,
        )
        return control_of(found, name=name)

    def only(self, chosen: Shaped[np.ndarray, " k"]) -> "Cases":
        """Return the cases of some items."""
        return Cases(case=self.case[chosen], n_resamples=self.n_resamples, seed=self.seed)


def control_of(found: Interval, *, name: str) -> Control:
    """Return an interval as a row beside a check."""
    return Control(name=name, value=found.value, low=found.low, high=found.high)
