"""A network as TorchScript says the same as the network, for any number of patches."""

import io

import numpy as np
import pytest
import torch

from rimlight.model.network import NetworkSettings, untrained_network
from rimlight.model.torchscript import torchscript_of


@pytest.fixture(scope="module")
def network():
    light = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return untrained_network(NetworkSettings(size_px=32, width=4), light, seed=2)


def loaded(content):
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        return torch.jit.load(io.BytesIO(content))


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("threshold", [0.5, 0.2, 0.9])
def test_the_larger_logit_is_the_call_at_the_threshold(network, n, threshold):
    light = torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(n))
    model = loaded(torchscript_of(network, temperature=1.7, threshold=threshold))
    with torch.no_grad():
        two = model(light).numpy()
        logits = network(light).numpy() / 1.7
    assert two.shape == (n, 2)
    np.testing.assert_array_equal(two[:, 0], 0)
    np.testing.assert_allclose(two[:, 1], logits - np.log(threshold / (1 - threshold)), atol=1e-5)
    probability = 1 / (1 + np.exp(-logits))
    np.testing.assert_array_equal(two.argmax(1) == 1, probability > threshold)


def test_softmax_of_the_two_is_the_calibrated_probability(network):
    light = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(9))
    model = loaded(torchscript_of(network, temperature=0.8))
    with torch.no_grad():
        found = torch.softmax(model(light), dim=1)[:, 1]
        wanted = torch.sigmoid(network(light) / 0.8)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("temperature", "threshold"), [(0.0, 0.5), (1.0, 0.0), (1.0, 1.0)])
def test_a_threshold_or_temperature_without_a_logit_is_a_mistake(network, temperature, threshold):
    with pytest.raises(ValueError, match="need a threshold in"):
        torchscript_of(network, temperature=temperature, threshold=threshold)
