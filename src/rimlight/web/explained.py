"""What a run has explained on a slide, as layers over it: outlines and heat maps of open cells."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, FiniteFloat

from rimlight.io.store import slides
from rimlight.records import SlideInfo
from rimlight.web.why import explainer_of
from rimlight.web.workbench import Asker, ForbiddenError, Here, UnknownError, Workbench
from rimlight.workflows.open_cells import open_places
from rimlight.workflows.trained_runs import trained_run

router = APIRouter(tags=["why"])

RunKey = Annotated[str | None, Query(min_length=1, max_length=20)]
Edge = Annotated[FiniteFloat, Query(ge=-1e7, le=1e7)]
Numbers = Annotated[str, Query(max_length=600, pattern=r"^\d{1,7}(,\d{1,7}){0,63}$")]
_EVERYWHERE = 1e7


class MapBoxOut(BaseModel):
    """Where a map lies on the slide; it is a square."""

    left_l0: float
    top_l0: float
    width_l0: float


class ExplainedCellOut(BaseModel):
    """An explained cell that the asker may see.

    number: names its heat map. polygons: of its contributing pixels, rings of x, y in level-0
    pixels. reason: why there are none.
    """

    number: int
    cell_id: str
    x_l0: float
    y_l0: float
    logit: float
    call: str
    is_converged: bool
    has_map: bool
    reason: str
    box: MapBoxOut
    polygons: list[list[list[list[float]]]]


class ExplainedOut(BaseModel):
    """The explained cells of a part of a slide. scale: logits per pixel at full colour."""

    run: str
    n_hidden: int
    scale: float | None
    cells: list[ExplainedCellOut]


@router.get("/slides/{slide_id}/explained")
def explained(
    slide_id: str, here: Here, asker: Asker, *, run: RunKey = None,
    left: Edge = -_EVERYWHERE, top: Edge = -_EVERYWHERE,
    right: Edge = _EVERYWHERE, bottom: Edge = _EVERYWHERE,
) -> ExplainedOut:  # fmt: skip
    """Return the explained cells of a slide within a box that the asker may see."""
    info, made = _slide(here, slide_id), trained_run(here.study, run)
    told = explainer_of(here).ask(
        "cells", slide_id=info.slide_id, run=made.run_id, box=[left, top, right, bottom]
    )
    cells = told.facts["cells"]
    places = np.array([(cell["x_l0"], cell["y_l0"]) for cell in cells]).reshape(-1, 2)
    is_open = open_places(here.study, info, reader=asker.reader, run_id=made.run_id, places=places)
    return ExplainedOut(
        run=made.run_id,
        n_hidden=int((~is_open).sum()),
        scale=told.facts["scale"],
        cells=[cell for cell, seen in zip(cells, is_open, strict=True) if seen],
    )


@router.get("/slides/{slide_id}/explained/maps.png", response_class=Response)
def maps(
    slide_id: str, here: Here, asker: Asker, *, numbers: Numbers, run: RunKey = None
) -> Response:
    """Return heat maps by their numbers, eight a row; one that is hidden refuses them all."""
    info, made = _slide(here, slide_id), trained_run(here.study, run)
    asked = [int(number) for number in numbers.split(",")]
    found = explainer_of(here).ask("maps", slide_id=slide_id, run=made.run_id, numbers=asked)
    is_open = open_places(
        here.study,
        info,
        reader=asker.reader,
        run_id=made.run_id,
        places=np.array(found.facts["places"]).reshape(-1, 2),
    )
    if not is_open.all():
        raise ForbiddenError(
            f"slide {slide_id}: heat maps are shown after your own label; label those cells first"
        )
    headers = {"cache-control": "private, max-age=600"}
    return Response(found.pictures["atlas"], media_type="image/png", headers=headers)


def _slide(here: Workbench, slide_id: str) -> SlideInfo:
    for info in slides(here.study.engine):
        if info.slide_id == slide_id:
            return info
    raise UnknownError(f"slide {slide_id}: is not in this study; choose another one")
