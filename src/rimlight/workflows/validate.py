"""Density where the map points against the reader's level, with every control beside it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from rimlight.core import clustered
from rimlight.core.intervals import Sampled
from rimlight.io.runs import Run, json_ready, merge_metrics
from rimlight.workflows.blocks import (
    Bootstrap,
    bootstrap,
    figures_block,
    margins_block,
    size_block,
    verdict,
)
from rimlight.workflows.explained import (
    FROM_MAP,
    Explained,
    Measured,
    completeness,
    measured,
    read_explained,
    trained_rows,
)
from rimlight.workflows.run_tables import RIVALS, finite, run_settings
from rimlight.workflows.validate_tables import write_validation_tables

CLAIM_FREE = {
    "stain_removed": "the path runs along the stain itself, so that the measure is circular",
    "opposite": "the reference depends on the call and carries it into the measure",
}
MARGINS = ("pearson", "spearman")
NETWORKS = "random_networks"
BEST_RING = "od_best_ring"

Figures = dict[str, Sampled]
"""By name of the figure."""
Found = dict[str, dict[str, Figures]]
"""By measure, then by subset."""


def validate(run: Run) -> dict[str, Any]:
    """Validate a run's explanations; write section ``validation`` and the figure tables.

    Returns:
        The section as written; docs/reference/metrics.md defines it.

    Raises:
        RunError: The run was not explained, or its tables are not usable.
        StorageError: The disk refuses.
    """
    explained = read_explained(run)
    limit = float(run_settings(run, "explain")["saturated_share"])
    usable = {
        name: measured(explained, name, most_saturated=limit) for name in explained.references
    }
    n_resamples = int(run_settings(run, "evaluate")["n_resamples"])
    seed = int(run_settings(run, "study")["seed"])
    draws = {
        name: bootstrap(found.cells.case, n_resamples=n_resamples, seed=seed)
        for name, found in usable.items()
    }
    section: dict[str, Any] = json_ready(_validation(explained, usable, draws), where="validation")
    section |= {"seed": seed, "n_resamples": n_resamples}
    section["top_share"] = float(run_settings(run, "explain")["top_share"])
    write_validation_tables(run, section, usable)
    merge_metrics(run, "validation", section)
    return section


def _validation(
    explained: Explained, usable: Mapping[str, Measured], draws: Mapping[str, Bootstrap]
) -> dict[str, Any]:
    found = {name: _found(usable[name], draws[name]) for name in usable}
    references = {name: _reference(name, explained, usable[name], found[name]) for name in usable}
    main = next((name for name in ("fixed_negatives", "white") if name in usable), None)
    held = explained.rows.only(explained.rows.is_held_out)
    return {
        "n_cells": len(np.unique(held.cell)),
        "n_cases": len(np.unique(held.case)),
        "discordance": {
            "cut_of_fold": finite(explained.neighbour_cuts),
            "n_undefined": int(np.isnan(explained.differs[explained.predicted.is_held_out]).sum()),
        },
        "main_reference": main,
        "references": references,
        "readings": _readings(found, usable, draws, main),
        "verdicts": references[main]["verdicts"] if main else None,
        "notes": _notes(usable, main),
    }


def _reference(name: str, explained: Explained, it: Measured, found: Found) -> dict[str, Any]:
    sizes = {
        subset: size_block(it.cells.case[chosen], it.cells.level[chosen])
        for subset, chosen in _subsets(it).items()
    }
    trained = found["attributed"]
    return {
        "is_circular": name == "stain_removed",
        "depends_on_call": name == "opposite",
        "cells": {
            **it.counts,
            "n_cases": sizes["all"]["n_cases"],
            "n_discordant": sizes["discordant"]["n_cells"],
        },
        "completeness": completeness(trained_rows(explained, name)),
        "measures": {
            measure: {
                subset: sizes[subset] | figures_block(figures)
                for subset, figures in by_subset.items()
            }
            for measure, by_subset in found.items()
        },
        "margins": {
            control: {
                subset: sizes[subset] | margins_block(trained[subset], figures, MARGINS)
                for subset, figures in by_subset.items()
            }
            for control, by_subset in found.items()
            if control != "attributed"
        },
        "verdicts": _verdicts(name, found, sizes["discordant"]),
    }


def _subsets(it: Measured) -> dict[str, np.ndarray]:
    """Masks over the usable cells; within_case leaves out cases of a single level."""
    varies = np.zeros(len(it.cells), dtype=bool)
    for case in np.unique(it.cells.case):
        mine = it.cells.case == case
        varies |= mine & (len(np.unique(it.cells.level[mine])) > 1)
    scanners = {
        f"scanner: {name}": it.cells.scanner == name for name in np.unique(it.cells.scanner)
    }
    return {
        "all": np.ones(len(it.cells), dtype=bool),
        "discordant": it.differs == 1,
        "concordant": it.differs == 0,
        "within_case": varies,
        **scanners,
    }


def _found(it: Measured, draws: Bootstrap) -> Found:
    """Every figure of every measure on every subset; untrained networks as their mean."""
    subsets = _subsets(it)

    def of(density: np.ndarray, called: np.ndarray | None) -> dict[str, Figures]:
        return {
            subset: _figures(it, density, called, chosen=chosen, draws=draws)
            if subset != "within_case"
            else {"pearson": _within(it, density, chosen, draws)}
            for subset, chosen in subsets.items()
        }

    found = {name: of(density, it.called.get(name)) for name, density in it.measures.items()}
    networks = [of(density, it.called.get(name)) for name, density in it.random_networks.items()]
    if networks:
        found[NETWORKS] = {
            subset: {name: _mean([each[subset][name] for each in networks]) for name in figures}
            for subset, figures in networks[0].items()
        }
    return found


def _figures(
    it: Measured,
    density: np.ndarray,
    called: np.ndarray | None,
    *,
    chosen: np.ndarray,
    draws: Bootstrap,
) -> Figures:
    clusters = draws.clusters.only(chosen)
    od, level = density[chosen], it.cells.level[chosen].astype(np.float64)
    statistics = {
        "pearson": clustered.pearson_of(od, level, clusters),
        "spearman": clustered.spearman_of(od, level, clusters),
        "kendall": clustered.kendall_of(od, level, clusters),
    }
    if "od_patch" in it.measures:
        patch = it.measures["od_patch"][chosen]
        statistics["partial_pearson"] = clustered.partial_pearson_of(od, level, patch, clusters)
    figures = {name: draws.sample(statistic, chosen) for name, statistic in statistics.items()}
    if called is None:
        return figures | {"weighted_kappa": _undefined(figures["pearson"])}
    kappa = clustered.weighted_kappa_of(called[chosen], it.cells.level[chosen], clusters)
    return figures | {"weighted_kappa": draws.sample(kappa, chosen)}


def _within(it: Measured, density: np.ndarray, chosen: np.ndarray, draws: Bootstrap) -> Sampled:
    od, level = density[chosen], it.cells.level[chosen].astype(np.float64)
    return draws.sample(clustered.within_case_of(od, level, draws.clusters.only(chosen)), chosen)


def _mean(found: list[Sampled]) -> Sampled:
    """The mean over networks of a figure; undefined where it is undefined for one of them."""
    return replace(
        found[0],
        value=float(np.mean([each.value for each in found])),
        resamples=np.mean([each.resamples for each in found], axis=0),
    )


def _undefined(like: Sampled) -> Sampled:
    return replace(like, value=float("nan"), resamples=np.full(len(like.resamples), np.nan))


def _verdicts(name: str, found: Found, size: Mapping[str, Any]) -> dict[str, Any]:
    """The two sentences; neither is implied by the other."""
    claims = {
        "right_cell": (NETWORKS, "the map follows the stain of the right cell"),
        "better_than_ring": (BEST_RING, "attributed pixels tell the level better than a ring"),
    }
    if name in CLAIM_FREE:
        return {
            key: {"is_shown": None, "sentence": f"No verdict on: {claim}; {CLAIM_FREE[name]}."}
            for key, (_, claim) in claims.items()
        }
    verdicts = {}
    for key, (control, claim) in claims.items():
        margin = None
        if control in found:
            trained, other = (found[it]["discordant"]["pearson"] for it in ("attributed", control))
            margin = trained - other
        where = f"{claim} (reference {name}, cells whose neighbours disagree)"
        verdicts[key] = verdict(where, {control: margin}, size, figure="Pearson's r")
    return verdicts


def _readings(
    found: Mapping[str, Found],
    usable: Mapping[str, Measured],
    draws: Mapping[str, Bootstrap],
    main: str | None,
) -> dict[str, Any]:
    """The three readings of "Pearson 0.87"; b and c on the cells of the main reference."""
    a = {name: asdict(it["attributed"]["all"]["pearson"].interval) for name, it in found.items()}
    if main is None:
        return {"a": a, "b": None, "c": None}
    cells = usable[main].cells
    level = cells.level.astype(np.float64)

    def r(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        everyone = np.ones(len(cells), dtype=bool)
        statistic = clustered.pearson_of(x, y, draws[main].clusters)
        return asdict(draws[main].sample(statistic, everyone).interval)

    probability, logit = cells.numbers["probability"], cells.numbers["logit"]
    return {
        "a": a,
        "b": r(probability, cells.is_positive.astype(np.float64)),
        "c": {"logit": r(logit, level), "probability": r(probability, level)},
    }


def _notes(usable: Mapping[str, Measured], main: str | None) -> list[str]:
    notes = [f"{name}: {why}." for name, why in CLAIM_FREE.items() if name in usable]
    if main is None:
        notes.append("Neither fixed_negatives nor white was run: no verdict is given.")
    for name, it in usable.items():
        missing = [measure for measure in (*FROM_MAP, *RIVALS) if measure not in it.measures]
        if missing:
            left_out = ", ".join(missing)
            notes.append(f"{name}: left out, as a cell has no such density: {left_out}.")
        if not it.random_networks:
            notes.append(f"{name}: no untrained network was explained; that control is missing.")
        if "attributed" not in it.called:
            notes.append(
                f"{name}: too few training cells were explained to fit level cuts; weighted kappa "
                "of what the map points at is undefined."
            )
    return notes
