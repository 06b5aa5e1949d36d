import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from rimlight.core.overlap import average_precision, dice


def test_average_precision_is_that_of_scikit_learn_with_and_without_ties():
    random = np.random.default_rng(0)
    for _ in range(20):
        truth = random.random((8, 9)) < 0.3
        smooth, tied = random.random((8, 9)), random.integers(0, 4, (8, 9)).astype(float)
        for strength in (smooth, tied):
            expected = average_precision_score(truth.ravel(), strength.ravel())
            assert average_precision(strength, truth) == pytest.approx(expected, abs=1e-12)


def test_a_map_that_is_the_same_everywhere_has_the_share_of_true_pixels():
    truth = np.zeros((5, 4), dtype=bool)
    truth[0] = True
    assert average_precision(np.ones((5, 4)), truth) == pytest.approx(0.2)
    assert average_precision(truth.astype(float), truth) == 1
    assert average_precision(-truth.astype(float), truth) < 0.2 + 1e-12


def test_an_empty_truth_has_no_average_precision_and_two_empty_masks_no_dice():
    nothing = np.zeros((3, 3), dtype=bool)
    assert np.isnan(average_precision(np.ones((3, 3)), nothing))
    assert np.isnan(dice(nothing, nothing))
    assert dice(nothing, ~nothing) == 0
    assert dice(~nothing, ~nothing) == 1


def test_a_mask_moved_by_a_pixel_loses_its_dice():
    truth = np.zeros((6, 6), dtype=bool)
    truth[2] = True
    assert dice(np.roll(truth, 1, axis=0), truth) == 0
    assert dice(truth.T, truth) == pytest.approx(2 / 12)


def test_shapes_that_differ_are_refused(wrong_types):
    with pytest.raises(ValueError, match="one shape"):
        dice(np.ones((2, 2), dtype=bool), np.ones((2, 3), dtype=bool))
