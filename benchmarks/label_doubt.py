"""Does label doubt find wrong labels that were planted, and better than the network alone?

    python benchmarks/label_doubt.py                five seeds
    python benchmarks/label_doubt.py --seeds 1      one seed
    python benchmarks/label_doubt.py --share 0.01   another share of wrong labels
    python benchmarks/label_doubt.py --seeds 1 2 3 --fit
                                                    the weights that fit these seeds best
    python benchmarks/label_doubt.py --study STUDY  the latest run of a synthetic study, whose
                                                    reader errs in 1 % of the labels

Synthetic patches, split by case: three fifths train, a fifth stops the training, a fifth is held
out.  In every part a share of the labels is wrong: half of those a negative read as weak or a
weak read as negative, half any negative read as any positive or the other way round.  As many
labels again are one step off between positive levels, which no network of two classes can see.
The network is fitted on the labels as they are, wrong ones among them.

Prints for cells that the network never saw, and for those it was fitted on: average precision
beside the share of wrong labels, and the share of wrong ones among the k most doubted, k being the
number of wrong labels.  Controls: probability alone, neighbours in feature space alone, density of
the own ring alone (as log-odds of the call, and as the robust distance from the middle of its
level), random order.  Intervals resample cases of all seeds.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from rimlight.core.density import optical_density
from rimlight.core.label_doubt import doubts_of
from rimlight.core.stains import HDAB, unmix
from rimlight.core.zones import zones_of
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import open_run, read_metrics
from rimlight.io.study import open_study
from rimlight.model.augmentation import AugmentationSettings
from rimlight.model.network import NetworkSettings, new_network
from rimlight.model.prediction import centre, features_of, fitted_temperature
from rimlight.model.training import FitSettings, PatchSet, fit
from rimlight.synthetic.cells import SyntheticPatches, patches
from rimlight.synthetic.settings import DEMO, TRUTH_MPP

N_PATCHES, N_CASES, SIZE_PX, MARGIN_PX = 2000, 25, 64, 8
N_EPOCHS, WIDTH = 12, 8
SEEDS = (101, 102, 103, 104, 105)
N_RESAMPLES = 1000
DOUBTFUL = 0.5
UNSEEN, SEEN = "never seen by the network", "seen by the network"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planted:
    """Cells of one seed with planted wrong labels, and what doubt is judged from.

    is_wrong: the call of the label is wrong; is_off: only the level among the positive ones is.
    """

    level: np.ndarray
    is_wrong: np.ndarray
    is_off: np.ndarray
    case: np.ndarray
    part: np.ndarray
    logit: np.ndarray
    features: np.ndarray
    own_ring_od: np.ndarray

    @property
    def facts(self) -> dict[str, np.ndarray]:
        """What doubt is computed from."""
        return {
            "level": self.level,
            "logit_calibrated": self.logit,
            "features": self.features,
            "case": self.case,
            "is_reference": self.part == "train",
            "own_ring_od": self.own_ring_od,
        }


def misread(level: np.ndarray, *, share: float, seed: int) -> np.ndarray:
    """Return levels of which a share has the other call, and as many are one positive step off."""
    rng = np.random.default_rng([seed, 11])
    read, n_wrong = level.copy(), round(share * len(level))
    near = rng.permutation(np.flatnonzero(level <= 1))[: n_wrong // 2]
    read[near] = 1 - level[near]
    others = np.setdiff1d(np.arange(len(level)), near)
    far = rng.permutation(others)[: n_wrong - len(near)]
    read[far] = np.where(level[far] > 0, 0, rng.integers(1, 4, len(far)))
    rest = np.setdiff1d(np.flatnonzero(level > 0), np.concatenate([near, far]))
    off = rng.permutation(rest)[:n_wrong]
    read[off] = np.where(level[off] == 1, 2, level[off] - 1)
    return read


def planted(seed: int, *, share: float) -> Planted:
    """Paint, misread, fit and measure the cells of one seed."""
    found = patches(
        N_PATCHES,
        n_cases=N_CASES,
        size_px=SIZE_PX + MARGIN_PX,
        settings=replace(DEMO, seed=seed, label_noise=0),
    )
    level = misread(found.true_level, share=share, seed=seed)
    part = _parts(found.case, seed=seed)
    logit, features = _fitted(found, level > 0, part, seed=seed)
    return Planted(
        level=level,
        is_wrong=(level > 0) != (found.true_level > 0),
        is_off=(level > 0) & (found.true_level > 0) & (level != found.true_level),
        case=np.array([f"{seed}/{name}" for name in found.case]),
        part=part,
        logit=logit,
        features=features,
        own_ring_od=own_ring_od(found),
    )


def _parts(case: np.ndarray, *, seed: int) -> np.ndarray:
    names = np.random.default_rng(seed).permutation(np.unique(case))
    n_fifth = len(names) // 5
    part_of_case = dict.fromkeys(names, "train")
    part_of_case |= dict.fromkeys(names[:n_fifth], "validation")
    part_of_case |= dict.fromkeys(names[n_fifth : 2 * n_fifth], "hold-out")
    return np.array([part_of_case[name] for name in case])


def _fitted(
    found: SyntheticPatches, is_positive: np.ndarray, part: np.ndarray, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated logits and features of a network fitted on the labels as they were read."""
    sets = {
        name: PatchSet(
            patches=found.rgb[part == name],
            is_positive=is_positive[part == name],
            white=found.white[part == name],
        )
        for name in ("train", "validation")
    }
    network = new_network(NetworkSettings(size_px=SIZE_PX, width=WIDTH), seed=seed)
    settings = FitSettings(
        n_epochs=N_EPOCHS,
        least_steps=1,
        patience=N_EPOCHS,
        batch_size=32,
        learning_rate=3e-3,
        weight_decay=0.02,
        seed=seed,
        augmentation=AugmentationSettings(size_px=SIZE_PX),
    )
    for _ in fit(network, sets["train"], sets["validation"], stains=HDAB, settings=settings):
        pass
    logits, features = features_of(network.eval(), found.rgb, size_px=SIZE_PX)
    chosen = part == "validation"
    return logits / fitted_temperature(logits[chosen], is_positive[chosen]), features


