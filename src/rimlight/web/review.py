"""Errors and doubtful labels of a run: cells with their causes, pictures, and what people say."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal
from zlib import crc32

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from rimlight.io.formats.tables import csv_lines
from rimlight.io.runs import Run, open_run
from rimlight.records import CauseName, CellId, ReaderId
from rimlight.report.cause_cells import CauseCells
from rimlight.report.review_pictures import FILES, What, legend_of, picture_png, pictures_of
from rimlight.web.review_answers import (
    LegendOut,
    ReviewCellOut,
    ReviewOut,
    RunStateOut,
    cell_out,
)
from rimlight.web.workbench import ForbiddenError, Here, Owner, Workbench
from rimlight.workflows.assignments import Order, assign
from rimlight.workflows.blinding import disclose, is_disclosed
from rimlight.workflows.disagreements import OF_READERS
from rimlight.workflows.judgements import N_NOTE, judge
from rimlight.workflows.remembered import print_of
from rimlight.workflows.review import (
    HiddenError,
    Review,
    ReviewKind,
    ReviewRow,
    review_of,
    row_of,
    run_states,
    table_of,
)
from rimlight.workflows.review_queue import cells_to_ask

router = APIRouter(prefix="/review", tags=["review"])
RunName = Annotated[str | None, Query(pattern=r"^\d{4,9}$", max_length=9)]
CellName = Annotated[str, Field(min_length=1, max_length=200)]


class OpenIn(BaseModel):
    """The run that is disclosed to the asker; null for the labels of other readers."""

    run: Annotated[str, Field(pattern=r"^\d{4,9}$")] | None


class JudgementIn(BaseModel):
    """What the reader says of a cause; ``is_confirmed`` null takes it back."""

    run: Annotated[str, Field(pattern=r"^\d{4,9}$")]
    cell_id: CellName
    cause: CauseName
    is_confirmed: bool | None
    note: Annotated[str, Field(max_length=N_NOTE)] = ""


@router.get("/runs")
def list_runs(here: Here, asker: Owner) -> list[RunStateOut]:
    """Return the runs of the study, the newest first, and how far each of them is."""
    return [
        RunStateOut(
            run_id=it.run_id,
            is_trained=it.is_trained,
            is_asked=it.is_asked,
            is_disclosed=it.is_disclosed,
        )
        for it in run_states(here.study, reader=asker.reader)
    ]


@router.post("/disclose")
def open_review(here: Here, asker: Owner, said: OpenIn) -> dict[str, bool]:
    """Disclose a run to the asker, or what other readers say where there is no run; for good."""
    subject = OF_READERS if said.run is None else open_run(here.study, said.run).run_id
    disclose(here.study, reader=asker.reader, scope="run", subject=subject)
    return {"is_disclosed": True}


@router.get("/disclosed")
def is_open(here: Here, asker: Owner, run: RunName = None) -> dict[str, bool]:
    """Return whether a run, or what other readers say, was disclosed to the asker."""
    subject = OF_READERS if run is None else run
    is_there = is_disclosed(here.study, reader=asker.reader, scope="run", subject=subject)
    return {"is_disclosed": is_there}


@router.get("/errors")
def errors(here: Here, asker: Owner, run: RunName = None) -> ReviewOut:
    """Return the wrong calls of a run, those with a confirmed cause first."""
    return _answer(here, asker, run, "errors")


@router.get("/doubtful")
def doubtful(here: Here, asker: Owner, run: RunName = None) -> ReviewOut:
    """Return the labels to look at again, the most doubtful first."""
    return _answer(here, asker, run, "doubtful")


@router.get("/uncertain")
def uncertain(here: Here, asker: Owner, run: RunName = None) -> ReviewOut:
    """Return the right calls that are uncertain, those with a confirmed cause first."""
    return _answer(here, asker, run, "uncertain")


@router.get("/cells.csv", response_class=Response)
def cells_csv(
    here: Here,
    asker: Owner,
    kind: Annotated[Literal["errors", "doubtful", "uncertain"], Query()],
    run: RunName = None,
) -> Response:
    """Return the cells of one kind as a table."""
    review = _review(here, asker, run, kind)
    names = [
        name for name in ReviewCellOut.model_fields if name not in ("number", "logits", "nearest")
    ]
    rows = [[_in_a_cell(getattr(cell_out(row), name)) for name in names] for row in review.rows]
    return csv_reply(f"run-{review.run_id}-{kind}.csv", names, rows)


@router.get("/pictures/{run}/{number}/{what}.png", response_class=Response)
def picture(
    here: Here, asker: Owner, *, run: str, number: int, what: What, cell: CellName
) -> Response:
    """Return patch, map or edited patch of the cell in a row of the run's causes."""
    opened = open_run(here.study, run)
    _shown(here, asker, opened, CellId(cell))
    kept = _pictures(here, opened)
    if kept is None or not 0 <= number < len(kept.rows) or kept.rows[number]["cell"] != cell:
        return Response(status_code=404)
    return Response(
        picture_png(kept, number, what),
        media_type="image/png",
        headers={"cache-control": "private, max-age=86400"},
    )


