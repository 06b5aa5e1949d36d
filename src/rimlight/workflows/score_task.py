"""What one slide is scored with, and why a cell of it may not count."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rimlight.core.scores import AssayProfile
from rimlight.io.study import Study
from rimlight.records import CaseId, Region, SlideInfo
from rimlight.settings import ScoreSettings
from rimlight.workflows.score_rules import Rules

REASONS = ("", "near_edge", "out_of_focus", "labelled_other", "called_other", "outside_region")
"""Why a cell does not count, by its number; 0: it counts. Outside a region goes before all others,
else the first that holds is taken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SlideTask:
    """What one slide is scored with.

    other_places: x and y of its cells labelled other. regions: those of the slide that stand.
    given: x and y of its candidates where another program found them, (n, 2) level-0 px; None: the
    slide is searched. candidates: where they come from, in words.
    part_of_case: the part in the run's split of the cases that its cores are of.
    """

    study: Study
    info: SlideInfo
    part: str
    rules: Rules
    profile: AssayProfile
    settings: ScoreSettings
    other_places: np.ndarray
    seed: int
    regions: tuple[Region, ...] = ()
    part_of_case: Mapping[CaseId, str] = field(default_factory=dict)
    given: np.ndarray | None = None
    candidates: str = "found by rimlight"
