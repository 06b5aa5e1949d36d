"""Promise: a kill in the middle of an import loses no label, and imports a file whole or not."""

import random
import signal
import subprocess
import sys

import pytest

from rimlight.io.journal import append_labels, current_labels, verify_journal
from rimlight.io.study import open_study
from rimlight.workflows.exchange import import_labels
from small_studies import label_of, study_of

N_KILLS = 15
N_ROWS = 800
IMPORTS = """
import sys
from pathlib import Path
from rimlight.io.study import open_study
from rimlight.workflows.exchange import import_labels
study = open_study(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(1000):
    done = import_labels(study, Path(sys.argv[2]), reader=f"{sys.argv[3]}-{number}")
    print(f"{sys.argv[3]}-{number}", flush=True)
"""


@pytest.fixture
def table(tmp_path):
    rows = [f"s1,{40 * (n % 50)},{20 * (n // 50)},weak" for n in range(N_ROWS)]
    (tmp_path / "labels.csv").write_text("\n".join(["slide,x_l0,y_l0,label", *rows]) + "\n")
    return tmp_path / "labels.csv"


def _killed_import(study, table, name, *, after_s):
    """Import over and over in another process, kill it, and return the imports it announced."""
    command = [sys.executable, "-c", IMPORTS, str(study.folder), str(table), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        announced = process.stdout.read().split("\n")
    assert process.returncode == -signal.SIGKILL
    return [line for line in announced[:-1] if line]


def test_no_kill_loses_an_announced_import_or_leaves_half_of_one(tmp_path, table):
    study = study_of(tmp_path / "study")
    append_labels(study.engine, [label_of(1, "strong", "before")])
    study.engine.dispose()
    announced, chance = [], random.Random(7)
    for kill in range(N_KILLS):
        announced += _killed_import(study, table, f"r{kill}", after_s=chance.uniform(0.0, 0.25))
        opened = open_study(study.folder)
        n_labels_of = {}
        for label in current_labels(opened.engine):
            n_labels_of[label.reader] = n_labels_of.get(label.reader, 0) + 1
        assert n_labels_of.pop("before") == 1
        assert set(announced) <= set(n_labels_of)
        assert set(n_labels_of.values()) <= {N_ROWS}
        assert len(n_labels_of) <= len(announced) + kill + 1
    assert verify_journal(opened.engine) == 1 + N_ROWS * len(n_labels_of)
    assert import_labels(opened, table, reader="after").n_new == N_ROWS
