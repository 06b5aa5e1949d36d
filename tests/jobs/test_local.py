"""Workers of this computer: the same digits, and a worker that dies costs one attempt, no more."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rimlight.errors import JobError, StorageError
from rimlight.jobs.local import local_engine
from rimlight.settings import EngineSettings
from rimlight.workflows.score import score


def scored(run, *, n_workers=2, attempts=3, **how):
    by = local_engine(EngineSettings(n_workers=n_workers, attempts=attempts))
    return score(run, by=by, **how)


def command(run, *words):
    folder = run.folder.parent.parent
    return [sys.executable, "-m", "rimlight.cli.main", "score", str(folder), *words]


def test_two_workers_one_killed_in_the_middle_give_what_one_process_gives_to_the_last_digit(
    run, watch, expected, digest, slide_ids
):
    watch.kill(slide_ids[1], signal.SIGKILL, n_times=1)
    seen = []
    section = scored(run, progress=lambda *told: seen.append(told))
    assert section["failed"] == []
    assert digest(run) == expected
    assert watch.n_times == dict.fromkeys(slide_ids, 1) | {slide_ids[1]: 2}
    assert len({process for _, process in watch.log}) >= 2
    assert ("score", len(slide_ids), len(slide_ids)) in seen
    assert (f"score {slide_ids[0]}", 1, 1) in seen
    assert list((run.folder / "jobs" / "claims").iterdir()) == []


def test_a_slide_that_kills_every_worker_is_given_up_by_name_and_the_others_are_scored(
    run, watch, slide_ids, expected, digest
):
    watch.kill(slide_ids[0], signal.SIGSEGV, n_times=99)
    section = scored(run, n_workers=1, attempts=2)
    assert watch.n_times == dict.fromkeys(slide_ids, 1) | {slide_ids[0]: 2}
    (failed,) = section["failed"]
    assert (failed["slide"], failed["reason"]) == (slide_ids[0], "worker_died")
    assert "2 times" in failed["words"]
    assert "signal 11 (SIGSEGV)" in failed["words"]
    log = failed["words"].split("log: ")[1]
    assert "Segmentation fault" in Path(log).read_text(encoding="utf-8")
    assert section["n_slides"] == len(slide_ids)
    (watch.folder / f"die-{slide_ids[0]}").unlink()
    assert score(run)["failed"] == []
    assert digest(run) == expected


@pytest.mark.slow
def test_two_commands_on_one_study_share_the_slides_and_both_have_the_whole(
    run, watch, expected, digest
):
    processes = [
        subprocess.Popen(command(run, "--workers", "1", "--json"), stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert set(watch.n_times.values()) == {1}
    assert digest(run) == expected


def test_ctrl_c_stops_all_workers_and_what_is_finished_stays(
    run, watch, slide_ids, expected, digest
):
    watch.hold(slide_ids[-1])
    process = subprocess.Popen(
        command(run, "--workers", "2"),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    waiting = threading.Event()
    while process.poll() is None and not (
        watch.n_times[slide_ids[-1]]
        and len(list((run.folder / "scores").glob("*.json"))) == len(slide_ids) - 1
    ):
        waiting.wait(0.05)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert (process.returncode, "rimlight: stopped" in error) == (130, True), error
    for _, worker in watch.log:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
    assert list((run.folder / "scores").glob(f"{slide_ids[-1]}.*")) == []
    (watch.folder / f"hold-{slide_ids[-1]}").unlink()
    score(run)
    assert digest(run) == expected


def test_a_disk_that_refuses_stops_the_command_with_its_own_sentence(run, watch, slide_ids):
    folder = run.folder / "scores"
    folder.mkdir()
    (folder / f"{slide_ids[0]}.csv.gz").mkdir()
    with pytest.raises(StorageError, match=slide_ids[0]):
        scored(run, n_workers=1)


def test_workers_that_cannot_start_are_told_with_their_log(run, monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit(7)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(JobError, match="ended with code 7 before its first slide, 3 times"):
        scored(run)
