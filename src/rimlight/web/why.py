"""Why a cell is called as it is, and what if it were stained otherwise: after one's own label.

Nothing of a model is answered of a cell that the asker may not see yet.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from rimlight.errors import JobError
from rimlight.io.runs import Run
from rimlight.jobs.explainer import Explained, Explainer
from rimlight.records import Cell, CellId, SlideId
from rimlight.web.failures import failure
from rimlight.web.workbench import Asker, ForbiddenError, Here, Session, Workbench
from rimlight.workflows.open_cells import OpenCell, open_cell
from rimlight.workflows.trained_runs import trained_run

router = APIRouter(tags=["why"])

Id = Annotated[str, Field(min_length=1, max_length=200)]
Place = Annotated[FiniteFloat, Field(ge=-1e7, le=1e7)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
Moved = Annotated[FiniteFloat, Field(ge=-6, le=6)]
Reference = Literal["opposite", "fixed_negatives", "white", "stain_removed"]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CellIn(_Sent):
    """A cell of a slide; run None is the latest that was trained."""

    slide_id: Id
    cell_id: Id
    x_l0: Place
    y_l0: Place
    run: Annotated[str, Field(min_length=1, max_length=20)] | None = None


class WhyIn(CellIn):
    """A cell to explain; reference None leaves the choice to the rule."""

    reference: Reference | None = None


class WhatIfIn(CellIn):
    """A cell to edit: shares 0..1 of the stain that is taken, and how far the click moves."""

    dab_own: Share = 0
    dab_neighbours: Share = 0
    lighten_nuclei: Share = 0
    dx_um: Moved = 0
    dy_um: Moved = 0


class ScaleOut(BaseModel):
    """Logits per pixel at the ends of the colours, and which maps that is the scale of."""

    logits: float
    of: str


class ZoneOut(BaseModel):
    """What a zone adds to the logit, from clear glass on, in all and by stain."""

    zone: str
    logits: float
    stains: dict[str, float]


class StainOut(BaseModel):
    """What a stain adds to the logit, from clear glass on."""

    stain: str
    logits: float


class DensityOut(BaseModel):
    """DAB optical density: where the map points, on the outline, and where no network chose."""

    attributed: float
    membrane: float | None
    ring: float
    disc: float
    whole_patch: float


class CauseOut(BaseModel):
    """A cause of a wrong or uncertain call, and what its edit did to the logit."""

    cause: str
    is_main: bool
    is_confirmed: bool
    logit_before: float | None
    logit_after: float | None
    placebo_logit: float | None


class NearCellOut(BaseModel):
    """A training cell that the network takes for alike; distance between features, no unit."""

    cell_id: str
    slide_id: str
    x_l0: float
    y_l0: float
    expression: str
    distance: float


class PatchBoxOut(BaseModel):
    """Where the patch lies on the slide; it is a square."""

    left_l0: float
    top_l0: float
    width_l0: float
    width_um: float


class WhyPicturesOut(BaseModel):
    """Paths of pictures."""

    patch: str
    reference: str
    overlay: str
    mask: str
    heat_map: str
    bar: str


class WhyOut(BaseModel):
    """Why a cell is called as it is.

    threshold: logit above which the call is positive. rise: logit above that of the reference;
    gap: what the sum of the map misses of it. mask: polygons of rings of x, y, level-0 pixels.
    glass_logit: of clear glass, where zones and stains start. part: of the cell's case in
    training.
    """

    run: str
    model: str
    part: str
    fold: int
    case_id: str
    logit: float
    probability: float
    threshold: float
    call: Literal["positive", "negative"]
    label: str | None
    reference: str
    n_references: int
    reference_logit: float
    is_reference_valid: bool
    rise: float
    gap: float
    is_converged: bool
    is_small_rise: bool
    caption: str
    scale: ScaleOut
    unit: str
    mpp: float
    glass_logit: float
    parts_gap: float
    parts_converged: bool
    is_nucleus_found: bool
    zones: list[ZoneOut]
    stains: list[StainOut]
    od: DensityOut
    mask: list[list[list[list[float]]]]
    box: PatchBoxOut
    outline_reason: str
    completeness: float | None
    area_um2: float | None
    own_over_neighbour: float | None
    nearest: list[NearCellOut]
    causes: list[CauseOut]
    pictures: WhyPicturesOut


class WhatIfOut(BaseModel):
    """What the network says of the cell before and after the edit, and the edited patch."""

    run: str
    logit_before: float
    logit: float
    probability_before: float
    probability: float
    edited_share: float
    picture: str


@router.post("/why")
def why(sent: WhyIn, here: Here, asker: Asker) -> WhyOut:
    """Explain a cell that the asker may see."""
    run = trained_run(here.study, sent.run)
    opened = _opened(here, asker, sent, run)
    found = explainer_of(here).ask("why", cell=_cell(opened, run), reference=sent.reference)
    return WhyOut(
        **found.facts,
        label=opened.label,
        pictures=WhyPicturesOut(**_shelved(here, asker, found)),
    )


@router.post("/what-if")
def what_if(sent: WhatIfIn, here: Here, asker: Asker) -> WhatIfOut:
    """Say what the network makes of the cell when stain is taken or the click is moved."""
    run = trained_run(here.study, sent.run)
    opened = _opened(here, asker, sent, run)
    change = sent.model_dump(
        include={"dab_own", "dab_neighbours", "lighten_nuclei", "dx_um", "dy_um"}
    )
    found = explainer_of(here).ask("what_if", cell=_cell(opened, run), change=change)
    return WhatIfOut(**found.facts, picture=_shelved(here, asker, found)["picture"])


@router.post("/why/ready", status_code=204)
def make_ready(here: Here, _asker: Asker) -> Response:
    """Let the models of the latest run be loaded, so that the first answer does not wait for it."""
    if here.explainer is not None:
        here.explainer.warm()
    return Response(status_code=204)


@router.get("/why/pictures/{key}.png", response_class=Response)
def picture(
    key: Annotated[str, Path(pattern="^[0-9a-f]{40}$")], here: Here, asker: Asker
) -> Response:
    """Return a picture that was made for the asker."""
    found = here.shelf.get(asker.reader, key)
    if found is None:
        return failure(404, "this picture is not kept any more; ask for the cell again")
    headers = {"cache-control": "private, max-age=3600, immutable"}
    return Response(found, media_type="image/png", headers=headers)


def explainer_of(here: Workbench) -> Explainer:
    """Return what explains cells.

    Raises:
        JobError: This server has none.
    """
    if here.explainer is None:
        raise JobError("explainer: this server has none; start it with rimlight serve")
    return here.explainer


def _opened(here: Workbench, asker: Session, sent: CellIn, run: Run) -> OpenCell:
    cell = Cell(
        cell_id=CellId(sent.cell_id),
        slide_id=SlideId(sent.slide_id),
        x_l0=sent.x_l0,
        y_l0=sent.y_l0,
    )
    found = open_cell(here.study, cell, reader=asker.reader, run_id=run.run_id)
    if found is None:
        raise ForbiddenError(
            f"cell {sent.cell_id}: what the model says of it is shown after your own label; "
            "label it first"
        )
    return found


def _cell(found: OpenCell, run: Run) -> dict[str, Any]:
    cell = found.cell
    return {
        "slide_id": cell.slide_id,
        "cell_id": cell.cell_id,
        "x_l0": cell.x_l0,
        "y_l0": cell.y_l0,
        "run": run.run_id,
    }


def _shelved(here: Workbench, asker: Session, found: Explained) -> dict[str, str]:
    return {
        name: f"/api/why/pictures/{here.shelf.put(asker.reader, png)}.png"
        for name, png in found.pictures.items()
    }
