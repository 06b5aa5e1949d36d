"""One slide to its cells: candidates found, and each of them judged."""

from collections.abc import Callable
from functools import partial

import numpy as np

from rimlight.core.focus import sharpness
from rimlight.core.regions import is_wanted
from rimlight.core.resampling import block_mean
from rimlight.core.shortlists import far_from
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.model.prediction import centre, probability
from rimlight.workflows.candidates import CandidateTile, candidate_tiles
from rimlight.workflows.score_rules import ring_od
from rimlight.workflows.score_task import REASONS, SlideTask
from rimlight.workflows.tile_workers import in_order

_APART_UM = 4.0
_FOCUS_MPP = 1.0

OnTile = Callable[[int, int], None]


def judged_cells(task: SlideTask, *, on_tile: OnTile | None = None) -> ScoredCells:
    """Return every candidate of a slide with its call, its level, and why it may not count.

    Raises:
        SlideError: The slide is missing, changed or damaged.
    """
    import torch

    tiles = candidate_tiles(
        task.study,
        [task.info],
        on_tile=on_tile,
        is_wanted=is_wanted(task.regions),
        given=task.given,
    )
    parts = list(in_order(partial(_judged, task), tiles, n_threads=torch.get_num_threads()))
    return _joined(parts, has_levels=task.rules.levels is not None)


def _judged(task: SlideTask, tile: CandidateTile) -> ScoredCells:
    rules, info = task.rules, task.info
    inner = centre(tile.patches, size_px=rules.patch.size_px)
    judged = rules.judged(tile.patches, white=info.white)
    logits, is_other = judged.logits, judged.is_other
    od = np.full(len(tile), np.nan)
    level = (logits > 0).astype(np.int64)
    if rules.levels is not None:
        found = rules.levels.ring
        od = ring_od(rules, inner, found, white=info.white)
        level = rules.levels.of(od, logits > 0, judged.features)
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
    found: np.ndarray = sharpness(block_mean(patches, side_px=side))
    return found


def _joined(parts: list[ScoredCells], *, has_levels: bool) -> ScoredCells:
    names = ("x_l0", "y_l0", "logit", "probability", "od_ring", "level", "reason")
    columns = {
        name: np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
        for name in names
    }
    for name in ("level", "reason"):
        columns[name] = columns[name].astype(np.int64)
    return ScoredCells(**columns, reasons=REASONS, has_levels=has_levels)
