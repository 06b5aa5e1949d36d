"""Verbs that run as children of the server: how they stand, and that none outlives it."""

import os
import sys
import time
from pathlib import Path

import pytest

from rimlight.errors import JobError
from rimlight.jobs import errands as module
from rimlight.jobs.errands import Errands

DEADLINE_S = 60.0


@pytest.fixture
def errands():
    made = Errands(n_most=1)
    yield made
    made.close()


def ended(errands, name):
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        found = errands.of(name)
        if found.state != "running":
            return found
        time.sleep(0.05)
    raise AssertionError(f"{name} still runs after {DEADLINE_S} s")


def test_a_verb_that_fails_says_why_in_the_words_of_the_program(errands, tmp_path):
    errands.start("calls", ["agree", str(tmp_path / "nothing")])
    found = ended(errands, "calls")
    assert found.state == "failed"
    assert "nothing" in found.sentence
    assert found.answer == {}


def test_a_verb_that_ends_well_leaves_its_answer(errands, tmp_path):
    table = tmp_path / "ratings.csv"
    table.write_text("case,a,b\n1,0,0\n2,1,1\n3,1,0\n", encoding="utf-8")
    errands.start("agree", ["agree", str(table), "--resamples", "10"])
    found = ended(errands, "agree")
    assert (found.state, found.sentence) == ("done", "")
    assert found.answer["agreement"]["n_items"] == 3


def test_an_errand_that_was_never_started_is_not_known(errands):
    assert errands.of("the moon") is None


def asleep(monkeypatch, tmp_path):
    """Let children sleep in place of the program, and write down who they are."""
    script = tmp_path / "sleeper"
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}; time.sleep(600)"\n')
    script.chmod(0o755)
    monkeypatch.setattr(module, "PROGRAM", (str(script),))


def test_one_name_is_started_once_and_others_wait_their_turn(errands, monkeypatch, tmp_path):
    asleep(monkeypatch, tmp_path)
    assert errands.start("one", ["triage"]).state == "running"
    assert errands.start("one", ["triage"]).state == "running"
    with pytest.raises(JobError, match="two: 1 other jobs of this page run already"):
        errands.start("two", ["triage"])


def test_no_child_outlives_the_server(monkeypatch, tmp_path):
    asleep(monkeypatch, tmp_path)
    errands = Errands()
    errands.start("one", ["triage"])
    path = Path(tmp_path / "pid")
    until = time.monotonic() + DEADLINE_S
    while not (path.exists() and path.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    number = int(path.read_text())
    errands.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    assert errands.of("one") is None
