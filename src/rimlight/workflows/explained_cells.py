"""The cells of a slide that a run has explained already, read back for a layer over the slide.

Labelled cells come from ``maps/`` and ``membranes/`` of the run, cells of scored slides from
``explained_slides/``.  Each has a number; its map is cut where another explained cell is nearer.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.core.planes import patch_box
from rimlight.errors import RunError
from rimlight.explain.colour import heat_rgba, shared_scale
from rimlight.io.arrays import read_arrays
from rimlight.io.files import read_json
from rimlight.io.formats.qupath_areas import Ring, read_areas
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import Run
from rimlight.io.value_pyramids import read_ome_windows
from rimlight.records import Cell, CellId, SlideInfo
from rimlight.settings import PatchSettings
from rimlight.workflows.explain_slide import FOLDER
from rimlight.workflows.explained_files import EYE_UM, for_the_eye
from rimlight.workflows.why import kept_scale
from rimlight.workflows.why_pictures import png_of, washed

ATLAS_COLUMNS = 8
MOST_MAPS = 64
SAMPLED_MAPS = 64
"""Maps of a slide that set the scale where the run has none."""
SHOWN_REFERENCE = "opposite"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCell:
    """One explained cell.

    is_positive: its call. map_row: its row in ``maps/``; None: its map is cut from the slide's.
    has_map: False where the map did not converge, or none was kept.
    """

    cell: Cell
    logit: float
    is_positive: bool
    is_converged: bool
    has_map: bool
    map_row: int | None
    polygons: tuple[tuple[Ring, ...], ...]
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedSlide:
    """The explained cells of one slide by one run; their place in the tuple is their number."""

    run: Run
    info: SlideInfo
    patch: PatchSettings
    cells: tuple[ExplainedCell, ...]

    @cached_property
    def places(self) -> np.ndarray:
        """x and y of each, level-0 pixels."""
        found = [(each.cell.x_l0, each.cell.y_l0) for each in self.cells]
        return np.array(found, dtype=np.float64).reshape(-1, 2)

    @cached_property
    def map_record(self) -> dict[str, Any]:
        """Where the map of the scored slide lies.

        Raises:
            RunError: Its record is damaged.
        """
        path = self.run.folder / FOLDER / f"{self.info.slide_id}.json"
        try:
            found: dict[str, Any] = read_json(path)["map"]
        except (KeyError, TypeError) as error:
            raise RunError(f"{path.name}: is damaged; explain the slide again") from error
        return found

    @cached_property
    def scale(self) -> float:
        """Value at the ends of the colours of its maps: that of the run, else of some of them."""
        kept = kept_scale(self.run, SHOWN_REFERENCE, mpp=self.patch.mpp)
        if kept is not None:
            return kept
        every = [number for number, each in enumerate(self.cells) if each.has_map]
        some = every[:: max(1, len(every) // SAMPLED_MAPS)][:SAMPLED_MAPS]
        maps = [shown[~np.isnan(shown)] for shown in _shown(self, some) if shown is not None]
        known = np.concatenate(maps) if maps else np.zeros(1)
        return shared_scale(known) if len(known) else 1.0


def explained_slide(run: Run, info: SlideInfo, patch: PatchSettings) -> ExplainedSlide:
    """Return what a run has explained on a slide; nothing where it has not.

    Raises:
        RunError: A file of the run is damaged.
    """
    labelled = _labelled_cells(run, info)
    own = {(round(each.cell.x_l0), round(each.cell.y_l0)) for each in labelled}
    scored = [
        each
        for each in _scored_cells(run, info)
        if (round(each.cell.x_l0), round(each.cell.y_l0)) not in own
    ]
    return ExplainedSlide(run=run, info=info, patch=patch, cells=(*labelled, *scored))


def changed_at(run: Run, info: SlideInfo) -> tuple[int, ...]:
    """Return when the files of what a run has explained on a slide were last changed."""
    names = (
        "explanations.csv",
        "membranes.csv",
        f"membranes/{info.slide_id}.geojson",
        f"{FOLDER}/{info.slide_id}.json",
    )
    paths = [run.folder / name for name in names]
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)


def facts_of(
    slide: ExplainedSlide, *, box: tuple[float, float, float, float], most: int
) -> list[dict[str, Any]]:
    """Return plain facts of the cells within a box of left, top, right and bottom, level 0."""
    if not slide.cells:
        return []
    x_l0, y_l0 = slide.places.T
    left, top, right, bottom = box
    inside = (x_l0 >= left) & (x_l0 <= right) & (y_l0 >= top) & (y_l0 <= bottom)
    return [_facts(slide, number) for number in np.flatnonzero(inside)[:most].tolist()]


def _facts(slide: ExplainedSlide, number: int) -> dict[str, Any]:
    each = slide.cells[number]
    return {
        "number": number,
        "cell_id": str(each.cell.cell_id),
        "x_l0": each.cell.x_l0,
        "y_l0": each.cell.y_l0,
        "logit": each.logit,
        "call": "positive" if each.is_positive else "negative",
        "is_converged": each.is_converged,
        "has_map": each.has_map,
        "reason": each.reason,
        "box": dict(zip(("left_l0", "top_l0", "width_l0"), box_of(slide, number), strict=True)),
        "polygons": [[[list(point) for point in ring] for ring in part] for part in each.polygons],
    }


def atlas_of(slide: ExplainedSlide, numbers: list[int]) -> bytes:
    """Return heat maps of cells as one PNG, eight a row, on the scale of the slide.

    A pixel of the atlas is a pixel of a patch; what is nearer to another cell is transparent.

    Raises:
        ValueError: No number, or too many.
        RunError: A number that is not there; a map is missing or damaged.
    """
    if not 0 < len(numbers) <= MOST_MAPS:
        raise ValueError(f"numbers: 1 to {MOST_MAPS} at once, got {len(numbers)}")
    if not all(0 <= number < len(slide.cells) for number in numbers):
        raise RunError(
            f"slide {slide.info.slide_id}: has {len(slide.cells)} explained cells, asked for "
            f"number {max(numbers)}; load the layer again"
        )
    side, scale = slide.patch.size_px, slide.scale
    n_rows = -(-len(numbers) // ATLAS_COLUMNS)
    atlas = np.zeros((n_rows * side, ATLAS_COLUMNS * side, 4), dtype=np.uint8)
    for place, (number, shown) in enumerate(zip(numbers, _shown(slide, numbers), strict=True)):
        if shown is None:
            continue
        heat = washed(heat_rgba(np.nan_to_num(shown), scale=scale))
        heat[~_is_own(slide, number) | np.isnan(shown), 3] = 0
        row, column = divmod(place, ATLAS_COLUMNS)
        atlas[row * side : (row + 1) * side, column * side : (column + 1) * side] = heat
    return png_of(atlas)


def box_of(slide: ExplainedSlide, number: int) -> tuple[float, float, float]:
    """Return left, top and width of a cell's map on the slide, level-0 pixels.

    Maps of scored slides lie on the grid of the slide's map, at most half a patch pixel beside
    the cell.
    """
    each = slide.cells[number]
    box = patch_box(
        each.cell,
        size_px=slide.patch.size_px,
        patch_mpp=slide.patch.mpp,
        slide_mpp=slide.info.mpp,
    )
    if each.map_row is not None or not each.has_map:
        return box.left_l0, box.top_l0, box.width_l0
    record = slide.map_record
    step_l0 = float(record["step_l0"])
    row, column = _corner(record, each.cell, slide.patch.size_px)
    return (
        float(record["left_l0"]) + column * step_l0,
        float(record["top_l0"]) + row * step_l0,
        slide.patch.size_px * step_l0,
    )


def _labelled_cells(run: Run, info: SlideInfo) -> list[ExplainedCell]:
    """Held-out cells of ``explain`` and ``membranes`` on a slide."""
    places = {
        cell: (float(x), float(y))
        for cell, slide, x, y in _rows(run, "cells.csv", "cell", "slide", "x_l0", "y_l0")
        if slide == info.slide_id
    }
    mapped = {cell: row for row, (cell,) in enumerate(_rows(run, "mapped_cells.csv", "cell"))}
    found: dict[str, tuple[float, bool]] = {}
    columns = ("cell", "network", "reference", "logit", "is_converged")
    for cell, network, reference, logit, whole in _rows(run, "explanations.csv", *columns):
        if network == "trained" and reference == SHOWN_REFERENCE and cell in places:
            found[cell] = (float(logit), whole == "1")
    reasons: dict[str, str] = {}
    for cell, logit, reason in _rows(run, "membranes.csv", "cell", "logit", "reason"):
        if cell in places:
            found.setdefault(cell, (float(logit), True))
            reasons[cell] = reason
    areas = _areas(run.folder / "membranes" / f"{info.slide_id}.geojson")
    return [
        ExplainedCell(
            cell=Cell(cell_id=CellId(cell), slide_id=info.slide_id, x_l0=at[0], y_l0=at[1]),
            logit=found[cell][0],
            is_positive=found[cell][0] > 0,
            is_converged=found[cell][1],
            has_map=cell in mapped and found[cell][1],
            map_row=mapped.get(cell),
            polygons=areas.get(cell, ()),
            reason=reasons.get(cell, ""),
        )
        for cell, at in places.items()
        if cell in found
    ]


def _scored_cells(run: Run, info: SlideInfo) -> list[ExplainedCell]:
    """Cells of ``explain-slide``."""
    folder = run.folder / FOLDER
    if not (folder / f"{info.slide_id}.json").is_file():
        return []
    columns = ("cell", "x_l0", "y_l0", "logit", "call", "is_converged", "reason")
    rows = _rows(run, f"{FOLDER}/{info.slide_id}.cells.csv", *columns)
    areas = _areas(folder / f"{info.slide_id}.outlines.geojson.gz")
    return [
        ExplainedCell(
            cell=Cell.at_place(info.slide_id, float(x), float(y)),
            logit=float(logit),
            is_positive=call == "1",
            is_converged=whole == "1",
            has_map=whole == "1",
            map_row=None,
            polygons=areas.get(name, ()),
            reason=reason,
        )
        for name, x, y, logit, call, whole, reason in rows
    ]


def _rows(run: Run, name: str, *columns: str) -> list[tuple[str, ...]]:
    path = run.folder / name
    if not path.is_file():
        return []
    table = read_table(path)
    missing = [column for column in columns if column not in table]
    if missing:
        raise RunError(f"run {run.run_id}: {name} has no column {missing[0]}; do that step again")
    return list(zip(*(table[column] for column in columns), strict=True))


def _areas(path: Path) -> dict[str, tuple[tuple[Ring, ...], ...]]:
    return read_areas(path) if path.is_file() else {}


def _shown(slide: ExplainedSlide, numbers: list[int]) -> list[np.ndarray | None]:
    """Maps as they are drawn; None where there is none."""
    values: dict[int, np.ndarray] = {}
    labelled = [n for n in numbers if slide.cells[n].has_map and slide.cells[n].map_row is not None]
    scored = [n for n in numbers if slide.cells[n].has_map and slide.cells[n].map_row is None]
    if labelled:
        name = f"map-{SHOWN_REFERENCE}"
        maps = read_arrays(slide.run.folder, "maps", [name])[name]
        values |= {number: maps[slide.cells[number].map_row] for number in labelled}
    if scored:
        record, side = slide.map_record, slide.patch.size_px
        corners = [_corner(record, slide.cells[number].cell, side) for number in scored]
        path = slide.run.folder / FOLDER / str(record["file"])
        windows = read_ome_windows(path, corners, size_px=side)
        values |= dict(zip(scored, windows, strict=True))
    sigma_px = EYE_UM / slide.patch.mpp
    return [
        for_the_eye(values[number], sigma_px=sigma_px) if number in values else None
        for number in numbers
    ]


def _is_own(slide: ExplainedSlide, number: int) -> np.ndarray:
    """Pixels of a cell's map that are not nearer to another explained cell."""
    side, places = slide.patch.size_px, slide.places
    left_l0, top_l0, width_l0 = box_of(slide, number)
    along = (np.arange(side) + 0.5) / side * width_l0
    x_l0, y_l0 = left_l0 + along[None, :], top_l0 + along[:, None]
    own = np.hypot(x_l0 - places[number, 0], y_l0 - places[number, 1])
    far = np.abs(places - places[number]).max(axis=1)
    is_own = np.ones((side, side), dtype=bool)
    for other in np.flatnonzero((far < width_l0) & (far > 0)).tolist():
        is_own &= own <= np.hypot(x_l0 - places[other, 0], y_l0 - places[other, 1])
    return is_own


def _corner(record: dict[str, Any], cell: Cell, size_px: int) -> tuple[int, int]:
    """Row and column of the slide's map where a cell's own map begins, as it was put there."""
    step_l0 = float(record["step_l0"])
    middle = ((cell.y_l0 - record["top_l0"]) / step_l0, (cell.x_l0 - record["left_l0"]) / step_l0)
    row, column = (int(np.rint(at - size_px / 2)) for at in middle)
    return row, column
