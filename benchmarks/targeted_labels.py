"""Do targeted labels reach with a third of the labels what random labels reach?

    python benchmarks/targeted_labels.py --folder OUT --seeds 101 102 103 104 105
    python benchmarks/targeted_labels.py --folder OUT --summary     only the tables and the plot

Synthetic tissue and a simulated pathologist, whose label is the truth, one level off in 1 of 100.
The network begins with a confounded start set, as if a reader had labelled clear areas: positive
cells with brown membranes around them and negative cells with none.  The cells that may be asked
about have the natural mix.  Each strategy spends the same labels in rounds; after each round the
first network goes on with all labels, by the same recipe for all.

    random          any cell
    uncertainty     the calls nearest to the threshold
    diversity       greedy k-centre in the network's features
    targeted        as rimlight triage: half like confirmed causes, 0.3 uncertain, 0.2 random
    targeted only   all of the round like confirmed causes
    no causes       the control of targeted: 0.6 uncertain and spread, 0.4 random

Causes are confirmed on wrong and uncertain calls of labelled cells that are not held out.  Rows
named swap train with the surrounds of half of the patches exchanged.  Writes curves.csv,
margins.csv, summary.json and curves.png into OUT, and one file a seed, from which a run goes on.
"""

import argparse
import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from label_loop import MARGIN_PX, MPP, Cells, Loop, Recipe, picked

from rimlight.core import clustered
from rimlight.core.agreement import f1
from rimlight.core.stains import HDAB
from rimlight.core.surrounds import feathered, kept_parts, partners, surround_swapped
from rimlight.model.network import PatchNetwork
from rimlight.model.prediction import logits_of
from rimlight.synthetic.cells import patches
from rimlight.synthetic.settings import DEMO, SynthSettings
from rimlight.workflows.blocks import bootstrap

BUDGETS = (40, 120, 360)
STRATEGIES = ("random", "targeted", "uncertainty", "diversity", "no causes", "targeted only")
COMPARED = ("random", "uncertainty", "diversity")
LAST = {"targeted only": 40, "no causes": 120}
SWAP, SWAP_BUDGETS = 0.5, (40,)
COLUMNS = ("strategy", "seed", "n_labels", "f1", "discordant_f1", "discordant_false_positive",
           "discordant_false_negative", "asked_discordant", "asked_wrong")  # fmt: skip
