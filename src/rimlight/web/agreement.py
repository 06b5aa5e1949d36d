"""How readers agree, with each other, with a run and with themselves; where they differ."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from rimlight.errors import NotEnoughDataError
from rimlight.io.runs import open_run
from rimlight.jobs.errands import Errand
from rimlight.records import ReaderId
from rimlight.report.agreement_words import (
    interval_words,
    missing_words,
    size_words,
    undefined_words,
)
from rimlight.web.agreement_answers import (
    AgreementOut,
    DisagreementsOut,
    ReaderOut,
    disagreement_out,
    scale_out,
)
from rimlight.web.review import RunName, csv_reply
from rimlight.web.workbench import Here, Owner, Session, UnknownError, Workbench
from rimlight.workflows.agree_tables import COLUMNS, ROWS, table_rows
from rimlight.workflows.disagreements import (
    CONSENSUS_RULE,
    OF_READERS,
    Disagreements,
    Gap,
    disagreements,
)
from rimlight.workflows.review_agreement import Compared, agreement_of

router = APIRouter(prefix="/review", tags=["review"])
Start = Annotated[int, Query(ge=0, le=1_000_000)]
N = Annotated[int, Query(ge=1, le=200)]
Between = Annotated[list[str] | None, Query(max_length=2)]


class CallsIn(BaseModel):
    """The run whose missing calls are to be made."""

    run: Annotated[str, Field(pattern=r"^\d{4,9}$")]


@router.get("/agreement")
def agreement(here: Here, _asker: Owner, run: RunName = None) -> AgreementOut:
    """Return how the readers agree; with a run, also with the model."""
    try:
        found = _compared(here, run)
    except NotEnoughDataError as error:
        return AgreementOut(
            sentence=str(error), run_id=run, calls="kept", n_missing_calls=0, calls_sentence="",
            about="", readers=[], scales=[], notes=[], tables=[],
        )  # fmt: skip
    section = found.section
    errand = here.errands.of(_errand(run)) if found.n_missing and run is not None else None
    return AgreementOut(
        sentence="",
        run_id=run,
        calls=_calls(found, errand),
        n_missing_calls=found.n_missing,
        calls_sentence="" if errand is None else errand.sentence,
        about=f"{size_words(section)}. {interval_words(section)}.",
        readers=[ReaderOut(**row) for row in section["readers"]],
        scales=[
            scale_out(scale) for scale in section["scales"] if scale["pairs"] or scale["repeats"]
        ],
        notes=[missing_words(section), *undefined_words(section), *section["notes"]],
        tables=list(ROWS),
    )


@router.post("/agreement/calls", status_code=202)
def make_calls(here: Here, _asker: Owner, asked: CallsIn) -> dict[str, str]:
    """Let the run call the cells on which readers are split; a child process does it."""
    run = open_run(here.study, asked.run)
    if not agreement_of(here.study, run, remembered=here.remembered).n_missing:
        return {"state": "done"}
    arguments = ["agree", str(here.study.folder), "--run", asked.run]
    return {"state": here.errands.start(_errand(asked.run), arguments).state}


@router.get("/agreement/{name}.csv", response_class=Response)
def agreement_csv(here: Here, _asker: Owner, name: str, run: RunName = None) -> Response:
    """Return a table of figures; none of them says what was said of a single cell.

    Raises:
        UnknownError: There is no table of that name.
    """
    if name not in ROWS:
        raise UnknownError("no table of that name is there; choose one of the page")
    section = _compared(here, run).section
    of = "" if run is None else f"-run-{run}"
    return csv_reply(f"agreement-{name}{of}.csv", COLUMNS[name], list(table_rows(name, section)))


@router.get("/disagreements")
def list_disagreements(
    here: Here,
    asker: Owner,
    *,
    run: RunName = None,
    gap: Gap | None = None,
    between: Between = None,
    start: Start = 0,
    n: N = 60,
) -> DisagreementsOut:
    """Return cells on which readers differ, with what each of them said, and no model."""
    found = _found(here, asker, run=run, gap=gap, between=between, part=slice(start, start + n))
    return DisagreementsOut(
        n=found.n,
        n_of_gap={str(name): count for name, count in found.n_of_gap.items()},
        n_shared=found.n_shared,
        n_hidden=found.n_hidden,
        readers=list(found.readers),
        rule=CONSENSUS_RULE,
        cells=[disagreement_out(it) for it in found.cells],
    )


@router.get("/disagreements.csv", response_class=Response)
def disagreements_csv(
    here: Here,
    asker: Owner,
    *,
    run: RunName = None,
    gap: Gap | None = None,
    between: Between = None,
) -> Response:
    """Return all cells on which readers differ as a table, a column a reader."""
    found = _found(here, asker, run=run, gap=gap, between=between, part=slice(None))
    header = ["cell", "slide", "case", "x_l0", "y_l0", "gap", "n_levels", "consensus"]
    rows: list[Sequence[object]] = []
    for it in found.cells:
        said = dict(it.said)
        together = "" if it.together is None else it.together.value
        place = [it.cell.cell_id, it.cell.slide_id, it.case_id, it.cell.x_l0, it.cell.y_l0]
        mine = [said[name].value if name in said else None for name in found.readers]
        rows.append([*place, it.gap, it.n_levels, together, *mine])
    return csv_reply("disagreements.csv", [*header, *found.readers], rows)


def _compared(here: Workbench, run: str | None) -> Compared:
    opened = None if run is None else open_run(here.study, run)
    return agreement_of(here.study, opened, remembered=here.remembered)


def _errand(run: str | None) -> str:
    return f"calls of run {run}"


def _calls(
    found: Compared, errand: Errand | None
) -> Literal["kept", "missing", "running", "failed"]:
    if not found.n_missing:
        return "kept"
    if errand is None or errand.state == "done":
        return "missing"
    return errand.state


def _found(
    here: Workbench,
    asker: Session,
    *,
    run: str | None,
    gap: Gap | None,
    between: list[str] | None,
    part: slice,
) -> Disagreements:
    return disagreements(
        here.study,
        reader=asker.reader,
        remembered=here.remembered,
        run_id=OF_READERS if run is None else open_run(here.study, run).run_id,
        gap=gap,
        between=_pair(between),
        part=part,
    )


def _pair(between: list[str] | None) -> tuple[ReaderId, ReaderId] | None:
    if not between or len(between) != 2:
        return None
    return ReaderId(between[0][:200]), ReaderId(between[1][:200])
