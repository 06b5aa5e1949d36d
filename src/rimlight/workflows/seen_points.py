"""The predicted cells of a slide that a reader may see, and the names that cells of them have.

A candidate that nobody named is called after its place. Where somebody named a cell within a few
micrometres, by a label, a round or an assignment, it is that cell, and blinded as that cell is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from rimlight.io.assignments import assigned_places
from rimlight.io.journal import current_labels
from rimlight.io.rounds import rounds
from rimlight.io.study import Study
from rimlight.records import Cell, CellId, ReaderId, SlideInfo
from rimlight.workflows.blinding import is_disclosed, may_see
from rimlight.workflows.slide_points import NEAR_UM, SlidePoints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenPoints:
    """What a reader may see of the predicted cells of a slide.

    numbers: of the entries that may be seen, in rising order. named: entries that are cells with a
    name of their own, seen or not, by number. is_disclosed: whether slide or run were disclosed to
    the reader.
    """

    points: SlidePoints
    numbers: Int64[np.ndarray, " k"]
    named: Mapping[int, Cell]
    is_disclosed: bool

    def cell(self, number: int) -> Cell:
        """Return a cell under its name, or under the one that its place gives it."""
        return self.named.get(number) or self.points.cell(number)

    def shows(self, number: int) -> bool:
        """Return whether the model's word on a cell may be seen."""
        at = int(np.searchsorted(self.numbers, number))
        return at < len(self.numbers) and int(self.numbers[at]) == number


def seen_points(
    study: Study, points: SlidePoints, *, info: SlideInfo, reader: ReaderId
) -> SeenPoints:
    """Return what a reader may see of the predicted cells of a slide."""
    is_open = is_disclosed(
        study, reader=reader, scope="slide", subject=info.slide_id
    ) or is_disclosed(study, reader=reader, scope="run", subject=points.run_id)
    if points.cell_ids is not None:
        named = {number: points.cell(number) for number in range(len(points))}
        ids = {cell.cell_id for cell in named.values()}
        seen = _may_see(study, points, reader=reader, ids=ids)
        is_seen = np.array([cell in seen for cell in points.cell_ids], dtype=bool)
    else:
        known = known_cells(study, info, reader=reader)
        named = named_points(points, known, mpp=info.mpp)
        seen = _may_see(study, points, reader=reader, ids={cell.cell_id for cell in known})
        hidden = [cell for cell in known if cell.cell_id not in seen]
        is_seen = np.full(len(points), is_open)
        if is_open:
            is_seen &= ~is_near(points, hidden, mpp=info.mpp)
        for number, cell in named.items():
            is_seen[number] = cell.cell_id in seen
    return SeenPoints(
        points=points,
        numbers=np.flatnonzero(is_seen),
        named=named,
        is_disclosed=is_open,
    )


def known_cells(study: Study, info: SlideInfo, *, reader: ReaderId) -> list[Cell]:
    """Return the cells of a slide that somebody labelled, a round asks for or the reader must."""
    found = {
        cell.cell_id: cell for cell in assigned_places(study.engine, reader, slide_id=info.slide_id)
    }
    for label in current_labels(study.engine):
        if label.cell.slide_id == info.slide_id:
            found.setdefault(label.cell.cell_id, label.cell)
    for asked in (asked for made in rounds(study.engine) for asked in made.cells):
        if asked.cell.slide_id == info.slide_id:
            found.setdefault(asked.cell.cell_id, asked.cell)
    return list(found.values())


def named_points(points: SlidePoints, cells: Sequence[Cell], *, mpp: float) -> dict[int, Cell]:
    """Return which entries are cells that somebody named: the nearest one of each, by number."""
    if not cells or not len(points):
        return {}
    places = np.array([(cell.x_l0, cell.y_l0) for cell in cells])
    away, number = points.tree.query(places, distance_upper_bound=NEAR_UM / mpp)
    named: dict[int, Cell] = {}
    for row in np.argsort(away, kind="stable"):
        if np.isfinite(away[row]):
            named.setdefault(int(number[row]), cells[row])
    return named


def is_near(points: SlidePoints, cells: Sequence[Cell], *, mpp: float) -> Bool[np.ndarray, " n"]:
    """Return which entries lie so near to one of the cells that they may be that cell."""
    found = np.zeros(len(points), dtype=bool)
    if cells:
        places = np.array([(cell.x_l0, cell.y_l0) for cell in cells])
        for rows in points.tree.query_ball_point(places, r=NEAR_UM / mpp):
            found[rows] = True
    return found


def _may_see(
    study: Study, points: SlidePoints, *, reader: ReaderId, ids: set[CellId]
) -> set[CellId]:
    return may_see(
        study, reader=reader, slide_id=points.slide_id, cell_ids=ids, run_id=points.run_id
    )
