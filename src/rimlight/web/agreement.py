"""How readers agree, with each other, with a run and with themselves; where they differ."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from rimlight.errors import NotEnoughDataError
from rimlight.io.runs import open_run
from rimlight.jobs.errands import Errand
from rimlight.records import ReaderId
from rimlight.report.agreement import lead_of
from rimlight.report.agreement_words import (
    MAIN,
    PERCENT,
    interval_words,
    missing_words,
    size_words,
    undefined_words,
)
from rimlight.web.review import RunName, SaidOut, csv_reply
from rimlight.web.workbench import Here, Owner, Workbench
from rimlight.workflows.agree_tables import COLUMNS, ROWS, table_rows
from rimlight.workflows.disagreements import CONSENSUS_RULE, OF_READERS, Gap, disagreements
from rimlight.workflows.review_agreement import Compared, agreement_of

router = APIRouter(prefix="/review", tags=["review"])
Start = Annotated[int, Query(ge=0, le=1_000_000)]
N = Annotated[int, Query(ge=1, le=200)]
Between = Annotated[list[str] | None, Query(max_length=2)]


class FigureOut(BaseModel):
    """A figure with its 95 % interval; interval: how that was made."""

    value: float | None
    low: float | None
    high: float | None
    n_items: int
    n_cases: int
    n_undefined: int
    is_reliable: bool
    interval: str


class FigureAboutOut(BaseModel):
    """What a figure is called and means; is_share: printed in percent."""

    title: str
    definition: str
    is_share: bool


class PairOut(BaseModel):
    """Two readers: figures, and how often which levels met (row by column)."""

    row: str
    column: str
    has_model: bool
    n_items: int
    n_cases: int
    figures: dict[str, FigureOut]
    undefined: dict[str, str]
    counts: list[list[int]] | None


class ModelMeanOut(BaseModel):
    """Means over the readers with one model; difference: model minus readers, paired."""

    model: str
    n_readers: int
    reader_reader: FigureOut | None
    reader_model: FigureOut | None
    difference: FigureOut | None


class MeanOut(BaseModel):
    """The mean of a figure over pairs of readers, and over readers with each model."""

    figure: str
    n_pairs: int
    n_undefined_pairs: int
    reader_reader: FigureOut | None
    models: list[ModelMeanOut]


class GroupOut(BaseModel):
    """Figures of all readers at once, on the items that all of them rated."""

    group: str
    n_readers: int
    n_complete: int
    n_left_out: int
    figures: dict[str, FigureOut]


class RepeatsOut(BaseModel):
    """One reader against himself; days: between the two readings."""

    reader: str
    n_items: int
    n_cases: int
    figures: dict[str, FigureOut]
    days: dict[str, float | None]
    counts: list[list[int]] | None


class ScaleOut(BaseModel):
    """One way to compare labels; main: the figure that is shown first."""

    key: str
    what: str
    kind: str
    main: str
    levels: list[str]
    lead: str
    figures: dict[str, FigureAboutOut]
    pairs: list[PairOut]
    means: list[MeanOut]
    groups: list[GroupOut]
    repeats: list[RepeatsOut]
    n_per_level: dict[str, list[int]] | None


class ReaderOut(BaseModel):
    """A reader of the comparison."""

    reader: str
    is_model: bool
    n_rated: int
    n_missing: int


class AgreementOut(BaseModel):
    """How readers agree. sentence: why nothing could be compared, "" otherwise.

    calls: of the run, on cells whose readers are split: ``kept`` where none is missing;
    ``missing``, ``running``, ``failed`` otherwise, and then the run is not compared yet.
    """

    sentence: str
    run_id: str | None
    calls: Literal["kept", "missing", "running", "failed"]
    n_missing_calls: int
    calls_sentence: str
    about: str
    readers: list[ReaderOut]
    scales: list[ScaleOut]
    notes: list[str]
    tables: list[str]


class DisagreementOut(BaseModel):
    """A cell on which readers differ; together: their consensus, null where they are split."""

    cell_id: str
    slide_id: str
    case_id: str
    x_l0: float
    y_l0: float
    said: list[SaidOut]
    gap: Gap
    n_levels: int
    together: str | None


class DisagreementsOut(BaseModel):
    """Cells on which readers differ, the widest gap first; rule: of the consensus."""

    n: int
    n_of_gap: dict[str, int]
    n_shared: int
    n_hidden: int
    readers: list[str]
    rule: str
    cells: list[DisagreementOut]


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
        scales=[_scale(scale) for scale in section["scales"] if scale["pairs"] or scale["repeats"]],
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
    """Return a table of figures; none of them says what was said of a single cell."""
    if name not in ROWS:
        return Response(status_code=404)
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
    found = disagreements(
        here.study,
        reader=asker.reader,
        remembered=here.remembered,
        run_id=OF_READERS if run is None else open_run(here.study, run).run_id,
        gap=gap,
        between=_pair(between),
        part=slice(start, start + n),
    )
    return DisagreementsOut(
        n=found.n,
        n_of_gap={str(name): count for name, count in found.n_of_gap.items()},
        n_shared=found.n_shared,
        n_hidden=found.n_hidden,
        readers=list(found.readers),
        rule=CONSENSUS_RULE,
        cells=[
            DisagreementOut(
                cell_id=it.cell.cell_id,
                slide_id=it.cell.slide_id,
                case_id=it.case_id,
                x_l0=it.cell.x_l0,
                y_l0=it.cell.y_l0,
                said=[SaidOut(reader=name, expression=said.value) for name, said in it.said],
                gap=it.gap,
                n_levels=it.n_levels,
                together=None if it.together is None else it.together.value,
            )
            for it in found.cells
        ],
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
    found = disagreements(
        here.study,
        reader=asker.reader,
        remembered=here.remembered,
        run_id=OF_READERS if run is None else open_run(here.study, run).run_id,
        gap=gap,
        between=_pair(between),
        part=slice(None),
    )
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


def _pair(between: list[str] | None) -> tuple[ReaderId, ReaderId] | None:
    if not between or len(between) != 2:
        return None
    return ReaderId(between[0][:200]), ReaderId(between[1][:200])


def _scale(scale: Mapping[str, Any]) -> ScaleOut:
    figures = {
        name: FigureAboutOut(**about, is_share=name in PERCENT)
        for name, about in scale["figures"].items()
    }
    shown = {key: scale[key] for key in ScaleOut.model_fields if key in scale}
    lead = lead_of(scale) if scale["pairs"] else ""
    return ScaleOut.model_validate(
        shown | {"figures": figures, "lead": lead, "main": MAIN[scale["kind"]]}
    )
