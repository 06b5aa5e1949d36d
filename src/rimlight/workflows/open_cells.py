"""A cell whose explanation is asked for: where it lies, and whether its reader may see it yet.

Whoever asks sends an id and a place.  The place of a labelled cell is that of its first label,
whatever was sent, and a place next to a cell that still waits for its reader is that cell: so the
word on a hidden cell cannot be had under the name of an open one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from rimlight.io.assignments import assigned_places
from rimlight.io.journal import labels_of_cell, places_labelled_by
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Cell, ReaderId, RunId, SlideInfo
from rimlight.workflows.blinding import Scope, is_disclosed, may_see

NEAR_UM = 4.0
"""A place closer to a waiting cell than this is taken for it; a click hits its nucleus."""
WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCell:
    """A cell that its reader may see, and the reader's own present label, if any."""

    cell: Cell
    label: str | None


def open_cell(
    study: Study, asked: Cell, *, reader: ReaderId, run_id: RunId | None = None
) -> OpenCell | None:
    """Return a cell that a reader may see, or None where it is hidden.

    Args:
        asked: As it was sent.
        run_id: Whose word on it is asked for.
    """
    seen = may_see(
        study, reader=reader, slide_id=asked.slide_id, cell_ids=[asked.cell_id], run_id=run_id
    )
    if asked.cell_id not in seen:
        return None
    labels = labels_of_cell(study.engine, asked.cell_id, slide_id=asked.slide_id)
    cell = labels[0].cell if labels else asked
    mine = [label.expression.value for label in labels if label.reader == reader]
    if not mine and _is_at_a_waiting_cell(study, cell, reader=reader):
        return None
    label = mine[-1] if mine and mine[-1] != WITHDRAWN else None
    return OpenCell(cell=cell, label=label)


def open_places(
    study: Study, info: SlideInfo, *, reader: ReaderId, run_id: RunId, places: np.ndarray
) -> np.ndarray:
    """Return at which places of a slide a reader may see what a run says.

    Where the reader labelled a cell; and where slide or run were disclosed, anywhere but at cells
    that wait for the reader.

    Args:
        places: x, y in level-0 pixels, (n, 2).
    """
    if not study.settings.workbench.blind:
        return np.ones(len(places), dtype=bool)
    near_l0 = NEAR_UM / info.mpp
    own = places_labelled_by(study.engine, reader, slide_id=info.slide_id)
    is_open = _is_near(places, own, near_l0=near_l0)
    subjects: tuple[tuple[Scope, str], ...] = (("slide", info.slide_id), ("run", run_id))
    if any(is_disclosed(study, reader=reader, scope=a, subject=b) for a, b in subjects):
        labelled = {cell.cell_id for cell in own}
        asked = assigned_places(study.engine, reader, slide_id=info.slide_id)
        waiting = [cell for cell in asked if cell.cell_id not in labelled]
        is_open |= ~_is_near(places, waiting, near_l0=near_l0)
    return is_open


def _is_near(places: np.ndarray, cells: Sequence[Cell], *, near_l0: float) -> np.ndarray:
    from scipy.spatial import cKDTree

    if not cells or not len(places):
        return np.zeros(len(places), dtype=bool)
    tree = cKDTree([(cell.x_l0, cell.y_l0) for cell in cells])
    far, _ = tree.query(places)
    near: np.ndarray = far < near_l0
    return near


def _is_at_a_waiting_cell(study: Study, cell: Cell, *, reader: ReaderId) -> bool:
    if not study.settings.workbench.blind:
        return False
    info = next((i for i in slides(study.engine) if i.slide_id == cell.slide_id), None)
    if info is None:
        return False
    near = [
        other.cell_id
        for other in assigned_places(study.engine, reader, slide_id=cell.slide_id)
        if hypot(other.x_l0 - cell.x_l0, other.y_l0 - cell.y_l0) * info.mpp < NEAR_UM
    ]
    seen = may_see(study, reader=reader, slide_id=cell.slide_id, cell_ids=near)
    return len(seen) < len(near)
