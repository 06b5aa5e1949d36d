"""Removal curves of responses whose curves are known exactly."""

import numpy as np
import pytest
import torch

from rimlight.explain import deletion
from rimlight.explain.stream import Stream


def removal(response, images, **more):
    return deletion.removal(images, stream=Stream(response=response, chunk=3), **more)


WEIGHT = torch.tensor([[4.0, -2.0], [1.0, 3.0]])


def linear(images):
    return (images[:, 0] * WEIGHT.to(images)).sum((1, 2)) + 0.5


IMAGES, FILL = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
MAP = WEIGHT[None].numpy()


def test_the_curves_of_a_linear_response_are_its_sums():
    found = removal(linear, IMAGES, fill=FILL, order=MAP, n_steps=4)
    assert found.most_first[0] == pytest.approx([6, 2, -1, -2, 0])
    assert found.least_first[0] == pytest.approx([6, 8, 7, 4, 0])
    # Trapezoids between: 0, 6, 8, 6, 0.
    assert found.area == pytest.approx([(3 + 7 + 7 + 3) / 4])


def test_fewer_steps_take_several_pixels_at_once():
    found = removal(linear, IMAGES, fill=FILL, order=MAP, n_steps=2)
    assert found.most_first[0] == pytest.approx([6, -1, 0])
    assert found.least_first[0] == pytest.approx([6, 7, 0])


def test_a_map_of_the_wrong_sign_has_the_opposite_area():
    right, wrong = (
        removal(linear, IMAGES, fill=FILL, order=order, n_steps=4) for order in (MAP, -MAP)
    )
    assert wrong.area == pytest.approx(-right.area)


def test_where_the_fill_raises_the_response_a_true_map_still_has_a_positive_area():
    falling = removal(lambda x: -linear(x), IMAGES, fill=FILL, order=-MAP, n_steps=4)
    assert falling.most_first[0] == pytest.approx([6, 2, -1, -2, 0])
    assert falling.area == pytest.approx([5])


def test_pixels_that_the_fill_does_not_change_take_no_step():
    images = IMAGES.clone()
    images[0, 0, 0, 0] = 0  # the heaviest pixel already looks like the fill
    found = removal(linear, images, fill=FILL, order=MAP, n_steps=3)
    assert found.most_first[0] == pytest.approx([2, -1, -2, 0])


def test_a_pixel_goes_with_all_its_channels_and_at_its_own_place():
    def of_one_place(images):
        return images[:, 0, 0, 2] + 10 * images[:, 1, 0, 2]

    images, fill = torch.ones(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    order = np.zeros((1, 2, 3))
    order[0, 0, 2] = 1
    found = removal(of_one_place, images, fill=fill, order=order, n_steps=6)
    assert found.most_first[0] == pytest.approx([11, 0, 0, 0, 0, 0, 0])
    assert found.least_first[0] == pytest.approx([11, 11, 11, 11, 11, 11, 0])


def test_an_image_that_is_its_own_fill_has_flat_curves():
    found = removal(linear, IMAGES, fill=IMAGES.clone(), order=MAP, n_steps=4)
    assert found.area == pytest.approx([0])


def test_volumes_are_removed_voxel_by_voxel():
    images, fill = torch.ones(2, 1, 2, 2, 2), torch.zeros(2, 1, 2, 2, 2)
    order = np.arange(16.0).reshape(2, 2, 2, 2)
    weight = torch.arange(8.0).reshape(2, 2, 2)
    found = removal(
        lambda x: (x[:, 0] * weight).sum((1, 2, 3)), images, fill=fill, order=order, n_steps=8
    )
    assert found.most_first[0] == pytest.approx([28, 21, 15, 10, 6, 3, 1, 0, 0])


def test_an_order_with_channels_is_refused(wrong_types):
    with pytest.raises(ValueError, match="one value a pixel"):
        removal(linear, IMAGES, fill=FILL, order=np.ones((1, 1, 2, 2)))
    with pytest.raises(ValueError, match="n_steps"):
        removal(linear, IMAGES, fill=FILL, order=MAP, n_steps=0)
