"""A trained run to the scores of whole slides: TPS, H-score, adequacy and an interval each.

One slide is one job: ``scores/SLIDE.json`` is written last and names what it was made from, so
that a slide is not scored twice and an interrupted command goes on where it stopped. Writes
``scores.csv``, for each slide its cells as ``scores/SLIDE.csv.gz`` and for QuPath as
``scores/SLIDE.geojson.gz``, and the section ``scores`` of the run's metrics.
"""

from collections.abc import Callable, Sequence
from typing import Any

from rimlight.io.runs import Run
from rimlight.workflows.patches import Progress, no_progress
from rimlight.workflows.score_job import score_in_turn
from rimlight.workflows.score_plan import ScorePlan, score_plan
from rimlight.workflows.score_section import collect_scores
from rimlight.workflows.train import use_threads

ScoredBy = Callable[[ScorePlan, Sequence[str], Progress], None]
"""Scores slides by their ids until each has a record or a failure."""


def score(
    run: Run,
    *,
    slides: Sequence[str] | None = None,
    assay: str | None = None,
    progress: Progress | None = None,
    by: ScoredBy | None = None,
) -> dict[str, Any]:
    """Score slides of a study with a trained run; return the section ``scores`` as written.

    A slide that cannot be read is named in the section and does not stop the others. The table
    and the section hold every slide of the study that has a score by the present settings.

    Args:
        run: Trained; a held-out case is scored by the network that never saw it.
        slides: Ids; None for all of the study.
        assay: Id of the profile for all slides; None for the setting ``score.assay``.
        progress: Told how many slides are done, and tiles of the slide in hand.
        by: Who scores the slides that are not scored yet; None: this process, one by one.

    Raises:
        RunError: The run was not trained.
        StudyError: A slide is not in the study.
        SettingsError: There is no such assay profile.
        StorageError: The disk refuses; what was scored before stays.
    """
    plan = score_plan(run, assay=assay)
    asked = plan.chosen(slides)
    missing = plan.prepare(asked)
    if by is None:
        use_threads(plan.study.settings.train.n_threads)
        by = score_in_turn
    by(plan, missing, progress or no_progress)
    return collect_scores(plan, asked)
