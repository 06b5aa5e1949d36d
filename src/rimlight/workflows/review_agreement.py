"""How readers agree, for the browser: what ``rimlight agree STUDY --run`` writes, kept until a
label comes or the run changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rimlight.io.journal import label_head
from rimlight.io.runs import Run
from rimlight.io.study import Study
from rimlight.workflows.agree import AgreeSettings, agree
from rimlight.workflows.agree_calls import CallsMissingError
from rimlight.workflows.agree_study import ratings_of_study
from rimlight.workflows.remembered import Remembered, print_of

FILES = ("cells.csv", "predictions.csv", "parts.csv", "agreement/held_out_calls.json")
DAYS_APART = 1.0
"""As ``rimlight agree`` takes it: sooner, a new label is a correction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A result of ``agree``.

    has_run: whether the run is among the readers. n_missing: calls that must be made for that.
    """

    section: Mapping[str, Any]
    has_run: bool
    n_missing: int


def agreement_of(study: Study, run: Run | None, *, remembered: Remembered) -> Compared:
    """Return how the readers of a study agree, with a run if no call of it is missing.

    Raises:
        NotEnoughDataError: There is no label, or no two readers and no run to compare.
        RunError: The run holds out no case, or its tables are damaged.
    """
    files = () if run is None else print_of(run.folder / name for name in FILES)
    fingerprint = (label_head(study.engine), files)
    name = ("agreement", str(study.folder if run is None else run.folder))
    return remembered.kept(name, fingerprint, lambda: _compared(study, run))


def _compared(study: Study, run: Run | None) -> Compared:
    n_missing = 0
    try:
        ratings = ratings_of_study(study, run, days_apart=DAYS_APART, is_called_now=False)
    except CallsMissingError as error:
        n_missing, run = error.n_missing, None
        ratings = ratings_of_study(study, None, days_apart=DAYS_APART)
    section = agree(ratings, AgreeSettings(), source=study.folder.name)
    return Compared(section=section, has_run=run is not None, n_missing=n_missing)
