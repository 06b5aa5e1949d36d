"""PostgreSQL as the database of a study: its address, its tables, its refusals in words.

A password comes from PGPASSWORD or the password file of libpq, never from an address, so that it
is neither shown nor stored. One database holds one study.
"""

import weakref
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, MetaData, String, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from rimlight.errors import RimlightError, StorageError, StudyError
from rimlight.io.schema import metadata, schema_table

NAME = "postgresql"
LOCK_WAIT_S = 5
_POOL_SIZE, _POOL_EXTRA, _POOL_WAIT_S = 5, 20, 5
_RECYCLE_S = 1800
_SECRETS = frozenset(("password", "sslpassword"))
_EVENTS = ("label_events", "region_events", "control_events", "act_events")
_SESSION = (
    "-c synchronous_commit=on "
    f"-c lock_timeout={LOCK_WAIT_S}s "
    "-c idle_in_transaction_session_timeout=300s"
)
_SENTENCES: tuple[tuple[str, type[RimlightError], str], ...] = (
    ("53100", StorageError, "the disk is full; nothing was changed; free some space"),
    ("53300", StorageError, "has no connection free; repeat, or let it allow more"),
    ("55P03", StorageError, "another program is writing; repeat in a moment"),
    ("40", StorageError, "another program wrote at the same time; repeat"),
    ("25006", StorageError, "may only be read; give the address of the server that takes writes"),
    ("42501", StorageError, "this user may not do that; let its owner grant the rights"),
    ("28", StudyError, "did not let this user in; set PGPASSWORD or write ~/.pgpass"),
    ("3D000", StudyError, "there is no such database; make it with createdb"),
    ("3F000", StudyError, "there is no such schema; make it, or mend the address"),
    ("42P01", StudyError, "a table is missing; restore the database from a backup"),
    ("42703", StudyError, "a column is missing; restore the database from a backup"),
    ("P0001", StudyError, "events are never changed or removed; nothing was changed"),
    ("22", StudyError, "a value cannot be kept there; nothing was changed"),
)
_LOST = (
    "does not answer; whether the last change was kept is not known; repeat it once the server "
    "is back"
)


def database_url(address: str) -> URL:
    """Return the URL of a PostgreSQL database.

    Raises:
        StudyError: It is no such address, or holds a password.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise StudyError(
            "database: the address cannot be read; write postgresql://USER@HOST/NAME"
        ) from error
    if url.get_backend_name() != NAME:
        raise StudyError("database: only postgresql:// is known; write postgresql://USER@HOST/NAME")
    if url.password is not None or _SECRETS & {name.lower() for name in url.query}:
        raise StudyError(
            "database: a password in an address can be read by others; leave it out and set "
            "PGPASSWORD, or write ~/.pgpass"
        )
    if not url.database:
        raise StudyError("database: the address names none; write postgresql://USER@HOST/NAME")
    return url.set(drivername=f"{NAME}+psycopg")


def shown(url: URL) -> str:
    """Return an address as it may be shown and stored: without a password and a driver."""
    bare = url.set(drivername=NAME, password=None).difference_update_query(sorted(_SECRETS))
    return bare.render_as_string(hide_password=True)


def postgres_engine(url: URL) -> Engine:
    """Return an engine with a pool: connections are tried before they are used."""
    options = url.query.get("options")
    given = f"{options} " if isinstance(options, str) else ""
    engine = create_engine(
        url.difference_update_query(["options"]),
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_EXTRA,
        pool_timeout=_POOL_WAIT_S,
        pool_recycle=_RECYCLE_S,
        pool_pre_ping=True,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={
            "application_name": "rimlight",
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "options": given + _SESSION,
            "client_encoding": "utf8",
        },
    )
    weakref.finalize(engine, engine.pool.dispose)
    return engine


def create_tables(connection: Connection) -> None:
    """Make the tables of an empty study; text is ordered by its code points, as in SQLite.

    Raises:
        StudyError: The database keeps text in another encoding than UTF-8.
    """
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise StudyError(
            f"database: keeps text as {encoding}; make one with createdb --encoding UTF8 "
            "--template template0"
        )
    tables = MetaData()
    for table in metadata.sorted_tables:
        for column in table.to_metadata(tables).columns:
            if isinstance(column.type, String):
                column.type = type(column.type)(column.type.length, collation="C")
    tables.create_all(connection)


def create_triggers(connection: Connection) -> None:
    """Keep the rows of all events as they were written."""
    connection.execute(
        text(
            "CREATE FUNCTION rimlight_never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION '% are never changed or removed', TG_TABLE_NAME; END $$"
        )
    )
    for table in _EVENTS:
        for name, when in (
            ("no_change", f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"),
            ("no_truncate", f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"),
        ):
            connection.execute(
                text(f"CREATE TRIGGER {table}_{name} {when} EXECUTE FUNCTION rimlight_never()")
            )


def take_right_to_write(connection: Connection) -> None:
    """Wait until nobody else writes, so that what a transaction reads stays true until its end."""
    connection.execute(schema_table.select().with_for_update())


def sentence_of(place: str, error: DBAPIError) -> RimlightError:
    """Return what a refusal of the server means."""
    reason = " ".join(str(error.orig).split())
    code = getattr(error.orig, "sqlstate", None) or ""
    if "foreign key" in reason:
        return StudyError(
            f"{place}: a label or region names a slide that is not in the study; add it first"
        )
    for begin, kind, words in _SENTENCES:
        if code.startswith(begin):
            return kind(f"{place}: {words}")
    if "authentication failed" in reason or "no password supplied" in reason:
        return _sentence("28", place)
    if "does not exist" in reason and "database" in reason:
        return _sentence("3D000", place)
    if "too many" in reason or "remaining connection slots" in reason:
        return _sentence("53300", place)
    if not code or code.startswith(("08", "57")):
        return StorageError(f"{place}: {_LOST}")
    return StorageError(f"{place}: refused it ({code}); nothing was changed; ask who keeps it")


def busy(place: str) -> StorageError:
    """Return what it means that no connection of the pool became free."""
    return StorageError(f"{place}: all connections are in use; repeat in a moment")


def is_postgres(target: Engine | Connection) -> bool:
    """Whether a database is a server's."""
    return target.dialect.name == NAME


def is_there(place: Path | str) -> bool:
    """Whether a place is the address of a server."""
    return isinstance(place, str) and place.startswith(NAME)


def _sentence(code: str, place: str) -> RimlightError:
    kind, words = next((kind, words) for begin, kind, words in _SENTENCES if begin == code)
    return kind(f"{place}: {words}")
