"""The database of a study: how it is made and opened, and what its refusals mean.

SQLite in a file, PostgreSQL by URL. Nothing in it is changed in place but the head of the journal
and the slide list. A database of an older rimlight is brought up to date when it is opened.
"""

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from rimlight.errors import RimlightError, StorageError, StudyError
from rimlight.io import postgres
from rimlight.io.backups import backed_up
from rimlight.io.migrations import bring_up_to_date
from rimlight.io.schema import (
    HEAD_TABLES,
    NO_HASH,
    SCHEMA_VERSION,
    TRIGGERS,
    metadata,
    schema_table,
)

BUSY_TIMEOUT_S = 5
TURN_TIMEOUT_S = 30
Transaction = Connection
"""What ``reading`` and ``writing`` give, by a name for those who know no SQL."""
# fmt: off
_NETWORK_FILE_SYSTEMS = frozenset((
    "nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs",
    "afs", "ceph", "lustre", "gpfs", "glusterfs", "beegfs", "9p", "ncpfs",
    "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs",
    "drvfs",
))
# fmt: on
_ROOM_BYTES = 2**18
_MOUNTS = Path("/proc/mounts")
_turns: WeakKeyDictionary[Engine, Lock] = WeakKeyDictionary()
_log = logging.getLogger("rimlight")


def create_database(place: Path | str) -> None:
    """Make the tables of an empty study.

    Args:
        place: Path of a new SQLite file, or the URL of an empty database.

    Raises:
        StorageError: The disk refuses.
    """
    engine = _bare_engine(place)
    try:
        with translated(engine), engine.connect() as connection, connection.begin():
            create_tables(connection)
            connection.execute(insert(schema_table).values(version=SCHEMA_VERSION))
            for head in HEAD_TABLES:
                connection.execute(insert(head).values(n_events=0, hash=NO_HASH))
            create_triggers(connection)
    finally:
        engine.dispose()


def create_tables(connection: Connection) -> None:
    """Make all tables, without a row."""
    if postgres.is_postgres(connection):
        postgres.create_tables(connection)
    else:
        metadata.create_all(connection)


def create_triggers(connection: Connection) -> None:
    """Keep the rows of all events as they were written, from now on."""
    if postgres.is_postgres(connection):
        postgres.create_triggers(connection)
        return
    for trigger in TRIGGERS:
        connection.execute(text(trigger))


def engine_of(place: Path | str) -> Engine:
    """Open a study's database; its schema version is checked before anything is written.

    One of an older rimlight is copied beside itself, the copy is verified, and then the missing
    steps are taken in one transaction.

    SQLite is set to write-ahead logging, full synchronisation, foreign keys and a busy timeout
    of five seconds. On a network share, where write-ahead logging loses data, a rollback journal
    is used instead and a notice is logged.

    Args:
        place: Path of the SQLite file, or a URL.

    Raises:
        StudyError: There is no database, or it is foreign, damaged or of a newer rimlight.
        StorageError: The disk refuses.
    """
    if isinstance(place, Path) and not place.is_file():
        raise StudyError(f"{place}: the study's database is missing; restore it from a backup")
    engine = _bare_engine(place)
    try:
        with reading(engine) as connection:
            version = _checked_version(connection, str(place))
        if version < SCHEMA_VERSION:
            _migrate(engine, place, version)
        if engine.dialect.name == "sqlite":
            _set_journal_mode(engine)
    except RimlightError:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(target: Engine | Connection) -> Iterator[Connection]:
    """Give a connection that sees one state of the database for the whole block.

    Raises:
        StudyError: The database is damaged or foreign.
        StorageError: The disk refuses, or the database stayed locked.
    """
    if isinstance(target, Connection):
        yield target
        return
    with (
        translated(target),
        target.connect() as connection,
        connection.execution_options(**_reading_options(target)).begin(),
    ):
        yield connection


@contextmanager
def writing(target: Engine | Connection) -> Iterator[Connection]:
    """Give a connection whose block is one transaction: all of it is kept, or none.

    The right to write is taken at the start, so that what the block reads stays true. Within a
    block, functions that write may be given its connection and take part in the transaction.

    Raises:
        StudyError: The database is damaged or foreign.
        StorageError: The disk refuses, or the database stayed locked.
    """
    if isinstance(target, Connection):
        yield target
        return
    with translated(target), _turn(target), target.connect() as connection:
        if not postgres.is_postgres(target):
            with connection.begin():
                yield connection
            return
        with connection.execution_options(isolation_level="READ COMMITTED").begin():
            postgres.take_right_to_write(connection)
            yield connection


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Let the threads of a process write one after another; SQLite alone lets some starve.

    Raises:
        StorageError: Others write for too long.
    """
    turn = _turns.get(engine)
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=TURN_TIMEOUT_S):
        raise StorageError(
            f"{engine.url.database}: others have been writing to the database for "
            f"{TURN_TIMEOUT_S} s; wait a moment and repeat"
        )
    try:
        yield
    finally:
        turn.release()


def _reading_options(engine: Engine) -> dict[str, Any]:
    if postgres.is_postgres(engine):
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return {"rimlight_begin": "BEGIN"}


def network_file_system(path: Path, *, mounts: str | None = None) -> str | None:
    """Return the kind of network share a path lies on, or None for a local disk.

    Args:
        path: Any path, there or not.
        mounts: The text of ``/proc/mounts``; None reads it, where the system has it.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    target, longest, kind = path.resolve(), -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if target.is_relative_to(mount) and len(mount.parts) >= longest:
            longest, kind = len(mount.parts), fields[2]
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


