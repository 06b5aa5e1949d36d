"""Blocks of metrics.json: figures with intervals, the reasons of undefined ones, verdicts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rimlight.core import clustered
from rimlight.core.clustered import Clusters, Statistic, Times
from rimlight.core.intervals import Sampled, case_times, sampled
from rimlight.workflows.run_tables import LEVEL_NAMES

FEWEST_CELLS = 30
FEWEST_CASES = 5

REASONS = {
    "accuracy": "no cell",
    "f1": "no cell labelled or called positive",
    "balanced_accuracy": "no cell of one of the classes",
    "auc": "no cell of one of the classes",
    "sensitivity": "no positive cell",
    "specificity": "no negative cell",
    "ppv": "no cell called positive",
    "npv": "no cell called negative",
    "brier": "no cell",
    "expected_calibration_error": "no cell",
    "pearson": "density or level does not vary",
    "spearman": "density or level does not vary",
    "kendall": "density or level does not vary",
    "weighted_kappa": "one level only, or no cuts could be fitted on training cells",
    "partial_pearson": "density or level does not vary beyond that of the whole patch",
    **{f"recall_{name}": f"no {name} cell" for name in LEVEL_NAMES},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """The cases of a sample and the resamples of them that all its intervals share."""

    clusters: Clusters
    times: Times
    seed: int

    def sample(self, statistic: Statistic, cells: np.ndarray) -> Sampled:
        """Return a statistic that was made from ``cells``, a mask over the whole sample."""
        return sampled(statistic, self.clusters.only(cells), times=self.times)


def bootstrap(case: np.ndarray, *, n_resamples: int, seed: int) -> Bootstrap:
    """Return the resamples of the cases of a sample."""
    clusters = clustered.clusters_of(case)
    times = case_times(clusters.n_cases, n_resamples=n_resamples, seed=seed)
    return Bootstrap(clusters=clusters, times=times, seed=seed)


def figures_block(figures: Mapping[str, Sampled]) -> dict[str, Any]:
    """Return figures as intervals, and why those without a value have none."""
    intervals = {name: found.interval for name, found in figures.items()}
    return {
        "figures": {name: asdict(interval) for name, interval in intervals.items()},
        "undefined": {
            name: REASONS[name] for name, interval in intervals.items() if interval.value is None
        },
    }


def margins_block(
    first: Mapping[str, Sampled], second: Mapping[str, Sampled], names: tuple[str, ...]
) -> dict[str, Any]:
    """Return first minus second, paired, for the figures that both have."""
    return figures_block({n: first[n] - second[n] for n in names if n in first and n in second})


def size_block(case: np.ndarray, level: np.ndarray) -> dict[str, Any]:
    """Return what a group of cells holds, and whether it is enough to draw a conclusion."""
    n_cells, n_cases = len(case), len(np.unique(case))
    has_verdict = n_cells >= FEWEST_CELLS and n_cases >= FEWEST_CASES
    reason = (
        f"{n_cells} cells of {n_cases} cases: under {FEWEST_CELLS} cells or {FEWEST_CASES} cases "
        "no verdict is given"
    )
    return {
        "n_cells": n_cells,
        "n_cases": n_cases,
        "n_positive": int((level > 0).sum()),
        "levels": {name: int((level == i).sum()) for i, name in enumerate(LEVEL_NAMES)},
        "has_verdict": has_verdict,
        "reason": None if has_verdict else reason,
    }


def verdict(
    claim: str, margins: Mapping[str, Sampled | None], size: Mapping[str, Any], *, figure: str
) -> dict[str, Any]:
    """Return whether every margin excludes 0, as a truth value and as a sentence.

    Args:
        claim: What would be shown, a clause without a full stop.
        margins: By the name of what must be beaten; None where it was not measured.
        size: A size block; too few cells or cases give no verdict.
        figure: What the margins are differences of.
    """
    if not size["has_verdict"]:
        return {"is_shown": None, "sentence": f"No verdict on: {claim}; {size['reason']}."}
    intervals = {name: found.interval for name, found in margins.items() if found is not None}
    known = {name: i for name, i in intervals.items() if i.value is not None and i.low is not None}
    if not margins or len(known) < len(margins):
        missing = ", ".join(name for name in margins if name not in known) or "every control"
        return {
            "is_shown": None,
            "sentence": f"No verdict on: {claim}; the margin over {missing} is undefined.",
        }
    hardest = min(known, key=lambda name: (known[name].low or 0.0, name))
    low, high, value = known[hardest].low or 0.0, known[hardest].high or 0.0, known[hardest].value
    is_shown = low > 0
    doubt = "" if known[hardest].is_reliable else ", unreliable: under 10 cases"
    sentence = (
        f"{'Shown' if is_shown else 'Not shown'}: {claim}; margin in {figure} over {hardest} "
        f"{value:+.3f} [{low:+.3f}, {high:+.3f}], {size['n_cells']} cells of "
        f"{size['n_cases']} cases{doubt}."
    )
    return {"is_shown": is_shown, "sentence": sentence}
