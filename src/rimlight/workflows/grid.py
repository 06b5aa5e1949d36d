"""Cells for the grid, a page at a time: of a slide or of a run, in the order that is asked for.

An order tells something by itself. Doubt says which calls are unsure and not which way, so it is
given to blinded readers too; causes say which labels the run disagrees with and need the run to be
disclosed. What the model says of single cells goes with those alone that may be seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from jaxtyping import Int64

from rimlight.errors import RimlightError, RunError
from rimlight.io.journal import current_labels
from rimlight.io.runs import Run, open_run
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Cell, CellId, Expression, ReaderId, SlideId
from rimlight.workflows.blinding import is_disclosed, may_see
from rimlight.workflows.grid_order import Sort, at_random, by_cause, by_density, by_doubt
from rimlight.workflows.likeness import MOST_A_SLIDE, alike_cells, alike_points
from rimlight.workflows.run_cells import RunCells
from rimlight.workflows.run_tables import table_of_step
from rimlight.workflows.seen_points import SeenPoints, seen_points
from rimlight.workflows.slide_points import PointStore, SlidePoints

UNLABELLED = "none"


class GridError(RimlightError):
    """The grid cannot be shown as it was asked for."""


class HiddenOrderError(RimlightError):
    """The order that was asked for tells what the reader may not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridQuestion:
    """What is asked of the grid.

    source: ``slide:ID`` or ``run:ID``. like: name of a cell, for likeness.
    expression: what the reader said, ``none`` for unlabelled cells, None for all.
    start, n: which part of the order. run_id: of a slide's predictions; None for the latest.
    """

    source: str
    sort: Sort
    reader: ReaderId
    start: int
    n: int
    like: str | None = None
    expression: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a run says of a cell. od_ring: nan where it was not measured; cause: "" without one."""

    logit: float
    probability: float
    level: int
    od_ring: float
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """A cell of the grid; word: None where it may not be seen."""

    cell: Cell
    expression: Expression | None
    word: Word | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPage:
    """A page of the grid. n: cells in all. notes: what the order leaves out, in sentences."""

    n: int
    cells: tuple[GridCell, ...]
    run_id: str
    model: str
    has_levels: bool
    is_disclosed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool:
    """The cells that a grid draws from: rows in order, and how each is named and judged."""

    order: Int64[np.ndarray, " n"]
    cell: Callable[[int], Cell]
    word: Callable[[int], Word]
    row_of: Callable[[CellId], int | None]
    seen: Callable[[list[Cell], list[int]], set[CellId]]
    run_id: str
    model: str
    has_levels: bool
    is_disclosed: bool
    notes: tuple[str, ...]


def grid_page(study: Study, asked: GridQuestion, *, store: PointStore) -> GridPage:
    """Return a page of the grid.

    Raises:
        GridError: The source or its order is not known.
        HiddenOrderError: The order may not be shown to the reader.
        RunError: There is no such run, no prediction, or a table is damaged.
    """
    kind, _, subject = asked.source.partition(":")
    said = _said(study, asked.reader)
    if kind == "slide":
        pool = _of_slide(study, asked, SlideId(subject), store)
    elif kind == "run":
        pool = _of_run(study, asked, open_run(study, subject), store)
    else:
        raise GridError(f"grid: knows no source {kind!r}; ask for slide:ID or run:ID")
    rows = _filtered(pool, said, asked.expression)
    page = rows[asked.start : asked.start + asked.n].tolist()
    cells = [pool.cell(row) for row in page]
    seen = pool.seen(cells, page)
    return GridPage(
        n=len(rows),
        cells=tuple(
            GridCell(
                cell=cell,
                expression=said.get(cell.cell_id),
                word=pool.word(row) if cell.cell_id in seen else None,
            )
            for cell, row in zip(cells, page, strict=True)
        ),
        run_id=pool.run_id,
        model=pool.model,
        has_levels=pool.has_levels,
        is_disclosed=pool.is_disclosed,
        notes=pool.notes,
    )


def _filtered(
    pool: _Pool, said: Mapping[CellId, Expression], expression: str | None
) -> Int64[np.ndarray, " k"]:
    if expression is None:
        return pool.order
    wanted = [cell for cell, own in said.items() if expression in (UNLABELLED, own.value)]
    rows = [row for row in map(pool.row_of, wanted) if row is not None]
    is_found = np.isin(pool.order, np.array(rows, dtype=np.int64))
    return pool.order[~is_found if expression == UNLABELLED else is_found]


def _of_slide(study: Study, asked: GridQuestion, slide_id: SlideId, store: PointStore) -> _Pool:
    info = next((info for info in slides(study.engine) if info.slide_id == slide_id), None)
    if info is None:
        raise GridError(f"slide {slide_id}: is not in this study; choose one of the list")
    points = store.points(study, slide_id, run_id=asked.run_id)
    seen = seen_points(study, points, info=info, reader=asked.reader)
    order, notes = _slide_order(study, asked, points, seen)
    numbers = {cell.cell_id: number for number, cell in seen.named.items()}
    return _Pool(
        order=order,
        cell=seen.cell,
        word=lambda row: _word(points, row),
        row_of=numbers.get,
        seen=lambda cells, rows: {
            cell.cell_id for cell, row in zip(cells, rows, strict=True) if seen.shows(row)
        },
        run_id=points.run_id,
        model=points.model,
        has_levels=points.has_levels,
        is_disclosed=seen.is_disclosed,
        notes=notes,
    )


def _slide_order(
    study: Study, asked: GridQuestion, points: SlidePoints, seen: SeenPoints
) -> tuple[Int64[np.ndarray, " n"], tuple[str, ...]]:
    """Return the cells that count, in order, and what the order leaves out."""
    n_out = int((points.reason != 0).sum())
    notes = (f"{n_out:,} cells that do not count are left out",) if n_out else ()
    if asked.sort == "likeness":
        run = open_run(study, points.run_id)
        rows = alike_points(run, points, seen, like=_like(asked))
        if len(rows) == MOST_A_SLIDE:
            notes = (f"of the cells that count, {MOST_A_SLIDE:,} drawn at random are compared",)
        return rows, notes
    if asked.sort not in points.orders:
        if asked.sort == "doubt":
            order = by_doubt(points.probability)
        elif asked.sort == "od":
            order = by_density(points.od_ring)
        elif asked.sort == "random":
            seed = study.settings.study.seed
            order = at_random(points.x_l0, points.y_l0, slide=str(points.slide_id), seed=seed)
        else:
            raise GridError(
                f"slide {points.slide_id}: its cells have no order by {asked.sort}; sort them by "
                "doubt, od, likeness or random"
            )
        points.orders[asked.sort] = order[points.reason[order] == 0]
    return points.orders[asked.sort], notes


def _of_run(study: Study, asked: GridQuestion, run: Run, store: PointStore) -> _Pool:
    cells = store.cells(run)
    is_open = is_disclosed(study, reader=asked.reader, scope="run", subject=run.run_id)
    cause = _causes(run, cells) if is_open else np.full(len(cells), "", dtype="U1")
    row_of = {CellId(cell): row for row, cell in enumerate(cells.cell_ids.tolist())}
    order, note = _run_order(study, asked, run, cells, cause=cause, is_open=is_open)

    def seen(page: list[Cell], _rows: list[int]) -> set[CellId]:
        by_slide: dict[SlideId, set[CellId]] = {}
        for cell in page:
            by_slide.setdefault(cell.slide_id, set()).add(cell.cell_id)
        found: set[CellId] = set()
        for slide_id, ids in by_slide.items():
            found |= may_see(
                study, reader=asked.reader, slide_id=slide_id, cell_ids=ids, run_id=run.run_id
            )
        return found

    return _Pool(
        order=order,
        cell=cells.cell,
        word=lambda row: _word(cells, row, cause=str(cause[row])),
        row_of=row_of.get,
        seen=seen,
        run_id=run.run_id,
        model=", ".join(f"fold-{fold}" for fold in sorted(set(cells.fold.tolist()))),
        has_levels=False,
        is_disclosed=is_open,
        notes=(note,) if note else (),
    )


def _run_order(
    study: Study,
    asked: GridQuestion,
    run: Run,
    cells: RunCells,
    *,
    cause: np.ndarray,
    is_open: bool,
) -> tuple[Int64[np.ndarray, " n"], str]:
    if asked.sort == "doubt":
        return by_doubt(cells.probability), ""
    if asked.sort == "od":
        return by_density(cells.od_ring), ""
    if asked.sort == "random":
        seed, name = study.settings.study.seed, f"run {run.run_id}"
        return at_random(cells.x_l0, cells.y_l0, slide=name, seed=seed), ""
    if asked.sort == "likeness":
        return alike_cells(run, cells, like=_like(asked)), ""
    if asked.sort != "cause":
        raise GridError(f"run {run.run_id}: its cells have no order by {asked.sort}; name another")
    if not is_open:
        raise HiddenOrderError(
            f"run {run.run_id}: sorting by cause shows which labels the run disagrees with; show "
            "its predictions first, or choose another order"
        )
    return by_cause(cause), "cells without a cause are left out"


def _causes(run: Run, cells: RunCells) -> np.ndarray:
    """Return the cause of each cell, "" where none was found or looked for."""
    try:
        table = table_of_step(run, "causes.csv", step="causes")
        cause_of = dict(zip(table["cell"], table["cause"], strict=True))
    except (RunError, KeyError):
        cause_of = {}
    return np.array([cause_of.get(cell, "") for cell in cells.cell_ids.tolist()], dtype=str)


def _word(cells: SlidePoints | RunCells, row: int, *, cause: str = "") -> Word:
    return Word(
        logit=float(cells.logit[row]),
        probability=float(cells.probability[row]),
        level=int(cells.level[row]),
        od_ring=float(cells.od_ring[row]) if isfinite(cells.od_ring[row]) else float("nan"),
        cause=cause,
    )


def _said(study: Study, reader: ReaderId) -> dict[CellId, Expression]:
    """Return what a reader says of cells now."""
    return {
        label.cell.cell_id: label.expression
        for label in current_labels(study.engine)
        if label.reader == reader
    }


def _like(asked: GridQuestion) -> str:
    if not asked.like:
        raise GridError("grid: likeness needs a cell to compare with; choose a cell first")
    return asked.like
