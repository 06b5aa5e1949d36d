"""The cells of a run that are worth a second look: wrong calls, doubtful labels, uncertain calls.

One row a cell and fold, with the cause that was found, what its edit did to the logit, and why the
label is in doubt.  Numbers are those of the run's tables, as its report prints them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rimlight.errors import RunError
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import Run, read_metrics
from rimlight.records import Cell, CellId, Expression, SlideId
from rimlight.workflows.run_tables import table_of_step

Kind = Literal["wrong", "doubtful", "uncertain"]
Status = Literal["confirmed", "map_only", "unexplained", "not_asked"]
FILES = (
    "cells.csv", "predictions.csv", "causes.csv", "cause_trials.csv", "metrics.json",
)  # fmt: skip
"""Files of a run that a table is read from; as long as they stay, it stays."""
HELD_OUT = "hold-out"
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCell:
    """A cell to look at again.

    number: its row in ``causes.csv``, under which its pictures are kept; None without a row.
    part: of the run's split; a ``hold-out`` cell must not steer which cells are labelled.
    expression: the consensus that the run was trained or measured with.
    kind: a wrong call, else a doubtful label, else a right but uncertain call.
    status: how far the cause is proved; ``not_asked`` where no cause was looked for.
    also: further causes that an edit confirmed.
    logit_after: after the edit of the cause; None where none confirmed it.
    recovered: share of the way to the threshold that the edit brought.
    placebo_logit: after as much change elsewhere in the patch.
    is_in_doubt: whether the label is among those to look at again; doubt: 0..1, no probability.
    evidence: why the label is doubted, a sentence each.
    nearest: the training cells most like it, with their expression.
    """

    number: int | None
    cell: Cell
    case_id: str
    fold: str
    part: str
    expression: Expression
    kind: Kind
    status: Status
    cause: str
    also: tuple[str, ...]
    group: str
    logit: float
    probability: float
    logit_after: float | None
    recovered: float | None
    placebo_logit: float | None
    doubt: float | None
    is_in_doubt: bool
    evidence: tuple[str, ...]
    nearest: tuple[tuple[CellId, Expression], ...]

    @property
    def is_held_out(self) -> bool:
        """Whether the run held the cell's case out."""
        return self.part == HELD_OUT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewTable:
    """All cells of a run to look at again.

    is_asked: whether causes were looked for at all.
    """

    run_id: str
    is_asked: bool
    cells: tuple[ReviewCell, ...]
    of_cell: Mapping[CellId, ReviewCell]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the tables say of cells; expression by cell id, predictions by cell id and fold."""

    row_of_cell: Mapping[str, Row]
    doubts: Mapping[str, Mapping[str, Any]]
    trials: Mapping[tuple[str, str, str], Row]


def review_table(run: Run) -> ReviewTable:
    """Return the cells of a run to look at again, in the order of its tables.

    Raises:
        RunError: The run was not trained, or a table is damaged.
    """
    known = _Known(
        row_of_cell={row["cell"]: row for row in _rows(_table(run, "cells.csv"))},
        doubts={
            str(doubt["cell"]): doubt
            for doubt in read_metrics(run).get("causes", {}).get("doubts", ())
        },
        trials={
            (row["cell"], row["fold"], row["cause"]): row
            for row in _rows(_optional(run, "cause_trials.csv"))
        },
    )
    predictions = _rows(_table(run, "predictions.csv"))
    asked = _rows(_optional(run, "causes.csv"))
    try:
        cells = [_asked(number, row, known) for number, row in enumerate(asked)]
        seen = {(str(it.cell.cell_id), it.fold) for it in cells}
        cells += [_not_asked(row, known) for row in _left(predictions, known, seen)]
    except (KeyError, ValueError) as error:
        raise RunError(
            f"run {run.run_id}: its tables do not belong together ({error}); train it again"
        ) from error
    return ReviewTable(
        run_id=str(run.run_id),
        is_asked=bool(asked) or "causes" in read_metrics(run),
        cells=tuple(cells),
        of_cell={it.cell.cell_id: it for it in reversed(cells)},
    )


def _table(run: Run, name: str) -> Mapping[str, Sequence[str]]:
    return table_of_step(run, name, step="train")


def _optional(run: Run, name: str) -> Mapping[str, Sequence[str]]:
    path = run.folder / name
    return read_table(path) if path.is_file() else {}


def _rows(table: Mapping[str, Sequence[str]]) -> list[Row]:
    names = list(table)
    return [dict(zip(names, values, strict=True)) for values in zip(*table.values(), strict=True)]


def _left(predictions: Sequence[Row], known: _Known, seen: set[tuple[str, str]]) -> list[Row]:
    """Rows of wrong calls and doubted labels that no cause was looked for."""
    is_one_fold = len({row["fold"] for row in predictions}) == 1
    found = []
    for row in predictions:
        is_allowed = row["part"] != "unused" if is_one_fold else row["part"] == HELD_OUT
        level = known.row_of_cell[row["cell"]]["level"]
        if not is_allowed or not level or (row["cell"], row["fold"]) in seen:
            continue
        is_wrong = (float(row["logit"]) > 0) != (int(level) > 0)
        if is_wrong or row["cell"] in known.doubts:
            found.append(row)
    return found


def _asked(number: int, row: Row, known: _Known) -> ReviewCell:
    trial = known.trials.get((row["cell"], row["fold"], row["cause"]), {})
    return _cell(
        row,
        known,
        number=number,
        kind=row["kind"],
        status=row["status"],
        cause=row["cause"],
        also=tuple(name for name in row.get("causes", "").split("+") if name != row["cause"]),
        group=row.get("group", ""),
        logit_after=_number(row.get("logit_after")),
        recovered=_number(row.get("recovered")),
        placebo_logit=_number(trial.get("placebo_logit")),
        doubt=_number(row.get("doubt")),
        nearest=tuple(
            (CellId(name), Expression(known.row_of_cell[name]["expression"]))
            for name in row.get("nearest", "").split()
            if name in known.row_of_cell
        ),
    )


def _not_asked(row: Row, known: _Known) -> ReviewCell:
    is_wrong = (float(row["logit"]) > 0) != (int(known.row_of_cell[row["cell"]]["level"]) > 0)
    doubt = known.doubts.get(row["cell"])
    return _cell(
        row,
        known,
        number=None,
        kind="wrong" if is_wrong else "doubtful",
        status="not_asked",
        cause="",
        also=(),
        group="",
        logit_after=None,
        recovered=None,
        placebo_logit=None,
        doubt=None if doubt is None else float(doubt["doubt"]),
        nearest=(),
    )


def _cell(row: Row, known: _Known, **own: Any) -> ReviewCell:
    place = known.row_of_cell[row["cell"]]
    doubt = known.doubts.get(row["cell"])
    own["also"] = tuple(filter(None, own["also"]))
    return ReviewCell(
        cell=Cell(
            cell_id=CellId(row["cell"]),
            slide_id=SlideId(place["slide"]),
            x_l0=float(place["x_l0"]),
            y_l0=float(place["y_l0"]),
        ),
        case_id=place["case"],
        fold=row["fold"],
        part=row["part"],
        expression=Expression(place["expression"]),
        logit=float(row["logit"]),
        probability=float(row["probability"]),
        is_in_doubt=doubt is not None or own["kind"] == "doubtful",
        evidence=tuple(map(str, (doubt or {}).get("evidence") or ())),
        **own,
    )


def _number(text: str | None) -> float | None:
    return float(text) if text else None
