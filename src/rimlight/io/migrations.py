"""Numbered steps from one schema version to the next, forward only, each after a backup.

The backup is a copy of the whole database beside it, made by SQLite itself, so that what stands
in the write-ahead log is in it. Only when the copy is sound and holds the same is a step taken.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, insert, select, text, update

from rimlight.errors import StorageError, StudyError
from rimlight.io.files import storage_error, sync_folder
from rimlight.io.schema import (
    ACT_TRIGGERS,
    CONTROL_TRIGGERS,
    NO_HASH,
    REGION_TRIGGERS,
    SCHEMA_VERSION,
    accounts_table,
    act_events_table,
    act_head_table,
    assignment_cells_table,
    assignments_table,
    control_events_table,
    control_head_table,
    region_events_table,
    region_head_table,
    round_cells_table,
    rounds_table,
    schema_table,
)

Step = Callable[[Connection], None]


def bring_up_to_date(connection: Connection) -> int:
    """Take every missing step within the caller's transaction, and note the new version.

    The version is read again here, because another program may have been faster.

    Returns:
        The version before.
    """
    version = int(connection.scalars(select(schema_table.c.version)).one())
    for number in range(version, SCHEMA_VERSION):
        _STEPS[number](connection)
        connection.execute(update(schema_table).values(version=number + 1))
    return version


def backed_up(place: Path, *, version: int) -> Path:
    """Copy a database beside itself and verify the copy.

    Returns:
        The copy, ``rimlight.db.schema-1.backup``; a second one of that version is numbered.

    Raises:
        StorageError: The disk refuses; no half copy is left.
        StudyError: The copy does not hold what the database holds.
    """
    draft = place.with_name(f".{place.name}.{secrets.token_hex(6)}.tmp")
    try:
        with closing(sqlite3.connect(draft)) as copy:
            with closing(sqlite3.connect(place)) as source:
                source.backup(copy)
                expected = _content(source)
            copy.execute("PRAGMA journal_mode = DELETE")
            draft.chmod(place.stat().st_mode)
            _verify(copy, expected, place)
        with draft.open("rb") as handle:
            os.fsync(handle.fileno())
        target = _free_name(place, version)
        draft.rename(target)
        sync_folder(place.parent)
    except OSError as error:
        raise storage_error(place, error) from error
    except sqlite3.Error as error:
        raise StorageError(
            f"{place}: could not be copied before it is brought up to date: {error}; nothing was "
            "changed; free some space or check the rights of its folder"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return target


def _verify(copy: sqlite3.Connection, expected: dict[str, object], place: Path) -> None:
    verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok" or _content(copy) != expected:
        raise StudyError(
            f"{place}: the copy made before it is brought up to date is not sound; nothing was "
            "changed; check the disk and open the study again"
        )


def _content(database: sqlite3.Connection) -> dict[str, object]:
    """How many rows each table holds, and the hash that the whole journal ends in."""
    names = [
        name
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith("sqlite_")
    ]
    counts = {
        name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        for name in names
    }
    return counts | {"": database.execute("SELECT * FROM journal_head").fetchall()}


def _free_name(place: Path, version: int) -> Path:
    plain = place.with_name(f"{place.name}.schema-{version}.backup")
    number, name = 2, plain
    while name.exists():
        name = plain.with_name(f"{plain.name}-{number}")
        number += 1
    return name


def _add_rounds(connection: Connection) -> None:
    """1 to 2: rounds of cells to label next."""
    rounds_table.create(connection)
    round_cells_table.create(connection)


def _add_regions_and_controls(connection: Connection) -> None:
    """2 to 3: regions, cores and tissue controls, append-only as labels are."""
    for table in (region_events_table, control_events_table):
        table.create(connection)
    for head in (region_head_table, control_head_table):
        head.create(connection)
        connection.execute(insert(head).values(n_events=0, hash=NO_HASH))
    for trigger in REGION_TRIGGERS + CONTROL_TRIGGERS:
        connection.execute(text(trigger))


def _add_workbench(connection: Connection) -> None:
    """3 to 4: acts of people beside labels, cells assigned to readers, and accounts."""
    for table in (
        act_events_table,
        act_head_table,
        assignments_table,
        assignment_cells_table,
        accounts_table,
    ):
        table.create(connection)
    connection.execute(insert(act_head_table).values(n_events=0, hash=NO_HASH))
    for trigger in ACT_TRIGGERS:
        connection.execute(text(trigger))


_STEPS: dict[int, Step] = {1: _add_rounds, 2: _add_regions_and_controls, 3: _add_workbench}
