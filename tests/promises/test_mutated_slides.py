"""Promise: a spoilt slide is read, or refused in one sentence, soon, and in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mutated_slides import MOST_BYTES
from surroundings import SHARED

PROGRAM = Path(__file__).parent.parent / "mutated_slides.py"
FOR_EVERY_CHANGE, IN_FULL = 200, 10_000


def spoil(n_files, folder):
    hostile = SHARED / "hostile"
    more = [str(hostile)] if hostile.is_dir() else []
    command = [
        sys.executable,
        str(PROGRAM),
        str(n_files),
        "20261124",
        str(folder / "spoilt"),
        *more,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert outcome["n_files"] == n_files
    assert outcome["n_refused"] > n_files // 10, "most of the files ought to be spoilt"
    assert outcome["n_taken"] > 0, "some of the files ought to be sound still"
    assert outcome["faults"] == []
    assert outcome["most_bytes"] < MOST_BYTES


def test_spoilt_slides_are_read_or_refused_in_one_sentence(tmp_path):
    spoil(FOR_EVERY_CHANGE, tmp_path)


@pytest.mark.slow
def test_ten_thousand_spoilt_slides_are_read_or_refused_in_one_sentence(tmp_path):
    spoil(IN_FULL, tmp_path)
