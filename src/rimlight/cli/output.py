"""What a verb prints: its answer on standard output, everything else on standard error."""

import json
import sys
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


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Give a progress bar on standard error; None where no person watches."""
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
