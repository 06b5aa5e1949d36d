"""The small version of benchmarks/flat_memory.py: memory stays where it is, call after call."""

import gc
import runpy
from pathlib import Path

import torch
from networks import conv_norm_pool, items, made

from rimlight import explain

BENCHMARK = Path(__file__).parent.parent.parent / "benchmarks" / "flat_memory.py"


def test_five_hundred_explanations_of_all_kinds_leave_memory_flat(capsys):
    grown_mib = runpy.run_path(str(BENCHMARK))["grown_mib"]
    assert grown_mib(n_calls=500, size_px=12) < 4
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_no_tensor_and_no_picture_is_kept_after_its_call():
    network, images = made(conv_norm_pool, dtype=torch.float32), items((3, 12, 12), 2).float()

    def explained():
        found = explain.explanation_of(network, images, references="blur")
        explain.picture_of(found, 1).close()

    def n_tensors():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    explained()
    before = n_tensors()
    for _ in range(5):
        explained()
    assert n_tensors() <= before
    assert all(parameter.grad is None for parameter in network.parameters())
