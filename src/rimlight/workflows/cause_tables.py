"""What a run keeps of the causes of its errors: tables, pictures and the section of metrics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlight.core.label_doubt import Doubts
from rimlight.explain.causes import STAINS, ZONES, Finding, Trial
from rimlight.explain.grouping import Groups
from rimlight.io.arrays import write_arrays
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import Run
from rimlight.workflows.cause_scenes import Asked
from rimlight.workflows.patches import CellPatches
from rimlight.workflows.train import is_synthetic
from rimlight.workflows.walks import ExplainedFold

KINDS = ("wrong", "uncertain", "doubtful")
N_DOUBTS = 50
"""Doubtful labels named in metrics.json; the table holds all that were looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """The cells of one fold that were asked why, with what was found; rows are those of the cells.

    kind: wrong, uncertain or doubtful.
    """

    fold: ExplainedFold
    doubts: Doubts
    kind: tuple[str, ...]
    asked: tuple[Asked, ...]
    findings: tuple[Finding, ...]

    @property
    def rows(self) -> np.ndarray:
        """Rows of the cells."""
        return np.array([item.row for item in self.asked], dtype=int)


def write_causes(run: Run, cells: CellPatches, looked: Sequence[Looked], groups: Groups) -> None:
    """Write ``causes.csv``, ``cause_trials.csv`` and the arrays ``causes/``."""
    parts = [_table(found, cells) for found in looked]
    joined = {name: [value for part in parts for value in part[name]] for name in parts[0]}
    write_table(run.folder / "causes.csv", {**joined, "group": list(groups.names)})
    trials = [row for found in looked for row in _trials(found, cells)]
    names = list(_TRIAL_COLUMNS)
    write_table(
        run.folder / "cause_trials.csv",
        {name: [row[at] for row in trials] for at, name in enumerate(names)},
    )
    items = [item for found in looked for item in found.asked]
    findings = [finding for found in looked for finding in found.findings]
    side = cells.settings.size_px
    write_arrays(
        run.folder,
        "causes",
        {
            "patches": _stacked([item.case.scene.patch for item in items], (side, side, 3)),
            "edited": _stacked([finding.edited for finding in findings], (side, side, 3)),
            "maps": _stacked([item.values.sum(0) for item in items], (side, side)).astype(
                np.float16
            ),
            "zones": _stacked([_zone_numbers(item) for item in items], (side, side)),
        },
    )


_TRIAL_COLUMNS = (
    "cell", "fold", "cause", "proposed", "logit_before", "logit_after", "recovered",
    "placebo_logit", "placebo_recovered", "placebo_share", "edited_share", "is_confirmed",
)  # fmt: skip


