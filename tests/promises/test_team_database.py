"""Promise: two readers at once never lose or overwrite each other's labels, also on a server."""

import os
import socket
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest

from database_server import database_server
from rimlight.cli.main import answered
from rimlight.errors import StorageError, StudyError
from rimlight.io.accounts import accounts, add_account
from rimlight.io.acts import append_act, verify_acts
from rimlight.io.controls import verify_controls
from rimlight.io.journal import append_labels, current_labels, label_events, verify_journal
from rimlight.io.regions import verify_regions
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.workflows.move_database import move_database
from small_studies import label_of, slide_info, study_of
from web_clients import PASSWORD

N_CLIENTS, N_LABELS = 8, 500


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    # Outside pytest's folder, which the user postgres may not enter.
    with tempfile.TemporaryDirectory(prefix="rimlight-pg") as folder:
        Path(folder).chmod(0o711)
        with database_server(Path(folder) / "server", _free_port()) as server:
            yield server


@pytest.fixture
def moved(server, tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("Ärzte"), slide_info("Z"))
    append_labels(study.engine, [label_of(1), label_of(1, "strong", "ben"), label_of(2)])
    add_account(study.engine, "anna", password=PASSWORD, role="owner", by="root")
    before = (slides(study.engine), label_events(study.engine), accounts(study.engine))
    move_database(study, server.new_database(), by="root")
    study = open_study(tmp_path / "study")
    assert study.engine.dialect.name == "postgresql"
    assert (slides(study.engine), label_events(study.engine), accounts(study.engine)) == before
    yield study
    study.engine.dispose()


def _verified(study) -> int:
    verify_regions(study.engine)
    verify_controls(study.engine)
    verify_acts(study.engine)
    return verify_journal(study.engine)


def _at_once(*works) -> list[BaseException]:
    errors: list[BaseException] = []

    def tried(work) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to the test below
            errors.append(error)

    threads = [threading.Thread(target=tried, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_eight_clients_lose_none_of_500_labels_each(moved):
    def label_alone(reader: str):
        def work() -> None:
            study = open_study(moved.folder)
            for number in range(N_LABELS):
                append_labels(study.engine, [label_of(number, "weak", reader)])
            study.engine.dispose()

        return work

    n_before = _verified(moved)
    errors = _at_once(*(label_alone(f"reader {n}") for n in range(N_CLIENTS)))
    assert errors == []
    assert _verified(moved) == n_before + N_CLIENTS * N_LABELS
    of_reader = {f"reader {n}": set() for n in range(N_CLIENTS)}
    for label in current_labels(moved.engine):
        of_reader.setdefault(label.reader, set()).add(label.cell.cell_id)
    assert all(len(of_reader[f"reader {n}"]) == N_LABELS for n in range(N_CLIENTS))


def test_two_readers_of_the_same_cells_keep_both_words(moved):
    def word_of(reader: str, expression: str):
        def work() -> None:
            for number in range(10, 110):
                append_labels(moved.engine, [label_of(number, expression, reader)])

        return work

    assert _at_once(word_of("carl", "negative"), word_of("dora", "strong")) == []
    said = {(x.cell.cell_id, x.reader): x.expression.value for x in current_labels(moved.engine)}
    for number in range(10, 110):
        assert said[f"c{number}", "carl"] == "negative"
        assert said[f"c{number}", "dora"] == "strong"
    _verified(moved)


def test_one_label_sent_by_two_connections_at_once_is_kept_once(moved):
    n_before = _verified(moved)
    labels = [label_of(number, "weak", "emil") for number in range(200, 300)]

    def send() -> None:
        for label in labels:
            append_labels(moved.engine, [label])

    assert _at_once(send, send, send, send) == []
    assert _verified(moved) == n_before + len(labels)


def test_a_server_that_dies_in_the_middle_loses_no_acknowledged_label(moved, server):
    acknowledged, unknown, told, begun = [], [], [], threading.Event()

    def work() -> None:
        for number in range(1000, 3000):
            try:
                append_labels(moved.engine, [label_of(number, "weak", "fritz")])
            except StorageError as error:
                told.append(str(error))
                unknown.append(label_of(number, "weak", "fritz"))
                return
            acknowledged.append(f"c{number}")
            if len(acknowledged) == 50:
                begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    server.kill()
    thread.join(60)
    assert unknown, "the kill came too late to tell anything"
    assert "repeat it" in told[0]
    with pytest.raises(StorageError, match="does not answer"):
        append_labels(moved.engine, unknown)
    server.start()
    append_labels(moved.engine, unknown)  # the same engine goes on, and the repeat does no harm
    kept = {label.cell.cell_id for label in current_labels(moved.engine) if label.reader == "fritz"}
    assert kept == {*acknowledged, *(label.cell.cell_id for label in unknown)}
    _verified(moved)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE label_events SET expression = 'strong' WHERE seq = 1",
        "DELETE FROM label_events WHERE seq = 1",
        "TRUNCATE label_events",
        "INSERT INTO label_events SELECT * FROM label_events WHERE seq = 1 "
        "ON CONFLICT (seq) DO UPDATE SET expression = 'strong'",
        "DELETE FROM act_events",
        "UPDATE region_events SET name = 'x' WHERE true",
    ],
)
def test_the_server_itself_refuses_to_change_an_event(moved, statement):
    append_act(moved.engine, "disclose", reader="anna", subject="s1")
    with psycopg.connect(_address(moved)) as connection:
        if statement.startswith("UPDATE region"):
            assert connection.execute(statement).rowcount == 0
            return
        with pytest.raises(psycopg.errors.RaiseException, match="never changed or removed"):
            connection.execute(statement)


