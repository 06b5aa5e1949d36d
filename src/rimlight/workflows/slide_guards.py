"""The checks of a scored slide, and what leaves it without a value whatever its cells say."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from rimlight.core.scores import Adequacy
from rimlight.core.slide_guards import Guard, fatal_guard, slide_guards
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.records import ControlOutcome, SlideInfo
from rimlight.workflows.run_tables import FITTED_PARTS
from rimlight.workflows.score_task import REASONS, SlideTask
from rimlight.workflows.slide_look import SlideLook, look_of
from rimlight.workflows.training_slides import TrainingSlide

EMPTY_UM = 64.0
"""Side of a square of tissue that should hold a candidate."""


def seen(task: SlideTask) -> SlideLook:
    """Look over the slide of a task.

    Raises:
        SlideError: The slide is missing or damaged.
    """
    return look_of(
        task.study.folder,
        task.info,
        stains=task.rules.stains,
        least_sharpness=task.settings.least_sharpness,
    )


def guards_of(
    task: SlideTask, look: SlideLook, cells: ScoredCells, *, training: Sequence[TrainingSlide]
) -> tuple[Guard, ...]:
    """Return all checks of a slide.

    Args:
        task: What it is scored with.
        look: What was seen of it.
        cells: All of them, judged.
        training: Slides that the fold was trained on; of other cases than this one.
    """
    is_whole = task.given is None and not task.regions
    facts = look.numbers | {
        "soft_cells": _soft_share(cells),
        "empty_share": _empty_share(look, cells, task.info) if is_whole else np.nan,
    }
    return slide_guards(facts, training=[each.facts for each in training])


def fitted_slides(
    slides: Sequence[TrainingSlide], *, part_of_case: Mapping[str, str], case: str
) -> list[TrainingSlide]:
    """Return the slides that a fold was trained on, without those of a case.

    Args:
        slides: With labelled cells.
        part_of_case: In the fold.
        case: Of the slide that is checked.
    """
    return [
        each for each in slides if each.case != case and part_of_case.get(each.case) in FITTED_PARTS
    ]


def withheld_by(guards: Sequence[Guard], controls: Mapping[str, str]) -> Adequacy | None:
    """Return why a slide has no value whatever its cells say; None if nothing speaks against one.

    Args:
        guards: Of the slide.
        controls: Outcome of each of its tissue controls.
    """
    failed = [name for name, outcome in controls.items() if outcome == ControlOutcome.FAIL]
    if failed:
        words = " and ".join(_CONTROL_WORDS[name] for name in failed)
        return Adequacy(reason="control_failed", words=f"{words} failed")
    guard = fatal_guard(guards)
    return None if guard is None else Adequacy(reason=guard.reason, words=guard.words)


_CONTROL_WORDS = {
    "positive": "the positive tissue control",
    "negative": "the negative tissue control",
    "reagent": "the negative reagent slide",
}


def _soft_share(cells: ScoredCells) -> float:
    """Return the share of cells out of focus, of those whose patch lies on the slide."""
    is_judged = ~np.isin(cells.reason, [REASONS.index(n) for n in ("near_edge", "outside_region")])
    if not is_judged.any():
        return np.nan
    return float((cells.reason[is_judged] == REASONS.index("out_of_focus")).mean())


def _empty_share(look: SlideLook, cells: ScoredCells, info: SlideInfo) -> float:
    """Return the share of the tissue, in squares of 64 um, that holds no candidate."""
    is_tissue = _squares_of(look.mask, side_px=max(1, round(EMPTY_UM / look.mask_mpp)))
    side_l0 = max(1, round(EMPTY_UM / look.mask_mpp)) * look.mask_mpp / info.mpp
    column = (cells.x_l0 / side_l0).astype(int).clip(0, is_tissue.shape[1] - 1)
    row = (cells.y_l0 / side_l0).astype(int).clip(0, is_tissue.shape[0] - 1)
    has_cell = np.zeros(is_tissue.shape, dtype=bool)
    has_cell[row, column] = True
    return float((~has_cell)[is_tissue].mean()) if is_tissue.any() else np.nan


def _squares_of(mask: Bool[np.ndarray, "h w"], *, side_px: int) -> Bool[np.ndarray, "rows columns"]:
    """Return which squares of a mask are more than half tissue; the last ones are filled up."""
    height, width = (-(-side // side_px) * side_px for side in mask.shape)
    whole = np.zeros((height, width), dtype=bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    share = whole.reshape(height // side_px, side_px, width // side_px, side_px).mean(axis=(1, 3))
    found: np.ndarray = share > 0.5
    return found
