"""Random weights in place of learned ones, and everything given back."""

import pytest
import torch
from networks import conv_norm_pool, items, made
from torch import nn

from rimlight.explain.attribution import attributions
from rimlight.explain.model_responses import response_of
from rimlight.explain.randomisation import layers_of, randomised, stages


def _state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_map_of_a_linear_network_becomes_that_of_other_weights_and_comes_back():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 1)).double().eval()
    response = response_of(network)
    images, reference = items((1, 4, 4), 3), torch.zeros(1, 1, 4, 4, dtype=torch.float64)

    def maps():
        return attributions(
            response, images, references=reference, reference_name="no_signal"
        ).values

    before = maps()
    assert torch.allclose(before, images * network[1].weight.view(1, 1, 4, 4))
    with randomised(response, images, n_layers=1, seed=3):
        drawn = network[1].weight.detach().clone()
        inside = maps()
    assert torch.allclose(inside, images * drawn.view(1, 1, 4, 4))
    assert not torch.allclose(inside, before)
    assert torch.equal(maps(), before)


def test_layers_go_from_the_head_down_and_the_trunk_stays():
    network = made(conv_norm_pool)
    layers = layers_of(network)
    assert [type(layer).__name__ for layer in layers] == [
        "Conv2d",
        "BatchNorm2d",
        "Conv2d",
        "Linear",
    ]
    before = _state(network)
    with randomised(network, items((3, 12, 12), 5), n_layers=2, seed=0):
        inside = _state(network)
    changed = {name.rsplit(".", 1)[0] for name in before if not before[name].equal(inside[name])}
    assert changed == {"layers.4", "layers.8"}


def test_everything_is_given_back_also_after_an_error():
    network = made(conv_norm_pool)
    before = _state(network)
    with pytest.raises(KeyError), randomised(network, items((3, 12, 12), 5), n_layers=4, seed=0):
        raise KeyError
    after = _state(network)
    assert all(before[name].equal(after[name]) for name in before)
    assert not any(part.training for part in network.modules())
    assert network.layers[1].momentum == 0.1


def test_normalisation_is_calibrated_on_the_given_images():
    network = made(conv_norm_pool)
    images = items((3, 12, 12), 5)
    with randomised(network, images, n_layers=4, seed=0), torch.no_grad():
        first, norm = network.layers[0], network.layers[1]
        fed = first(images)
        assert torch.allclose(norm.running_mean, fed.mean((0, 2, 3)))
        assert torch.allclose(norm.running_var, fed.var((0, 2, 3)))


def test_the_same_seed_draws_the_same_weights_and_leaves_chance_outside_alone():
    network, images = made(conv_norm_pool), items((3, 12, 12), 5)
    found = []
    torch.manual_seed(7)
    untouched = torch.rand(1)
    torch.manual_seed(7)
    for seed in (1, 1, 2):
        with randomised(network, images, n_layers=4, seed=seed):
            found.append(network.layers[0].weight.detach().clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(torch.rand(1), untouched)


def test_a_parameter_of_a_module_without_a_reset_is_drawn_anew():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.linspace(1, 2, 6))

        def forward(self, x):
            return (x * self.scale).sum(1)

    network = Scaled().eval()
    with randomised(network, torch.ones(2, 6), n_layers=1, seed=0):
        inside = network.scale.detach().clone()
    assert not torch.equal(inside, torch.linspace(1, 2, 6))
    assert torch.equal(network.scale.detach(), torch.linspace(1, 2, 6))


def test_a_layer_used_twice_counts_once_and_too_many_are_refused():
    shared = nn.Linear(4, 4)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 1)).eval()
    assert len(layers_of(network)) == 2
    with (
        pytest.raises(ValueError, match="n_layers: must be 1 to 2"),
        randomised(network, torch.ones(1, 4), n_layers=3, seed=0),
    ):
        pass


def test_stages_end_with_every_layer():
    assert stages(24, n_stages=4) == [1, 9, 16, 24]
    assert stages(1, n_stages=4) == [1]
    assert stages(5, n_stages=1) == [1, 5]
