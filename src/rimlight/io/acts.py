"""What people did besides labelling: slides shown to them, causes judged, accounts changed.

Append-only with a chain of hashes, as labels are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select

from rimlight.io.database import reading, writing
from rimlight.io.event_chain import EventChain
from rimlight.io.schema import act_events_table, act_head_table
from rimlight.records import ReaderId

_CHAIN = EventChain(kind="act", events=act_events_table, head=act_head_table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act of one person.

    act: its kind, such as ``disclose`` or ``judge_cause``. subject: what it was done to.
    detail: plain JSON; no secret is ever in it. recorded_at: UTC, ISO 8601.
    """

    seq: int
    act: str
    reader: ReaderId
    subject: str
    detail: Mapping[str, Any]
    recorded_at: str


def append_act(
    target: Engine | Connection,
    act: str,
    *,
    reader: ReaderId,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append an act; it is on disk when this returns, unless ``target`` is a connection.

    Raises:
        StorageError: The disk refuses; nothing was appended.
    """
    row = {
        "act": act,
        "reader": str(reader),
        "subject": subject,
        "detail": json.dumps(dict(detail or {}), sort_keys=True, allow_nan=False),
    }
    with writing(target) as connection:
        _CHAIN.append(connection, [row])


def acts(target: Engine | Connection, act: str, *, subject: str | None = None) -> list[Act]:
    """Return the acts of one kind, the oldest first; of one subject where it is named."""
    table = act_events_table
    asked = select(table).where(table.c.act == act).order_by(table.c.seq)
    if subject is not None:
        asked = asked.where(table.c.subject == subject)
    with reading(target) as connection:
        return [
            Act(
                seq=row.seq,
                act=row.act,
                reader=ReaderId(row.reader),
                subject=row.subject,
                detail=json.loads(row.detail),
                recorded_at=row.recorded_at,
            )
            for row in connection.execute(asked)
        ]


def verify_acts(target: Engine | Connection) -> int:
    """Check every act against its hash and its place, and return how many there are.

    Raises:
        StudyError: An act was changed, removed or moved; the first bad one is named.
    """
    return _CHAIN.verify(target)
