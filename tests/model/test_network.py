"""The patch classifier: what its logits depend on, and what must not change them."""

import pytest
import torch

from rimlight.model.network import (
    NetworkSettings,
    folded,
    n_multiplications,
    new_network,
    untrained_network,
)

SMALL = NetworkSettings(size_px=32, width=4)


def _light(n: int, *, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def network():
    return untrained_network(SMALL, _light(64), seed=7)


def test_one_logit_a_patch_and_the_same_for_the_same_seed():
    light = _light(5)
    first, again, other = (new_network(SMALL, seed=seed)(light) for seed in (1, 1, 2))
    assert first.shape == (5,)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_normalisation_is_inside_so_that_mean_light_reaches_the_convolutions_as_zero(network):
    seen = []
    handle = network.trunk[0].register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    light = torch.tensor([0.78, 0.72, 0.70]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    network(light)
    network(light + torch.tensor([0.18, 0.0, 0.0]).view(1, 3, 1, 1))
    handle.remove()
    assert seen[0].abs().max() < 1e-6
    torch.testing.assert_close(seen[1][:, 0], torch.ones(1, 32, 32))
    assert seen[1][:, 1:].abs().max() < 1e-6


def test_a_patch_does_not_depend_on_the_others_in_its_batch(network):
    light = _light(6)
    alone = torch.cat([network(light[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(network(light), alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(network(light.flip(0)), alone.flip(0), atol=1e-5, rtol=1e-5)


def test_the_head_knows_where_the_centre_is():
    network = untrained_network(SMALL, _light(64), seed=7)
    spot = torch.ones(1, 3, 32, 32)
    spot[:, :, 14:18, 14:18] = 0
    aside = spot.roll(12, dims=3)
    with torch.no_grad():
        network.place.weight.zero_()
        network.place.weight[:, :, 1:3, 1:3] = 1  # the middle of the last 4 x 4 plane
    white = network(torch.ones(1, 3, 32, 32))
    assert abs(network(spot) - white) > 2 * abs(network(aside) - white)


def test_folding_normalisation_changes_no_logit_and_leaves_the_network_alone(network):
    light = _light(9, seed=3)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    lean = folded(network)
    torch.testing.assert_close(lean(light), network(light), atol=2e-5, rtol=1e-5)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in lean.modules())
    assert not any(parameter.requires_grad for parameter in lean.parameters())
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_an_untrained_control_spreads_its_logits_as_a_trained_network_does(network):
    logits = network(_light(64))
    assert logits.std() > 0.05
    plain = new_network(SMALL, seed=7)
    assert torch.equal(plain.trunk[0].weight, network.trunk[0].weight)


def test_another_shape_has_other_channels():
    lean = NetworkSettings(size_px=32, width=8, shape=(0.5, 1, 1.5, 3, 6))
    network = new_network(lean, seed=0)
    assert lean.channels == (4, 8, 12, 24, 48)
    assert network.trunk[0].weight.shape[:2] == (4, 3)
    assert network.head[-1].in_features == 48


def test_multiplications_are_those_counted_by_hand():
    # 3 -> 4 and 4 -> 4 at 32; 4 -> 8 and two 8 -> 8 at 16; 8 -> 16 and two 16 -> 16 at 8;
    # 16 -> 24 and two 24 -> 24 at 4; each output needs 9 products a channel; then 24 x 4 x 4.
    by_hand = (
        9
        * (
            32**2 * (3 * 4 + 4 * 4)
            + 16**2 * (4 * 8 + 2 * 8 * 8)
            + 8**2 * (8 * 16 + 2 * 16 * 16)
            + 4**2 * (16 * 24 + 2 * 24 * 24)
        )
        + 24 * 16
    )
    assert n_multiplications(new_network(SMALL, seed=0)) == by_hand


@pytest.mark.parametrize(("size_px", "width"), [(60, 8), (8, 8), (64, 0)])
def test_a_size_that_cannot_be_halved_three_times_is_refused(size_px, width):
    with pytest.raises(ValueError, match="must be"):
        NetworkSettings(size_px=size_px, width=width)