def test_a_change_behind_the_triggers_is_found(moved):
    with psycopg.connect(_address(moved)) as connection:
        connection.execute("ALTER TABLE label_events DISABLE TRIGGER ALL")
        connection.execute("UPDATE label_events SET expression = 'other' WHERE seq = 2")
    with pytest.raises(StudyError, match="label event 2: was changed"):
        verify_journal(moved.engine)


def test_text_is_ordered_as_in_a_file_whatever_the_language_of_the_server(server, tmp_path):
    study = study_of(tmp_path / "study", *(slide_info(name) for name in ("a", "B", "Ä", "z", "Z")))
    before = [info.slide_id for info in slides(study.engine)]
    address = server.new_database("LC_COLLATE 'C.UTF-8'")
    move_database(study, address, by="root")
    after = open_study(tmp_path / "study")
    assert [info.slide_id for info in slides(after.engine)] == before == ["B", "Z", "a", "z", "Ä"]
    with psycopg.connect(_address(after)) as connection:
        rows = connection.execute(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'slides' "
            "AND data_type = 'character varying' AND collation_name IS DISTINCT FROM 'C'"
        ).fetchone()
    assert rows == (0,)
    after.engine.dispose()


def test_the_old_file_takes_nothing_more_and_is_kept(moved, tmp_path):
    from rimlight.io.database import engine_of

    assert not (moved.folder / "rimlight.db").exists()
    old = engine_of(moved.folder / "rimlight.db.moved")
    assert verify_journal(old) == 3
    with pytest.raises(StorageError, match="moved to a server"):
        append_labels(old, [label_of(77)])


def test_a_move_that_fails_changes_nothing(server, tmp_path):
    study = study_of(tmp_path / "study")
    append_labels(study.engine, [label_of(1)])
    address = server.new_database()
    other = study_of(tmp_path / "other")
    move_database(other, address, by="root")
    with pytest.raises(StudyError, match="holds tables of rimlight already"):
        move_database(study, address, by="root")
    with pytest.raises(StudyError, match="no such database"):
        move_database(study, f"{address}_none", by="root")
    ascii_only = server.new_database("ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(StudyError, match="keeps text as SQL_ASCII"):
        move_database(study, ascii_only, by="root")
    study = open_study(tmp_path / "study")
    assert study.engine.dialect.name == "sqlite"
    append_labels(study.engine, [label_of(2)])
    assert verify_journal(study.engine) == 2
    with pytest.raises(StudyError, match="already; nothing was done"):
        move_database(open_study(tmp_path / "other"), server.new_database(), by="root")


def test_the_database_of_another_study_is_not_taken_for_ones_own(moved, server, tmp_path):
    other = study_of(tmp_path / "other")
    address = server.new_database()
    move_database(other, address, by="root")
    with pytest.raises(StudyError, match="another study's"):
        open_study(moved.folder, database=address)
    same = open_study(moved.folder, database=_address(moved) + "?application_name=tunnel")
    assert verify_journal(same.engine) == 3
    same.engine.dispose()
    with pytest.raises(StudyError, match="its database is a file"):
        open_study(study_of(tmp_path / "plain").folder, database=address)


def test_a_password_is_neither_taken_from_an_address_nor_stored_nor_shown(server, tmp_path, capfd):
    study = study_of(tmp_path / "study")
    secret = os.environ["PGPASSWORD"]
    address = server.new_database()
    for told in (
        address.replace("rimlight@", f"rimlight:{secret}@"),
        f"{address}?password={secret}",
    ):
        assert answered(["move-database", str(study.folder), "--to", told]) == 2
    os.environ["PGPASSWORD"] = "a wrong one"
    try:
        assert answered(["move-database", str(study.folder), "--to", address]) == 2
        written = "".join(capfd.readouterr())
        assert "did not let this user in; set PGPASSWORD" in written
        assert "a wrong one" not in written
    finally:
        os.environ["PGPASSWORD"] = secret
    assert answered(["move-database", str(study.folder), "--to", address]) == 0
    assert (study.folder / "database.txt").read_text().splitlines()[0] == address
    assert answered(["accounts", "list", str(study.folder)]) == 0
    written += "".join(capfd.readouterr())
    assert secret not in written
    for file in study.folder.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "address", ["mysql://a@b/c", "sqlite:///x.db", "nonsense", "postgresql://h"]
)
def test_what_is_no_address_of_a_server_is_refused(tmp_path, address):
    study = study_of(tmp_path / "study")
    with pytest.raises(StudyError, match="database:"):
        move_database(study, address, by="root")


def test_who_writes_for_long_keeps_others_waiting_and_they_are_told(moved, monkeypatch):
    with psycopg.connect(_address(moved)) as connection:
        connection.execute("SELECT * FROM rimlight_schema FOR UPDATE")
        with pytest.raises(StorageError, match="another program is writing; repeat"):
            append_labels(moved.engine, [label_of(500)])
        assert len(current_labels(moved.engine)) == 3, "reading goes on"
    append_labels(moved.engine, [label_of(500)])


def _address(study) -> str:
    return (study.folder / "database.txt").read_text().splitlines()[0]
