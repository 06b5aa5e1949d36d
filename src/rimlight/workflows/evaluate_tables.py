"""The tables beside the evaluation figures of a report; the numbers are those of metrics.json."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rimlight.io.files import make_folder
from rimlight.io.formats.tables import write_rows
from rimlight.io.runs import Run
from rimlight.workflows.run_tables import LEVEL_NAMES

# fmt: off
INTERVAL_COLUMNS = (
    "value", "low", "high", "margin", "margin_low", "margin_high",
    "n_cells", "n_cases", "is_reliable",
)
RIVAL_COLUMNS = ("subset", "system", "figure", *INTERVAL_COLUMNS)
CASE_COLUMNS = (
    "case", "n_cells", "n_positive", "n_right", "accuracy", "f1", "sensitivity", "specificity",
    "mean_probability",
)
BIN_COLUMNS = (
    "low", "high", "n_cells", "n_cases", "probability", "positive_share", "positive_share_low",
    "positive_share_high",
)
# fmt: on
CALLS = ("negative", "positive")


def write_evaluation_tables(run: Run, section: Mapping[str, Any]) -> None:
    """Write ``figures/*.csv`` of a run from its section ``evaluation``.

    Raises:
        StorageError: The disk refuses.
    """
    folder = figures_folder(run)
    subsets, confusion = _rivals(section["subsets"]), _confusion(section["confusion"])
    write_rows(folder / "rivals.csv", RIVAL_COLUMNS, subsets)
    rows = ([row[key] for key in CASE_COLUMNS] for row in section["cases"])
    write_rows(folder / "per_case.csv", CASE_COLUMNS, rows)
    bins = (_bin(row) for row in section["calibration"]["bins"])
    write_rows(folder / "calibration.csv", BIN_COLUMNS, bins)
    write_rows(folder / "confusion.csv", ("table", "label", "call", "n_cells"), confusion)


def figures_folder(run: Run) -> Path:
    """Return the folder of a run's figure tables, made if it is not there.

    Raises:
        StorageError: The disk refuses.
    """
    return make_folder(run.folder / "figures")


def interval_cells(
    figure: Mapping[str, Any], margin: Mapping[str, Any] | None
) -> list[float | int | bool | None]:
    """Return value, low, high, the same of the margin, n_cells, n_cases, is_reliable."""
    ends = [
        part[key] if part else None for part in (figure, margin) for key in ("value", "low", "high")
    ]
    return [*ends, figure["n_cells"], figure["n_cases"], figure["is_reliable"]]


def _rivals(subsets: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for subset, block in sorted(subsets.items()):
        for system, found in sorted(block["systems"].items()):
            margins = block["margins"].get(system, {"figures": {}})["figures"]
            for name, figure in sorted(found["figures"].items()):
                yield [subset, system, name, *interval_cells(figure, margins.get(name))]


def _bin(row: Mapping[str, Any]) -> Sequence[Any]:
    share = row["positive_share"]
    keys = ("low", "high", "n_cells", "n_cases", "probability")
    return [*(row[key] for key in keys), share["value"], share["low"], share["high"]]


def _confusion(confusion: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    names = {
        "calls": (CALLS, CALLS),
        "levels_by_call": (LEVEL_NAMES, CALLS),
        "levels": (LEVEL_NAMES, LEVEL_NAMES),
    }
    for table, (rows, columns) in names.items():
        for label, counts in zip(rows, confusion[table] or [], strict=False):
            for call, n_cells in zip(columns, counts, strict=True):
                yield [table, label, call, n_cells]
