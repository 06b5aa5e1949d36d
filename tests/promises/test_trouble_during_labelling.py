"""Promise: a lock, a full disk, rights or a clock stop labelling with a sentence and no loss."""

import sqlite3
import threading
from contextlib import closing

import pytest

from label_clients import LabelClient, Served
from rimlight.io import database
from rimlight.io.journal import append_labels, label_events, verify_journal
from rimlight.io.study import open_study
from small_studies import label_of, study_of
from web_clients import reader_client

N_CLIENTS, N_LABELS = 8, 500


class Page(LabelClient):
    """A page whose requests reach the application in this process."""

    def __init__(self, http):
        super().__init__(port=0)
        self.http = http

    def ask(self, method, path, body=None):
        reply = self.http.request(method, path, json=body)
        return reply.status_code, dict(reply.headers), reply.text


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study")


def ids(study):
    return [event.label.label_id for event in label_events(study.engine)]


def test_a_database_that_another_program_keeps_is_waited_for_then_named(study, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    study.engine.dispose()
    study = open_study(study.folder)
    with (
        reader_client(study) as http,
        closing(sqlite3.connect(study.folder / "rimlight.db")) as other,
    ):
        page = Page(http)
        page.label()
        other.execute("BEGIN IMMEDIATE")
        status, text = page.send()
        assert (status, "another program keeps the database" in text) == (503, True)
        assert page.ledger == {}
        other.rollback()
        assert page.send()[0] == 200
    assert ids(study) == list(page.ledger)


def test_a_short_lock_is_waited_for_and_nobody_notices(study):
    with reader_client(study) as http:
        other = sqlite3.connect(study.folder / "rimlight.db", check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        ends = threading.Timer(0.5, other.rollback)
        ends.start()
        page = Page(http)
        page.label()
        assert page.send()[0] == 200
        ends.join()
        other.close()
    assert ids(study) == list(page.ledger)


def test_a_full_disk_is_507_and_labelling_goes_on_once_there_is_room(small_disk):
    study = study_of(small_disk / "study")
    with reader_client(study) as http:
        page = Page(http)
        page.label()
        assert page.send()[0] == 200
        filler = fill(small_disk)
        for _ in range(300):
            page.label("strong")
        refused = [page.send() for _ in range(8)]
        assert {status for status, _ in refused if status != 200} == {507}
        assert "disk is full" in next(text for status, text in refused if status == 507)
        filler.unlink()
        while page.waiting:
            assert page.send()[0] == 200
    assert set(ids(study)) == set(page.ledger)
    assert verify_journal(study.engine) == 301


def test_a_study_that_may_not_be_written_to_is_503_and_works_again_after(study, monkeypatch):
    folder, path = study.folder, study.folder / "rimlight.db"
    with reader_client(study) as http:
        page = Page(http)
        page.label()
        with closing(sqlite3.connect(path)) as keeps_open:
            keeps_open.execute("PRAGMA journal_mode")
        forbidden = database._prepare_connection

        def read_only(connection, record):
            forbidden(connection, record)
            connection.execute("PRAGMA query_only = ON")

        with monkeypatch.context() as rights:
            rights.setattr(database, "_prepare_connection", read_only)
            refusing = open_study(folder)
            with reader_client(refusing) as http_of_refusing:
                page.http = http_of_refusing
                status, text = page.send()
        assert (status, "may not be written to" in text) == (503, True)
        page.http = http
        assert page.send()[0] == 200
    assert ids(study) == list(page.ledger)


def test_a_clock_that_jumps_changes_neither_order_nor_what_stands(study):
    with reader_client(study) as http:
        page = Page(http)
        page.label("weak")
        page.label("strong")
        first, second = page.waiting
        second |= {"cell_id": first["cell_id"], "made_at": "1999-01-01T00:00:00+14:00"}
        assert page.send()[0] == 200
        (label,) = http.get("/api/slides/s1/labels").json()
    assert label["expression"] == "strong"
    assert verify_journal(study.engine) == 2


def test_eight_clients_with_five_hundred_labels_each_never_see_a_lock(tmp_path):
    study_of(tmp_path / "study").engine.dispose()
    served = Served(folder=tmp_path / "study").start()
    try:
        first = LabelClient(port=served.port)
        first.enter(served.link)
        clients = [LabelClient(port=served.port, cookie=first.cookie) for _ in range(N_CLIENTS)]
        failures: list[tuple[int, str]] = []

        def work(client):
            for _ in range(N_LABELS):
                client.label()
                status, text = client.send()
                if status != 200:
                    failures.append((status, text))

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        served.kill()
    assert failures == []
    study = open_study(tmp_path / "study")
    acknowledged = {label for client in clients for label in client.ledger}
    assert len(acknowledged) == N_CLIENTS * N_LABELS
    assert set(ids(study)) == acknowledged
    assert verify_journal(study.engine) == N_CLIENTS * N_LABELS


def fill(place):
    """Take all space but the last few kilobytes."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as handle:
        try:
            while True:
                handle.write(b"x" * 4096)
        except OSError:
            pass
    return filler


def test_threads_of_a_server_wait_for_each_other_however_slow_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)
    study = study_of(tmp_path / "study")
    writes, began = threading.Event(), threading.Event()

    def slow():
        with database.writing(study.engine):
            began.set()
            assert writes.wait(timeout=30)

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(timeout=30)
    threading.Timer(0.3, writes.set).start()
    append_labels(study.engine, [label_of(1)])
    thread.join()
    assert len(ids(study)) == 1
