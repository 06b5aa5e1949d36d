"""Two runs on the same held-out cells: figures with intervals, and the calls that changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rimlight.core import clustered
from rimlight.core.intervals import Sampled
from rimlight.errors import RunError
from rimlight.io.files import read_json
from rimlight.io.runs import Run
from rimlight.records import Interval
from rimlight.workflows.blocks import Bootstrap, bootstrap, size_block
from rimlight.workflows.run_tables import (
    Cells,
    discordance,
    need,
    read_cells,
    run_settings,
    table_of_step,
)

NAMES = ("accuracy", "f1", "sensitivity", "specificity", "auc")
Change = Literal["mended", "broken"]
_COLUMNS = ("logit", "probability", "call", "od_neighbours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of both runs on the same cells; difference: the second minus the first, paired."""

    name: str
    first: Interval
    second: Interval
    difference: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSubset:
    """Figures on some of the common cells. reason: why no verdict is given, None where one is."""

    name: str
    n_cells: int
    n_cases: int
    figures: tuple[Compared, ...]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCell:
    """A cell that the runs call differently; mended: the second is right."""

    cell_id: str
    slide_id: str
    case_id: str
    x_l0: float
    y_l0: float
    expression: str
    change: Change
    first_logit: float
    second_logit: float
    first_call: bool
    second_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs.

    n_common: cells held out in both with the same label. n_first_only, n_second_only: held out in
    one run alone. n_relabelled: held out in both, but the label has changed between them.
    both_right, both_wrong, mended, broken: of the common cells. settings: those that differ,
    as (name, first, second).
    """

    first: str
    second: str
    n_common: int
    n_cases: int
    n_first_only: int
    n_second_only: int
    n_relabelled: int
    both_right: int
    both_wrong: int
    mended: int
    broken: int
    subsets: tuple[ComparedSubset, ...]
    changed: tuple[ChangedCell, ...]
    settings: tuple[tuple[str, str, str], ...]


def compare_runs(first: Run, second: Run) -> Comparison:
    """Compare two trained runs.

    Raises:
        RunError: A run was not trained, or no cell is held out in both.
    """
    found = [_held(run) for run in (first, second)]
    (a, _), (b, differs) = found
    row_of_cell = {cell: row for row, cell in enumerate(b.cell)}
    pairs = [(i, row_of_cell[cell]) for i, cell in enumerate(a.cell) if cell in row_of_cell]
    both = np.array(pairs, dtype=int).reshape(-1, 2)
    is_same = a.level[both[:, 0]] == b.level[both[:, 1]]
    kept = both[is_same]
    if not len(kept):
        raise RunError(
            f"runs {first.run_id} and {second.run_id}: no cell is held out in both, so that "
            "nothing can be compared; compare runs of one split"
        )
    mine, other, differs = a.only(kept[:, 0]), b.only(kept[:, 1]), differs[kept[:, 1]]
    right_a, right_b = mine.call == mine.is_positive, other.call == other.is_positive
    draws = bootstrap(
        mine.case,
        n_resamples=int(run_settings(second, "evaluate")["n_resamples"]),
        seed=int(run_settings(second, "study")["seed"]),
    )
    return Comparison(
        first=str(first.run_id),
        second=str(second.run_id),
        n_common=len(kept),
        n_cases=draws.clusters.n_cases,
        n_first_only=len(a) - len(both),
        n_second_only=len(b) - len(both),
        n_relabelled=int((~is_same).sum()),
        both_right=int((right_a & right_b).sum()),
        both_wrong=int((~right_a & ~right_b).sum()),
        mended=int((~right_a & right_b).sum()),
        broken=int((right_a & ~right_b).sum()),
        subsets=(
            _subset("all", mine, other, np.ones(len(mine), dtype=bool), draws=draws),
            _subset("discordant", mine, other, differs == 1, draws=draws),
        ),
        changed=tuple(_changed(second, mine, other)),
        settings=tuple(_other_settings(first, second)),
    )


def _held(run: Run) -> tuple[Cells, np.ndarray]:
    """Return the hold-out cells of a run, and whether each cell's neighbours disagree with it."""
    cells = read_cells(run)
    need(run, cells, _COLUMNS, name="predictions.csv")
    differs = discordance(cells)[1]
    return cells.only(cells.is_held_out), differs[cells.is_held_out]


def _subset(
    name: str, first: Cells, second: Cells, chosen: np.ndarray, *, draws: Bootstrap
) -> ComparedSubset:
    size = size_block(first.case[chosen], first.level[chosen])
    figures: list[Compared] = []
    if chosen.any():
        a, b = (_figures(cells, chosen, draws) for cells in (first, second))
        figures = [
            Compared(
                name=figure,
                first=a[figure].interval,
                second=b[figure].interval,
                difference=(b[figure] - a[figure]).interval,
            )
            for figure in NAMES
        ]
    return ComparedSubset(
        name=name,
        n_cells=size["n_cells"],
        n_cases=size["n_cases"],
        figures=tuple(figures),
        reason=size["reason"],
    )


def _figures(cells: Cells, chosen: np.ndarray, draws: Bootstrap) -> dict[str, Sampled]:
    label, call = cells.is_positive[chosen], cells.call[chosen]
    clusters = draws.clusters.only(chosen)
    found = {
        name: clustered.figure_of(name, label, call, clusters) for name in NAMES if name != "auc"
    }
    found["auc"] = clustered.auc_of(label, cells.numbers["probability"][chosen], clusters)
    return {name: draws.sample(statistic, chosen) for name, statistic in found.items()}


def _changed(run: Run, first: Cells, second: Cells) -> Iterator[ChangedCell]:
    """Yield the cells called differently: those that went wrong first, the surest before."""
    table = table_of_step(run, "cells.csv", step="train")
    row_of_cell = {cell: row for row, cell in enumerate(table["cell"])}
    differs = np.flatnonzero(first.call != second.call)
    is_broken = second.call[differs] != second.is_positive[differs]
    logit = np.abs(second.numbers["logit"][differs])
    for i in differs[np.lexsort((-logit, ~is_broken))]:
        row = row_of_cell[first.cell[i]]
        yield ChangedCell(
            cell_id=str(first.cell[i]),
            slide_id=table["slide"][row],
            case_id=str(first.case[i]),
            x_l0=float(table["x_l0"][row]),
            y_l0=float(table["y_l0"][row]),
            expression=table["expression"][row],
            change="broken" if second.call[i] != second.is_positive[i] else "mended",
            first_logit=float(first.numbers["logit"][i]),
            second_logit=float(second.numbers["logit"][i]),
            first_call=bool(first.call[i]),
            second_call=bool(second.call[i]),
        )


def _other_settings(first: Run, second: Run) -> Iterator[tuple[str, str, str]]:
    flat = []
    for run in (first, second):
        record: Any = read_json(run.folder / "run.json")
        settings = record.get("settings", {}) if isinstance(record, dict) else {}
        flat.append(
            {
                f"{section}.{key}": str(value)
                for section, values in settings.items()
                if isinstance(values, dict)
                for key, value in values.items()
            }
        )
    for name in sorted(flat[0].keys() | flat[1].keys()):
        a, b = (one.get(name, "-") for one in flat)
        if a != b:
            yield name, a, b
