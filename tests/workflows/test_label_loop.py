"""The loop of the benchmarks asks for unlabelled cells only, and does not peek at their labels."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "label_loop.py"
STRATEGIES = ("random", "uncertainty", "diversity", "targeted", "targeted only", "no causes")


def _module():
    spec = importlib.util.spec_from_file_location("label_loop", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def loop_and_network():
    """Nuclei with or without a brown ring, half of the pool with brown on the right side."""
    bench, random = _module(), np.random.default_rng(0)
    n, side = 70, 32 + 2 * 4
    along = np.arange(side) - (side - 1) / 2
    far = np.hypot(along[:, None], along[None])
    patches = random.integers(215, 240, (n, side, side, 3), dtype=np.uint8)
    patches[:, far < 6] = (120, 110, 180)
    is_positive = random.random(n) < 0.5
    patches[np.ix_(is_positive, *(np.arange(k) for k in (side, side)))] = np.where(
        (np.abs(far - 9) < 1.5)[None, ..., None], (150, 95, 60), patches[is_positive]
    )
    patches[n // 2 :, :, side - 8 :] = (150, 95, 60)
    cells = bench.Cells(
        patches=patches,
        is_positive=is_positive,
        white=np.full((n, 3), 245, dtype=np.float32),
        case=np.array([f"case {i % 7}" for i in range(n)]),
        scanner=np.full(n, "one"),
    )
    recipe = bench.Recipe(size_px=32, width=4, n_epochs=1, more_epochs=1)
    loop = bench.Loop(
        cells=cells,
        start=np.arange(20),
        validation=np.arange(20, 30),
        pool=np.arange(30, n),
        recipe=recipe,
        seed=1,
    )
    return bench, loop, loop.first()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_asks_for_cells_of_the_pool_that_are_not_labelled(
    loop_and_network, strategy
):
    bench, loop, network = loop_and_network
    labelled = np.concatenate([loop.start, [31, 40, 55]])
    found = bench.picked(loop, network, labelled, strategy=strategy, n=12, seed=3)
    assert len(set(found.tolist())) == 12
    assert set(found.tolist()) <= set(loop.pool.tolist()) - set(labelled.tolist())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_choice_does_not_know_the_labels_that_were_not_asked_for(loop_and_network, strategy):
    bench, loop, network = loop_and_network
    turned = loop.cells.is_positive.copy()
    turned[loop.pool] = ~turned[loop.pool]
    other = replace(loop, cells=replace(loop.cells, is_positive=turned))
    picks = [
        bench.picked(it, network, loop.start, strategy=strategy, n=12, seed=3)
        for it in (loop, other)
    ]
    assert np.array_equal(*picks)


def test_later_networks_learn_from_new_labels_and_leave_the_first_as_it_is(loop_and_network):
    _, loop, network = loop_and_network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    later = loop.later(network, loop.pool[:5])
    assert all((network.state_dict()[name] == value).all() for name, value in before.items())
    assert any((later.state_dict()[name] != value).any() for name, value in before.items())
