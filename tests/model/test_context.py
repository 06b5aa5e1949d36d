"""One pass gives the network's own logits and what its stages saw around the middle."""

import numpy as np
import pytest

from rimlight.model.context import context_of
from rimlight.model.network import NetworkSettings, folded, new_network
from rimlight.model.prediction import logits_of


@pytest.fixture(scope="module")
def network():
    return new_network(NetworkSettings(width=4), seed=3)


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(0).integers(60, 255, (5, 72, 72, 3), dtype=np.uint8)


def test_logits_are_those_of_the_network_whole_or_folded(network, patches):
    expected = logits_of(network, patches, size_px=64)
    for each in (network, folded(network)):
        logits, columns = context_of(each, patches, size_px=64)
        assert logits == pytest.approx(expected, abs=1e-4)
        assert len(columns) == 5


def test_folding_changes_no_column_and_patches_do_not_see_each_other(network, patches):
    _, columns = context_of(network, patches, size_px=64)
    _, lean = context_of(folded(network), patches, size_px=64)
    _, alone = context_of(network, patches[2:3], size_px=64)
    assert lean == pytest.approx(columns, abs=1e-3)
    assert alone[0] == pytest.approx(columns[2], abs=1e-4)


def test_no_patch_gives_no_row_but_all_columns(network, patches):
    logits, columns = context_of(network, patches[:0], size_px=64)
    assert logits.shape == (0,)
    assert columns.shape[1] == context_of(network, patches, size_px=64)[1].shape[1]


def test_a_network_in_training_is_refused(network, patches):
    network.train()
    with pytest.raises(ValueError, match="training mode"):
        context_of(network, patches, size_px=64)
    network.eval()
