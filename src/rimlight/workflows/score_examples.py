"""Labelled cells as a score meets them: at the candidate that stands for them, with its patch.

A click lies anywhere in a cell, a candidate on its nucleus. Were cells judged where they were
clicked, a rule could tell tumour cells, which were clicked, from others by the place alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rimlight.errors import SlideError
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import LabelledCell, SlideInfo
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.given_candidates import given_candidates
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import wide_px
from rimlight.workflows.run_tables import FITTED_PARTS, Cells

POSITIVE, NEGATIVE, OTHER = 0, 1, 2
MOST_TUMOUR_CELLS = 4000
"""Labelled tumour cells of training and validation cases that are used at the most."""
REACH_UM = 4.0
"""A candidate this near a labelled cell is that cell."""
_NO_LEVEL = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Labelled cells that have a candidate; one entry each.

    part: of the case in the fold. level: 0..3, -1 where labelled other. places: x and y of the
    candidate. patches: light 0..255 with the margin of training. white: I0 of the slide.
    n_unread_slides: with labelled cells that are left out, because the slide cannot be read.
    """

    cell: np.ndarray
    case: np.ndarray
    part: np.ndarray
    level: np.ndarray
    places: np.ndarray
    patches: np.ndarray
    white: np.ndarray
    n_unread_slides: int

    @property
    def label(self) -> np.ndarray:
        """0 positive, 1 negative, 2 other."""
        found: np.ndarray = np.where(
            self.level > 0, POSITIVE, np.where(self.level == 0, NEGATIVE, OTHER)
        )
        return found

    @property
    def is_other(self) -> np.ndarray:
        """Cells labelled other."""
        found: np.ndarray = self.level == _NO_LEVEL
        return found

    @property
    def is_fitted(self) -> np.ndarray:
        """Examples of training and validation cases."""
        return np.isin(self.part, FITTED_PARTS)

    @property
    def is_held_out(self) -> np.ndarray:
        """Examples of held-out cases."""
        return np.asarray(self.part == "hold-out")


def examples_of(study: Study, cells: Cells, part_of_case: Mapping[str, str]) -> Examples:
    """Return the labelled cells of a study, tumour cells and others, at their candidates.

    Args:
        study: With the settings of the run.
        cells: Of the run and the fold; only these tumour cells are taken.
        part_of_case: Of the fold.
    """
    consensus = consensus_of_study(study)
    chosen = set(_chosen(cells, seed=study.settings.study.seed))
    tumour = [cell for cell in consensus.cells if str(cell.cell.cell_id) in chosen]
    every = [*tumour, *(c for c in consensus.others if str(c.case_id) in part_of_case)]
    every.sort(key=lambda cell: (cell.cell.slide_id, cell.cell.cell_id))
    places, patches, n_unread = _at_candidates(study, every)
    has_candidate = ~np.isnan(places[:, 0])
    kept = [cell for cell, has in zip(every, has_candidate.tolist(), strict=True) if has]
    info_of_slide = {info.slide_id: info for info in slides(study.engine)}
    levels = [cell.expression.level for cell in kept]
    return Examples(
        cell=np.array([str(cell.cell.cell_id) for cell in kept], dtype=str),
        case=np.array([str(cell.case_id) for cell in kept], dtype=str),
        part=np.array([part_of_case.get(str(cell.case_id), "") for cell in kept], dtype=str),
        level=np.array([_NO_LEVEL if it is None else it for it in levels], dtype=np.int64),
        places=places[has_candidate],
        patches=patches[has_candidate],
        white=np.array(
            [info_of_slide[cell.cell.slide_id].white for cell in kept], dtype=np.float32
        ).reshape(-1, 3),
        n_unread_slides=n_unread,
    )


def _chosen(cells: Cells, *, seed: int) -> list[str]:
    """Return all held-out cells, and of the others as many as are used, drawn at random."""
    fitted, held = np.flatnonzero(cells.is_fitted), np.flatnonzero(cells.is_held_out)
    if len(fitted) > MOST_TUMOUR_CELLS:
        fitted = np.random.default_rng(seed).choice(fitted, MOST_TUMOUR_CELLS, replace=False)
    return [str(cells.cell[row]) for row in (*fitted, *held)]


def _at_candidates(
    study: Study, cells: Sequence[LabelledCell]
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the place of each cell's candidate, nan without one, its patch, and unread slides."""
    side = wide_px(study.settings.patch)
    places = np.full((len(cells), 2), np.nan)
    patches = np.zeros((len(cells), side, side, 3), dtype=np.uint8)
    clicked = np.array([(c.cell.x_l0, c.cell.y_l0) for c in cells], dtype=np.float64)
    slide_of_cell = np.array([str(cell.cell.slide_id) for cell in cells], dtype=str)
    n_unread = 0
    for info in slides(study.engine):
        rows = np.flatnonzero(slide_of_cell == str(info.slide_id))
        if not len(rows):
            continue
        try:
            _nearest(study, info, clicked[rows], rows=rows, places=places, patches=patches)
        except SlideError:  # it is named where it is scored itself; the others shall have scores
            places[rows] = np.nan
            n_unread += 1
    return places, patches, n_unread


def _nearest(
    study: Study,
    info: SlideInfo,
    clicked: np.ndarray,
    *,
    rows: np.ndarray,
    places: np.ndarray,
    patches: np.ndarray,
) -> None:
    """Fill in the nearest candidate of each click on one slide, from the tiles around them."""
    from scipy.spatial import cKDTree

    reach = REACH_UM / info.mpp

    def is_wanted(left: float, top: float, right: float, bottom: float) -> bool:
        low, high = np.array([left, top]) - reach, np.array([right, bottom]) + reach
        return bool(((clicked >= low) & (clicked <= high)).all(axis=1).any())

    nearest = np.full(len(rows), np.inf)
    given = given_candidates(study, info)
    for tile in candidate_tiles(study, [info], is_wanted=is_wanted, given=given):
        found = np.column_stack([tile.x_l0, tile.y_l0])
        far, at = cKDTree(found).query(clicked)
        is_nearer = (far <= reach) & (far < nearest)
        nearest[is_nearer] = far[is_nearer]
        places[rows[is_nearer]] = found[at[is_nearer]]
        patches[rows[is_nearer]] = tile.patches[at[is_nearer]]
