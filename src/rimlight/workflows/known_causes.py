"""What ``rimlight causes`` found of single cells, read back from the tables of a run."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from rimlight.errors import RimlightError
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import Run


def known_causes(run: Run, cell_id: str) -> list[dict[str, Any]]:
    """Return the causes that were tried on a cell, the main one first; empty where none is known.

    Each has ``cause``, ``is_main``, ``is_confirmed``, ``logit_before``, ``logit_after`` and
    ``placebo_logit``; a cause that the map alone tells has no logit after.
    """
    found = _table(run, "causes.csv")
    row = found.get(cell_id)
    if row is None or row[0]["cause"] == "unexplained":
        return []
    main = row[0]["cause"]
    trials = _table(run, "cause_trials.csv").get(cell_id, [])
    told = [
        {
            "cause": trial["cause"],
            "is_main": trial["cause"] == main,
            "is_confirmed": trial["is_confirmed"] == "1",
            "logit_before": _number(trial["logit_before"]),
            "logit_after": _number(trial["logit_after"]),
            "placebo_logit": _number(trial["placebo_logit"]),
        }
        for trial in trials
        if trial["is_confirmed"] == "1" or trial["cause"] == main
    ]
    if not any(cause["is_main"] for cause in told):
        before = _number(row[0]["logit"])
        told.append(
            {
                "cause": main,
                "is_main": True,
                "is_confirmed": False,
                "logit_before": before,
                "logit_after": None,
                "placebo_logit": None,
            }
        )
    return sorted(told, key=lambda cause: not cause["is_main"])


def _table(run: Run, name: str) -> dict[str, list[dict[str, str]]]:
    path = run.folder / name
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return {}
    return _rows(path, changed)


@lru_cache(maxsize=8)
def _rows(path: Path, _changed: int) -> dict[str, list[dict[str, str]]]:
    """Rows by cell; a table that was written anew is read anew."""
    try:
        table = read_table(path)
    except RimlightError:
        return {}
    rows: dict[str, list[dict[str, str]]] = {}
    for values in zip(*table.values(), strict=True):
        row = dict(zip(table, values, strict=True))
        rows.setdefault(row["cell"], []).append(row)
    return rows


def _number(text: str) -> float | None:
    return float(text) if text else None
