"""How well calls agree with labels, and a measure with levels: one number each.

Each function returns nan where its figure is undefined (no positive cell, a constant measure),
never 0, and does not raise for such samples. A value that is nan makes the figure nan.
Intervals over cases: ``core/intervals.py``.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from rimlight.core import clustered
from rimlight.core.clustered import Clusters, Statistic, one_cluster


def binary_figure(
    name: str, is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]
) -> float:
    """Return accuracy, f1, balanced_accuracy, sensitivity, specificity, ppv or npv of calls.

    >>> label = np.array([True, True, True, False, False])
    >>> call = np.array([True, True, False, True, False])
    >>> [round(binary_figure(name, label, call), 3) for name in ("accuracy", "f1", "specificity")]
    [0.6, 0.667, 0.5]
    """
    return _once(clustered.figure_of(name, is_positive, call, _all(is_positive)))


def accuracy(is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]) -> float:
    """Return the share of calls that are right."""
    return binary_figure("accuracy", is_positive, call)


def f1(is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]) -> float:
    """Return 2 TP / (2 TP + FP + FN); nan without a positive label and a positive call."""
    return binary_figure("f1", is_positive, call)


def balanced_accuracy(is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]) -> float:
    """Return the mean of sensitivity and specificity; nan without both classes."""
    return binary_figure("balanced_accuracy", is_positive, call)


def sensitivity(is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]) -> float:
    """Return the share of positive cells that are called positive."""
    return binary_figure("sensitivity", is_positive, call)


def specificity(is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]) -> float:
    """Return the share of negative cells that are called negative."""
    return binary_figure("specificity", is_positive, call)


def ppv(is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]) -> float:
    """Return the share of positive calls that are right; it depends on the prevalence."""
    return binary_figure("ppv", is_positive, call)


def npv(is_positive: Bool[np.ndarray, " n"], call: Bool[np.ndarray, " n"]) -> float:
    """Return the share of negative calls that are right; it depends on the prevalence."""
    return binary_figure("npv", is_positive, call)


def auc(is_positive: Bool[np.ndarray, " n"], value: Float[np.ndarray, " n"]) -> float:
    """Return the chance that a positive cell has a higher value than a negative one; ties half.

    >>> auc(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1]))
    0.875
    """
    if np.isnan(value).any():
        return float("nan")
    return _once(clustered.auc_of(is_positive, value, _all(value)))


def brier(is_positive: Bool[np.ndarray, " n"], probability: Float[np.ndarray, " n"]) -> float:
    """Return the mean squared error of the probability.

    >>> brier(np.array([True, False]), np.array([0.8, 0.4]))
    0.1
    """
    squared = (probability - is_positive) ** 2
    return round(_once(clustered.mean_of(squared, _all(squared))), 15)


def expected_calibration_error(
    is_positive: Bool[np.ndarray, " n"], probability: Float[np.ndarray, " n"], *, n_bins: int = 10
) -> float:
    """Return the mean over cells of abs(mean probability - share positive) of the cell's bin."""
    if np.isnan(probability).any():
        return float("nan")
    clusters = _all(probability)
    return _once(clustered.calibration_error_of(is_positive, probability, clusters, n_bins=n_bins))


def pearson(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Return Pearson's r; nan where either is constant."""
    return _once(clustered.pearson_of(a, b, _all(a)))


def spearman(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Return Spearman's rank correlation; tied cells share their mean rank."""
    if np.isnan(a).any() or np.isnan(b).any() or not len(a):
        return float("nan")
    return _once(clustered.spearman_of(a, b, _all(a)))


def kendall(a: Float[np.ndarray, " n"], level: Float[np.ndarray, " n"]) -> float:
    """Return Kendall's tau-b."""
    if np.isnan(a).any() or np.isnan(level).any():
        return float("nan")
    return _once(clustered.kendall_of(a, level, _all(a)))


def weighted_kappa(
    a: Int[np.ndarray, " n"], b: Int[np.ndarray, " n"], *, n_levels: int = 4
) -> float:
    """Return Cohen's kappa with quadratic weights of two levels 0..n_levels-1.

    >>> weighted_kappa(np.array([0, 1, 2, 3]), np.array([0, 1, 2, 2]))
    0.875
    """
    return _once(clustered.weighted_kappa_of(a, b, _all(a), n_levels=n_levels))


def partial_pearson(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], given: Float[np.ndarray, " n"]
) -> float:
    """Return Pearson's r of what ``given`` does not explain linearly of a and of b."""
    return _once(clustered.partial_pearson_of(a, b, given, _all(a)))


def within_case(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], case: Shaped[np.ndarray, " n"]
) -> float:
    """Return Pearson's r of a and b after each case's mean is subtracted from both.

    >>> a, b = np.array([1.0, 2.0, 9.0, 8.0]), np.array([0.0, 1.0, 0.0, 1.0])
    >>> within_case(a, b, np.array(["p", "p", "q", "q"]))  # +1 in one case, -1 in the other
    0.0
    """
    clusters = clustered.clusters_of(case)
    return float(clustered.within_case_of(a, b, clusters)(np.ones((1, clusters.n_cases)))[0])


def _all(values: Shaped[np.ndarray, " n"]) -> Clusters:
    return one_cluster(len(values))


def _once(statistic: Statistic) -> float:
    return float(statistic(np.ones((1, 1)))[0])
