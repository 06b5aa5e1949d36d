"""Labelled cells as a score meets them: at the candidate that stands for them, with its columns.

A click lies anywhere in a cell, a candidate on its nucleus. Were cells judged where they were
clicked, a rule could tell tumour cells, which were clicked, from others by the place alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.stains import StainMatrix, stain_matrix
from rimlight.core.tumour_cells import ring_profiles
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import LabelledCell, SlideInfo
from rimlight.settings import PatchSettings
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import cut_patches
from rimlight.workflows.run_tables import FITTED_PARTS, Cells

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

POSITIVE, NEGATIVE, OTHER = 0, 1, 2
MOST_TUMOUR_CELLS = 4000
"""Labelled tumour cells of training and validation cases that are used at the most."""
REACH_UM = 4.0
"""A candidate this near a labelled cell is that cell."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Labelled cells that have a candidate; one entry each.

    label: 0 positive, 1 negative, 2 other. columns: as ``columns_of`` gives them, logit first.
    """

    case: np.ndarray
    part: np.ndarray
    label: np.ndarray
    columns: np.ndarray

    @property
    def is_fitted(self) -> np.ndarray:
        """Examples of training and validation cases."""
        return np.isin(self.part, FITTED_PARTS)


def examples_of(
    study: Study, network: "PatchNetwork", cells: Cells, part_of_case: Mapping[str, str]
) -> Examples:
    """Return the labelled cells of a study, tumour cells and others, at their candidates.

    Args:
        study: With the settings of the run.
        network: Of the fold.
        cells: Of the run and the fold; only these tumour cells are taken.
        part_of_case: Of the fold.

    Raises:
        SlideError: A slide with labels is missing, changed or damaged.
    """
    consensus = consensus_of_study(study)
    chosen = set(_chosen(cells, seed=study.settings.study.seed))
    tumour = [cell for cell in consensus.cells if str(cell.cell.cell_id) in chosen]
    labelled = _at_candidates(study, [*tumour, *consensus.others])
    level = [cell.expression.level for cell in labelled]
    return Examples(
        case=np.array([str(cell.case_id) for cell in labelled], dtype=str),
        part=np.array([part_of_case.get(str(cell.case_id), "") for cell in labelled], dtype=str),
        label=np.array(
            [OTHER if it is None else POSITIVE if it > 0 else NEGATIVE for it in level], dtype=int
        ),
        columns=_columns(study, network, labelled),
    )


def columns_of(
    network: "PatchNetwork",
    patches: np.ndarray,
    *,
    white: np.ndarray | Sequence[float],
    patch: PatchSettings,
    stains: StainMatrix,
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and what tells other cells: logit, stages of the network, stain in rings."""
    from rimlight.model.context import context_of
    from rimlight.model.prediction import centre

    logits, context = context_of(network, patches, size_px=patch.size_px)
    profiles = ring_profiles(
        centre(patches, size_px=patch.size_px),
        white=np.asarray(white, dtype=np.float32),
        mpp=patch.mpp,
        stains=stains,
    )
    return logits, np.column_stack([context, profiles])


def _chosen(cells: Cells, *, seed: int) -> list[str]:
    """Return all held-out cells, and of the others as many as are used, drawn at random."""
    fitted, held = np.flatnonzero(cells.is_fitted), np.flatnonzero(cells.is_held_out)
    if len(fitted) > MOST_TUMOUR_CELLS:
        fitted = np.random.default_rng(seed).choice(fitted, MOST_TUMOUR_CELLS, replace=False)
    return [str(cells.cell[row]) for row in (*fitted, *held)]


def _at_candidates(study: Study, cells: Sequence[LabelledCell]) -> list[LabelledCell]:
    """Return the cells that have a candidate, moved to it, slide by slide."""
    from scipy.spatial import cKDTree

    info_of_slide = {info.slide_id: info for info in slides(study.engine)}
    moved = []
    for slide_id in sorted({cell.cell.slide_id for cell in cells}):
        info = info_of_slide[slide_id]
        mine = [cell for cell in cells if cell.cell.slide_id == slide_id]
        places = _candidates(study, info)
        if not len(places):
            continue
        clicked = np.array([(cell.cell.x_l0, cell.cell.y_l0) for cell in mine])
        far, nearest = cKDTree(places).query(clicked)
        for cell, distance, at in zip(mine, far.tolist(), nearest.tolist(), strict=True):
            if distance * info.mpp <= REACH_UM:
                x, y = places[at].tolist()
                moved.append(replace(cell, cell=replace(cell.cell, x_l0=x, y_l0=y)))
    return moved


def _candidates(study: Study, info: SlideInfo) -> np.ndarray:
    tiles = [np.column_stack([t.x_l0, t.y_l0]) for t in candidate_tiles(study, [info])]
    return np.concatenate([np.empty((0, 2)), *tiles])


def _columns(study: Study, network: "PatchNetwork", cells: Sequence[LabelledCell]) -> np.ndarray:
    info_of_slide = {info.slide_id: info for info in slides(study.engine)}
    infos = [info_of_slide[cell.cell.slide_id] for cell in cells]
    _, columns = columns_of(
        network,
        cut_patches(study, cells, infos),
        white=np.array([info.white for info in infos]).reshape(-1, 3),
        patch=study.settings.patch,
        stains=stain_matrix(study.settings.stain),
    )
    return columns
