"""Squares about cells put together: none shifted, none turned, the nearest one seen."""

import numpy as np
import pytest

from rimlight.core.patch_mosaics import MosaicBand


def mosaic(squares, left, top, *, shape=(12, 20), band=None):
    squares = np.array(squares, dtype=np.float32)
    rows = []
    for first in range(0, shape[0], band or shape[0]):
        n_rows = min(band or shape[0], shape[0] - first)
        part = MosaicBand(first_row=first, n_rows=n_rows, n_columns=shape[1])
        part.add(squares, left=np.array(left), top=np.array(top))
        rows.append(part.values)
    return np.concatenate(rows)


def test_a_square_lies_where_it_begins_and_is_not_turned():
    square = np.arange(16).reshape(4, 4)
    seen = mosaic([square], [11], [2])
    np.testing.assert_array_equal(seen[2:6, 11:15], square)
    assert np.isnan(seen).sum() == 12 * 20 - 16


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_where_squares_overlap_the_nearer_cell_is_seen(order):
    left, value = np.array([2, 4])[list(order)], np.array([1, 2])[list(order)]
    seen = mosaic([np.full((4, 4), v) for v in value], left, [3, 3])
    assert seen[4, 2:8].tolist() == [1, 1, 1, 2, 2, 2]


def test_a_map_that_may_not_be_shown_leaves_its_place_empty():
    seen = mosaic([np.full((4, 4), np.nan), np.ones((4, 4))], [2, 4], [3, 3])
    assert np.isnan(seen[4, 2:5]).all()
    assert (seen[4, 5:8] == 1).all()


@pytest.mark.parametrize(("left", "top"), [(-2, -3), (18, 10), (-9, 2), (30, 2), (3, 40), (3, -4)])
def test_what_lies_beyond_the_map_is_cut_off(left, top):
    square = np.arange(1, 17).reshape(4, 4).astype(np.float32)
    wide = np.full((80, 80), np.nan, np.float32)
    wide[top + 20 : top + 24, left + 20 : left + 24] = square
    np.testing.assert_array_equal(mosaic([square], [left], [top]), wide[20:32, 20:40])


def test_bands_change_nothing():
    rng = np.random.default_rng(0)
    squares = rng.normal(size=(30, 5, 5))
    left, top = rng.integers(-4, 20, 30), rng.integers(-4, 12, 30)
    whole = mosaic(squares, left, top)
    np.testing.assert_array_equal(mosaic(squares, left, top, band=3), whole)
    np.testing.assert_array_equal(mosaic(squares, left, top, band=5), whole)
