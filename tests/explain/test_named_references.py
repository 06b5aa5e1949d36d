"""References by name, for signals, images and volumes."""

import numpy as np
import pytest
import torch
from networks import items
from scipy.ndimage import gaussian_filter

from rimlight.explain.named_references import blurred, reference_named


@pytest.mark.parametrize("shape", [(2, 30), (2, 20, 24), (1, 9, 10, 11)])
def test_blur_is_that_of_scipy_along_every_axis(shape):
    images = items(shape, 2)
    sigmas = (0, 0, *[1.5] * (len(shape) - 1))
    theirs = gaussian_filter(images.numpy(), sigmas, mode="mirror")
    np.testing.assert_allclose(blurred(images, sigma_px=1.5).numpy(), theirs, atol=1e-6)


def test_a_blur_keeps_the_sum_of_a_map_away_from_the_border():
    spot = torch.zeros(1, 1, 31, 31).double()
    spot[0, 0, 15, 14] = 2
    assert blurred(spot, sigma_px=2.0).sum() == pytest.approx(2.0)
    with pytest.raises(ValueError, match="sigma_px: must be above 0"):
        blurred(spot, sigma_px=0.0)


def test_names_stand_for_one_reference_an_image():
    images = items((3, 6, 8), 4)
    assert reference_named("white", images).shape == (4, 1, 3, 6, 8)
    assert (reference_named("white", images) == 1).all()
    for name in ("no_signal", "black", "zeros"):
        assert not reference_named(name, images).any()
    blur = reference_named("blur", images)
    torch.testing.assert_close(blur[2, 0], blurred(images, sigma_px=1.0)[2])
    broad = reference_named("blur", images, sigma_px=4.0)
    assert broad[2, 0].std() < blur[2, 0].std() < images[2].std()


def test_an_unknown_name_is_refused_with_those_that_are_known(wrong_types):
    with pytest.raises(ValueError, match=r"'grey' is no name.*white, blur, no_signal"):
        reference_named("grey", items((3, 4, 4), 1))


def test_a_vector_has_nothing_to_blur_along():
    with pytest.raises(ValueError, match="blur needs images"):
        reference_named("blur", items((4,), 2))
