"""The table of explanations as arrays: one reference, its usable cells, and every measure of them.

A measure is one density a cell: in the attributed pixels, or in the pixels of a control.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlight.core.measurement import level_cuts, levels_from
from rimlight.errors import RunError
from rimlight.io.runs import Run
from rimlight.workflows.run_tables import (
    RIVALS,
    Cells,
    discordance,
    join,
    need,
    read_cells,
    table_of_step,
)

NAME = "explanations.csv"
REFERENCES = ("fixed_negatives", "white", "opposite", "stain_removed")
TRAINED = "trained"
FROM_MAP = {
    "attributed": "od_attributed",
    "od_random": "od_random",
    "od_negative_attribution": "od_negative_attribution",
}
FEWEST_FITTED = 20
"""Training cells from which level cuts are fitted (own definition, docs/statistics.md)."""
# fmt: off
COLUMNS = (
    "logit", "rise", "gap", "n_gradients", "is_converged", "is_small_rise", "map_change",
    "od_attributed", "od_negative_attribution", "od_random", "saturated_share",
)
# fmt: on

Key = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """All rows of the table; network and reference name what each row is of.

    row_of_key: for each network and reference, cell and fold to row.
    predicted: every cell of every fold, with the densities of the rivals.
    differs: per predicted row 1.0 discordant, 0.0 concordant, nan not known.
    """

    rows: Cells
    predicted: Cells
    predicted_row: Mapping[Key, int]
    neighbour_cuts: Mapping[int, float]
    differs: np.ndarray
    row_of_key: Mapping[tuple[str, str], Mapping[Key, int]]

    @property
    def references(self) -> tuple[str, ...]:
        """Those that the trained network was explained with, in a fixed order."""
        return tuple(name for name in REFERENCES if (TRAINED, name) in self.row_of_key)

    def random_networks(self, reference: str) -> tuple[str, ...]:
        """Names of the untrained networks explained with a reference."""
        found = (network for network, name in self.row_of_key if name == reference)
        return tuple(sorted(network for network in found if network != TRAINED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The usable hold-out cells of one reference.

    cells: with logit and probability. differs: see ``Explained``.
    measures: measure to density a cell. random_networks: one density array an untrained network.
    called: measure, or name of an untrained network, to level 0..3 cut from its density; a measure
        is missing where too few training cells were measured to fit cuts.
    counts: how many cells were left out, and why.
    """

    cells: Cells
    differs: np.ndarray
    measures: Mapping[str, np.ndarray]
    random_networks: Mapping[str, np.ndarray]
    called: Mapping[str, np.ndarray]
    counts: Mapping[str, int]


def read_explained(run: Run) -> Explained:
    """Return the explanations of a run with the predictions of the same cells.

    Raises:
        RunError: The run was not explained, or a table is not usable.
    """
    table = table_of_step(run, NAME, step="explain")
    rows = join(run, table, name=NAME)
    need(run, rows, COLUMNS, name=NAME)
    for column in ("network", "reference"):
        if column not in table:
            raise RunError(f"{run.folder / NAME}: has no column {column}; explain again")
    predicted = read_cells(run)
    need(run, predicted, ("probability", "od_neighbours", *RIVALS), name="predictions.csv")
    cuts, differs = discordance(predicted)
    row_of_key: dict[tuple[str, str], dict[Key, int]] = {}
    for i, kind in enumerate(zip(table["network"], table["reference"], strict=True)):
        if row_of_key.setdefault(kind, {}).setdefault(_key(rows, i), i) != i:
            raise RunError(
                f"{run.folder / NAME}: cell {rows.cell[i]} stands twice for network {kind[0]} and "
                f"reference {kind[1]}; explain again"
            )
    predicted_row = {_key(predicted, i): i for i in range(len(predicted))}
    for i in range(len(rows)):
        if _key(rows, i) not in predicted_row:
            raise RunError(
                f"{run.folder / NAME}: cell {rows.cell[i]} has no prediction; train again"
            )
    return Explained(
        rows=rows,
        predicted=predicted,
        predicted_row=predicted_row,
        neighbour_cuts=cuts,
        differs=differs,
        row_of_key=row_of_key,
    )


def trained_rows(explained: Explained, reference: str) -> Cells:
    """Return the hold-out rows of the trained network."""
    rows = explained.rows.only(_rows(explained, TRAINED, reference))
    return rows.only(rows.is_held_out)


