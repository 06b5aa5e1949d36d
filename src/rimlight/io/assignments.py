"""Cells assigned to readers, each in an order of their own; an assignment is never changed."""

from sqlalchemy import Connection, Engine, select

from rimlight.io.database import reading
from rimlight.io.schema import assignment_cells_table, assignments_table
from rimlight.records import Cell, CellId, ReaderId, SlideId


def assigned_cells(
    target: Engine | Connection, reader: ReaderId, *, slide_id: SlideId
) -> set[CellId]:
    """Return the cells of a slide that a reader was ever asked to label."""
    cells, made = assignment_cells_table.c, assignments_table.c
    asked = (
        select(cells.cell_id)
        .join(assignments_table, made.assignment_id == cells.assignment_id)
        .where(cells.slide_id == slide_id, made.reader == reader)
    )
    with reading(target) as connection:
        return set(connection.scalars(asked))


def assigned_places(
    target: Engine | Connection, reader: ReaderId, *, slide_id: SlideId
) -> list[Cell]:
    """Return the cells of a slide that a reader was ever asked to label, each once, with places."""
    cells, made = assignment_cells_table.c, assignments_table.c
    asked = (
        select(cells.cell_id, cells.x_l0, cells.y_l0)
        .distinct()
        .join(assignments_table, made.assignment_id == cells.assignment_id)
        .where(cells.slide_id == slide_id, made.reader == reader)
    )
    with reading(target) as connection:
        return [
            Cell(cell_id=CellId(name), slide_id=slide_id, x_l0=x_l0, y_l0=y_l0)
            for name, x_l0, y_l0 in connection.execute(asked)
        ]