TISSUE = {
    "clear": replace(
        DEMO, neighbour_agreement=0.9, completeness_loss=0.0, blush_share=0.0, weak_od=0.8
    ),
    "demo": replace(DEMO, neighbour_agreement=0.9),
}
"""clear: closed membranes, so that what goes wrong is what was learned and not what is faint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is painted and labelled."""

    n_cells: int = 4000
    n_cases: int = 28
    n_held: int = 10
    n_validation_cases: int = 4
    n_validation: int = 150
    n_start: int = 300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A loop with what its pathologist and its judge know."""

    loop: Loop
    held: np.ndarray
    level: np.ndarray
    truth: np.ndarray
    is_discordant: np.ndarray

    def figures(self, network: PatchNetwork) -> tuple[dict[str, float], np.ndarray]:
        """F1 on held-out cells against the truth, and the calls."""
        rows, size_px = self.held, self.loop.recipe.size_px
        call = logits_of(network, self.loop.cells.patches[rows], size_px=size_px) > 0
        truth, among = self.truth[rows], self.is_discordant[rows]
        found = {
            "f1": f1(truth, call),
            "discordant_f1": f1(truth[among], call[among]),
            "discordant_false_positive": float(call[among & ~truth].mean()),
            "discordant_false_negative": float((~call[among & truth]).mean()),
        }
        return found, call


def world(tissue: SynthSettings, scale: Scale, *, seed: int, recipe: Recipe | None = None) -> World:
    """Paint the cells, divide their cases, and draw the confounded start set."""
    recipe = recipe or Recipe()
    side = recipe.size_px + 2 * MARGIN_PX
    settings = replace(tissue, seed=seed)
    found = patches(scale.n_cells, n_cases=scale.n_cases, size_px=side, settings=settings)
    random = np.random.default_rng(seed)
    names = random.permutation(np.unique(found.case))
    held = np.isin(found.case, names[: scale.n_held])
    ends = scale.n_held + scale.n_validation_cases
    checked = np.flatnonzero(np.isin(found.case, names[scale.n_held : ends]))
    free = np.flatnonzero(np.isin(found.case, names[ends:]))
    truth = found.true_level > 0
    around = found.neighbour_membrane[:, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX].mean((1, 2))
    clear = (free[truth[free] & (around[free] > 0.06)], free[~truth[free] & (around[free] < 0.01)])
    start = np.concatenate([random.permutation(rows)[: scale.n_start // 2] for rows in clear])
    cells = Cells(
        patches=found.rgb,
        is_positive=found.level > 0,
        white=found.white,
        case=found.case,
        scanner=np.array([str(white) for white in np.rint(found.white / 8)]),
    )
    loop = Loop(
        cells=cells,
        start=start,
        validation=random.permutation(checked)[: scale.n_validation],
        pool=np.setdiff1d(free, start),
        recipe=recipe,
        seed=seed,
    )
    return World(
        loop=loop,
        held=np.flatnonzero(held),
        level=found.true_level,
        truth=truth,
        is_discordant=found.is_discordant,
    )


def run_seed(it: World, *, strategies: tuple[str, ...], has_swaps: bool, path: Path) -> None:
    """Spend the labels by every strategy; keep rows and calls in one file."""
    rows: list[dict[str, object]] = []
    calls: dict[str, np.ndarray] = {}
    loop = it.loop

    def keep(strategy: str, n_labels: int, network: PatchNetwork, asked: np.ndarray) -> None:
        figures, call = it.figures(network)
        rows.append(
            {"strategy": strategy, "seed": loop.seed, "n_labels": n_labels}
            | {name: round(value, 4) for name, value in figures.items()}
            | {"asked_discordant": _share(it.is_discordant, asked)}
            | {"asked_wrong": _share(base_wrong, asked)}
        )
        calls[f"{strategy}/{n_labels}"] = call
        print(json.dumps(rows[-1]), flush=True)

    def save(*, is_whole: bool) -> None:
        facts = {
            "is_whole": is_whole,
            "rows": rows,
            "seam": shift,
            "pool_discordant": _share(it.is_discordant, loop.pool),
            "pool_wrong": _share(base_wrong, loop.pool),
        }
        np.savez_compressed(
            path,
            case=np.array([f"{loop.seed} {name}" for name in loop.cells.case[it.held]]),
            truth=it.truth[it.held],
            is_discordant=it.is_discordant[it.held],
            facts=json.dumps(facts),
            **calls,
        )

    base = loop.first()
    shift = seam(it, base)
    print(json.dumps(shift), flush=True)
    size_px = loop.recipe.size_px
    base_wrong = (logits_of(base, loop.cells.patches, size_px=size_px) > 0) != it.truth
    none = np.empty(0, dtype=int)
    keep("start", 0, base, none)
    for strategy in strategies:
        network, new = base, none
        for budget in BUDGETS:
            if budget > LAST.get(strategy, BUDGETS[-1]):
                break
            known = np.concatenate([loop.start, new])
            more = picked(loop, network, known, strategy=strategy, n=budget - len(new), seed=budget)
            new = np.concatenate([new, more])
            network = loop.later(base, new)
            keep(strategy, budget, network, new)
            if has_swaps and strategy == "targeted" and budget in SWAP_BUDGETS:
                both = loop.later(base, new, swap=SWAP)
                keep("targeted + swap", budget, both, new)
        save(is_whole=False)
    if has_swaps:
        keep("swap alone", 0, loop.later(base, none, swap=SWAP), none)
        keep("no swap, as long", 0, loop.later(base, none), none)
    save(is_whole=True)


def seam(it: World, network: PatchNetwork) -> dict[str, float]:
    """Mean shift of the logit where concordant held-out cells of one level swap surrounds.

    Donor and cell are of one scanner and one level, both concordant: only the seam is new.
    """
    cells, size_px = it.loop.cells, it.loop.recipe.size_px
    rows = it.held[~it.is_discordant[it.held]]
    group = np.array([f"{cells.scanner[row]} {it.level[row]}" for row in rows])
    donors = rows[partners(group, random=np.random.default_rng(it.loop.seed))]
    rows, donors = rows[donors != rows], donors[donors != rows]
    kept = kept_parts(cells.patches[rows], mpp=MPP, stains=HDAB, whites=cells.white[rows])
    swapped = surround_swapped(
        cells.patches[rows],
        cells.patches[donors],
        weight=feathered(kept, mpp=MPP),
        whites=cells.white[rows],
        donor_whites=cells.white[donors],
    )
    before = logits_of(network, cells.patches[rows], size_px=size_px)
    shift = logits_of(network, swapped, size_px=size_px) - before
    truth = it.truth[rows]
    return {
        "n": len(rows),
        "mean": round(float(shift.mean()), 3),
        "positive": round(float(shift[truth].mean()), 3),
        "negative": round(float(shift[~truth].mean()), 3),
        "spread": round(float(before.std()), 3),
        "turned": round(float(((before + shift > 0) != (before > 0)).mean()), 4),
    }


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        return False
    with np.load(path) as known:
        return bool(json.loads(str(known["facts"]))["is_whole"])


def _share(which: np.ndarray, rows: np.ndarray) -> float:
    return round(float(which[rows].mean()), 3) if len(rows) else float("nan")


def summary(folder: Path) -> None:
    """Print and write curves, margins and the plot, from all seeds in the folder."""
    parts = [dict(np.load(path)) for path in sorted(folder.glob("seed-*.npz"))]
    facts = [json.loads(str(part["facts"])) for part in parts]
    rows = [row for fact in facts for row in fact["rows"]]
    _write(folder / "curves.csv", rows, COLUMNS)
    table = _table(rows)
    for (strategy, n_labels), values in table.items():
        print(f"{strategy:<18}{n_labels:>5}  " + "  ".join(_spread(values, c) for c in COLUMNS[3:]))
    margins = [
        _margin(parts, one, other)
        for one, other in [
            *((f"targeted/{n}", f"random/{3 * n}") for n in (40, 120)),
            ("targeted only/40", "random/120"),
            ("targeted/40", "random/360"),
            *((f"uncertainty/{n}", f"random/{3 * n}") for n in (40, 120)),
            *((f"diversity/{n}", f"random/{3 * n}") for n in (40, 120)),
            *((f"no causes/{n}", f"random/{3 * n}") for n in (40, 120)),
            *((f"targeted/{n}", f"{s}/{n}") for s in COMPARED for n in (40, 120)),
            *((f"targeted/{n}", f"no causes/{n}") for n in (40, 120)),
            ("swap alone/0", "no swap, as long/0"),
            *((f"targeted + swap/{n}", f"targeted/{n}") for n in SWAP_BUDGETS),
        ]
        if all(one in part and other in part for part in parts)
    ]
    if margins:
        _write(folder / "margins.csv", margins, tuple(margins[0]))
    for row in margins:
        print(row)
    known = {"seeds": len(parts), "margins": margins, "facts": facts}
    for fact in facts:
        fact.pop("rows")
        print(fact)
    (folder / "summary.json").write_text(json.dumps(known, indent=1))
    draw(table, folder / "curves.png", n_seeds=len(parts))


def _margin(parts: list[dict[str, np.ndarray]], one: str, other: str) -> dict[str, object]:
    """F1 on discordant cells, one less the other: all seeds pooled, cases resampled."""
    among = np.concatenate([part["is_discordant"] for part in parts])
    case = np.concatenate([part["case"] for part in parts])
    truth = np.concatenate([part["truth"] for part in parts])[among]
    draws = bootstrap(case, n_resamples=2000, seed=0)
    clusters = draws.clusters.only(among)
    first, second = (
        draws.sample(
            clustered.figure_of(
                "f1", truth, np.concatenate([part[name] for part in parts])[among], clusters
            ),
            among,
        )
        for name in (one, other)
    )
    interval = (first - second).interval
    by_seed = [
        f1(p["truth"][p["is_discordant"]], p[one][p["is_discordant"]])
        - f1(p["truth"][p["is_discordant"]], p[other][p["is_discordant"]])
        for p in parts
    ]
    return {
        "one": one,
        "other": other,
        "f1_one": round(first.value, 3),
        "f1_other": round(second.value, 3),
        "margin": round(first.value - second.value, 3),
        "low": round(interval.low or 0.0, 3),
        "high": round(interval.high or 0.0, 3),
        "n_cells": int(among.sum()),
        "n_cases": interval.n_cases,
        "n_seeds_at_least": int((np.array(by_seed) >= 0).sum()),
    }


Table = dict[tuple[str, int], list[dict[str, float]]]


def _table(rows: list[dict[str, float]]) -> Table:
    table: Table = {}
    for row in rows:
        table.setdefault((str(row["strategy"]), int(row["n_labels"])), []).append(row)
    return table


def _spread(values: list[dict[str, float]], name: str) -> str:
    numbers = np.array([value[name] for value in values])
    return f"{name} {numbers.mean():.3f} ({numbers.min():.3f}..{numbers.max():.3f})"


def _write(path: Path, rows: list[dict[str, object]], columns: tuple[str, ...]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def draw(table: Table, path: Path, *, n_seeds: int) -> None:
    """Draw F1 against labels spent, mean of the seeds, one line a strategy."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shades = ("#666666", "#d55e00", "#56b4e9", "#009e73", "#cc79a7", "#e69f00")
    colours = dict(zip(STRATEGIES, shades, strict=True))
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    names = ("discordant_f1", "f1")
    titles = ("cells whose neighbours disagree", "all held-out cells")
    for axis, name, title in zip(axes, names, titles, strict=True):
        start = np.mean([row[name] for row in table["start", 0]])
        for strategy in STRATEGIES:
            n_labels = [0, *sorted(n for known, n in table if known == strategy)]
            means = [start, *(np.mean([r[name] for r in table[strategy, n]]) for n in n_labels[1:])]
            if len(n_labels) > 1:
                axis.plot(n_labels, means, "o-", color=colours[strategy], label=strategy, ms=4)
        axis.set(xlabel="labels asked for", ylabel="F1", title=title)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    figure.suptitle(f"Synthetic tissue, simulated pathologist, mean of {n_seeds} seeds")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run seeds that are not yet in the folder, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--strategies", nargs="*", default=list(STRATEGIES))
    parser.add_argument("--tissue", choices=sorted(TISSUE), default="clear")
    parser.add_argument("--no-swaps", action="store_true")
    parser.add_argument("--no-repeats", action="store_true", help="old and new labels count alike")
    parser.add_argument("--more-epochs", type=int, default=Recipe().more_epochs)
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    for seed in given.seeds:
        path = given.folder / f"seed-{seed}.npz"
        if not _is_whole(path):
            recipe = Recipe(has_repeats=not given.no_repeats, more_epochs=given.more_epochs)
            it = world(TISSUE[given.tissue], Scale(), seed=seed, recipe=recipe)
            run_seed(
                it, strategies=tuple(given.strategies), has_swaps=not given.no_swaps, path=path
            )
    if given.summary or given.seeds:
        summary(given.folder)


if __name__ == "__main__":
    main()
