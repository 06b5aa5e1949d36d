"""Claims: files by which processes, also on several computers, agree who does a thing.

The holder of a thing has the file of the highest number, ``THING.1``, ``THING.2`` and so on. Only
one process can make a file, so only one takes over a claim whose holder is gone. The holder touches
its file every few seconds; what was not touched for long is stale. After a claim is won, look
whether the thing was done meanwhile.
"""

import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rimlight.errors import StudyError
from rimlight.io.files import inside, read_json, storage_error

HEARTBEAT_S = 5.0
STALE_S = 180.0
"""Without a heartbeat for so long a holder is gone; a network share may show times 60 s late."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """A thing that this process does, until the block ends.

    done, total: told to others with the heartbeat.
    """

    path: Path
    told: dict[str, int] = field(default_factory=dict)

    def tell(self, done: int, total: int) -> None:
        """Let others know how far the thing is."""
        self.told.update(done=done, total=total)


@contextmanager
def claimed(
    folder: Path, name: str, *, told: Mapping[str, int] | None = None
) -> Iterator[Claim | None]:
    """Give the claim on a thing for the block, or None where another process has it.

    Args:
        folder: Of the claims; it is there, on a disk that all processes share.
        name: Of the thing.
        told: What others are told from the start.

    Raises:
        StorageError: The disk refuses.
    """
    number = _free_number(folder, name)
    claim = None if number is None else _taken(folder, name, number, told or {})
    if claim is None:
        yield None
        return
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(claim, over), daemon=True)
    heart.start()
    try:
        yield claim
    finally:
        over.set()
        heart.join()
        for path in _files(folder, name):
            if _number(path) <= _number(claim.path):
                path.unlink(missing_ok=True)


def holder_of(folder: Path, name: str) -> dict[str, Any] | None:
    """Return who does a thing: host, process, and how far it is told to be; None: nobody."""
    files = _files(folder, name)
    if not files or _is_stale(files[-1]):
        return None
    return _content(files[-1])


def _files(folder: Path, name: str) -> list[Path]:
    inside(folder, name)  # refuses names that lead elsewhere
    found = [path for path in folder.glob("*") if path.stem == name and path.suffix[1:].isdigit()]
    return sorted(found, key=_number)


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def _free_number(folder: Path, name: str) -> int | None:
    files = _files(folder, name)
    if not files:
        return 1
    return _number(files[-1]) + 1 if _is_stale(files[-1]) else None


def _taken(folder: Path, name: str, number: int, told: Mapping[str, int]) -> Claim | None:
    claim = Claim(path=folder / f"{name}.{number}", told=dict(told))
    try:
        with claim.path.open("x", encoding="utf-8") as handle:
            handle.write(json.dumps(_facts(claim)))
    except FileExistsError:
        return None
    except OSError as error:
        raise storage_error(claim.path, error) from error
    return claim


def _facts(claim: Claim) -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "system": _system(),
        **claim.told,
    }


def _beat(claim: Claim, over: threading.Event) -> None:
    while not over.wait(HEARTBEAT_S):
        # Written in place: a half written file is read as a claim that tells nothing.
        with suppress(OSError), claim.path.open("r+", encoding="utf-8") as handle:
            handle.write(json.dumps(_facts(claim)))
            handle.truncate()


def _content(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except StudyError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_stale(path: Path) -> bool:
    """Whether the holder is dead, or on another computer and silent for long."""
    told = _content(path)
    is_here = told.get("system") == _system() and isinstance(told.get("process"), int)
    if is_here and not _is_alive(told["process"]):
        return True
    try:
        return _now_s(path.parent) - path.stat().st_mtime > STALE_S
    except FileNotFoundError:
        return False


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True  # only the heartbeat tells
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _system() -> str:
    """Name the running system whose process numbers these are."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _now_s(folder: Path) -> float:
    """Return the time by the clock that dates the files of a folder; hosts differ."""
    probe = folder / f".{secrets.token_hex(6)}.tmp"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        probe.unlink(missing_ok=True)
