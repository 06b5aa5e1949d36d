"""A run is a folder ``runs/0001``: what was asked, with which versions, and what came out."""

import math
import platform
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rimlight.errors import RunError, StudyError
from rimlight.io.files import read_json, storage_error, sync_folder, write_json
from rimlight.io.study import Study
from rimlight.records import RunId
from rimlight.settings import settings_as_dict

# fmt: off
_PACKAGES = (
    "rimlight", "numpy", "scipy", "torch", "lightning-fabric", "scikit-learn", "scikit-image",
    "pillow", "openslide-python", "openslide-bin", "tifffile", "sqlalchemy",
)
# fmt: on
_RUN_NAME = re.compile(r"\d{4,}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a workflow, and the folder of its results."""

    run_id: RunId
    folder: Path


def create_run(study: Study, *, command: str) -> Run:
    """Make the next run folder with its ``run.json``, whole or not at all.

    Args:
        study: The study the run belongs to.
        command: The command line, as the user gave it.

    Raises:
        StorageError: The disk refuses; nothing is left behind.
    """
    draft = study.runs / f".{secrets.token_hex(6)}.tmp"
    try:
        draft.mkdir(parents=True)
        write_json(draft / "run.json", _run_record(study, command))
        while True:
            run = _run(study, RunId(f"{_last_number(study) + 1:04d}"))
            try:
                draft.rename(run.folder)
                break
            except OSError:
                if not run.folder.exists():  # else another process took the number
                    raise
        sync_folder(study.runs)
    except OSError as error:
        raise storage_error(study.runs, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return run


def open_run(study: Study, run_id: str | None = None) -> Run:
    """Return a run by its id, or the latest.

    Raises:
        RunError: There is none.
    """
    known = run_ids(study)
    if run_id is None and not known:
        raise RunError(f"{study.folder}: has no run yet; make one with rimlight train")
    if run_id is not None and run_id not in known:
        has = f"known are {', '.join(known[-8:])}" if known else "there is none yet"
        raise RunError(f"run {run_id!r}: is not in {study.folder}, {has}; name another")
    return _run(study, RunId(known[-1] if run_id is None else run_id))


def run_ids(study: Study) -> list[RunId]:
    """Return the ids of a study's runs, the oldest first."""
    if not study.runs.is_dir():
        return []
    names = [path.parent.name for path in study.runs.glob("*/run.json")]
    return [RunId(name) for name in sorted(filter(_RUN_NAME.fullmatch, names), key=int)]


def read_metrics(run: Run) -> dict[str, Any]:
    """Return all sections of ``metrics.json``; empty before the first.

    Raises:
        RunError: The file is damaged.
    """
    path = run.folder / "metrics.json"
    if not path.exists():
        return {}
    try:
        data = read_json(path)
    except StudyError as error:
        raise RunError(str(error)) from error
    if not isinstance(data, dict):
        raise RunError(f"{path}: holds no object; run the workflow again")
    return data


def merge_metrics(run: Run, section: str, data: Mapping[str, Any]) -> None:
    """Put one section into ``metrics.json``, whole or not at all; other sections stay.

    Keys are sorted, floats have ten significant digits, and NaN or infinity becomes null, so
    that two runs with one seed have the same bytes.

    Args:
        run: The run.
        section: Its name; an old section of that name is replaced.
        data: Text, numbers, truth values, None, lists, tuples, mappings with text as keys.

    Raises:
        TypeError: A value is of another type; its place is named.
        StorageError: The disk refuses; the old file stays.
    """
    metrics = read_metrics(run)
    metrics[section] = json_ready(data, where=section)
    write_json(run.folder / "metrics.json", metrics)


def json_ready(value: Any, *, where: str = "value") -> Any:
    """Return a value of plain JSON types, floats rounded to ten significant digits.

    >>> json_ready({"f1": 1 / 3, "low": float("nan")})
    {'f1': 0.3333333333, 'low': None}
    """
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where}: keys must be text, got {key!r}")
        return {str(key): json_ready(item, where=f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item, where=f"{where}[{i}]") for i, item in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    if getattr(value, "shape", None) == ():
        return json_ready(value.item(), where=where)
    raise TypeError(f"{where}: {type(value).__name__} is no type of JSON; convert it first")


def _last_number(study: Study) -> int:
    names = [path.name for path in study.runs.iterdir()]
    return max(map(int, filter(_RUN_NAME.fullmatch, names)), default=0)


def _run(study: Study, run_id: RunId) -> Run:
    return Run(run_id=run_id, folder=study.runs / run_id)


def _run_record(study: Study, command: str) -> dict[str, Any]:
    return {
        "command": command,
        "seed": study.settings.study.seed,
        "settings": settings_as_dict(study.settings),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "versions": {name: _version_of(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "research_use_only": True,
    }


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
