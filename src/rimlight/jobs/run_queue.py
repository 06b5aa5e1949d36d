"""Runs started from the workbench: one at a time, each a child process, a few more in a queue.

What became of each is kept in the folder ``jobs`` of the study, so that it is known after the
server was stopped or killed. A child ends with the server, whatever ends the server.
"""

import re
import secrets
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rimlight.errors import JobError, StorageError, StudyError, TooManyJobsError
from rimlight.io.files import read_json, storage_error, write_json
from rimlight.io.runs import run_ids
from rimlight.io.study import Study
from rimlight.jobs.leash import PROGRAM, STOP_S, let_go, started_on_leash
from rimlight.jobs.run_log import RunLog, read_log

State = Literal["waiting", "running", "done", "failed", "stopped"]
MOST_WAITING = 4
_MOST_KEPT = 200
_NAME = re.compile(r"[0-9a-f]{12}", re.ASCII)
_GONE = "the workbench ended while it ran; start it again, or continue the run"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What is asked for. None: as the settings of the study say.

    is_continued: go on with the latest run, which was stopped, in place of a new one.
    """

    name: str = ""
    n_epochs: int | None = None
    n_folds: int | None = None
    is_continued: bool = False

    @property
    def arguments(self) -> list[str]:
        """The options of ``rimlight run``."""
        pairs = (("--epochs", self.n_epochs), ("--folds", self.n_folds))
        chosen = [text for name, value in pairs if value is not None for text in (name, str(value))]
        return chosen + (["--resume"] if self.is_continued else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """A run that was asked for, and what became of it; times are UTC, ISO 8601, "" before.

    run_id: None until its folder is there. sentence: why it failed or stopped, else "".
    """

    job_id: str
    order: RunOrder
    asked_by: str
    state: State
    asked_at: str
    started_at: str = ""
    ended_at: str = ""
    run_id: str | None = None
    sentence: str = ""


class RunQueue:
    """The runs of one study, started from the workbench.

    Args:
        study: Open; no other server serves it.
        command: What runs in place of ``rimlight``, for tests.
    """

    def __init__(self, study: Study, *, command: Sequence[str] | None = None) -> None:
        self._study = study
        self._command = command or PROGRAM
        self._folder = study.folder / "jobs"
        self._changed = threading.Condition()
        self._is_closed = False
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopped: set[str] = set()
        self._jobs = _kept_jobs(self._folder)
        with self._changed:
            for job in list(self._jobs.values()):
                if job.state in ("waiting", "running"):
                    gone = replace(job, state="stopped", ended_at=_now(), sentence=_GONE)
                    self._jobs[job.job_id] = gone
                    with suppress(StorageError):
                        self._put(gone)

    def jobs(self) -> list[RunJob]:
        """Return all jobs, the newest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: job.asked_at, reverse=True)

    def job(self, job_id: str) -> RunJob | None:
        """Return a job; None where there is none of that id."""
        with self._changed:
            return self._jobs.get(job_id)

    def log(self, job: RunJob) -> RunLog:
        """Return how far a job is; where the study lies is not said."""
        found = read_log(self._log(job.job_id))
        return replace(found, tail=tuple(self._without_path(line) for line in found.tail))

    def start(self, order: RunOrder, *, asked_by: str) -> RunJob:
        """Put a run into the queue; it starts at once where none runs.

        Raises:
            TooManyJobsError: As many wait as may.
            StorageError: The disk refuses; nothing was started.
        """
        with self._changed:
            if self._is_closed:
                raise JobError("the workbench is being closed; start it again")
            states = [job.state for job in self._jobs.values()]
            n_free = MOST_WAITING + ("running" not in states)
            if states.count("waiting") >= n_free:
                raise TooManyJobsError(
                    f"{MOST_WAITING} runs wait already; stop one of them, or wait for one to end"
                )
            job = RunJob(
                job_id=secrets.token_hex(6),
                order=self._as_before(order),
                asked_by=asked_by,
                state="waiting",
                asked_at=_now(),
            )
            self._put(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="runs", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return job

    def stop(self, job_id: str) -> RunJob | None:
        """Stop a job, in three seconds; one that has ended stays as it is."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.state not in ("waiting", "running"):
                return job
            if job.state == "waiting":
                return self._put(replace(job, state="stopped", ended_at=_now()))
            self._stopped.add(job_id)
            self._end_child()
            self._changed.wait_for(lambda: self._jobs[job_id].state != "running", 3 * STOP_S)
            return self._jobs[job_id]

    def close(self) -> None:
        """Stop what runs and what waits."""
        with self._changed:
            self._is_closed = True
            for job in list(self._jobs.values()):
                if job.state == "waiting":
                    with suppress(StorageError):
                        self._put(replace(job, state="stopped", ended_at=_now(), sentence=_GONE))
            self._end_child()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(4 * STOP_S)

    def _as_before(self, order: RunOrder) -> RunOrder:
        """Return an order to continue the latest run with what was chosen when it was started."""
        latest = max(run_ids(self._study), key=int, default=None)
        if not order.is_continued or latest is None:
            return order
        chosen = [job.order for job in self._jobs.values() if job.run_id == latest]
        return replace(chosen[-1], is_continued=True) if chosen else order

    def _without_path(self, text: str) -> str:
        return text.replace(str(self._study.folder), self._study.folder.name)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._next() is not None)
                job = self._next()
                if self._is_closed or job is None:
                    return
                try:
                    job = self._put(replace(job, state="running", started_at=_now()))
                    before = {str(known) for known in run_ids(self._study)}
                    child = self._child = self._started(job)
                except (JobError, StorageError) as error:
                    self._fail(job, str(error))
                    continue
            self._follow(job, child, before)

    def _follow(self, job: RunJob, child: "subprocess.Popen[bytes]", before: set[str]) -> None:
        code: int | None = None
        while code is None:
            with suppress(subprocess.TimeoutExpired):
                code = child.wait(0.25)
            if job.run_id is None and (made := self._made(job, before)) is not None:
                with self._changed, suppress(StorageError):
                    job = self._put(replace(job, run_id=made))
        assert child.stdin is not None
        child.stdin.close()
        with self._changed:
            self._child = None
            self._end(job, code)
            self._changed.notify_all()

    def _made(self, job: RunJob, before: set[str]) -> str | None:
        """Return the run that a job has made, or goes on with."""
        known = run_ids(self._study)
        if job.order.is_continued:
            return max(before, key=int, default=None)
        return next((run_id for run_id in known if run_id not in before), None)

    def _end(self, job: RunJob, code: int) -> None:
        answer = self.log(job).answer
        is_done = code == 0 and answer.get("ok") is True
        is_stopped = job.job_id in self._stopped or self._is_closed
        words = str(
            answer.get("error") or f"the program ended with code {code}; see its last lines"
        )
        ended = replace(
            job, ended_at=_now(), run_id=str(answer.get("run") or job.run_id or "") or None
        )
        with suppress(StorageError):
            if is_done:
                self._put(replace(ended, state="done"))
            elif is_stopped:
                self._put(
                    replace(ended, state="stopped", sentence=_GONE if self._is_closed else "")
                )
            else:
                words = self._without_path(words)
                self._put(replace(ended, state="failed", sentence=words))

    def _fail(self, job: RunJob, words: str) -> None:
        failed = replace(job, state="failed", ended_at=_now(), sentence=words)
        self._jobs[job.job_id] = failed
        with suppress(StorageError):
            self._put(failed)

    def _next(self) -> RunJob | None:
        waiting = [job for job in self._jobs.values() if job.state == "waiting"]
        return min(waiting, key=lambda job: job.asked_at, default=None)

    def _started(self, job: RunJob) -> "subprocess.Popen[bytes]":
        arguments = ["run", str(self._study.folder), "--json", *job.order.arguments]
        try:
            with self._log(job.job_id).open("wb") as log:
                return started_on_leash([*self._command, *arguments], log, what="the run")
        except OSError as error:
            raise JobError(f"the run does not start: {error.strerror}; start it again") from error

    def _end_child(self) -> None:
        """Let go of the leash; the child has two seconds to end by itself."""
        if self._child is not None:
            let_go(self._child)

    def _log(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.log"

    def _put(self, job: RunJob) -> RunJob:
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise storage_error(self._folder, error) from error
        write_json(self._folder / f"{job.job_id}.json", asdict(job))
        self._jobs[job.job_id] = job
        self._changed.notify_all()
        return job


def _kept_jobs(folder: Path) -> dict[str, RunJob]:
    found: dict[str, RunJob] = {}
    paths = [path for path in folder.glob("*.json") if _NAME.fullmatch(path.stem)]
    for path in paths:
        with suppress(StudyError, TypeError, KeyError, ValueError, AttributeError):
            data = dict(read_json(path))
            found[path.stem] = RunJob(**{**data, "order": RunOrder(**data["order"])})
    newest = sorted(found.values(), key=lambda job: job.asked_at, reverse=True)[:_MOST_KEPT]
    return {job.job_id: job for job in newest}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
