"""How well two readers agree, or several: kappa, concordance, differences, calls at a cut.

A model is one more reader. Each figure is a ``Statistic`` of ``core/clustered.py``: it maps how
many times each case was drawn in each resample to one value a resample, nan where it is
undefined. "Items" are what is rated: cases, slides or cells; they lie in cases.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Shaped

from rimlight.core.clustered import Clusters, Statistic, Times, Values, case_sums, ratio
from rimlight.records import Interval

Counts = Float64[np.ndarray, "r l l"]
Weights = Literal["none", "linear", "quadratic"]
Rule = Literal["median", "lower median", "majority"]

Z_95 = 1.959963984540054
"""97.5th percentile of the normal distribution: two-sided 95 %."""
LIMIT_SDS = 1.96
"""Limits of agreement lie so many standard deviations off the mean. Source: Bland, Altman 1986."""
_POWER: Mapping[str, float] = {"linear": 1.0, "quadratic": 2.0}
_SMALLEST = 1e-12
"""Of values scaled to variance 1: below, what varies is rounding."""


def disagreement_costs(n_levels: int, weights: Weights) -> Float64[np.ndarray, "l l"]:
    """Return what each pair of levels costs: 0 on the diagonal, else 1 or a power of the distance.

    >>> disagreement_costs(3, "quadratic")[0].tolist()
    [0.0, 1.0, 4.0]
    """
    apart = np.abs(np.subtract.outer(np.arange(n_levels), np.arange(n_levels)))
    costs: np.ndarray = (apart > 0) * apart.astype(np.float64) ** _POWER.get(weights, 0.0)
    return costs


class LevelPairs:
    """Two readers' levels of the same items, counted by case, so that resamples are products.

    ``a`` is in the rows of every table, ``b`` in the columns.
    """

    __slots__ = ("_sums", "n_levels")

    def __init__(
        self,
        a: Int[np.ndarray, " n"],
        b: Int[np.ndarray, " n"],
        clusters: Clusters,
        *,
        n_levels: int,
    ) -> None:
        place = (clusters.code * n_levels + a) * n_levels + b
        size = clusters.n_cases * n_levels**2
        counts = np.bincount(place, minlength=size).astype(np.float64)
        self.n_levels = n_levels
        self._sums = counts.reshape(clusters.n_cases, n_levels**2)

    def counts(self, times: Times) -> Counts:
        """Return the table of both readers' levels in each resample."""
        table: np.ndarray = (times @ self._sums).reshape(-1, self.n_levels, self.n_levels)
        return table

    def kappa(self, weights: Weights = "none") -> Statistic:
        """Return Cohen's kappa: 1 - cost found / cost expected if the readers were independent.

        Undefined where both readers gave one same level throughout.

        Source:
            Cohen 1960; with weights Cohen 1968.
        """
        costs = disagreement_costs(self.n_levels, weights)

        def kappa(times: Times) -> Values:
            table = self.counts(times)
            rows, columns = table.sum(axis=2), table.sum(axis=1)
            expected = np.einsum("ri,ij,rj->r", rows, costs, columns)
            return 1 - ratio(rows.sum(axis=1) * np.einsum("rij,ij->r", table, costs), expected)

        return kappa

    def agreement(self) -> Statistic:
        """Return the share of items with the same level: OPA where there are two levels."""

        def agreement(times: Times) -> Values:
            table = self.counts(times)
            return ratio(np.einsum("rii->r", table), table.sum(axis=(1, 2)))

        return agreement

    def agreement_on(self, level: int) -> Statistic:
        """Return the specific agreement on a level: 2 x both / (one reader's + the other's).

        Source:
            Cicchetti, Feinstein 1990.
        """

        def agreement(times: Times) -> Values:
            table = self.counts(times)
            said = table[:, level].sum(axis=1) + table[:, :, level].sum(axis=1)
            return ratio(2 * table[:, level, level], said)

        return agreement

    def agreement_given(self, level: int) -> Statistic:
        """Return the share of items of that level by ``b`` to which ``a`` gives it as well.

        With two levels, level 1 is PPA and level 0 is NPA, and ``b`` is the comparator.
        """

        def agreement(times: Times) -> Values:
            table = self.counts(times)
            return ratio(table[:, level, level], table[:, :, level].sum(axis=1))

        return agreement


class NumberPairs:
    """Two readers' numbers of the same items, summed by case; differences are a - b."""

    __slots__ = ("_centre", "_scale", "_sums")

    def __init__(
        self, a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], clusters: Clusters
    ) -> None:
        both = np.concatenate([a, b])
        self._centre = float(both.mean()) if len(both) else 0.0
        self._scale = float(both.std()) if len(both) else 0.0
        scale = self._scale or 1.0
        x, y = (a - self._centre) / scale, (b - self._centre) / scale
        d = x - y
        terms = [np.ones(len(x)), x, y, x * x, y * y, x * y, d, d * d]
        self._sums = case_sums(np.column_stack(terms), clusters)

    def concordance(self) -> Statistic:
        """Return Lin's concordance: 2 s_xy / (s_x² + s_y² + (m_x - m_y)²), variances with 1/n.

        Undefined where each reader gave one number throughout: such items tell no more of how
        readers agree than one item does.

        Source:
            Lin 1989.
        """

        def concordance(times: Times) -> Values:
            n, x, y, xx, yy, xy, _, _ = (times @ self._sums).T
            m = np.maximum(n, 1)
            covariance = xy / m - x * y / m**2
            within = xx / m - (x / m) ** 2 + yy / m - (y / m) ** 2
            apart = ((x - y) / m) ** 2
            return ratio(2 * covariance, np.where(within > _SMALLEST, within + apart, 0))

        return concordance

    def difference(self, sds: float = 0.0) -> Statistic:
        """Return the mean difference a - b, or that many standard deviations off it.

        The standard deviation of the differences has n - 1 below; it is undefined for one item.

        Source:
            Bland, Altman 1986.
        """
        scale = self._scale or 1.0

        def difference(times: Times) -> Values:
            n, d, dd = (times @ self._sums[:, [0, 6, 7]]).T
            mean = ratio(d, n)
            if not sds:
                return scale * mean
            variance = ratio(np.maximum(dd - n * mean**2, 0), n - 1)
            off: np.ndarray = scale * (mean + sds * np.sqrt(variance))
            return off

        return difference


