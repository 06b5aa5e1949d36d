"""Which figures compare two readers on a scale, and what each of them means in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rimlight.core.clustered import Clusters, Statistic, Times, share_of, spearman_of
from rimlight.core.intervals import FEWEST_RELIABLE_CASES, Sampled, sampled
from rimlight.core.ratings import Scale
from rimlight.core.reader_agreement import (
    LIMIT_SDS,
    LevelPairs,
    NumberPairs,
    effective_items,
    wilson,
)
from rimlight.core.reader_means import ReaderTimes
from rimlight.core.variance_components import RatedItems
from rimlight.records import Interval

CLOSE_POINTS = (5, 10)
_ROUNDING = 1e-9
"""What a difference of two decimal numbers may be off by."""

# fmt: off
TITLES: Mapping[str, str] = {
    "icc_2_1": "ICC(2,1)", "icc_3_1": "ICC(3,1)", "icc_2_k": "ICC(2,k)", "icc_3_k": "ICC(3,k)",
    "concordance": "Lin's CCC",
    "bias": "mean difference", "limit_low": "lower limit", "limit_high": "upper limit",
    "fan_out": "fan-out",
    **{f"within_{points}": f"within {points} points" for points in CLOSE_POINTS},
    "kappa": "kappa", "kappa_linear": "kappa, linear", "kappa_quadratic": "kappa, quadratic",
    "fleiss": "Fleiss' kappa",
    "agreement": "same level", "opa": "OPA", "ppa": "PPA", "npa": "NPA",
}
DEFINITIONS: Mapping[str, str] = {
    "icc_2_1": "two-way random, absolute agreement, single reading: "
               "(MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n)",
    "icc_3_1": "two-way mixed, consistency, single reading: (MSR - MSE) / (MSR + (k-1) MSE); "
               "blind to a constant offset between readers",
    "icc_2_k": "as ICC(2,1), of the mean of all k readings: (MSR - MSE) / (MSR + (MSC - MSE) / n)",
    "icc_3_k": "as ICC(3,1), of the mean of all k readings: (MSR - MSE) / MSR",
    "concordance": "2 s_xy / (s_x² + s_y² + (m_x - m_y)²), variances with 1/n",
    "bias": "mean of row minus column",
    "limit_low": f"mean difference - {LIMIT_SDS} SD of the differences (n - 1)",
    "limit_high": f"mean difference + {LIMIT_SDS} SD of the differences (n - 1)",
    "fan_out": "Spearman's rank correlation of abs(difference) with the mean of the two: above 0, "
               "differences grow with the value, and one pair of limits does not hold throughout",
    **{f"within_{points}": f"share of items whose two numbers differ by {points} or less"
       for points in CLOSE_POINTS},
    "kappa": "Cohen's kappa: 1 - disagreement found / disagreement expected if the two were "
             "independent; every difference of level counts the same",
    "kappa_linear": "Cohen's kappa; a difference counts as many times as the levels are apart",
    "kappa_quadratic": "Cohen's kappa; a difference counts by the square of the levels apart",
    "fleiss": "Fleiss' kappa of all readers at once, unweighted, items that all of them rated",
    "agreement": "share of items with the same level",
    "opa": "overall percent agreement: share of items with the same call",
    "ppa": "positive percent agreement: of what the comparator (column) calls positive, the share "
           "that the row calls positive",
    "npa": "negative percent agreement: of what the comparator (column) calls negative, the share "
           "that the row calls negative",
}
UNDEFINED: Mapping[str, str] = {
    "icc_2_1": "each reader gave one number throughout",
    "icc_3_1": "each reader gave one number throughout",
    "concordance": "each reader gave one number throughout",
    "bias": "no item", "limit_low": "under 2 items", "limit_high": "under 2 items",
    "fan_out": "differences or means do not vary",
    "kappa": "both gave one same level", "kappa_linear": "both gave one same level",
    "kappa_quadratic": "both gave one same level",
    "ppa": "the comparator called nothing positive",
    "npa": "the comparator called nothing negative",
}
# fmt: on
SIGNED = ("bias", "limit_low", "limit_high")
DIRECTED = ("ppa", "npa")
SHARES = ("agreement", "opa", "ppa", "npa", *(f"within_{points}" for points in CLOSE_POINTS))
MAIN: Mapping[str, tuple[str, ...]] = {
    "numbers": ("icc_2_1", "concordance"),
    "ordered": ("kappa_quadratic", "kappa", "agreement"),
    "named": ("kappa", "agreement"),
    "call": ("kappa", "opa", "ppa", "npa"),
}
"""Figures that are also printed against the consensus, by kind of scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """The resamples that all intervals share: of cases, and of readers where they are drawn."""

    clusters: Clusters
    times: Times
    readers: ReaderTimes | None
    seed: int


