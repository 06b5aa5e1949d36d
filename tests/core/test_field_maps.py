"""Cells to maps on the slide's frame: nothing shifted, exchanged or lost."""

import numpy as np
import pytest

from rimlight.core.field_maps import field_counts, map_shape


def counts(x, y, weight=None, **sides):
    x, y = np.array(x, float), np.array(y, float)
    weight = np.ones(len(x)) if weight is None else np.array(weight, float)
    frame = {"width_l0": 40, "height_l0": 20, "field_l0": 10} | sides
    return field_counts(x, y, weight, **frame)


def test_a_field_has_the_cells_that_lie_in_it():
    found = counts([35, 5], [2, 15])
    assert found.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]


def test_a_cell_on_a_border_belongs_to_the_field_that_begins_there():
    assert counts([10, 9.999], [10, 9.999]).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


def test_weights_are_summed():
    assert counts([5, 6, 7], [5, 6, 7], [1, 0, 0.5])[0, 0] == 1.5


def test_cells_off_the_slide_are_in_no_field():
    assert counts([-0.1, 40, 5, 5], [5, 5, -3, 20]).sum() == 0


def test_the_last_field_may_reach_beyond_the_slide():
    found = counts([41], [20.5], width_l0=41.5, height_l0=21)
    assert found.shape == (3, 5)
    assert found[2, 4] == 1


def test_no_cells_give_a_map_of_zeros():
    assert not counts([], []).any()


def test_a_side_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        map_shape(width_l0=10, height_l0=10, step_l0=0)
