"""Which labels stand: the latest of each cell and reader, but for those that were taken back.

A label answers a place of an assignment, or just a cell. Taking it back takes back what was said
there, so that what the same reader said of the cell elsewhere stands again. A blinded repeat is
a second look and no correction: it stands beside the label of its cell, never in its place.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rimlight.core.label_origins import is_of_workbench, is_repeat
from rimlight.records import CellId, Expression, Label, LabelId, ReaderId

Track = tuple[int, int] | None
"""Assignment and place that a label answers; None where it answers none."""
_TRACK = re.compile(r" assignment=(\d+) place=(\d+)")


class Said(NamedTuple):
    """An event of one reader as the database gives it, for views of very many labels."""

    label_id: LabelId
    cell_id: CellId
    x_l0: float
    y_l0: float
    expression: str
    source: str


def track_of(label: Label | Said) -> Track:
    """Return the assignment and place that a label answers."""
    if "assignment=" not in label.source or not is_of_workbench(label.source):
        return None
    found = _TRACK.search(label.source)
    return (int(found[1]), int(found[2])) if found else None


def answers_of(events: Iterable[Said]) -> dict[CellId, dict[Track, Said]]:
    """Return what one reader's events leave standing, by cell and place, the latest last."""
    found: dict[CellId, dict[Track, Said]] = {}
    for said in events:
        tracks, track = found.setdefault(said.cell_id, {}), track_of(said)
        tracks.pop(track, None)
        if said.expression != Expression.WITHDRAWN.value:
            tracks[track] = said
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The labels that stand after the events added so far, which come the oldest first.

    with_repeats: a reader's own view, in which repeats are labels as any other.
    """

    with_repeats: bool = False
    _said: dict[tuple[CellId, ReaderId], dict[Track, Label]] = field(default_factory=dict)

    def add(self, label: Label) -> Label | None:
        """Take an event in, and return what stood in its place before."""
        if not self.with_repeats and is_repeat(label.source):
            return None
        who, track = (label.cell.cell_id, label.reader), track_of(label)
        tracks = self._said.setdefault(who, {})
        before = tracks.pop(track, None)
        if label.expression is not Expression.WITHDRAWN:
            tracks[track] = label
        return before

    def of(self, cell_id: CellId, reader: ReaderId) -> Label | None:
        """Return what a reader says of a cell, or None."""
        tracks = self._said.get((cell_id, reader))
        return next(reversed(tracks.values())) if tracks else None

    def __iter__(self) -> Iterator[Label]:
        """Yield the label of each cell and reader, in the order of their first ones."""
        for tracks in self._said.values():
            if tracks:
                yield next(reversed(tracks.values()))


def standing(labels: Iterable[Label], *, with_repeats: bool = False) -> Standing:
    """Return the labels that stand after these events, the oldest first."""
    found = Standing(with_repeats=with_repeats)
    for label in labels:
        found.add(label)
    return found
