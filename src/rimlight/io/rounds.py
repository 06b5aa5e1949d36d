"""Rounds of cells to label next, as the store keeps them; a round is never changed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select

from rimlight.io.database import reading, writing
from rimlight.io.event_chain import utc_now
from rimlight.io.schema import round_cells_table, rounds_table
from rimlight.records import Cell, CellId, Round, RoundCell, RunId, SlideId


def put_round(
    target: Engine | Connection,
    cells: Sequence[RoundCell],
    *,
    run_id: RunId,
    seed: int,
    settings: str,
) -> Round:
    """Store a new round, whole or not at all, under the next number of the study.

    Raises:
        StorageError: The disk refuses; nothing was stored.
        StudyError: A slide is not in the study.
        ValueError: No cell, or one cell twice.
    """
    ids = {cell.cell.cell_id for cell in cells}
    if not cells or len(ids) < len(cells):
        raise ValueError(f"a round needs cells, each once; got {len(cells)}, {len(ids)} different")
    with writing(target) as connection:
        last = connection.scalar(select(func.max(rounds_table.c.round_id)))
        made = Round(
            round_id=(last or 0) + 1,
            run_id=run_id,
            made_at=utc_now(),
            seed=seed,
            settings=settings,
            cells=tuple(cells),
        )
        connection.execute(insert(rounds_table).values(_round_row(made)))
        connection.execute(
            insert(round_cells_table),
            [
                {"round_id": made.round_id, "place": place, **_cell_row(cell)}
                for place, cell in enumerate(cells, start=1)
            ],
        )
    return made


def rounds(target: Engine | Connection) -> list[Round]:
    """Return the rounds of a study with their cells in order, the oldest first."""
    with reading(target) as connection:
        table = round_cells_table
        cells_of_round: dict[int, list[RoundCell]] = {}
        for row in connection.execute(select(table).order_by(table.c.round_id, table.c.place)):
            cells_of_round.setdefault(row.round_id, []).append(_cell_of(row))
        found = connection.execute(select(rounds_table).order_by(rounds_table.c.round_id))
        return [_round_of(row, cells_of_round.get(row.round_id, [])) for row in found]


def _round_row(made: Round) -> dict[str, Any]:
    return {
        "round_id": made.round_id,
        "run_id": str(made.run_id),
        "made_at": made.made_at,
        "seed": made.seed,
        "n_cells": len(made.cells),
        "settings": made.settings,
    }


def _cell_row(asked: RoundCell) -> dict[str, Any]:
    return {
        "cell_id": str(asked.cell.cell_id),
        "slide_id": str(asked.cell.slide_id),
        "x_l0": float(asked.cell.x_l0),
        "y_l0": float(asked.cell.y_l0),
        "share": str(asked.share),
        "cause": str(asked.cause),
        "score": float(asked.score),
        "logit": float(asked.logit),
    }


def _round_of(row: Row[Any], cells: Sequence[RoundCell]) -> Round:
    return Round(
        round_id=row.round_id,
        run_id=RunId(row.run_id),
        made_at=row.made_at,
        seed=row.seed,
        settings=row.settings,
        cells=tuple(cells),
    )


def _cell_of(row: Row[Any]) -> RoundCell:
    return RoundCell(
        cell=Cell(
            cell_id=CellId(row.cell_id),
            slide_id=SlideId(row.slide_id),
            x_l0=row.x_l0,
            y_l0=row.y_l0,
        ),
        share=row.share,
        cause=row.cause,
        score=row.score,
        logit=row.logit,
    )
