"""Tissue controls of slides and cases: append-only, on disk before acknowledged.

A record is corrected by a later one; what stands is the last of each subject and control. Each
event holds the hash of the one before it, as the events of labels do.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from rimlight.io.database import reading, writing
from rimlight.io.event_chain import EventChain
from rimlight.io.schema import control_events_table as events_table
from rimlight.io.schema import control_head_table as head_table
from rimlight.records import Control, ControlName, ControlOutcome, ReaderId, SlideInfo

_CHAIN = EventChain(kind="control", events=events_table, head=head_table)


def put_controls(target: Engine | Connection, controls: Sequence[Control]) -> int:
    """Append the records that say something new, all of them or none.

    Returns:
        How many were new or changed; they are on disk when this returns, unless ``target`` is a
        connection, then when its transaction ends.

    Raises:
        StorageError: The disk refuses; nothing was appended.
    """
    with writing(target) as connection:
        standing = {_key(each): each.outcome for each in current_controls(connection)}
        rows = []
        for control in controls:
            before = standing.get(_key(control), ControlOutcome.NOT_RECORDED)
            if before is not control.outcome:
                standing[_key(control)] = control.outcome
                rows.append(_row_of(control))
        _CHAIN.append(connection, rows)
        return len(rows)


def current_controls(target: Engine | Connection) -> list[Control]:
    """Return what stands of each slide, case and control, in the order of their first event."""
    found: dict[tuple[str, str, ControlName], Control] = {}
    for control in control_events(target):
        found[_key(control)] = control
    return list(found.values())


def control_events(target: Engine | Connection) -> list[Control]:
    """Return every record that was ever made, the oldest first."""
    with reading(target) as connection:
        rows = connection.execute(select(events_table).order_by(events_table.c.seq))
        return [_control_of(row) for row in rows]


def controls_of(controls: Sequence[Control], slide: SlideInfo) -> dict[str, str]:
    """Return the outcome of each control of a slide; its own record goes before its case's.

    Args:
        controls: That stand.
        slide: Asked about.
    """
    known = {_key(each): each.outcome for each in controls}
    found = {}
    for control in ControlName:
        own = known.get(("slide", str(slide.slide_id), control), ControlOutcome.NOT_RECORDED)
        if own is ControlOutcome.NOT_RECORDED:
            own = known.get(("case", str(slide.case_id), control), own)
        found[control.value] = own.value
    return found


def verify_controls(target: Engine | Connection) -> int:
    """Check every event against its hash and its place, and return how many there are.

    Raises:
        StudyError: An event was changed, removed or moved; the first bad one is named.
    """
    return _CHAIN.verify(target)


def _key(control: Control) -> tuple[str, str, ControlName]:
    return control.scope, control.subject, control.control


def _row_of(control: Control) -> dict[str, Any]:
    return {
        "scope": control.scope,
        "subject": control.subject,
        "control": control.control.value,
        "outcome": control.outcome.value,
        "reader": str(control.reader),
        "source": control.source,
    }


def _control_of(row: Row[Any]) -> Control:
    return Control(
        scope=row.scope,
        subject=row.subject,
        control=ControlName(row.control),
        outcome=ControlOutcome(row.outcome),
        reader=ReaderId(row.reader),
        source=row.source,
    )
