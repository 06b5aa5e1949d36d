"""What one reader said, asked for by slide, by cell or by time, without reading all the journal."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, Select, func, select

from rimlight.core.standing_labels import Said
from rimlight.io.database import reading
from rimlight.io.journal import LabelEvent, event_of
from rimlight.io.schema import (
    assignment_cells_table,
    assignments_table,
    events_table,
    round_cells_table,
)
from rimlight.records import Cell, CellId, LabelId, ReaderId, SlideId

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedPlace:
    """A place of an assignment as the server knows it; readers never learn ``is_repeat``."""

    reader: ReaderId
    cell: Cell
    is_repeat: bool


def said_by(
    target: Engine | Connection, reader: ReaderId, *, slide_id: SlideId | None = None
) -> list[Said]:
    """Return a reader's events, on a slide or everywhere, the oldest first."""
    asked = select(*(events_table.c[name] for name in Said._fields))
    asked = asked.where(events_table.c.reader == str(reader)).order_by(events_table.c.seq)
    if slide_id is not None:
        asked = asked.where(events_table.c.slide_id == slide_id)
    with reading(target) as connection:
        return list(map(Said._make, connection.execute(asked)))


def events_of_cells(
    target: Engine | Connection, reader: ReaderId, *, cell_ids: Collection[CellId]
) -> list[LabelEvent]:
    """Return a reader's events of some cells, the oldest first."""
    with reading(target) as connection:
        found = [
            event
            for of_cells in _chunks(events_table.c.cell_id, cell_ids)
            for event in _events(connection, _own(reader).where(of_cells))
        ]
    return sorted(found, key=lambda event: event.seq)


def latest_events(target: Engine | Connection, reader: ReaderId, *, n: int) -> list[LabelEvent]:
    """Return a reader's last events, the newest first."""
    with reading(target) as connection:
        return _events(connection, _own(reader).order_by(events_table.c.seq.desc()).limit(n))


def count_by_slide(target: Engine | Connection, reader: ReaderId) -> dict[SlideId, int]:
    """Return how many cells of each slide a reader ever labelled, from the index alone."""
    table = events_table.c
    asked = (
        select(table.slide_id, func.count(table.cell_id.distinct()))
        .where(table.reader == str(reader))
        .group_by(table.slide_id)
    )
    with reading(target) as connection:
        return {SlideId(slide): n for slide, n in connection.execute(asked)}


def events_of_ids(
    target: Engine | Connection, label_ids: Collection[LabelId]
) -> dict[LabelId, LabelEvent]:
    """Return those of the labels that the journal holds, whoever gave them."""
    with reading(target) as connection:
        found = [
            event
            for of_ids in _chunks(events_table.c.label_id, label_ids)
            for event in _events(connection, select(events_table).where(of_ids))
        ]
    return {event.label.label_id: event for event in found}


def known_cells(target: Engine | Connection, *, cell_ids: Collection[CellId]) -> dict[CellId, Cell]:
    """Return those cells that the study knows: assigned, asked for by a round, or labelled.

    A cell lies where its first label lies, else where it was assigned or asked for.
    """
    found: dict[CellId, Cell] = {}
    with reading(target) as connection:
        for table in (round_cells_table, assignment_cells_table):
            for of_cells in _chunks(table.c.cell_id, cell_ids):
                asked = select(table.c.cell_id, table.c.slide_id, table.c.x_l0, table.c.y_l0)
                for row in connection.execute(asked.where(of_cells)):
                    found[CellId(row.cell_id)] = _cell(row)
        table = events_table
        for of_cells in _chunks(table.c.cell_id, cell_ids):
            asked = select(table.c.cell_id, table.c.slide_id, table.c.x_l0, table.c.y_l0)
            latest_first = asked.where(of_cells).order_by(table.c.seq.desc())
            for row in connection.execute(latest_first):
                found[CellId(row.cell_id)] = _cell(row)
    return found


def cells_of_slide(target: Engine | Connection, *, slide_id: SlideId) -> list[Cell]:
    """Return the cells of a slide that anybody labelled or a round asks for, each once."""
    found: dict[CellId, Cell] = {}
    with reading(target) as connection:
        for table in (round_cells_table, assignment_cells_table, events_table):
            asked = select(table.c.cell_id, table.c.slide_id, table.c.x_l0, table.c.y_l0)
            asked = asked.where(table.c.slide_id == slide_id)
            if table is events_table:
                asked = asked.order_by(table.c.seq.desc())
            for row in connection.execute(asked):
                found[CellId(row.cell_id)] = _cell(row)
    return sorted(found.values(), key=lambda cell: cell.cell_id)


def places_asked(
    target: Engine | Connection, places: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], AssignedPlace]:
    """Return the places of assignments that there are, by assignment and place."""
    cells, made = assignment_cells_table.c, assignments_table.c
    asked = select(assignment_cells_table, made.reader).join(
        assignments_table, made.assignment_id == cells.assignment_id
    )
    wanted: dict[int, set[int]] = {}
    for assignment_id, place in places:
        wanted.setdefault(assignment_id, set()).add(place)
    found = {}
    with reading(target) as connection:
        for assignment_id, numbers in wanted.items():
            mine = asked.where(cells.assignment_id == assignment_id)
            for of_places in _chunks(cells.place, numbers):
                for row in connection.execute(mine.where(of_places)):
                    found[assignment_id, row.place] = AssignedPlace(
                        reader=ReaderId(row.reader), cell=_cell(row), is_repeat=row.is_repeat
                    )
    return found


def _chunks(column: Column[Any], values: Collection[Any]) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that together ask for all values, each within what one query may hold."""
    wanted = sorted(values)
    for start in range(0, len(wanted), _CHUNK):
        yield column.in_(wanted[start : start + _CHUNK])


def _cell(row: Any) -> Cell:
    return Cell(
        cell_id=CellId(row.cell_id),
        slide_id=SlideId(row.slide_id),
        x_l0=row.x_l0,
        y_l0=row.y_l0,
    )


def _own(reader: ReaderId) -> Select[Any]:
    return select(events_table).where(events_table.c.reader == str(reader))


def _events(connection: Connection, asked: Select[Any]) -> list[LabelEvent]:
    return [event_of(row) for row in connection.execute(asked)]
