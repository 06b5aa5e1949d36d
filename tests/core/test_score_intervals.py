"""The interval of a share knows of fields that differ and of calls that err, by their direction."""

import numpy as np
import pytest

from rimlight.core.score_intervals import CaseErrors, case_errors, mean_interval, share_interval

HOW = {"n_resamples": 800, "seed": 1}


def errors_of(*cases) -> CaseErrors:
    return CaseErrors(n_cells=np.array(cases, dtype=np.int64))


def right(n=1000):
    return [[n, 0], [0, n]]


PERFECT = errors_of(*[right()] * 6)
NONE = CaseErrors(n_cells=np.zeros((0, 2, 2), dtype=np.int64))


def fields(shares, n=50):
    positive = np.rint(np.array(shares) * n).astype(np.int64)
    return np.column_stack([positive, n - positive])


def test_fields_that_differ_give_a_wider_interval_than_fields_that_agree():
    same = share_interval(fields([0.5] * 12), PERFECT, **HOW)
    spread = share_interval(fields([0.0, 1.0] * 6), PERFECT, **HOW)
    assert same.high - same.low < 3
    assert spread.high - spread.low > 40


def test_missed_positive_cells_widen_it_upwards_and_false_ones_downwards():
    missing = errors_of(*[[[700, 300], [0, 1000]]] * 6)
    low_calls = share_interval(fields([0.36] * 12), missing, **HOW)
    assert low_calls.low == pytest.approx(36)
    assert 48 < low_calls.high < 58
    false = errors_of(*[[[1000, 0], [200, 800]]] * 6)
    high_calls = share_interval(fields([0.6] * 12), false, **HOW)
    assert high_calls.high == pytest.approx(60)
    assert 45 < high_calls.low < 53


def test_cases_that_err_differently_widen_it_though_their_mean_is_right():
    alike = errors_of(*[[[900, 100], [100, 900]]] * 6)
    differ = errors_of(*[[[990, 10], [190, 810]], [[810, 190], [10, 990]]] * 3)
    shares = fields([0.5] * 20)
    narrow = share_interval(shares, alike, **HOW)
    wide = share_interval(shares, differ, **HOW)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_other_cells_that_were_counted_are_taken_out_of_the_interval():
    # A fifth of 1000 other cells is counted negative, so that the true share is higher.
    case = [[1000, 0, 0], [0, 1000, 0], [0, 400, 600]]
    counts = np.array([[25, 25 + 20, 30]] * 20)
    found = share_interval(counts, errors_of(*[case] * 6), **HOW)
    assert found.low == pytest.approx(100 * 25 / 70)
    assert 48 < found.high < 55


def test_calls_by_chance_leave_every_share_possible():
    found = share_interval(fields([0.5] * 12), errors_of(*[[[50, 50], [50, 50]]] * 6), **HOW)
    assert found.low < 10
    assert found.high > 90


def test_without_errors_known_only_fields_enter_and_it_is_not_reliable():
    found = share_interval(fields([0.2, 0.4] * 6), NONE, **HOW)
    assert found.n_error_cases == 0
    assert not found.is_reliable
    assert found.low < 30 < found.high


def test_one_field_and_no_known_errors_give_no_interval():
    found = share_interval(fields([0.5]), NONE, **HOW)
    assert (found.low, found.high, found.is_reliable) == (None, None, False)


def test_fields_without_cells_do_not_count_as_fields():
    empty = np.concatenate([fields([0.5] * 5), np.zeros((20, 2), dtype=np.int64)])
    found = share_interval(empty, PERFECT, **HOW)
    assert found.n_fields == 5
    assert not found.is_reliable


def test_a_slide_without_a_counted_cell_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        share_interval(np.zeros((3, 2), dtype=np.int64), PERFECT, **HOW)
    with pytest.raises(ValueError, match="do not fit"):
        share_interval(np.ones((3, 3), dtype=np.int64), PERFECT, **HOW)


def test_the_same_seed_gives_the_same_interval():
    first = share_interval(fields([0.1, 0.7] * 6), PERFECT, **HOW)
    assert first == share_interval(fields([0.1, 0.7] * 6), PERFECT, **HOW)
    assert first != share_interval(fields([0.1, 0.7] * 6), PERFECT, n_resamples=800, seed=2)


def test_errors_are_counted_by_case_label_and_call():
    case = np.array(["b", "a", "a", "a", "b"])
    label, call = np.array([0, 1, 1, 2, 2]), np.array([1, 1, 0, 2, 0])
    found = case_errors(case, label, call, n_classes=3)
    assert found.n_cells[0].tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert found.n_cells[1].tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert found.rates[2].tolist() == [0.5, 0.0, 0.5]


def test_an_h_score_read_too_low_on_held_out_cases_has_an_interval_that_reaches_up():
    total, n_cells = np.full(12, 60), np.full(12, 50)
    found = mean_interval(total, n_cells, np.array([20.0, 25.0, 30.0]), **HOW)
    assert found.low == pytest.approx(120)
    assert found.high == pytest.approx(150)
    top = mean_interval(n_cells * 3, n_cells, np.array([20.0, 25.0, 30.0]), **HOW)
    assert top.high == 300
