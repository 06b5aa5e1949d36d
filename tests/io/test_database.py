"""A study's database opens only where it is sound, and is set up to lose nothing."""

import hashlib
import logging
import sqlite3

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from rimlight.errors import StudyError
from rimlight.io import database
from rimlight.io.database import create_database, engine_of, network_file_system, writing
from rimlight.io.store import put_slides, slides
from small_studies import slide_info, study_of


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "rimlight.db"
    create_database(path)
    return path


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _driver_value(engine, pragma):
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()


def test_a_commit_waits_for_the_disk_and_foreign_keys_hold(place):
    engine = engine_of(place)
    assert _driver_value(engine, "journal_mode") == "wal"
    assert _driver_value(engine, "synchronous") == 2
    assert _driver_value(engine, "foreign_keys") == 1
    assert _driver_value(engine, "busy_timeout") == 5000


def test_a_store_of_a_newer_rimlight_is_refused_unchanged(place):
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE rimlight_schema SET version = 99")
    connection.close()
    before = _hash(place)
    with pytest.raises(StudyError, match=r"newer rimlight \(schema 99.*update rimlight"):
        engine_of(place)
    assert _hash(place) == before


@pytest.mark.parametrize(
    "content", [b"", b"just text\n" * 400, b"SQLite format 3\0" + b"\xff" * 4000]
)
def test_a_file_that_is_no_database_of_ours_is_refused(tmp_path, content):
    path = tmp_path / "rimlight.db"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"no database|not of rimlight|damaged"):
        engine_of(path)
    assert path.read_bytes() == content


def test_a_foreign_database_is_refused(tmp_path):
    path = tmp_path / "rimlight.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()
    with pytest.raises(StudyError, match="not of rimlight"):
        engine_of(path)


def test_a_missing_database_is_refused_and_not_made(tmp_path):
    with pytest.raises(StudyError, match="missing"):
        engine_of(tmp_path / "rimlight.db")
    assert not (tmp_path / "rimlight.db").exists()


def test_a_damaged_page_is_found_at_opening(tmp_path):
    study = study_of(tmp_path / "study", *(slide_info(f"s{n:04d}") for n in range(400)))
    study.engine.dispose()
    path = tmp_path / "study" / "rimlight.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    assert len(content) > 12 * 4096
    content[-3 * 4096 :] = b"\x55" * (3 * 4096)
    path.write_bytes(content)
    with pytest.raises(StudyError, match="damaged"):
        engine_of(path)


def test_a_block_that_fails_is_undone_as_a_whole(place):
    engine = engine_of(place)
    put_slides(engine, [slide_info("s1")])

    def write_and_fail():
        with writing(engine) as transaction:
            put_slides(transaction, [slide_info("s2")])
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert [slide.slide_id for slide in slides(engine)] == ["s1"]


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/fast ext4 rw 0 0
//server/share /mnt/my\\040share cifs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/study", None),
        ("/home/anna/study", "nfs4"),
        ("/home/fast/study", None),
        ("/homely/study", None),
        ("/mnt/my share/study", "cifs"),
    ],
)
def test_the_innermost_mount_says_whether_a_path_is_on_a_share(path, kind):
    assert network_file_system(database.Path(path), mounts=MOUNTS) == kind


def test_on_a_share_the_journal_mode_changes_and_the_user_is_told(
    place, tmp_path, monkeypatch, caplog
):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path.resolve()} nfs rw 0 0\n")
    monkeypatch.setattr(database, "_MOUNTS", mounts)
    with caplog.at_level(logging.WARNING, logger="rimlight"):
        engine = engine_of(place)
    assert _driver_value(engine, "journal_mode") == "delete"
    assert "network share (nfs)" in caplog.text


def test_tables_are_those_of_postgresql_too():
    dialect = postgresql.dialect()
    for table in database.metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
