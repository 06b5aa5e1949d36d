"""Slides as jobs of Slurm, through submitit: arrays, several slides a job, requeued at its limit.

A job is told ids as JSON and writes into the run folder, which all computers share. What it did is
read there, never from what it returns. Slides of a job that ended without them are submitted again.
"""

import json
import secrets
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rimlight import errors
from rimlight.errors import JobError, RimlightError, SettingsError
from rimlight.io.files import read_json, write_json
from rimlight.jobs.following import Follower
from rimlight.jobs.worker import attempt_in_turn
from rimlight.settings import EngineSettings
from rimlight.workflows.patches import Progress
from rimlight.workflows.score import ScoredBy
from rimlight.workflows.score_job import give_up
from rimlight.workflows.score_plan import ScorePlan

LOOK_S = 2.0
_MOST_AT_ONCE = 256
_MOST_REFUSALS = 30
"""Times that squeue may fail in a row before the command ends."""


class SlidesJob:
    """Scores the slides of an order in a job of Slurm; after a requeue it goes on."""

    def __call__(self, order: str) -> None:
        """Score slides; what stops every job is written for the command to read."""
        told = json.loads(order)
        try:
            attempt_in_turn(told)
        except RimlightError as error:
            write_json(Path(told["stop"]), {"error": type(error).__name__, "words": str(error)})

    def checkpoint(self, order: str) -> Any:
        """Return what is submitted again when Slurm ends a job at its limit."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, order)


def slurm_engine(settings: EngineSettings) -> ScoredBy:
    """Return what scores slides as jobs of Slurm. It raises:

    - JobError: Slurm refuses the jobs or does not answer.
    - RimlightError: What stops every job: the run cannot be used, or the disk refuses.

    Raises:
        JobError: submitit or Slurm is not here.
        SettingsError: ``sbatch`` is no list of options.
    """
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise JobError(
            "engine slurm: submitit is not installed; pip install 'rimlight[slurm]'"
        ) from error
    for program in ("sbatch", "squeue"):
        if shutil.which(program) is None:
            raise JobError(
                f"engine slurm: {program} is not on this computer; give the command where jobs "
                "are submitted, or use --engine local"
            )
    options = _sbatch_options(settings.sbatch)

    def engine(plan: ScorePlan, slides: Sequence[str], progress: Progress) -> None:
        follower = Follower(plan, slides, progress)
        n_lost: Counter[str] = Counter()
        left = list(slides)
        while left:
            array = _Array(plan, left, settings, options)
            array.follow(follower)
            lost = [part for part in map(follower.unfinished, array.parts) if part]
            n_lost.update(part[0] for part in lost)
            left = [slide for part in lost for slide in part]
            for slide in [slide for slide in left if n_lost[slide] >= settings.attempts]:
                words = f"its job ended {n_lost[slide]} times without it; logs: {array.folder}"
                give_up(plan, slide, reason="worker_died", words=words)
                left.remove(slide)
            follower.look()

    return engine


class _Array:
    """One array of jobs, from its submission until none of them is left."""

    def __init__(
        self,
        plan: ScorePlan,
        slides: Sequence[str],
        settings: EngineSettings,
        options: dict[str, Any],
    ) -> None:
        self.folder = plan.run.folder / "jobs" / "logs" / f"slurm-{secrets.token_hex(4)}"
        self.parts = _parts(slides, settings)
        self._stop = self.folder / "stop.json"
        order = {
            "plan": plan.ids,
            "n_threads": settings.n_cpus or 1,
            "stop": str(self._stop.resolve()),
        }
        orders = [json.dumps({**order, "slides": part}) for part in self.parts]
        self._jobs = _submitted(self.folder, orders, settings, options)
        self._id = str(self._jobs[0].job_id).split("_")[0]

    def follow(self, follower: Follower) -> None:
        """Wait until no job is left; when interrupted, cancel them."""
        n_refused = 0
        try:
            while True:
                n_left = _n_left(self._id)
                n_refused = n_refused + 1 if n_left is None else 0
                if n_refused > _MOST_REFUSALS:
                    raise JobError("squeue: does not answer; ask whether Slurm runs, and repeat")
                follower.look()
                self._raise_stop()
                if n_left == 0:
                    return
                threading.Event().wait(LOOK_S)
        except BaseException:
            _answer("scancel", self._id)
            raise

    def _raise_stop(self) -> None:
        if self._stop.is_file():
            told = read_json(self._stop)
            raise getattr(errors, told["error"], RimlightError)(told["words"])


def _parts(slides: Sequence[str], settings: EngineSettings) -> list[list[str]]:
    """Share slides out among jobs: no more a job than asked, and no worker idle at the start."""
    n_workers = settings.n_workers or _MOST_AT_ONCE
    n_a_job = max(1, min(settings.slides_a_job, len(slides) // n_workers))
    return [list(slides[at : at + n_a_job]) for at in range(0, len(slides), n_a_job)]


def _submitted(
    folder: Path, orders: Sequence[str], settings: EngineSettings, options: dict[str, Any]
) -> list[Any]:
    import submitit

    executor = submitit.AutoExecutor(
        folder=folder, cluster="slurm", slurm_max_num_timeout=settings.attempts
    )
    executor.update_parameters(
        name="rimlight",
        timeout_min=settings.time_min,
        cpus_per_task=settings.n_cpus or 1,
        mem_gb=settings.memory_gb,
        slurm_array_parallelism=settings.n_workers or _MOST_AT_ONCE,
        slurm_additional_parameters=options,
        **({"slurm_partition": settings.partition} if settings.partition else {}),
        **({"slurm_account": settings.account} if settings.account else {}),
    )
    try:
        jobs: list[Any] = executor.map_array(SlidesJob(), orders)
    except (OSError, RuntimeError, submitit.core.utils.FailedJobError) as error:
        raise JobError(f"sbatch: refused the jobs: {error}; correct [engine]") from error
    return jobs


def _sbatch_options(text: str) -> dict[str, Any]:
    """Return options as sbatch names them, from ``qos=short,exclusive``."""
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, separator, value = part.partition("=")
        if not key or key.startswith("-"):
            raise SettingsError(f"engine.sbatch: write qos=short,exclusive, got {text!r}")
        found[key.strip()] = value.strip() if separator else True
    return found


def _n_left(array: str) -> int | None:
    """Return how many jobs of an array wait or run; None where Slurm does not answer."""
    done = _answer("squeue", "--noheader", "--array", "--format=%i", f"--jobs={array}")
    if done.returncode == 0:
        return len(done.stdout.split())
    return 0 if "Invalid job id" in done.stderr else None


def _answer(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program) or program
    return subprocess.run([found, *words], capture_output=True, text=True, check=False)  # noqa: S603 - Slurm's
