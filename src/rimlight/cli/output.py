"""What a verb prints: its answer on standard output, everything else on standard error."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Told how far a long step is; safe to call very often."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` parts of ``what`` are finished."""


def answer(facts: Mapping[str, object], text: str, *, as_json: bool, is_ok: bool = True) -> None:
    """Print the one answer of a verb: ``text``, or one JSON object with ``ok`` and the facts."""
    if as_json:
        sys.stdout.write(json.dumps({"ok": is_ok, **facts}, allow_nan=False, default=str) + "\n")
    else:
        sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a message for people on standard error."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    r"""Return text whose control characters are spelt out; names in files may hold any.

    >>> printable("caf\u00e9\x1b[31m\nred")
    'caf\xe9\\x1b[31m\nred'
    """
    return "".join(
        part if part.isprintable() or part in "\n\t" else part.encode("unicode_escape").decode()
        for part in text
    )


PROGRESS_LINES = "RIMLIGHT_PROGRESS_LINES"
"""Environment variable by which a program that starts a verb asks for progress as lines of JSON."""
_LINES_A_SECOND = 2.0


def _progress_line() -> Progress:
    """Return what writes lines of JSON on standard error, a few a second and each last one."""
    told_s: dict[str, float] = {}

    def show(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - told_s.get(what, 0.0) >= 1 / _LINES_A_SECOND:
            told_s[what] = now
            say(json.dumps({"progress": what, "done": done, "total": total}))

    return show


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Give a progress bar on standard error; lines for a program, None where nobody watches."""
    if os.environ.get(PROGRESS_LINES) == "1":
        yield _progress_line()
        return
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task_of_what: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in task_of_what:
                task_of_what[what] = bar.add_task(what)
            bar.update(task_of_what[what], completed=done, total=total, visible=done < total)

        yield show
