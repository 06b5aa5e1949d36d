"""The tables of a run as arrays: cells joined with their predictions, or with explanations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from rimlight.core.measurement import best_cut, separating_cut
from rimlight.errors import RunError
from rimlight.io.files import read_json
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import Run

RIVALS = ("od_centre", "od_disc", "od_ring", "od_patch", "od_best_ring")
LEVEL_NAMES = ("negative", "weak", "moderate", "strong")
FITTED_PARTS = ("train", "validation")
TEXTS = ("cell", "slide", "case", "part", "fold", "network", "reference")
"""Columns that hold names; every other column is read as numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Cells with what is known and predicted of them: one entry a cell and fold.

    All arrays have the same length. numbers: other columns by name, nan where the cell is empty.
    """

    cell: np.ndarray
    case: np.ndarray
    assay: np.ndarray
    scanner: np.ndarray
    level: np.ndarray
    fold: np.ndarray
    part: np.ndarray
    numbers: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def is_positive(self) -> np.ndarray:
        """Whether the label is weak, moderate or strong."""
        return np.asarray(self.level > 0)

    @property
    def call(self) -> np.ndarray:
        """Whether the network calls the cell positive."""
        return np.asarray(self.numbers["call"] == 1)

    @property
    def is_fitted(self) -> np.ndarray:
        """Cells on which cuts may be fitted: those of the fold's training and validation part."""
        return np.isin(self.part, FITTED_PARTS)

    @property
    def is_held_out(self) -> np.ndarray:
        """Cells of the fold's hold-out part."""
        return np.asarray(self.part == "hold-out")

    def only(self, chosen: np.ndarray) -> "Cells":
        """Return some of the cells, by indices or mask."""
        names = ("cell", "case", "assay", "scanner", "level", "fold", "part")
        return replace(
            self,
            **{name: getattr(self, name)[chosen] for name in names},
            numbers={name: values[chosen] for name, values in self.numbers.items()},
        )

    def cut_of_fold(self, column: str, *, is_separating: bool = False) -> dict[int, float]:
        """Return the cut on a column, fitted in each fold on its training and validation cells.

        is_separating: by balanced accuracy instead of F1; nan where it cannot be fitted.
        """
        fit = separating_cut if is_separating else best_cut
        fitted = self.only(self.is_fitted)
        return {
            fold: fit(fitted.numbers[column][mine], fitted.is_positive[mine])
            for fold, mine in fitted.per_fold(self.fold)
        }

    def per_fold(self, folds: np.ndarray | None = None) -> list[tuple[int, np.ndarray]]:
        """Return each fold with the mask of its cells; also folds without one if ``folds`` are."""
        every = np.unique(self.fold if folds is None else folds)
        return [(int(fold), self.fold == fold) for fold in every]

    def above(self, column: str, cut_of_fold: Mapping[int, float]) -> np.ndarray:
        """Return whether each cell's value is above the cut of its fold; nan is not."""
        cuts = np.array([cut_of_fold[int(fold)] for fold in self.fold])
        return np.asarray(self.numbers[column] > cuts)


def read_cells(run: Run) -> Cells:
    """Return every cell of every fold with its label and predictions, in the table's order.

    Raises:
        RunError: A table or column is missing, or a value or cell in it is not usable.
    """
    table = table_of_step(run, "predictions.csv", step="train")
    return join(run, table, name="predictions.csv")


def table_of_step(run: Run, name: str, *, step: str) -> dict[str, list[str]]:
    """Return a table that a step leaves in the run.

    Raises:
        RunError: The step was not done, or the table is damaged.
    """
    if not (run.folder / name).exists():
        raise RunError(f"run {run.run_id}: has no {name}; do rimlight {step} first")
    return read_table(run.folder / name)


