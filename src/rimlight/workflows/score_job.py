"""One slide to its score: a job that any process can do, and do again.

``scores/SLIDE.json`` is written last, so a job that was stopped leaves no record and is done
again; one that was done is not. A slide that cannot be read leaves ``jobs/failed/SLIDE.json``.
"""

import glob
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from rimlight.core.scores import Reason
from rimlight.errors import SlideError
from rimlight.io.claims import claimed
from rimlight.io.files import write_json
from rimlight.io.formats.packing import packed_file
from rimlight.io.formats.qupath_scores import ScoredCells, write_qupath_scores
from rimlight.io.formats.tables import cell_text
from rimlight.io.runs import json_ready
from rimlight.records import SlideInfo
from rimlight.workflows.area_scores import area_rows, in_regions
from rimlight.workflows.given_candidates import given_candidates, given_of_slide, where_from
from rimlight.workflows.patches import Progress
from rimlight.workflows.score_plan import ScorePlan
from rimlight.workflows.score_slide import OnTile, judged_cells
from rimlight.workflows.score_task import SlideTask
from rimlight.workflows.slide_guards import guards_of, seen, withheld_by
from rimlight.workflows.slide_scores import SlideScore, failed_score, slide_score

BUSY_WAIT_S = 1.0
_ROWS_AT_ONCE = 8192
Outcome = Literal["scored", "failed", "busy"]


class ScoreOne(Protocol):
    """Scores one slide, as ``score_one_slide`` does."""

    def __call__(self, plan: ScorePlan, slide: str, *, on_tile: OnTile | None = None) -> Outcome:
        """Score one slide; say what became of it."""


def score_one_slide(plan: ScorePlan, slide: str, *, on_tile: OnTile | None = None) -> Outcome:
    """Score one slide unless it is scored already or another process is at it.

    Returns:
        scored: it has a record now; failed: it has none, and its failure is written; busy: another
        process scores it, ask again.

    Args:
        plan: Made from ids by ``plan_of``, once a process.
        slide: Its id.
        on_tile: Told how many tiles are done, and of how many.

    Raises:
        StudyError: The slide is not in the study.
        RunError, ModelError: The run cannot be used.
        StorageError: The disk refuses.
    """
    (info,) = plan.chosen([slide])
    with claimed(plan.claims, slide) as claim:
        if claim is None:
            return "busy"
        if plan.kept(info) is not None:
            return "scored"

        def tell(done: int, total: int) -> None:
            claim.tell(done, total)
            if on_tile is not None:
                on_tile(done, total)

        return "scored" if _scored(plan, info, tell) else "failed"


def _scored(plan: ScorePlan, info: SlideInfo, on_tile: OnTile) -> bool:
    task, slide = task_of(plan, info), str(info.slide_id)
    for left in plan.folder.glob(f".{glob.escape(slide)}.*.tmp"):  # by a process that was killed
        left.unlink(missing_ok=True)
    plan.record_path(info).unlink(missing_ok=True)
    plan.failure_path(info).unlink(missing_ok=True)
    try:
        task = replace(task, given=given_candidates(plan.study, info))
        look = seen(task)
        cells = in_regions(task, judged_cells(task, on_tile=on_tile))
    except SlideError as error:
        _write_failure(plan, info, failed_score(task, reason="damaged_image", words=str(error)))
        return False
    guards = guards_of(task, look, cells, training=plan.training_slides_of(info))
    withheld = withheld_by(guards, plan.controls_of(info))
    found = slide_score(task, cells, withheld=withheld)
    _write_cells(plan.folder / f"{slide}.csv.gz", cells)
    write_qupath_scores(plan.folder / f"{slide}.geojson.gz", cells, slide=info)
    stored = {
        "made_from": plan.made_from(info),
        "score": asdict(found),
        "areas": area_rows(task, cells, withheld=withheld),
        "guards": [asdict(guard) for guard in guards],
        "controls": plan.controls_of(info),
        "sentences": list(task.rules.sentences),
        "research_use_only": True,
    }
    write_json(plan.record_path(info), json_ready(stored))
    return True


def score_in_turn(
    plan: ScorePlan,
    slides: Sequence[str],
    progress: Progress,
    *,
    score_one: ScoreOne = score_one_slide,
) -> None:
    """Score slides one after another, and wait for those that another process is at.

    Raises:
        RunError, ModelError: The run cannot be used.
        StorageError: The disk refuses; what was scored before stays.
    """
    waiting, n_busy = deque(slides), 0
    while waiting:
        slide = waiting.popleft()

        def tiles(done: int, total: int, slide: str = slide) -> None:
            progress(f"score {slide}", done, total)

        if score_one(plan, slide, on_tile=tiles) == "busy":
            waiting.append(slide)
            n_busy += 1
            if n_busy >= len(waiting):
                time.sleep(BUSY_WAIT_S)
            continue
        n_busy = 0
        progress("score", len(slides) - len(waiting), len(slides))


def give_up(plan: ScorePlan, slide: str, *, reason: Reason, words: str) -> None:
    """Write why a slide has no score, for a process that could not say so itself.

    Raises:
        StudyError: The slide is not in the study.
        StorageError: The disk refuses.
    """
    (info,) = plan.chosen([slide])
    _write_failure(plan, info, failed_score(task_of(plan, info), reason=reason, words=words))


def task_of(plan: ScorePlan, info: SlideInfo) -> SlideTask:
    """Return what a slide is scored with; its candidates are to be searched."""
    fold, part = plan.place_of(info)
    places = [(c.cell.x_l0, c.cell.y_l0) for c in plan.others if c.cell.slide_id == info.slide_id]
    return SlideTask(
        study=plan.study,
        info=info,
        part=part,
        rules=plan.rules(fold),
        profile=plan.profile_of_slide[info.slide_id],
        settings=plan.settings,
        other_places=np.array(places, dtype=np.float64).reshape(-1, 2),
        seed=plan.study.settings.study.seed,
        regions=plan.regions_of(info),
        part_of_case=plan.part_of_core_cases(info),
        candidates=where_from(given_of_slide(plan.study, info)),
    )


def _write_failure(plan: ScorePlan, info: SlideInfo, score: SlideScore) -> None:
    stored = {"made_from": plan.made_from(info), "score": asdict(score)}
    write_json(plan.failure_path(info), json_ready(stored))


def _write_cells(path: Path, cells: ScoredCells) -> None:
    """Write the cells of a slide as a table, whole or not at all."""
    columns = {
        "x_l0": cells.x_l0,
        "y_l0": cells.y_l0,
        "logit": cells.logit,
        "probability": cells.probability,
        "call": (cells.level > 0).astype(int),
        "level": np.where(cells.has_levels | (cells.level == 0), cells.level, np.nan),
        "od_ring": cells.od_ring,
        "excluded": np.array([cell_text(reason) for reason in cells.reasons])[cells.reason],
    }
    with packed_file(path) as packed:
        packed.write((",".join(columns) + "\n").encode())
        for start in range(0, len(cells), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            texts = [_texts(column[part]) for column in columns.values()]
            rows = map(",".join, zip(*texts, strict=True))
            packed.write(("\n".join(rows) + "\n").encode())


def _texts(column: np.ndarray) -> list[str]:
    """Return what ``cell_text`` says of each entry, by one rule for all of a column."""
    if column.dtype.kind == "f":
        return ["" if value != value else f"{value:.9g}" for value in column.tolist()]
    return [str(value) for value in column.tolist()]
