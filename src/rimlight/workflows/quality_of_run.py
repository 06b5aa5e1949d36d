"""Checks of the quality gate that earlier steps of a run have the numbers for: E7, E9, E10, E12."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.core.clustered import mean_of
from rimlight.explain.estimates import Cases, control_of
from rimlight.explain.scorecard import Check, Control, check_of, not_run
from rimlight.io.runs import Run, read_metrics
from rimlight.workflows.blocks import FEWEST_CASES, FEWEST_CELLS, bootstrap
from rimlight.workflows.quality_subject import Subject
from rimlight.workflows.run_tables import discordance, need, read_cells, run_settings

if TYPE_CHECKING:
    from rimlight.explain.quality import GateSettings
    from rimlight.model.network import PatchNetwork

MOST_LOST = 0.03
"""Accuracy that cells with disagreeing neighbours may lose before the gate sounds an alarm."""
_FIGURE = "average_precision"
_WITHOUT_MAP = (
    "dab_threshold",
    "disc_x_dab",
    "ring_x_dab",
    "gaussian_x_dab",
    "mean_of_others_x_dab",
    "path_another_cell",
)
"""Controls that E7 must beat: stain, place, and maps that are not the cell's own."""
_WORDS_OF_MEASURE = {
    "attributed": "r at the pixels of the map",
    "random_networks": "r of untrained networks",
    "od_best_ring": "r of the best ring",
    "od_patch": "r of the whole patch",
}


def checks_of_metrics(run: Run) -> list[Check]:
    """Return E7, E9 (not run) and E10 from what ``metrics.json`` holds."""
    metrics = read_metrics(run)
    nine = not_run("E9", "Needs other trainings; ask for them with --seeds 3.")
    return [_mask_check(metrics), nine, _density_check(metrics)]


def _mask_check(metrics: Mapping[str, Any]) -> Check:
    section = metrics.get("membranes")
    if not isinstance(section, dict):
        return not_run("E7", "No membranes were outlined; do rimlight membranes first.")
    truth = section.get("truth")
    if not isinstance(truth, dict):
        return not_run("E7", "There are no true masks to compare with; only synthetic tissue has.")
    if "systems" not in truth:
        return not_run("E7", f"Too little to compare: {truth.get('reason', 'no outlined cell')}.")
    own = truth["systems"]["membranes"]["figures"][_FIGURE]
    margins = {name: block["figures"][_FIGURE] for name, block in truth.get("margins", {}).items()}
    if own.get("value") is None or own["n_cases"] < 2:
        return not_run(
            "E7", "All outlined cells are of one case, so that no margin has an interval."
        )
    beaten = {name: (margin.get("low") or 0) > 0 for name, margin in margins.items()}
    missed = sorted(name for name in _WITHOUT_MAP if not beaten.get(name, True))
    words = (
        f"Not shown to be above {', '.join(missed)}."
        if missed
        else (
            "Above stain, disc, ring, bell, the mean map and another cell's map; other controls "
            "are printed."
        )
    )
    controls = tuple(
        _control(f"{name}", block["figures"][_FIGURE])
        for name, block in truth["systems"].items()
        if name != "membranes"
    )
    more = tuple(_control(f"margin over {name}", margin) for name, margin in margins.items())
    return check_of(
        "E7",
        verdict="fail" if missed else "pass",
        reason=words,
        value=_control("membranes", own),
        n_cells=int(own["n_cells"]),
        n_cases=int(own["n_cases"]),
        controls=controls + more,
    )


def _density_check(metrics: Mapping[str, Any]) -> Check:
    section = metrics.get("validation")
    if not isinstance(section, dict):
        return not_run("E10", "The density was not validated; do rimlight validate first.")
    main, verdicts = section.get("main_reference"), section.get("verdicts")
    if main is None or verdicts is None:
        return not_run("E10", "Neither fixed_negatives nor white was explained.")
    found = section["references"][main]
    sentence = str(verdicts["right_cell"]["sentence"])
    is_shown = verdicts["right_cell"]["is_shown"]
    if is_shown is None:
        return not_run("E10", sentence)
    margin = found["margins"]["random_networks"]["discordant"]["figures"]["pearson"]
    controls = [
        _control(words, found["measures"][name]["discordant"]["figures"]["pearson"])
        for name, words in _WORDS_OF_MEASURE.items()
        if name in found["measures"]
    ]
    return check_of(
        "E10",
        verdict="pass" if is_shown else "fail",
        reason=sentence,
        value=_control("margin", margin),
        n_cells=int(margin["n_cells"]),
        n_cases=int(margin["n_cases"]),
        controls=tuple(controls),
    )