def own_ring_od(found: SyntheticPatches) -> np.ndarray:
    """Return the mean DAB of each patch's own ring, half where shared, from its click alone."""
    inner = centre(found.rgb, size_px=SIZE_PX)
    od = np.empty(len(inner))
    for at, (rgb, white) in enumerate(zip(inner, found.white, strict=True)):
        stains = unmix(optical_density(rgb, white=white), stains=HDAB)
        weight = zones_of(stains[..., 0], mpp=TRUTH_MPP).weight_own
        total = float(weight.sum())
        od[at] = float((stains[..., 1] * weight).sum()) / total if total else np.nan
    return od


def rankings(cells: Planted) -> dict[str, np.ndarray]:
    """Return how each way ranks the labels of one seed, most doubtful highest."""
    found = doubts_of(**cells.facts)
    evidence = found.evidence
    against = np.where(cells.level > 0, -1, 1)
    return {
        "label doubt": found.score,
        "probability alone": against * cells.logit,
        "nearest training cells alone": evidence.neighbours,
        "density of the own ring alone": evidence.density,
        "density against its level": beyond_level(cells),
        "random order": np.random.default_rng(0).random(len(cells.level)),
    }


def beyond_level(cells: Planted) -> np.ndarray:
    """Return how far the own ring's DAB lies from its level's middle, towards the other call."""
    known = (cells.part == "train") & np.isfinite(cells.own_ring_od)
    far = np.zeros(len(cells.level))
    for level in range(4):
        of_level = cells.own_ring_od[known & (cells.level == level)]
        middle = np.median(of_level)
        spread = 1.4826 * np.median(np.abs(of_level - middle))
        mine = cells.level == level
        far[mine] = (cells.own_ring_od[mine] - middle) / spread
    return np.nan_to_num(np.where(cells.level > 0, -far, far))


def at_top(is_wrong: np.ndarray, value: np.ndarray) -> float:
    """Return the share of wrong labels among the k ranked first, k their number."""
    first = np.argsort(-value, kind="stable")[: int(is_wrong.sum())]
    return float(is_wrong[first].mean())


def print_part(name: str, parts: list[tuple[Planted, dict[str, np.ndarray], np.ndarray]]) -> None:
    """Print the ways side by side for one part of the cells, all seeds together and one by one."""
    wrong = np.concatenate([cells.is_wrong[rows] for cells, _, rows in parts])
    case = np.concatenate([cells.case[rows] for cells, _, rows in parts])
    print(
        f"\n{name}: {len(wrong)} labels of {len(np.unique(case))} cases, {wrong.sum()} wrong "
        f"({wrong.mean():.1%})"
    )
    whole = {
        way: np.concatenate([ways[way][rows] for _, ways, rows in parts]) for way in parts[0][1]
    }
    drawn = _resampled(case)
    for way, value in whole.items():
        each = [
            average_precision_score(cells.is_wrong[rows], ways[way][rows])
            for cells, ways, rows in parts
        ]
        print(
            f"  {way:30s} average precision {_interval(wrong, value, drawn)}; by seed "
            f"{min(each):.2f} to {max(each):.2f}; wrong among the top k {at_top(wrong, value):.2f}"
        )
    gain = [
        average_precision_score(wrong[rows], whole["label doubt"][rows])
        - average_precision_score(wrong[rows], whole["probability alone"][rows])
        for rows in drawn
    ]
    low, high = np.percentile(gain, [2.5, 97.5])
    print(f"  label doubt minus probability alone [{low:+.3f}, {high:+.3f}]")
    flagged = whole["label doubt"] >= DOUBTFUL
    found = wrong[flagged].mean() if flagged.any() else float("nan")
    print(
        f"  doubt of {DOUBTFUL} and more: {flagged.sum()} labels, {found:.0%} of them wrong, "
        f"{flagged[wrong].mean():.0%} of the wrong ones"
    )
    off = np.concatenate([cells.is_off[rows] for cells, _, rows in parts])
    kept = ~wrong
    reached = average_precision_score(off[kept], whole["label doubt"][kept])
    print(f"  wrong level among positive cells ({off.sum()}): average precision {reached:.3f}, "
          f"share {off[kept].mean():.3f}")  # fmt: skip