def _bare_engine(place: Path | str) -> Engine:
    if not isinstance(place, Path):
        return postgres.postgres_engine(postgres.database_url(place))
    url = URL.create("sqlite", database=str(place))
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    _turns[engine] = Lock()
    return engine


def _prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # so that BEGIN is ours
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(
        connection.get_execution_options().get("rimlight_begin", "BEGIN IMMEDIATE")
    )


def _set_journal_mode(engine: Engine) -> None:
    path = Path(engine.url.database or "")
    share = network_file_system(path)
    if share:
        _log.warning(
            "%s lies on a network share (%s): labels are written with a rollback journal; "
            "let one computer at a time write to it",
            path,
            share,
        )
    with translated(engine), engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA journal_mode = {'DELETE' if share else 'WAL'}")


def _migrate(engine: Engine, place: Path | str, version: int) -> None:
    if not isinstance(place, Path):
        raise StudyError(
            f"{postgres.shown(engine.url)}: of an older rimlight (schema "
            f"{version}, this one needs {SCHEMA_VERSION}); only a database file is brought up to "
            "date; open this one with the rimlight that made it"
        )
    copy = backed_up(place, version=version)
    with writing(engine) as connection:
        bring_up_to_date(connection)
    _log.warning(
        "%s: brought from schema %d to %d; %s is as it was before",
        place,
        version,
        SCHEMA_VERSION,
        copy.name,
    )


def _checked_version(connection: Connection, place: str) -> int:
    if not inspect(connection).has_table(schema_table.name):
        raise StudyError(f"{place}: this database is not of rimlight; open a study of rimlight")
    versions = connection.scalars(select(schema_table.c.version)).all()
    if len(versions) != 1:
        raise StudyError(f"{place}: the schema version is missing; restore it from a backup")
    if versions[0] > SCHEMA_VERSION:
        raise StudyError(
            f"{place}: written by a newer rimlight (schema {versions[0]}, this one knows "
            f"{SCHEMA_VERSION}); nothing was changed; update rimlight"
        )
    if connection.dialect.name == "sqlite":
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            raise StudyError(f"{place}: the database is damaged; restore it from a backup")
    return int(versions[0])


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn what a database refuses into one of our sentences.

    Raises:
        StudyError: The database is damaged or foreign.
        StorageError: The disk or the server refuses.
    """
    is_server = postgres.is_postgres(engine)
    place = postgres.shown(engine.url) if is_server else str(engine.url.database)
    try:
        yield
    except DBAPIError as error:
        found = postgres.sentence_of(place, error) if is_server else _sentence(place, error)
        raise found from error
    except PoolTimeoutError as error:
        raise postgres.busy(place) from error


def _sentence(place: str, error: DBAPIError) -> RimlightError:
    reason = str(error.orig)
    if "not a database" in reason:
        return StudyError(f"{place}: this is no database; restore it from a backup")
    if "malformed" in reason or "no such table" in reason or "no such column" in reason:
        return StudyError(f"{place}: the database is damaged: {reason}; restore it from a backup")
    if "FOREIGN KEY" in reason:
        return StudyError(
            f"{place}: a label or region names a slide that is not in the study; add it first"
        )
    if "full" in reason or _is_disk_full(Path(place)):
        return StorageError(f"{place}: the disk is full; nothing was changed; free some space")
    if "locked" in reason or "busy" in reason:
        return StorageError(f"{place}: another program keeps the database; close it and repeat")
    if "readonly" in reason or "unable to open" in reason:
        return StorageError(f"{place}: may not be written to; check the rights of its folder")
    return StorageError(f"{place}: {reason}; nothing was changed; check the disk and repeat")


def _is_disk_full(path: Path) -> bool:
    # SQLite says only "disk I/O error" when there is no room for its write-ahead files.
    try:
        return shutil.disk_usage(path.parent).free < _ROOM_BYTES
    except OSError:
        return False
