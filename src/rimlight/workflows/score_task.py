"""What one slide is scored with, and why a cell of it may not count."""

from dataclasses import dataclass

import numpy as np

from rimlight.core.scores import AssayProfile
from rimlight.io.study import Study
from rimlight.records import SlideInfo
from rimlight.settings import ScoreSettings
from rimlight.workflows.score_rules import Rules

REASONS = ("", "near_edge", "out_of_focus", "labelled_other", "called_other")
"""Why a cell does not count, by its number; 0: it counts. The first that holds is taken."""


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
