"""What people said: label events, append-only, on disk before they are acknowledged.

A correction is a new event; which one of a cell and a reader stands, ``core.standing_labels``
says.
Each event holds the hash of the one before it, so that a changed, removed or moved event shows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from rimlight.core.standing_labels import standing
from rimlight.io.database import reading, writing
from rimlight.io.event_chain import EventChain
from rimlight.io.schema import events_table, head_table
from rimlight.records import Cell, CellId, Expression, Label, LabelId, ReaderId, SlideId

_CHAIN = EventChain(kind="label", events=events_table, head=head_table)
_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelEvent:
    """One act of labelling, as it is kept for good.

    seq: its place in the journal, from 1 without a hole; time plays no part in the order.
    recorded_at: UTC, ISO 8601, when it was written here.
    hash: sha256 of ``previous_hash`` and of every other field.
    """

    seq: int
    label: Label
    recorded_at: str
    previous_hash: str
    hash: str


def append_labels(target: Engine | Connection, labels: Sequence[Label]) -> int:
    """Append the labels that the journal does not know by their id, all of them or none.

    Returns:
        How many were new; they are on disk when this returns, unless ``target`` is a connection,
        then when its transaction ends.

    Raises:
        StorageError: The disk refuses; nothing was appended.
        StudyError: A slide is not in the study, or the database is damaged.
    """
    with writing(target) as connection:
        known = known_label_ids(connection, [label.label_id for label in labels])
        rows = []
        for label in labels:
            if label.label_id not in known:
                known.add(label.label_id)
                rows.append(_label_row(label))
        _CHAIN.append(connection, rows)
        return len(rows)


def current_labels(target: Engine | Connection) -> list[Label]:
    """Return the label of each cell and reader that stands, in the order of the journal."""
    seqs: dict[LabelId, int] = {}
    events = label_events(target)
    for event in events:
        seqs[event.label.label_id] = event.seq
    found = standing(event.label for event in events)
    return sorted(found, key=lambda label: seqs[label.label_id])


def label_events(target: Engine | Connection) -> list[LabelEvent]:
    """Return the whole journal, the oldest event first."""
    with reading(target) as connection:
        rows = connection.execute(select(events_table).order_by(events_table.c.seq))
        return [event_of(row) for row in rows]


def cells_labelled_by(
    target: Engine | Connection,
    reader: ReaderId,
    *,
    slide_id: SlideId,
    cell_ids: Collection[CellId],
) -> set[CellId]:
    """Return those cells of a slide that a reader ever labelled, taken back or not."""
    table = events_table.c
    own = select(table.cell_id).where(table.slide_id == slide_id, table.reader == reader)
    if len(cell_ids) <= _CHUNK:
        own = own.where(table.cell_id.in_(cell_ids))
    with reading(target) as connection:
        return set(cell_ids).intersection(connection.scalars(own))


def count_events(target: Engine | Connection) -> int:
    """Return how many events the journal holds, from its head."""
    with reading(target) as connection:
        return connection.scalar(select(head_table.c.n_events)) or 0


def places_labelled_by(
    target: Engine | Connection, reader: ReaderId, *, slide_id: SlideId
) -> list[Cell]:
    """Return the cells of a slide that a reader ever labelled, each once, where it was labelled."""
    own = (events_table.c.slide_id == slide_id) & (events_table.c.reader == reader)
    columns = (events_table.c.cell_id, events_table.c.x_l0, events_table.c.y_l0)
    with reading(target) as connection:
        rows = connection.execute(select(*columns).where(own).order_by(events_table.c.seq)).all()
    return list(
        {
            row.cell_id: Cell(
                cell_id=CellId(row.cell_id), slide_id=slide_id, x_l0=row.x_l0, y_l0=row.y_l0
            )
            for row in reversed(rows)
        }.values()
    )


def labels_of_cell(
    target: Engine | Connection, cell_id: CellId, *, slide_id: SlideId
) -> list[Label]:
    """Return every label that a cell of a slide was ever given, the oldest first."""
    of_cell = (events_table.c.cell_id == cell_id) & (events_table.c.slide_id == slide_id)
    with reading(target) as connection:
        rows = connection.execute(select(events_table).where(of_cell).order_by(events_table.c.seq))
        return [_label_of(row) for row in rows]


def label_head(target: Engine | Connection) -> str:
    """Return the hash of the last event: as long as it stays, so do all labels.

    Raises:
        StudyError: The head is missing.
    """
    with reading(target) as connection:
        return _CHAIN.head_hash(connection)


def known_label_ids(target: Engine | Connection, label_ids: Sequence[LabelId]) -> set[LabelId]:
    """Return those of the ids that the journal holds."""
    found: set[LabelId] = set()
    with reading(target) as connection:
        for start in range(0, len(label_ids), _CHUNK):
            chunk = label_ids[start : start + _CHUNK]
            found.update(
                connection.scalars(
                    select(events_table.c.label_id).where(events_table.c.label_id.in_(chunk))
                )
            )
    return found


def verify_journal(target: Engine | Connection) -> int:
    """Check every event of the journal against its hash and its place.

    Returns:
        The number of events.

    Raises:
        StudyError: An event was changed, removed or moved; the first bad one is named.
    """
    return _CHAIN.verify(target)


def event_of(row: Row[Any]) -> LabelEvent:
    """Return the event that a row of the journal holds."""
    return LabelEvent(
        seq=row.seq,
        label=_label_of(row),
        recorded_at=row.recorded_at,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )


def _label_row(label: Label) -> dict[str, Any]:
    return {
        "label_id": str(label.label_id),
        "cell_id": str(label.cell.cell_id),
        "slide_id": str(label.cell.slide_id),
        # The database gives -0.0 back as 0.0, which would not have the hash of what was written.
        "x_l0": float(label.cell.x_l0) + 0.0,
        "y_l0": float(label.cell.y_l0) + 0.0,
        "reader": str(label.reader),
        "expression": label.expression.value,
        "made_at": label.made_at,
        "source": label.source,
    }


def _label_of(row: Row[Any]) -> Label:
    return Label(
        label_id=LabelId(row.label_id),
        cell=Cell(
            cell_id=CellId(row.cell_id),
            slide_id=SlideId(row.slide_id),
            x_l0=row.x_l0,
            y_l0=row.y_l0,
        ),
        reader=ReaderId(row.reader),
        expression=Expression(row.expression),
        made_at=row.made_at,
        source=row.source,
    )
