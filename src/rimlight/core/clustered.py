"""Statistics of cells that lie in cases, computed for many resamples of the cases at once.

A resample says how many times each case was drawn. Most statistics are functions of sums over
cells, so each case is summed once and a resample is a product with ``n_times``; rank statistics
are sums over pairs of cases, or rank the cells anew with their multiplicity. Every statistic here
equals the one on the cells written out that many times, which a test checks.

``Statistic``: maps ``n_times`` (resamples, cases) to one value a resample; nan: undefined.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Shaped

Times = Float64[np.ndarray, "r c"]
Values = Float64[np.ndarray, " r"]
Statistic = Callable[[Times], Values]
Figure = Callable[[Values, Values, Values, Values], Values]

_SMALLEST_VARIANCE = 1e-12
"""Of values scaled to variance 1: below, they are constant but for rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Which case each cell lies in; a subset of cells keeps the numbers of all cases."""

    code: Int[np.ndarray, " n"]
    n_cases: int

    def only(self, cells: Shaped[np.ndarray, " k"]) -> "Clusters":
        """Return the clusters of a subset, given as indices or as a mask."""
        return Clusters(code=self.code[cells], n_cases=self.n_cases)


def clusters_of(case: Shaped[np.ndarray, " n"]) -> Clusters:
    """Return clusters from case names; cases are numbered in the order of their names."""
    names, code = np.unique(case, return_inverse=True)
    return Clusters(code=code.reshape(-1), n_cases=len(names))


def one_cluster(n: int) -> Clusters:
    """Return all cells as one case: for a statistic without an interval."""
    return Clusters(code=np.zeros(n, dtype=int), n_cases=1)


def _accuracy(tp: Values, fp: Values, fn: Values, tn: Values) -> Values:
    return ratio(tp + tn, tp + fp + fn + tn)


def _f1(tp: Values, fp: Values, fn: Values, _tn: Values) -> Values:
    return ratio(2 * tp, 2 * tp + fp + fn)


def _sensitivity(tp: Values, _fp: Values, fn: Values, _tn: Values) -> Values:
    return ratio(tp, tp + fn)


def _specificity(_tp: Values, fp: Values, _fn: Values, tn: Values) -> Values:
    return ratio(tn, tn + fp)


def _balanced_accuracy(tp: Values, fp: Values, fn: Values, tn: Values) -> Values:
    both: np.ndarray = (_sensitivity(tp, fp, fn, tn) + _specificity(tp, fp, fn, tn)) / 2
    return both


def _ppv(tp: Values, fp: Values, _fn: Values, _tn: Values) -> Values:
    return ratio(tp, tp + fp)


def _npv(_tp: Values, _fp: Values, fn: Values, tn: Values) -> Values:
    return ratio(tn, tn + fn)


FIGURES: Mapping[str, Figure] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "ppv": _ppv,
    "npv": _npv,
}
"""Figures of a binary call, from the counts of true and false positives and negatives."""


def figure_of(
    name: str,
    is_positive: Bool[np.ndarray, " n"],
    call: Bool[np.ndarray, " n"],
    clusters: Clusters,
) -> Statistic:
    """Return one of ``FIGURES`` as a statistic."""
    terms = np.column_stack(
        [is_positive & call, ~is_positive & call, is_positive & ~call, ~is_positive & ~call]
    )
    sums = case_sums(terms, clusters)
    return lambda times: FIGURES[name](*(times @ sums).T)


def share_of(
    is_so: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"], clusters: Clusters
) -> Statistic:
    """Return the share of the cells ``among`` for which ``is_so`` holds."""
    sums = case_sums(np.column_stack([is_so & among, among]), clusters)
    return lambda times: ratio(*(times @ sums).T)


def mean_of(value: Float[np.ndarray, " n"], clusters: Clusters) -> Statistic:
    """Return the mean."""
    sums = case_sums(np.column_stack([value, np.ones(len(value))]), clusters)
    return lambda times: ratio(*(times @ sums).T)


def calibration_error_of(
    is_positive: Bool[np.ndarray, " n"],
    probability: Float[np.ndarray, " n"],
    clusters: Clusters,
    *,
    n_bins: int = 10,
) -> Statistic:
    """Return the expected calibration error: the mean over cells of abs(claimed - found) a bin."""
    in_bin = bin_of(probability, n_bins=n_bins)[:, None] == np.arange(n_bins)
    excess = case_sums(in_bin * (probability - is_positive)[:, None], clusters)
    count = case_sums(in_bin, clusters)
    return lambda times: ratio(np.abs(times @ excess).sum(axis=1), (times @ count).sum(axis=1))


def bin_of(probability: Float[np.ndarray, " n"], *, n_bins: int) -> Int[np.ndarray, " n"]:
    """Return the bin of equal width 0..n_bins-1 of each probability; 1 is in the last bin."""
    number: np.ndarray = np.clip((probability * n_bins).astype(int), 0, n_bins - 1)
    return number


def auc_of(
    is_positive: Bool[np.ndarray, " n"], value: Float[np.ndarray, " n"], clusters: Clusters
) -> Statistic:
    """Return the chance that a positive cell has a higher value than a negative one; ties half."""
    wins = _pairs_won(value, is_positive, ~is_positive, clusters)
    sums = case_sums(np.column_stack([is_positive, ~is_positive]), clusters)

    def auc(times: Times) -> Values:
        n_positive, n_negative = (times @ sums).T
        return ratio(_bilinear(times, wins), n_positive * n_negative)

    return auc


def pearson_of(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], clusters: Clusters
) -> Statistic:
    """Return Pearson's r; undefined where either is constant."""
    x, y = _scaled(a), _scaled(b)
    sums = case_sums(np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y]), clusters)
    return lambda times: _r((times @ sums).T)


