"""What a run folder holds, read once and gently: a step that was not run is an empty section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rimlight.errors import RunError, StudyError
from rimlight.io.files import read_json
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import Run, read_metrics
from rimlight.records import Interval

Column = list[str]

_TABLES = (
    "cells", "parts", "predictions", "explanations", "training", "scores", "score_areas",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A run as the report sees it.

    record: ``run.json``: command, seed, settings, versions, time.
    metrics: sections of ``metrics.json``; use ``section``.
    tables: the CSV files of the run by stem; absent ones are empty.
    """

    run_id: str
    folder: Path
    record: Mapping[str, Any]
    metrics: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Column]] = field(repr=False)

    def section(self, name: str) -> dict[str, Any]:
        """Return one section of the metrics; empty if that step was not run."""
        found = self.metrics.get(name)
        return dict(found) if isinstance(found, dict) else {}

    def column(self, table: str, name: str) -> Column:
        """Return one column of a table as text; empty if there is none."""
        return self.tables.get(table, {}).get(name, [])

    def setting(self, table: str, name: str, default: Any) -> Any:
        """Return one setting of the run."""
        return self.record.get("settings", {}).get(table, {}).get(name, default)


def read_contents(run: Run) -> Contents:
    """Read what a run holds.

    Raises:
        RunError: ``metrics.json``, ``run.json`` or a table is damaged, or nothing was run yet.
    """
    metrics = read_metrics(run)
    if not metrics:
        raise RunError(
            f"run {run.run_id}: has no results yet, so there is nothing to report; "
            "run rimlight train first"
        )
    tables = {name: _table(run.folder / f"{name}.csv") for name in _TABLES}
    return Contents(
        run_id=str(run.run_id),
        folder=run.folder,
        record=_record(run.folder / "run.json"),
        metrics=metrics,
        tables=tables,
    )


def interval_of(data: Any) -> Interval:
    """Return an interval of metrics.json; one that is not there is undefined."""
    found = data if isinstance(data, dict) else {}
    return Interval(
        value=found.get("value"),
        low=found.get("low"),
        high=found.get("high"),
        n_cells=int(found.get("n_cells") or 0),
        n_cases=int(found.get("n_cases") or 0),
        n_resamples=int(found.get("n_resamples") or 0),
        n_undefined=int(found.get("n_undefined") or 0),
        is_reliable=bool(found.get("is_reliable", False)),
    )


def within(data: Any, *keys: str) -> Any:
    """Return what lies at a path of keys, or an empty mapping where the path ends early."""
    for key in keys:
        if not isinstance(data, dict) or data.get(key) is None:
            return {}
        data = data[key]
    return data


def _table(path: Path) -> Mapping[str, Column]:
    return read_table(path, refusal=RunError) if path.is_file() else {}


def _record(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = read_json(path)
    except StudyError as error:
        raise RunError(str(error)) from error
    return data if isinstance(data, dict) else {}
