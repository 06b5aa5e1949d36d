"""The cells of a slide to its score: counts, adequacy, value, band and interval."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rimlight.core.score_intervals import ScoreInterval, mean_interval, share_interval
from rimlight.core.scores import (
    Adequacy,
    Counts,
    Reason,
    adequacy,
    band_of,
    crossed,
    h_score,
    printed,
    tps,
)
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.records import RegionKind
from rimlight.workflows.score_task import REASONS, SlideTask

ABSTAINED = "near_edge"
EXCLUDED = ("out_of_focus", "labelled_other", "called_other", "outside_region")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideScore:
    """The score of one slide, as stored and as a row of ``scores.csv``.

    value: of the score that the profile names, None where not evaluable; shown: as printed.
    borderline: cut-offs that the interval crosses. part: of the slide's case in the run's split.
    extent: ``slide``, or ``regions`` or ``cores`` where cells count in these alone.
    candidates: who found the cells: ``found by rimlight``, or the file they were imported from.
    """

    slide: str
    case: str
    part: str
    assay: str
    profile: str
    extent: str
    candidates: str
    score: str
    is_evaluable: bool
    reason: str | None
    words: str
    value: float | None
    low: float | None
    high: float | None
    shown: str
    band: str | None
    borderline: tuple[float, ...]
    n_seen: int | None
    n_positive: int | None
    n_negative: int | None
    n_weak: int | None
    n_moderate: int | None
    n_strong: int | None
    n_out_of_focus: int | None
    n_labelled_other: int | None
    n_called_other: int | None
    n_outside_region: int | None
    n_near_edge: int | None
    h_score: float | None
    h_low: float | None
    h_high: float | None
    n_fields: int | None
    n_error_cases: int | None
    is_interval_reliable: bool


def slide_score(
    task: SlideTask, cells: ScoredCells, *, withheld: Adequacy | None = None
) -> SlideScore:
    """Return the score of a slide.

    Args:
        task: What it is scored with.
        cells: All of them, judged.
        withheld: Why the slide has no value whatever its cells say, if so.
    """
    counts = _counts(cells)
    if withheld is None:
        least_cells = task.settings.least_cells
        withheld = adequacy(counts, profile=task.profile, least_cells=least_cells)
    return _score(task, cells, counts, withheld)


def failed_score(task: SlideTask, *, reason: Reason, words: str) -> SlideScore:
    """Return the row of a slide that could not be read: no count, no value."""
    nothing: dict[str, Any] = dict.fromkeys(_COUNTED)
    facts = _facts(task, Adequacy(reason=reason, words=words))
    return SlideScore(**facts, **_NO_VALUE, **nothing)


_NO_VALUE: dict[str, Any] = {
    "is_evaluable": False,
    "value": None,
    "low": None,
    "high": None,
    "shown": "not evaluable",
    "band": None,
    "borderline": (),
    "h_score": None,
    "h_low": None,
    "h_high": None,
    "n_fields": None,
    "n_error_cases": None,
    "is_interval_reliable": False,
}
_COUNTED: tuple[str, ...] = (
    "n_seen",
    "n_positive",
    "n_negative",
    "n_weak",
    "n_moderate",
    "n_strong",
    "n_out_of_focus",
    "n_labelled_other",
    "n_called_other",
    "n_outside_region",
    "n_near_edge",
)


def _counts(cells: ScoredCells) -> Counts:
    n_of_reason = np.bincount(cells.reason, minlength=len(REASONS)).tolist()
    n_of_level = np.bincount(cells.level[cells.reason == 0], minlength=4).tolist()
    levels = (n_of_level[1], n_of_level[2], n_of_level[3])
    return Counts(
        n_positive=sum(levels),
        n_negative=n_of_level[0],
        excluded={name: n_of_reason[REASONS.index(name)] for name in EXCLUDED},
        n_abstained=n_of_reason[REASONS.index(ABSTAINED)],
        n_of_level=levels if cells.has_levels else None,
    )


def _score(task: SlideTask, cells: ScoredCells, counts: Counts, found: Adequacy) -> SlideScore:
    levels = counts.n_of_level or (None, None, None)
    counted = (
        counts.n_seen,
        counts.n_positive,
        counts.n_negative,
        *levels,
        *(counts.excluded[name] for name in EXCLUDED),
        counts.n_abstained,
    )
    empty = SlideScore(
        **_facts(task, found), **_NO_VALUE, **dict(zip(_COUNTED, counted, strict=True))
    )
    value = tps(counts)
    if not found.is_evaluable or value is None:
        return empty
    share, weighted = _intervals(task, cells)
    cut_offs = task.profile.cut_offs
    is_known = share.low is not None and share.high is not None
    return replace(
        empty,
        is_evaluable=True,
        value=value,
        low=share.low,
        high=share.high,
        shown=f"{printed(value, cut_offs)} %",
        band=band_of(value, task.profile),
        borderline=crossed(share.low or 0.0, share.high or 0.0, cut_offs) if is_known else (),
        h_score=h_score(counts),
        h_low=None if weighted is None else weighted.low,
        h_high=None if weighted is None else weighted.high,
        n_fields=share.n_fields,
        n_error_cases=share.n_error_cases,
        # Stroma counted as tumour is in no interval; without a rule for it none can be trusted.
        is_interval_reliable=share.is_reliable and task.rules.others is not None,
    )


def _intervals(task: SlideTask, cells: ScoredCells) -> tuple[ScoreInterval, ScoreInterval | None]:
    """Return the intervals of TPS and H-score; fields are squares of the slide."""
    errors, differences = task.rules.errors_without(task.info.case_id)
    side_l0 = task.settings.field_um / task.info.mpp
    places = np.floor(np.column_stack([cells.x_l0, cells.y_l0]) / side_l0)
    _, field = np.unique(places, axis=0, return_inverse=True)
    field = field.reshape(-1)
    counted = cells.reason == 0
    is_other = cells.reason == REASONS.index("called_other")
    classes = [counted & (cells.level > 0), counted & (cells.level == 0), is_other]

    def by_field(weight: np.ndarray) -> np.ndarray:
        return np.bincount(field, weights=weight).astype(np.int64)

    n_classes = errors.n_cells.shape[1]
    how = {"n_resamples": task.settings.n_resamples, "seed": task.seed}
    share = share_interval(
        np.column_stack([by_field(chosen) for chosen in classes[:n_classes]]), errors, **how
    )
    if not cells.has_levels:
        return share, None
    total, n_cells = by_field(cells.level * counted), by_field(counted)
    return share, mean_interval(total, n_cells, differences, **how)


def _facts(task: SlideTask, found: Adequacy) -> dict[str, Any]:
    return {
        "slide": str(task.info.slide_id),
        "case": str(task.info.case_id),
        "part": task.part,
        "assay": task.info.assay,
        "profile": task.profile.profile_id,
        "extent": _extent(task),
        "candidates": task.candidates,
        "score": task.profile.score,
        "reason": found.reason,
        "words": found.words,
    }


def _extent(task: SlideTask) -> str:
    """Return what the cells of a slide are counted in."""
    kinds = {region.kind for region in task.regions}
    if RegionKind.INCLUDE in kinds:
        return "regions"
    return "cores" if RegionKind.CORE in kinds else "slide"
