"""A study is a folder: ``study.toml``, ``rimlight.db``, ``runs/`` and ``cache/``.

The database of a team is a server's; then ``database.txt`` says which, without a password.
"""

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, func, select

from rimlight.errors import StudyError
from rimlight.io.database import create_database, engine_of, reading
from rimlight.io.files import storage_error, sync_folder, write_whole
from rimlight.io.schema import act_events_table
from rimlight.settings import Settings, settings_from_toml, settings_to_toml

SETTINGS_NAME = "study.toml"
DATABASE_NAME = "rimlight.db"
ADDRESS_NAME = "database.txt"
MOVED = "database_moved"
"""The act that marks the database of a study; its subject is the mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """An open study; ``engine`` is handed to ``io.store`` and ``io.journal``."""

    folder: Path
    settings: Settings
    engine: Engine

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.folder / "runs"

    @property
    def cache(self) -> Path:
        """The folder of what can be made again at any time."""
        return self.folder / "cache"


def create_study(folder: Path, settings: Settings | None = None) -> Study:
    """Make a study folder, whole or not at all, and open it.

    Args:
        folder: A folder that is not there yet, or is empty; its parents are made.
        settings: Written to ``study.toml``; None for the defaults.

    Raises:
        StudyError: The folder holds something already.
        SettingsError: The settings cannot be written so that they read the same.
        StorageError: The disk refuses; nothing is left behind.
    """
    folder = Path(folder)
    text = settings_to_toml(settings or Settings())
    settings_from_toml(text, origin=SETTINGS_NAME)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{folder}: already holds something; name a new or an empty folder")
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        draft.mkdir(parents=True)
        for name in ("runs", "cache"):
            (draft / name).mkdir()
        write_whole(draft / SETTINGS_NAME, text)
        create_database(draft / DATABASE_NAME)
        if os.name != "posix" and folder.exists():
            folder.rmdir()
        draft.replace(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return open_study(folder)


def open_study(folder: Path, database: str | None = None) -> Study:
    """Open a study folder.

    Args:
        folder: Of the study.
        database: Another address of its server's database, for example through a tunnel.

    Raises:
        StudyError: It is no study, it is damaged, a newer rimlight made it, or the database is
            another study's.
        SettingsError: ``study.toml`` has an unknown key or a value of another type.
        StorageError: The server of its database does not answer.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; make a study with rimlight init {folder}")
    try:
        text = (folder / SETTINGS_NAME).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StudyError(
            f"{folder}: has no {SETTINGS_NAME}, so it is no study; name one that rimlight init made"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{folder / SETTINGS_NAME}: cannot be read; restore the file") from error
    settings = settings_from_toml(text, origin=str(folder / SETTINGS_NAME))
    return Study(folder=folder, settings=settings, engine=_engine_of(folder, database))


def remember_database(folder: Path, *, address: str, mark: str) -> None:
    """Let a study folder say from now on that its database is a server's.

    Args:
        folder: Of the study.
        address: Without a password.
        mark: Of the act that stands in that database.

    Raises:
        StorageError: The disk refuses.
    """
    write_whole(folder / ADDRESS_NAME, f"{address}\n{mark}\n")


def _engine_of(folder: Path, database: str | None) -> Engine:
    kept = folder / ADDRESS_NAME
    if not kept.exists():
        if database is not None:
            raise StudyError(
                f"{folder}: its database is a file; move it first with rimlight move-database "
                f"{folder} --to ADDRESS"
            )
        return engine_of(folder / DATABASE_NAME)
    try:
        address, mark = kept.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        raise StudyError(f"{kept}: cannot be read; restore the file from a backup") from error
    engine = engine_of(database or address)
    asked = act_events_table.c.act == MOVED, act_events_table.c.subject == mark
    with reading(engine) as connection:
        if connection.scalar(select(func.count()).where(*asked)) == 0:
            raise StudyError(f"{folder}: that database is another study's; give the right address")
    return engine
