"""Levels in order from several numbers of a cell."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from rimlight.core.ordinal import OrdinalHead, _loss, ordinal_head


def drawn(n=600, seed=0):
    random = np.random.default_rng(seed)
    columns = random.normal(size=(n, 3)) * [1, 50, 1] + [0, 300, 0]
    along = columns[:, 0] + columns[:, 1] / 50 + random.logistic(size=n) * 0.3
    return columns, 1 + (along > 5.5).astype(int) + (along > 6.5)


def test_a_higher_number_means_a_higher_level_and_new_cells_are_told():
    columns, level = drawn()
    head = ordinal_head(columns[:300], level[:300])
    assert head.weights[0] > 0
    assert head.weights[1] > 0
    assert abs(head.weights[2]) < 0.3 * head.weights[0]
    assert (head.levels(columns[300:]) == level[300:]).mean() > 0.7
    assert np.diff(head.cuts)[0] > 0


def test_turning_the_numbers_round_turns_their_weights_round():
    columns, level = drawn()
    there, back = ordinal_head(columns, level), ordinal_head(-columns, level)
    assert back.weights == pytest.approx(-there.weights, rel=1e-3, abs=1e-4)
    assert (back.levels(-columns) == there.levels(columns)).all()


def test_units_of_the_numbers_do_not_matter():
    columns, level = drawn()
    head = ordinal_head(columns, level)
    other = ordinal_head(columns * 1000 - 7, level)
    assert (other.levels(columns * 1000 - 7) == head.levels(columns)).mean() > 0.99


def test_the_gradient_is_that_of_the_loss():
    columns, level = drawn(n=40)
    x = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    at = np.array([0.4, -0.2, 0.1, -0.5, 0.3])
    args = (x, level, 2)
    assert check_grad(lambda p: _loss(p, *args)[0], lambda p: _loss(p, *args)[1], at) < 1e-3


def test_two_levels_agree_with_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    columns, level = drawn()
    two, x = (level > 1) + 1, (columns - columns.mean(axis=0)) / columns.std(axis=0)
    model = LogisticRegression(C=0.1, max_iter=1000).fit(x, two)
    head = ordinal_head(x, two)
    assert head.weights == pytest.approx(model.coef_[0], abs=0.01)
    assert head.cuts[0] == pytest.approx(-model.intercept_[0], abs=0.01)


def test_a_level_without_a_cell_is_refused():
    with pytest.raises(ValueError, match="each with a cell"):
        ordinal_head(np.zeros((4, 1)), np.array([1, 1, 3, 3]))
    with pytest.raises(ValueError, match="each with a cell"):
        ordinal_head(np.zeros((4, 1)), np.array([1, 1, 1, 1]))


def test_the_cut_offs_part_the_levels_where_they_are_equally_likely():
    head = OrdinalHead(weights=np.array([1.0]), cuts=np.array([0.0]))
    assert head.levels(np.array([[-0.01], [0.01]])).tolist() == [1, 2]
