"""The labels of a study's readers, and a run's calls, as ratings of cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.label_origins import is_repeat
from rimlight.core.ratings import Ratings, Scale
from rimlight.core.standing_labels import Standing, Track, track_of
from rimlight.errors import NotEnoughDataError
from rimlight.io.journal import label_events
from rimlight.io.runs import Run
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Cell, Expression, Label
from rimlight.workflows.agree_calls import calls_of_run
from rimlight.workflows.agree_scales import (
    EXPRESSION_NAMES,
    Meaning,
    repeats_of,
    scales_of,
)

if TYPE_CHECKING:
    from rimlight.workflows.patches import Progress

SECONDS_A_DAY = 86_400.0
OTHER = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a reader said of a cell in one sitting: the last label of it."""

    level: float
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labels:
    """What readers said, by cell and reader, in sittings; a cell lies where it first lay.

    again: cell, reader, label and blinded repeat of the workbench, however near in time.
    """

    said: Mapping[str, Mapping[str, Sequence[_Said]]]
    again: Sequence[tuple[str, str, _Said, _Said]]
    cell_of_id: Mapping[str, Cell]
    case_of_id: Mapping[str, str]
    is_synthetic: bool


def ratings_of_study(
    study: Study,
    run: Run | None,
    *,
    days_apart: float,
    reading: str = "first",
    progress: "Progress | None" = None,
    is_called_now: bool = True,
) -> Ratings:
    """Return the readers' labels of a study; with a run also its calls of held-out cells.

    Args:
        study: The study.
        run: Its calls become one more reader of positive and negative.
        days_apart: A label of a cell counts as read again, not as corrected, if it came at least
            so many days after the same reader's last one. A blinded repeat always does.
        reading: Which of several readings is compared between readers, ``first`` or ``last``.
        progress: Told about patches that are cut.
        is_called_now: Whether calls that the run does not hold are made, by its network.

    Raises:
        CallsMissingError: Calls are missing and must not be made.
        NotEnoughDataError: The study has no label.
        RunError: The run has no predictions, or they are damaged.
        SlideError: A slide is needed for a call that the run does not hold, and is missing.
    """
    labels = _labels_of(study, days_apart=days_apart)
    ratings = _ratings_of(labels, reading=reading)
    if run is None:
        return ratings
    levels = ratings.scales[0].ratings
    has_level = ~np.isnan(levels).all(axis=1)
    asked = [
        (labels.cell_of_id[str(cell)], str(case))
        for cell, case in zip(ratings.item[has_level], ratings.case[has_level], strict=True)
    ]
    call = np.full(len(has_level), np.nan)
    call[has_level], n_made_now = calls_of_run(
        run, asked, progress=progress, is_called_now=is_called_now
    )
    return _with_calls(ratings, call, run=run, n_made_now=n_made_now)


def _labels_of(study: Study, *, days_apart: float) -> _Labels:
    infos = slides(study.engine)
    case_of_slide = {info.slide_id: str(info.case_id) for info in infos}
    events = [event.label for event in label_events(study.engine)]
    kept, again = _kept(events)
    said: dict[str, dict[str, list[_Said]]] = {}
    cell_of_id: dict[str, Cell] = {}
    for label in kept:
        cell = str(label.cell.cell_id)
        cell_of_id.setdefault(cell, label.cell)
        sittings = said.setdefault(cell, {}).setdefault(str(label.reader), [])
        _note(sittings, _said(label), days_apart=days_apart)
    if not said:
        raise NotEnoughDataError(f"{study.folder}: has no label yet; import labels first")
    return _Labels(
        said=said,
        again=again,
        cell_of_id=cell_of_id,
        is_synthetic=any("synthetic" in info.assay.lower() for info in infos),
        case_of_id={name: case_of_slide[cell.slide_id] for name, cell in cell_of_id.items()},
    )


