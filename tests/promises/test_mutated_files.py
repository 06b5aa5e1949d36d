"""Promise: a spoilt file never breaks an importer: it is read, or refused in one sentence, soon."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mutated_files import IMPORTERS, MOST_BYTES

PROGRAM = Path(__file__).parent.parent / "mutated_files.py"
FOR_EVERY_CHANGE, IN_FULL = 120, 10_000


def spoil(importer, n_files, folder):
    command = [sys.executable, str(PROGRAM), importer, str(n_files), "20261124", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert outcome["n_files"] == n_files
    assert outcome["n_refused"] > n_files // 10, "most of the files ought to be spoilt"
    assert outcome["faults"] == []
    assert outcome["most_bytes"] < MOST_BYTES


@pytest.mark.parametrize("importer", IMPORTERS)
def test_spoilt_files_are_read_or_refused_in_one_sentence(importer, tmp_path):
    spoil(importer, FOR_EVERY_CHANGE, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("importer", IMPORTERS)
def test_ten_thousand_spoilt_files_are_read_or_refused_in_one_sentence(importer, tmp_path):
    spoil(importer, IN_FULL, tmp_path)