def _resampled(case: np.ndarray) -> list[np.ndarray]:
    """Rows of resamples that draw whole cases."""
    rng = np.random.default_rng(1)
    names, inverse = np.unique(case, return_inverse=True)
    rows_of = [np.flatnonzero(inverse == at) for at in range(len(names))]
    return [
        np.concatenate([rows_of[at] for at in rng.integers(0, len(names), len(names))])
        for _ in range(N_RESAMPLES)
    ]


def _interval(wrong: np.ndarray, value: np.ndarray, drawn: list[np.ndarray]) -> str:
    found = [average_precision_score(wrong[rows], value[rows]) for rows in drawn]
    low, high = np.percentile(found, [2.5, 97.5])
    return f"{average_precision_score(wrong, value):.3f} [{low:.3f}, {high:.3f}]"


def print_fit(made: list[Planted]) -> None:
    """Print the weights of the three witnesses that fit the planted labels of these seeds best."""
    found = [doubts_of(**cells.facts).evidence for cells in made]
    parts = np.concatenate(
        [np.stack([each.network, each.neighbours, each.density], axis=1) for each in found]
    )
    fit_ = LogisticRegression(C=10).fit(parts, np.concatenate([cells.is_wrong for cells in made]))
    words = ", ".join(f"{weight:.2f}" for weight in fit_.coef_[0])
    print(f"best weights of network, neighbours, density: {words}; offset {fit_.intercept_[0]:.2f}")


def print_study(folder: Path) -> None:
    """Print how many of the labels that a run doubts most are wrong, beside probability alone."""
    run = open_run(open_study(folder))
    doubts = [item["cell"] for item in read_metrics(run)["causes"]["doubts"]]
    predicted = read_table(run.folder / "predictions.csv")
    level = dict(zip(*(read_table(run.folder / "cells.csv")[name] for name in ("cell", "level")),
                     strict=True))  # fmt: skip
    true_level: dict[str, str] = {}
    for path in sorted((folder.parent / "synthetic" / "truth").glob("*.csv")):
        table = read_table(path)
        true_level |= dict(zip(table["cell"], table["level"], strict=True))
    is_wrong = {
        cell: (int(read) > 0) != (int(true_level[cell]) > 0) for cell, read in level.items()
    }
    against = sorted(
        zip(predicted["cell"], predicted["logit"], strict=True),
        key=lambda pair: float(pair[1]) * (1 if int(level[pair[0]]) > 0 else -1),
    )
    n_wrong = sum(is_wrong.values())
    print(f"{folder}: {len(is_wrong)} labels, {n_wrong} with the wrong call")
    for way, ranked in (("label doubt", doubts), ("probability alone", [c for c, _ in against])):
        shares = ", ".join(
            f"{sum(is_wrong[cell] for cell in ranked[:n])} of the first {n}" for n in (10, 20, 50)
        )
        print(f"  {way:30s} {shares} are wrong")


def main() -> None:
    """Plant, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--fit", action="store_true")
    given = parser.parse_args()
    if given.study is not None:
        print_study(given.study)
        return
    torch.set_num_threads(1)
    made = []
    for seed in given.seeds:
        cells = planted(seed, share=given.share)
        is_right = (cells.logit > 0) == ((cells.level > 0) ^ cells.is_wrong)
        held = cells.part == "hold-out"
        print(
            f"seed {seed}: accuracy on held-out cells, true labels {is_right[held].mean():.3f}",
            flush=True,
        )
        made.append((cells, rankings(cells)))
    if given.fit:
        print_fit([cells for cells, _ in made])
    for name, is_train in ((UNSEEN, False), (SEEN, True)):
        print_part(
            name,
            [
                (cells, ways, np.flatnonzero((cells.part == "train") == is_train))
                for cells, ways in made
            ],
        )


if __name__ == "__main__":
    main()
