"""The labels of a study's readers, and a run's calls, as ratings of cells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import numpy as np

from rimlight.core.ratings import Ratings, Scale
from rimlight.errors import NotEnoughDataError, RunError
from rimlight.io.journal import label_events
from rimlight.io.runs import Run
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Label
from rimlight.workflows.agree_scales import (
    EXPRESSION_NAMES,
    Meaning,
    repeats_of,
    scales_of,
)
from rimlight.workflows.run_tables import read_cells

SECONDS_A_DAY = 86_400.0
OTHER = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a reader said of a cell in one sitting: the last label of it."""

    level: float
    at_s: float


def ratings_of_study(
    study: Study, run: Run | None, *, days_apart: float, reading: str = "first"
) -> Ratings:
    """Return the readers' labels of a study; with a run also its calls of held-out cells.

    Args:
        study: The study.
        run: Its calls become one more reader of positive and negative.
        days_apart: A label of a cell counts as read again, not as corrected, if it came at least
            so many days after the same reader's last one.
        reading: Which of several readings is compared between readers, ``first`` or ``last``.

    Raises:
        NotEnoughDataError: The study has no label.
        RunError: The run has no predictions, or they are damaged.
    """
    case_of_slide = {info.slide_id: str(info.case_id) for info in slides(study.engine)}
    of_cell: dict[str, dict[str, list[_Said]]] = {}
    case_of_cell: dict[str, str] = {}
    for label in (event.label for event in label_events(study.engine)):
        cell = str(label.cell.cell_id)
        case_of_cell.setdefault(cell, case_of_slide[label.cell.slide_id])
        sittings = of_cell.setdefault(cell, {}).setdefault(str(label.reader), [])
        _note(sittings, label, days_apart=days_apart)
    if not of_cell:
        raise NotEnoughDataError(f"{study.folder}: has no label yet; import labels first")
    cells = sorted(of_cell)
    readers = tuple(sorted({reader for said in of_cell.values() for reader in said}))
    values = np.full((len(cells), len(readers)), np.nan)
    repeats: list[tuple[int, str, float]] = []
    pairs: list[tuple[float, float]] = []
    for i, cell in enumerate(cells):
        for j, reader in enumerate(readers):
            said = of_cell[cell].get(reader, [])
            if said:
                values[i, j] = said[0 if reading == "first" else -1].level
            for a, b in pairwise(said):
                repeats.append((j, case_of_cell[cell], (b.at_s - a.at_s) / SECONDS_A_DAY))
                pairs.append((a.level, b.level))
    meaning = Meaning(number_of_value={}, names=EXPRESSION_NAMES, kind="ordered")
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    found = Ratings(
        item=np.array(cells, dtype=str),
        case=np.array([case_of_cell[cell] for cell in cells], dtype=str),
        readers=readers,
        is_model=(False,) * len(readers),
        scales=tuple(scales_of(values, both, meaning, ())),
        repeats=repeats_of(repeats),
        n_missing=tuple(int(n) for n in np.isnan(values).sum(axis=0)),
        item_word="cell",
    )
    return found if run is None else _with_calls(found, run)


def _note(sittings: list[_Said], label: Label, *, days_apart: float) -> None:
    at_s = datetime.fromisoformat(label.made_at).timestamp()
    level = label.expression.level
    said = _Said(level=OTHER if level is None else float(level), at_s=at_s)
    if sittings and at_s - sittings[-1].at_s < days_apart * SECONDS_A_DAY:
        sittings[-1] = said
    else:
        sittings.append(said)


def _with_calls(ratings: Ratings, run: Run) -> Ratings:
    """Add the run's calls of held-out cells; readers are compared on the same cells there."""
    cells = read_cells(run)
    held = cells.only(cells.is_held_out)
    if not len(held):
        raise RunError(f"run {run.run_id}: has no held-out cell; train with a hold-out part")
    call_of_cell = {str(c): float(call) for c, call in zip(held.cell, held.call, strict=True)}
    call = np.array([call_of_cell.get(str(cell), np.nan) for cell in ratings.item])
    is_held_out_case = np.isin(ratings.case, np.unique(held.case))
    n_without = int((is_held_out_case & np.isnan(call)).sum())
    nothing = np.full((len(call), 1), np.nan)
    scales: list[Scale] = []
    for scale in ratings.scales:
        scales.append(replace(scale, ratings=np.hstack([scale.ratings, nothing])))
        if scale.key == "positive":
            scales.append(_held_out(scale, call))
    return replace(
        ratings,
        readers=(*ratings.readers, f"model of run {run.run_id}"),
        is_model=(*ratings.is_model, True),
        scales=tuple(scales),
        n_missing=(*ratings.n_missing, int(np.isnan(call).sum())),
        notes=(*ratings.notes, *_notes(call, n_without)),
    )


def _held_out(scale: Scale, call: np.ndarray) -> Scale:
    known = np.where(np.isnan(call)[:, None], np.nan, scale.ratings)
    return replace(
        scale,
        key="held_out",
        what=f"{scale.what}, on held-out cells with a call",
        ratings=np.column_stack([known, call]),
        repeats=np.full(scale.repeats.shape, np.nan),
    )


def _notes(call: np.ndarray, n_without: int) -> Sequence[str]:
    n_called = int((~np.isnan(call)).sum())
    notes = [
        f"The model is compared on {n_called:,} held-out cells, which it never trained on; it was "
        "trained on labels of these readers."
    ]
    if n_without:
        notes.append(
            f"{n_without:,} cells of held-out cases have no call, since their readers split evenly "
            "between positive and negative or at least half called them other; without these cells "
            "readers agree better than they do on all."
        )
    return notes
