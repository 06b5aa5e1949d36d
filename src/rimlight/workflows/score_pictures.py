"""What the report shows of scored slides: an overview each, and where its cells lie.

Reads ``scores.csv`` and the cells of ``scores/`` of a run, and writes ``score_pictures/``.  Label
and macro images are never read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rimlight.core.field_maps import field_counts
from rimlight.errors import RunError, SlideError, StudyError
from rimlight.io.arrays import write_arrays
from rimlight.io.files import inside, read_json
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.regions import current_regions
from rimlight.io.runs import Run
from rimlight.io.slides import open_slide
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import RegionKind, SlideInfo
from rimlight.workflows.explain import study_of

MOST_SLIDES = 12
MOST_DOTS = 4000
"""Of a slide; more cells are shown by their fields alone."""
OVERVIEW_PX = 520
FIELD_UM = 64.0
"""At least; so that a slide has at most 96 fields a side."""
_MOST_FIELDS_A_SIDE = 96
_N_URGENT = 4
Row = Mapping[str, str]


def write_score_pictures(run: Run) -> int:
    """Write ``score_pictures/`` of a run, unless it stands; return how many slides it shows.

    Holds ``pictures.csv``, a row a slide, and for the slide of row 0 the arrays ``overview-0``
    (uint8 (h, w, 3)), ``positive-0`` and ``negative-0`` (cells a field, row 0 at the top), and
    for slides of few cells ``dots-0`` (float32 (n, 3): x, y, level; level-0 pixels). Where a slide
    has regions or cores, ``outlines-0`` (float32 (n, 4)): ring, 1 where it leaves cells out, x, y.

    Raises:
        RunError: The run has no scores, or a table of them is damaged.
        StorageError: The disk refuses; the old pictures stay.
    """
    study = study_of(run)
    known = {str(info.slide_id): info for info in slides(study.engine)}
    rows = [row for row in _rows(run) if row["slide"] in known]
    wanted = {row["slide"]: _made_from(run, row["slide"]) for row in chosen(rows)}
    if _shown(run) == wanted:
        return len(wanted)
    facts: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for slide, made_from in wanted.items():
        found = _pictures(run, study, known[slide])
        if found is not None:
            about, pictures = found
            arrays |= {f"{name}-{len(facts)}": array for name, array in pictures.items()}
            facts.append({"slide": slide, "made_from": made_from, **about})
    home = write_arrays(run.folder, "score_pictures", arrays)
    write_table(home / "pictures.csv", {name: [about[name] for about in facts] for name in _ABOUT})
    return len(facts)


_ABOUT = (
    "slide", "made_from", "width_l0", "height_l0", "mpp", "field_l0", "n_cells", "has_levels",
)  # fmt: skip


def _made_from(run: Run, slide: str) -> str:
    """Return the hash of what the score of a slide stands on, "" where there is no record."""
    path = inside(run.folder / "scores", f"{slide}.json")
    try:
        return str(read_json(path).get("made_from", "")) if path.is_file() else ""
    except StudyError:
        return ""


def _shown(run: Run) -> dict[str, str]:
    """Return the slides that are shown already, and what their scores stood on then."""
    path = run.folder / "score_pictures" / "pictures.csv"
    table = read_table(path, refusal=RunError) if path.is_file() else {}
    return dict(zip(table.get("slide", []), table.get("made_from", []), strict=False))


def chosen(rows: Sequence[Row], *, most: int = MOST_SLIDES) -> list[Row]:
    """Return the slides to show, by case: all, or those to look at first and some of each height.

    First up to four that are not evaluable and up to four that are borderline, then others evenly
    from the lowest value to the highest; of each kind slides that training did not see first.
    """
    shown = [row for row in rows if row.get("reason") != "damaged_image"]
    if len(shown) > most:
        ordered = sorted(shown, key=lambda row: (_is_seen(row), row["case"], row["slide"]))
        urgent = [row for row in ordered if not row["value"]][:_N_URGENT]
        urgent += [row for row in ordered if row["value"] and row["borderline"]][:_N_URGENT]
        n_left = most - len(urgent)
        left = [row for row in ordered if row["value"] and row not in urgent]
        held = _spread([row for row in left if not _is_seen(row)], n=n_left)
        seen = _spread([row for row in left if _is_seen(row)], n=n_left - len(held))
        shown = [*urgent, *held, *seen]
    return sorted(shown, key=lambda row: (row["case"], row["slide"]))


def _spread(rows: Sequence[Row], *, n: int) -> list[Row]:
    ordered = sorted(rows, key=lambda row: (float(row["value"]), row["slide"]))
    places = np.unique(np.linspace(0, len(ordered) - 1, n).round().astype(int)) if ordered else ()
    return [ordered[int(place)] for place in places][:n]


def _is_seen(row: Row) -> bool:
    return row["part"] in ("train", "validation")


def _rows(run: Run) -> list[Row]:
    path = run.folder / "scores.csv"
    if not path.is_file():
        raise RunError(f"{run.folder}: has no scores; run rimlight score first")
    table = read_table(path, refusal=RunError)
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _pictures(
    run: Run, study: Study, info: SlideInfo
) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Return what is shown of a slide; None where it or its cells cannot be read any more."""
    path = inside(run.folder / "scores", f"{info.slide_id}.csv.gz")
    if not path.is_file():
        return None
    try:
        with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
            overview = slide.overview(OVERVIEW_PX)
    except SlideError:
        return None
    cells = read_scored_cells(path)
    counts = cells.reason == 0
    level, n_cells = cells.level[counts], int(counts.sum())
    longest_l0 = max(info.width_l0, info.height_l0)
    field_l0 = max(FIELD_UM / info.mpp, longest_l0 / _MOST_FIELDS_A_SIDE)
    frame = {"width_l0": info.width_l0, "height_l0": info.height_l0, "field_l0": field_l0}
    arrays = {"overview": overview}
    for name, is_of_kind in (("positive", cells.level > 0), ("negative", cells.level == 0)):
        weight = (counts & is_of_kind).astype(float)
        arrays[name] = field_counts(cells.x_l0, cells.y_l0, weight, **frame)
    if n_cells <= MOST_DOTS:
        dots = np.column_stack([cells.x_l0[counts], cells.y_l0[counts], level])
        arrays["dots"] = dots.astype(np.float32)
    outlines = _outlines(study, info)
    if len(outlines):
        arrays["outlines"] = outlines
    about = {"mpp": info.mpp, "n_cells": n_cells, "has_levels": cells.has_levels}
    return {**frame, **about}, arrays


def _outlines(study: Study, info: SlideInfo) -> np.ndarray:
    """Return the corners of the rings of a slide's regions and cores."""
    corners: list[tuple[float, float, float, float]] = []
    n_rings = 0
    for region in current_regions(study.engine, info.slide_id):
        leaves_out = float(region.kind is RegionKind.EXCLUDE)
        for ring in (ring for polygon in region.polygons for ring in polygon):
            corners += [(float(n_rings), leaves_out, x, y) for x, y in ring]
            n_rings += 1
    return np.array(corners, dtype=np.float32).reshape(-1, 4)
