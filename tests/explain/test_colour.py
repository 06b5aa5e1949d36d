"""Heat-map colours: symmetric, even to the eye, told apart by colour-blind eyes, signed."""

import numpy as np
import pytest

from rimlight.explain.colour import (
    colour_bar,
    contoured,
    desaturated,
    heat_rgb,
    heat_rgba,
    overlay,
    shared_scale,
)

BAR = colour_bar()
TISSUE = np.random.default_rng(0).integers(60, 250, (8, 8, 3), dtype=np.uint8)


def lightness(rgb):
    """CIE L* of sRGB."""
    share = np.asarray(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def seen_by_a_deuteranope(rgb):
    """Source: Machado, Oliveira and Fernandes (2009), severity 1.0."""
    share = np.asarray(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    matrix = [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
    return (linear @ np.transpose(matrix)).clip(0, 1)


def test_negative_is_blue_positive_is_orange_and_zero_is_neutral():
    low, middle, high = heat_rgb(np.array([-1.0, 0.0, 1.0]), scale=1.0).astype(int)
    assert low[2] > low[0] + 60
    assert high[0] > high[2] + 60
    assert np.ptp(middle) <= 2
    assert middle.min() > 225


def test_both_sides_are_equally_dark_and_even():
    light = lightness(BAR)
    np.testing.assert_allclose(light, light[::-1], atol=4)
    assert (np.diff(light[:128]) > -0.3).all()
    assert (np.diff(light[127:]) < 0.3).all()
    steps = np.diff(light[::16])
    assert steps[:7].std() < 0.8
    assert 35 < np.ptp(light) < 60


def test_a_deuteranope_tells_the_ends_apart():
    low, high = seen_by_a_deuteranope(BAR[[0, -1]])
    assert np.abs(low - high).max() > 0.25


def test_values_beyond_the_scale_have_the_end_colour():
    ends = heat_rgb(np.array([-9.0, 9.0]), scale=1.0)
    np.testing.assert_array_equal(ends, BAR[[0, -1]])


def test_zero_is_transparent_and_strength_is_opacity():
    rgba = heat_rgba(np.array([0.0, 0.5, -0.5, 1.0]), scale=1.0)
    np.testing.assert_allclose(rgba[:, 3], [0, 128, 128, 255], atol=2)
    np.testing.assert_array_equal(rgba[1, :3], BAR[-1])
    np.testing.assert_array_equal(rgba[2, :3], BAR[0])


def test_a_zero_map_stays_blank():
    zero = np.zeros((8, 8))
    np.testing.assert_array_equal(overlay(TISSUE, zero, scale=0.0), desaturated(TISSUE))
    np.testing.assert_array_equal(overlay(TISSUE, zero, scale=1.0), desaturated(TISSUE))
    assert (heat_rgb(zero, scale=0.0) == BAR[127]).all()


def test_the_overlay_is_coloured_only_where_the_map_speaks():
    values = np.zeros((8, 8))
    values[2, 5] = 1.0
    shown = overlay(TISSUE, values, scale=1.0)
    np.testing.assert_array_equal(shown[2, 5], BAR[-1])
    is_other = np.ones((8, 8), bool)
    is_other[2, 5] = False
    assert not np.ptp(shown[is_other].astype(int), axis=-1).any()


def test_the_scale_is_shared_and_ignores_the_sign():
    values = np.concatenate([np.full(995, -0.1), np.full(5, 7.0)])
    assert shared_scale(values) == pytest.approx(0.1, abs=0.05)
    assert shared_scale(-values) == shared_scale(values)


def test_what_cannot_be_drawn_is_refused(wrong_types):
    for scale in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="scale: must be 0 or more"):
            heat_rgb(np.zeros(3), scale=scale)
    with pytest.raises(ValueError, match="values: hold NaN"):
        heat_rgb(np.array([np.nan]), scale=1.0)
    with pytest.raises(ValueError, match="at least one"):
        shared_scale(np.array([]))
    with pytest.raises(ValueError, match="must share"):
        overlay(TISSUE, np.zeros((4, 8)), scale=1.0)
    with pytest.raises(ValueError, match="must share"):
        contoured(TISSUE, np.zeros((4, 8), bool))


def test_the_contour_runs_along_the_edges_of_the_mask():
    mask = np.zeros((8, 8), bool)
    mask[2:5, 3:6] = True
    shown = contoured(TISSUE, mask, zoom=4)
    plain = TISSUE.repeat(4, 0).repeat(4, 1)
    is_changed = (shown != plain).any(-1)
    assert shown.shape == (32, 32, 3)
    np.testing.assert_array_equal(shown[8, 12], (0, 180, 255))
    np.testing.assert_array_equal(shown[7, 12], (255, 255, 255))
    assert not is_changed[9:19, 13:23].any()
    assert not is_changed[:7].any()
    assert not is_changed[:, 25:].any()


def test_a_mask_at_the_border_draws_no_line_on_the_other_side():
    mask = np.zeros((8, 8), bool)
    mask[:, :2] = True
    shown = contoured(TISSUE, mask, zoom=4)
    plain = TISSUE.repeat(4, 0).repeat(4, 1)
    assert (shown[:, 10:] == plain[:, 10:]).all()
