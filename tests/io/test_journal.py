"""The journal keeps every act of every reader, in order, and shows when it was changed."""

import hashlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from rimlight.errors import StudyError
from rimlight.io.database import engine_of, writing
from rimlight.io.journal import (
    append_labels,
    current_labels,
    known_label_ids,
    label_events,
    verify_journal,
)
from small_studies import label_of, study_of


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study")


@pytest.fixture
def database(study):
    return study.folder / "rimlight.db"


def test_a_label_comes_back_as_it_went_in(study):
    label = label_of(7, "strong", "björn")
    assert append_labels(study.engine, [label]) == 1
    assert current_labels(study.engine) == [label]
    assert (current_labels(study.engine)[0].cell.x_l0, label.cell.y_l0) == (70.0, 35.0)


def test_a_place_of_minus_zero_does_not_look_like_a_change(study):
    label = label_of(1)
    append_labels(study.engine, [replace(label, cell=replace(label.cell, x_l0=-0.0, y_l0=-0.0))])
    assert verify_journal(study.engine) == 1


def test_a_label_sent_twice_is_stored_once(study):
    labels = [label_of(1), label_of(2)]
    assert append_labels(study.engine, [labels[0]]) == 1
    assert append_labels(study.engine, [*labels, labels[1]]) == 1
    assert append_labels(study.engine, labels) == 0
    assert len(label_events(study.engine)) == 2


def test_a_correction_is_a_new_event_and_the_latest_counts(study):
    append_labels(study.engine, [label_of(1, "weak"), label_of(1, "weak", "björn")])
    append_labels(study.engine, [label_of(1, "negative")])
    said = {(label.reader, label.expression.value) for label in current_labels(study.engine)}
    assert said == {("anna", "negative"), ("björn", "weak")}
    assert [event.seq for event in label_events(study.engine)] == [1, 2, 3]


def test_order_is_by_arrival_whatever_the_times_say(study):
    append_labels(study.engine, [label_of(1, "weak", made_at="2030-01-01T00:00:00Z")])
    append_labels(study.engine, [label_of(1, "strong", made_at="1999-01-01T00:00:00Z")])
    assert current_labels(study.engine)[0].expression == "strong"


def test_one_bad_label_keeps_all_others_out(study):
    labels = [label_of(1), label_of(2), label_of(3, slide_id="unknown")]
    with pytest.raises(StudyError, match="not in the study"):
        append_labels(study.engine, labels)
    assert label_events(study.engine) == []
    assert append_labels(study.engine, labels[:2]) == 2
    assert verify_journal(study.engine) == 2


def test_labels_appended_in_a_transaction_go_with_it(study):
    def append_and_fail():
        with writing(study.engine) as transaction:
            append_labels(transaction, [label_of(1)])
            raise KeyError

    with pytest.raises(KeyError):
        append_and_fail()
    assert label_events(study.engine) == []


def test_known_ids_are_told_from_new_ones_in_any_number(study):
    labels = [label_of(number) for number in range(1201)]
    append_labels(study.engine, labels[::2])
    known = known_label_ids(study.engine, [label.label_id for label in labels])
    assert known == {label.label_id for label in labels[::2]}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE label_events SET expression = 'strong' WHERE seq = 1",
        "DELETE FROM label_events WHERE seq = 1",
        "INSERT OR REPLACE INTO label_events SELECT * FROM label_events WHERE seq = 1",
        "REPLACE INTO label_events SELECT 9, label_id, cell_id, slide_id, 0, 0, reader, 'strong',"
        " made_at, recorded_at, source, previous_hash, hash FROM label_events WHERE seq = 1",
    ],
)
def test_the_database_itself_refuses_to_change_a_label(study, database, statement):
    append_labels(study.engine, [label_of(1), label_of(2)])
    before = label_events(study.engine)
    with (
        closing(sqlite3.connect(database)) as connection,
        pytest.raises(sqlite3.DatabaseError, match="never changed or removed"),
    ):
        connection.execute(statement)
    assert label_events(study.engine) == before


def test_each_event_hashes_its_fields_and_the_hash_before(study):
    append_labels(study.engine, [label_of(1), label_of(2)])
    first, second = label_events(study.engine)
    assert first.previous_hash == "0" * 64
    assert second.previous_hash == first.hash
    fields = {
        "seq": 2,
        "label_id": second.label.label_id,
        "cell_id": "c2",
        "slide_id": "s1",
        "x_l0": 20.0,
        "y_l0": 10.0,
        "reader": "anna",
        "expression": "weak",
        "made_at": "2026-03-01T10:00:00Z",
        "recorded_at": second.recorded_at,
        "source": "test.csv",
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    assert second.hash == hashlib.sha256(f"{first.hash}\n{text}".encode()).hexdigest()


TAMPERINGS = {
    "expression": ("UPDATE label_events SET expression = 'strong' WHERE seq = 3", 3),
    "reader": ("UPDATE label_events SET reader = 'x' WHERE seq = 2", 2),
    "place": ("UPDATE label_events SET x_l0 = x_l0 + 1e-9 WHERE seq = 4", 4),
    "time": ("UPDATE label_events SET made_at = '2026-03-01T10:00:01Z' WHERE seq = 1", 1),
    "hash": ("UPDATE label_events SET hash = previous_hash WHERE seq = 5", 5),
    "one removed": ("DELETE FROM label_events WHERE seq = 3", 3),
    "first removed": ("DELETE FROM label_events WHERE seq = 1", 1),
    "last removed": ("DELETE FROM label_events WHERE seq = 5", 5),
    "all removed": ("DELETE FROM label_events", 1),
    "moved": ("UPDATE label_events SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END "
              "WHERE seq IN (2, 3); UPDATE label_events SET seq = -seq WHERE seq < 0", 2),
    "head set back": ("DELETE FROM label_events WHERE seq = 5; "
                      "UPDATE journal_head SET n_events = 4", 5),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_change_made_behind_our_back_is_found_and_placed(study, database, name):
    statement, place = TAMPERINGS[name]
    append_labels(study.engine, [label_of(number) for number in range(1, 6)])
    assert verify_journal(study.engine) == 5
    with closing(sqlite3.connect(database)) as connection:
        for verb in ("update", "delete", "replace"):
            connection.execute(f"DROP TRIGGER label_events_no_{verb}")
        connection.executescript(statement)
    with pytest.raises(StudyError, match=f"^label event {place}: "):
        verify_journal(study.engine)


def test_eight_writers_at_once_lose_nothing_and_are_never_locked_out(study, database):
    def write(reader):
        engine = engine_of(database)
        for number in range(12):
            append_labels(engine, [label_of(number, "weak", reader)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, [f"reader {n}" for n in range(8)]))
    assert len(current_labels(study.engine)) == 96
    assert verify_journal(study.engine) == 96


def test_two_readers_of_one_cell_keep_their_own_places(study):
    second = label_of(1, "strong", "björn")
    second = replace(second, cell=replace(second.cell, x_l0=10.5))
    append_labels(study.engine, [label_of(1), second])
    assert [label.cell.x_l0 for label in current_labels(study.engine)] == [10.0, 10.5]
