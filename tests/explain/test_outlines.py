import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter

from rimlight.explain.outlines import drawn, outlines


def ring_mask(size=40, inner=8, outer=12):
    rows, columns = np.mgrid[:size, :size]
    far = np.hypot(rows - size / 2 + 0.5, columns - size / 2 + 0.5)
    return (far > inner) & (far <= outer)


def signed_area(ring):
    x, y = np.array(ring.coords).T
    return 0.5 * float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


def test_one_pixel_is_the_square_of_its_edges():
    mask = np.zeros((4, 5), dtype=bool)
    mask[2, 3] = True
    (square,) = outlines(mask)
    assert square.bounds == (3, 2, 4, 3)
    assert square.area == 1


def test_an_empty_mask_has_no_polygon_and_a_full_one_is_the_whole_image():
    assert outlines(np.zeros((6, 7), dtype=bool)) == ()
    (whole,) = outlines(np.ones((6, 7), dtype=bool))
    assert whole.bounds == (0, 0, 7, 6)
    assert whole.area == 42


def test_a_ring_keeps_its_hole():
    (ring,) = outlines(ring_mask())
    assert len(ring.interiors) == 1
    assert ring.area == pytest.approx(ring_mask().sum(), rel=0.02)


def test_outer_rings_have_positive_area_and_holes_negative():
    (ring,) = outlines(ring_mask())
    assert signed_area(ring.exterior) > 0
    assert signed_area(ring.interiors[0]) < 0


def test_an_island_within_a_hole_is_its_own_polygon():
    mask = ring_mask()
    mask[19:21, 19:21] = True
    ring, island = outlines(mask)
    assert island.area == 4
    assert len(ring.interiors) == 1


def test_pixels_that_touch_by_a_corner_are_apart():
    found = outlines(np.eye(3, dtype=bool))
    assert len(found) == 3
    assert all(part.area == 1 for part in found)


def test_x_is_the_column_and_y_the_row():
    mask = np.zeros((10, 20), dtype=bool)
    mask[1:3, 12:18] = True
    (found,) = outlines(mask)
    assert found.bounds == (12, 1, 18, 3)


def test_smoothing_leaves_fewer_corners_than_the_stairs():
    (ring,) = outlines(ring_mask())
    stairs = np.abs(np.diff(ring_mask().astype(int), axis=1)).sum()
    assert len(ring.exterior.coords) < stairs


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_polygons_drawn_back_are_the_mask(mask):
    found = outlines(mask)
    assert np.array_equal(drawn(found, shape=mask.shape), mask)
    assert all(part.is_valid for part in found)
    assert sum(part.area for part in found) == pytest.approx(mask.sum(), rel=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_large_ragged_masks_come_back_too(seed):
    noise = np.random.default_rng(seed).normal(size=(48, 48))
    mask = gaussian_filter(noise, 2.0) > 0.05
    assert np.array_equal(drawn(outlines(mask), shape=mask.shape), mask)


def test_a_mask_moved_by_one_pixel_is_another_outline():
    mask = ring_mask()
    (here,), (there,) = outlines(mask), outlines(np.roll(mask, 1, axis=1))
    assert there.bounds[0] == here.bounds[0] + 1
    assert not np.array_equal(drawn((there,), shape=mask.shape), mask)


@pytest.mark.parametrize("mask", [np.zeros((3, 3)), np.zeros(3, dtype=bool)])
def test_what_is_no_mask_is_refused(mask, wrong_types):
    with pytest.raises(ValueError, match="mask"):
        outlines(mask)