@router.post("/judgements")
def judgement(here: Here, asker: Owner, said: JudgementIn) -> ReviewCellOut:
    """Keep what the asker says of a cause, and return the cell with it."""
    run = open_run(here.study, said.run)
    _shown(here, asker, run, CellId(said.cell_id))
    judge(
        here.study,
        reader=asker.reader,
        run_id=said.run,
        cell_id=CellId(said.cell_id),
        cause=said.cause.value,
        is_confirmed=said.is_confirmed,
        note=said.note,
    )
    return cell_out(_shown(here, asker, run, CellId(said.cell_id)))


class QueueIn(BaseModel):
    """Cells to ask again, and whom."""

    run: Annotated[str, Field(pattern=r"^\d{4,9}$")]
    cell_ids: Annotated[list[CellName], Field(min_length=1, max_length=1000)]
    readers: Annotated[list[CellName], Field(min_length=1, max_length=50)]


class QueueOut(BaseModel):
    """The assignments made, one a reader."""

    assignment_ids: list[int]
    n_cells: int


@router.post("/queue")
def queue(here: Here, asker: Owner, asked: QueueIn) -> QueueOut:
    """Give cells of a review to readers, each in an order of their own; none may be held out."""
    run = open_run(here.study, asked.run)
    cells = cells_to_ask(table_of(run, here.remembered), list(map(CellId, asked.cell_ids)))
    seed = here.study.settings.study.seed
    made = assign(
        here.study,
        readers=list(map(ReaderId, asked.readers)),
        name=f"Look again, run {run.run_id}",
        source=f"review of run {run.run_id}",
        cells=cells,
        order=Order(n_cells=None, repeat_share=0.0, is_shuffled=True, seed=seed),
        made_by=asker.reader,
    )
    return QueueOut(assignment_ids=[each.assignment_id for each in made], n_cells=made[0].n_cells)


def csv_reply(name: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Response:
    """Return a table as a file to keep; formula cells are neutralised."""
    return Response(
        "".join(csv_lines(header, rows)),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _answer(here: Workbench, asker: Owner, run: str | None, kind: ReviewKind) -> ReviewOut:
    review = _review(here, asker, run, kind)
    opened = open_run(here.study, review.run_id)
    kept = _pictures(here, opened)
    legend = None if kept is None else legend_of(kept)
    return ReviewOut(
        run_id=review.run_id,
        kind=kind,
        is_asked=review.is_asked,
        n=len(review.rows),
        n_hidden=review.n_hidden,
        version=f"{crc32(repr(_print(opened)).encode()):08x}",
        legend=None
        if legend is None
        else LegendOut(
            scale=legend.scale,
            low=legend.low,
            zero=legend.zero,
            high=legend.high,
            stamp=legend.stamp,
            patch_um=legend.patch_um,
        ),
        cells=[cell_out(row) for row in review.rows],
    )


@contextmanager
def refused_if_hidden() -> Iterator[None]:
    """Refuse, in place of what is hidden from the asker, with the reason."""
    try:
        yield
    except HiddenError as error:
        raise ForbiddenError(str(error)) from error


def _review(here: Workbench, asker: Owner, run: str | None, kind: ReviewKind) -> Review:
    with refused_if_hidden():
        return review_of(
            here.study, run, kind=kind, reader=asker.reader, remembered=here.remembered
        )


def _shown(here: Workbench, asker: Owner, run: Run, cell_id: CellId) -> ReviewRow:
    with refused_if_hidden():
        return row_of(here.study, run, cell_id, reader=asker.reader, remembered=here.remembered)


def _print(run: Run) -> object:
    return print_of(run.folder / name for name in FILES)


def _pictures(here: Workbench, run: Run) -> CauseCells | None:
    return here.remembered.kept(
        ("pictures", str(run.folder)), _print(run), lambda: pictures_of(run)
    )


def _in_a_cell(value: object) -> object:
    if not isinstance(value, list):
        return value
    parts = [
        " ".join(map(str, part.model_dump().values())) if isinstance(part, BaseModel) else part
        for part in value
    ]
    return "; ".join(map(str, parts))
