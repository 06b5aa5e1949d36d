"""Resampling by covered area: by hand, and by what must not change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from rimlight.core.resampling import Window, block_mean, resampled


def window(left, top, width, height):
    return Window(
        left_px=float(left), top_px=float(top), width_px=float(width), height_px=float(height)
    )


def row(*values):
    return np.float32(values)[None, :, None]


def test_pixels_that_fall_on_pixels_come_back_unchanged():
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    seen = resampled(pixels, window=window(2, 1, 4, 3), width_px=4, height_px=3)
    np.testing.assert_array_equal(seen, pixels[1:4, 2:6])


def test_two_to_one_is_the_mean_of_two_by_two():
    pixels = np.uint8([[[0], [100]], [[50], [250]]])
    seen = resampled(pixels, window=window(0, 0, 2, 2), width_px=1, height_px=1)
    assert seen.ravel().tolist() == [100]


def test_a_pixel_covered_in_part_counts_in_part():
    # 1.5 pixels wide from 0.5: half of 0, all of 100 = 66.67
    seen = resampled(row(0, 100, 200), window=window(0.5, 0, 1.5, 1), width_px=1, height_px=1)
    assert seen.ravel().tolist() == [67]


def test_half_a_pixel_to_the_right_is_the_mean_of_neighbours():
    seen = resampled(row(0, 100, 200), window=window(0.5, 0, 2, 1), width_px=2, height_px=1)
    assert seen.ravel().tolist() == [50, 150]


def test_smaller_pixels_are_interpolated_in_a_line():
    seen = resampled(row(0, 100, 200), window=window(1, 0, 1, 1), width_px=4, height_px=1)
    assert seen.ravel().tolist() == [62, 88, 112, 138]


@given(left=some.floats(0.6, 3), width=some.floats(8, 20))
def test_a_ramp_stays_a_ramp(left, width):
    ramp = row(*(5 * (np.arange(32) + 0.5)))
    seen = resampled(ramp, window=window(left, 0, width, 1), width_px=8, height_px=1)
    centres = left + (np.arange(8) + 0.5) * width / 8
    np.testing.assert_allclose(seen.ravel(), 5 * centres, atol=1.2)


@given(left=some.floats(0, 4), top=some.floats(0, 4), side=some.floats(0.5, 20))
def test_one_colour_stays_that_colour(left, top, side):
    pixels = np.full((30, 30, 3), (240, 17, 3), dtype=np.uint8)
    seen = resampled(pixels, window=window(left, top, side, side), width_px=5, height_px=5)
    assert (seen == (240, 17, 3)).all()


def test_a_window_that_sees_nothing_is_refused():
    with pytest.raises(ValueError, match="leaves the 3 pixels"):
        resampled(row(1, 2, 3), window=window(9, 0, 2, 1), width_px=2, height_px=1)


def test_a_block_is_its_rounded_mean_and_rests_are_left_out():
    pixels = np.arange(3 * 5, dtype=np.uint8).reshape(3, 5, 1)
    # 0 1 5 6 -> 3; 2 3 7 8 -> 5
    assert block_mean(pixels, side_px=2).tolist() == [[[3], [5]]]


@pytest.mark.parametrize("side", [2, 3, 5, 17])
def test_blocks_of_several_pictures_are_the_means_of_each(side):
    pixels = np.random.default_rng(2).integers(0, 256, (3, 40, 37, 3), dtype=np.uint8)
    pixels[0] = 255
    down, across = 40 // side, 37 // side
    for found, one in zip(block_mean(pixels, side_px=side), pixels, strict=True):
        blocks = one[: down * side, : across * side].reshape(down, side, across, side, 3)
        np.testing.assert_array_equal(found, np.rint(blocks.mean(axis=(1, 3))))
        np.testing.assert_array_equal(found, block_mean(one, side_px=side))


def test_what_comes_back_unchanged_is_a_copy():
    pixels = np.zeros((5, 7, 3), dtype=np.uint8)
    seen = resampled(pixels, window=window(2, 1, 4, 3), width_px=4, height_px=3)
    seen[:] = 9
    assert pixels.max() == 0


def test_a_window_beyond_the_pixels_is_no_shortcut():
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="leaves"):
        resampled(pixels, window=window(4, 1, 4, 3), width_px=4, height_px=3)
