"""The loop on real cells: labels that exist are hidden, asked for, and revealed.

    python benchmarks/real_loop.py --her2 FOLDER      tissue-microarray cores, HER2
    python benchmarks/real_loop.py --ki67 FOLDER      tiles with outlined nuclei, Ki-67

FOLDER of the cores holds ``cores.csv``, ``labels.csv`` and ``images``; FOLDER of the tiles is that
of ``ki67_overlap.py``.  The data is not part of this repository.  Every core, or tile, is held out
once a seed.  A small network begins with few labelled cells of the others, as many of each sign;
then each strategy asks for more in rounds, and the network goes on with all labels, by one recipe.
Cells that no strategy asked for stay unlabelled.  A cell is discordant if the DAB around it speaks
against its label, the cut taken from the start cells.  F1 is of all held-out calls together;
intervals resample cores or quarters of tiles, and are few.
"""

import argparse
import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from label_loop import MARGIN_PX, MPP, Cells, Loop, Recipe, exemplars_of, picked
from PIL import Image

from rimlight.core import clustered
from rimlight.core.measurement import separating_cut
from rimlight.core.stains import HDAB, dab_density
from rimlight.core.zones import ring
from rimlight.model.prediction import logits_of
from rimlight.workflows.blocks import bootstrap

STRATEGIES = ("random", "uncertainty", "targeted")
BUDGETS = (20, 60)
N_START = 30
SEEDS = (101, 102)
BORDER_L0 = 100
POSITIVE = {"weak": True, "moderate": True, "strong": True, "negative": False}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Real:
    """Real cells, the group that is held out together, and the unit of the intervals.

    around_od: DAB in the annulus around each cell.
    """

    cells: Cells
    held_with: np.ndarray
    unit: np.ndarray
    around_od: np.ndarray
    recipe: Recipe
    n_folds: int


