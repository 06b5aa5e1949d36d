"""The warm child that explains cells for a server: started when first asked, anew after a crash.

A crash or a request that takes too long costs the child only: other requests that it had in hand
are asked once more of a new one.
"""

import itertools
import queue
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rimlight import errors
from rimlight.errors import JobError, RimlightError
from rimlight.jobs.children import child_environment, module_command
from rimlight.jobs.frames import BrokenFrameError, read_frame, write_frame

Kind = Literal["warm", "why", "what_if", "cells", "maps"]
MEMORY_BYTES = 6 * 2**30
N_TRIES = 2
TIMEOUT_S: Mapping[str, float] = {"what_if": 20.0}
LONGEST_S = 90.0
"""Loading a run with thousands of cells is part of the first answer."""
_STOP_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An answer: plain facts, and PNG bytes by name."""

    facts: dict[str, Any]
    pictures: dict[str, bytes]


class Explainer:
    """Asks the child; may be asked by any number of threads."""

    def __init__(
        self,
        study: Path,
        *,
        n_threads: int = 1,
        memory_bytes: int = MEMORY_BYTES,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._study, self._n_threads, self._memory_bytes = study, n_threads, memory_bytes
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._is_closed = False

    def ask(self, kind: Kind, **asked: Any) -> Explained:
        """Return the answer of the child.

        Args:
            kind: What is asked; see ``explainer_child.answer`` for what each takes.
            asked: Plain JSON.

        Raises:
            RimlightError: What the child says of why there is no answer, as its own kind.
            JobError: The child crashed twice over it, took too long, or ran out of memory.
        """
        longest_s = min(TIMEOUT_S.get(kind, self._longest_s), self._longest_s)
        for _ in range(N_TRIES):
            child = self._running()
            try:
                found = child.ask({"kind": kind, **asked}, longest_s=longest_s)
            except TimeoutError as error:
                child.process.kill()
                self._drop(child)
                raise JobError(
                    f"explainer: gave no answer within {longest_s:g} s and was stopped; "
                    "ask again, or choose another cell"
                ) from error
            if found is not None:
                return _checked(*found)
            self._drop(child)
        raise JobError(
            "explainer: ended twice over this cell; the log of the server says why; choose another "
            "cell"
        )

    def warm(self, run: str | None = None) -> None:
        """Let the child make a run ready, without waiting for it; once is enough while it runs."""
        with self._lock:
            child = self._child
            if self._is_closed or (child is not None and not child.is_gone):
                return

        def ask() -> None:
            with suppress(RimlightError):
                self.ask("warm", run=run)

        threading.Thread(target=ask, daemon=True).start()

    @property
    def process_id(self) -> int | None:
        """Of the child that runs, for tests and for whoever watches memory."""
        child = self._child
        return None if child is None else child.process.pid

    def close(self) -> None:
        """End the child; within three seconds."""
        with self._lock:
            self._is_closed = True
            child, self._child = self._child, None
        if child is not None:
            child.stop()

    def _running(self) -> "_Child":
        with self._lock:
            if self._is_closed:
                raise JobError("explainer: the server is being stopped; ask again when it runs")
            if self._child is None or self._child.is_gone:
                self._child = _Child(self._options())
            return self._child

    def _drop(self, child: "_Child") -> None:
        with self._lock:
            if self._child is child:
                self._child = None
        child.stop()

    def _options(self) -> list[str]:
        return [
            str(self._study),
            f"--threads={self._n_threads}",
            f"--memory-bytes={self._memory_bytes}",
        ]


Reply = tuple[dict[str, Any], list[bytes]]


class _Child:
    """One process and the requests that it has in hand."""

    def __init__(self, options: list[str]) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            module_command("rimlight.jobs.explainer_child", *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(n_threads=1),
        )
        self.is_gone = False
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Reply | None]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, asked: dict[str, Any], *, longest_s: float) -> Reply | None:
        """Return what came, or None when the child ended.

        Raises:
            TimeoutError: Nothing came in time.
        """
        box: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()
        number = next(self._numbers)
        with self._lock:
            if self.is_gone:
                return None
            self._waiting[number] = box
        assert self.process.stdin is not None
        with suppress(OSError), self._lock:  # a dead child is told by the end of its answers
            write_frame(self.process.stdin, {"id": number, **asked})
        try:
            return box.get(timeout=longest_s)
        except queue.Empty:
            raise TimeoutError from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with suppress(BrokenFrameError, OSError, ValueError):
            while (found := read_frame(self.process.stdout)) is not None:
                with self._lock:
                    box = self._waiting.get(int(found[0]["id"]))
                if box is not None:
                    box.put(found)
        with self._lock:
            self.is_gone = True
            for box in self._waiting.values():
                box.put(None)

    def stop(self) -> None:
        """End the process: its input first, then by force."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(timeout=_STOP_S)
        assert self.process.stdout is not None
        with suppress(OSError):
            self.process.stdout.close()


def _checked(header: dict[str, Any], blobs: list[bytes]) -> Explained:
    kind = header.get("error")
    if kind is None:
        return Explained(
            facts=header["facts"], pictures=dict(zip(header["names"], blobs, strict=True))
        )
    if kind == "MemoryError":
        raise JobError("explainer: ran out of memory; close other programs and ask again")
    if kind == "fault":
        raise JobError(
            f"explainer: failed over this cell ({header['words']}); the log of the server says why"
        )
    raise getattr(errors, kind, RimlightError)(header["words"])
