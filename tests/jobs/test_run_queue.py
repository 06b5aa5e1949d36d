"""Runs started from the workbench: one at a time, stopped at once, known after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from rimlight.errors import JobError, TooManyJobsError
from rimlight.io.runs import create_run
from rimlight.jobs.run_log import read_log
from rimlight.jobs.run_queue import MOST_WAITING, RunOrder, RunQueue
from small_studies import study_of

# What stands in for `rimlight`: it tells how it was called, then waits or answers.
PROGRAM = """
import json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[2])
(folder / "called.json").write_text(json.dumps(sys.argv[1:]))
(folder / "pid").write_text(str(os.getpid()))
print("train", flush=True)
sys.stderr.write(json.dumps({"progress": "training", "done": 2, "total": 5}) + "\\n")
sys.stderr.write(f"from {folder}/cache\\n")
sys.stderr.flush()
ENDING
"""
WAITS = "time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
ENDS = 'print(json.dumps({"ok": True, "run": "0001"}))'
FAILS = 'print(json.dumps({"ok": False, "error": f"{folder}: too few cells"})); sys.exit(2)'
CRASHES = "os.kill(os.getpid(), 11)"


def queue_of(study, ending):
    return RunQueue(study, command=[sys.executable, "-c", PROGRAM.replace("ENDING", ending)])


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study")


def until(found):
    deadline = time.monotonic() + 60
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def ended(queue, job):
    return until(lambda: (now := queue.job(job.job_id)).state not in ("waiting", "running") and now)


def running(queue, job):
    return until(lambda: queue.log(queue.job(job.job_id)).n_all and queue.job(job.job_id))


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    with suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().split(")")[1].split()[0] != "Z"
    return True


def pid(study):
    return int((study.folder / "pid").read_text())


def test_a_run_is_started_with_what_was_chosen_and_ends_with_its_answer(study):
    with closing(queue_of(study, ENDS)) as queue:
        order = RunOrder(name="first", n_epochs=3, n_folds=5)
        job = ended(queue, queue.start(order, asked_by="anna"))
        assert (job.state, job.run_id, job.asked_by, job.sentence) == ("done", "0001", "anna", "")
    called = json.loads((study.folder / "called.json").read_text())
    assert called == ["run", str(study.folder), "--json", "--epochs", "3", "--folds", "5"]


def test_how_far_a_run_is_can_be_read_and_where_the_study_lies_cannot(study):
    with closing(queue_of(study, WAITS)) as queue:
        job = running(queue, queue.start(RunOrder(), asked_by="anna"))
        log = queue.log(job)
        assert (job.state, log.step, log.what, log.n_done, log.n_all) == (
            "running", "train", "training", 2, 5,
        )  # fmt: skip
        until(lambda: len(queue.log(job).tail) == 2)
        assert str(study.folder) not in " ".join(queue.log(job).tail)


def test_a_run_that_fails_says_why_in_the_words_of_the_program(study):
    with closing(queue_of(study, FAILS)) as queue:
        job = ended(queue, queue.start(RunOrder(), asked_by="anna"))
    assert (job.state, job.sentence) == ("failed", "study: too few cells")


def test_a_run_that_crashes_is_failed(study):
    with closing(queue_of(study, CRASHES)) as queue:
        job = ended(queue, queue.start(RunOrder(), asked_by="anna"))
    assert job.state == "failed"
    assert "ended with code" in job.sentence


@pytest.mark.parametrize("ending", [WAITS, STUBBORN])
def test_a_stopped_run_leaves_no_orphan(study, ending):
    with closing(queue_of(study, ending)) as queue:
        job = running(queue, queue.start(RunOrder(), asked_by="anna"))
        child = pid(study)
        assert queue.stop(job.job_id).state == "stopped"
        assert not is_alive(child)
        assert queue.stop(job.job_id).state == "stopped"
        assert queue.stop("0" * 12) is None


def test_one_runs_and_no_more_wait_than_may(study):
    with closing(queue_of(study, WAITS)) as queue:
        running(queue, queue.start(RunOrder(), asked_by="anna"))
        waiting = [queue.start(RunOrder(), asked_by="anna") for _ in range(MOST_WAITING)]
        for _ in range(50):
            with pytest.raises(TooManyJobsError, match="wait already"):
                queue.start(RunOrder(), asked_by="boris")
        assert [job.state for job in queue.jobs()].count("running") == 1
        assert queue.stop(waiting[0].job_id).state == "stopped"
        queue.start(RunOrder(), asked_by="boris")


def test_the_next_run_starts_when_the_one_before_has_ended(study):
    with closing(queue_of(study, WAITS)) as queue:
        first = running(queue, queue.start(RunOrder(), asked_by="anna"))
        second = queue.start(RunOrder(), asked_by="anna")
        assert queue.job(second.job_id).state == "waiting"
        queue.stop(first.job_id)
        until(lambda: queue.job(second.job_id).state == "running")


def test_closing_ends_what_runs_and_what_waits(study):
    queue = queue_of(study, WAITS)
    running(queue, queue.start(RunOrder(), asked_by="anna"))
    queue.start(RunOrder(), asked_by="anna")
    child = pid(study)
    queue.close()
    assert not is_alive(child)
    assert {job.state for job in queue.jobs()} == {"stopped"}
    with pytest.raises(JobError, match="being closed"):
        queue.start(RunOrder(), asked_by="anna")


def test_a_killed_server_leaves_no_child_and_no_job_that_seems_to_run(study):
    program = PROGRAM.replace("ENDING", WAITS)
    server = f"""
