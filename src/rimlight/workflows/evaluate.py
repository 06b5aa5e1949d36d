"""From a run's predictions to hold-out figures with intervals, the cheap rivals beside them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rimlight.core import clustered
from rimlight.core.agreement import binary_figure
from rimlight.core.intervals import Sampled
from rimlight.core.measurement import level_cuts, levels_from
from rimlight.errors import RunError
from rimlight.io.runs import Run, json_ready, merge_metrics
from rimlight.workflows.blocks import (
    Bootstrap,
    bootstrap,
    figures_block,
    margins_block,
    size_block,
    verdict,
)
from rimlight.workflows.evaluate_tables import write_evaluation_tables
from rimlight.workflows.run_tables import (
    LEVEL_NAMES,
    RIVALS,
    Cells,
    discordance,
    finite,
    need,
    read_cells,
    run_settings,
)

N_BINS = 10
SIGNAL = "the network tells positive from negative cells of cases it never saw"
MARGINS = ("accuracy", "f1", "balanced_accuracy", "auc", "sensitivity", "specificity")
WHERE = {"all": "all cells", "discordant": "cells whose neighbours disagree"}
COLUMNS = ("logit", "probability", "call", "od_neighbours", *RIVALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _System:
    """Something that calls cells: the network, or a density with its cuts.

    value: what the calls are cut from. has_probability: whether ``value`` is a probability.
    """

    call: np.ndarray
    value: np.ndarray
    has_probability: bool = False


Figures = dict[str, Sampled]


def evaluate(run: Run) -> dict[str, Any]:
    """Measure a run on its hold-out cells; write section ``evaluation`` and the figure tables.

    Returns:
        The section as written; docs/reference/metrics.md defines it.

    Raises:
        RunError: The run was not trained, or its tables are not usable.
        StorageError: The disk refuses.
    """
    cells = read_cells(run)
    need(run, cells, COLUMNS, name="predictions.csv")
    held = cells.only(cells.is_held_out)
    _refuse_unusable(run, held)
    n_resamples = int(run_settings(run, "evaluate")["n_resamples"])
    seed = int(run_settings(run, "study")["seed"])
    draws = bootstrap(held.case, n_resamples=n_resamples, seed=seed)
    section: dict[str, Any] = json_ready(_evaluation(cells, held, draws), where="evaluation")
    write_evaluation_tables(run, section)
    merge_metrics(run, "evaluation", section)
    return section


def _evaluation(cells: Cells, held: Cells, draws: Bootstrap) -> dict[str, Any]:
    neighbour_cuts, differs_of_all = discordance(cells)
    differs = differs_of_all[cells.is_held_out]
    rival_cuts = {rival: cells.cut_of_fold(rival) for rival in RIVALS}
    systems = _systems(held, rival_cuts)
    subsets = {
        "all": np.ones(len(held), dtype=bool),
        "discordant": differs == 1,
        "concordant": differs == 0,
    }
    figures = {
        name: {system: _figures(it, held, chosen, draws) for system, it in systems.items()}
        for name, chosen in subsets.items()
    }
    sizes = {name: size_block(held.case[it], held.level[it]) for name, it in subsets.items()}
    signal = _signal(figures["all"]["network"], sizes["all"])
    return {
        **_size(held, draws),
        "discordance": {
            "cut_of_fold": finite(neighbour_cuts),
            "n_undefined": int(np.isnan(differs).sum()),
        },
        "rivals": {
            "cut_of_fold": {rival: finite(cuts) for rival, cuts in rival_cuts.items()},
            "best": _best_rival(figures["all"]),
        },
        "subsets": {name: sizes[name] | _subset(figures[name]) for name in subsets},
        "verdicts": {name: _verdict(name, figures, sizes[name]) for name in WHERE}
        | {"signal": signal},
        "calibration": {"bins": _calibration(held, draws)},
        "confusion": _confusion(cells, held, draws),
        "cases": _cases(held),
        "assays": _groups(held, held.assay, systems["network"], draws),
        "scanners": _groups(held, held.scanner, systems["network"], draws),
        "notes": _notes(held, systems, signal),
        **_disagreements(held, systems, draws),
    }


def _size(held: Cells, draws: Bootstrap) -> dict[str, int]:
    return {
        "n_cells": len(held),
        "n_cases": draws.clusters.n_cases,
        "n_folds": len(np.unique(held.fold)),
        "n_positive": int(held.is_positive.sum()),
        "seed": draws.seed,
        "n_resamples": len(draws.times),
    }


def _refuse_unusable(run: Run, held: Cells) -> None:
    path = run.folder / "predictions.csv"
    if not len(held):
        raise RunError(f"{path}: no cell of the hold-out part; train with a hold-out part")
    names, counts = np.unique(held.cell, return_counts=True)
    if counts.max() > 1:
        raise RunError(
            f"{path}: cell {names[counts.argmax()]} is held out {counts.max()} times; train again"
        )
    for column in ("logit", "probability", "call"):
        if not np.isfinite(held.numbers[column]).all():
            raise RunError(f"{path}: column {column} has an empty or infinite value; train again")


def _systems(held: Cells, rival_cuts: Mapping[str, Mapping[int, float]]) -> dict[str, _System]:
    """The network, and the rivals whose density and cut are known for every cell."""
    systems = {
        "network": _System(call=held.call, value=held.numbers["probability"], has_probability=True)
    }
    for rival, cuts in rival_cuts.items():
        value = held.numbers[rival]
        if np.isfinite([*value, *(cuts[int(fold)] for fold in np.unique(held.fold))]).all():
            systems[rival] = _System(call=held.above(rival, cuts), value=value)
    return systems


def _figures(system: _System, held: Cells, chosen: np.ndarray, draws: Bootstrap) -> Figures:
    label, call, value = (part[chosen] for part in (held.is_positive, system.call, system.value))
    clusters, level = draws.clusters.only(chosen), held.level[chosen]
    statistics = {
        name: clustered.figure_of(name, label, call, clusters) for name in clustered.FIGURES
    }
    statistics["auc"] = clustered.auc_of(label, value, clusters)
    for i, name in enumerate(LEVEL_NAMES):
        statistics[f"recall_{name}"] = clustered.share_of(call == label, level == i, clusters)
    if system.has_probability:
        statistics["brier"] = clustered.mean_of((value - label) ** 2, clusters)
        statistics["expected_calibration_error"] = clustered.calibration_error_of(
            label, value, clusters, n_bins=N_BINS
        )
    return {name: draws.sample(statistic, chosen) for name, statistic in statistics.items()}


def _subset(figures: Mapping[str, Figures]) -> dict[str, Any]:
    return {
        "systems": {name: figures_block(found) for name, found in figures.items()},
        "margins": {
            name: margins_block(figures["network"], found, MARGINS)
            for name, found in figures.items()
            if name != "network"
        },
    }


def _best_rival(figures: Mapping[str, Figures]) -> str | None:
    f1 = {name: figures[name]["f1"].value for name in RIVALS if name in figures}
    known = {name: value for name, value in f1.items() if np.isfinite(value)}
    return max(known, key=lambda name: (known[name], name)) if known else None


def _verdict(
    subset: str, figures: Mapping[str, Mapping[str, Figures]], size: Mapping[str, Any]
) -> dict[str, Any]:
    network = figures[subset]["network"]["f1"]
    margins = {
        name: network - found["f1"] for name, found in figures[subset].items() if name != "network"
    }
    claim = f"the network calls better than every density rival on {WHERE[subset]}"
    return verdict(claim, dict(margins), size, figure="F1")


def _signal(network: Figures, size: Mapping[str, Any]) -> dict[str, Any]:
    """Whether there is anything to tell: the AUC above that of a coin, 0.5."""
    auc = network["auc"]
    above = replace(auc, value=auc.value - 0.5, resamples=auc.resamples - 0.5)
    found = verdict(SIGNAL, {"chance": above}, size, figure="AUC")
    if found["is_shown"] is False:
        found["sentence"] = f"No signal. {found['sentence']}"
    return found


def _disagreements(
    held: Cells, systems: Mapping[str, _System], draws: Bootstrap
) -> dict[str, dict[str, Any]]:
    """How often one system is right where the other is wrong, both ways."""
    label, network = held.is_positive, systems["network"].call
    found: dict[str, dict[str, Any]] = {"rival_wrong": {}, "network_wrong": {}}
    for rival in (name for name in systems if name != "network"):
        call = systems[rival].call
        for key, right, wrong in (
            ("rival_wrong", network == label, call != label),
            ("network_wrong", call == label, network != label),
        ):
            clusters = draws.clusters.only(wrong)
            share = clustered.mean_of(right[wrong].astype(np.float64), clusters)
            found[key][rival] = asdict(draws.sample(share, wrong).interval)
    return found


def _calibration(held: Cells, draws: Bootstrap) -> list[dict[str, Any]]:
    probability = held.numbers["probability"]
    number = clustered.bin_of(probability, n_bins=N_BINS)
    bins = []
    for i in range(N_BINS):
        chosen = number == i
        label = held.is_positive[chosen].astype(np.float64)
        share = draws.sample(clustered.mean_of(label, draws.clusters.only(chosen)), chosen)
        bins.append(
            {
                "low": i / N_BINS,
                "high": (i + 1) / N_BINS,
                "n_cells": int(chosen.sum()),
                "n_cases": share.n_cases,
                "probability": float(probability[chosen].mean()) if chosen.any() else None,
                "positive_share": asdict(share.interval),
            }
        )
    return bins


def _confusion(cells: Cells, held: Cells, draws: Bootstrap) -> dict[str, Any]:
    """Counts, labels in rows; levels called by cuts on the logit that training cells gave."""
    fitted = cells.only(cells.is_fitted)
    cuts_of_fold, called = {}, np.zeros(len(held), dtype=int)
    for fold, mine in held.per_fold():
        known = fitted.fold == fold
        cuts = level_cuts(fitted.numbers["logit"][known], fitted.level[known])
        cuts_of_fold[str(fold)] = list(cuts) if np.isfinite(cuts).all() else None
        if cuts_of_fold[str(fold)] is not None:
            called[mine] = levels_from(held.numbers["logit"][mine], cuts)
    everyone = np.ones(len(held), dtype=bool)
    kappa = clustered.weighted_kappa_of(called, held.level, draws.clusters)
    has_cuts = all(cuts is not None for cuts in cuts_of_fold.values())
    label, call = held.is_positive.astype(int), held.call.astype(int)
    return {
        "calls": _counts(label, call, (2, 2)),
        "levels_by_call": _counts(held.level, call, (4, 2)),
        "levels": _counts(held.level, called, (4, 4)) if has_cuts else None,
        "level_cuts_of_fold": cuts_of_fold,
        "weighted_kappa": asdict(draws.sample(kappa, everyone).interval) if has_cuts else None,
    }


def _counts(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> list[list[int]]:
    counts = np.zeros(shape, dtype=int)
    np.add.at(counts, (rows, columns), 1)
    return [[int(n) for n in row] for row in counts]


def _cases(held: Cells) -> list[dict[str, Any]]:
    found = []
    for case in np.unique(held.case):
        mine = held.only(held.case == case)
        figures = {
            name: binary_figure(name, mine.is_positive, mine.call)
            for name in ("accuracy", "f1", "sensitivity", "specificity")
        }
        found.append(
            {
                "case": str(case),
                "n_cells": len(mine),
                "n_positive": int(mine.is_positive.sum()),
                "n_right": int((mine.is_positive == mine.call).sum()),
                "mean_probability": float(mine.numbers["probability"].mean()),
                **figures,
            }
        )
    return found


def _groups(
    held: Cells, group: np.ndarray, network: _System, draws: Bootstrap
) -> dict[str, dict[str, Any]]:
    return {
        str(name): size_block(held.case[chosen], held.level[chosen])
        | {"systems": {"network": figures_block(_figures(network, held, chosen, draws))}}
        for name, chosen in ((name, group == name) for name in np.unique(group))
    }


def _notes(held: Cells, systems: Mapping[str, _System], signal: Mapping[str, Any]) -> list[str]:
    notes = [] if signal["is_shown"] is not False else [str(signal["sentence"])]
    n_folds = len(np.unique(held.fold))
    if n_folds > 1:
        notes.append(
            f"AUC, Brier score and calibration pool the numbers of {n_folds} networks, and AUC of "
            "od_best_ring those of as many rings; they are not figures of one model."
        )
    for rival in RIVALS:
        if rival not in systems:
            notes.append(f"{rival} is left out: a density or its cut is not known.")
    return notes
