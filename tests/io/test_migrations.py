"""A database of an older rimlight is copied, checked and brought up to date; labels stay."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from rimlight.errors import StorageError, StudyError
from rimlight.io import backups, migrations
from rimlight.io.acts import append_act, verify_acts
from rimlight.io.controls import verify_controls
from rimlight.io.database import create_database, engine_of
from rimlight.io.journal import current_labels, label_events, verify_journal
from rimlight.io.regions import current_regions, put_regions, verify_regions
from rimlight.io.rounds import rounds
from rimlight.io.schema import SCHEMA_VERSION, metadata
from rimlight.io.store import slides
from small_studies import region_of

OF_VERSION_1 = Path(__file__).parent / "databases" / "schema-1.sql"
"""The dump of a database that rimlight wrote when its schema was 1."""
OF_VERSION_2 = OF_VERSION_1.with_name("schema-2.sql")
"""Of one with rounds, and without regions."""
OF_VERSION_3 = OF_VERSION_1.with_name("schema-3.sql")
"""Of one with regions and tissue controls, and without acts, assignments and accounts."""


def database_of(script: Path, place: Path) -> Path:
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(script.read_text(encoding="utf-8"))
    return place


@pytest.fixture
def place(tmp_path):
    return database_of(OF_VERSION_1, tmp_path / "rimlight.db")


def dump(place: Path) -> list[str]:
    with closing(sqlite3.connect(place)) as connection:
        return list(connection.iterdump())


def version(place: Path) -> int:
    with closing(sqlite3.connect(place)) as connection:
        return connection.execute("SELECT version FROM rimlight_schema").fetchone()[0]


def test_a_database_of_version_1_opens_with_its_labels_and_has_rounds(place):
    engine = engine_of(place)
    assert version(place) == SCHEMA_VERSION
    assert rounds(engine) == []
    assert verify_journal(engine) == 4
    said = [(label.cell.cell_id, label.expression.value) for label in current_labels(engine)]
    assert said == [("c2", "negative"), ("c3", "strong"), ("c1", "negative")]
    assert label_events(engine)[0].label.expression.value == "weak"
    assert [slide.bounds is None for slide in slides(engine)] == [True, False]


@pytest.mark.parametrize("script", [OF_VERSION_1, OF_VERSION_2])
def test_an_older_database_takes_regions_and_never_gives_them_up(script, tmp_path):
    place = database_of(script, tmp_path / "rimlight.db")
    engine = engine_of(place)
    assert current_regions(engine) == []
    region = region_of("s1")
    assert put_regions(engine, [region]) == 1
    assert current_regions(engine) == [region]
    assert verify_regions(engine) == 1
    with closing(sqlite3.connect(place)) as connection:
        for act in ("DELETE FROM region_events", "UPDATE region_events SET name = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed or removed"):
                connection.execute(act)


def test_a_database_of_version_2_keeps_its_labels_and_its_round(tmp_path):
    place = database_of(OF_VERSION_2, tmp_path / "rimlight.db")
    before = dump(place)
    engine = engine_of(place)
    assert verify_journal(engine) == 4
    (made,) = rounds(engine)
    assert [cell.cell.cell_id for cell in made.cells] == ["c5", "c4"]
    said = [(label.cell.cell_id, label.expression.value) for label in current_labels(engine)]
    assert said == [("c2", "negative"), ("c3", "strong"), ("c1", "negative")]
    assert dump(place.with_name("rimlight.db.schema-2.backup")) == before


def test_a_database_of_version_3_keeps_its_chains_and_has_acts(tmp_path):
    place = database_of(OF_VERSION_3, tmp_path / "rimlight.db")
    engine = engine_of(place)
    assert (verify_journal(engine), verify_regions(engine), verify_controls(engine)) == (4, 1, 1)
    said = [(label.cell.cell_id, label.expression.value) for label in current_labels(engine)]
    assert said == [("c2", "negative"), ("c3", "strong"), ("c1", "moderate")]
    append_act(engine, "disclose", reader="anna", subject="s1")
    assert verify_acts(engine) == 1


@pytest.mark.parametrize("script", [OF_VERSION_1, OF_VERSION_2, OF_VERSION_3])
def test_an_older_database_gets_the_triggers_of_a_new_one(script, tmp_path):
    create_database(tmp_path / "new.db")
    engine_of(database_of(script, tmp_path / "old.db"))
    asked = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    found = []
    for name in ("old.db", "new.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            found.append(connection.execute(asked).fetchall())
    assert found[0] == found[1] != []


def test_what_was_before_lies_beside_it(place):
    before = dump(place)
    engine_of(place)
    copy = place.with_name("rimlight.db.schema-1.backup")
    assert dump(copy) == before
    assert dump(place) != before
    assert not list(place.parent.glob(".*"))


def test_a_database_brought_up_to_date_is_as_a_new_one(place, tmp_path):
    create_database(tmp_path / "new.db")
    old, new = (inspect(engine_of(path)) for path in (place, tmp_path / "new.db"))
    assert sorted(old.get_table_names()) == sorted(new.get_table_names())
    for table in metadata.tables:
        for ask in ("get_columns", "get_pk_constraint", "get_foreign_keys", "get_indexes"):
            assert str(getattr(old, ask)(table)) == str(getattr(new, ask)(table)), (table, ask)


def test_labels_in_the_write_ahead_log_are_in_the_copy(place):
    with closing(sqlite3.connect(place)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE slides SET scanner = 'only in the log'")
        other.commit()
        engine_of(place)
        assert "only in the log" in "\n".join(dump(place.with_name("rimlight.db.schema-1.backup")))


def test_opening_again_takes_no_step_and_makes_no_second_copy(place):
    for _ in range(2):
        engine_of(place).dispose()
    assert len(list(place.parent.glob("*.backup*"))) == 1


def test_a_step_that_fails_leaves_the_database_as_it_was(place, monkeypatch):
    before = dump(place)

    def half(connection):
        migrations._add_rounds(connection)
        raise StudyError("the step broke")

    monkeypatch.setitem(migrations._STEPS, 1, half)
    with pytest.raises(StudyError, match="the step broke"):
        engine_of(place)
    assert dump(place) == before


def test_a_copy_that_does_not_hold_the_same_stops_everything(place, monkeypatch):
    before = hashlib.sha256(place.read_bytes()).hexdigest()
    answers = iter([{"slides": 2}, {"slides": 1}])
    monkeypatch.setattr(backups, "_content", lambda _database: next(answers))
    with pytest.raises(StudyError, match=r"not sound; nothing was changed"):
        engine_of(place)
    assert hashlib.sha256(place.read_bytes()).hexdigest() == before
    assert [path.name for path in place.parent.iterdir()] == ["rimlight.db"]


def test_without_room_for_the_copy_nothing_is_changed(place, monkeypatch):
    before = dump(place)

    def full(_place, _target):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(backups, "_copy", full)
    with pytest.raises(StorageError, match="could not be copied"):
        engine_of(place)
    monkeypatch.undo()
    assert dump(place) == before
    assert [path.name for path in place.parent.iterdir()] == ["rimlight.db"]


def test_two_programs_that_open_it_at_once_take_the_step_once(place):
    engine = engine_of(place)
    from rimlight.io.database import writing

    with writing(engine) as connection:
        assert migrations.bring_up_to_date(connection) == SCHEMA_VERSION