def partial_pearson_of(
    a: Float[np.ndarray, " n"],
    b: Float[np.ndarray, " n"],
    given: Float[np.ndarray, " n"],
    clusters: Clusters,
) -> Statistic:
    """Return Pearson's r of what ``given`` does not explain linearly of a and of b."""
    ab, ag, bg = (pearson_of(*pair, clusters) for pair in ((a, b), (a, given), (b, given)))

    def partial(times: Times) -> Values:
        r_ab, r_ag, r_bg = ab(times), ag(times), bg(times)
        left = (1 - r_ag**2) * (1 - r_bg**2)
        return ratio(r_ab - r_ag * r_bg, np.sqrt(np.where(left > _SMALLEST_VARIANCE, left, 0)))

    return partial


def within_case_of(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], clusters: Clusters
) -> Statistic:
    """Return Pearson's r of a and b after each case's mean is subtracted from both."""
    return pearson_of(_centred(a, clusters), _centred(b, clusters), clusters)


def weighted_kappa_of(
    a: Int[np.ndarray, " n"], b: Int[np.ndarray, " n"], clusters: Clusters, *, n_levels: int = 4
) -> Statistic:
    """Return Cohen's kappa with quadratic weights; undefined where both are one same level."""
    level = np.arange(n_levels)
    cost = (level[:, None] - level) ** 2.0
    rows = case_sums(a[:, None] == level, clusters)
    columns = case_sums(b[:, None] == level, clusters)
    seen = case_sums(cost[a, b][:, None], clusters)[:, 0]

    def kappa(times: Times) -> Values:
        expected = np.einsum("ri,ij,rj->r", times @ rows, cost, times @ columns)
        n = (times @ rows).sum(axis=1)
        return 1 - ratio(n * (times @ seen), expected)

    return kappa


def spearman_of(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], clusters: Clusters
) -> Statistic:
    """Return Spearman's rank correlation; tied cells share their mean rank."""

    def spearman(times: Times) -> Values:
        n_each = times[:, clusters.code]
        n = n_each.sum(axis=1)
        x, y = (_ranks(value, n_each) / np.maximum(n, 1)[:, None] for value in (a, b))
        sums = [(n_each * part).sum(axis=1) for part in (x, y, x * x, y * y, x * y)]
        return _r(np.array([n, *sums]))

    return spearman


def kendall_of(
    a: Float[np.ndarray, " n"], level: Float[np.ndarray, " n"], clusters: Clusters
) -> Statistic:
    """Return Kendall's tau-b of a value with levels; made for few levels."""
    levels = np.unique(level)
    concordant = np.zeros((clusters.n_cases, clusters.n_cases))
    for low, high in pairwise(levels):
        above, below = level >= high, level == low
        concordant += 2 * _pairs_won(a, above, below, clusters)
        concordant -= np.outer(case_sums(above, clusters), case_sums(below, clusters))
    everyone = np.ones(len(a), dtype=bool)
    tied = _pairs_tied(a, everyone, everyone, clusters)
    per_level = case_sums(level[:, None] == levels, clusters)

    def kendall(times: Times) -> Values:
        counts = times @ per_level
        n_squared = counts.sum(axis=1) ** 2
        untied = (n_squared - _bilinear(times, tied)) * (n_squared - (counts**2).sum(axis=1))
        return ratio(2 * _bilinear(times, concordant), np.sqrt(np.maximum(untied, 0)))

    return kendall


