"""The labelled cells that a run predicted: one row a cell, with its place on its slide."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float32, Float64, Int, Shaped, UInt8

from rimlight.io.runs import Run
from rimlight.records import Cell, CellId, SlideId
from rimlight.workflows.run_tables import numbers_of, table_of_step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunCells:
    """Predicted cells, one entry each, by the fold that held a cell out, else by the first.

    level: 1 where the call is positive. od_ring: DAB density of the ring; nan: not measured.
    """

    cell_ids: Shaped[np.ndarray, " n"]
    slide: Shaped[np.ndarray, " n"]
    fold: Shaped[np.ndarray, " n"]
    part: Shaped[np.ndarray, " n"]
    x_l0: Float64[np.ndarray, " n"]
    y_l0: Float64[np.ndarray, " n"]
    logit: Float32[np.ndarray, " n"]
    probability: Float32[np.ndarray, " n"]
    od_ring: Float32[np.ndarray, " n"]
    level: UInt8[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.cell_ids)

    def only(self, rows: Int[np.ndarray, " k"]) -> "RunCells":
        """Return some of the cells."""
        return RunCells(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def cell(self, row: int) -> Cell:
        """Return the cell of a row."""
        return Cell(
            cell_id=CellId(str(self.cell_ids[row])),
            slide_id=SlideId(str(self.slide[row])),
            x_l0=float(self.x_l0[row]),
            y_l0=float(self.y_l0[row]),
        )


def run_cells(run: Run) -> RunCells:
    """Return the cells that a run predicted, in the order of its table of cells.

    Raises:
        RunError: The run was not trained, or a table is damaged.
    """
    cells = table_of_step(run, "cells.csv", step="train")
    found = table_of_step(run, "predictions.csv", step="train")
    best: dict[str, int] = {}
    for row, (cell, part) in enumerate(zip(found["cell"], found["part"], strict=True)):
        if cell not in best or part == "hold-out":
            best[cell] = row
    rows = [row for row, cell in enumerate(cells["cell"]) if cell in best]
    at = [best[cells["cell"][row]] for row in rows]

    def of(table: dict[str, list[str]], name: str, chosen: list[int]) -> np.ndarray:
        file = "cells.csv" if table is cells else "predictions.csv"
        column = {name: [table[name][row] for row in chosen]} if name in table else {}
        return numbers_of(run, column, name, name=file)

    has_od = "od_ring" in found
    od_ring = of(found, "od_ring", at) if has_od else np.full(len(at), np.nan)
    return RunCells(
        cell_ids=np.array([cells["cell"][row] for row in rows], dtype=str),
        slide=np.array([cells["slide"][row] for row in rows], dtype=str),
        fold=np.array([found["fold"][row] for row in at], dtype=str),
        part=np.array([found["part"][row] for row in at], dtype=str),
        x_l0=of(cells, "x_l0", rows),
        y_l0=of(cells, "y_l0", rows),
        logit=of(found, "logit", at).astype(np.float32),
        probability=of(found, "probability", at).astype(np.float32),
        od_ring=od_ring.astype(np.float32),
        level=(of(found, "call", at) == 1).astype(np.uint8),
    )
