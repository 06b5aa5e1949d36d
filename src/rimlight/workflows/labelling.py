"""Labels given in the workbench: checked, written all or none, acknowledged when on disk."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rimlight.core.label_origins import LabelOrigin, origin_of
from rimlight.core.standing_labels import Said, Standing, Track, answers_of, track_of
from rimlight.errors import RimlightError
from rimlight.io.database import Transaction, writing
from rimlight.io.formats.points import utc_time
from rimlight.io.journal import LabelEvent, append_labels, count_events
from rimlight.io.own_labels import (
    AssignedPlace,
    events_of_cells,
    events_of_ids,
    known_cells,
    latest_events,
    places_asked,
    said_by,
)
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import (
    Cell,
    CellId,
    Expression,
    Label,
    LabelId,
    ReaderId,
    SlideId,
    SlideInfo,
)
from rimlight.workflows.blinding import may_see
from rimlight.workflows.placing import is_inside


class LabelRefusedError(RimlightError):
    """A label cannot be what the workbench sent; none of its request was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLabel:
    """A label as the page sends it; ``expression`` None takes the reader's own label back.

    made_at: ISO 8601, by the reader's clock; it plays no part in what counts.
    act_id: of the key or click. undoes: the act that this one takes back or does again.
    """

    label_id: LabelId
    cell: Cell
    expression: Expression | None
    made_at: str
    mode: str
    act_id: str
    undoes: str | None = None
    assignment_id: int | None = None
    place: int | None = None

    @property
    def said(self) -> Expression:
        """The expression as the journal keeps it."""
        return Expression.WITHDRAWN if self.expression is None else self.expression


