"""Cells given to readers: each reader in an order of their own, some asked twice without a word.

The second look of a cell comes at a stated distance after the first, so that it is not remembered
as the same. Nothing that is shown to a reader says which places these are.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rimlight.errors import NotEnoughDataError, RimlightError
from rimlight.io.assignments import (
    AssignedCell,
    Assignment,
    AssignmentDraft,
    answered_places,
    assignments,
    cells_of_assignment,
    put_assignments,
)
from rimlight.io.journal import current_labels
from rimlight.io.rounds import rounds
from rimlight.io.runs import open_run
from rimlight.io.study import Study
from rimlight.records import Cell, CellId, Expression, ReaderId
from rimlight.workflows.run_tables import read_cells

MAX_REPEAT_SHARE = 0.5
SOURCES = 'round:3, "labelled", or "run:0001 uncertain"'
_ROUND, _UNCERTAIN = re.compile(r"round:(\d{1,9})"), re.compile(r"run:(\d{4,9}) uncertain")


class AssignmentError(RimlightError):
    """An assignment cannot be made as it was asked for."""


class UnknownAssignmentError(RimlightError):
    """The reader has no assignment of that number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How cells are put before a reader.

    n_cells: different cells at the most; None for all. repeat_share: of them, asked twice.
    seed: of the draw and of every reader's order; with the reader's name it gives the order.
    """

    n_cells: int | None
    repeat_share: float
    is_shuffled: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceToRead:
    """A place of an assignment as its reader sees it. expression: what they said there."""

    place: int
    cell: Cell
    expression: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAssignment:
    """An assignment and how far its reader is."""

    made: Assignment
    n_done: int


def assign(
    study: Study,
    *,
    readers: Sequence[ReaderId],
    name: str,
    source: str,
    cells: Sequence[Cell] | None,
    order: Order,
    made_by: ReaderId,
) -> list[Assignment]:
    """Give the same cells to readers, each in an order of their own.

    Args:
        study: The study.
        readers: Each gets an assignment.
        name: As readers see it.
        source: Where the cells come from, see ``SOURCES``.
        cells: Given ones; then ``source`` only says where they come from.
        order: How many, and how they are put.
        made_by: The owner who assigns.

    Raises:
        AssignmentError: The source says nothing, or a round is not there.
        NotEnoughDataError: The source has no cell.
        RunError: There is no such run, or it has no predictions.
        StorageError: The disk refuses; nothing was assigned.
    """
    found = list(cells) if cells is not None else _cells_of(study, source, seed=order.seed)
    found = found[: order.n_cells]
    if not found:
        raise NotEnoughDataError(f"{source}: has no cell to ask about; name another source")
    known_round = _ROUND.fullmatch(source)
    distance = _distance(study, len(found))
    settings = {
        "source": source,
        "repeat_share": order.repeat_share,
        "repeat_distance": distance,
        "is_shuffled": order.is_shuffled,
        "is_blind_to_the_end": order.repeat_share > 0,
    }
    drafts = [
        AssignmentDraft(
            reader=reader,
            name=name,
            round_id=int(known_round[1]) if known_round else None,
            made_by=made_by,
            seed=order.seed,
            settings=settings,
            cells=ordered(found, order=order, reader=reader, distance=distance),
        )
        for reader in dict.fromkeys(readers)
    ]
    return put_assignments(study.engine, drafts)


def ordered(
    cells: Sequence[Cell], *, order: Order, reader: ReaderId, distance: int
) -> list[AssignedCell]:
    """Return cells in a reader's order, with the places of the repeats.

    A repeat comes at least ``distance`` places after the first look.
    """
    rng = np.random.default_rng([order.seed, zlib.crc32(reader.encode())])
    first = list(cells)
    if order.is_shuffled:
        first = [first[row] for row in rng.permutation(len(first))]
    asked = [(cell, False) for cell in first]
    early = max(0, len(first) - distance + 1)
    n_repeats = min(round(order.repeat_share * len(first)), early)
    for row in sorted(rng.choice(early, size=n_repeats, replace=False)) if n_repeats else []:
        at = asked.index((first[row], False))
        asked.insert(int(rng.integers(at + distance, len(asked) + 1)), (first[row], True))
    return [
        AssignedCell(place=place, cell=cell, is_repeat=is_repeat)
        for place, (cell, is_repeat) in enumerate(asked, start=1)
    ]


def own_assignments(study: Study, *, reader: ReaderId) -> list[OwnAssignment]:
    """Return the assignments of a reader, the oldest first, and how far each is."""
    return [
        OwnAssignment(made=made, n_done=len(answered_places(study.engine, made)))
        for made in assignments(study.engine, reader=reader)
    ]


def places_to_read(
    study: Study, assignment_id: int, *, reader: ReaderId, start: int, n: int
) -> list[PlaceToRead]:
    """Return places of a reader's assignment, from one on, without which of them are repeats.

    Raises:
        UnknownAssignmentError: The reader has no such assignment.
    """
    mine = {made.assignment_id: made for made in assignments(study.engine, reader=reader)}
    if assignment_id not in mine:
        raise UnknownAssignmentError(
            f"assignment {assignment_id}: is none of reader {reader}; open one of your list"
        )
    said = answered_places(study.engine, mine[assignment_id])
    return [
        PlaceToRead(
            place=asked.place,
            cell=asked.cell,
            expression=said[asked.place].expression if asked.place in said else None,
        )
        for asked in cells_of_assignment(study.engine, assignment_id, start=start, n=n)
    ]


def _distance(study: Study, n_cells: int) -> int:
    return max(1, min(study.settings.workbench.repeat_distance, n_cells // 2))


def _cells_of(study: Study, source: str, *, seed: int) -> list[Cell]:
    """Return the cells of a source, the first ones to be taken first."""
    if source == "labelled":
        return _labelled(study, seed=seed)
    asked = _ROUND.fullmatch(source)
    if asked:
        for made in rounds(study.engine):
            if made.round_id == int(asked[1]):
                return [each.cell for each in made.cells]
        raise AssignmentError(f"{source}: this study has no such round; draw it or name another")
    asked = _UNCERTAIN.fullmatch(source)
    if asked:
        return _uncertain(study, asked[1])
    raise AssignmentError(f"source {source[:80]!r}: is none of {SOURCES}; name one of these")


def _labelled(study: Study, *, seed: int) -> list[Cell]:
    known: dict[CellId, Cell] = {}
    for label in current_labels(study.engine):
        known.setdefault(label.cell.cell_id, label.cell)
    cells = list(known.values())
    return [cells[row] for row in np.random.default_rng(seed).permutation(len(cells))]


def _uncertain(study: Study, run_id: str) -> list[Cell]:
    """Return cells that the run is least sure of; none that it is measured on."""
    cells = read_cells(open_run(study, run_id))
    held_out = set(cells.cell[cells.is_held_out].tolist())
    where = {label.cell.cell_id: label.cell for label in current_labels(study.engine)}
    rows = np.argsort(np.abs(cells.numbers["logit"]), kind="stable")
    names = dict.fromkeys(CellId(str(cells.cell[row])) for row in rows)
    return [where[name] for name in names if name in where and name not in held_out]
