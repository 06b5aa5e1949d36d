"""Copies of a study's database that are verified before they count.

A copy is made by SQLite itself, so that what stands in the write-ahead log is in it, while others
read and write. Before a schema step it lies beside the database; the rotated ones in ``backups/``.
"""

import os
import re
import secrets
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from rimlight.errors import StorageError, StudyError
from rimlight.io.files import make_folder, storage_error, sync_folder

FOLDER = "backups"
N_KEPT = 10
_HEADS = ("journal_head", "region_head", "control_head", "act_head")
_NAME = re.compile(r"rimlight-\d{8}T\d{6}Z(-\d+)?\.db", re.ASCII)


def backed_up(place: Path, *, version: int) -> Path:
    """Copy a database beside itself before it is brought up to date, and verify the copy.

    Returns:
        The copy, ``rimlight.db.schema-1.backup``; a second one of that version is numbered.

    Raises:
        StorageError: The disk refuses; no half copy is left.
        StudyError: The copy does not hold what the database holds.
    """
    plain = place.with_name(f"{place.name}.schema-{version}.backup")
    return _copied(place, plain, why="before it is brought up to date")


def back_up(place: Path, *, n_kept: int = N_KEPT) -> Path | None:
    """Copy a database into ``backups/`` beside it, verify the copy, and remove the oldest.

    Args:
        place: The database.
        n_kept: How many copies are kept, the newest ones.

    Returns:
        The copy, or None where nothing was done by people since the newest one.

    Raises:
        StorageError: The disk refuses; no half copy is left, and none was removed.
        StudyError: The copy does not hold what the database holds.
    """
    known = backups(place)
    if known and _heads_of(known[-1]) == _heads_of(place):
        return None
    folder = make_folder(place.parent / FOLDER)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    made = _copied(place, folder / f"rimlight-{now}.db", why="for a backup")
    for old in backups(place)[:-n_kept]:
        with suppress(OSError):
            old.unlink()
    return made


def backups(place: Path) -> list[Path]:
    """Return the rotated copies of a database, the oldest first."""
    folder = place.parent / FOLDER
    found = [path for path in folder.glob("rimlight-*.db") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def put_back(place: Path, backup: Path) -> Path | None:
    """Put a copy in the place of a database; what stood there is kept beside it.

    Returns:
        What stood there, ``rimlight.db.replaced-N``; None where nothing did.

    Raises:
        StudyError: The backup is no sound database of rimlight; nothing was changed.
        StorageError: The disk refuses.
    """
    check_sound(backup)
    draft = place.with_name(f".{place.name}.{secrets.token_hex(6)}.tmp")
    try:
        _copy(backup, draft)
        aside = _set_aside(place)
        draft.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        raise storage_error(place, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return aside


def check_sound(backup: Path) -> None:
    """Make sure that a file is a whole database of rimlight.

    Raises:
        StudyError: It is not.
    """
    try:
        with closing(_read_only(backup)) as database:
            verdict = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            database.execute("SELECT version FROM rimlight_schema").fetchone()
    except sqlite3.Error as error:
        raise StudyError(f"{backup}: no sound backup of rimlight: {error}; take another") from error
    if verdict != "ok":
        raise StudyError(f"{backup}: this backup is damaged: {verdict}; take another")


def _set_aside(place: Path) -> Path | None:
    if not place.exists():
        return None
    aside = _free_name(place.with_name(f"{place.name}.replaced"))
    for ending in ("", "-wal", "-shm"):
        part = place.with_name(place.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside


def _copied(place: Path, plain: Path, *, why: str) -> Path:
    draft = place.with_name(f".{place.name}.{secrets.token_hex(6)}.tmp")
    try:
        expected = _copy(place, draft)
        draft.chmod(place.stat().st_mode)
        with closing(sqlite3.connect(draft)) as copy:
            verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok" or _content(copy) != expected:
                raise StudyError(
                    f"{place}: the copy made {why} is not sound; nothing was changed; check the "
                    "disk and open the study again"
                )
        with draft.open("rb") as handle:
            os.fsync(handle.fileno())
        target = _free_name(plain)
        draft.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise storage_error(place, error) from error
    except sqlite3.Error as error:
        raise StorageError(
            f"{place}: could not be copied {why}: {error}; nothing was changed; free some space "
            "or check the rights of its folder"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return target


def _copy(place: Path, target: Path) -> dict[str, object]:
    """Copy a database as it is at one moment, and return what it held."""
    with closing(sqlite3.connect(target)) as copy:
        with closing(sqlite3.connect(place)) as source:
            source.execute("BEGIN")
            expected = _content(source)
            source.backup(copy)
            source.rollback()
        copy.execute("PRAGMA journal_mode = DELETE")
    return expected


def _content(database: sqlite3.Connection) -> dict[str, object]:
    """How many rows each table holds, and the hashes that its chains of events end in."""
    counts: dict[str, object] = {
        name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        for name in _tables(database)
    }
    return counts | {"": _heads(database)}


def _heads_of(place: Path) -> list[object]:
    with closing(_read_only(place)) as database:
        return _heads(database)


def _heads(database: sqlite3.Connection) -> list[object]:
    known = _tables(database)
    asked = [f"SELECT * FROM {name}" for name in _HEADS if name in known]  # noqa: S608
    return [database.execute(each).fetchall() for each in asked]


def _tables(database: sqlite3.Connection) -> list[str]:
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in names if not name.startswith("sqlite_")]


def _read_only(place: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro", uri=True)


def _free_name(plain: Path) -> Path:
    number, name = 2, plain
    while name.exists():
        name = plain.with_name(f"{plain.stem}-{number}{plain.suffix}")
        number += 1
    return name
