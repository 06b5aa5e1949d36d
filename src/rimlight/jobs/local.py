"""Worker processes on this computer: a crash costs one slide's attempt, never the rest.

Each worker is a program of its own, started afresh. A slide whose worker died is taken up by
another, at most ``attempts`` times; then its failure is written and the others go on.
"""

import json
import queue
import secrets
import signal
import subprocess
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rimlight import errors
from rimlight.errors import JobError, RimlightError
from rimlight.jobs.children import child_environment, module_command
from rimlight.jobs.worker import line_of
from rimlight.settings import EngineSettings
from rimlight.workflows.patches import Progress
from rimlight.workflows.score import ScoredBy
from rimlight.workflows.score_job import give_up
from rimlight.workflows.score_plan import ScorePlan

_MOST_FAILED_STARTS = 3
_STOP_S = 3.0
Event = tuple["_Worker", dict[str, Any] | None]


def local_engine(settings: EngineSettings) -> ScoredBy:
    """Return what scores slides by worker processes on this computer.

    Torch threads of the study are shared out among the workers. When it is interrupted the
    workers are stopped; slides that are finished stay. It raises:

    - JobError: Workers cannot be started.
    - RimlightError: What stops every worker: the run cannot be used, or the disk refuses.
    """

    def engine(plan: ScorePlan, slides: Sequence[str], progress: Progress) -> None:
        crew = _Crew(plan, slides, progress, attempts=settings.attempts)
        shared_out = max(1, plan.study.settings.train.n_threads // settings.n_workers)
        crew.n_threads = settings.n_cpus or shared_out
        try:
            for _ in range(min(settings.n_workers, len(slides))):
                crew.start()
            while crew.waiting or crew.in_hand:
                crew.hear(*crew.next_event())
        finally:
            crew.stop()

    return engine


class _Worker:
    """One process, the slide it has in hand, and the thread that reads its lines."""

    def __init__(
        self, order: Mapping[str, Any], log: Path, events: "queue.SimpleQueue[Event]"
    ) -> None:
        self.slide: str | None = None
        self.is_ready = False
        self.log = log
        with log.open("wb") as handle:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                module_command("rimlight.jobs.worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=handle,
                env=child_environment(n_threads=order["n_threads"]),
            )
        self.send(order)
        self.reader = threading.Thread(target=self._read, args=(events,), daemon=True)
        self.reader.start()

    def send(self, order: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # a dead worker is told by the end of its lines
            self.process.stdin.write(line_of(order))
            self.process.stdin.flush()

    def _read(self, events: "queue.SimpleQueue[Event]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):  # a line cut off by a kill
                events.put((self, json.loads(line)))
        events.put((self, None))

    def take(self, slide: str) -> None:
        self.slide = slide
        self.send({"slide": slide})

    def close(self) -> None:
        """Let go of a process that has ended; a log that says nothing is removed."""
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        with suppress(OSError):
            if not self.log.stat().st_size:
                self.log.unlink()

    def end_words(self) -> str:
        code = self.process.wait()
        if code >= 0:
            return f"ended with code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
        hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
        return f"was killed by signal {-code} ({name}{hint})"


class _Crew:
    """The workers of one command, the slides that wait, and how often each was lost."""

    def __init__(
        self, plan: ScorePlan, slides: Sequence[str], progress: Progress, *, attempts: int
    ) -> None:
        self.plan, self.show, self.attempts = plan, progress, attempts
        self.waiting = deque(slides)
        self.n_all, self.n_done, self.n_failed_starts = len(slides), 0, 0
        self.n_threads = 1
        self.n_lost: Counter[str] = Counter()
        self.workers: list[_Worker] = []
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    @property
    def in_hand(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.slide is not None]

    def start(self) -> None:
        order = {"plan": self.plan.ids, "n_threads": self.n_threads}
        log = self.plan.run.folder / "jobs" / "logs" / f"worker-{secrets.token_hex(4)}.log"
        self.workers.append(_Worker(order, log, self.events))

    def next_event(self) -> Event:
        while True:
            with suppress(queue.Empty):
                return self.events.get(timeout=0.5)  # so that Ctrl-C is heard everywhere

    def hear(self, worker: _Worker, told: dict[str, Any] | None) -> None:
        if told is None:
            self._lost(worker)
        elif told["kind"] == "tiles":
            self.show(f"score {told['slide']}", told["done"], told["total"])
        elif told["kind"] == "stop":
            raise getattr(errors, told["error"], RimlightError)(told["words"])
        else:
            worker.is_ready, slide = True, worker.slide
            worker.slide = None
            if told["kind"] == "busy" and slide is not None:
                self.waiting.append(slide)
            elif slide is not None:
                self._done()
            self._share_out()

    def _done(self) -> None:
        self.n_done += 1
        self.show("score", self.n_done, self.n_all)

    def _share_out(self) -> None:
        for worker in self.workers:
            if worker.is_ready and worker.slide is None and self.waiting:
                worker.take(self.waiting.popleft())

    def _lost(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        words, slide = worker.end_words(), worker.slide
        worker.close()
        if slide is None:
            self._lost_at_start(worker, words)
        else:
            self.n_lost[slide] += 1
            if self.n_lost[slide] < self.attempts:
                self.waiting.append(slide)
            else:
                times = f"{self.n_lost[slide]} times, the last one"
                words = f"its worker died {times} {words}; log: {worker.log}"
                give_up(self.plan, slide, reason="worker_died", words=words)
                self._done()
        if self.waiting:
            self.start()

    def _lost_at_start(self, worker: _Worker, words: str) -> None:
        self.n_failed_starts += 1
        if self.n_failed_starts >= _MOST_FAILED_STARTS:
            raise JobError(
                f"worker: {words} before its first slide, {self.n_failed_starts} times; its log "
                f"says why: {worker.log}"
            )

    def stop(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            try:
                worker.process.wait(timeout=_STOP_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.close()