def her2(folder: Path) -> Real:
    """Cells of cores on which all their readers agree that they are positive, or negative."""
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    place: dict[tuple[str, str], tuple[int, int]] = {}
    with (folder / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            key = (row["slide"], row["cell"])
            said[key].append(row["label"])
            place[key] = (round(float(row["x_px"])), round(float(row["y_px"])))
    with (folder / "cores.csv").open() as file:
        mpp_of_slide = {row["slide"]: float(row["mpp"]) for row in csv.DictReader(file)}
    recipe = Recipe(n_epochs=8, more_epochs=4, least_steps=15)
    wide = recipe.size_px + 2 * MARGIN_PX
    rows = []
    for slide, mpp in mpp_of_slide.items():
        image = np.asarray(Image.open(folder / "images" / slide).convert("RGB"))
        wide_image = np.pad(image, ((BORDER_L0,) * 2,) * 2 + ((0, 0),), mode="edge")
        white = [float(np.percentile(image[::8, ::8, channel], 95)) for channel in range(3)]
        for key, labels in said.items():
            signs = {POSITIVE.get(label) for label in labels}
            if key[0] == slide and len(signs) == 1 and None not in signs:
                far = _cut(wide_image, place[key], side_px=64, mpp=mpp)
                edge = (64 - wide) // 2
                rows.append((far[edge:-edge, edge:-edge], signs.pop(), white, slide, far))
    annulus = ring(64, mpp=MPP, inner_um=10, outer_um=15)
    patches, signs, whites, slides, fars = (list(part) for part in zip(*rows, strict=True))
    around = [
        dab_density(far, white=white, stains=HDAB)[annulus].mean()
        for far, white in zip(fars, whites, strict=True)
    ]
    slide = np.array(slides)
    cells = Cells(
        patches=np.stack(patches),
        is_positive=np.array(signs, dtype=bool),
        white=np.array(whites, dtype=np.float32),
        case=slide,
        scanner=np.full(len(slide), "one"),
    )
    return Real(
        cells=cells,
        held_with=slide,
        unit=slide,
        around_od=np.array(around),
        recipe=recipe,
        n_folds=3,
    )


def _cut(image: np.ndarray, at: tuple[int, int], *, side_px: int, mpp: float) -> np.ndarray:
    """The square around a place at ``MPP``, from an image with ``BORDER_L0`` around it."""
    half = side_px * MPP / mpp / 2
    left, top = (round(place + BORDER_L0 - half) for place in at)
    side = round(2 * half)
    part = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(part.resize((side_px, side_px), Image.Resampling.BOX))


def ki67(folder: Path) -> Real:
    """Outlined nuclei of tiles; the stain is nuclear: around means other nuclei."""
    from ki67_overlap import nuclei_of, read_tiles

    found = nuclei_of(read_tiles(folder))
    side = found.patches.shape[1]
    annulus = ring(side, mpp=MPP, inner_um=6, outer_um=11)
    around = [
        dab_density(patch, white=(255.0,) * 3, stains=HDAB)[annulus].mean()
        for patch in found.patches
    ]
    n = len(found.tile)
    cells = Cells(
        patches=found.patches,
        is_positive=found.is_positive,
        white=np.full((n, 3), 255, dtype=np.float32),
        case=found.tile,
        scanner=np.full(n, "one"),
    )
    recipe = Recipe(size_px=side - 2 * MARGIN_PX, n_epochs=8, more_epochs=4, least_steps=15)
    return Real(
        cells=cells,
        held_with=found.tile,
        unit=found.quarter,
        around_od=np.array(around),
        recipe=recipe,
        n_folds=len(np.unique(found.tile)),
    )


def run_fold(
    real: Real, held: np.ndarray, *, seed: int, calls: dict[tuple[str, int], list[np.ndarray]]
) -> np.ndarray:
    """Spend the labels by every strategy; return which held-out cells are discordant."""
    random = np.random.default_rng(seed)
    free = random.permutation(np.flatnonzero(~held))
    signs = real.cells.is_positive[free]
    start = np.concatenate([free[signs == sign][: N_START // 2] for sign in (False, True)])
    pool = np.setdiff1d(free, start)
    loop = Loop(
        cells=real.cells,
        start=start,
        validation=start,
        pool=pool,
        recipe=real.recipe,
        seed=seed,
    )
    cut = separating_cut(real.around_od[start], real.cells.is_positive[start])
    rows = np.flatnonzero(held)
    size_px = real.recipe.size_px
    base = loop.first()

    def keep(strategy: str, n_labels: int, network: object) -> None:
        logits = logits_of(network, real.cells.patches[rows], size_px=size_px)
        calls.setdefault((strategy, n_labels), []).append(logits > 0)

    keep("start", 0, base)
    confirmed = exemplars_of(loop, base, start, temperature=1.0).n_of_cause
    for strategy in STRATEGIES:
        network, new = base, np.empty(0, dtype=int)
        for budget in BUDGETS:
            known = np.concatenate([start, new])
            more = picked(loop, network, known, strategy=strategy, n=budget - len(new), seed=budget)
            new = np.concatenate([new, more])
            network = loop.later(base, new)
            keep(strategy, budget, network)
    print(
        f"seed {seed}: {len(rows)} held out, confirmed at the start {dict(confirmed)}", flush=True
    )
    discordant: np.ndarray = (real.around_od[rows] > cut) != real.cells.is_positive[rows]
    return discordant


def run(real: Real, seeds: tuple[int, ...]) -> None:
    """Hold out every group once a seed, and print F1 of all held-out calls."""
    calls: dict[tuple[str, int], list[np.ndarray]] = {}
    places, among = [], []
    groups = np.unique(real.held_with)
    print(
        f"{len(real.held_with)} cells, {int(real.cells.is_positive.sum())} positive, "
        f"{len(groups)} groups held out in {real.n_folds} parts, {N_START} cells at the start"
    )
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(groups)
        for number, part in enumerate(np.array_split(order, real.n_folds)):
            held = np.isin(real.held_with, part)
            among.append(run_fold(real, held, seed=seed + 1000 * number, calls=calls))
            places.append(np.flatnonzero(held))
    rows, is_discordant = np.concatenate(places), np.concatenate(among)
    label, draws = (
        real.cells.is_positive[rows],
        bootstrap(real.unit[rows], n_resamples=2000, seed=0),
    )
    print(f"{is_discordant.sum() / len(seeds):.0f} discordant cells a seed")
    sampled = {
        (name, subset): draws.sample(
            clustered.figure_of(
                "f1", label[mask], np.concatenate(found)[mask], draws.clusters.only(mask)
            ),
            mask,
        )
        for name, found in calls.items()
        for subset, mask in (("all", np.ones(len(rows), bool)), ("discordant", is_discordant))
    }
    for name in calls:
        cells = []
        for subset in ("all", "discordant"):
            value = sampled[name, subset]
            text = f"{value.value:.3f} {_ends(value.interval)}"
            if name[0] not in ("start", "random"):
                margin = value - sampled[("random", name[1]), subset]
                text += f"  over random {margin.value:+.3f} {_ends(margin.interval)}"
            cells.append(f"{subset} {text}")
        print(f"{name[0]:<12}{name[1]:>4}  " + "   ".join(cells), flush=True)


def _ends(interval: object) -> str:
    low, high = interval.low, interval.high
    return "[-, -]" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def main() -> None:
    """Run on the folders given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--her2", type=Path)
    parser.add_argument("--ki67", type=Path)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.her2:
        run(her2(given.her2), tuple(given.seeds))
    if given.ki67:
        run(ki67(given.ki67), tuple(given.seeds))


if __name__ == "__main__":
    main()
