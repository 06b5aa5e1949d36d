"""The gate catches planted faults and lets a healthy network pass: the small benchmark."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "planted_faults.py"
CATCHES = {
    "untrained": {"E2", "E3", "E4"},
    "shuffled": {"E2", "E3", "E4"},
    "neighbour": {"E3"},
    "black": {"E2"},
    "coarse": {"E1"},
}
"""Checks of which at least one must fail."""


@pytest.fixture(scope="module")
def cards():
    """The scorecard of every network of the benchmark, by name."""
    spec = importlib.util.spec_from_file_location("planted_faults", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert set(CATCHES) == set(module.FAULTS)
    return {name: judge() for name, _, judge in module.subjects(module.SMALL)}


def test_a_healthy_network_passes(cards):
    assert cards["healthy 0"].failed == ()
    assert cards["healthy 0"].stamp == ""


@pytest.mark.parametrize("fault", CATCHES)
def test_a_planted_fault_is_caught_and_stamps_the_maps(cards, fault):
    assert CATCHES[fault] & set(cards[fault].failed)
    assert cards[fault].stamp.startswith("quality gate failed: ")
