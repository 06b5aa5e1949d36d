"""The slides that a run was trained on, looked over once: what scored slides are compared with.

Kept as ``training_slides.json`` in the run's folder, and made again when a slide among them was
changed. A slide that cannot be read is left out.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.core.slide_guards import Facts
from rimlight.core.stains import stain_matrix
from rimlight.errors import SlideError
from rimlight.io.files import read_made_from, write_json
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import Run, json_ready
from rimlight.io.study import Study
from rimlight.records import SlideInfo
from rimlight.settings import ScoreSettings
from rimlight.workflows.slide_look import look_of

MOST_SLIDES = 40
_VERSION = 3  # of what is looked at; another looks again
_NAME = "training_slides.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSlide:
    """A slide with labelled cells, and what was seen of it."""

    slide: str
    case: str
    facts: Facts


def training_slides(run: Run, study: Study, every: Sequence[SlideInfo]) -> list[TrainingSlide]:
    """Return slides with cells of the run, at most 40, one of each case first.

    Args:
        run: Trained.
        study: With the settings of the run.
        every: All slides of the study.

    Raises:
        RunError: The run was not trained.
        StorageError: The disk refuses.
    """
    infos = _chosen(run, every)
    made_from = mark_of(run, study, every)
    path = run.folder / _NAME
    kept = _kept(path, made_from)
    if kept is None:
        # Rounded at once, or this process would tell other digits than those that read the file.
        kept = json_ready(_seen(study, infos))
        write_json(path, {"made_from": made_from, "slides": kept})
    return [
        TrainingSlide(slide=each["slide"], case=each["case"], facts=_numbers(each["facts"]))
        for each in kept
    ]


def mark_of(run: Run, study: Study, every: Sequence[SlideInfo]) -> str:
    """Return the hash of all that the facts of training slides stand on."""
    infos = _chosen(run, every)
    told = [[i.slide_id, i.case_id, i.fingerprint, i.mpp, i.white] for i in infos]
    stains = stain_matrix(study.settings.stain).fingerprint
    text = json.dumps([_VERSION, stains, told], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _seen(study: Study, infos: Sequence[SlideInfo]) -> list[dict[str, Any]]:
    stains = stain_matrix(study.settings.stain)
    sharp = ScoreSettings().least_sharpness
    found = []
    for info in infos:
        try:
            look = look_of(study.folder, info, stains=stains, least_sharpness=sharp)
        except SlideError:
            continue
        found.append(
            {"slide": str(info.slide_id), "case": str(info.case_id), "facts": look.numbers}
        )
    return found


def _chosen(run: Run, every: Sequence[SlideInfo]) -> list[SlideInfo]:
    labelled = set(read_table(run.folder / "cells.csv")["slide"])
    infos = [info for info in every if info.slide_id in labelled]
    n_of_case: dict[str, int] = {}
    rank = []
    for info in infos:
        rank.append(n_of_case.get(info.case_id, 0))
        n_of_case[info.case_id] = rank[-1] + 1
    order = np.argsort(rank, kind="stable")[:MOST_SLIDES]
    return [infos[at] for at in sorted(order.tolist())]


def _kept(path: Path, made_from: str) -> list[dict[str, Any]] | None:
    found = read_made_from(path, made_from)
    return None if found is None else found["slides"]


def _numbers(facts: dict[str, float | None]) -> Facts:
    return {name: np.nan if value is None else float(value) for name, value in facts.items()}
