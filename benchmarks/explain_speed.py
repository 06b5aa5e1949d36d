"""Race our explanations against Captum's default call, on one network, in one run.

Same images, same reference (the slide's white), same logit.  Prints for each contender: cells a
second, the ratio, the completeness error at the 95th percentile and the correlation of its maps
with those of 512 evenly spaced points.  Timings are medians over alternating rounds.

    python benchmarks/explain_speed.py                 trains a small network first, about 2 min
    python benchmarks/explain_speed.py --model FOLDER  takes a trained model
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from rimlight.core.stains import HDAB
from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.references import white_references
from rimlight.model.augmentation import AugmentationSettings
from rimlight.model.network import (
    NetworkSettings,
    PatchNetwork,
    folded,
    n_multiplications,
    new_network,
)
from rimlight.model.prediction import light_tensor
from rimlight.model.training import FitSettings, PatchSet, fit
from rimlight.settings import PatchSettings
from rimlight.synthetic.cells import SyntheticPatches, patches
from rimlight.workflows.models import read_network

SIZE_PX, WIDE_PX, SEED = 64, 72, 20261124


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one contender came to."""

    name: str
    cells_a_second: float
    gap_p95: float
    correlation_p5: float
    correlation_median: float


def main() -> None:
    """Train or read a network, race, print."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    made = patches(given.train + given.cells, n_cases=20, size_px=WIDE_PX)
    network = _read(given.model) if given.model else _trained(made, given)
    images, white = _explained(made, given)
    reference = white_references(images, white=white)
    lean = folded(network)
    truth = _even_512(network, images, reference)
    default = PathSettings(tolerance_absolute=0.01, n_workers=given.threads)
    within_2 = replace(default, tolerance=0.02, tolerance_spread=0.2)
    runs: dict[str, Callable[[], tuple[Tensor, float]]] = {
        CAPTUM: lambda: _captum(network, images, reference, n_points=50),
        "captum, 200 points": lambda: _captum(network, images, reference, n_points=200),
        "captum, 50 points, all cells at once": lambda: _captum_tuned(network, images, reference),
        "rimlight, within 2 %": lambda: _ours(lean, images, reference, within_2),
        "rimlight, within 1 % (default)": lambda: _ours(lean, images, reference, default),
        "rimlight, within 1 %, half the spread": lambda: _ours(
            lean, images, reference, replace(default, tolerance_spread=0.05)
        ),
        "rimlight, within 2 %, one worker": lambda: _ours(
            lean, images, reference, replace(within_2, n_workers=1)
        ),
        "rimlight, within 2 %, not folded": lambda: _ours(network, images, reference, within_2),
    }
    with torch.no_grad():
        rise = (network(images) - network(reference[:, 0])).double()
    seconds, results = _timed(runs, n_rounds=given.rounds)
    kept = rise.abs() >= SMALL_RISE
    print(f"{int(kept.sum())} of {len(images)} cells have a rise of {SMALL_RISE} logits or more;")
    print("gaps and correlations are theirs. Synthetic cells.")
    for name, (values, n_gradients) in results.items():
        row = _figures(name, seconds[name], values[kept], truth=truth[kept], rise=rise[kept])
        row = replace(row, cells_a_second=len(images) / seconds[name][0])
        _print(row, n_gradients, baseline=seconds[CAPTUM][0] / len(images))
    _print_bound(lean, images, n_threads=given.threads)


CAPTUM = "captum, default call (50 points)"
SMALL_RISE = 0.5


def _print_bound(network: PatchNetwork, images: Tensor, *, n_threads: int) -> None:
    """Print what the arithmetic of one gradient costs, against a plain matrix product."""
    n_products = n_multiplications(network)
    square = torch.rand(2048, 2048)
    flat = images[:16].contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.no_grad():
            network(flat)

    def gradient() -> None:
        leaf = flat.clone().requires_grad_()
        torch.autograd.grad(network(leaf).sum(), leaf)

    product = 2 * 2048**3 / _fastest(lambda: square @ square)
    one_pass, both = _fastest(forward) / len(flat), _fastest(gradient) / len(flat)
    print(f"one patch: {n_products / 1e6:.1f} million multiplications forward, {n_threads} threads")
    for name, seconds, n_operations in (
        ("forward", one_pass, 2 * n_products),
        ("forward and backward", both, 4 * n_products),
    ):
        print(
            f"{name}: {1 / seconds:.0f} patches/s, {n_operations / seconds / 1e9:.0f} GFLOP/s; "
            f"matrix product of 2048 x 2048: {product / 1e9:.0f} GFLOP/s"
        )


def _fastest(work: Callable[[], object], *, n_times: int = 8) -> float:
    work()
    seconds = []
    for _ in range(n_times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of a trained model")
    parser.add_argument("--cells", type=int, default=48, help="cells explained")
    parser.add_argument("--train", type=int, default=1600, help="cells that train the network")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _read(folder: Path) -> PatchNetwork:
    return read_network(folder, patch=PatchSettings()).network


def _trained(made: SyntheticPatches, given: argparse.Namespace) -> PatchNetwork:
    network = new_network(NetworkSettings(size_px=SIZE_PX), seed=SEED)
    order = np.random.default_rng(SEED).permutation(given.train)
    cut = given.train // 6
    parts = [_patch_set(made, order[cut:]), _patch_set(made, order[:cut])]
    settings = FitSettings(
        n_epochs=given.epochs,
        patience=given.epochs,
        batch_size=64,
        learning_rate=3e-3,
        weight_decay=0.02,
        seed=SEED,
        augmentation=AugmentationSettings(size_px=SIZE_PX),
    )
    for record, _ in fit(network, *parts, stains=HDAB, settings=settings):
        print(f"epoch {record.epoch}: accuracy {record.validation_accuracy:.3f}")
    return network


def _patch_set(made: SyntheticPatches, rows: np.ndarray) -> PatchSet:
    return PatchSet(
        patches=made.rgb[rows], is_positive=made.level[rows] > 0, white=made.white[rows]
    )


def _explained(made: SyntheticPatches, given: argparse.Namespace) -> tuple[Tensor, Tensor]:
    edge = (WIDE_PX - SIZE_PX) // 2
    rgb = made.rgb[given.train :, edge : edge + SIZE_PX, edge : edge + SIZE_PX]
    return light_tensor(rgb), torch.from_numpy(made.white[given.train :])


def _even_512(network: PatchNetwork, images: Tensor, reference: Tensor) -> Tensor:
    settings = PathSettings(n_first=512, n_most=512, spacing="even")
    return attributions(
        network, images, references=reference, reference_name="white", settings=settings
    ).values


def _captum(
    network: PatchNetwork, images: Tensor, reference: Tensor, *, n_points: int
) -> tuple[Tensor, float]:
    # One cell a call, all points in one batch, as the default call does it.
    ig = IntegratedGradients(network)
    pairs = zip(images.split(1), reference[:, 0].split(1), strict=True)
    found = [ig.attribute(*pair, n_steps=n_points).detach() for pair in pairs]
    return torch.cat(found), float(n_points)


def _captum_tuned(network: PatchNetwork, images: Tensor, reference: Tensor) -> tuple[Tensor, float]:
    # Not the default: all cells at once, a pass for every point.
    n_cells = len(images)
    found = IntegratedGradients(network).attribute(
        images, reference[:, 0], internal_batch_size=n_cells
    )
    return found.detach(), 50.0


def _ours(
    network: PatchNetwork, images: Tensor, reference: Tensor, settings: PathSettings
) -> tuple[Tensor, float]:
    found = attributions(
        network, images, references=reference, reference_name="white", settings=settings
    )
    return found.values, float(found.n_gradients.double().mean())


def _timed(
    runs: dict[str, Callable[[], tuple[Tensor, float]]], *, n_rounds: int
) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[Tensor, float]]]:
    results = {name: run() for name, run in runs.items()}  # warm
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(n_rounds):
        for name, run in runs.items():
            begun = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    middle = {
        name: tuple(statistics.median(column) for column in zip(*taken, strict=True))
        for name, taken in times.items()
    }
    return middle, results


def _figures(
    name: str, seconds: tuple[float, float], values: Tensor, *, truth: Tensor, rise: Tensor
) -> Figures:
    gap = (values.double().flatten(1).sum(1) - rise).abs() / rise.abs().clamp(min=1e-9)
    both = torch.stack([values.sum(1).flatten(1), truth.sum(1).flatten(1)], 1).double()
    correlation = np.array([float(torch.corrcoef(pair)[0, 1]) for pair in both])
    return Figures(
        name=name,
        cells_a_second=len(values) / seconds[0],
        gap_p95=float(torch.quantile(gap, 0.95)),
        correlation_p5=float(np.quantile(correlation, 0.05)),
        correlation_median=float(np.median(correlation)),
    )


def _print(row: Figures, n_gradients: float, *, baseline: float) -> None:
    print(
        f"{row.name:37s} {row.cells_a_second:7.2f} cells/s "
        f"({row.cells_a_second * baseline:5.2f}x)  gap p95 {100 * row.gap_p95:6.2f} %  "
        f"r with 512 points {row.correlation_median:.4f} (p5 {row.correlation_p5:.4f})  "
        f"{n_gradients:5.1f} gradients a cell"
    )


if __name__ == "__main__":
    main()
