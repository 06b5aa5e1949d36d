"""Cells for the grid, in the order that is asked for."""

from math import isfinite
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from rimlight.errors import JobError
from rimlight.records import SlideId
from rimlight.web.points import RunKey
from rimlight.web.workbench import Asker, ForbiddenError, Here, Workbench
from rimlight.workflows.grid import (
    GridCell,
    GridPage,
    GridQuestion,
    HiddenOrderError,
    Word,
    grid_page,
)
from rimlight.workflows.grid_order import Sort
from rimlight.workflows.likeness import NotPreparedError

router = APIRouter(tags=["grid"])
Source = Annotated[str, Query(max_length=220, pattern=r"^(slide|run|assignment):.+$")]
CellKey = Annotated[str | None, Query(max_length=200)]
Said = Literal["none", "negative", "weak", "moderate", "strong", "other", "cannot_judge"]


class WordOut(BaseModel):
    """What the run says of a cell. od_ring: null where not measured; cause: null without one."""

    logit: float
    probability: float
    level: int
    od_ring: float | None
    cause: str | None


class GridCellOut(BaseModel):
    """A cell; expression: what the asker says of it; shown: null while that is hidden."""

    cell_id: str
    slide_id: str
    x_l0: float
    y_l0: float
    expression: str | None
    shown: WordOut | None


class GridOut(BaseModel):
    """A page of the grid.

    n: cells in all. is_preparing: the order is being made; ask again in a moment.
    notes: sentences on what the order leaves out.
    """

    n: int
    cells: list[GridCellOut]
    run: str
    model: str
    has_levels: bool
    is_disclosed: bool
    is_preparing: bool = False
    notes: list[str]


@router.get("/grid")
def grid(
    here: Here,
    asker: Asker,
    *,
    source: Source,
    sort: Sort | None = None,
    like: CellKey = None,
    expression: Said | None = None,
    run: RunKey = None,
    start: Annotated[int, Query(ge=0, le=10**8)] = 0,
    n: Annotated[int, Query(ge=1, le=500)] = 100,
) -> GridOut:
    """Return cells of a slide, a run or an own assignment."""
    is_assignment = source.startswith("assignment:")
    asked = GridQuestion(
        source=source,
        sort=sort or ("place" if is_assignment else "doubt"),
        reader=asker.reader,
        start=start,
        n=n,
        like=like,
        expression=expression,
        run_id=run,
    )
    try:
        return _page_out(grid_page(here.study, asked, store=here.points))
    except HiddenOrderError as error:
        raise ForbiddenError(str(error)) from error
    except NotPreparedError:
        return _prepared(here, asked)


def _prepared(here: Workbench, asked: GridQuestion) -> GridOut:
    """Start what makes the order, and say how it stands."""
    kind, _, subject = asked.source.partition(":")
    if kind == "slide":
        points = here.points.points(here.study, SlideId(subject), run_id=asked.run_id)
        run_id, extra = str(points.run_id), ["--slide", subject]
    else:
        run_id, extra = subject, []
    name = f"likeness {run_id} {asked.source}"
    known = here.errands.of(name)
    if known is not None and known.state == "failed":
        here.errands.forget(name)
        raise JobError(known.sentence)
    folder = str(here.study.folder)
    errand = here.errands.start(name, ["likeness", folder, "--run", run_id, *extra])
    words = f"Cells are being compared, for {errand.seconds:.0f} s so far"
    return GridOut(
        n=0, cells=[], run=run_id, model="", has_levels=False, is_disclosed=False,
        is_preparing=True, notes=[words],
    )  # fmt: skip


def _page_out(page: GridPage) -> GridOut:
    return GridOut(
        n=page.n,
        cells=[_cell_out(each) for each in page.cells],
        run=page.run_id,
        model=page.model,
        has_levels=page.has_levels,
        is_disclosed=page.is_disclosed,
        notes=list(page.notes),
    )


def _cell_out(found: GridCell) -> GridCellOut:
    return GridCellOut(
        cell_id=found.cell.cell_id,
        slide_id=found.cell.slide_id,
        x_l0=found.cell.x_l0,
        y_l0=found.cell.y_l0,
        expression=found.expression.value if found.expression else None,
        shown=_word_out(found.word) if found.word else None,
    )


def _word_out(word: Word) -> WordOut:
    return WordOut(
        logit=word.logit,
        probability=word.probability,
        level=word.level,
        od_ring=word.od_ring if isfinite(word.od_ring) else None,
        cause=word.cause or None,
    )