def _kept(events: Sequence[Label]) -> tuple[list[Label], list[tuple[str, str, _Said, _Said]]]:
    """Return the votes that were not taken back, in order, and each repeat beside its first."""
    found, repeats = Standing(), dict[Track, tuple[Label, Label]]()
    given: dict[tuple[str, str, Track], list[int]] = {}
    for place, label in enumerate(events):
        track, who = track_of(label), (label.cell.cell_id, label.reader)
        if is_repeat(label.source):
            first = found.of(*who)
            repeats.pop(track, None)
            if first is not None and first.expression.is_vote and label.expression.is_vote:
                repeats[track] = (first, label)
            continue
        found.add(label)
        if label.expression is Expression.WITHDRAWN:
            given.pop((*who, track), None)
        elif label.expression.is_vote:
            given.setdefault((*who, track), []).append(place)
    again = [
        (str(first.cell.cell_id), str(first.reader), _said(first), _said(second))
        for first, second in repeats.values()
    ]
    return [events[place] for place in sorted(chain.from_iterable(given.values()))], again


def _said(label: Label) -> _Said:
    level = label.expression.level
    at_s = datetime.fromisoformat(label.made_at).timestamp()
    return _Said(level=OTHER if level is None else float(level), at_s=at_s)


def _note(sittings: list[_Said], said: _Said, *, days_apart: float) -> None:
    if sittings and said.at_s - sittings[-1].at_s < days_apart * SECONDS_A_DAY:
        sittings[-1] = said
    else:
        sittings.append(said)


def _ratings_of(labels: _Labels, *, reading: str) -> Ratings:
    cells = sorted(labels.said)
    readers = tuple(sorted({reader for said in labels.said.values() for reader in said}))
    values = np.full((len(cells), len(readers)), np.nan)
    repeats: list[tuple[int, str, float]] = []
    pairs: list[tuple[float, float]] = []
    for i, cell in enumerate(cells):
        for j, reader in enumerate(readers):
            said = labels.said[cell].get(reader, [])
            if said:
                values[i, j] = said[0 if reading == "first" else -1].level
            for a, b in pairwise(said):
                days = (b.at_s - a.at_s) / SECONDS_A_DAY
                repeats.append((j, labels.case_of_id[cell], days))
                pairs.append((a.level, b.level))
    for cell, reader, a, b in labels.again:
        days = (b.at_s - a.at_s) / SECONDS_A_DAY
        repeats.append((readers.index(reader), labels.case_of_id[cell], days))
        pairs.append((a.level, b.level))
    meaning = Meaning(number_of_value={}, names=EXPRESSION_NAMES, kind="ordered")
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return Ratings(
        item=np.array(cells, dtype=str),
        case=np.array([labels.case_of_id[cell] for cell in cells], dtype=str),
        readers=readers,
        is_model=(False,) * len(readers),
        scales=tuple(scales_of(values, both, meaning, ())),
        repeats=repeats_of(repeats),
        n_missing=tuple(int(n) for n in np.isnan(values).sum(axis=0)),
        item_word="cell",
        is_synthetic=labels.is_synthetic,
    )


def _with_calls(ratings: Ratings, call: np.ndarray, *, run: Run, n_made_now: int) -> Ratings:
    """Add the run's calls: a reader on a scale of its own, of the cells that it called."""
    nothing = np.full((len(call), 1), np.nan)
    scales: list[Scale] = []
    for scale in ratings.scales:
        scales.append(replace(scale, ratings=np.hstack([scale.ratings, nothing])))
        if scale.key == "positive":
            known = np.where(np.isnan(call)[:, None], np.nan, scale.ratings)
            called = replace(
                scale,
                key="held_out",
                what=f"{scale.what}, cells of held-out cases",
                ratings=np.column_stack([known, call]),
                repeats=np.full(scale.repeats.shape, np.nan),
            )
            scales.append(called)
    n_called = int((~np.isnan(call)).sum())
    note = (
        f"The model is compared on {n_called:,} cells of held-out cases, on which it never "
        "trained; it was trained on these readers' labels of other cases."
    )
    made_now = (
        f"{n_made_now:,} of them have no consensus, so the run held no call and it was made now; "
        "without them readers would seem to agree better than they do.",
    )
    return replace(
        ratings,
        readers=(*ratings.readers, f"run {run.run_id}"),
        is_model=(*ratings.is_model, True),
        scales=tuple(scales),
        n_missing=(*ratings.n_missing, int(np.isnan(call).sum())),
        notes=(*ratings.notes, note, *(made_now if n_made_now else ())),
    )
