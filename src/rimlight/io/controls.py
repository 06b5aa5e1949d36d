"""Tissue controls of slides and cases: append-only, on disk before acknowledged.

A record is corrected by a later one; what stands is the last of each subject and control. Each
event holds the hash of the one before it, as the events of labels do.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select

from rimlight.errors import StudyError
from rimlight.io.database import reading, writing
from rimlight.io.journal import NO_HASH, utc_now
from rimlight.io.schema import control_events_table as events_table
from rimlight.records import Control, ControlName, ControlOutcome, ReaderId, SlideInfo


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
        last = connection.execute(
            select(events_table.c.seq, events_table.c.hash).order_by(events_table.c.seq.desc())
        ).first()
        seq, previous_hash = (0, NO_HASH) if last is None else (int(last.seq), str(last.hash))
        now, rows = utc_now(), []
        for control in controls:
            before = standing.get(_key(control), ControlOutcome.NOT_RECORDED)
            if before is control.outcome:
                continue
            standing[_key(control)] = control.outcome
            seq += 1
            row = {"seq": seq, **_row_of(control), "recorded_at": now}
            row["previous_hash"] = previous_hash
            row["hash"] = previous_hash = _hash(row)
            rows.append(row)
        if rows:
            connection.execute(insert(events_table), rows)
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
    with reading(target) as connection:
        rows = connection.execute(select(events_table).order_by(events_table.c.seq)).all()
    previous_hash = NO_HASH
    for place, row in enumerate(rows, start=1):
        fields = dict(row._mapping)
        is_sound = row.seq == place and row.previous_hash == previous_hash
        if not is_sound or fields.pop("hash") != _hash(fields):
            raise StudyError(
                f"control event {place}: was changed, removed or moved after it was written; "
                "restore the study from a backup made before"
            )
        previous_hash = row.hash
    return len(rows)


def _key(control: Control) -> tuple[str, str, ControlName]:
    return control.scope, control.subject, control.control


def _hash(row: dict[str, Any]) -> str:
    text = json.dumps(row, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


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
