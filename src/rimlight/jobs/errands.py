"""Verbs of the program run as children of the server: what would load a network into it.

One child a name, on a leash: it ends with the server, whatever ends that. Nothing is kept of an
errand but whether it is done; what it made lies in the study, where the verb put it whole or not
at all.
"""

import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from rimlight.errors import JobError
from rimlight.jobs.leash import PROGRAM, end_group, let_go, started_on_leash
from rimlight.jobs.run_log import read_log

State = Literal["running", "done", "failed"]
_STOP_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """How an errand stands.

    sentence: why it failed, "" otherwise. answer: what the verb printed, once it is done.
    what, n_done, n_all: the step in hand, as far as it tells.
    """

    state: State
    seconds: float
    sentence: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    what: str = ""
    n_done: int = 0
    n_all: int = 0


@dataclass(slots=True, kw_only=True)
class _Child:
    process: subprocess.Popen[bytes]
    output: "tempfile._TemporaryFileWrapper[bytes]"
    started_s: float
    ended: Errand | None = None


@dataclass(slots=True, kw_only=True)
class Errands:
    """The children of one server, by name; ``n_most`` of them run at a time."""

    n_most: int = 2
    _children: dict[str, _Child] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def start(self, name: str, arguments: Sequence[str]) -> Errand:
        """Start ``rimlight ARGUMENTS --json`` under a name, or return the one that runs already.

        Raises:
            JobError: As many run as may, or the child does not start.
        """
        with self._lock:
            known = self._children.get(name)
            if known is not None and _stand(known).state == "running":
                return _stand(known)
            n_running = sum(_stand(it).state == "running" for it in self._children.values())
            if n_running >= self.n_most:
                raise JobError(
                    f"{name}: {n_running} other jobs of this page run already; wait for one to end"
                )
            if known is not None:
                known.output.close()
            self._children[name] = child = _started(name, arguments)
            return _stand(child)

    def of(self, name: str) -> Errand | None:
        """Return how an errand stands; None where it was never started."""
        with self._lock:
            child = self._children.get(name)
            return None if child is None else _stand(child)

    def forget(self, name: str) -> None:
        """Leave an errand that has ended behind, so that it can be started anew."""
        with self._lock:
            child = self._children.get(name)
            if child is not None and _stand(child).state != "running":
                child.output.close()
                del self._children[name]

    def close(self) -> None:
        """Stop what still runs, with all its children."""
        with self._lock:
            running = [it for it in self._children.values() if _stand(it).state == "running"]
            for child in running:
                let_go(child.process)
            for child in running:
                end_group(child.process, wait_s=_STOP_S)
                child.process.wait()
            for child in self._children.values():
                child.output.close()
            self._children.clear()


def _started(name: str, arguments: Sequence[str]) -> _Child:
    output = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed with its errand
    try:
        process = started_on_leash([*PROGRAM, *arguments, "--json"], output, what=name)
    except JobError:
        output.close()
        raise
    return _Child(process=process, output=output, started_s=time.monotonic())


def _stand(child: _Child) -> Errand:
    if child.ended is not None:
        return child.ended
    seconds = time.monotonic() - child.started_s
    code, log = child.process.poll(), read_log(Path(child.output.name))
    if code is None:
        return Errand(
            state="running", seconds=seconds, what=log.what, n_done=log.n_done, n_all=log.n_all
        )
    assert child.process.stdin is not None
    child.process.stdin.close()
    if code == 0:
        child.ended = Errand(state="done", seconds=seconds, answer=log.answer)
    else:
        said = log.answer.get("error") or f"the program stopped with code {code}; start it again"
        child.ended = Errand(state="failed", seconds=seconds, sentence=str(said))
    return child.ended
