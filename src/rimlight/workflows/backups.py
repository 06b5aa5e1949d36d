"""A study's labels kept twice: backups while it is served, an open table when that ends."""

import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rimlight.errors import NotEnoughDataError, RimlightError, StudyError
from rimlight.io.acts import verify_acts
from rimlight.io.backups import back_up, backups, check_sound, put_back
from rimlight.io.controls import verify_controls
from rimlight.io.database import engine_of
from rimlight.io.files import write_json
from rimlight.io.journal import verify_journal
from rimlight.io.regions import verify_regions
from rimlight.io.study import DATABASE_NAME, Study
from rimlight.workflows.exchange import export_labels
from rimlight.workflows.sole_use import alone

LABELS_NAME = "labels-at-close.csv"
_HOUR_S = 3600.0
_log = logging.getLogger("rimlight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did.

    n_labels: events of labels in the backup. replaced: what stood there; None for nothing.
    """

    n_labels: int
    replaced: Path | None


def back_up_study(study: Study) -> Path | None:
    """Make a verified backup in ``backups/`` of the study, of which the newest ten are kept.

    Returns:
        The copy, or None where nothing was done by people since the newest.

    Raises:
        StudyError: The labels are in a server's database, or the copy is not sound.
        StorageError: The disk refuses.
    """
    return back_up(_database_file(study))


def backups_of(folder: Path) -> list[Path]:
    """Return the backups of a study, the oldest first."""
    return backups(folder / DATABASE_NAME)


def restore_study(folder: Path, backup: Path) -> Restored:
    """Put a backup in the place of a study's database, after every chain in it was checked.

    What stood there is kept beside it, so that nothing is lost by taking the wrong one.

    Raises:
        StudyError: The backup is damaged or was changed, or the study is being served; nothing was
            done.
        StorageError: The disk refuses.
    """
    check_sound(backup)
    n_labels = _checked_chains(backup)
    with alone(folder):
        return Restored(n_labels=n_labels, replaced=put_back(folder / DATABASE_NAME, backup))


@contextmanager
def kept_twice(study: Study, *, every_s: float = _HOUR_S) -> Iterator[None]:
    """Back a study up now, every hour, and at the end, when its labels are written as a table too.

    What goes wrong is logged and never stops the labelling.
    """
    is_over = threading.Event()

    def keep() -> None:
        _tried(study)
        while not is_over.wait(every_s):
            _tried(study)

    thread = threading.Thread(target=keep, name="rimlight backups", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        _tried(study)
        with suppress(NotEnoughDataError):
            _export(study)


def _tried(study: Study) -> None:
    if not _is_file(study):
        return
    try:
        back_up_study(study)
    except RimlightError as error:
        _log.warning("no backup was made: %s", error)


def _export(study: Study) -> None:
    try:
        n_labels = export_labels(study, study.folder / LABELS_NAME)
        facts = {"n_labels": n_labels, "n_events": verify_journal(study.engine)}
        write_json((study.folder / LABELS_NAME).with_suffix(".json"), facts)
    except NotEnoughDataError:
        raise
    except RimlightError as error:
        _log.warning("the labels were not written as a table: %s", error)


def _checked_chains(backup: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / DATABASE_NAME
        copy.write_bytes(backup.read_bytes())
        engine = engine_of(copy)
        try:
            for verify in (verify_regions, verify_controls, verify_acts):
                verify(engine)
            return verify_journal(engine)
        finally:
            engine.dispose()


def _database_file(study: Study) -> Path:
    if not _is_file(study):
        raise StudyError(
            f"{study.folder}: its labels are in a server's database; back that up with pg_dump"
        )
    return study.folder / DATABASE_NAME


def _is_file(study: Study) -> bool:
    return study.engine.url.get_backend_name() == "sqlite"
