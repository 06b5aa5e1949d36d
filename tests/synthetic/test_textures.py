import numpy as np
import pytest

from rimlight.synthetic.textures import doubled, grain, grain_tile, smooth_noise


def _rng():
    return np.random.default_rng(5)


def test_smooth_noise_has_mean_0_and_spread_1():
    noise = smooth_noise(_rng(), (400, 300), step_px=6)
    assert noise.shape == (400, 300)
    assert abs(noise.mean()) < 0.05
    assert noise.std() == pytest.approx(1, abs=0.05)


def test_smooth_noise_changes_little_from_pixel_to_pixel():
    noise = smooth_noise(_rng(), (200, 200), step_px=20)
    assert np.abs(np.diff(noise, axis=0)).max() < 0.4
    assert np.abs(np.diff(noise, axis=1)).max() < 0.4


def test_grain_is_cut_from_a_bank_that_repeats_without_a_seam():
    cut = grain(_rng(), (1024, 1100), sigma_px=2.0)
    np.testing.assert_array_equal(cut[:, :76], cut[:, 1024:])
    assert cut.std() == pytest.approx(1, abs=0.01)


def test_grain_is_longer_in_x_than_in_y_when_asked():
    tile = grain_tile(1.5, 8.0)
    assert np.abs(np.diff(tile, axis=0)).mean() > 4 * np.abs(np.diff(tile, axis=1)).mean()


def test_doubling_keeps_a_slope_straight_and_centred():
    slope = np.arange(6, dtype=np.float32)[None, :].repeat(4, 0)
    wide = doubled(slope)
    assert wide.shape == (8, 12)
    np.testing.assert_allclose(wide[3, 1:-1], np.arange(1, 11) / 2 - 0.25)
