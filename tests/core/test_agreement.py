import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from rimlight.core import agreement
from rimlight.core.agreement import (
    auc,
    binary_figure,
    brier,
    expected_calibration_error,
    kendall,
    partial_pearson,
    pearson,
    spearman,
    weighted_kappa,
    within_case,
)

# 4 true positive, 1 false positive, 2 false negative, 3 true negative
LABEL = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype=bool)
CALL = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 7 / 10),
        ("f1", 8 / 11),
        ("balanced_accuracy", (4 / 6 + 3 / 4) / 2),
        ("sensitivity", 4 / 6),
        ("specificity", 3 / 4),
        ("ppv", 4 / 5),
        ("npv", 3 / 5),
    ],
)
def test_binary_figures_agree_with_a_hand_calculation(name, value):
    assert getattr(agreement, name)(LABEL, CALL) == pytest.approx(value)
    assert binary_figure(name, LABEL, CALL) == pytest.approx(value)


NONE, ALL = np.zeros(4, dtype=bool), np.ones(4, dtype=bool)


@pytest.mark.parametrize(
    ("name", "label", "call"),
    [
        ("sensitivity", NONE, ALL),
        ("balanced_accuracy", NONE, NONE),
        ("specificity", ALL, ALL),
        ("ppv", ALL, NONE),
        ("npv", NONE, ALL),
        ("f1", NONE, NONE),
        ("accuracy", NONE[:0], ALL[:0]),
    ],
)
def test_a_figure_without_its_cells_is_undefined_and_not_zero(name, label, call):
    assert np.isnan(binary_figure(name, label, call))


def test_f1_of_a_network_that_misses_every_positive_cell_is_zero():
    assert agreement.f1(ALL, NONE) == 0


def test_auc_counts_pairs_and_half_of_the_ties():
    label = np.array([True, True, False, False, False])
    value = np.array([0.8, 0.3, 0.3, 0.5, 0.1])
    assert auc(label, value) == pytest.approx((3 + 0.5 + 0 + 1) / 6)
    assert auc(label, -value) == pytest.approx(1 - auc(label, value))
    assert np.isnan(auc(label[:2], value[:2]))
    assert np.isnan(auc(label, value * np.nan))


def test_brier_score_and_calibration_error_agree_with_a_hand_calculation():
    label = np.array([True, False, True, True])
    probability = np.array([0.15, 0.12, 0.95, 1.0])
    assert brier(label, probability) == pytest.approx((0.7225 + 0.0144 + 0.0025 + 0) / 4)
    # bin 0.1-0.2: abs(0.135 - 0.5) for 2 cells; bin 0.9-1: abs(0.975 - 1) for 2 cells
    assert expected_calibration_error(label, probability) == pytest.approx(
        (2 * 0.365 + 2 * 0.025) / 4
    )


def test_correlations_agree_with_scipy_and_sklearn_on_data_with_ties():
    random = np.random.default_rng(0)
    level = random.integers(0, 4, 300)
    od = np.round(0.3 * level + random.normal(0, 0.4, 300), 1)
    called = np.clip(np.round(od * 3), 0, 3).astype(int)
    level_f = level.astype(float)
    assert pearson(od, level_f) == pytest.approx(scipy.stats.pearsonr(od, level)[0])
    assert spearman(od, level_f) == pytest.approx(scipy.stats.spearmanr(od, level)[0])
    assert kendall(od, level_f) == pytest.approx(scipy.stats.kendalltau(od, level)[0])
    assert auc(level > 0, od) == pytest.approx(sklearn.metrics.roc_auc_score(level > 0, od))
    assert weighted_kappa(called, level) == pytest.approx(
        sklearn.metrics.cohen_kappa_score(called, level, weights="quadratic")
    )


def test_correlations_turn_their_sign_with_the_measure():
    a, b = np.array([1.0, 2.0, 3.0, 5.0]), np.array([0.0, 1.0, 1.0, 3.0])
    for r in (pearson, spearman, kendall):
        assert r(-a, b) == pytest.approx(-r(a, b))
        assert r(a, b) > 0.9


@pytest.mark.parametrize("value", [0.1, 0.3, 1e6 + 0.1])
def test_a_constant_measure_has_no_correlation_even_with_rounding(value):
    constant = np.full(7, value)
    constant[3] = np.nextafter(value, 1e9)
    level = np.array([0.0, 1, 2, 3, 0, 1, 2])
    assert np.isnan(pearson(constant, level))
    assert np.isnan(pearson(level, constant))
    assert np.isnan(within_case(constant, level, np.repeat(["a", "b"], [4, 3])))
    assert np.isnan(partial_pearson(constant, level, level**2))


def test_rank_correlations_of_constant_or_missing_values_are_undefined():
    level = np.array([0.0, 1, 2, 3])
    for r in (spearman, kendall):
        assert np.isnan(r(np.ones(4), level))
        assert np.isnan(r(level, np.ones(4)))
        assert np.isnan(r(np.array([np.nan, 1, 2, 3]), level))
        assert np.isnan(r(level[:0], level[:0]))
        assert np.isnan(r(level[:1], level[:1]))


def test_quadratic_kappa_agrees_with_a_hand_calculation():
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 3])
    # seen: (0 + 1 + 0 + 4) / 4; by chance: a is 0, 1 half each; b is 0, 1, 1, 3
    by_chance = (0.5 * (0 + 1 + 1 + 9) + 0.5 * (1 + 0 + 0 + 4)) / 4
    assert weighted_kappa(a, b) == pytest.approx(1 - 1.25 / by_chance)
    assert weighted_kappa(b, b) == 1
    assert np.isnan(weighted_kappa(a * 0, a * 0))
    assert weighted_kappa(a * 0, a * 0 + 1) == 0


def test_the_partial_correlation_removes_what_the_third_measure_explains():
    random = np.random.default_rng(1)
    patch = random.normal(size=4000)
    level = patch + random.normal(size=4000)
    assert abs(partial_pearson(patch + random.normal(size=4000), level, patch)) < 0.05
    own = level + random.normal(size=4000)
    r_ol, r_op, r_lp = (pearson(*pair) for pair in ((own, level), (own, patch), (level, patch)))
    wanted = (r_ol - r_op * r_lp) / np.sqrt((1 - r_op**2) * (1 - r_lp**2))
    assert partial_pearson(own, level, patch) == pytest.approx(wanted)
    assert np.isnan(partial_pearson(level, own, level))


def test_cases_that_agree_between_and_disagree_within_are_told_apart():
    case = np.repeat(["one", "two"], 4)
    level = np.array([0.0, 0, 1, 1, 2, 2, 3, 3])
    od = np.array([0.2, 0.2, 0.1, 0.1, 0.9, 0.9, 0.8, 0.8])
    assert pearson(od, level) > 0.8
    assert within_case(od, level, case) == pytest.approx(-1)
