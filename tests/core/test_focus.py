"""Sharpness of patches."""

import numpy as np
from scipy.ndimage import laplace

from rimlight.core.edits import blurred
from rimlight.core.focus import sharpness


def cells():
    return np.random.default_rng(3).integers(60, 220, (5, 48, 48, 3), dtype=np.uint8)


def test_blur_makes_a_patch_less_sharp():
    sharp = blurred(cells(), sigma_px=np.full(5, 0.8))
    soft = blurred(cells(), sigma_px=np.full(5, 2.0))
    assert (sharpness(soft) < 0.5 * sharpness(sharp)).all()


def test_a_paler_patch_is_as_sharp():
    patches = cells()
    pale = (128 + (patches.astype(float) - 128) / 3).round().astype(np.uint8)
    np.testing.assert_allclose(sharpness(pale), sharpness(patches), rtol=0.02)


def test_sharpness_is_the_variance_of_the_laplacian_over_that_of_the_grey_image():
    patches = np.concatenate([cells()] * 20)  # more than are taken at once
    patches[1] //= 40
    grey = patches.mean(axis=3)
    edges = np.stack([laplace(one) for one in grey])
    expected = edges.var(axis=(1, 2)) / grey.var(axis=(1, 2))
    np.testing.assert_allclose(sharpness(patches), expected, rtol=1e-9)
    assert len(sharpness(patches[:0])) == 0


def test_a_patch_of_one_colour_has_no_sharpness():
    assert sharpness(np.full((2, 8, 8, 3), 240, np.uint8)).tolist() == [0.0, 0.0]
