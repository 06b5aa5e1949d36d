"""The cores of a tissue array on a slide: found, named, and kept as regions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from rimlight.core.regions import circle
from rimlight.core.tissue import tissue_mask
from rimlight.core.tissue_array import TissueArray, core_diameter_px, find_cores
from rimlight.errors import SlideError
from rimlight.io.database import writing
from rimlight.io.inspection import check_unchanged
from rimlight.io.regions import current_regions, put_regions, withdraw_regions
from rimlight.io.slides import Slide, open_slide
from rimlight.io.study import Study
from rimlight.records import CaseId, ReaderId, Region, RegionKind, SlideId, SlideInfo
from rimlight.workflows.regions import region_id_of
from rimlight.workflows.standing_regions import slide_of

SOURCE = "rimlight dearray"
CIRCLE_SCALE = 1.05
"""Of a core's circle to its diameter, as QuPath draws it."""
_ESTIMATE_UM = (4.0, 16.0)  # finest and coarsest pixel that the diameter is measured with
_ESTIMATE_PIXELS = 1500  # of the longer side, between these
_RIM_PX = 2  # that the tissue mask adds to a diameter
_PIXELS_OF_CORE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Dearrayed:
    """What was found on a slide; n_new: cores that are new or changed."""

    slide: SlideId
    n_rows: int
    n_columns: int
    n_cores: int
    n_missing: int
    n_new: int
    core_um: float
    turn_deg: float


def dearray(
    study: Study,
    slide: str,
    *,
    core_um: float | None = None,
    n_rows: int | None = None,
    n_columns: int | None = None,
) -> Dearrayed:
    """Find the cores of a tissue array and keep them; those found before are replaced.

    A core keeps the case that was said of it under its name. Cores that a person drew or a file
    brought are left alone, and go before a found one of the same name.

    Args:
        study: The slide must be in it.
        slide: Its id.
        core_um: About the diameter of a core; None measures it on the slide.
        n_rows: Of the array; None for what is seen.
        n_columns: Likewise.

    Raises:
        StudyError: The slide is not in the study.
        SlideError: It cannot be read, or no array is found on it.
        StorageError: The disk refuses.
    """
    info = slide_of(study, slide)
    path = study.folder / info.path
    check_unchanged(path, info)
    with open_slide(path, mpp=info.mpp) as opened:
        try:
            core_um = core_um or _measured_um(opened, info)
            found, step_l0 = _found(opened, info, core_um, (n_rows, n_columns))
        except ValueError as error:
            raise SlideError(
                f"slide {slide}: {error}; give the diameter of a core with --core-um, or draw the "
                "cores in QuPath and import them"
            ) from error
    with writing(study.engine) as transaction:
        standing = current_regions(transaction, info.slide_id)
        own = {each.region_id: each for each in standing if each.source == SOURCE}
        others = [each for each in standing if each.region_id not in own]
        cases = {each.name: each.case_id for each in own.values()}
        cores = _regions(info, found, step_l0=step_l0, core_um=core_um, cases=cases)
        cores = _beside(cores, others, info)
        kept = {core.region_id for core in cores}
        gone = [each for each in own.values() if each.region_id not in kept]
        withdraw_regions(transaction, gone, reader=ReaderId(""))
        n_new = put_regions(transaction, cores)
    return Dearrayed(
        slide=info.slide_id,
        n_rows=found.n_rows,
        n_columns=found.n_columns,
        n_cores=len(found.cores),
        n_missing=sum(core.is_missing for core in found.cores),
        n_new=n_new,
        core_um=core_um,
        turn_deg=found.turn_deg,
    )


def _beside(cores: Sequence[Region], others: Sequence[Region], info: SlideInfo) -> list[Region]:
    """Return the cores that take neither the name nor the id of another region of the slide."""
    names, ids = ({getattr(each, name) for each in others} for name in ("name", "region_id"))
    kept = []
    for core in cores:
        number = 2
        while core.region_id in ids:  # of a found core that a person gave another name
            core = replace(core, region_id=region_id_of(info, "core", core.name, number))
            number += 1
        if core.name not in names:
            kept.append(core)
    return kept


def _measured_um(slide: Slide, info: SlideInfo) -> float:
    longest_um = max(slide.width_l0, slide.height_l0) * info.mpp
    finest_um, coarsest_um = _ESTIMATE_UM
    pixel_um = min(max(longest_um / _ESTIMATE_PIXELS, finest_um), coarsest_um)
    mask, step_l0 = _tissue(slide, info, pixel_um=pixel_um)
    return (core_diameter_px(mask) - _RIM_PX) * step_l0 * info.mpp


def _found(
    slide: Slide, info: SlideInfo, core_um: float, shape: tuple[int | None, int | None]
) -> tuple[TissueArray, float]:
    """Return the array, and how many level-0 pixels a pixel of its coordinates covers."""
    mask, step_l0 = _tissue(slide, info, pixel_um=core_um / _PIXELS_OF_CORE)
    diameter_px = core_um / info.mpp / step_l0
    found = find_cores(mask, diameter_px=diameter_px, n_rows=shape[0], n_columns=shape[1])
    return found, step_l0


def _tissue(slide: Slide, info: SlideInfo, *, pixel_um: float) -> tuple[np.ndarray, float]:
    longest_l0 = max(slide.width_l0, slide.height_l0)
    overview = slide.overview(max(64, ceil(longest_l0 * info.mpp / pixel_um)))
    mask = tissue_mask(overview, white=info.white)
    return mask, longest_l0 / max(mask.shape)


def _regions(
    info: SlideInfo,
    found: TissueArray,
    *,
    step_l0: float,
    core_um: float,
    cases: dict[str, CaseId | None],
) -> list[Region]:
    diameter_l0 = CIRCLE_SCALE * core_um / info.mpp
    return [
        Region(
            region_id=region_id_of(info, "core", core.name),
            slide_id=info.slide_id,
            name=core.name,
            kind=RegionKind.CORE,
            # The middle of a pixel lies half a pixel from its corner.
            polygons=(
                circle(
                    (core.x_px + 0.5) * step_l0,
                    (core.y_px + 0.5) * step_l0,
                    diameter_l0=diameter_l0,
                ),
            ),
            reader=ReaderId(""),
            source=SOURCE,
            case_id=cases.get(core.name),
            is_missing=core.is_missing,
        )
        for core in found.cores
    ]
