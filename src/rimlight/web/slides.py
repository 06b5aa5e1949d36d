"""The slides of the study: what they are, and what a viewer must know of one."""

from collections import Counter
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel

from rimlight.core.display import Way
from rimlight.errors import SlideError
from rimlight.io.own_labels import count_by_slide
from rimlight.io.store import slide, slides
from rimlight.records import SlideInfo
from rimlight.web.workbench import Asker, Here, Session, UnknownError, Workbench

router = APIRouter(tags=["slides"])
SlideKey = Annotated[str, InPath(max_length=200)]


class SlideOut(BaseModel):
    """A slide, without its path. mpp: micrometres per level-0 pixel. white: I0, R, G, B, 0..255.

    version: changes with the pixels; it belongs into the address of every picture as ``v``.
    n_labels: cells that the asker has labelled on it. is_missing: its file is not there now.
    """

    slide_id: str
    case_id: str
    width_l0: int
    height_l0: int
    mpp: float
    assay: str
    white: tuple[float, float, float]
    version: str
    n_labels: int
    is_missing: bool


class SlideFactsOut(SlideOut):
    """A slide that can be shown. max_level: whose pixels are those of level 0."""

    tile_px: int
    min_level: int
    max_level: int
    notices: list[str]
    ways: list[Way]


@router.get("/slides")
def list_slides(here: Here, asker: Asker) -> list[SlideOut]:
    """Return the slides of the study, ordered by case and id."""
    n_labels = _n_labels(here, asker)
    found = sorted(slides(here.study.engine), key=lambda info: (info.case_id, info.slide_id))
    return [_out(info, n_labels[info.slide_id]) for info in found]


@router.get("/slides/{slide_id}")
def one_slide(here: Here, asker: Asker, slide_id: SlideKey) -> SlideFactsOut:
    """Return a slide with all that a viewer must know before it asks for tiles."""
    info = slide_of(here, slide_id)
    if not Path(info.path).exists():
        raise SlideError(
            f"slide {slide_id}: its file is missing; put it back where it was, or register it "
            "where it is now"
        )
    facts = here.slides.facts(info)
    return SlideFactsOut(
        **_out(info, _n_labels(here, asker)[slide_id]).model_dump(),
        tile_px=facts.tile_px,
        min_level=facts.min_level,
        max_level=facts.max_level,
        notices=list(facts.notices),
        ways=list(facts.ways),
    )


def slide_of(here: Workbench, slide_id: str) -> SlideInfo:
    """Return a slide of the study.

    Raises:
        UnknownError: The study has none of that id.
    """
    found = slide(here.study.engine, slide_id)
    if found is None:
        raise UnknownError("no slide of that id is in this study; choose one of the list")
    return found


def version_of(info: SlideInfo) -> str:
    """Return what changes with the pixels of a slide."""
    return info.fingerprint[:16]


def _n_labels(here: Workbench, asker: Session) -> Counter[str]:
    return Counter(count_by_slide(here.study.engine, asker.reader))


def _out(info: SlideInfo, n_labels: int) -> SlideOut:
    return SlideOut(
        slide_id=info.slide_id,
        case_id=info.case_id,
        width_l0=info.width_l0,
        height_l0=info.height_l0,
        mpp=info.mpp,
        assay=info.assay,
        white=info.white,
        version=version_of(info),
        n_labels=n_labels,
        is_missing=not Path(info.path).exists(),
    )
