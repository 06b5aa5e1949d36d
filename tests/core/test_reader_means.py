"""Means over pairs of readers, with the readers at hand and with readers drawn as well."""

import numpy as np
import pytest

from rimlight.core.intervals import Sampled
from rimlight.core.reader_means import mean_over, reader_times


def figure(value, *resamples) -> Sampled:
    return Sampled(value=value, resamples=np.array(resamples), n_cells=9, n_cases=5)


def test_the_mean_over_pairs_is_taken_in_each_resample():
    found = mean_over({(0, 1): figure(0.2, 0.1, 0.3), (0, 2): figure(0.4, 0.5, 0.5)})
    assert found.value == pytest.approx(0.3)
    assert found.resamples.tolist() == pytest.approx([0.3, 0.4])


def test_an_undefined_pair_is_left_out_and_a_resample_with_a_gap_is_undefined():
    nan = float("nan")
    found = mean_over({(0, 1): figure(0.2, 0.1, nan), (0, 2): figure(nan, 0.5, 0.5)})
    assert found.value == 0.2
    assert found.resamples.tolist() == pytest.approx([0.1, nan], nan_ok=True)
    assert mean_over({(0, 1): figure(nan, 0.1)}) is None


def test_readers_drawn_twice_count_twice_and_make_no_pair_with_themselves():
    pairs = {(0, 1): figure(0.0, 0.2, 0.2, 0.2), (0, 2): figure(0.0, 0.8, 0.8, 0.8)}
    drawn = np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 1.0], [3.0, 0.0, 0.0]])
    found = mean_over(pairs, drawn)
    assert found.resamples.tolist() == pytest.approx([0.2, 0.5, float("nan")], nan_ok=True)


def test_one_reader_with_the_model_counts_as_often_as_the_reader_was_drawn():
    pairs = {(0, 0): figure(0.0, 0.2), (1, 1): figure(0.0, 0.8)}
    assert mean_over(pairs, np.array([[2.0, 1.0]])).resamples.tolist() == pytest.approx([0.4])


def test_draws_of_readers_sum_to_their_number_and_follow_the_seed():
    first = reader_times(4, n_resamples=50, seed=1)
    assert (first.sum(axis=1) == 4).all()
    assert first.std() > 0.5
    assert (first == reader_times(4, n_resamples=50, seed=1)).all()
    assert (first != reader_times(4, n_resamples=50, seed=2)).any()
