"""Jobs of a real Slurm: the same digits, and slides of a job that was killed are taken up again."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rimlight.errors import JobError, SettingsError
from rimlight.jobs.slurm import slurm_engine
from rimlight.settings import EngineSettings
from rimlight.workflows.score import score

pytest.importorskip("submitit", reason="submitit is not installed; pip install 'rimlight[slurm]'")


def _runs_slurm() -> bool:
    if shutil.which("sbatch") is None:
        return False
    if not Path(os.environ.get("SLURM_CONF", "/etc/slurm/slurm.conf")).is_file():
        return False
    return subprocess.run(["sinfo"], capture_output=True).returncode == 0


needs_slurm = pytest.mark.skipif(
    not _runs_slurm(),
    reason='no Slurm answers; start one with: eval "$(scripts/local-slurm start)"',
)
QUICK = {"name": "slurm", "n_workers": 2, "memory_gb": 1.0, "time_min": 10}


def scored(run, **changes):
    return score(run, by=slurm_engine(EngineSettings(**(QUICK | changes))))


@pytest.mark.slow
@needs_slurm
def test_two_jobs_of_slurm_give_what_one_process_gives_to_the_last_digit(
    run, watch, expected, digest
):
    assert scored(run)["failed"] == []
    assert digest(run) == expected
    assert set(watch.n_times.values()) == {1}
    assert len({process for _, process in watch.log}) >= 2


@pytest.mark.slow
@needs_slurm
def test_a_slide_whose_job_is_killed_is_taken_up_again_or_given_up_by_name(
    run, watch, slide_ids, expected, digest
):
    watch.kill(slide_ids[1], signal.SIGKILL, n_times=1)
    watch.kill(slide_ids[2], signal.SIGKILL, n_times=99)
    (failed,) = scored(run, attempts=2)["failed"]
    assert (failed["slide"], failed["reason"]) == (slide_ids[2], "worker_died")
    assert watch.n_times == dict.fromkeys(slide_ids, 1) | {slide_ids[1]: 2, slide_ids[2]: 2}
    (watch.folder / f"die-{slide_ids[2]}").unlink()
    assert scored(run)["failed"] == []
    assert digest(run) == expected


@pytest.mark.slow
@needs_slurm
def test_a_job_that_is_cancelled_costs_one_attempt(run, watch, slide_ids, expected, digest):
    watch.hold(slide_ids[3])
    folder = run.folder.parent.parent
    command = [sys.executable, "-m", "rimlight.cli.main", "score", str(folder), "--engine", "slurm"]
    for option in ("memory_gb=1", "time_min=10", "n_workers=2"):
        command += ["--engine-option", option]
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE)
    while process.poll() is None and not watch.n_times[slide_ids[3]]:
        threading.Event().wait(0.1)
    (watch.folder / f"hold-{slide_ids[3]}").unlink()
    names = [path.name for path in (run.folder / "jobs" / "logs").glob("*/*_submitted.pkl")]
    subprocess.run(["scancel", "--state=RUNNING", names[0].split("_")[0]], check=True)
    answer = process.communicate(timeout=300)[0]
    assert process.returncode == 0, answer
    assert watch.n_times[slide_ids[3]] == 2
    assert digest(run) == expected


@pytest.mark.slow
@needs_slurm
def test_jobs_that_slurm_refuses_are_told_in_one_sentence(run):
    with pytest.raises(JobError, match="sbatch: refused the jobs"):
        scored(run, partition="nowhere")


def test_without_slurm_the_engine_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(JobError, match="sbatch is not on this computer"):
        slurm_engine(EngineSettings(name="slurm"))


@needs_slurm
def test_options_of_sbatch_are_told_without_dashes():
    with pytest.raises(SettingsError, match="write qos=short"):
        slurm_engine(EngineSettings(name="slurm", sbatch="--qos=short"))


@pytest.mark.slow
@needs_slurm
def test_a_job_at_its_time_limit_is_queued_again_and_goes_on(
    run, watch, slide_ids, expected, digest
):
    watch.hold(slide_ids[0])

    def end_it():
        while not watch.n_times[slide_ids[0]]:
            threading.Event().wait(0.1)
        (watch.folder / f"hold-{slide_ids[0]}").unlink()
        process = next(process for slide, process in watch.log if slide == slide_ids[0])
        os.kill(process, signal.SIGUSR2)  # what Slurm sends a while before the limit

    ender = threading.Thread(target=end_it)
    ender.start()
    assert scored(run)["failed"] == []
    ender.join()
    assert digest(run) == expected
    assert watch.n_times[slide_ids[0]] == 2
    assert len(list((run.folder / "jobs" / "logs").glob("slurm-*"))) == 1
