"""One slide to its score: candidates judged, counted, and the interval of what they add up to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rimlight.core.focus import sharpness
from rimlight.core.measurement import mean_od
from rimlight.core.resampling import block_mean
from rimlight.core.score_intervals import ScoreInterval, mean_interval, share_interval
from rimlight.core.scores import (
    Adequacy,
    AssayProfile,
    Counts,
    Reason,
    adequacy,
    band_of,
    crossed,
    h_score,
    printed,
    tps,
)
from rimlight.core.shortlists import far_from
from rimlight.core.stains import dab_density, foreign_share
from rimlight.core.zones import ring
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.slides import open_slide
from rimlight.io.study import Study
from rimlight.model.prediction import centre, probability
from rimlight.records import SlideInfo
from rimlight.settings import ScoreSettings
from rimlight.workflows.candidates import CandidateTile, candidate_tiles
from rimlight.workflows.score_rules import Rules

REASONS = ("", "near_edge", "out_of_focus", "labelled_other", "called_other")
"""Why a cell does not count, by its number; 0: it counts. The first that holds is taken."""
ABSTAINED = "near_edge"
EXCLUDED = ("out_of_focus", "labelled_other", "called_other")
LARGEST_FOREIGN_SHARE = 0.25
"""Of the colour of stained pixels; own definition, docs/method.md, Scores."""
_OVERVIEW_PX = 1024
_APART_UM = 4.0
_FOCUS_MPP = 1.0

OnTile = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideScore:
    """The score of one slide, as stored and as a row of ``scores.csv``.

    value: of the score that the profile names, None where not evaluable; shown: as printed.
    borderline: cut-offs that the interval crosses. part: of the slide's case in the run's split.
    """

    slide: str
    case: str
    part: str
    assay: str
    profile: str
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
    n_near_edge: int | None
    h_score: float | None
    h_low: float | None
    h_high: float | None
    n_fields: int | None
    n_error_cases: int | None
    is_interval_reliable: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class SlideTask:
    """What one slide is scored with; other_places: x and y of its cells labelled other."""

    study: Study
    info: SlideInfo
    part: str
    rules: Rules
    profile: AssayProfile
    settings: ScoreSettings
    other_places: np.ndarray
    seed: int


def scored_slide(
    task: SlideTask, *, on_tile: OnTile | None = None
) -> tuple[SlideScore, ScoredCells]:
    """Return the score of a slide and its cells.

    Raises:
        SlideError: The slide is missing, changed or damaged.
    """
    foreign = _foreign_share(task)
    parts = [
        _judged(task, tile) for tile in candidate_tiles(task.study, [task.info], on_tile=on_tile)
    ]
    cells = _joined(parts, has_levels=task.rules.levels is not None)
    counts = _counts(cells)
    return _score(task, cells, counts, _adequacy(task, counts, foreign)), cells


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
    "n_near_edge",
)


def _judged(task: SlideTask, tile: CandidateTile) -> ScoredCells:
    rules, info = task.rules, task.info
    inner = centre(tile.patches, size_px=rules.patch.size_px)
    logits, is_other = rules.judged(tile.patches, white=info.white)
    od = np.full(len(tile), np.nan)
    level = (logits > 0).astype(np.int64)
    if rules.levels is not None:
        found = rules.levels.ring
        zone = ring(
            rules.patch.size_px,
            mpp=rules.patch.mpp,
            inner_um=found.inner_um,
            outer_um=found.outer_um,
        )
        od = mean_od(dab_density(inner, white=info.white, stains=rules.stains), zone)
        level = rules.levels.of(od, logits > 0)
    is_near_edge = ~tile.is_whole(rules.patch)
    is_labelled = ~far_from(tile.x_l0, tile.y_l0, task.other_places, radius=_APART_UM / info.mpp)
    is_soft = _sharpness(inner, mpp=rules.patch.mpp) < task.settings.least_sharpness
    reason = np.select([is_near_edge, is_soft, is_labelled, is_other], [1, 2, 3, 4], default=0)
    return ScoredCells(
        x_l0=tile.x_l0,
        y_l0=tile.y_l0,
        logit=logits,
        probability=probability(logits, temperature=rules.temperature),
        od_ring=od,
        level=level,
        reason=reason,
        reasons=REASONS,
        has_levels=rules.levels is not None,
    )


def _sharpness(patches: np.ndarray, *, mpp: float) -> np.ndarray:
    """Return the sharpness of patches at about 1 um per pixel, where JPEG adds hardly any edge."""
    side = max(1, round(_FOCUS_MPP / mpp))
    if not len(patches):
        return np.empty(0)
    return sharpness(np.stack([block_mean(patch, side_px=side) for patch in patches]))


def _joined(parts: list[ScoredCells], *, has_levels: bool) -> ScoredCells:
    names = ("x_l0", "y_l0", "logit", "probability", "od_ring", "level", "reason")
    columns = {
        name: np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
        for name in names
    }
    for name in ("level", "reason"):
        columns[name] = columns[name].astype(np.int64)
    return ScoredCells(**columns, reasons=REASONS, has_levels=has_levels)


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


def _adequacy(task: SlideTask, counts: Counts, foreign: float) -> Adequacy:
    if foreign > LARGEST_FOREIGN_SHARE:
        return Adequacy(
            reason="wrong_stain",
            words=f"{foreign:.0%} of the colour of the tissue is neither haematoxylin nor DAB",
        )
    return adequacy(counts, profile=task.profile, least_cells=task.settings.least_cells)


def _foreign_share(task: SlideTask) -> float:
    with open_slide(task.study.folder / task.info.path, mpp=task.info.mpp) as slide:
        overview = slide.overview(_OVERVIEW_PX)
    return foreign_share(overview, white=task.info.white, stains=task.rules.stains)


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
        "score": task.profile.score,
        "reason": found.reason,
        "words": found.words,
    }
