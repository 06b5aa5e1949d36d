"""Figures between readers: by hand, by scikit-learn and statsmodels, and on items written out."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

from rimlight.core.clustered import clusters_of, one_cluster
from rimlight.core.intervals import case_times, sampled
from rimlight.core.reader_agreement import (
    LIMIT_SDS,
    LevelPairs,
    NumberPairs,
    consensus_without,
    effective_items,
    fleiss_kappa_of,
    rated_by_all,
    wilson,
)

SKLEARN_WEIGHTS = {"none": None, "linear": "linear", "quadratic": "quadratic"}
ONCE = np.ones((1, 1))


def once(statistic) -> float:
    return float(statistic(ONCE)[0])


def two_readers(seed, n=90, n_levels=4):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_levels, n)
    b = np.clip(a + rng.integers(-1, 2, n), 0, n_levels - 1)
    return a, b, rng.integers(0, 12, n)


def levels_of(a, b, n_levels=4, clusters=None) -> LevelPairs:
    return LevelPairs(a, b, clusters or one_cluster(len(a)), n_levels=n_levels)


@pytest.mark.parametrize("weights", SKLEARN_WEIGHTS)
@pytest.mark.parametrize("seed", range(3))
def test_kappa_is_that_of_scikit_learn(weights, seed):
    a, b, _ = two_readers(seed)
    expected = cohen_kappa_score(a, b, weights=SKLEARN_WEIGHTS[weights], labels=range(4))
    assert once(levels_of(a, b).kappa(weights)) == pytest.approx(expected, abs=1e-12)


def test_kappa_of_a_two_by_two_table_is_as_by_hand():
    # 20 both positive, 5 and 10 apart, 15 both negative: found 0.7, by chance 0.5.
    a = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    b = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    pairs = levels_of(a, b, n_levels=2)
    assert once(pairs.kappa()) == pytest.approx(0.4)
    assert once(pairs.agreement()) == pytest.approx(0.7)
    assert once(pairs.agreement_given(1)) == pytest.approx(20 / 30)  # of those b calls positive
    assert once(pairs.agreement_given(0)) == pytest.approx(15 / 20)
    assert once(pairs.agreement_on(1)) == pytest.approx(40 / 55)
    assert pairs.counts(ONCE)[0].tolist() == [[15, 10], [5, 20]]


def test_kappa_of_readers_who_gave_one_level_is_undefined_and_not_zero_or_one():
    same = np.ones(6, dtype=int)
    for weights in SKLEARN_WEIGHTS:
        assert np.isnan(once(levels_of(same, same).kappa(weights)))
    assert once(levels_of(same, 0 * same).kappa()) == 0  # by definition, one level each


def test_a_share_without_anything_to_divide_by_is_undefined():
    pairs = levels_of(np.array([1, 0]), np.array([0, 0]), n_levels=2)
    assert np.isnan(once(pairs.agreement_given(1)))
    assert np.isnan(once(levels_of(np.array([0]), np.array([0]), n_levels=2).agreement_on(1)))


@pytest.mark.parametrize("seed", range(3))
def test_fleiss_kappa_is_that_of_statsmodels(seed):
    levels = np.random.default_rng(seed).integers(0, 3, (40, 5))
    levels[:25] = levels[:25, :1]
    expected = fleiss_kappa(aggregate_raters(levels, n_cat=3)[0])
    found = once(fleiss_kappa_of(levels, one_cluster(40), n_levels=3))
    assert found == pytest.approx(expected, abs=1e-12)


def test_fleiss_kappa_of_his_own_table():
    # Fleiss 1971 as printed in textbooks: 10 items, 14 readers, 5 levels, kappa 0.210.
    said = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    levels = np.array([np.repeat(np.arange(5), row) for row in said])
    assert once(fleiss_kappa_of(levels, one_cluster(10), n_levels=5)) == pytest.approx(
        0.210, abs=5e-4
    )


def test_fleiss_kappa_of_one_level_is_undefined():
    levels = np.ones((4, 3), dtype=int)
    assert np.isnan(once(fleiss_kappa_of(levels, one_cluster(4), n_levels=2)))


def test_concordance_of_a_constant_offset_is_as_by_hand():
    x = np.array([1.0, 2.0, 3.0])  # variance with 1/n: 2/3
    assert once(NumberPairs(x + 1, x, one_cluster(3)).concordance()) == pytest.approx(
        2 * (2 / 3) / (4 / 3 + 1)
    )
    assert once(NumberPairs(x, x, one_cluster(3)).concordance()) == pytest.approx(1)
    assert once(NumberPairs(-x, x, one_cluster(3)).concordance()) < 0


def test_concordance_follows_its_formula_for_any_numbers():
    rng = np.random.default_rng(4)
    x, y = 1e6 + rng.normal(size=(2, 50))
    covariance = np.cov(x, y, bias=True)[0, 1]
    expected = 2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert once(NumberPairs(x, y, one_cluster(50)).concordance()) == pytest.approx(expected)


def test_concordance_of_numbers_that_never_vary_is_undefined():
    same = np.full(5, 0.1)
    assert np.isnan(once(NumberPairs(same, same, one_cluster(5)).concordance()))
    assert np.isnan(once(NumberPairs(same, same + 1, one_cluster(5)).concordance()))
    varied = np.arange(5.0)
    assert once(NumberPairs(varied, same, one_cluster(5)).concordance()) == pytest.approx(0)


def test_differences_are_the_first_reader_minus_the_second():
    a, b = np.array([12.0, 20.0, 31.0]), np.array([10.0, 20.0, 30.0])
    pairs = NumberPairs(a, b, one_cluster(3))
    assert once(pairs.difference()) == pytest.approx(1)
    assert once(pairs.difference(LIMIT_SDS)) == pytest.approx(1 + 1.96)  # differences 2, 0, 1
    assert once(pairs.difference(-LIMIT_SDS)) == pytest.approx(1 - 1.96)
    assert np.isnan(once(NumberPairs(a[:1], b[:1], one_cluster(1)).difference(1)))


def test_every_figure_equals_that_of_the_items_written_out():
    a, b, case = two_readers(7)
    clusters = clusters_of(case)
    x, y = a + np.linspace(0, 1, len(a)), b.astype(float)
    both = np.column_stack([a, b, (a + b) // 2])
    times = case_times(clusters.n_cases, n_resamples=5, seed=1)

    def figures(some, within):
        levels = LevelPairs(a[some], b[some], within, n_levels=4)
        numbers = NumberPairs(x[some], y[some], within)
        return [
            *(levels.kappa(weights) for weights in SKLEARN_WEIGHTS),
            levels.agreement(), levels.agreement_on(2), levels.agreement_given(1),
            numbers.concordance(), numbers.difference(), numbers.difference(LIMIT_SDS),
            fleiss_kappa_of(both[some], within, n_levels=4),
        ]  # fmt: skip

    at_once = [statistic(times) for statistic in figures(slice(None), clusters)]
    for i, row in enumerate(times.astype(int)):
        written_out = np.repeat(np.arange(len(a)), row[clusters.code])
        alone = [once(f) for f in figures(written_out, one_cluster(len(written_out)))]
        assert [values[i] for values in at_once] == pytest.approx(alone, abs=1e-9)


def test_copies_of_items_leave_an_interval_over_cases_as_it_is():
    a, b, case = two_readers(3)
    times = case_times(12, n_resamples=200, seed=5)
    ends = []
    for copies in (1, 4):
        clusters = clusters_of(np.tile(case, copies))
        pairs = LevelPairs(np.tile(a, copies), np.tile(b, copies), clusters, n_levels=4)
        found = sampled(pairs.kappa("quadratic"), clusters, times=times).interval
        ends.append((found.value, found.low, found.high))
    assert ends[0] == pytest.approx(ends[1])


@pytest.mark.parametrize(("n_so", "n"), [(0, 7), (7, 7), (3, 8), (95, 100)])
def test_wilson_is_that_of_statsmodels(n_so, n):
    found = wilson(n_so, n, n_cases=n, is_reliable=True)
    low, high = proportion_confint(n_so, n, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_wilson_of_fewer_effective_items_is_that_of_so_many():
    found = wilson(80, 100, n_cases=20, is_reliable=True, n_effective=25.0)
    assert (found.low, found.high) == pytest.approx(proportion_confint(20, 25, method="wilson"))


def test_items_are_worth_what_their_variance_over_resamples_says_within_cases_and_items():
    spread = np.array([0.4, 0.6])  # variance 0.01; one item: 0.25
    assert effective_items(0.5, spread, n=100, n_cases=10) == 25
    assert effective_items(0.5, spread, n=100, n_cases=40) == 40
    assert effective_items(0.5, spread, n=20, n_cases=10) == 20
    assert effective_items(1.0, np.ones(9), n=100, n_cases=10) == 10  # nothing known: a case is one
    assert effective_items(0.5, np.array([np.nan, 0.4, 0.6]), n=100, n_cases=10) == 25


def test_wilson_of_nothing_is_undefined():
    found = wilson(0, 0, n_cases=0, is_reliable=False)
    assert (found.value, found.low, found.high) == (None, None, None)


def test_a_consensus_leaves_the_tested_reader_out():
    ratings = np.array([[100.0, 10, 20, 30], [0, 50, 60, np.nan]])
    assert consensus_without(ratings, 0, "median").tolist() == [20, 55]
    assert consensus_without(ratings, 1, "median").tolist() == [30, 30]


def test_a_consensus_of_levels_takes_the_lower_middle_and_a_majority_may_fail():
    ratings = np.array([[3.0, 0, 1, 2, 2], [3, 0, 0, 1, 1], [3, 1, np.nan, np.nan, np.nan]])
    assert consensus_without(ratings, 0, "lower median")[:2].tolist() == [1, 0]
    majority = consensus_without(ratings, 0, "majority")
    assert majority[0] == 2
    assert np.isnan(majority[1:]).all()  # two against two; one other reader only
    assert rated_by_all(ratings).tolist() == [True, True, False]
