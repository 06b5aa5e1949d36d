"""Does the quality gate catch faults that were planted, and let healthy networks pass?

    python benchmarks/planted_faults.py            five healthy seeds and five faults
    python benchmarks/planted_faults.py --small    one of each on small patches, as the tests do

Synthetic patches, split by case.  A healthy network is trained on the readers' labels.  Faults:

    untrained      random weights
    shuffled       trained on labels in random order
    neighbour      labels follow the brown of the surroundings, not that of the cell
    black          a healthy network explained against black
    coarse         a healthy network explained with one point a path, its tolerance set wide

Prints one line a network: accuracy on held-out cells, the verdicts of E1 to E5, E8 and E11, and
whether the maps are stamped.  Ends with 1 if a fault slipped through or a healthy network did not.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch

from rimlight.core.stains import HDAB, dab_density
from rimlight.core.zones import ring
from rimlight.explain.attribution import PathSettings
from rimlight.explain.quality import GateSettings
from rimlight.explain.reference_pools import PoolTable, opposite_pool
from rimlight.explain.scorecard import Scorecard
from rimlight.model.augmentation import AugmentationSettings
from rimlight.model.network import NetworkSettings, PatchNetwork, new_network
from rimlight.model.prediction import centre, logits_of
from rimlight.model.training import FitSettings, PatchSet, fit
from rimlight.synthetic.cells import SyntheticPatches, patches
from rimlight.synthetic.settings import DEMO, TRUTH_MPP, SynthSettings
from rimlight.workflows.quality_subject import Subject, judged

SHOWN = ("E1", "E2", "E3", "E4", "E5", "E8", "E11")
FAULTS = ("untrained", "shuffled", "neighbour", "black", "coarse")
MARGIN_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is painted, trained and judged."""

    n_patches: int = 1600
    n_cases: int = 24
    size_px: int = 64
    width: int = 8
    n_epochs: int = 12
    n_mute_epochs: int = 6
    n_judged: int = 40
    n_references: int = 4
    n_seeds: int = 5
    n_threads: int = 1
    gate: GateSettings = field(default_factory=GateSettings)
    tissue: SynthSettings = DEMO