def discordance(cells: Cells) -> tuple[dict[int, float], np.ndarray]:
    """Return the cut on neighbour density a fold, and whether each cell's neighbours disagree.

    Returns:
        Cuts in OD, fitted on training and validation cells of the fold alone; then per cell 1.0
        for discordant, 0.0 for concordant, nan where the neighbour density or the cut is not
        known.

    Source:
        Own definition, docs/statistics.md.
    """
    cuts = cells.cut_of_fold("od_neighbours", is_separating=True)
    differs = (cells.above("od_neighbours", cuts) != cells.is_positive).astype(np.float64)
    cut = np.array([cuts[int(fold)] for fold in cells.fold], dtype=np.float64)
    differs[np.isnan(cells.numbers["od_neighbours"]) | np.isnan(cut)] = np.nan
    return cuts, differs


def join(run: Run, table: Mapping[str, Sequence[str]], *, name: str) -> Cells:
    """Return the rows of a table with columns cell, fold, part joined with ``cells.csv``."""
    known = table_of_step(run, "cells.csv", step="train")
    for column in ("cell", "case", "assay", "scanner", "level"):
        _column(run, known, column, name="cells.csv")
    row_of_cell = {cell: i for i, cell in enumerate(known["cell"])}
    cells = _column(run, table, "cell", name=name)
    for cell in cells:
        if cell not in row_of_cell:
            raise RunError(f"{run.folder / name}: cell {cell} is not in cells.csv; train again")
    rows = [row_of_cell[cell] for cell in cells]
    texts = {c: np.array(known[c], dtype=str)[rows] for c in ("case", "assay", "scanner")}
    level = numbers_of(run, known, "level", name="cells.csv")[rows]
    fold = numbers_of(run, table, "fold", name=name)
    if not np.isin(level, range(len(LEVEL_NAMES))).all() or not np.isfinite(fold).all():
        raise RunError(f"{run.folder}: a level is not 0..3 or a fold is missing; train again")
    return Cells(
        cell=np.array(cells, dtype=str),
        level=level.astype(int),
        fold=fold.astype(int),
        part=np.array(_column(run, table, "part", name=name), dtype=str),
        numbers={c: numbers_of(run, table, c, name=name) for c in table if c not in TEXTS},
        **texts,
    )


def numbers_of(
    run: Run, table: Mapping[str, Sequence[str]], column: str, *, name: str
) -> np.ndarray:
    """Return a column as float64, empty cells as nan.

    Raises:
        RunError: The column is missing, or holds something that is no finite number.
    """
    try:
        values = [
            float(text) if text else np.nan for text in _column(run, table, column, name=name)
        ]
    except ValueError as error:
        raise RunError(
            f"{run.folder / name}: column {column} holds something that is no number: {error}"
        ) from error
    return np.array(values, dtype=np.float64)


def need(run: Run, cells: Cells, columns: Sequence[str], *, name: str) -> None:
    """Do nothing if all columns are there.

    Raises:
        RunError: One is missing; it is named.
    """
    for column in columns:
        if column not in cells.numbers:
            raise _missing(run, column, name)


def run_settings(run: Run, table: str) -> dict[str, Any]:
    """Return one table of the settings that the run was made with."""
    record = read_json(run.folder / "run.json")
    found = record.get("settings", {}).get(table) if isinstance(record, dict) else None
    if not isinstance(found, dict):
        raise RunError(f"{run.folder / 'run.json'}: holds no settings.{table}; train again")
    return found


def finite(values: Mapping[int, float]) -> dict[str, float | None]:
    """Return cuts by fold as JSON has them: text as keys, None where there is none."""
    return {str(fold): value if isfinite(value) else None for fold, value in values.items()}


def _column(
    run: Run, table: Mapping[str, Sequence[str]], column: str, *, name: str
) -> Sequence[str]:
    if column not in table:
        raise _missing(run, column, name)
    return table[column]


def _missing(run: Run, column: str, name: str) -> RunError:
    return RunError(
        f"{run.folder / name}: has no column {column}; another version made it, do that step again"
    )
