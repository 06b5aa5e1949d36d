"""Labels in, and what a reader said; nobody sees here what another reader said."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat

from rimlight.io.own_labels import cells_of_slide
from rimlight.io.store import slides
from rimlight.records import Cell, CellId, Expression, LabelId, SlideId
from rimlight.web.workbench import Asker, Here, UnknownError, Workbench
from rimlight.workflows.blinding import Scope, disclose, is_disclosed
from rimlight.workflows.labelling import GivenLabel, PastAct, history, own_labels, save_labels

router = APIRouter(tags=["labels"])

MAX_LABELS = 1000
MAX_ACTS = 10_000
Answer = Literal[
    Expression.NEGATIVE,
    Expression.WEAK,
    Expression.MODERATE,
    Expression.STRONG,
    Expression.OTHER,
    Expression.CANNOT_JUDGE,
]
OwnId = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{8,64}$")]
"""An id that the page makes, such as a UUID."""
StudyId = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Coordinate = Annotated[FiniteFloat, Field(ge=-1e9, le=1e9)]


class LabelIn(BaseModel):
    """A label as the reader gave it; ``expression`` null takes their own label back."""

    model_config = ConfigDict(extra="forbid")

    label_id: OwnId
    cell_id: StudyId
    slide_id: StudyId
    x_l0: Coordinate
    y_l0: Coordinate
    expression: Answer | None
    made_at: AwareDatetime
    mode: Literal["slide", "queue", "grid", "review"]
    act_id: OwnId
    undoes: OwnId | None = None
    assignment_id: Number | None = None
    place: Number | None = None


class LabelsIn(BaseModel):
    """Labels that are saved together, all or none."""

    model_config = ConfigDict(extra="forbid")

    labels: Annotated[list[LabelIn], Field(min_length=1, max_length=MAX_LABELS)]


class SavedOut(BaseModel):
    """What is on disk now. n_labels: answers of the reader that stand, in the whole study."""

    saved: list[str]
    n_labels: int


class CellOut(BaseModel):
    """A cell, known by its centre in level-0 pixels."""

    cell_id: str
    slide_id: str
    x_l0: float
    y_l0: float


class OwnLabelOut(BaseModel):
    """What the asker says of a cell."""

    cell_id: str
    x_l0: float
    y_l0: float
    expression: Answer
    label_id: str


class PastLabelOut(BaseModel):
    """A label of an act. before: what it took the place of."""

    cell: CellOut
    expression: Answer | None
    before: Answer | None
    assignment_id: int | None
    place: int | None


class ActOut(BaseModel):
    """A key or click of the asker, with all that it labelled."""

    act_id: str
    undoes: str | None
    labels: list[PastLabelOut]


class DisclosureIn(BaseModel):
    """What is opened to the asker, for good."""

    model_config = ConfigDict(extra="forbid")

    scope: Scope
    subject: StudyId


class DisclosureOut(BaseModel):
    """Whether the model's word is open to the asker."""

    is_disclosed: bool


@router.post("/labels")
def save(here: Here, asker: Asker, sent: LabelsIn) -> SavedOut:
    """Save labels of the asker, all or none; sending them again stores nothing twice."""
    given = [_given(each) for each in sent.labels]
    n_labels = save_labels(here.study, given, reader=asker.reader, tally=here.tally)
    return SavedOut(
        saved=list(dict.fromkeys(each.label_id for each in sent.labels)), n_labels=n_labels
    )


@router.get("/slides/{slide_id}/labels", response_model=list[OwnLabelOut])
def own(here: Here, asker: Asker, slide_id: str) -> JSONResponse:
    """Return what the asker says of the cells of a slide."""
    _known_slide(here, slide_id)
    said = own_labels(here.study, reader=asker.reader, slide_id=SlideId(slide_id))
    keys = ("cell_id", "x_l0", "y_l0", "expression", "label_id")
    # As plain text: a hundred thousand labels would take seconds as records.
    return JSONResponse([{key: getattr(each, key) for key in keys} for each in said])


@router.get("/slides/{slide_id}/cells")
def cells(here: Here, _asker: Asker, slide_id: str) -> list[CellOut]:
    """Return the cells of a slide that anybody labelled or is asked about; not what was said."""
    _known_slide(here, slide_id)
    found = cells_of_slide(here.study.engine, slide_id=SlideId(slide_id))
    return [_cell_out(cell) for cell in found]


@router.get("/history")
def past_acts(
    here: Here, asker: Asker, limit: Annotated[int, Query(ge=1, le=MAX_ACTS)] = 1000
) -> list[ActOut]:
    """Return the asker's own acts, the newest first, from which undo and redo are known."""
    return [_act_out(act) for act in history(here.study, reader=asker.reader, limit=limit)]


@router.post("/disclose")
def open_to_asker(here: Here, asker: Asker, asked: DisclosureIn) -> DisclosureOut:
    """Open the model's word on a slide, or of a run, to the asker; it is recorded."""
    disclose(here.study, reader=asker.reader, scope=asked.scope, subject=asked.subject)
    return DisclosureOut(is_disclosed=True)


@router.get("/disclosed")
def disclosed(
    here: Here, asker: Asker, scope: Scope, subject: Annotated[str, Query(max_length=300)]
) -> DisclosureOut:
    """Return whether the model's word on a slide, or of a run, is open to the asker."""
    is_open = is_disclosed(here.study, reader=asker.reader, scope=scope, subject=subject)
    return DisclosureOut(is_disclosed=is_open)


def _given(sent: LabelIn) -> GivenLabel:
    return GivenLabel(
        label_id=LabelId(sent.label_id),
        cell=Cell(
            cell_id=CellId(sent.cell_id),
            slide_id=SlideId(sent.slide_id),
            x_l0=sent.x_l0,
            y_l0=sent.y_l0,
        ),
        expression=sent.expression,
        made_at=sent.made_at.isoformat(),
        mode=sent.mode,
        act_id=sent.act_id,
        undoes=sent.undoes,
        assignment_id=sent.assignment_id,
        place=sent.place,
    )


def _said(expression: Expression) -> Answer:
    assert expression is not Expression.WITHDRAWN
    return expression


def answer_of(expression: Expression | None) -> Answer | None:
    """Return what a reader said, as it is sent; None for nothing."""
    return None if expression is None else _said(expression)


def _known_slide(here: Workbench, slide_id: str) -> None:
    if all(info.slide_id != slide_id for info in slides(here.study.engine)):
        raise UnknownError(f"slide {slide_id[:100]}: is not in the study; open another")


def _cell_out(cell: Cell) -> CellOut:
    return CellOut(cell_id=cell.cell_id, slide_id=cell.slide_id, x_l0=cell.x_l0, y_l0=cell.y_l0)


def _act_out(act: PastAct) -> ActOut:
    return ActOut(
        act_id=act.act_id,
        undoes=act.undoes,
        labels=[
            PastLabelOut(
                cell=_cell_out(label.cell),
                expression=answer_of(label.expression),
                before=answer_of(label.before),
                assignment_id=label.assignment_id,
                place=label.place,
            )
            for label in act.labels
        ],
    )
