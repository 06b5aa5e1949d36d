"""Which patch size, pixel size and width: trained on training cases, compared on other cases.

    rimlight synth /tmp/tissue --cases 24 --slides 24 --cells 2400
    python benchmarks/ablation.py STUDY [--epochs 10] [--seeds 2]

Hold-out cases of the study's split are never read: half of the rest trains, and the other half
is what the variants are compared on.  Prints one line a variant: accuracy, F1 and accuracy on
cells whose neighbours disagree, each with the case-cluster 95 % interval, then the cost.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from rimlight.core.agreement import binary_figure
from rimlight.core.intervals import case_interval
from rimlight.core.measurement import separating_cut
from rimlight.core.splits import split_cases
from rimlight.io.study import Study, open_study
from rimlight.settings import PatchSettings
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import CellPatches, cell_patches
from rimlight.workflows.rivals import rival_densities

LEAN, FULL = (0.75, 1, 1.5, 3, 6), (1, 1, 2, 4, 6)
VARIANTS = (  # size_px, um/px, width, shape
    (64, 0.5, 16, FULL),
    (64, 0.5, 16, LEAN),
    (64, 0.5, 16, (1, 1, 1.5, 3, 6)),
    (64, 0.5, 16, (0.5, 1, 1.5, 2, 6)),
    (64, 0.5, 8, FULL),
    (64, 0.5, 24, FULL),
    (48, 0.5, 16, FULL),
    (96, 0.35, 12, FULL),
    (64, 0.35, 16, FULL),
    (128, 0.25, 8, FULL),
)
Variant = tuple[int, float, int, tuple[float, ...]]


def main() -> None:
    """Compare the variants on the cases of one study that are not held out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of variants")
    given = parser.parse_args()
    study = open_study(given.study)
    fold = split_cases(
        consensus_of_study(study).cells, study.settings.split, seed=study.settings.study.seed
    ).folds[0]
    rest = np.random.default_rng(0).permutation(sorted(fold.train | fold.validation))
    tuning = set(rest[: len(rest) // 2].tolist())
    print(f"{len(rest) - len(tuning)} cases train, {len(tuning)} compare; hold-out unread")
    for number, variant in enumerate(VARIANTS):
        if given.only is None or number in given.only:
            for seed in range(given.seeds):
                print(_line(study, variant, set(rest.tolist()), tuning, given.epochs, seed))


def _line(
    study: Study,
    variant: Variant,
    rest: set[str],
    tuning: set[str],
    n_epochs: int,
    seed: int,
) -> str:
    size_px, mpp, width, shape = variant
    patch = PatchSettings(size_px=size_px, mpp=mpp)
    made = replace(study, settings=replace(study.settings, patch=patch))
    labelled = [cell for cell in consensus_of_study(study).cells if cell.case_id in rest]
    cells = cell_patches(made, labelled)
    is_tuning = np.isin(cells.case, sorted(tuning))
    started = time.perf_counter()
    logit, network = _trained(
        made, cells, is_tuning, width=width, shape=shape, n_epochs=n_epochs, seed=seed
    )
    seconds = time.perf_counter() - started
    is_positive = cells.level > 0
    neighbours = _neighbour_density(study, labelled)
    cut = separating_cut(neighbours[~is_tuning], is_positive[~is_tuning])
    is_discordant = (neighbours > cut) != is_positive
    shown = [
        _figure(logit, is_positive, cells.case, is_tuning, "accuracy"),
        _figure(logit, is_positive, cells.case, is_tuning, "f1"),
        _figure(logit, is_positive, cells.case, is_tuning & is_discordant, "accuracy"),
    ]
    ms = 1e3 * seconds / n_epochs / int((~is_tuning).sum())
    cost = f"{_millions(network):.0f} M products, {ms:.1f} ms a cell and epoch"
    return (
        f"{size_px:4d} px {mpp:.2f} um/px ({size_px * mpp:.0f} um) width {width:2d} x {shape} "
        f"seed {seed}: accuracy {shown[0]}, F1 {shown[1]}, discordant accuracy {shown[2]}; {cost}"
    )


def _trained(
    study: Study,
    cells: CellPatches,
    is_tuning: np.ndarray,
    *,
    width: int,
    shape: tuple[float, ...],
    n_epochs: int,
    seed: int,
):
    from rimlight.model.network import NetworkSettings, new_network
    from rimlight.model.prediction import logits_of
    from rimlight.model.training import fit
    from rimlight.workflows.train import fit_settings, patch_set

    train = replace(study.settings.train, n_epochs=n_epochs, patience=n_epochs)
    made = replace(study, settings=replace(study.settings, train=train))
    size_px = study.settings.patch.size_px
    network = new_network(NetworkSettings(size_px=size_px, width=width, shape=shape), seed=seed)
    # The training cells choose the epoch, in effect the last: the compared cells must not.
    fitted = patch_set(cells, ~is_tuning)
    settings = replace(fit_settings(made, 0), seed=seed)
    for _record in fit(network, fitted, fitted, stains=cells.stains, settings=settings):
        pass
    return logits_of(network, cells.patches, size_px=size_px), network


def _neighbour_density(study: Study, labelled) -> np.ndarray:
    """Return the density of the neighbours at the study's own pixel size, for every variant."""
    return rival_densities(cell_patches(study, labelled), study.settings.evaluate)["od_neighbours"]


def _figure(
    logit: np.ndarray, is_positive: np.ndarray, case: np.ndarray, chosen: np.ndarray, name: str
) -> str:
    score, truth = logit[chosen], is_positive[chosen]
    found = case_interval(
        lambda index: binary_figure(name, truth[index], score[index] > 0),
        case[chosen],
        n_resamples=1000,
        seed=0,
    )
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}] (n {found.n_cells})"


def _millions(network) -> float:
    from rimlight.model.network import n_multiplications

    return n_multiplications(network) / 1e6


if __name__ == "__main__":
    main()
