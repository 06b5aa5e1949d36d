"""The runs of a study as a list: when, how far, and their figures on held-out cells."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from rimlight.errors import ModelError, RunError, StudyError
from rimlight.io.checkpoints import read_state_numbers
from rimlight.io.files import read_json
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import Run, open_run, read_metrics, run_ids
from rimlight.io.study import Study
from rimlight.workflows.remembered import Remembered, print_of
from rimlight.workflows.train import STATE

RunState = Literal["finished", "trained", "stopped", "damaged"]
SECTIONS = (
    "training", "evaluation", "explanation", "validation", "membranes", "quality", "causes",
)  # fmt: skip
FIGURES = ("accuracy", "f1", "auc", "sensitivity", "specificity")
_FILES = ("run.json", "metrics.json", "report.html", "predictions.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run.

    state: ``finished`` has all steps and a report; ``trained`` predictions alone or some steps;
    ``stopped`` neither; ``damaged`` files that cannot be read.
    steps: sections of its metrics that are there, in the order in which they are made.
    figures: of the network on all hold-out cells, by name, as ``metrics.json`` has them.
    reason: why no verdict is given, "" where one is.
    """

    run_id: str
    started_at: str
    command: str
    state: RunState
    steps: tuple[str, ...]
    has_report: bool
    n_trained_cells: int
    n_cells: int
    n_cases: int
    n_folds: int
    figures: dict[str, dict[str, Any]]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The losses of one pass over the training cells. validation_loss: None where there is none."""

    fold: int
    epoch: int
    train_loss: float | None
    validation_loss: float | None


def run_rows(study: Study, remembered: Remembered) -> list[RunRow]:
    """Return the runs of a study, the newest first; only files that changed are read again."""
    return [run_row(open_run(study, known), remembered) for known in reversed(run_ids(study))]


def run_row(run: Run, remembered: Remembered) -> RunRow:
    """Return one run as a row of the list."""
    files = print_of(run.folder / name for name in _FILES)
    return remembered.kept(("run", str(run.folder)), files, lambda: _row(run))


def losses(run: Run) -> list[Epoch]:
    """Return the losses of a run so far, also of a fold that is being trained."""
    records: list[dict[str, Any]] = []
    for folder in sorted((run.folder / "models").glob("fold-*"), key=_number):
        try:
            if (folder / "training.csv").is_file():
                table = read_table(folder / "training.csv")
                rows = zip(*table.values(), strict=True)
                records += [dict(zip(table, row, strict=True)) for row in rows]
            elif (folder / STATE).is_file():
                records += read_state_numbers(folder / STATE).get("records", [])
        except (ModelError, RunError, StudyError):
            continue  # it is being written, or was
    return [
        Epoch(
            fold=int(record["fold"]),
            epoch=int(record["epoch"]),
            train_loss=_loss(record["train_loss"]),
            validation_loss=_loss(record["validation_loss"]),
        )
        for record in records
    ]


def _row(run: Run) -> RunRow:
    try:
        return _read_row(run)
    except (RunError, StudyError, KeyError, TypeError, AttributeError):
        return RunRow(
            run_id=str(run.run_id), started_at="", command="", state="damaged", steps=(),
            has_report=False, n_trained_cells=0, n_cells=0, n_cases=0, n_folds=0, figures={},
            reason="its files cannot be read; start a new run",
        )  # fmt: skip


def _read_row(run: Run) -> RunRow:
    record: Any = read_json(run.folder / "run.json")
    metrics = read_metrics(run)
    steps = tuple(name for name in SECTIONS if name in metrics)
    has_report = (run.folder / "report.html").is_file()
    found = metrics.get("evaluation", {})
    block = found.get("subsets", {}).get("all", {})
    figures = block.get("systems", {}).get("network", {}).get("figures", {})
    is_whole = has_report and len(steps) == len(SECTIONS)
    return RunRow(
        run_id=str(run.run_id),
        started_at=str(record["started_at"]),
        command=str(record["command"]),
        state="finished" if is_whole else "trained" if "training" in steps else "stopped",
        steps=steps,
        has_report=has_report,
        n_trained_cells=int(metrics.get("study", {}).get("n_cells") or 0),
        n_cells=int(found.get("n_cells") or 0),
        n_cases=int(found.get("n_cases") or 0),
        n_folds=int(found.get("n_folds") or 0),
        figures={name: figures[name] for name in FIGURES if name in figures},
        reason=str(block.get("reason") or ""),
    )


def _loss(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _number(folder: Any) -> int:
    text = folder.name.removeprefix("fold-")
    return int(text) if text.isdigit() else -1


def unfinished(rows: Collection[RunRow], running: str | None) -> str | None:
    """Return the latest run if it was stopped before its end, so that it can be continued."""
    latest = max(rows, key=lambda row: int(row.run_id), default=None)
    if latest is None or latest.run_id == running or latest.state in ("finished", "damaged"):
        return None
    return latest.run_id
