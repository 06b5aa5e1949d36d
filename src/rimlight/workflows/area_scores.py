"""The scores of a slide's regions and cores: which cells count, and a row for each area."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from rimlight.core.regions import counts, is_inside
from rimlight.core.scores import Adequacy
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.records import Region, RegionKind
from rimlight.workflows.score_task import REASONS, SlideTask
from rimlight.workflows.slide_scores import SlideScore, failed_score, slide_score

_NAMES = tuple(item.name for item in fields(SlideScore))
SCORE_COLUMNS = _NAMES[_NAMES.index("score") :]
"""What the row of an area has in common with the row of a slide."""
_PARTS = ("train", "validation", "hold-out", "new")  # the most seen first
AREA_COLUMNS = ("slide", "area", "kind", "case", "part", *SCORE_COLUMNS)


def in_regions(task: SlideTask, cells: ScoredCells) -> ScoredCells:
    """Return the cells of a slide with a reason for those that its regions leave out."""
    if not task.regions:
        return cells
    inside = counts(task.regions, cells.x_l0, cells.y_l0)
    return replace(cells, reason=np.where(inside, cells.reason, REASONS.index("outside_region")))


def area_rows(
    task: SlideTask, cells: ScoredCells, *, withheld: Adequacy | None = None
) -> list[dict[str, Any]]:
    """Return a row for each region to include and each core, in the order in which they came.

    Args:
        task: What the slide is scored with.
        cells: Of the slide, as ``in_regions`` gives them.
        withheld: Why the slide as a whole has no value, if so; then no area of it has one.
    """
    areas = [region for region in task.regions if region.kind is not RegionKind.EXCLUDE]
    return [_row(task, cells, area, withheld) for area in areas]


def area_warnings(
    rows: Sequence[Mapping[str, Any]], areas: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return what must be said of slides whose cells count in regions or cores alone.

    Args:
        rows: Of slides.
        areas: Of all their regions and cores.
    """
    found = []
    n_drawn = sum(row["extent"] == "regions" for row in rows)
    if n_drawn:
        found.append(
            f"{n_drawn} of {len(rows)} slides have a region score: cells count in regions alone "
            "that people chose, so it is not the score of the slide"
        )
    cases: dict[str, set[str]] = {}
    for area in areas:
        cases.setdefault(str(area["slide"]), set()).add(str(area["case"]))
    mixed = [row for row in rows if len(cases.get(str(row["slide"]), ())) > 1]
    if mixed:
        found.append(
            f"{len(mixed)} of {len(rows)} slides have cores of several cases: read the row of "
            "each core; labels on them were trained with under the case of the slide"
        )
    return found


def _row(
    task: SlideTask, cells: ScoredCells, area: Region, withheld: Adequacy | None
) -> dict[str, Any]:
    of_area = _task_of(task, area)
    if area.is_missing:
        words = "the core holds too little tissue"
        found = failed_score(of_area, reason="missing_core", words=words)
    else:
        inside = is_inside(area, cells.x_l0, cells.y_l0)
        found = slide_score(of_area, _chosen(cells, inside), withheld=withheld)
    score: Mapping[str, Any] = asdict(found)
    kind = "core" if area.kind is RegionKind.CORE else "region"
    own = {"area": area.name, "kind": kind}
    return {name: own[name] if name in own else score[name] for name in AREA_COLUMNS}


def _task_of(task: SlideTask, area: Region) -> SlideTask:
    """Return the task of a core that is of another case: its own labels do not judge it.

    Labels on the slide were trained with under the slide's case, those on other slides of the
    core's case under that; the core was seen if either was.
    """
    if area.case_id is None or area.case_id == task.info.case_id:
        return task
    part = min(task.part, task.part_of_case.get(area.case_id, "new"), key=_PARTS.index)
    return replace(task, info=replace(task.info, case_id=area.case_id), part=part)


def _chosen(cells: ScoredCells, inside: np.ndarray) -> ScoredCells:
    names = ("x_l0", "y_l0", "logit", "probability", "od_ring", "level", "reason")
    return replace(cells, **{name: getattr(cells, name)[inside] for name in names})
