"""Verbs of the program run as children of the server: what would load a network into it.

One child a name.  Nothing is kept of an errand but whether it is done; what it made lies in the
study, where the verb put it whole or not at all.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import IO, Any, Literal

from rimlight.errors import JobError

State = Literal["running", "done", "failed"]
_STOP_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """How an errand stands.

    sentence: why it failed, "" otherwise. answer: what the verb printed, once it is done.
    """

    state: State
    seconds: float
    sentence: str
    answer: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class _Child:
    process: subprocess.Popen[bytes]
    output: IO[bytes]
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

    def close(self) -> None:
        """Stop what still runs, with all its children."""
        with self._lock:
            running = [it for it in self._children.values() if _stand(it).state == "running"]
            for child in running:
                _signal(child.process, signal.SIGTERM)
            for child in running:
                try:
                    child.process.wait(_STOP_S)
                except subprocess.TimeoutExpired:
                    _signal(child.process, signal.SIGKILL)
                    child.process.wait()
            for child in self._children.values():
                child.output.close()
            self._children.clear()


def _started(name: str, arguments: Sequence[str]) -> _Child:
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its errand
    command = [sys.executable, "-m", "rimlight.cli.main", *arguments, "--json"]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program, arguments as a list
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        output.close()
        raise JobError(f"{name}: does not start: {error.strerror}; start it again") from error
    return _Child(process=process, output=output, started_s=time.monotonic())


def _stand(child: _Child) -> Errand:
    if child.ended is not None:
        return child.ended
    seconds = time.monotonic() - child.started_s
    code = child.process.poll()
    if code is None:
        return Errand(state="running", seconds=seconds, sentence="", answer={})
    child.output.seek(0)
    said = _answer_in(child.output.read(16 * 2**20))
    is_done = code == 0 and said.get("ok") is True
    sentence = str(said.get("error") or f"the program stopped with code {code}; start it again")
    child.ended = Errand(
        state="done" if is_done else "failed",
        seconds=seconds,
        sentence="" if is_done else sentence,
        answer=said if is_done else {},
    )
    return child.ended


def _answer_in(output: bytes) -> dict[str, Any]:
    for line in reversed(output.decode(errors="replace").splitlines()):
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                return found
    return {}


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
