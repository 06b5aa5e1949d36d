"""What the routes of the review answer with: cells with their causes, in numbers and in words."""

from pydantic import BaseModel

from rimlight.report.cause_words import call_of, edit_title, logit_words, name_of, sentence_of
from rimlight.workflows.review import ReviewRow


class RunStateOut(BaseModel):
    """How far a run is, and whether it was disclosed to who asks."""

    run_id: str
    is_trained: bool
    is_asked: bool
    is_disclosed: bool


class SaidOut(BaseModel):
    """The current label of one reader."""

    reader: str
    expression: str


class JudgementOut(BaseModel):
    """What one reader says of a cause."""

    reader: str
    is_confirmed: bool
    note: str
    at: str


class NearestOut(BaseModel):
    """A training cell that is like the cell."""

    cell_id: str
    expression: str


class ReviewCellOut(BaseModel):
    """A cell to look at again.

    number: of its pictures; null without one. sentence: the cause, in words. call: of the run.
    label: the consensus that the run knew. said: labels now.
    """

    number: int | None
    cell_id: str
    slide_id: str
    case_id: str
    x_l0: float
    y_l0: float
    part: str
    is_held_out: bool
    label: str
    call: str
    kind: str
    status: str
    cause: str
    cause_name: str
    also: list[str]
    sentence: str
    edit_title: str
    logits: str
    logit: float
    logit_after: float | None
    placebo_logit: float | None
    recovered: float | None
    probability: float
    doubt: float | None
    is_in_doubt: bool
    evidence: list[str]
    group: str
    nearest: list[NearestOut]
    said: list[SaidOut]
    judged: list[JudgementOut]


class LegendOut(BaseModel):
    """What stands beside the heat maps; scale: logits per pixel at full colour."""

    scale: float
    low: str
    zero: str
    high: str
    stamp: str
    patch_um: float
    reference: str = "clear glass"


class ReviewOut(BaseModel):
    """The cells of one kind. version: of the pictures, part of their address."""

    run_id: str
    kind: str
    is_asked: bool
    n: int
    n_hidden: int
    version: str
    legend: LegendOut | None
    cells: list[ReviewCellOut]


def cell_out(row: ReviewRow) -> ReviewCellOut:
    """Return a cell as the page gets it; words are those of the report."""
    it = row.cell
    return ReviewCellOut(
        **{name: getattr(it, name) for name in _AS_THEY_ARE},
        cell_id=it.cell.cell_id,
        slide_id=it.cell.slide_id,
        x_l0=it.cell.x_l0,
        y_l0=it.cell.y_l0,
        label=it.expression.value,
        call=call_of(it.logit),
        cause_name=name_of(it.cause) if it.status != "not_asked" else "cause not looked for",
        also=[name_of(name) for name in it.also],
        sentence=_sentence(row),
        edit_title=edit_title(it.cause) if it.logit_after is not None else "",
        logits=logit_words(it.logit, it.logit_after),
        evidence=list(it.evidence),
        nearest=[NearestOut(cell_id=name, expression=said.value) for name, said in it.nearest],
        said=[SaidOut(reader=reader, expression=said.value) for reader, said in row.said],
        judged=[
            JudgementOut(reader=one.reader, is_confirmed=one.is_confirmed, note=one.note, at=one.at)
            for one in row.judged
        ],
    )


_AS_THEY_ARE = (
    "number", "case_id", "part", "is_held_out", "kind", "status", "cause", "logit", "logit_after",
    "placebo_logit", "recovered", "probability", "doubt", "is_in_doubt", "group",
)  # fmt: skip


def _sentence(row: ReviewRow) -> str:
    it = row.cell
    if it.status == "not_asked":
        return "No cause was looked for on this cell."
    return sentence_of(
        it.cause,
        before=it.logit,
        after=it.logit_after,
        recovered=it.recovered,
        is_wrong=it.kind == "wrong",
    )