def kind_of(scale: Scale) -> str:
    """Return the kind of scale by which figures are chosen."""
    return "call" if scale.is_call else scale.kind


def title_of(figure: str, scale: Scale) -> str:
    """Return the name of a figure as it is printed."""
    level = figure.removeprefix("on_")
    return f"on {scale.names[int(level)]!r}" if level.isdigit() else TITLES[figure]


def definition_of(figure: str) -> str:
    """Return what a figure means."""
    if figure.startswith("on_"):
        return "agreement on one level: 2 x both gave it / (row gave it + column gave it)"
    return DEFINITIONS[figure]


def pair_statistics(
    scale: Scale, a: np.ndarray, b: np.ndarray, clusters: Clusters
) -> dict[str, Statistic]:
    """Return the figures of two readers without a gap, those of ``a`` in the rows.

    PPA and NPA take ``b`` for the comparator; differences are a - b.
    """
    if scale.kind == "numbers":
        return _number_statistics(a, b, clusters)
    pairs = LevelPairs(a.astype(np.int64), b.astype(np.int64), clusters, n_levels=len(scale.names))
    found = {"kappa": pairs.kappa()}
    if scale.is_call:
        return found | {
            "opa": pairs.agreement(),
            "ppa": pairs.agreement_given(1),
            "npa": pairs.agreement_given(0),
        }
    if scale.kind == "ordered":
        found["kappa_linear"] = pairs.kappa("linear")
        found["kappa_quadratic"] = pairs.kappa("quadratic")
    found["agreement"] = pairs.agreement()
    return found | {f"on_{i}": pairs.agreement_on(i) for i in range(len(scale.names))}


def _number_statistics(a: np.ndarray, b: np.ndarray, clusters: Clusters) -> dict[str, Statistic]:
    pairs = NumberPairs(a, b, clusters)
    items = RatedItems(np.column_stack([a, b]), clusters)
    apart = np.abs(a - b)
    everything = np.ones(len(a), dtype=bool)
    close = {
        f"within_{points}": share_of(apart <= points + _ROUNDING, everything, clusters)
        for points in CLOSE_POINTS
    }
    return {
        "icc_2_1": items.icc("icc_2_1"),
        "icc_3_1": items.icc("icc_3_1"),
        "concordance": pairs.concordance(),
        "bias": pairs.difference(),
        "limit_low": pairs.difference(-LIMIT_SDS),
        "limit_high": pairs.difference(LIMIT_SDS),
        "fan_out": spearman_of(apart, (a + b) / 2, clusters),
        **close,
    }


def pair_figures(
    scale: Scale, a: np.ndarray, b: np.ndarray, *, clusters: Clusters, draws: Draws
) -> dict[str, Sampled]:
    """Return the figures of two readers on the items that both rated."""
    both = ~np.isnan(a) & ~np.isnan(b)
    within = clusters.only(both)
    statistics = pair_statistics(scale, a[both], b[both], within)
    return {
        name: sampled(statistic, within, times=draws.times)
        for name, statistic in statistics.items()
    }


def interval_block(
    figure: str, found: Sampled, *, below: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Return a figure with its interval as it is written, and how the interval was made.

    A share of the items of one pair has Wilson's interval, with as many items as they are worth
    where several are of one case: the bootstrap of a share near 0 or 1 is far too narrow. Where
    every resample gives the same value there is no interval: a width of 0 would claim certainty.

    Args:
        figure: Its name.
        found: Its value and resamples.
        below: Items and cases that a share is a share of, if not of all that were compared.
    """
    interval, how = found.interval, "bootstrap of cases"
    known = found.resamples[~np.isnan(found.resamples)]
    if interval.value is None:
        how = "none: undefined"
    elif figure in SHARES:
        interval, how = _of_share(found, *(below or (found.n_cells, found.n_cases)))
    elif interval.low is None:
        how = "none: one case"
    elif float(np.ptp(known)) <= _ROUNDING * max(1.0, abs(found.value)):
        interval = replace(interval, low=None, high=None)
        how = "none: every resample gives the same value"
    block = asdict(interval)
    return {"n_items": block.pop("n_cells"), **block, "interval": how}


def _of_share(found: Sampled, n: int, n_cases: int) -> tuple[Interval, str]:
    worth = effective_items(found.value, found.resamples, n=n, n_cases=n_cases)
    is_each_a_case = n == n_cases
    interval = wilson(
        round(found.value * n),
        n,
        n_cases=n_cases,
        is_reliable=n_cases >= FEWEST_RELIABLE_CASES,
        n_effective=None if is_each_a_case else worth,
    )
    return interval, "Wilson" if is_each_a_case else f"Wilson, worth {worth:.0f} items"
