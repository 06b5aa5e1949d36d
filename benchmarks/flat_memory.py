"""Explain one small image after another and print the resident memory at every tenth.

    python benchmarks/flat_memory.py                    100,000 explanations, 24 px, one thread
    python benchmarks/flat_memory.py --calls 5000

Every call is new: another image, a reference by name or by tensors, one thread or two, some calls
refused; its record is thrown away.  From the second tenth on memory must not grow by more than the
bound, else the exit code is 1.
"""

import argparse
import gc
import sys
import time
from pathlib import Path

import torch
from torch import nn

from rimlight import explain

BOUND_MIB = 8.0


def main() -> None:
    """Print memory at every tenth; exit with 1 where it grows beyond the bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=24, help="side of the image, px")
    parser.add_argument("--bound", type=float, default=BOUND_MIB, help="growth allowed, MiB")
    given = parser.parse_args()
    torch.set_num_threads(1)
    growth = grown_mib(n_calls=given.calls, size_px=given.size)
    print(f"growth from the second tenth on: {growth:+.2f} MiB; allowed {given.bound:.1f} MiB")
    sys.exit(1 if growth > given.bound else 0)


def grown_mib(*, n_calls: int, size_px: int) -> float:
    """Return how much resident memory grew from the second tenth of the calls to the largest after.

    Printing at every tenth.
    """
    network, generator = small_network(), torch.Generator().manual_seed(0)
    at_tenth, started = [], time.perf_counter()
    for tenth in range(1, 11):
        for call in range(n_calls * (tenth - 1) // 10, n_calls * tenth // 10):
            explain_one(network, generator, call=call, size_px=size_px)
        gc.collect()
        at_tenth.append(resident_mib())
        print(
            f"{n_calls * tenth // 10:8d} explanations: {at_tenth[-1]:8.2f} MiB, "
            f"{time.perf_counter() - started:6.0f} s",
            flush=True,
        )
    return max(at_tenth[2:]) - at_tenth[1]


def small_network() -> nn.Module:
    """Return a network with what is known to leak elsewhere: batch norm, re-used in-place ReLU."""
    torch.manual_seed(0)
    relu = nn.ReLU(inplace=True)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        relu,
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3),
        relu,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    ).eval()


def explain_one(network: nn.Module, generator: torch.Generator, *, call: int, size_px: int) -> None:
    """Explain one new image from a reference by name or two tensors, in turn.

    Every tenth call computes in two threads, every 25th is an occlusion, every 50th is refused.
    """
    image = torch.rand(1, 3, size_px, size_px, generator=generator)
    response = explain.response_of(network, class_index=call % 3)
    settings = explain.PathSettings(n_workers=2 if call % 10 == 1 else 1)
    method = explain.by_occlusion(window_px=8, step_px=8) if call % 25 == 2 else None
    method = method or explain.by_path(settings)
    if call % 50 == 3:
        image[0, 0, 0, 0] = torch.nan
    try:
        if call % 3:
            name = "white" if call % 2 else "blur"
            explain.explanation_of(response, image, references=name, method=method)
        else:
            pair = torch.rand(2, 3, size_px, size_px, generator=generator)
            explain.explanation_of(
                response, image, references=pair, reference_name="two", method=method
            )
    except ValueError:
        if call % 50 != 3:
            raise


def resident_mib() -> float:
    """Return the resident memory of this process, as Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    main()
