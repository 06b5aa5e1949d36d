"""Errors and doubtful labels of a run, beside what readers say of the cells and of the causes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rimlight.errors import StudyError
from rimlight.io.journal import current_labels, label_head
from rimlight.io.runs import Run, open_run, run_ids
from rimlight.io.study import Study
from rimlight.records import Cell, CellId, Expression, ReaderId, RunId, SlideId
from rimlight.workflows.blinding import is_disclosed, may_see
from rimlight.workflows.judgements import Judgement, judgements
from rimlight.workflows.remembered import Remembered, print_of
from rimlight.workflows.review_table import FILES, ReviewCell, ReviewTable, review_table

ReviewKind = Literal["errors", "doubtful", "uncertain"]
Said = Mapping[CellId, Sequence[tuple[ReaderId, Expression]]]


class HiddenError(StudyError):
    """What was asked for is hidden from the reader until it is disclosed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRow:
    """A cell to look at again, with what people say of it now.

    said: the current label of each reader. judged: of the cause, the oldest first.
    """

    cell: ReviewCell
    said: Sequence[tuple[ReaderId, Expression]]
    judged: Sequence[Judgement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The cells of one kind; n_hidden: left out, since the reader has still to label them."""

    run_id: str
    is_asked: bool
    rows: Sequence[ReviewRow]
    n_hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """How far a run is: trained, causes looked for; is_disclosed: to the reader who asks."""

    run_id: str
    is_trained: bool
    is_asked: bool
    is_disclosed: bool


def run_states(study: Study, *, reader: ReaderId) -> list[RunState]:
    """Return the runs of a study, the newest first."""
    return [
        RunState(
            run_id=str(run_id),
            is_trained=(study.runs / run_id / "predictions.csv").is_file(),
            is_asked=(study.runs / run_id / "causes.csv").is_file(),
            is_disclosed=is_disclosed(study, reader=reader, scope="run", subject=str(run_id)),
        )
        for run_id in reversed(run_ids(study))
    ]


def table_of(run: Run, remembered: Remembered) -> ReviewTable:
    """Return the table of a run, read again only when one of its files changed.

    Raises:
        RunError: The run was not trained, or a table is damaged.
    """
    files = print_of(run.folder / name for name in FILES)
    return remembered.kept(("table", str(run.folder)), files, lambda: review_table(run))


def review_of(
    study: Study, run_id: str | None, *, kind: ReviewKind, reader: ReaderId, remembered: Remembered
) -> Review:
    """Return the cells of one kind that a reader may see: errors by cause, doubts by doubt.

    Args:
        study: The study.
        run_id: The run; None for the latest.
        kind: ``errors``: wrong calls. ``doubtful``: labels to look at again. ``uncertain``: right
            calls that are uncertain.
        reader: Who asks, to whom the run must be disclosed.
        remembered: Where tables are kept.

    Raises:
        HiddenError: The run was not disclosed to the reader.
        RunError: There is no such run, it was not trained, or a table is damaged.
    """
    run = open_run(study, run_id)
    check_disclosed(study, run, reader=reader)
    table = table_of(run, remembered)
    wanted = [it for it in table.cells if _is_of(it, kind)]
    seen = open_cells(study, [it.cell for it in wanted], reader=reader, run_id=run.run_id)
    said, judged = said_of(study, remembered), judgements(study, table.run_id)
    rows = [_row(it, said, judged) for it in wanted if it.cell.cell_id in seen]
    rows.sort(key=_by_doubt if kind == "doubtful" else _by_cause)
    return Review(
        run_id=table.run_id,
        is_asked=table.is_asked,
        rows=rows,
        n_hidden=len({it.cell.cell_id for it in wanted} - seen),
    )


def row_of(
    study: Study, run: Run, cell_id: CellId, *, reader: ReaderId, remembered: Remembered
) -> ReviewRow:
    """Return one cell of a review.

    Raises:
        HiddenError: The run or the cell is hidden from the reader.
        StudyError: The run has no such cell to look at again.
    """
    check_disclosed(study, run, reader=reader)
    found = table_of(run, remembered).of_cell.get(cell_id)
    if found is None:
        raise StudyError(
            f"cell {str(cell_id)[:80]}: is none that run {run.run_id} would look at again; open "
            "the review anew"
        )
    if cell_id not in open_cells(study, [found.cell], reader=reader, run_id=run.run_id):
        raise HiddenError(
            f"cell {cell_id}: waits in your own queue; label it there first, then look at its cause"
        )
    return _row(found, said_of(study, remembered), judgements(study, str(run.run_id)))


def check_disclosed(study: Study, run: Run, *, reader: ReaderId) -> None:
    """Raise unless a run was disclosed to a reader.

    Raises:
        HiddenError: It was not.
    """
    if not is_disclosed(study, reader=reader, scope="run", subject=str(run.run_id)):
        raise HiddenError(
            f"run {run.run_id}: what it says of the cells is hidden from you; open its review, "
            "from then on your labels of these cells are marked as given with the model seen"
        )


def open_cells(
    study: Study, cells: Iterable[Cell], *, reader: ReaderId, run_id: RunId
) -> set[CellId]:
    """Return those of the cells of which a reader may see the word of a run."""
    of_slide: dict[SlideId, set[CellId]] = {}
    for cell in cells:
        of_slide.setdefault(cell.slide_id, set()).add(cell.cell_id)
    found: set[CellId] = set()
    for slide_id, cell_ids in of_slide.items():
        found |= may_see(study, reader=reader, slide_id=slide_id, cell_ids=cell_ids, run_id=run_id)
    return found


def said_of(study: Study, remembered: Remembered) -> Said:
    """Return what readers say now of every labelled cell, read again when a label came."""
    return remembered.kept(
        ("said", str(study.folder)), label_head(study.engine), lambda: _said(study)
    )


def _said(study: Study) -> Said:
    found: dict[CellId, list[tuple[ReaderId, Expression]]] = {}
    for label in current_labels(study.engine):
        found.setdefault(label.cell.cell_id, []).append((label.reader, label.expression))
    return {cell: sorted(said) for cell, said in found.items()}


def _is_of(it: ReviewCell, kind: ReviewKind) -> bool:
    if kind == "doubtful":
        return it.is_in_doubt
    return it.kind == ("wrong" if kind == "errors" else "uncertain")


def _row(it: ReviewCell, said: Said, judged: Mapping[CellId, Sequence[Judgement]]) -> ReviewRow:
    cell_id = it.cell.cell_id
    mine = [one for one in judged.get(cell_id, ()) if one.cause == it.cause]
    return ReviewRow(cell=it, said=said.get(cell_id, ()), judged=mine)


_STATUSES = ("confirmed", "map_only", "not_asked", "unexplained")


def _by_cause(row: ReviewRow) -> tuple[int, str, float]:
    it = row.cell
    return _STATUSES.index(it.status), it.cause, -(it.recovered or 0.0)


def _by_doubt(row: ReviewRow) -> float:
    return -(row.cell.doubt or 0.0)
