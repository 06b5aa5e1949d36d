"""Copying the database file of a study to a server, all of it or nothing, and comparing the two."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, inspect, select, text

from rimlight.errors import StudyError
from rimlight.io import postgres
from rimlight.io.acts import append_act, verify_acts
from rimlight.io.controls import verify_controls
from rimlight.io.database import create_tables, create_triggers, translated, writing
from rimlight.io.journal import verify_journal
from rimlight.io.regions import verify_regions
from rimlight.io.schema import metadata
from rimlight.io.study import MOVED, Study, remember_database
from rimlight.records import ReaderId

_CHUNK = 1000
_CHAINS = (verify_journal, verify_regions, verify_controls, verify_acts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was copied. address: without a password. n_rows: of all tables together."""

    address: str
    n_rows: int
    n_labels: int


def move_to_server(study: Study, address: str, *, by: ReaderId) -> Copied:
    """Copy every table of a study to an empty database of a server, and use that from now on.

    Nobody can write to the study meanwhile. Every chain is verified before and after, and every
    row is compared. The copy is one transaction: after any fault the server holds nothing new and
    the study is as it was. The old file takes nothing any more, also from who waited to write.

    Args:
        study: Its database is a file.
        address: Of the database.
        by: Who moves it.

    Raises:
        StudyError: The database there is not empty, or a chain does not hold.
        StorageError: The server or the disk refuses.
    """
    url, mark = postgres.database_url(address), secrets.token_hex(16)
    place, engine = postgres.shown(url), postgres.postgres_engine(url)
    try:
        with writing(study.engine) as source:
            n_labels = _verified(source)
            with translated(engine), engine.connect() as target, target.begin():
                _check_empty(target, place)
                create_tables(target)
                n_rows = sum(_copied(table, source, target) for table in metadata.sorted_tables)
                create_triggers(target)
                _verified(target)
                _compare(source, target)
                append_act(target, MOVED, reader=by, subject=mark, detail={"address": place})
            remember_database(study.folder, address=place, mark=mark)
            _close(source)
    finally:
        engine.dispose()
    return Copied(address=place, n_rows=n_rows, n_labels=n_labels)


def _close(source: Connection) -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'this database was moved to a server'); END"
    for name in metadata.tables:
        for change in ("INSERT", "UPDATE", "DELETE"):
            when = f"moved_{name}_{change} BEFORE {change} ON {name}"
            source.execute(text(f"CREATE TRIGGER {when} {refuse}"))


def _check_empty(target: Connection, place: str) -> None:
    there = set(inspect(target).get_table_names()) & set(metadata.tables)
    if there:
        raise StudyError(
            f"{place}: holds tables of rimlight already; name an empty database, one for a study"
        )


def _copied(table: Table, source: Connection, target: Connection) -> int:
    n_rows = 0
    for rows in _chunks(table, source):
        target.execute(table.insert(), rows)
        n_rows += len(rows)
    return n_rows


def _chunks(table: Table, connection: Connection) -> Iterator[list[dict[str, Any]]]:
    found = connection.execute(select(table).order_by(*table.primary_key.columns))
    for part in found.mappings().partitions(_CHUNK):
        yield [dict(row) for row in part]


def _compare(source: Connection, target: Connection) -> None:
    for table in metadata.sorted_tables:
        n_rows = [
            connection.scalar(select(func.count()).select_from(table))
            for connection in (source, target)
        ]
        pairs = zip(_chunks(table, source), _chunks(table, target), strict=False)
        if n_rows[0] != n_rows[1] or any(one != other for one, other in pairs):
            raise StudyError(
                f"table {table.name}: the server holds something else than was written; nothing "
                "was moved; look at the server's log and repeat"
            )


def _verified(connection: Connection) -> int:
    n_labels, *_ = [verify(connection) for verify in _CHAINS]
    return n_labels
