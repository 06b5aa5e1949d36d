"""Moving a study's database from its file to a PostgreSQL server, for a team."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rimlight.errors import StudyError
from rimlight.io.database_copy import move_to_server
from rimlight.io.files import storage_error, sync_folder
from rimlight.io.study import ADDRESS_NAME, DATABASE_NAME, Study, open_study
from rimlight.records import ReaderId
from rimlight.workflows.sole_use import alone

OLD_NAME = f"{DATABASE_NAME}.moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved. address: without a password. old: the file as it was, kept as a backup."""

    address: str
    n_rows: int
    n_labels: int
    old: Path


def move_database(study: Study, address: str, *, by: ReaderId) -> Moved:
    """Copy all tables of a study to an empty database, verify them, and use it from now on.

    After any fault the study is as it was. A kill between the last two steps leaves a study that
    uses the server and a file that nobody reads.

    Args:
        study: Its database is a file, and no server serves it.
        address: ``postgresql://USER@HOST/NAME``; the password is never part of it.
        by: Who moves it.

    Raises:
        StudyError: The study is served or was moved already, the database is not empty, or a
            chain of events does not hold.
        StorageError: The server or the disk refuses.
    """
    if (study.folder / ADDRESS_NAME).exists():
        raise StudyError(f"{study.folder}: its database is a server's already; nothing was done")
    with alone(study.folder):
        done = move_to_server(study, address, by=by)
        old = _put_aside(study)
    open_study(study.folder).engine.dispose()
    return Moved(address=done.address, n_rows=done.n_rows, n_labels=done.n_labels, old=old)


def _put_aside(study: Study) -> Path:
    place = study.folder / DATABASE_NAME
    study.engine.dispose()
    target, number = place.with_name(OLD_NAME), 2
    while target.exists():
        target, number = place.with_name(f"{OLD_NAME}-{number}"), number + 1
    try:
        place.replace(target)
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                place.with_name(place.name + end).replace(target.with_name(target.name + end))
        sync_folder(study.folder)
    except OSError as error:
        raise storage_error(place, error) from error
    return target
