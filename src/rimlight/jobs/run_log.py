"""How far a run is, read from what its command wrote: steps as words, progress as JSON."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STEPS = (
    "train", "evaluate", "explain", "validate", "membranes", "quality", "causes", "report",
)  # fmt: skip
_MOST_BYTES = 2**20
_N_TAIL = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLog:
    """What a log says.

    step: the step in hand, None before the first. n_done, n_all: parts of what is told last.
    answer: what the command answered at its end; empty before.
    tail: the last lines for people.
    """

    step: str | None = None
    what: str = ""
    n_done: int = 0
    n_all: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    tail: tuple[str, ...] = ()


def read_log(path: Path) -> RunLog:
    """Return what a log says so far; nothing where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size - _MOST_BYTES)
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return RunLog()
    step, what, told, answer, tail = None, "", (0, 0), {}, []
    for line in lines[1:] if start else lines:
        said = _object(line)
        if "progress" in said:
            what, told = str(said["progress"]), (_count(said, "done"), _count(said, "total"))
        elif "ok" in said:
            answer = said
        elif line.strip() in STEPS:
            step, what, told = line.strip(), "", (0, 0)
            tail.append(line.strip())
        elif line.strip():
            tail.append(line.rstrip()[:300])
    return RunLog(
        step=step, what=what, n_done=told[0], n_all=told[1], answer=answer,
        tail=tuple(tail[-_N_TAIL:]),
    )  # fmt: skip


def _object(line: str) -> dict[str, Any]:
    if line.startswith("{"):
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                return found
    return {}


def _count(said: dict[str, Any], key: str) -> int:
    value = said.get(key)
    return value if isinstance(value, int) else 0