def _stacked(images: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(images) if images else np.zeros((0, *shape), dtype=np.uint8)


def _zone_numbers(item: Asked) -> np.ndarray:
    """0 rest, 1 own nucleus, 2 own ring, 3 neighbour nucleus, 4 neighbour ring, 5 padding."""
    zones = item.case.scene.zones
    numbers = np.zeros(zones.own_ring.shape, dtype=np.uint8)
    order = (zones.neighbour_rings, zones.own_ring, zones.own_nucleus, zones.neighbour_nuclei)
    for number, mask in zip((4, 2, 1, 3), order, strict=True):
        numbers[mask] = number
    numbers[zones.padding] = 5
    return numbers


def _table(found: Looked, cells: CellPatches) -> dict[str, list[Any]]:
    """Rows of ``causes.csv`` of one fold, without their group."""
    from rimlight.model.prediction import probability

    table, rows = found.fold.grounds.table, found.rows
    findings = found.findings
    mains = [main_trial(finding) for finding in findings]
    columns: dict[str, list[Any]] = {
        "cell": cells.cell_ids[rows].tolist(),
        "fold": [found.fold.number] * len(rows),
        "part": table.part[rows].tolist(),
        "level": table.level[rows].tolist(),
        "logit": table.logit[rows].tolist(),
        "probability": probability(
            table.logit[rows], temperature=found.fold.model.temperature
        ).tolist(),
        "kind": list(found.kind),
        "status": [finding.status for finding in findings],
        "cause": [finding.cause.value for finding in findings],
        "causes": ["+".join(finding.confirmed) for finding in findings],
        "logit_after": [main and main.logit_after for main in mains],
        "recovered": [main and main.recovered for main in mains],
        "placebo_recovered": [main and _none_if_nan(main.placebo_recovered) for main in mains],
        "doubt": found.doubts.score[rows].tolist(),
        "nearest": [
            " ".join(cells.cell_ids[near[near >= 0]]) for near in found.doubts.nearest[rows]
        ],
    }
    for zone, name in enumerate(ZONES):
        for stain, of in enumerate(STAINS):
            columns[f"evidence_{name}_{of}"] = [
                float(item.case.evidence.sums[zone, stain]) for item in found.asked
            ]
    return columns


def main_trial(finding: Finding) -> Trial | None:
    """Return the trial of the main cause, None where no edit confirmed one."""
    if finding.status != "confirmed":
        return None
    return next(trial for trial in finding.trials if trial.cause is finding.cause)


def _trials(found: Looked, cells: CellPatches) -> list[tuple[Any, ...]]:
    return [
        (
            cells.cell_ids[row], found.fold.number, trial.cause.value, trial.proposed,
            trial.logit_before, trial.logit_after, trial.recovered,
            _none_if_nan(trial.placebo_logit), _none_if_nan(trial.placebo_recovered),
            trial.placebo_share, trial.edited_share, int(trial.is_confirmed),
        )
        for row, finding in zip(found.rows, found.findings, strict=True)
        for trial in finding.trials
    ]  # fmt: skip


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else value


def causes_section(cells: CellPatches, looked: Sequence[Looked], groups: Groups) -> dict[str, Any]:
    """Return the section ``causes``, without what the edits do to right calls."""
    kinds = Counter(kind for found in looked for kind in found.kind)
    status = Counter(finding.status for found in looked for finding in found.findings)
    rows = np.concatenate([found.rows for found in looked])
    parts = [part for found in looked for part in found.fold.grounds.table.part[found.rows]]
    slide = [cells.slide_of_cell[row].slide_id for row in rows]
    nearest = [near for found in looked for near in found.doubts.nearest[found.rows]]
    return {
        "n_examined": len(rows),
        **{f"n_{kind}": kinds[kind] for kind in KINDS},
        **{f"n_{name}": status[name] for name in ("confirmed", "map_only", "unexplained")},
        "parts": {part: _part_facts(looked, part) for part in sorted(set(parts))},
        "groups": [
            {
                "name": group.name,
                "cause": group.cause,
                "words": group.words,
                "n_cells": len(group.rows),
                "n_held_out": sum(parts[at] == "hold-out" for at in group.rows),
                "examples": cells.cell_ids[rows[group.examples]].tolist(),
                "cases": dict(Counter(cells.case[rows[group.rows]].tolist())),
                "slides": dict(Counter(str(slide[at]) for at in group.rows)),
                "nearest": _nearest_of(cells, [nearest[at] for at in group.examples]),
            }
            for group in groups.groups
        ],
        "n_groups_rule": groups.rule,
        "doubts": _doubts(cells, looked),
        "synthetic": is_synthetic(cells),
    }


def _nearest_of(cells: CellPatches, nearest: Sequence[np.ndarray]) -> list[str]:
    """The nearest training cell of each example."""
    return [str(cells.cell_ids[near[0]]) for near in nearest if len(near) and near[0] >= 0]


def _part_facts(looked: Sequence[Looked], part: str) -> dict[str, Any]:
    status: Counter[str] = Counter()
    per_cause: dict[str, Counter[str]] = {}
    n_wrong = 0
    for found in looked:
        is_here = found.fold.grounds.table.part[found.rows] == part
        for here, kind, finding in zip(is_here, found.kind, found.findings, strict=True):
            if here:
                n_wrong += kind == "wrong"
                status[finding.status] += 1
                if finding.status != "unexplained":
                    per_cause.setdefault(finding.cause.value, Counter())[finding.status] += 1
    return {
        "n_wrong": n_wrong,
        "status": dict(status),
        "causes": {
            name: {"confirmed": counts["confirmed"], "map_only": counts["map_only"]}
            for name, counts in sorted(per_cause.items())
        },
    }


def _doubts(cells: CellPatches, looked: Sequence[Looked]) -> list[dict[str, Any]]:
    """The labels most doubted, of all cells, each as the fold sees it that held it out."""
    found = []
    for one in looked:
        table, doubts = one.fold.grounds.table, one.doubts
        allowed = table.part != "unused" if len(looked) == 1 else table.part == "hold-out"
        for row in np.flatnonzero(allowed & (doubts.score > 0)).tolist():
            found.append((float(doubts.score[row]), row, one))
    found.sort(key=lambda item: (-item[0], item[1]))
    return [
        {
            "cell": str(cells.cell_ids[row]),
            "case": str(cells.case[row]),
            "level": int(cells.level[row]),
            "logit": float(one.fold.grounds.table.logit[row]),
            "doubt": score,
            "evidence": list(one.doubts.reasons[row]),
        }
        for score, row, one in found[:N_DOUBTS]
    ]
