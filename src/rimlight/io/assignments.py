"""Cells assigned to readers, each in an order of their own; an assignment is never changed."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, func, insert, select

from rimlight.core.standing_labels import track_of
from rimlight.io.database import reading, writing
from rimlight.io.event_chain import utc_now
from rimlight.io.journal import event_of
from rimlight.io.schema import assignment_cells_table, assignments_table, events_table
from rimlight.records import Cell, CellId, Expression, Label, ReaderId, SlideId

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedCell:
    """A cell at a place of an assignment; readers never learn ``is_repeat``."""

    place: int
    cell: Cell
    is_repeat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentDraft:
    """What one reader is asked, in the order in which they are asked.

    round_id: the round that asked for the cells, if one did. made_by: the owner who assigned.
    settings: what it was drawn with; ``is_blind_to_the_end`` hides the model's word on its cells
    until every place is answered.
    """

    reader: ReaderId
    name: str
    round_id: int | None
    made_by: ReaderId
    seed: int
    settings: Mapping[str, Any]
    cells: Sequence[AssignedCell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An assignment without its cells. made_at: UTC, ISO 8601. n_cells: repeats counted."""

    assignment_id: int
    reader: ReaderId
    name: str
    round_id: int | None
    made_at: str
    made_by: ReaderId
    seed: int
    n_cells: int
    settings: Mapping[str, Any]


def put_assignments(
    target: Engine | Connection, drafts: Sequence[AssignmentDraft]
) -> list[Assignment]:
    """Store assignments, all or none, under the next numbers of the study.

    Raises:
        StorageError: The disk refuses; nothing was stored.
        StudyError: A slide is not in the study.
        ValueError: One has no cells, or its places are not 1, 2, 3 and so on.
    """
    for draft in drafts:
        if [each.place for each in draft.cells] != list(range(1, len(draft.cells) + 1)):
            raise ValueError("the places of an assignment are 1, 2, 3 and so on")
        if not draft.cells:
            raise ValueError("an assignment needs a cell")
    with writing(target) as connection:
        last = connection.scalar(select(func.max(assignments_table.c.assignment_id))) or 0
        return [_put(connection, last + number, draft) for number, draft in enumerate(drafts, 1)]


def assignments(target: Engine | Connection, *, reader: ReaderId | None = None) -> list[Assignment]:
    """Return the assignments of a study, or of one reader, the oldest first."""
    asked = select(assignments_table).order_by(assignments_table.c.assignment_id)
    if reader is not None:
        asked = asked.where(assignments_table.c.reader == str(reader))
    with reading(target) as connection:
        return [_assignment(row) for row in connection.execute(asked)]


def cells_of_assignment(
    target: Engine | Connection, assignment_id: int, *, start: int = 1, n: int | None = None
) -> list[AssignedCell]:
    """Return the cells of an assignment from a place on, in order."""
    table = assignment_cells_table.c
    asked = (
        select(assignment_cells_table)
        .where(table.assignment_id == assignment_id, table.place >= start)
        .order_by(table.place)
    )
    with reading(target) as connection:
        return [
            _assigned(row) for row in connection.execute(asked if n is None else asked.limit(n))
        ]


def answered_places(target: Engine | Connection, made: Assignment) -> dict[int, Label]:
    """Return what an assignment's reader says at each place that is answered."""
    cells, events = assignment_cells_table.c, events_table.c
    mine = select(cells.cell_id).where(cells.assignment_id == made.assignment_id)
    asked = (
        select(events_table)
        .where(
            events.cell_id.in_(mine),
            events.reader == str(made.reader),
            events.source.like(f"workbench % assignment={made.assignment_id} place=%"),
        )
        .order_by(events.seq)
    )
    with reading(target) as connection:
        labels = [event_of(row).label for row in connection.execute(asked)]
    found: dict[int, Label] = {}
    for label in labels:
        _, place = track_of(label) or (0, 0)
        found[place] = label
        if label.expression is Expression.WITHDRAWN:
            del found[place]
    return found


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


def assignments_with(
    target: Engine | Connection,
    reader: ReaderId,
    *,
    slide_id: SlideId,
    cell_ids: Collection[CellId],
) -> dict[int, set[CellId]]:
    """Return which of some cells of a slide a reader is asked about, by assignment."""
    found: dict[int, set[CellId]] = {}
    wanted = set(cell_ids)
    with reading(target) as connection:
        for row in connection.execute(_places_on(reader, slide_id, wanted)):
            if row.cell_id in wanted:
                found.setdefault(row.assignment_id, set()).add(row.cell_id)
    return found


def _places_on(reader: ReaderId, slide_id: SlideId, wanted: Collection[CellId]) -> Select[Any]:
    cells, made = assignment_cells_table.c, assignments_table.c
    asked = (
        select(cells.assignment_id, cells.cell_id)
        .join(assignments_table, made.assignment_id == cells.assignment_id)
        .where(cells.slide_id == slide_id, made.reader == str(reader))
    )
    return asked.where(cells.cell_id.in_(wanted)) if len(wanted) <= _CHUNK else asked


def _put(connection: Connection, assignment_id: int, draft: AssignmentDraft) -> Assignment:
    made = Assignment(
        assignment_id=assignment_id,
        reader=draft.reader,
        name=draft.name,
        round_id=draft.round_id,
        made_at=utc_now(),
        made_by=draft.made_by,
        seed=draft.seed,
        n_cells=len(draft.cells),
        settings=dict(draft.settings),
    )
    connection.execute(insert(assignments_table).values(_row(made)))
    connection.execute(
        insert(assignment_cells_table),
        [
            {
                "assignment_id": assignment_id,
                "place": each.place,
                "cell_id": str(each.cell.cell_id),
                "slide_id": str(each.cell.slide_id),
                "x_l0": float(each.cell.x_l0),
                "y_l0": float(each.cell.y_l0),
                "is_repeat": bool(each.is_repeat),
            }
            for each in draft.cells
        ],
    )
    return made


def _row(made: Assignment) -> dict[str, Any]:
    return {
        "assignment_id": made.assignment_id,
        "reader": str(made.reader),
        "name": made.name,
        "round_id": made.round_id,
        "made_at": made.made_at,
        "made_by": str(made.made_by),
        "seed": made.seed,
        "n_cells": made.n_cells,
        "settings": json.dumps(made.settings, sort_keys=True, allow_nan=False),
    }


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(
        assignment_id=row.assignment_id,
        reader=ReaderId(row.reader),
        name=row.name,
        round_id=row.round_id,
        made_at=row.made_at,
        made_by=ReaderId(row.made_by),
        seed=row.seed,
        n_cells=row.n_cells,
        settings=json.loads(row.settings),
    )


def _assigned(row: Row[Any]) -> AssignedCell:
    cell = Cell(
        cell_id=CellId(row.cell_id),
        slide_id=SlideId(row.slide_id),
        x_l0=row.x_l0,
        y_l0=row.y_l0,
    )
    return AssignedCell(place=row.place, cell=cell, is_repeat=row.is_repeat)