import sys, time
from pathlib import Path
from rimlight.io.study import open_study
from rimlight.jobs.run_queue import RunOrder, RunQueue
study = open_study(Path({str(study.folder)!r}))
queue = RunQueue(study, command=[sys.executable, "-c", {program!r}])
queue.start(RunOrder(name="cut off"), asked_by="anna")
queue.start(RunOrder(), asked_by="anna")
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", server])
    until(lambda: (study.folder / "pid").exists() and (study.folder / "pid").read_text())
    child = pid(study)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not is_alive(child))
    with closing(queue_of(study, ENDS)) as queue:
        jobs = queue.jobs()
        assert {job.state for job in jobs} == {"stopped"}
        assert any(job.order.name == "cut off" for job in jobs)
        assert all("the workbench ended while it ran" in job.sentence for job in jobs)
        assert ended(queue, queue.start(RunOrder(), asked_by="anna")).state == "done"


def test_a_run_is_continued_with_what_was_chosen_for_it(study):
    makes = (
        "run = folder / 'runs' / '0001'; run.mkdir(exist_ok=True); "
        "(run / 'run.json').write_text('{}'); time.sleep(600)"
    )
    with closing(queue_of(study, makes)) as queue:
        job = queue.start(RunOrder(n_epochs=7), asked_by="anna")
        until(lambda: queue.job(job.job_id).run_id == "0001")
        queue.stop(job.job_id)
        (study.folder / "called.json").unlink()
        again = queue.start(RunOrder(is_continued=True), asked_by="anna")
        until(lambda: queue.job(again.job_id).run_id == "0001")
    called = json.loads((study.folder / "called.json").read_text())
    assert called[3:] == ["--epochs", "7", "--resume"]


def test_a_run_made_by_hand_is_continued_as_the_study_says(study):
    create_run(study, command="rimlight run")
    with closing(queue_of(study, ENDS)) as queue:
        job = ended(queue, queue.start(RunOrder(is_continued=True), asked_by="anna"))
    assert job.order == RunOrder(is_continued=True)


def test_a_damaged_record_of_a_job_is_left_out(study):
    (study.folder / "jobs").mkdir()
    (study.folder / "jobs" / f"{'a' * 12}.json").write_text("{")
    (study.folder / "jobs" / f"{'b' * 12}.json").write_text('{"job_id": "b"}')
    with closing(queue_of(study, ENDS)) as queue:
        assert queue.jobs() == []


def test_a_log_is_read_to_its_last_step_even_if_it_is_cut_off(tmp_path):
    log = tmp_path / "a.log"
    assert read_log(log).step is None
    log.write_bytes(
        b'train\n{"progress": "training", "done": 1, "total": 3}\nevaluate\nall: 9\n{"pro'
    )
    found = read_log(log)
    assert (found.step, found.n_all, found.tail[-2:]) == ("evaluate", 0, ("all: 9", '{"pro'))
    log.write_bytes(
        b'report\n{"ok": true, "run": "0002"}\n{"progress": 3, "done": "x", "total": null}'
    )
    assert read_log(log).answer["run"] == "0002"
    assert (read_log(log).n_done, read_log(log).n_all) == (0, 0)
