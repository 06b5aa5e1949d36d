"""Regions drawn over a slide: shown, put, changed and withdrawn; every change is an event."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, FiniteFloat

from rimlight.io.regions import current_regions
from rimlight.records import Region, RegionId, RegionKind
from rimlight.web.slides import SlideKey, slide_of
from rimlight.web.workbench import Asker, Here, Session
from rimlight.workflows.region_drawing import (
    Drawing,
    Pen,
    draw_region,
    may_change,
    withdraw_region,
)

router = APIRouter(tags=["regions"])

_FARTHEST_L0 = 1e7
Place = Annotated[FiniteFloat, Field(ge=-_FARTHEST_L0, le=_FARTHEST_L0)]
Ring = Annotated[list[tuple[Place, Place]], Field(min_length=3, max_length=20_000)]
Rings = Annotated[list[Ring], Field(min_length=1, max_length=200)]


class RegionOut(BaseModel):
    """A region that stands; polygons: rings of corners x, y in level-0 pixels, holes after.

    may_change: whether the asker may change or withdraw it.
    """

    region_id: str
    name: str
    kind: RegionKind
    polygons: list[list[list[tuple[float, float]]]]
    reader: str
    may_change: bool


class RegionIn(BaseModel):
    """A region as it was drawn; polygons: as in RegionOut."""

    region_id: UUID
    kind: Literal["include", "exclude"]
    polygons: Annotated[list[Rings], Field(min_length=1, max_length=200)]
    name: Annotated[str | None, Field(max_length=200)] = None


class DrawnOut(BaseModel):
    """A region as it stands now; note: what was repaired."""

    region: RegionOut
    note: str | None


class WithdrawnOut(BaseModel):
    """How many regions stood before they were withdrawn."""

    n_withdrawn: int


@router.get("/slides/{slide_id}/regions")
def list_regions(here: Here, asker: Asker, slide_id: SlideKey) -> list[RegionOut]:
    """Return the regions that stand on a slide."""
    info = slide_of(here, slide_id)
    return [_out(each, asker) for each in current_regions(here.study.engine, info.slide_id)]


@router.post("/slides/{slide_id}/regions")
def put_region(here: Here, asker: Asker, slide_id: SlideKey, drawn: RegionIn) -> DrawnOut:
    """Put a region, or change the one of its id; on disk when this answers."""
    drawing = Drawing(
        region_id=RegionId(str(drawn.region_id)),
        kind=RegionKind(drawn.kind),
        polygons=[tuple(tuple(ring) for ring in polygon) for polygon in drawn.polygons],
        name=drawn.name,
    )
    info = slide_of(here, slide_id)
    region, note = draw_region(here.study, info, drawing, pen=_pen(asker))
    return DrawnOut(region=_out(region, asker), note=note)


@router.post("/slides/{slide_id}/regions/{region_id}/withdraw")
def withdraw(here: Here, asker: Asker, slide_id: SlideKey, region_id: UUID) -> WithdrawnOut:
    """Withdraw a region; it stays among the events and can be put again."""
    info = slide_of(here, slide_id)
    number = withdraw_region(here.study, info, RegionId(str(region_id)), pen=_pen(asker))
    return WithdrawnOut(n_withdrawn=number)


def _pen(asker: Session) -> Pen:
    return Pen(reader=asker.reader, is_owner=asker.role == "owner")


def _out(region: Region, asker: Session) -> RegionOut:
    return RegionOut(
        region_id=region.region_id,
        name=region.name,
        kind=region.kind,
        polygons=[[list(ring) for ring in polygon] for polygon in region.polygons],
        reader=region.reader,
        may_change=may_change(region, _pen(asker)),
    )
