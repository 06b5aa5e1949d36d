"""Cells given to readers, and what reading them cost; readers never learn which are repeats."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from rimlight.records import ReaderId
from rimlight.web.labels import Answer, StudyId, answer_of
from rimlight.web.workbench import Asker, Here, Owner
from rimlight.workflows.assignments import (
    MAX_REPEAT_SHARE,
    Order,
    assign,
    own_assignments,
    places_to_read,
)
from rimlight.workflows.effort import efforts

router = APIRouter(tags=["assignments"])

MAX_CELLS = 10_000
MAX_PLACES = 1000
AssignmentNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class AssignmentOut(BaseModel):
    """An assignment of the asker, and how far it is."""

    assignment_id: int
    name: str
    n_cells: int
    n_done: int


class PlaceOut(BaseModel):
    """A place of an assignment. expression: what the asker said there."""

    place: int
    cell_id: str
    slide_id: str
    x_l0: float
    y_l0: float
    expression: Answer | None


class AssignmentIn(BaseModel):
    """What is given to whom: ``source`` is round:3, labelled, or run:0001 uncertain."""

    model_config = ConfigDict(extra="forbid")

    readers: Annotated[list[StudyId], Field(min_length=1, max_length=50)]
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    source: Annotated[str, Field(min_length=1, max_length=100)]
    n_cells: Annotated[int, Field(ge=1, le=MAX_CELLS)] | None = None
    repeat_share: Annotated[FiniteFloat, Field(ge=0, le=MAX_REPEAT_SHARE)] = 0.0
    is_shuffled: bool = True
    seed: Annotated[int, Field(ge=0, le=2**53)] | None = None


class MadeOut(BaseModel):
    """An assignment that was made."""

    assignment_id: int
    reader: str
    n_cells: int


class EffortOut(BaseModel):
    """What one reader did; ``minutes`` leaves gaps out that are longer than ``idle_s``."""

    reader: str
    n_labels: int
    minutes: float
    per_minute: float | None
    n_repeats: int
    same_share: float | None
    idle_s: float


@router.get("/assignments")
def list_own(here: Here, asker: Asker) -> list[AssignmentOut]:
    """Return the assignments of the asker, the oldest first."""
    return [
        AssignmentOut(
            assignment_id=own.made.assignment_id,
            name=own.made.name,
            n_cells=own.made.n_cells,
            n_done=own.n_done,
        )
        for own in own_assignments(here.study, reader=asker.reader)
    ]


@router.get("/assignments/{assignment_id}/cells")
def places(
    here: Here,
    asker: Asker,
    assignment_id: AssignmentNumber,
    *,
    start: Annotated[int, Query(ge=1, le=2**31 - 1)] = 1,
    n: Annotated[int, Query(ge=1, le=MAX_PLACES)] = 200,
) -> list[PlaceOut]:
    """Return places of an assignment of the asker, from one on, in their order."""
    found = places_to_read(here.study, assignment_id, reader=asker.reader, start=start, n=n)
    return [
        PlaceOut(
            place=each.place,
            cell_id=each.cell.cell_id,
            slide_id=each.cell.slide_id,
            x_l0=each.cell.x_l0,
            y_l0=each.cell.y_l0,
            expression=answer_of(each.expression),
        )
        for each in found
    ]


@router.post("/assignments")
def give(here: Here, asker: Owner, asked: AssignmentIn) -> list[MadeOut]:
    """Give the same cells to readers, each in an order of their own."""
    seed = here.study.settings.study.seed if asked.seed is None else asked.seed
    made = assign(
        here.study,
        readers=[ReaderId(reader) for reader in asked.readers],
        name=asked.name,
        source=asked.source,
        cells=None,
        order=Order(
            n_cells=asked.n_cells,
            repeat_share=asked.repeat_share,
            is_shuffled=asked.is_shuffled,
            seed=seed,
        ),
        made_by=asker.reader,
    )
    return [
        MadeOut(assignment_id=each.assignment_id, reader=each.reader, n_cells=each.n_cells)
        for each in made
    ]


@router.get("/effort")
def effort(here: Here, _asker: Owner) -> list[EffortOut]:
    """Return what labelling cost each reader, and how often a repeat got the same answer."""
    return [
        EffortOut(
            reader=each.reader,
            n_labels=each.n_labels,
            minutes=each.minutes,
            per_minute=each.per_minute,
            n_repeats=each.n_repeats,
            same_share=each.same_share,
            idle_s=here.study.settings.workbench.idle_s,
        )
        for each in efforts(here.study)
    ]
