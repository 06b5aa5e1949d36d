"""Whether a study and its runs are what they say: chains of events, slides, models, numbers.

Nothing is changed. Numbers are made again from the slides and compared with what was written.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import RimlightError
from rimlight.io.acts import verify_acts
from rimlight.io.controls import verify_controls
from rimlight.io.files import read_json
from rimlight.io.inspection import check_unchanged
from rimlight.io.journal import verify_journal
from rimlight.io.regions import verify_regions
from rimlight.io.runs import Run, read_metrics
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import SlideInfo
from rimlight.workflows.evaluate import evaluate
from rimlight.workflows.explain import study_of
from rimlight.workflows.models import Model, read_network
from rimlight.workflows.patches import cut_patches
from rimlight.workflows.run_tables import Cells, read_cells, table_of_step
from rimlight.workflows.score_plan import score_plan
from rimlight.workflows.train import fold_folder
from rimlight.workflows.why_cells import cells_of_run

LOGIT_TOLERANCE = 1e-4
"""Logits: the same cell in another batch or on another number of threads differs by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; the sentence says what was found, and of a fault what to do."""

    name: str
    is_ok: bool
    sentence: str


def verify_study(study: Study) -> Iterator[Finding]:
    """Check every chain of events, and that every slide is still the file that was added."""
    chains: dict[str, Callable[[Any], int]] = {
        "labels": verify_journal,
        "regions": verify_regions,
        "controls": verify_controls,
        "acts": verify_acts,
    }
    for name, verify in chains.items():
        yield _found(name, partial(_chain, study, verify))
    for info in slides(study.engine):
        yield _found(f"slide {info.slide_id}", partial(_slide, study, info))


def verify_run(run: Run, *, n_cells: int = 64) -> Iterator[Finding]:
    """Make a run's numbers again and compare.

    Looked at: the models' hashes; that no case is on two sides of a fold; logits, probabilities
    and calls of cells drawn at random, from their slides; the evaluation, from the predictions;
    that the scores of slides stand on the models, labels, regions and settings of now.

    Args:
        run: The run.
        n_cells: Cells of each fold whose logits are made again; 0 for all.
    """
    try:
        study, cells = study_of(run), read_cells(run)
        models = {int(fold): _model(run, study, int(fold)) for fold in np.unique(cells.fold)}
    except RimlightError as error:
        yield Finding(name="run", is_ok=False, sentence=str(error))
        return
    yield Finding(name="models", is_ok=True, sentence=f"{len(models)} as their hashes say")
    yield _found("parts", lambda: _parts(cells))
    yield _found("predictions", lambda: _predictions(run, study, models, n_cells=n_cells))
    yield _found("evaluation", lambda: _evaluation(run))
    if (run.folder / "scores.csv").exists():
        yield _found("scores", lambda: _scores(run))


class _OtherError(RimlightError):
    """Something is not what was written."""


def _found(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, is_ok=True, sentence=look())
    except RimlightError as error:
        return Finding(name=name, is_ok=False, sentence=str(error))


def _chain(study: Study, verify: Callable[[Any], int]) -> str:
    return f"{verify(study.engine)} events, none changed"


def _slide(study: Study, info: SlideInfo) -> str:
    check_unchanged(study.folder / info.path, info)
    return "is the file that was added"


def _model(run: Run, study: Study, fold: int) -> Model:
    return read_network(fold_folder(run, fold), patch=study.settings.patch)


def _parts(cells: Cells) -> str:
    sides: dict[tuple[int, str], set[str]] = {}
    for case, fold, part in zip(cells.case, cells.fold, cells.part, strict=True):
        sides.setdefault((int(fold), str(case)), set()).add(str(part))
    for (fold, case), parts in sides.items():
        if len(parts) > 1:
            raise _OtherError(
                f"case {case}: is on {len(parts)} sides of fold {fold}, {', '.join(sorted(parts))};"
                " the hold-out figures are not of cases that were not seen; train again"
            )
    return f"{len(sides)} cases of folds, each on one side"


def _predictions(run: Run, study: Study, models: Mapping[int, Model], *, n_cells: int) -> str:
    from rimlight.model.prediction import logits_of, probability

    told = read_cells(run)
    labelled = {str(each.cell.cell_id): each for each in cells_of_run(run, study)[0]}
    info_of = {info.slide_id: info for info in slides(study.engine)}
    rng = np.random.default_rng(study.settings.study.seed)
    worst, n_made = 0.0, 0
    for fold, mine in told.per_fold():
        rows = np.flatnonzero(mine)
        if 0 < n_cells < len(rows):
            rows = rng.choice(rows, n_cells, replace=False)
        chosen = sorted(
            ((labelled[str(told.cell[row])], row) for row in rows),
            key=lambda pair: (pair[0].cell.slide_id, pair[0].cell.cell_id),
        )
        cells, at = [cell for cell, _ in chosen], np.array([row for _, row in chosen])
        patches = cut_patches(study, cells, [info_of[c.cell.slide_id] for c in cells])
        model = models[fold]
        logits = logits_of(model.network, patches, size_px=study.settings.patch.size_px)
        made = {
            "logit": logits,
            "probability": probability(logits, temperature=model.temperature),
        }
        for column, values in made.items():
            apart = np.abs(values - told.numbers[column][at])
            _refuse_apart(told, at, apart, column=column)
            worst = max(worst, float(apart.max()))
        _refuse_calls(told, at)
        n_made += len(at)
    return f"{n_made} made again from the slides, at most {worst:.1g} apart"


def _refuse_apart(told: Cells, at: np.ndarray, apart: np.ndarray, *, column: str) -> None:
    if apart.max() <= LOGIT_TOLERANCE:
        return
    worst = int(np.nanargmax(np.where(np.isnan(apart), np.inf, apart)))
    row = at[worst]
    raise _OtherError(
        f"cell {told.cell[row]}, fold {told.fold[row]}: its {column} is "
        f"{told.numbers[column][row]:.6g} in predictions.csv and {apart[worst]:.3g} away from what "
        f"the model makes of the slide; {int((apart > LOGIT_TOLERANCE).sum())} of {len(at)} cells "
        "looked at differ; train again"
    )


def _refuse_calls(told: Cells, at: np.ndarray) -> None:
    wrong = at[(told.numbers["logit"][at] > 0) != (told.numbers["call"][at] == 1)]
    if len(wrong):
        raise _OtherError(
            f"cell {told.cell[wrong[0]]}: its call in predictions.csv does not follow from its "
            "logit; train again"
        )


def _evaluation(run: Run) -> str:
    written = read_metrics(run).get("evaluation")
    if written is None:
        raise _OtherError(f"run {run.run_id}: was not evaluated; do rimlight evaluate")
    with tempfile.TemporaryDirectory() as folder:
        copy = replace(run, folder=Path(folder))
        for name in ("run.json", "cells.csv", "parts.csv", "predictions.csv"):
            if (run.folder / name).exists():
                shutil.copy(run.folder / name, copy.folder / name)
        made = evaluate(copy)
    wrong = [name for name in made if made[name] != written.get(name)]
    if wrong or set(written) - set(made):
        raise _OtherError(
            f"metrics.json: {', '.join(sorted(wrong) or sorted(set(written) - set(made)))} of the "
            "evaluation is not what follows from predictions.csv; do rimlight evaluate"
        )
    return "follows from the predictions, to every digit"


def _scores(run: Run) -> str:
    rows = table_of_step(run, "scores.csv", step="score")
    old = [
        slide
        for slide, profile in zip(rows["slide"], rows["profile"], strict=True)
        if not any(_is_as_now(run, slide, assay) for assay in (None, profile))
    ]
    if old:
        raise _OtherError(
            f"scores.csv: {len(old)} of {len(rows['slide'])} slides, first {old[0]}, were scored "
            "with other models, labels, regions, controls or settings than those of now; do "
            "rimlight score, which scores just these again"
        )
    return f"{len(rows['slide'])} slides stand on what holds now"


def _is_as_now(run: Run, slide: str, assay: str | None) -> bool:
    """Return whether a slide's record is what scoring by a profile would take as done."""
    plan = score_plan(run, assay=assay)
    (info,) = plan.chosen([slide])
    path = plan.record_path(info)
    return path.is_file() and read_json(path).get("made_from") == plan.made_from(info)
