"""The cells to ask next: rounds drawn from a run, why each cell is in them, and their state."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from rimlight.io.runs import open_run
from rimlight.jobs.errands import Errand
from rimlight.records import CellId, Round, RoundCell
from rimlight.report.cause_words import call_of, name_of
from rimlight.web.review import refused_if_hidden
from rimlight.web.workbench import Here, Owner, Workbench
from rimlight.workflows.review import check_disclosed, open_cells
from rimlight.workflows.round_states import (
    RoundOverview,
    RoundState,
    put_round_state,
    round_of,
    round_overviews,
)

router = APIRouter(prefix="/review/rounds", tags=["review"])
RoundId = Annotated[int, Path(ge=1, le=1_000_000)]
Share = Literal["cause", "uncertain", "random"]
_WHY: dict[str, str] = {
    "cause": "like a confirmed cause of errors",
    "uncertain": "uncertain, and unlike the others asked",
    "random": "drawn at random, to know how often the run is wrong where nobody aimed",
}


class StateActOut(BaseModel):
    """Who put a round into a state, and when."""

    state: RoundState
    reader: str
    at: str


class CountOut(BaseModel):
    """How many cells of a round are there for one reason."""

    name: str
    words: str
    n: int


class RoundOut(BaseModel):
    """A round as its owner sees it; n_answered: cells that a reader has labelled."""

    round_id: int
    run_id: str
    made_at: str
    n_cells: int
    n_answered: int
    shares: list[CountOut]
    causes: list[CountOut]
    state: RoundState
    history: list[StateActOut]


class DrawingOut(BaseModel):
    """How the drawing of a round stands."""

    state: Literal["running", "done", "failed"]
    seconds: float
    sentence: str
    what: str
    n_done: int
    n_all: int


class RoundsOut(BaseModel):
    """The rounds of the study, the newest first; drawing: the last one asked for here.

    shares, n_cells: what the settings of the study ask of the next one.
    """

    rounds: list[RoundOut]
    drawing: DrawingOut | None
    shares: dict[str, float]
    n_cells: int


class RoundCellOut(BaseModel):
    """A cell of a round and why it is there."""

    place: int
    cell_id: str
    slide_id: str
    x_l0: float
    y_l0: float
    share: str
    why: str
    score: float
    logit: float
    call: str


class RoundCellsOut(BaseModel):
    """Cells of a round; n_hidden: left out, since the asker has still to label them."""

    n: int
    n_hidden: int
    cells: list[RoundCellOut]


class DrawIn(BaseModel):
    """Draw a round from a run."""

    run: Annotated[str, Field(pattern=r"^\d{4,9}$")]
    n_cells: Annotated[int, Field(ge=1, le=5000)]


class StateIn(BaseModel):
    """Put a round into a state."""

    state: RoundState


@router.get("")
def list_rounds(here: Here, _asker: Owner) -> RoundsOut:
    """Return the rounds of the study, and how the drawing of another one stands."""
    errand, settings = here.errands.of(_ERRAND), here.study.settings.triage
    return RoundsOut(
        rounds=[_round(it) for it in round_overviews(here.study)],
        drawing=None if errand is None else _drawing(errand),
        shares={
            "cause": settings.cause_share,
            "uncertain": settings.uncertain_share,
            "random": settings.random_share,
        },
        n_cells=settings.n_cells,
    )


@router.post("", status_code=202)
def draw(here: Here, _asker: Owner, asked: DrawIn) -> DrawingOut:
    """Draw the next round from a run; a child process goes through the slides."""
    run = open_run(here.study, asked.run)
    arguments = ["triage", str(here.study.folder), "--run", str(run.run_id)]
    errand = here.errands.start(_ERRAND, [*arguments, "--cells", str(asked.n_cells)])
    return _drawing(errand)


@router.post("/{round_id}/state")
def put_state(here: Here, asker: Owner, round_id: RoundId, said: StateIn) -> RoundOut:
    """Say that a round is a draft, reviewed or approved; kept with who and when."""
    put_round_state(here.study, round_id, said.state, reader=asker.reader)
    return next(_round(it) for it in round_overviews(here.study) if it.round.round_id == round_id)


@router.get("/{round_id}/cells")
def round_cells(
    here: Here,
    asker: Owner,
    *,
    round_id: RoundId,
    start: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    n: Annotated[int, Query(ge=1, le=500)] = 100,
) -> RoundCellsOut:
    """Return cells of a round with the reason why each is asked about; the run must be open."""
    made = round_of(here.study, round_id)
    seen = _seen(here, asker, made)
    shown = [(place, it) for place, it in enumerate(made.cells, start=1) if it.cell.cell_id in seen]
    return RoundCellsOut(
        n=len(shown),
        n_hidden=len(made.cells) - len(shown),
        cells=[_round_cell(place, it) for place, it in shown[start : start + n]],
    )


_ERRAND = "the next round"


def _drawing(errand: Errand) -> DrawingOut:
    return DrawingOut(
        state=errand.state,
        seconds=errand.seconds,
        sentence=errand.sentence,
        what=errand.what,
        n_done=errand.n_done,
        n_all=errand.n_all,
    )


def _seen(here: Workbench, asker: Owner, made: Round) -> set[CellId]:
    run = open_run(here.study, str(made.run_id))
    with refused_if_hidden():
        check_disclosed(here.study, run, reader=asker.reader)
    cells = [it.cell for it in made.cells]
    return open_cells(here.study, cells, reader=asker.reader, run_id=run.run_id)


def _round(it: RoundOverview) -> RoundOut:
    return RoundOut(
        round_id=it.round.round_id,
        run_id=it.round.run_id,
        made_at=it.round.made_at,
        n_cells=len(it.round.cells),
        n_answered=it.n_answered,
        shares=[
            CountOut(name=name, words=words, n=it.n_of_share[name])
            for name, words in _WHY.items()
            if name in it.n_of_share
        ],
        causes=[
            CountOut(name=name, words=name_of(name), n=n)
            for name, n in sorted(it.n_of_cause.items(), key=lambda item: (-item[1], item[0]))
        ],
        state=it.state,
        history=[StateActOut(state=act.state, reader=act.reader, at=act.at) for act in it.history],
    )


def _round_cell(place: int, it: RoundCell) -> RoundCellOut:
    why = _WHY.get(it.share, it.share)
    return RoundCellOut(
        place=place,
        cell_id=it.cell.cell_id,
        slide_id=it.cell.slide_id,
        x_l0=it.cell.x_l0,
        y_l0=it.cell.y_l0,
        share=it.share,
        why=f"{why}: {name_of(it.cause)}" if it.cause else why,
        score=it.score,
        logit=it.logit,
        call=call_of(it.logit),
    )
