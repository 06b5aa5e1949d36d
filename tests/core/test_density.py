"""Optical density: hand-calculated numbers and physical laws."""

import numpy as np
import pytest

from rimlight.core.density import light, optical_density

GLASS = np.float32([255, 255, 255])


@pytest.mark.parametrize(
    ("value", "density"), [(255, 0.0), (128, 0.2993), (1, 2.4065), (0, 2.4065)]
)
def test_density_agrees_with_a_hand_calculation(value, density):
    grey = np.full((2, 2, 3), value, dtype=np.uint8)
    np.testing.assert_allclose(optical_density(grey, white=GLASS), density, atol=1e-4)


def test_two_filters_in_a_row_add_their_densities():
    through = np.array([[102] * 3, [41] * 3], dtype=np.uint8)  # 0.4 and 0.4 x 0.4 of 255
    one, both = optical_density(through, white=GLASS)
    np.testing.assert_allclose(both, 2 * one, atol=0.005)


def test_each_channel_has_its_own_white():
    density = optical_density(np.uint8([24, 24, 24]), white=(240.0, 24.0, 120.0))
    np.testing.assert_allclose(density, [1.0, 0.0, np.log10(5)], atol=1e-6)


def test_white_may_differ_from_patch_to_patch():
    patches = np.full((2, 1, 1, 3), 100, dtype=np.uint8)
    whites = np.float32([[200, 200, 200], [250, 250, 250]])[:, None, None, :]
    density = optical_density(patches, white=whites)
    np.testing.assert_allclose(density[:, 0, 0, 0], [np.log10(2), np.log10(2.5)], atol=1e-6)


def test_bare_glass_averages_zero_and_is_not_clipped():
    rng = np.random.default_rng(0)
    glass = np.rint(240 + 3 * rng.normal(size=(200, 200, 3))).astype(np.uint8)
    density = optical_density(glass, white=(240.0,) * 3)
    assert density.min() < -0.01
    assert abs(density.mean()) < 2e-4


def test_light_is_the_way_back():
    rgb = np.random.default_rng(1).integers(1, 256, (50, 3), dtype=np.uint8)
    back = light(optical_density(rgb, white=(230.0, 240.0, 250.0)), white=(230.0, 240.0, 250.0))
    np.testing.assert_allclose(back, rgb, rtol=2e-6)
    assert back.dtype == np.float32


def test_light_is_never_brighter_than_a_stored_colour():
    assert light(np.float32([[-1.0] * 3]), white=GLASS).max() == 255


@pytest.mark.parametrize(
    "white", [(255, 255, 1), (0, 0, 0), (256, 255, 255), (255, 255), (np.nan, 255, 255)]
)
def test_a_white_outside_the_scale_is_refused(white, wrong_types):
    with pytest.raises(ValueError, match=r"white: must be three values above 1 .* scale 0\.\.255"):
        optical_density(np.zeros((1, 3), np.uint8), white=white)


def test_float_pixels_are_refused_since_their_scale_is_unknown(wrong_types):
    with pytest.raises(ValueError, match="rgb: must be uint8"):
        optical_density(np.zeros((1, 3), np.float32), white=GLASS)
