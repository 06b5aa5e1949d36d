"""The slides of the study, and their pixels."""

from fastapi import APIRouter
from pydantic import BaseModel

from rimlight.io.store import slides
from rimlight.web.workbench import Here

router = APIRouter(tags=["slides"])


class SlideOut(BaseModel):
    """A slide, without its path. mpp: micrometres per level-0 pixel. white: I0, R, G, B, 0..255."""

    slide_id: str
    case_id: str
    width_l0: int
    height_l0: int
    mpp: float
    assay: str
    white: tuple[float, float, float]


@router.get("/slides")
def list_slides(here: Here) -> list[SlideOut]:
    """Return the slides of the study, ordered by id."""
    return [
        SlideOut(
            slide_id=info.slide_id,
            case_id=info.case_id,
            width_l0=info.width_l0,
            height_l0=info.height_l0,
            mpp=info.mpp,
            assay=info.assay,
            white=info.white,
        )
        for info in slides(here.study.engine)
    ]
