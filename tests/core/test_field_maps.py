"""Cells to maps on the slide's frame: nothing shifted, exchanged or lost."""

import numpy as np
import pytest

from rimlight.core.field_maps import disc_rows, field_counts, map_shape, smoothed_share


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


def discs(x, y, value, *, shape=(9, 21), radius_px=2.0, band_px=256):
    cells = (np.array(column, float) for column in (x, y, value))
    return np.concatenate(
        list(disc_rows(*cells, shape=shape, radius_px=radius_px, band_px=band_px))
    )


def test_a_disc_lies_about_its_cell():
    painted = discs([15.5], [3.5], [7])
    rows, columns = np.nonzero(~np.isnan(painted))
    assert (rows.mean(), columns.mean()) == (3, 15)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 5, 13, 17)
    assert np.isnan(painted[1, 13])  # a disc, not a square
    assert (painted[rows, columns] == 7).all()


def test_where_discs_meet_the_nearest_cell_wins_whatever_the_order():
    for order in (slice(None), slice(None, None, -1)):
        x, value = [10.5, 13.2][order], [1, 2][order]
        painted = discs(x, [4.5, 4.5], value)
        assert painted[4, 9:15].tolist() == [1, 1, 1, 2, 2, 2]


def test_a_map_of_random_cells_is_that_of_the_nearest_cell_of_every_pixel():
    rng = np.random.default_rng(1)
    x, y, value = rng.uniform(-3, 64, 90), rng.uniform(-3, 40, 90), rng.normal(size=90)
    row, column = np.mgrid[:37, :61] + 0.5
    far = np.hypot(row[..., None] - y, column[..., None] - x)
    expected = np.where(far.min(axis=-1) <= 3.3, value[far.argmin(axis=-1)], np.nan)
    for band_px in (5, 256):
        painted = discs(x, y, value, shape=(37, 61), radius_px=3.3, band_px=band_px)
        np.testing.assert_array_equal(painted, expected.astype(np.float32))


def test_a_small_disc_paints_the_pixel_of_its_cell():
    painted = discs([4.01], [2.99], [5], radius_px=0.1)
    assert np.argwhere(~np.isnan(painted)).tolist() == [[2, 4]]


def test_a_cell_without_a_value_paints_nothing():
    assert np.isnan(discs([4.5], [2.5], [np.nan])).all()


def test_a_map_without_cells_is_empty():
    assert np.isnan(discs([], [], [])).all()


def test_a_share_is_the_same_on_both_sides_of_a_border_only_far_from_it():
    whole = np.ones((40, 80))
    part = np.zeros((40, 80))
    part[:, 40:] = 1
    share = smoothed_share(part, whole, sigma_px=3, least=5)
    assert share[20, 5] == 0
    assert share[20, 75] == 1
    assert share[20, 39] == pytest.approx(0.5, abs=0.08)
    assert (np.diff(share[20]) >= 0).all()


def test_the_border_of_the_map_is_no_cell_of_the_other_kind():
    share = smoothed_share(np.ones((9, 9)), np.ones((9, 9)), sigma_px=2, least=5)
    np.testing.assert_allclose(share, 1)


def test_a_cell_counts_alike_in_a_dense_field_and_in_an_empty_one():
    whole, part = np.zeros((21, 21)), np.zeros((21, 21))
    whole[10, 10], part[10, 10], whole[10, 11] = 30, 30, 10
    share = smoothed_share(part, whole, sigma_px=4, least=5)
    assert share[10, 10] == pytest.approx(30 / 40, abs=0.02)


def test_no_share_is_told_of_too_few_cells():
    whole = np.zeros((41, 41))
    whole[20, 20] = 4.9
    assert np.isnan(smoothed_share(whole, whole, sigma_px=2, least=5)).all()
    whole[20, 20] = 5.1
    share = smoothed_share(whole, whole, sigma_px=2, least=5)
    assert np.argwhere(~np.isnan(share)).tolist() == [[20, 20]]


def test_a_map_of_shares_ends_where_cells_end():
    whole = np.zeros((9, 60))
    whole[:, :20] = 3
    share = smoothed_share(whole, whole, sigma_px=6, least=5)
    assert np.isnan(share[:, 21:]).all()
    assert not np.isnan(share[:, :21]).any()