SMALL = Scale(
    n_patches=800,
    n_cases=16,
    size_px=48,
    width=6,
    n_epochs=12,
    n_mute_epochs=3,
    n_judged=44,
    n_references=2,
    n_seeds=1,
    n_threads=1,
    gate=GateSettings(
        n_checked=4,
        n_compared=8,
        n_random_networks=2,
        n_stages=1,
        n_few=6,
        n_steps=6,
        n_resamples=300,
    ),
    tissue=SynthSettings(
        label_noise=0, completeness_loss=0, blush_share=0, weak_od=0.8, neighbour_agreement=0.2
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tissue:
    """Painted patches with a label that a network is to learn, and the part of each."""

    found: SyntheticPatches
    is_positive: np.ndarray
    part: np.ndarray
    background_od: np.ndarray
    scale: Scale

    def rows(self, part: str) -> np.ndarray:
        """Rows of one part."""
        return np.flatnonzero(self.part == part)

    @property
    def inner(self) -> np.ndarray:
        """Patches without their margin."""
        return centre(self.found.rgb, size_px=self.scale.size_px)


def tissue(scale: Scale, *, seed: int) -> Tissue:
    """Paint patches; two thirds of the cases train, a twelfth validates, the rest is held out."""
    settings = replace(scale.tissue, seed=seed)
    size_px = scale.size_px + MARGIN_PX
    found = patches(scale.n_patches, n_cases=scale.n_cases, size_px=size_px, settings=settings)
    names = np.unique(found.case)
    n_train, n_validation = round(len(names) * 0.6), max(1, len(names) // 12)
    order = np.random.default_rng(seed).permutation(names)
    part_of_case = dict.fromkeys(order, "hold-out")
    part_of_case |= dict.fromkeys(order[:n_train], "train")
    part_of_case |= dict.fromkeys(order[n_train : n_train + n_validation], "validation")
    background = {
        name: float(np.quantile(_dab(found, np.flatnonzero(found.case == name)), 0.2).clip(0, 0.15))
        for name in names
    }
    return Tissue(
        found=found,
        is_positive=found.level > 0,
        part=np.array([part_of_case[name] for name in found.case]),
        background_od=np.array([background[name] for name in found.case]),
        scale=scale,
    )


def _dab(found: SyntheticPatches, rows: np.ndarray) -> np.ndarray:
    return np.stack(
        [dab_density(found.rgb[i], white=tuple(found.white[i].tolist()), stains=HDAB) for i in rows]
    )


def by_neighbours(it: Tissue) -> Tissue:
    """The same tissue with labels that follow the DAB around the cell and not its own."""
    size_px = it.scale.size_px
    outer_um = 0.47 * size_px * TRUTH_MPP
    far = ring(size_px, mpp=TRUTH_MPP, inner_um=outer_um - 4.5, outer_um=outer_um)
    dab = centre(_dab(it.found, np.arange(len(it.part)))[..., None], size_px=size_px)[..., 0]
    around = dab[:, far].mean(1)
    return replace(it, is_positive=around > np.median(around[it.part == "train"]))


def trained(it: Tissue, *, seed: int, shuffles: bool = False, n_epochs: int = 0) -> PatchNetwork:
    """Train on the labels of the tissue, or on the same in random order."""
    random = np.random.default_rng(seed)

    def part(name: str) -> PatchSet:
        rows = it.rows(name)
        label = it.is_positive[rows]
        return PatchSet(
            patches=it.found.rgb[rows],
            is_positive=random.permutation(label) if shuffles else label,
            white=it.found.white[rows],
        )

    scale = it.scale
    settings = FitSettings(
        n_epochs=n_epochs or scale.n_epochs,
        least_steps=1,
        patience=scale.n_epochs,
        batch_size=32,
        learning_rate=3e-3,
        weight_decay=0.02,
        seed=seed,
        augmentation=AugmentationSettings(size_px=scale.size_px),
    )
    network = new_network(NetworkSettings(size_px=scale.size_px, width=scale.width), seed=seed)
    for _ in fit(network, part("train"), part("validation"), stains=HDAB, settings=settings):
        pass
    return network


def subject(it: Tissue, network: PatchNetwork, *, shuffled: tuple[PatchNetwork, ...]) -> Subject:
    """What the gate judges: held-out cells, half labelled positive, with opposite references."""
    scale, inner = it.scale, it.inner
    logits = logits_of(network, inner, size_px=scale.size_px)
    held = np.random.default_rng(0).permutation(it.rows("hold-out"))
    halves = [held[it.is_positive[held] == label][: scale.n_judged // 2] for label in (True, False)]
    rows = np.sort(np.concatenate(halves))
    level = it.is_positive.astype(int)
    table = PoolTable(
        cell=np.arange(len(level)).astype(str),
        case=it.found.case,
        slide=it.found.case,
        scanner=np.full(len(level), ""),
        part=it.part,
        level=level,
        is_called_positive=logits > 0,
        logit=logits,
    )
    pools = [
        opposite_pool(
            table,
            is_called_positive=bool(logits[row] > 0),
            case=str(it.found.case[row]),
            scanner="",
            n_references=scale.n_references,
        ).rows
        for row in rows
    ]
    fewest = min(len(pool) for pool in pools)
    white = np.rint(it.found.white[rows]).astype(np.uint8)[:, None, None, None]
    glass = np.broadcast_to(white, (len(rows), 1, *inner.shape[1:])).copy()
    chosen = np.stack([pool[:fewest] for pool in pools])
    return Subject(
        network=network,
        patches=inner[rows],
        white=it.found.white[rows],
        level=level[rows],
        case=it.found.case[rows],
        background_od=it.background_od[rows],
        stains=HDAB,
        mpp=TRUTH_MPP,
        references=inner[chosen] if fewest else glass,
        reference_name="opposite" if fewest else "white",
        reference_level=level[chosen] if fewest else None,
        calibration=inner[it.rows("train")[:256]],
        shuffled=shuffled,
    )


def accuracy(it: Tissue, network: PatchNetwork) -> float:
    """Share of held-out cells that are called as the tissue labels them."""
    rows = it.rows("hold-out")
    logits = logits_of(network, it.inner[rows], size_px=it.scale.size_px)
    return float(((logits > 0) == it.is_positive[rows]).mean())


def subjects(scale: Scale) -> Iterator[tuple[str, float, Callable[[], Scorecard]]]:
    """Yield every network by name, with its accuracy and what judges it."""
    for seed in range(scale.n_seeds):
        it = tissue(scale, seed=seed)
        network = trained(it, seed=seed)
        shuffled = tuple(
            trained(it, seed=seed + more, shuffles=True, n_epochs=3) for more in (50, 60)
        )
        whole = subject(it, network, shuffled=shuffled)
        yield f"healthy {seed}", accuracy(it, network), partial(judged, whole, settings=scale.gate)
        if seed == 0:
            first = (it, network, shuffled)
    it, network, shuffled = first
    size = NetworkSettings(size_px=scale.size_px, width=scale.width)
    mute = trained(it, seed=100, shuffles=True, n_epochs=scale.n_mute_epochs)
    beside = by_neighbours(it)
    shortcut = trained(beside, seed=101)
    planted = {
        "untrained": (it, new_network(size, seed=102)),
        "shuffled": (it, mute),
        "neighbour": (beside, shortcut),
    }
    for name, (where, other) in planted.items():
        faulty = subject(where, other, shuffled=shuffled)
        yield name, accuracy(where, other), partial(judged, faulty, settings=scale.gate)
    whole = subject(it, network, shuffled=shuffled)
    dark = replace(
        whole,
        references=np.zeros_like(whole.references[:, :1]),
        reference_name="black",
        reference_level=None,
        is_forced=True,
    )
    yield "black", accuracy(it, network), partial(judged, dark, settings=scale.gate)
    rough = PathSettings(n_first=1, n_most=1, tolerance=9.0, tolerance_spread=9.0)
    coarse = replace(scale.gate, path=rough)
    yield "coarse", accuracy(it, network), partial(judged, whole, settings=coarse)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small patches, one healthy seed")
    parser.add_argument("--detail", action="store_true", help="print every value and control")
    chosen = parser.parse_args()
    scale = SMALL if chosen.small else Scale()
    torch.set_num_threads(scale.n_threads)
    print(f"{'network':<12} {'accuracy':>8}  " + "  ".join(f"{c:<7}" for c in SHOWN) + "  stamped")
    wrong = []
    for name, right, judge in subjects(scale):
        began = time.monotonic()
        card = judge()
        cells = "  ".join(f"{card.of(code).verdict:<7}" for code in SHOWN)
        spent = time.monotonic() - began
        print(
            f"{name:<12} {right:>8.3f}  {cells}  {bool(card.stamp)!s:<5} {spent:.0f} s", flush=True
        )
        if chosen.detail:
            _print(card)
        if bool(card.failed) != (name in FAULTS):
            wrong.append(name)
    print(f"judged wrongly: {', '.join(wrong) or 'none'}")
    sys.exit(1 if wrong else 0)


def _print(card: Scorecard) -> None:
    for check in card.checks:
        if check.verdict != "not run":
            print(f"    {check.code} {check.name}: {check.value} [{check.low}, {check.high}]")
            print(f"        {check.reason}")
            for control in check.controls:
                print(f"        {control.name}: {control.value} [{control.low}, {control.high}]")


if __name__ == "__main__":
    main()
