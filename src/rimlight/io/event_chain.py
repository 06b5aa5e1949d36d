"""Events that are only ever appended: each holds the hash of the one before, a head counts them.

So a changed, removed or moved event shows, and so does a last one that is missing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select, update

from rimlight.errors import StudyError
from rimlight.io.database import reading
from rimlight.io.schema import NO_HASH


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChain:
    """One kind of acts of people, as the database keeps them.

    kind: as errors name it. events: with the columns ``seq``, from 1 without a hole,
    ``recorded_at``, ``previous_hash`` and ``hash`` beside its own. head: one row, the number of
    events and the hash of the last.
    """

    kind: str
    events: Table
    head: Table

    def append(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append events after the last; they are on disk when the transaction ends.

        Args:
            connection: That writes.
            rows: The own columns of each event.

        Raises:
            StudyError: The head is missing.
        """
        n_before, previous_hash = self._head(connection, is_to_change=True)
        now, chained = utc_now(), []
        for seq, own in enumerate(rows, start=n_before + 1):
            row = {"seq": seq, **own, "recorded_at": now}
            row["previous_hash"], row["hash"] = previous_hash, _hash(previous_hash, row)
            previous_hash = row["hash"]
            chained.append(row)
        if chained:
            connection.execute(insert(self.events), chained)
            connection.execute(
                update(self.head).values(n_events=n_before + len(chained), hash=previous_hash)
            )

    def verify(self, target: Engine | Connection) -> int:
        """Check every event against its hash and its place, and return how many there are.

        Raises:
            StudyError: An event was changed, removed or moved; the first bad one is named.
        """
        with reading(target) as connection:
            n_events, head_hash = self._head(connection)
            asked = select(self.events).order_by(self.events.c.seq)
            previous_hash, place = NO_HASH, 0
            for place, row in enumerate(connection.execute(asked), start=1):
                fields = dict(row._mapping)
                if (
                    row.seq != place
                    or row.previous_hash != previous_hash
                    or fields.pop("hash") != _hash(previous_hash, fields)
                ):
                    raise StudyError(
                        f"{self.kind} event {place}: was changed, removed or moved after it was "
                        "written; restore the study from a backup made before"
                    )
                previous_hash = row.hash
        if (n_events, head_hash) != (place, previous_hash):
            raise StudyError(
                f"{self.kind} event {place + 1}: is missing, there once were {n_events}; "
                "restore the study from a backup made before"
            )
        return place

    def head_hash(self, connection: Connection) -> str:
        """Return the hash of the last event.

        Raises:
            StudyError: The head is missing.
        """
        return self._head(connection)[1]

    def _head(self, connection: Connection, *, is_to_change: bool = False) -> tuple[int, str]:
        asked = select(self.head)
        # SQLite locks the whole database for a writer and knows no lock of a row.
        rows = connection.execute(asked.with_for_update() if is_to_change else asked).all()
        if len(rows) != 1:
            raise StudyError(f"the head of the {self.kind} events is missing; restore the study")
        return rows[0].n_events, rows[0].hash


def utc_now() -> str:
    """Return the time as events keep it: UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _hash(previous_hash: str, row: Mapping[str, Any]) -> str:
    fields = {name: value for name, value in row.items() if name != "previous_hash"}
    text = json.dumps(fields, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous_hash}\n{text}".encode()).hexdigest()
