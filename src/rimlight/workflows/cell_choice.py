"""Which scored cells of a slide are meant: positive ones, all, those of a region, or by name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rimlight.core.regions import is_inside
from rimlight.core.shortlists import fair_number
from rimlight.errors import NotEnoughDataError, StudyError
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.records import Region, SlideInfo

FARTHEST_UM = 4.0
"""From a place that is named to the scored cell that is meant."""
_TILE_UM = 512.0
_PLACE = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChoice:
    """Which cells of a slide are explained.

    cells: ``positive`` or ``all`` of those that count, or names: ids of labelled cells, or places
        as ``742:1638``, x and y in level-0 pixels.
    region: name of a region that they must lie in; None for the whole slide.
    most: how many at the most, drawn at random; None for all.
    """

    cells: str | tuple[str, ...] = "positive"
    region: str | None = None
    most: int | None = None


def chosen_rows(
    choice: CellChoice,
    scored: ScoredCells,
    info: SlideInfo,
    *,
    labelled: Mapping[str, tuple[float, float]],
    regions: Sequence[Region],
    seed: int,
) -> np.ndarray:
    """Return the rows of the chosen cells, tile after tile of the slide.

    Args:
        choice: What is asked.
        scored: All cells of the slide.
        info: The slide.
        labelled: Places of the slide's labelled cells by id, in level-0 pixels.
        regions: Those of the slide.
        seed: Of the draw where there are more cells than ``choice.most``.

    Raises:
        StudyError: There is no such region or labelled cell.
        NotEnoughDataError: No scored cell lies at a place that is named.
    """
    if isinstance(choice.cells, tuple):
        rows = np.unique([_row_at(name, scored, info, labelled) for name in choice.cells])
    else:
        is_chosen = scored.reason == 0
        if choice.cells == "positive":
            is_chosen = is_chosen & (scored.logit > 0)
        rows = np.flatnonzero(is_chosen)
    if choice.region is not None:
        region = _region(choice.region, info, regions)
        rows = rows[is_inside(region, scored.x_l0[rows], scored.y_l0[rows])]
    if choice.most is not None and choice.most < len(rows):
        x_l0, y_l0 = (axis[rows].astype(np.int64) for axis in (scored.x_l0, scored.y_l0))
        number = fair_number(x_l0, y_l0, slide=str(info.slide_id), seed=seed)
        rows = rows[np.argsort(number, kind="stable")[: choice.most]]
    tile_l0 = _TILE_UM / info.mpp
    x_l0, y_l0 = scored.x_l0[rows], scored.y_l0[rows]
    in_tiles: np.ndarray = rows[np.lexsort((x_l0, y_l0, x_l0 // tile_l0, y_l0 // tile_l0))]
    return in_tiles


def _row_at(
    name: str,
    scored: ScoredCells,
    info: SlideInfo,
    labelled: Mapping[str, tuple[float, float]],
) -> int:
    place = _PLACE.fullmatch(name)
    if name in labelled:
        x_l0, y_l0 = labelled[name]
    elif place:
        x_l0, y_l0 = float(place[1]), float(place[2])
    else:
        raise StudyError(
            f"cell {name!r}: is no labelled cell of slide {info.slide_id}; give its id, or a "
            "place as 742:1638, x and y in level-0 pixels"
        )
    far_um = np.hypot(scored.x_l0 - x_l0, scored.y_l0 - y_l0) * info.mpp
    if not len(far_um) or far_um.min() > FARTHEST_UM:
        raise NotEnoughDataError(
            f"cell {name!r}: slide {info.slide_id} has no scored cell within {FARTHEST_UM:g} um "
            "of it; name the middle of a cell of its scores"
        )
    return int(far_um.argmin())


def _region(name: str, info: SlideInfo, regions: Sequence[Region]) -> Region:
    for region in regions:
        if region.name == name:
            return region
    known = ", ".join(region.name for region in regions[:8])
    has = f"known are {known}" if known else "it has none"
    raise StudyError(f"region {name!r}: is not on slide {info.slide_id}, {has}; name another")