def _control(name: str, figure: Mapping[str, Any]) -> Control:
    return Control(
        name=name, value=figure.get("value"), low=figure.get("low"), high=figure.get("high")
    )


def discordant_check(run: Run) -> Check:
    """Return E12: accuracy on held-out cells whose neighbours disagree, beside the headline."""
    cells = read_cells(run)
    if "od_neighbours" not in cells.numbers:
        return not_run("E12", "The neighbours' density is not known; train again.")
    need(run, cells, ("call", "od_neighbours"), name="predictions.csv")
    _, differs = discordance(cells)
    held = cells.is_held_out
    n_resamples = int(run_settings(run, "evaluate")["n_resamples"])
    seed = int(run_settings(run, "study")["seed"])
    is_right = (cells.call == cells.is_positive)[held].astype(np.float64)
    return discordant_row(
        is_right, differs[held], cells.case[held], n_resamples=n_resamples, seed=seed
    )


def discordant_row(
    is_right: np.ndarray, differs: np.ndarray, case: np.ndarray, *, n_resamples: int, seed: int
) -> Check:
    """Return E12 from calls.

    Args:
        is_right: 1 where the call agrees with the label.
        differs: 1 where the neighbours disagree with the cell, 0 where they agree, NaN unknown.
    """
    draws = bootstrap(case, n_resamples=n_resamples, seed=seed)

    def accuracy(chosen: np.ndarray) -> Any:
        clusters = draws.clusters.only(chosen)
        return draws.sample(mean_of(is_right[chosen], clusters), chosen)

    everyone, hard, easy = np.ones(len(case), dtype=bool), differs == 1, differs == 0
    n_hard, n_cases = int(hard.sum()), len(np.unique(case[hard]))
    if n_hard < FEWEST_CELLS or n_cases < FEWEST_CASES or not easy.any():
        return not_run(
            "E12",
            f"{n_hard} cells of {n_cases} cases have neighbours that disagree; under "
            f"{FEWEST_CELLS} cells or {FEWEST_CASES} cases nothing is concluded.",
        )
    lost = (accuracy(easy) - accuracy(hard)).interval
    is_lost = lost.low is not None and lost.low > MOST_LOST
    rows = {"all cells": everyone, "neighbours agree": easy}
    controls = [control_of(accuracy(chosen).interval, name=name) for name, chosen in rows.items()]
    return check_of(
        "E12",
        verdict="alarm" if is_lost else "printed",
        reason="Cells whose neighbours disagree are called worse by more than 3 points; ask for "
        "their labels with rimlight triage, or try train.surround_swap."
        if is_lost
        else "Printed beside the headline.",
        value=control_of(accuracy(hard).interval, name="discordant"),
        n_cells=n_hard,
        n_cases=n_cases,
        controls=(*controls, control_of(lost, name="lost where neighbours disagree")),
    )


def repeated_check(
    subject: Subject, networks: Sequence["PatchNetwork"], *, settings: "GateSettings"
) -> Check:
    """Return E9: how alike the maps of networks are that differ in the seed of training alone."""
    from rimlight.explain.consistency import rank_correlation
    from rimlight.workflows.quality_subject import maps_of

    maps = [
        maps_of(subject, network, settings=settings) for network in (subject.network, *networks)
    ]
    pairs = list(combinations(range(len(maps)), 2))
    found = np.mean([rank_correlation(maps[a], maps[b]) for a, b in pairs], axis=0)
    cases = Cases(case=subject.case, n_resamples=settings.n_resamples, seed=settings.seed)
    return check_of(
        "E9",
        verdict="printed",
        reason=f"{len(maps)} networks, each against each, with the same references.",
        value=cases.median(found),
        n_cells=len(found),
        n_cases=cases.n_cases,
    )
