"""How much of the variation of ratings lies between items: intraclass correlations.

Two-way analysis of variance of items that every reader rated: n items in rows, k readers in
columns. MSR, MSC and MSE are the mean squares between items, between readers, and of what is left.
``Statistic`` and resamples as in ``core/clustered.py``.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from rimlight.core.clustered import Clusters, Statistic, Times, Values, case_sums, ratio

IccForm = Literal["icc_2_1", "icc_3_1", "icc_2_k", "icc_3_k"]
ICC_FORMS: tuple[IccForm, ...] = ("icc_2_1", "icc_3_1", "icc_2_k", "icc_3_k")
_SMALLEST = 1e-12
"""Of values scaled to variance 1: a mean square below this is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Mean squares in each resample, with how many items it holds and how many readers there are.

    Of values scaled to variance 1; below 2 items they are nan.
    """

    items: Values
    readers: Values
    rest: Values
    n: Values
    k: int


class RatedItems:
    """Items that all k readers rated, summed by case."""

    __slots__ = ("_k", "_sums")

    def __init__(self, ratings: Float[np.ndarray, "n k"], clusters: Clusters) -> None:
        """Sum the ratings by case.

        Raises:
            ValueError: There is one reader only, or a rating is missing.
        """
        if ratings.shape[1] < 2 or np.isnan(ratings).any():
            raise ValueError(f"needs 2 readers or more and no gap, got {ratings.shape}")
        centred = ratings - ratings.mean() if ratings.size else ratings
        spread = float(centred.std()) if ratings.size else 0.0
        x = centred / spread if spread > 0 else np.zeros(ratings.shape)
        means = x.mean(axis=1)
        self._k = ratings.shape[1]
        terms = [np.ones(len(x)), means**2, (x * x).sum(axis=1), *x.T]
        self._sums = case_sums(np.column_stack(terms), clusters)

    def mean_squares(self, times: Times) -> MeanSquares:
        """Return MSR, MSC and MSE in each resample."""
        sums = times @ self._sums
        k, n, columns = self._k, sums[:, 0], sums[:, 3:]
        m = np.maximum(n, 1)
        grand = columns.sum(axis=1) ** 2 / (m * k)
        of_items = k * sums[:, 1] - grand
        of_readers = (columns**2).sum(axis=1) / m - grand
        of_rest = sums[:, 2] - grand - of_items - of_readers
        below = n - 1
        return MeanSquares(
            items=_mean_square(of_items, below),
            readers=_mean_square(of_readers, np.where(below > 0, float(k - 1), 0.0)),
            rest=_mean_square(of_rest, below * (k - 1)),
            n=n,
            k=k,
        )

    def icc(self, form: IccForm) -> Statistic:
        """Return an intraclass correlation; undefined where no reader's numbers vary.

        ``icc_2_1``: two-way random, absolute agreement, of a single reading:
        (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n). ``icc_3_1``: two-way mixed,
        consistency: (MSR - MSE) / (MSR + (k-1) MSE). ``_k``: the same of the mean of all k
        readings.

        Source:
            Shrout, Fleiss 1979; McGraw, Wong 1996.
        """

        def icc(times: Times) -> Values:
            found = self.mean_squares(times)
            k, between = found.k, found.items - found.rest
            offset = (found.readers - found.rest) / np.maximum(found.n, 1)
            below = {
                "icc_2_1": found.items + (k - 1) * found.rest + k * offset,
                "icc_3_1": found.items + (k - 1) * found.rest,
                "icc_2_k": found.items + offset,
                "icc_3_k": found.items,
            }[form]
            varies = found.items + found.rest > _SMALLEST
            return ratio(between, np.where(varies & (below > _SMALLEST), below, 0))

        return icc


def _mean_square(squares: Values, degrees: Values) -> Values:
    """What is left of nothing is rounding, which may be below 0."""
    mean = ratio(np.maximum(squares, 0), degrees)
    kept: np.ndarray = np.where(np.abs(mean) > _SMALLEST, mean, np.where(np.isnan(mean), mean, 0))
    return kept