def measured(explained: Explained, reference: str, *, most_saturated: float) -> Measured:
    """Return the usable hold-out cells of a reference with every measure.

    Left out and counted: maps that did not converge, cells of which more than ``most_saturated``
    of the pixels are too dark, and cells that lack a row of an untrained network.
    """
    rows = explained.rows.only(_rows(explained, TRAINED, reference))
    control = _control_rows(explained, rows, reference)
    is_usable, counts = _usable(explained, rows, control, most_saturated=most_saturated)
    held, fitted = is_usable & rows.is_held_out, is_usable & rows.is_fitted
    attributed = explained.rows.numbers["od_attributed"]
    maps = {measure: rows.numbers[column] for measure, column in FROM_MAP.items()}
    networks = {
        name: np.where(control[:, i] >= 0, attributed[control[:, i]], np.nan)
        for i, name in enumerate(explained.random_networks(reference))
    }
    chosen = [i for i in range(len(rows)) if held[i]]
    at = np.array([explained.predicted_row[_key(rows, i)] for i in chosen], dtype=int)
    cells = explained.predicted.only(at)
    called = {
        name: _called(cells, od[held], fitted=rows.only(fitted), density=od[fitted])
        for name, od in (maps | networks).items()
    }
    training = explained.predicted.only(explained.predicted.is_fitted)
    called |= {
        name: _called(cells, cells.numbers[name], fitted=training, density=training.numbers[name])
        for name in RIVALS
    }
    measures = {name: od[held] for name, od in maps.items()}
    measures |= {name: cells.numbers[name] for name in RIVALS}
    return Measured(
        cells=cells,
        differs=explained.differs[at],
        measures={name: od for name, od in measures.items() if np.isfinite(od).all()},
        random_networks={name: od[held] for name, od in networks.items()},
        called={name: levels for name, levels in called.items() if levels is not None},
        counts=counts,
    )


def _usable(
    explained: Explained, rows: Cells, control: np.ndarray, *, most_saturated: float
) -> tuple[np.ndarray, dict[str, int]]:
    """Which rows of the trained network may be compared, and how many hold-out rows may not."""
    side, converged = rows.is_held_out, rows.numbers["is_converged"] == 1
    dark = rows.numbers["saturated_share"] > most_saturated
    complete = (control >= 0).all(axis=1) & np.isfinite(rows.numbers["od_attributed"])
    is_usable = converged & ~dark & (complete | ~side)  # controls need no fitted cells
    held = is_usable & side
    counts = {
        "n_explained": side,
        "n_not_converged": side & ~converged,
        "n_saturated": side & converged & dark,
        "n_without_control": side & converged & ~dark & ~complete,
        "n_used": held,
        "n_small_rise": held & (rows.numbers["is_small_rise"] == 1),
        "n_not_converged_random": explained.rows.numbers["is_converged"][control[held]] != 1,
    }
    return is_usable, {name: int(mask.sum()) for name, mask in counts.items()}


def completeness(rows: Cells) -> dict[str, Any]:
    """Return how far the sums of the maps are from the rises, over hold-out rows of one reference.

    Shares of the rise are taken without cells of small rise, where a share says nothing.
    """
    rise, gap = np.abs(rows.numbers["rise"]), np.abs(rows.numbers["gap"])
    known = (rows.numbers["is_small_rise"] != 1) & (rise > 0)
    share = gap[known] / rise[known]
    change = rows.numbers["map_change"]
    return {
        "n_cells": len(rows),
        "n_small_rise": int((rows.numbers["is_small_rise"] == 1).sum()),
        "median": _quantile(share, 0.5),
        "p95": _quantile(share, 0.95),
        "maximum": _quantile(share, 1.0),
        "converged_share": float((rows.numbers["is_converged"] == 1).mean()) if len(rows) else None,
        "map_change_median": _quantile(change[np.isfinite(change)], 0.5),
        "gradients_median": _quantile(rows.numbers["n_gradients"], 0.5),
    }


def _key(cells: Cells, row: int) -> Key:
    return str(cells.cell[row]), int(cells.fold[row])


def _rows(explained: Explained, network: str, reference: str) -> np.ndarray:
    return np.array(sorted(explained.row_of_key[network, reference].values()), dtype=int)


def _control_rows(explained: Explained, rows: Cells, reference: str) -> np.ndarray:
    """Per cell the row of each untrained network, -1 where it is missing or without density."""
    known = np.isfinite(explained.rows.numbers["od_attributed"])
    networks = explained.random_networks(reference)
    found = np.full((len(rows), len(networks)), -1)
    for column, network in enumerate(networks):
        row_of_key = explained.row_of_key[network, reference]
        for i in range(len(rows)):
            row = row_of_key.get(_key(rows, i), -1)
            found[i, column] = row if row >= 0 and known[row] else -1
    return found


def _called(
    cells: Cells, values: np.ndarray, *, fitted: Cells, density: np.ndarray
) -> np.ndarray | None:
    """Levels cut from density, with cuts of each fold's training cells; None if too few of them."""
    called = np.zeros(len(cells), dtype=int)
    for fold, mine in cells.per_fold():
        known = (fitted.fold == fold) & np.isfinite(density)
        if known.sum() < FEWEST_FITTED or not np.isfinite(values).all():
            return None
        cuts = level_cuts(density[known], fitted.level[known])
        called[mine] = levels_from(values[mine], cuts)
    return called


def _quantile(values: np.ndarray, share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None
