"""Promise: a full disk costs nothing that was saved, is said in a sentence, and is got over."""

import subprocess
import sys

import pytest

from rimlight.errors import StorageError
from rimlight.io.files import write_whole
from rimlight.io.journal import append_labels, current_labels, verify_journal
from rimlight.io.runs import create_run
from rimlight.io.study import create_study, open_study
from rimlight.workflows.exchange import export_labels, import_labels
from small_studies import label_of, study_of

IMPORT_WITH_A_LIMIT = """
import resource, sys
from pathlib import Path
from rimlight.errors import StorageError
from rimlight.io.study import open_study
from rimlight.workflows.exchange import import_labels
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    import_labels(open_study(Path(sys.argv[1])), Path(sys.argv[2]), reader="anna")
except StorageError as error:
    print(error)
    sys.exit(3)
"""


@pytest.fixture
def table(tmp_path):
    rows = [f"s1,{20 * (n % 100)},{20 * (n // 100)},weak" for n in range(5000)]
    (tmp_path / "labels.csv").write_text("\n".join(["slide,x_l0,y_l0,label", *rows]) + "\n")
    return tmp_path / "labels.csv"


def _fill(place):
    """Take all space but the last few kilobytes."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as handle:
        try:
            while True:
                handle.write(b"x" * 4096)
        except OSError:
            pass
    return filler


def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_space(small_disk, table):
    study = study_of(small_disk / "study")
    kept = [label_of(number) for number in range(50)]
    append_labels(study.engine, kept)
    for act in (
        lambda: append_labels(study.engine, [label_of(n, "strong") for n in range(2000)]),
        lambda: import_labels(study, table, reader="anna"),
        lambda: export_labels(study, small_disk / "labels.csv"),
        lambda: write_whole(small_disk / "note.txt", "x" * 10_000),
        lambda: create_run(study, command="rimlight train"),
        lambda: create_study(small_disk / "other"),
    ):
        filler = _fill(small_disk)
        with pytest.raises(StorageError, match="the disk is full"):
            act()
        filler.unlink()
        assert current_labels(study.engine) == kept
        assert [path.name for path in small_disk.iterdir()] == ["study"]
        assert list(study.runs.iterdir()) == []
    assert append_labels(study.engine, [label_of(1, "strong")]) == 1
    assert verify_journal(open_study(study.folder).engine) == 51


@pytest.mark.parametrize("limit_bytes", [100_000, 400_000, 1_200_000])
def test_a_limit_on_file_size_ends_an_import_in_one_sentence(tmp_path, table, limit_bytes):
    study = study_of(tmp_path / "study")
    append_labels(study.engine, [label_of(1)])
    study.engine.dispose()
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_WITH_A_LIMIT, study.folder, table, str(limit_bytes)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "rimlight.db" in done.stdout
    assert current_labels(open_study(study.folder).engine) == [label_of(1)]


def test_a_folder_that_may_not_be_written_is_said(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refused)
    with pytest.raises(StorageError, match="may not be written here; choose a folder"):
        write_whole(tmp_path / "note.txt", "text")