@dataclass(slots=True, kw_only=True)
class LabelTally:
    """How many answers of each reader stand: counted once, then kept up with each event.

    n_events: of the journal, up to which the numbers hold; another program may have written since.
    """

    n_events: int = -1
    n_of_reader: dict[ReaderId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLabel:
    """A label of a reader's act. before: what it took the place of, None for nothing."""

    cell: Cell
    expression: Expression | None
    before: Expression | None
    assignment_id: int | None
    place: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAct:
    """A key or click of a reader, with all that it labelled."""

    act_id: str
    undoes: str | None
    labels: tuple[PastLabel, ...]


def save_labels(
    study: Study, given: Sequence[GivenLabel], *, reader: ReaderId, tally: LabelTally
) -> int:
    """Write a reader's labels, all or none; those that the journal knows are left as they are.

    A known cell keeps the place where it was first labelled, assigned or asked for.

    Returns:
        How many answers of the reader stand now; all of it is on disk.

    Raises:
        LabelRefusedError: A label is not of the reader, of its slide, or of its place.
        StorageError: The disk refuses, or the database stayed locked; nothing was written.
    """
    open_cells = _seen(study, given, reader=reader)
    with writing(study.engine) as connection:
        known = events_of_ids(connection, [each.label_id for each in given])
        for each in given:
            _refuse_other(each, known.get(each.label_id), reader)
        new = [each for each in given if each.label_id not in known]
        ground = _ground_of(connection, new)
        labels = [ground.label_of(each, reader, is_seen=each.cell in open_cells) for each in new]
        n_standing = _counted(connection, labels, reader=reader, tally=tally)
        tally.n_events += append_labels(connection, labels)
    return n_standing


def own_labels(study: Study, *, reader: ReaderId, slide_id: SlideId) -> list[Said]:
    """Return what a reader says of the cells of a slide, repeats as any other label."""
    found = answers_of(said_by(study.engine, reader, slide_id=slide_id))
    return [next(reversed(tracks.values())) for tracks in found.values() if tracks]


def history(study: Study, *, reader: ReaderId, limit: int) -> list[PastAct]:
    """Return the last acts of a reader in the workbench, the newest first.

    Args:
        study: The study.
        reader: Whose acts.
        limit: Acts at the most.
    """
    n = limit
    while True:
        events = latest_events(study.engine, reader, n=n)
        found = _acts(events)
        if len(events) < n:
            break
        if len(found) > 1:
            found.pop()  # its first labels may lie before
            break
        n *= 2
    cells = {event.label.cell.cell_id for _, of_act in found for event in of_act}
    before = _before(events_of_cells(study.engine, reader, cell_ids=cells))
    return [_past_act(origin, of_act, before) for origin, of_act in found[:limit]]


def _seen(study: Study, given: Sequence[GivenLabel], *, reader: ReaderId) -> set[Cell]:
    """Return the cells on which the word of a run may have been seen before these labels."""
    if not any(study.runs.glob("[0-9]*")):
        return set()
    by_slide: dict[SlideId, dict[CellId, Cell]] = {}
    for each in given:
        by_slide.setdefault(each.cell.slide_id, {})[each.cell.cell_id] = each.cell
    return {
        cells[cell_id]
        for slide_id, cells in by_slide.items()
        for cell_id in may_see(study, reader=reader, slide_id=slide_id, cell_ids=list(cells))
    }


def _refuse_other(given: GivenLabel, known: LabelEvent | None, reader: ReaderId) -> None:
    if known is None:
        return
    label = known.label
    if (label.reader, label.cell.cell_id, label.expression) != (
        reader,
        given.cell.cell_id,
        given.said,
    ):
        raise LabelRefusedError(
            f"label {given.label_id}: is another label of this study already; give it a new id"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What new labels are checked against."""

    slides: Mapping[SlideId, SlideInfo]
    cells: Mapping[CellId, Cell]
    places: Mapping[tuple[int, int], AssignedPlace]
    n_of_act: Mapping[str, int]

    def label_of(self, given: GivenLabel, reader: ReaderId, *, is_seen: bool) -> Label:
        cell = self._cell_of(given)
        try:
            origin = LabelOrigin(
                mode=given.mode,
                act_id=given.act_id,
                undoes=given.undoes,
                assignment_id=given.assignment_id,
                place=given.place,
                is_repeat=self._is_repeat(given, reader),
                is_seen=is_seen,
                is_bulk=self.n_of_act[given.act_id] > 1,
            )
            made_at = utc_time(given.made_at) or given.made_at
        except ValueError as error:
            raise LabelRefusedError(f"label {given.label_id}: {error}; send it again") from error
        return Label(
            label_id=given.label_id,
            cell=cell,
            reader=reader,
            expression=given.said,
            made_at=made_at,
            source=origin.text,
        )

    def _cell_of(self, given: GivenLabel) -> Cell:
        cell = given.cell
        slide = self.slides.get(cell.slide_id)
        if slide is None:
            raise LabelRefusedError(
                f"label {given.label_id}: slide {cell.slide_id} is not in the study; open another"
            )
        known = self.cells.get(cell.cell_id)
        if known is not None and known.slide_id != cell.slide_id:
            raise LabelRefusedError(
                f"label {given.label_id}: cell {cell.cell_id} lies on slide {known.slide_id}, "
                f"not on {cell.slide_id}; name the cell of that slide"
            )
        if known is None and not is_inside(slide, cell.x_l0, cell.y_l0):
            raise LabelRefusedError(
                f"label {given.label_id}: x {cell.x_l0:g}, y {cell.y_l0:g} lies outside slide "
                f"{slide.slide_id}, {slide.width_l0} x {slide.height_l0}; click on the slide"
            )
        return known or cell

    def _is_repeat(self, given: GivenLabel, reader: ReaderId) -> bool:
        if given.assignment_id is None or given.place is None:
            if given.assignment_id == given.place:
                return False
            raise LabelRefusedError(
                f"label {given.label_id}: an assignment and its place go together; name both"
            )
        asked = self.places.get((given.assignment_id, given.place))
        if asked is None or (asked.reader, asked.cell.cell_id) != (reader, given.cell.cell_id):
            raise LabelRefusedError(
                f"label {given.label_id}: place {given.place} of assignment "
                f"{given.assignment_id} does not ask reader {reader} about cell "
                f"{given.cell.cell_id}; open the assignment again"
            )
        return asked.is_repeat


def _ground_of(connection: Transaction, given: Sequence[GivenLabel]) -> _Ground:
    places = {
        (each.assignment_id, each.place)
        for each in given
        if each.assignment_id is not None and each.place is not None
    }
    n_of_act = Counter(each.act_id for each in given)
    return _Ground(
        slides={info.slide_id: info for info in slides(connection)},
        cells=known_cells(connection, cell_ids={each.cell.cell_id for each in given}),
        places=places_asked(connection, places),
        n_of_act=n_of_act,
    )


def _counted(
    connection: Transaction, labels: Sequence[Label], *, reader: ReaderId, tally: LabelTally
) -> int:
    """Return how many answers of a reader stand with these labels; called before they are added."""
    n_events = count_events(connection)
    if n_events != tally.n_events:
        tally.n_of_reader.clear()
        tally.n_events = n_events
    if reader not in tally.n_of_reader:
        answers = answers_of(said_by(connection, reader))
        tally.n_of_reader[reader] = sum(map(len, answers.values()))
    cell_ids = {label.cell.cell_id for label in labels}
    before = [event.label for event in events_of_cells(connection, reader, cell_ids=cell_ids)]
    tally.n_of_reader[reader] += len(_answers([*before, *labels])) - len(_answers(before))
    return tally.n_of_reader[reader]


def _answers(labels: Sequence[Label]) -> set[tuple[CellId, Track]]:
    """Return the cells, and the places of assignments, whose answer stands."""
    found: set[tuple[CellId, Track]] = set()
    for label in labels:
        answer = label.cell.cell_id, track_of(label)
        if label.expression is Expression.WITHDRAWN:
            found.discard(answer)
        else:
            found.add(answer)
    return found


def _acts(events: Sequence[LabelEvent]) -> list[tuple[LabelOrigin, list[LabelEvent]]]:
    """Return the acts of events that come the newest first, each with its events in order."""
    found: list[tuple[LabelOrigin, list[LabelEvent]]] = []
    for event in events:
        origin = origin_of(event.label.source)
        if origin is None:
            continue
        if not found or found[-1][0].act_id != origin.act_id:
            found.append((origin, []))
        found[-1][1].insert(0, event)
    return found


def _before(events: Sequence[LabelEvent]) -> dict[int, Expression | None]:
    """Return by the number of an event what stood in its place before it."""
    found, before = Standing(with_repeats=True), dict[int, Expression | None]()
    for event in events:
        label = found.add(event.label)
        before[event.seq] = label.expression if label else None
    return before


def _past_act(
    origin: LabelOrigin, events: Sequence[LabelEvent], before: Mapping[int, Expression | None]
) -> PastAct:
    labels = []
    for event in events:
        said, track = event.label.expression, track_of(event.label) or (None, None)
        labels.append(
            PastLabel(
                cell=event.label.cell,
                expression=None if said is Expression.WITHDRAWN else said,
                before=before[event.seq],
                assignment_id=track[0],
                place=track[1],
            )
        )
    return PastAct(act_id=origin.act_id, undoes=origin.undoes, labels=tuple(labels))
