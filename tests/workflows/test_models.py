"""Model folders: what model.json says of a network is what is built, or a sentence."""

import json

import pytest
import torch

from rimlight.errors import ModelError
from rimlight.model.network import NetworkSettings, new_network
from rimlight.settings import PatchSettings
from rimlight.workflows.models import read_network, write_network

PATCH = PatchSettings(size_px=32)
FACTS = {
    "temperature": 1.0,
    "run_id": "0001",
    "seed": 0,
    "n_train": 1,
    "n_train_cases": 1,
    "n_validation": 1,
    "n_validation_cases": 1,
    "synthetic": "yes",
}


@pytest.fixture
def folder(tmp_path):
    settings = NetworkSettings(size_px=32, width=8, shape=(0.5, 1, 1.5, 3, 6))
    write_network(tmp_path / "model", new_network(settings, seed=3), patch=PATCH, facts=FACTS)
    return tmp_path / "model"


def test_a_network_of_another_shape_comes_back_as_it_was(folder):
    network = read_network(folder, patch=PATCH).network
    assert network.settings.channels == (4, 8, 12, 24, 48)
    expected = new_network(network.settings, seed=3)
    light = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(network(light), expected(light))


@pytest.mark.parametrize(
    "settings", [{}, {"size_px": 32, "depth": 3}, {"size_px": 32, "width": 8, "shape": [1, 2]}]
)
def test_a_manifest_that_describes_no_network_is_refused(folder, settings):
    manifest = json.loads((folder / "model.json").read_text())
    manifest["architecture"]["settings"] = settings
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"copy the model again"):
        read_network(folder, patch=PATCH)
