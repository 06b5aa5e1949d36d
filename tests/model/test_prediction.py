"""Logits and probabilities of patches."""

import numpy as np
import pytest
import torch

from rimlight.model.network import NetworkSettings, untrained_network
from rimlight.model.prediction import (
    centre,
    features_of,
    fitted_temperature,
    light_tensor,
    logits_of,
    probability,
)


@pytest.fixture(scope="module")
def network():
    light = torch.rand(32, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return untrained_network(NetworkSettings(size_px=32, width=4), light, seed=1)


def test_light_keeps_rows_columns_and_colours_in_their_places():
    patch = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    patch[0, 1, 3] = (255, 51, 0)
    light = light_tensor(patch)
    assert light.shape == (1, 3, 4, 4)
    assert light[0, :, 1, 3].tolist() == pytest.approx([1.0, 0.2, 0.0])
    assert light.sum() == pytest.approx(1.2)


def test_the_margin_is_cut_evenly():
    ramp = np.arange(36, dtype=np.uint8).reshape(1, 6, 6, 1).repeat(3, axis=3)
    assert centre(ramp, size_px=2)[0, :, :, 0].tolist() == [[14, 15], [20, 21]]


def test_logits_do_not_depend_on_how_the_work_is_cut(network, monkeypatch):
    patches = np.random.default_rng(0).integers(0, 256, (50, 36, 36, 3), dtype=np.uint8)
    whole = logits_of(network, patches, size_px=32)
    monkeypatch.setattr("rimlight.model.prediction.BATCH", 7)
    np.testing.assert_allclose(logits_of(network, patches, size_px=32), whole, atol=1e-5)


def test_features_come_with_the_logits_that_the_last_layer_makes_of_them(network):
    patches = np.random.default_rng(1).integers(0, 256, (20, 36, 36, 3), dtype=np.uint8)
    logits, features = features_of(network, patches, size_px=32)
    np.testing.assert_allclose(logits, logits_of(network, patches, size_px=32), atol=1e-6)
    assert features.shape == (20, network.settings.channels[-1])
    with torch.no_grad():
        again = network.head(torch.from_numpy(features)).squeeze(1).numpy()
    np.testing.assert_allclose(again, logits, atol=1e-6)


def test_a_network_in_training_mode_is_refused(network):
    network.train()
    with pytest.raises(ValueError, match=r"network.eval\(\)"):
        logits_of(network, np.zeros((1, 32, 32, 3), dtype=np.uint8), size_px=32)
    network.eval()


def test_a_logit_that_is_not_finite_is_refused(network):
    broken = torch.nn.Sequential(torch.nn.Flatten(0), torch.nn.Threshold(0, torch.nan)).eval()
    with pytest.raises(ValueError, match="not finite"):
        logits_of(lambda_network(broken), np.zeros((1, 32, 32, 3), dtype=np.uint8), size_px=32)


def lambda_network(module):
    """Return a module that gives one number a patch, here the last of the flat image."""

    class First(torch.nn.Module):
        def forward(self, x):
            return module(x)[: len(x)]

    return First().eval()


def test_the_fitted_temperature_is_the_one_that_made_the_labels():
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, 20_000)
    is_positive = random.random(20_000) < 1 / (1 + np.exp(-logits / 2.0))
    assert fitted_temperature(logits, is_positive) == pytest.approx(2.0, rel=0.06)
    assert fitted_temperature(-logits, ~is_positive) == pytest.approx(2.0, rel=0.06)


def test_a_validation_part_without_errors_does_not_make_calls_certain():
    assert fitted_temperature(np.array([-3.0, 3.0]), np.array([False, True])) >= 0.499


def test_probability_is_half_at_logit_zero_and_rises_with_it():
    found = probability(np.array([-9.0, 0.0, 9.0]), temperature=3.0)
    assert found.tolist() == pytest.approx([0.0474, 0.5, 0.9526], abs=1e-4)