def ratio(above: Values, below: Values) -> Values:
    """Return above / below; nan where below is 0 or nan."""
    out = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=out, where=np.asarray(below) > 0)
    return out


def case_sums(terms: Shaped[np.ndarray, "n *k"], clusters: Clusters) -> Float64[np.ndarray, "c *k"]:
    """Return the sum of each column over the cells of each case."""
    out = np.zeros((clusters.n_cases, *terms.shape[1:]))
    np.add.at(out, clusters.code, terms.astype(np.float64))
    return out


def _r(sums: Float64[np.ndarray, "6 r"]) -> Values:
    """Pearson's r from the sums of 1, x, y, xx, yy, xy of values whose scale is about 1."""
    n, x, y, xx, yy, xy = sums
    m = np.maximum(n, 1)
    var_x, var_y = xx / m - (x / m) ** 2, yy / m - (y / m) ** 2
    is_defined = (var_x > _SMALLEST_VARIANCE) & (var_y > _SMALLEST_VARIANCE)
    product = np.where(is_defined, var_x * var_y, np.nan)
    r: np.ndarray = np.clip((xy / m - x * y / m**2) / np.sqrt(product), -1, 1)
    return r


def _scaled(value: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Mean 0 and variance 1, which no correlation notices; zeros if constant but for rounding."""
    x = value.astype(np.float64)
    if not len(x):
        return x
    centred = x - x.mean()
    spread = float(centred.std())
    if spread <= _SMALLEST_VARIANCE * float(np.abs(x).max()):
        return np.zeros(len(x))
    scaled: np.ndarray = centred / spread
    return scaled


def _centred(value: Float[np.ndarray, " n"], clusters: Clusters) -> Float64[np.ndarray, " n"]:
    x = value.astype(np.float64)
    count = case_sums(np.ones(len(x)), clusters)
    centred: np.ndarray = x - (case_sums(x, clusters) / np.maximum(count, 1))[clusters.code]
    # What is left of a case whose values are all equal is rounding, not variation.
    centred[np.abs(centred) <= _SMALLEST_VARIANCE * np.abs(x).max(initial=0)] = 0
    return centred


def _ranks(value: Float[np.ndarray, " n"], n_each: Times) -> Float64[np.ndarray, "r n"]:
    """Mean rank of each cell when cell i stands ``n_each[:, i]`` times in the sample."""
    _, group = np.unique(value, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    in_group = np.add.reduceat(n_each[:, order], starts, axis=1)
    ranks: np.ndarray = (np.cumsum(in_group, axis=1) - in_group / 2)[:, group]
    return ranks


def _bilinear(times: Times, pairs: Float64[np.ndarray, "c c"]) -> Values:
    product: np.ndarray = ((times @ pairs) * times).sum(axis=1)
    return product


def _pairs_won(
    value: Float[np.ndarray, " n"],
    those: Bool[np.ndarray, " n"],
    others: Bool[np.ndarray, " n"],
    clusters: Clusters,
) -> Float64[np.ndarray, "c c"]:
    """Pairs (one of those, one of the others) the first of which is higher, by case; ties half."""
    below = _counts_below(value, those, others, clusters, side="left")
    won: np.ndarray = (below + _counts_below(value, those, others, clusters, side="right")) / 2
    return won


def _pairs_tied(
    value: Float[np.ndarray, " n"],
    those: Bool[np.ndarray, " n"],
    others: Bool[np.ndarray, " n"],
    clusters: Clusters,
) -> Float64[np.ndarray, "c c"]:
    upto = _counts_below(value, those, others, clusters, side="right")
    tied: np.ndarray = upto - _counts_below(value, those, others, clusters, side="left")
    return tied


def _counts_below(
    value: Float[np.ndarray, " n"],
    those: Bool[np.ndarray, " n"],
    others: Bool[np.ndarray, " n"],
    clusters: Clusters,
    *,
    side: Literal["left", "right"],
) -> Float64[np.ndarray, "c c"]:
    counts = np.zeros((clusters.n_cases, clusters.n_cases))
    mine = clusters.only(those)
    for case in np.unique(clusters.code[others]):
        sorted_values = np.sort(value[others & (clusters.code == case)])
        counts[:, case] = case_sums(np.searchsorted(sorted_values, value[those], side=side), mine)
    return counts
