import time

import numpy as np
import pytest
import scipy.stats

from rimlight.core import clustered
from rimlight.core.agreement import pearson
from rimlight.core.clustered import clusters_of
from rimlight.core.intervals import case_interval, case_intervals, case_times, sampled


def clustered_sample(seed, n_cases=20, n_per_case=15, between=1.0, within=0.3):
    random = np.random.default_rng(seed)
    case = np.repeat(np.arange(n_cases), n_per_case)
    return case, random.normal(0, between, n_cases)[case] + random.normal(0, within, len(case))


def mean_interval(case, value, *, n_resamples=400, seed=5):
    clusters = clusters_of(case)
    times = case_times(clusters.n_cases, n_resamples=n_resamples, seed=seed)
    return sampled(clustered.mean_of(value, clusters), clusters, times=times).interval


def test_an_interval_is_repeated_by_its_seed_and_moved_by_another():
    case, value = clustered_sample(0)
    first = mean_interval(case, value)
    assert mean_interval(case, value) == first
    assert mean_interval(case, value, seed=6).low != first.low


def test_the_order_of_cells_does_not_matter():
    case, value = clustered_sample(0)
    order = np.random.default_rng(1).permutation(len(case))
    found, first = mean_interval(case[order], value[order]), mean_interval(case, value)
    assert (found.low, found.high) == pytest.approx((first.low, first.high))


def test_cases_are_resampled_and_not_cells_so_copies_of_cells_change_nothing():
    case, value = clustered_sample(0)
    once, often = mean_interval(case, value), mean_interval(np.tile(case, 9), np.tile(value, 9))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert (once.n_cells, often.n_cells, often.n_cases) == (300, 2700, 20)


def test_the_interval_is_that_of_the_case_means_by_scipy():
    case, value = clustered_sample(3)
    means = value.reshape(20, 15).mean(axis=1)
    wanted = scipy.stats.bootstrap(
        (means,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    found = mean_interval(case, value, n_resamples=4000)
    width = wanted.high - wanted.low
    assert found.low == pytest.approx(wanted.low, abs=0.06 * width)
    assert found.high == pytest.approx(wanted.high, abs=0.06 * width)


def test_nineteen_of_twenty_intervals_cover_the_truth_where_resampling_cells_would_not():
    covered = cells_covered = 0
    for seed in range(200):
        case, value = clustered_sample(seed)
        found = mean_interval(case, value, n_resamples=300)
        covered += found.low <= 0 <= found.high
        cell = mean_interval(np.arange(len(case)), value, n_resamples=300)
        cells_covered += cell.low <= 0 <= cell.high
    assert 176 <= covered <= 198  # 95 % less what 20 cases cost a percentile interval
    assert cells_covered < 120


def test_the_margin_of_equal_measures_is_exactly_zero_with_its_interval():
    case, value = clustered_sample(0)
    level = np.round(value)
    clusters = clusters_of(case)
    times = case_times(20, n_resamples=200, seed=1)
    one, other = (
        sampled(clustered.spearman_of(value.copy(), level, clusters), clusters, times=times)
        for _ in range(2)
    )
    margin = (one - other).interval
    assert (margin.value, margin.low, margin.high) == (0, 0, 0)


def test_a_paired_margin_is_narrower_than_its_parts_and_has_the_right_sign():
    case, value = clustered_sample(0)
    clusters = clusters_of(case)
    times = case_times(20, n_resamples=200, seed=1)
    high, low = (
        sampled(clustered.mean_of(value + shift, clusters), clusters, times=times)
        for shift in (0.25, 0.0)
    )
    margin = (high - low).interval
    assert margin.value == pytest.approx(0.25)
    assert margin.low == pytest.approx(0.25)
    assert margin.high == pytest.approx(0.25)
    assert high.interval.high - high.interval.low > 0.5


def test_resamples_without_variation_are_dropped_and_counted():
    case = np.repeat(["a", "b", "c"], 2)
    value = np.array([1.0, 1, 1, 1, 2, 3])
    level = np.array([1.0, 1, 0, 0, 2, 3])
    clusters = clusters_of(case)
    times = case_times(3, n_resamples=2000, seed=1)
    found = sampled(clustered.pearson_of(value, level, clusters), clusters, times=times).interval
    assert found.n_undefined / 2000 == pytest.approx(8 / 27, abs=0.03)  # c is never drawn
    assert found.n_resamples == 2000
    assert not found.is_reliable
    assert found.low is not None


def test_an_undefined_statistic_has_neither_value_nor_interval():
    case = np.repeat(["a", "b"], 3)
    clusters = clusters_of(case)
    times = case_times(2, n_resamples=50, seed=1)
    constant = clustered.pearson_of(np.ones(6), np.arange(6.0), clusters)
    found = sampled(constant, clusters, times=times).interval
    assert (found.value, found.low, found.high, found.n_undefined) == (None, None, None, 50)
    nothing = clusters.only(np.zeros(6, dtype=bool))
    empty = sampled(clustered.mean_of(np.empty(0), nothing), nothing, times=times).interval
    assert (empty.value, empty.n_cells, empty.n_cases) == (None, 0, 0)


def test_one_case_has_a_value_but_no_interval():
    found = mean_interval(np.array(["a", "a"]), np.array([1.0, 2.0]))
    assert (found.value, found.low, found.high, found.is_reliable) == (1.5, None, None, False)


def test_ten_cases_are_reliable_and_nine_are_not():
    for n_cases, is_reliable in ((9, False), (10, True)):
        case, value = clustered_sample(0, n_cases=n_cases)
        assert mean_interval(case, value).is_reliable is is_reliable


def test_statistics_of_any_kind_get_the_same_resamples_as_the_fast_ones():
    case, value = clustered_sample(0)
    level = np.round(value)
    clusters = clusters_of(case)
    times = case_times(20, n_resamples=60, seed=3)
    fast = sampled(clustered.pearson_of(value, level, clusters), clusters, times=times).interval
    both = case_intervals(
        {"r": lambda i: pearson(value[i], level[i]), "mean": lambda i: float(value[i].mean())},
        case,
        n_resamples=60,
        seed=3,
    )
    assert both["r"].low == pytest.approx(fast.low)
    assert both["r"].high == pytest.approx(fast.high)
    alone = case_interval(lambda i: float(value[i].mean()), case, n_resamples=60, seed=3)
    assert alone == both["mean"]


def test_resamples_of_other_cases_are_refused():
    clusters = clusters_of(np.array(["a", "b"]))
    with pytest.raises(ValueError, match="3 cases, but 2"):
        sampled(
            clustered.mean_of(np.ones(2), clusters),
            clusters,
            times=case_times(3, n_resamples=2, seed=0),
        )


def test_two_thousand_resamples_of_two_thousand_cells_take_a_fraction_of_a_second():
    case, value = clustered_sample(0, n_cases=48, n_per_case=42)
    clusters = clusters_of(case)
    times = case_times(48, n_resamples=2000, seed=0)
    start = time.process_time()
    sampled(clustered.pearson_of(value, np.round(value), clusters), clusters, times=times)
    sampled(clustered.auc_of(value > 0, value, clusters), clusters, times=times)
    assert time.process_time() - start < 0.5
