"""The predicted cells of a slide: all that may be seen as a table of bytes, and one by one."""

from math import isfinite
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import BaseModel

from rimlight.records import SlideId
from rimlight.web.slides import SlideKey, slide_of
from rimlight.web.workbench import Asker, ForbiddenError, Here, Session, UnknownError, Workbench
from rimlight.workflows.point_table import point_table
from rimlight.workflows.seen_points import SeenPoints, seen_points

router = APIRouter(tags=["points"])
RunKey = Annotated[str | None, Query(max_length=20)]
MOST_POINTS = 2**32 - 1


class PointOut(BaseModel):
    """A predicted cell. od_ring: DAB density of its ring; reason: why it does not count, or ""."""

    number: int
    cell_id: str
    slide_id: str
    x_l0: float
    y_l0: float
    logit: float
    probability: float
    level: int
    has_levels: bool
    od_ring: float | None
    reason: str
    run: str
    model: str
    part: str


@router.get("/slides/{slide_id}/points", response_class=Response)
def points(here: Here, asker: Asker, slide_id: SlideKey, run: RunKey = None) -> Response:
    """Return the predicted cells that the asker may see, as a table of bytes."""
    table = point_table(_seen(here, asker, slide_id, run))
    return Response(
        table, media_type="application/octet-stream", headers={"cache-control": "no-store"}
    )


@router.get("/slides/{slide_id}/points/{number}")
def one_point(
    here: Here,
    asker: Asker,
    *,
    slide_id: SlideKey,
    number: Annotated[int, InPath(ge=0, le=MOST_POINTS)],
    run: RunKey = None,
) -> PointOut:
    """Return one predicted cell."""
    seen = _seen(here, asker, slide_id, run)
    found = seen.points
    if number >= len(found):
        raise UnknownError(
            f"slide {slide_id}: has {len(found)} predicted cells, not number {number}"
        )
    if not seen.shows(number):
        raise ForbiddenError(
            "this cell's prediction is hidden until you have labelled the cell; label it first"
        )
    cell, od_ring = seen.cell(number), float(found.od_ring[number])
    return PointOut(
        number=number,
        cell_id=cell.cell_id,
        slide_id=cell.slide_id,
        x_l0=cell.x_l0,
        y_l0=cell.y_l0,
        logit=float(found.logit[number]),
        probability=float(found.probability[number]),
        level=int(found.level[number]),
        has_levels=found.has_levels,
        od_ring=od_ring if isfinite(od_ring) else None,
        reason=found.reasons[int(found.reason[number])],
        run=found.run_id,
        model=found.model,
        part=found.part,
    )


def _seen(here: Workbench, asker: Session, slide_id: str, run: str | None) -> SeenPoints:
    info = slide_of(here, slide_id)
    found = here.points.points(here.study, SlideId(slide_id), run_id=run)
    return seen_points(here.study, found, info=info, reader=asker.reader)
