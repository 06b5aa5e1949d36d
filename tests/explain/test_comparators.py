"""The simpler maps: hand-worked cases, and Captum as an outside oracle."""

import pytest
import torch
from captum.attr import InputXGradient, LayerGradCam, Occlusion, Saliency
from networks import conv_norm_pool, items, made
from torch import nn

from rimlight.explain.attribution import attributions
from rimlight.explain.comparators import grad_cam, gradient, gradient_times_input, occlusion

IMAGES = items((3, 12, 12), 3)


@pytest.mark.parametrize("chunk", [1, 64])
def test_the_gradient_is_that_of_captum_with_its_sign(chunk):
    network = made(conv_norm_pool)
    found = gradient(network, IMAGES, chunk=chunk)
    expected = Saliency(network).attribute(IMAGES.clone().requires_grad_(), abs=False)
    torch.testing.assert_close(found, expected)
    assert found.min() < 0 < found.max()


def test_gradient_times_input_is_the_path_from_zero_of_a_linear_response():
    weights = items((4,), 1, seed=3)[0]
    images = items((4,), 2)
    path = attributions(
        lambda x: x @ weights, images, references=torch.zeros(1, 4).double(), reference_name="none"
    )
    torch.testing.assert_close(gradient_times_input(lambda x: x @ weights, images), path.values)


def test_gradient_times_input_is_that_of_captum():
    network = made(conv_norm_pool)
    expected = InputXGradient(network).attribute(IMAGES.clone().requires_grad_())
    torch.testing.assert_close(gradient_times_input(network, IMAGES), expected)


def test_grad_cam_is_that_of_captum_without_its_hooks():
    torch.manual_seed(0)
    # No ReLU in place: the hooks of Captum would see what it wrote.
    trunk = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Tanh(), nn.MaxPool2d(2)).double().eval()
    head = nn.Sequential(nn.Conv2d(6, 4, 3), nn.ELU(), nn.Flatten(), nn.Linear(36, 1)).double()
    network = nn.Sequential(trunk, head.eval())
    coarse = LayerGradCam(network, trunk).attribute(IMAGES, relu_attributions=True)
    expected = nn.functional.interpolate(coarse, size=(12, 12), mode="bilinear")[:, 0]
    found = grad_cam(trunk, lambda maps: head(maps)[:, 0], IMAGES)
    torch.testing.assert_close(found, expected.detach())
    assert found.any()


def test_occlusion_is_that_of_captum_where_windows_tile():
    network = made(conv_norm_pool)
    filled = items((3, 12, 12), 3, seed=2)
    found = occlusion(network, IMAGES, filled=filled, window_px=4, step_px=4)
    expected = Occlusion(network).attribute(
        IMAGES, sliding_window_shapes=(3, 4, 4), strides=(3, 4, 4), baselines=filled
    )
    torch.testing.assert_close(found.float(), expected[:, 0], rtol=1e-5, atol=1e-6)


def test_occlusion_of_a_sum_is_the_mean_change_of_the_windows_over_a_pixel():
    image = torch.tensor([[[[1.0, 2.0, 4.0]]]]).double()
    found = occlusion(
        lambda x: x.sum((1, 2, 3)), image, filled=torch.zeros(1, 1, 1, 3).double(), window_px=1
    )
    torch.testing.assert_close(found, image[:, 0])


def test_the_last_window_touches_the_border():
    found = occlusion(
        lambda x: x.sum((1, 2, 3)),
        torch.ones(1, 1, 5, 5).double(),
        filled=torch.zeros(1, 1, 5, 5).double(),
        window_px=2,
        step_px=2,
    )
    torch.testing.assert_close(found, torch.full((1, 5, 5), 4.0).double())


def test_grad_cam_lights_the_place_that_the_head_weighs():
    image = torch.zeros(1, 1, 8, 8).double()
    image[0, 0, 6, 1] = 1
    trunk = nn.AvgPool2d(2)
    found = grad_cam(trunk.eval(), lambda maps: maps.sum((1, 2, 3)), image)
    assert found.shape == (1, 8, 8)
    assert divmod(int(found.argmax()), 8)[0] in (6, 7)
    assert divmod(int(found.argmax()), 8)[1] in (0, 1, 2)
    against = grad_cam(trunk, lambda maps: -maps.sum((1, 2, 3)), image)
    assert not against.any()


def test_comparators_refuse_what_attributions_refuse():
    network = made(conv_norm_pool).train()
    with pytest.raises(ValueError, match="in training mode"):
        gradient(network, IMAGES)
    with pytest.raises(ValueError, match="images: hold NaN"):
        gradient(network.eval(), IMAGES * torch.nan)
    with pytest.raises(ValueError, match="window_px: must fit"):
        occlusion(network, IMAGES, filled=IMAGES, window_px=13)
    with pytest.raises(ValueError, match="trunk: must return"):
        grad_cam(nn.Flatten().eval(), lambda x: x.sum(1), IMAGES)
