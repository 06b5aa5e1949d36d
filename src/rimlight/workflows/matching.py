"""From placed points to labels: which cell a point is, and what the journal knows already.

Pure functions of records; nothing is read or written here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from uuid import UUID, uuid5

from rimlight.core.standing_labels import Standing
from rimlight.io.formats.points import Fault
from rimlight.records import Cell, CellId, Label, LabelId, SlideId, SlideInfo
from rimlight.workflows.placing import SAME_CELL_UM, Grid, PlacedPoint

_NAMESPACE = UUID("5d6d2c54-39a7-5b0b-8e7c-2a4e7f0c9d31")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What an import would add to the journal.

    labels: new ones, in the order of the file.
    n_known: labels the journal holds already, or that say what their reader said last.
    n_corrections: new labels of a cell that the same reader labelled before.
    """

    labels: tuple[Label, ...]
    n_known: int
    n_corrections: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the labels of an import come from.

    source: the file's name without its folder.
    content_hash: sha256 of its content; tells a file read twice from a change of mind.
    now: UTC, ISO 8601: the time of labels whose file names none.
    """

    source: str
    content_hash: str
    now: str


def match_points(
    points: Sequence[PlacedPoint], events: Iterable[Label], *, origin: Origin
) -> Matched:
    """Return the labels that a file adds to those of a journal.

    A point with a cell id is that cell. One without is the cell within 1 µm of it, else a new
    cell. A cell lies where its first label lay.

    Args:
        points: Sound points, in the order of the file.
        events: Every label of the journal, the oldest first.
        origin: Where the points come from.
    """
    history = _history_of(events)
    labels: list[Label] = []
    faults: list[Fault] = []
    n_known = n_corrections = 0
    for point in points:
        try:
            cell = history.cell_of(point)
        except ValueError as error:
            faults.append(Fault(place=point.record.place, reason=str(error)))
            continue
        label = history.label_of(point, cell, origin)
        if label is None:
            n_known += 1
            continue
        n_corrections += history.standing.of(cell.cell_id, label.reader) is not None
        history.add(label, point.slide)
        labels.append(label)
    return Matched(
        labels=tuple(labels),
        n_known=n_known,
        n_corrections=n_corrections,
        faults=tuple(faults),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """The journal as matching asks for it."""

    labels: dict[LabelId, Label] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)
    cells: dict[CellId, Cell] = field(default_factory=dict)
    grids: dict[SlideId, Grid] = field(default_factory=dict)
    waiting: dict[SlideId, list[Cell]] = field(default_factory=dict)

    def add(self, label: Label, slide: SlideInfo | None = None) -> None:
        """Take a label in; without its slide its cell waits until the slide is asked for."""
        self.labels[label.label_id] = label
        self.standing.add(label)
        if label.cell.cell_id in self.cells:
            return
        self.cells[label.cell.cell_id] = label.cell
        self.waiting.setdefault(label.cell.slide_id, []).append(label.cell)
        if slide is not None:
            self.grid_of(slide)

    def grid_of(self, slide: SlideInfo) -> Grid:
        """Return the cells of a slide by place, within 1 µm."""
        grid = self.grids.setdefault(slide.slide_id, Grid(reach=SAME_CELL_UM / slide.mpp))
        for cell in self.waiting.pop(slide.slide_id, ()):
            grid.add(cell.x_l0, cell.y_l0, cell.cell_id)
        return grid

    def cell_of(self, point: PlacedPoint) -> Cell:
        """Return the cell a point is of, at the point's own place.

        Raises:
            ValueError: Its id belongs to a cell elsewhere; the message is a clause.
        """
        slide_id, x_l0, y_l0 = point.slide.slide_id, point.x_l0, point.y_l0
        here = Cell.at_place(slide_id, x_l0, y_l0)
        near = self.grid_of(point.slide).near(x_l0, y_l0)
        if point.record.cell is None:
            return replace(here, cell_id=CellId(near[0][1])) if near else here
        known = self.cells.get(CellId(point.record.cell))
        is_taken = known is not None and known.slide_id != slide_id
        name = f"{slide_id}/{point.record.cell}" if is_taken else point.record.cell
        named = replace(here, cell_id=CellId(name))
        known = self.cells.get(named.cell_id)
        if known is None:
            # The same cell may have come before from a file that names no cells.
            unnamed = [CellId(other) for _, other in near if self._is_unnamed(CellId(other))]
            return replace(here, cell_id=unnamed[0]) if unnamed else named
        distance_px = hypot(known.x_l0 - x_l0, known.y_l0 - y_l0)
        if distance_px * point.slide.mpp > SAME_CELL_UM:
            raise ValueError(
                f"cell {known.cell_id} lies {distance_px:.0f} px away in this study, at "
                f"x {known.x_l0:g}, y {known.y_l0:g}"
            )
        return named

    def label_of(self, point: PlacedPoint, cell: Cell, origin: Origin) -> Label | None:
        """Return the label a point adds, or None where the journal has it."""
        time, own_id = point.record.time, point.record.label_id
        known = self.labels.get(LabelId(own_id or ""))
        if known is not None:
            if (known.reader, known.expression) == (point.reader, point.expression):
                return None
            time = own_id = None  # exported, changed elsewhere, and back: a new act
        said = self.standing.of(cell.cell_id, point.reader)
        if time is None and said is not None and said.expression == point.expression:
            return None
        label_id = LabelId(own_id or _label_id(point, time or origin.content_hash))
        if label_id in self.labels:
            return None
        return Label(
            label_id=label_id,
            cell=cell,
            reader=point.reader,
            expression=point.expression,
            made_at=time or origin.now,
            source=origin.source,
        )

    def _is_unnamed(self, cell_id: CellId) -> bool:
        cell = self.cells[cell_id]
        return cell_id == Cell.at_place(cell.slide_id, cell.x_l0, cell.y_l0).cell_id


def _history_of(events: Iterable[Label]) -> _History:
    history = _History()
    for label in events:
        history.add(label)
    return history


def _label_id(point: PlacedPoint, act: str) -> LabelId:
    """Return an id that the same act of the same reader has in every study."""
    parts = (
        point.slide.fingerprint,
        repr(point.x_l0),
        repr(point.y_l0),
        point.reader,
        point.expression.value,
        act,
    )
    return LabelId(str(uuid5(_NAMESPACE, "\n".join(parts))))
