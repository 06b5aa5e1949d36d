"""A study is kept twice while it is served, and can be put back with every chain checked."""

import sqlite3
import threading
from contextlib import closing

import pytest

from rimlight.errors import StudyError
from rimlight.io.formats.tables import read_table
from rimlight.io.journal import append_labels, current_labels
from rimlight.io.study import open_study
from rimlight.workflows.backups import (
    LABELS_NAME,
    back_up_study,
    backups_of,
    kept_twice,
    restore_study,
)
from rimlight.workflows.sole_use import alone
from small_studies import label_of, slide_info, study_of


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"))
    append_labels(study.engine, [label_of(1)])
    return study


def _wait_for(study, *, n_backups):
    turned = threading.Event()
    for _ in range(3000):
        if len(backups_of(study.folder)) >= n_backups:
            return
        turned.wait(0.01)
    raise AssertionError(f"{backups_of(study.folder)} within 30 s")


def test_a_backup_is_there_at_the_start_every_while_and_at_the_end(study):
    with kept_twice(study, every_s=0.01):
        _wait_for(study, n_backups=1)
        append_labels(study.engine, [label_of(2)])
        _wait_for(study, n_backups=2)
        append_labels(study.engine, [label_of(3)])
    newest = backups_of(study.folder)[-1]
    with closing(sqlite3.connect(newest)) as copy:
        assert copy.execute("SELECT count(*) FROM label_events").fetchone() == (3,)
    assert read_table(study.folder / LABELS_NAME)["cell"] == ["c1", "c2", "c3"]


def test_a_study_that_was_lost_comes_back(study):
    copy = back_up_study(study)
    study.engine.dispose()
    (study.folder / "rimlight.db").unlink()
    done = restore_study(study.folder, copy)
    assert (done.n_labels, done.replaced) == (1, None)
    assert len(current_labels(open_study(study.folder).engine)) == 1


def test_a_backup_that_somebody_changed_is_refused(study):
    copy = back_up_study(study)
    with closing(sqlite3.connect(copy)) as changed:
        changed.execute("DROP TRIGGER label_events_no_update")
        changed.execute("UPDATE label_events SET expression = 'strong'")
        changed.commit()
    with pytest.raises(StudyError, match="label event 1: was changed"):
        restore_study(study.folder, copy)
    assert current_labels(study.engine)[0].expression.value == "weak"


def test_a_study_is_not_put_back_under_its_server(study):
    copy = back_up_study(study)
    append_labels(study.engine, [label_of(2)])
    with alone(study.folder, port=8411), pytest.raises(StudyError, match="is served already"):
        restore_study(study.folder, copy)
    assert len(current_labels(study.engine)) == 2
    restore_study(study.folder, copy)
    assert len(current_labels(open_study(study.folder).engine)) == 1