def fleiss_kappa_of(
    levels: Int[np.ndarray, "n k"], clusters: Clusters, *, n_levels: int
) -> Statistic:
    """Return Fleiss' kappa, unweighted, of items that all k readers rated.

    Undefined where every rating is the same level.

    Source:
        Fleiss 1971.
    """
    n_readers = levels.shape[1]
    said = (levels[:, :, None] == np.arange(n_levels)).sum(axis=1).astype(np.float64)
    same = ((said * (said - 1)).sum(axis=1)) / (n_readers * (n_readers - 1))
    sums = case_sums(np.column_stack([np.ones(len(levels)), same, said / n_readers]), clusters)

    def fleiss(times: Times) -> Values:
        of_resample = times @ sums
        n = of_resample[:, 0]
        found = ratio(of_resample[:, 1], n)
        share = of_resample[:, 2:] / np.maximum(n, 1)[:, None]
        by_chance = (share**2).sum(axis=1)
        left = np.where(1 - by_chance > _SMALLEST, 1 - by_chance, 0)
        return ratio(found - by_chance, left)

    return fleiss


def wilson(
    n_so: int, n: int, *, n_cases: int, is_reliable: bool, n_effective: float | None = None
) -> Interval:
    """Return a share with Wilson's score interval of 95 %.

    Args:
        n_so: Items that count.
        n: Of so many.
        n_cases: Cases that they lie in.
        is_reliable: Whether these are enough.
        n_effective: How many independent items they are worth; None for n of them.

    Source:
        Wilson 1927; with an effective number, Dean, Pagano 2015.

    >>> shown = wilson(9, 10, n_cases=10, is_reliable=True)
    >>> round(shown.low, 4), round(shown.high, 4)
    (0.5958, 0.9821)
    """
    low = high = None
    if n:
        share, z2 = n_so / n, Z_95**2
        m = float(n) if n_effective is None else n_effective
        middle = (share + z2 / (2 * m)) / (1 + z2 / m)
        reach = Z_95 / (1 + z2 / m) * sqrt(share * (1 - share) / m + z2 / (4 * m * m))
        low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Interval(
        value=n_so / n if n else None,
        low=low,
        high=high,
        n_cells=n,
        n_cases=n_cases,
        n_resamples=0,
        n_undefined=0,
        is_reliable=is_reliable,
    )


def effective_items(
    share: float, resamples: Float[np.ndarray, " r"], *, n: int, n_cases: int
) -> float:
    """Return how many independent items a share is worth, from its variance over the resamples.

    Never under the number of cases and never over n. Where every item counts, or none, the
    resamples do not vary and tell nothing: then each case is worth one item.

    >>> effective_items(0.5, np.array([0.4, 0.6]), n=100, n_cases=10)  # variance 0.01, 0.25 / 25
    25.0
    """
    known = resamples[~np.isnan(resamples)]
    variance = float(known.var()) if len(known) else 0.0
    of_one = share * (1 - share)
    worth = of_one / variance if of_one > 0 and variance > 0 else 0.0
    return float(min(max(round(worth, 9), n_cases), n))


def consensus_without(
    ratings: Float[np.ndarray, "n k"],
    reader: int,
    rule: Rule,
) -> Float64[np.ndarray, " n"]:
    """Return what the readers other than ``reader`` say together; nan where they say nothing.

    At least two of the others must have rated the item. ``median``: of numbers. ``lower median``:
    of ordered levels, the lower of the two middle ones. ``majority``: the level that most gave;
    nan where two levels share the lead.

    >>> consensus_without(np.array([[9.0, 1, 2, 3], [9, 1, np.nan, np.nan]]), 0, "median").tolist()
    [2.0, nan]
    """
    others = np.delete(ratings, reader, axis=1).astype(np.float64)
    known = (~np.isnan(others)).sum(axis=1)
    out = np.full(len(others), np.nan)
    for n_known in np.unique(known[known > 1]):
        rows = known == n_known
        ordered = np.sort(others[rows], axis=1)[:, :n_known]
        if rule == "majority":
            out[rows] = _most_given(ordered)
        elif rule == "median":
            out[rows] = np.median(ordered, axis=1)
        else:
            out[rows] = ordered[:, (n_known - 1) // 2]
    return out


def rated_by_all(ratings: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, " n"]:
    """Return which items no reader left out."""
    complete: np.ndarray = ~np.isnan(ratings).any(axis=1)
    return complete


def _most_given(ordered: Float64[np.ndarray, "n k"]) -> Shaped[np.ndarray, " n"]:
    levels = np.unique(ordered)
    counts = (ordered[:, :, None] == levels).sum(axis=1)
    most = counts.max(axis=1, initial=0)
    is_alone = (counts == most[:, None]).sum(axis=1) == 1
    return np.where(is_alone, levels[counts.argmax(axis=1)], np.nan)
