"""Backups hold what was there at one moment, are verified, rotate, and can be put back."""

import sqlite3
from contextlib import closing

import pytest

from rimlight.errors import StudyError
from rimlight.io import backups as module
from rimlight.io.backups import back_up, backups, put_back
from rimlight.io.journal import append_labels, current_labels, verify_journal
from rimlight.io.study import open_study
from small_studies import label_of, slide_info, study_of


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"))


@pytest.fixture
def place(study):
    return study.folder / "rimlight.db"


def test_a_backup_made_while_a_reader_labels_holds_one_moment(study, place):
    append_labels(study.engine, [label_of(1)])
    with closing(sqlite3.connect(place)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        copy = back_up(place)
        append_labels(study.engine, [label_of(2)])
    folder = copy.parent.parent / "restored"
    folder.mkdir()
    for name in ("study.toml",):
        (folder / name).write_bytes((study.folder / name).read_bytes())
    copy.rename(folder / "rimlight.db")
    restored = open_study(folder)
    assert [label.label_id for label in current_labels(restored.engine)] == ["s1-1-weak-anna"]
    assert verify_journal(restored.engine) == 1


def test_nothing_new_makes_no_new_backup_and_one_more_label_does(study, place):
    assert back_up(place) is not None
    assert back_up(place) is None
    append_labels(study.engine, [label_of(1)])
    assert back_up(place) is not None
    assert len(backups(place)) == 2


def test_the_newest_are_kept_and_foreign_files_are_not_touched(study, place):
    foreign = place.parent / "backups" / "mine.db"
    for number in range(5):
        append_labels(study.engine, [label_of(number)])
        last = back_up(place, n_kept=3)
        foreign.write_text("not ours")
    assert len(backups(place)) == 3
    assert backups(place)[-1] == last
    assert foreign.exists()


def test_a_backup_is_put_back_and_what_it_replaces_stays(study, place):
    append_labels(study.engine, [label_of(1)])
    copy = back_up(place)
    append_labels(study.engine, [label_of(2)])
    study.engine.dispose()
    aside = put_back(place, copy)
    assert [label.cell.cell_id for label in current_labels(open_study(study.folder).engine)] == [
        "c1"
    ]
    with closing(sqlite3.connect(aside)) as replaced:
        assert replaced.execute("SELECT count(*) FROM label_events").fetchone() == (2,)
    assert copy.exists()


def test_a_damaged_backup_is_refused_and_nothing_is_changed(study, place, tmp_path):
    append_labels(study.engine, [label_of(1)])
    broken = tmp_path / "broken.db"
    broken.write_bytes(back_up(place).read_bytes()[:6000])
    before = sorted(path.name for path in study.folder.iterdir())
    for wrong in (broken, study.folder / "study.toml"):
        with pytest.raises(StudyError, match="take another"):
            put_back(place, wrong)
    assert sorted(path.name for path in study.folder.iterdir()) == before
    assert verify_journal(study.engine) == 1


def test_a_copy_that_holds_something_else_does_not_count(study, place, monkeypatch):
    append_labels(study.engine, [label_of(1)])
    answers = iter([{"slides": 2}, {"slides": 1}])
    monkeypatch.setattr(module, "_content", lambda _database: next(answers))
    with pytest.raises(StudyError, match="not sound"):
        back_up(place)
    assert backups(place) == []
