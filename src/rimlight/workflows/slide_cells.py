"""Cells of a scored slide made ready to be explained as held-out cells are: same way, same pool.

Their references are the training cells that ``explain`` takes them from, never of their own case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.planes import patch_box
from rimlight.core.regions import is_inside
from rimlight.core.shortlists import fair_number
from rimlight.core.stains import dab_density
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.runs import Run
from rimlight.io.slides import open_slide
from rimlight.io.study import Study
from rimlight.records import CaseId, Cell, CellId, Expression, LabelledCell, Region, SlideInfo
from rimlight.workflows.explain import pool_table, predicted_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.models import Model, read_network
from rimlight.workflows.patches import (
    CellPatches,
    Progress,
    cell_patches,
    cut_patches,
    no_progress,
)
from rimlight.workflows.run_tables import Cells
from rimlight.workflows.score_plan import ScorePlan, score_plan
from rimlight.workflows.train import fold_folder
from rimlight.workflows.walks import Background, ExplainedFold, Grounds, background_of

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

_BACKGROUND_CELLS = 256
_LEVELS = (Expression.NEGATIVE, Expression.WEAK, Expression.MODERATE, Expression.STRONG)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class References:
    """The labelled cells of a run with what each fold made of them: pools for any slide."""

    run: Run
    study: Study
    plan: ScorePlan
    cells: CellPatches
    predicted: dict[int, Cells]
    models: dict[int, Model]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """One scored slide and all that its cells are explained with.

    case: of each cell, that of its core where it lies in one of another case than the slide.
    part: of the slide's case in the fold, ``new`` for a case without labels.
    background: DAB of its unstained tissue, from its labelled cells where it has any.
    """

    study: Study
    info: SlideInfo
    cells: ScoredCells
    case: np.ndarray
    fold: int
    part: str
    model: Model
    network: "PatchNetwork"
    pool: Grounds
    background: Background


def references_of(run: Run, *, progress: Progress = no_progress) -> References:
    """Return the labelled cells of a run, from which references are chosen.

    Raises:
        RunError: The run was not trained, or its labels have changed since.
        SlideError: A slide with labelled cells is missing, changed or damaged.
    """
    study = study_of(run)
    cells = cell_patches(study, consensus_of_study(study).cells, progress=progress)
    return References(
        run=run,
        study=study,
        plan=score_plan(run),
        cells=cells,
        predicted=predicted_folds(run, cells),
        models={},
    )


def subject_of(references: References, info: SlideInfo, cells: ScoredCells) -> Subject:
    """Return a scored slide, ready to be explained by the network that scored it.

    Raises:
        ModelError: The network cannot be read.
        SlideError: The slide is missing, changed or damaged.
    """
    from rimlight.model.network import folded

    run, study = references.run, references.study
    fold, part = references.plan.place_of(info)
    if fold not in references.models:
        model = read_network(fold_folder(run, fold), patch=study.settings.patch)
        references.models[fold] = model
    model, predicted = references.models[fold], references.predicted[fold]
    background = background_of_slide(references.cells, study, info, cells=cells)
    case = cases_of(references.plan.regions_of(info), info, cells.x_l0, cells.y_l0)
    pool = Grounds(
        cells=references.cells,
        table=pool_table(references.cells, predicted.part, predicted.numbers["logit"]),
        explained_cases=frozenset(case.tolist()),
        background_of_slide={},
        settings=study.settings.explain,
        seed=study.settings.study.seed,
    )
    return Subject(
        study=study,
        info=info,
        cells=cells,
        case=case,
        fold=fold,
        part=part,
        model=model,
        network=folded(model.network),
        pool=pool,
        background=background,
    )


def cells_to_explain(subject: Subject, rows: np.ndarray) -> ExplainedFold:
    """Return scored cells by their rows as cells of a fold; row 0 is the first of ``rows``.

    Raises:
        SlideError: The slide is missing, changed or damaged.
    """
    cells, pool = subject.cells, subject.pool
    patches = _patches(subject, rows)
    grounds = Grounds(
        cells=patches,
        table=pool_table(patches, np.full(len(rows), "scored"), cells.logit[rows]),
        explained_cases=pool.explained_cases,
        background_of_slide={subject.info.slide_id: subject.background},
        settings=pool.settings,
        seed=pool.seed,
        pool=pool,
    )
    return ExplainedFold(
        number=subject.fold,
        model=subject.model,
        grounds=grounds,
        held_rows=np.arange(len(rows)),
        fitted_rows=np.empty(0, dtype=np.int64),
    )


def name_of(x_l0: float, y_l0: float) -> str:
    """Return the name of a scored cell, which is its place, as commands take it.

    >>> name_of(742.0, 1638.5)
    '742:1638.5'
    """
    return ":".join(f"{at:.2f}".rstrip("0").rstrip(".") for at in (x_l0, y_l0))


def cases_of(
    regions: Sequence[Region], info: SlideInfo, x_l0: np.ndarray, y_l0: np.ndarray
) -> np.ndarray:
    """Return the case of places on a slide: of the core that they lie in, else of the slide."""
    case = np.full(len(x_l0), str(info.case_id), dtype=object)
    for region in regions:
        if region.case_id is not None:
            case[is_inside(region, x_l0, y_l0)] = str(region.case_id)
    return case.astype(str)


def _patches(subject: Subject, rows: np.ndarray) -> CellPatches:
    """Cut the patches of scored cells; their expression is what was called, no reader's word."""
    cells, info = subject.cells, subject.info
    places = zip(cells.x_l0[rows], cells.y_l0[rows], strict=True)
    labelled = tuple(
        LabelledCell(
            cell=_cell(info, float(x_l0), float(y_l0)),
            case_id=CaseId(str(case)),
            expression=_LEVELS[level],
            n_readers=0,
        )
        for (x_l0, y_l0), case, level in zip(
            places, subject.case[rows], cells.level[rows], strict=True
        )
    )
    infos = (info,) * len(rows)
    return CellPatches(
        cells=labelled,
        slide_of_cell=infos,
        patches=cut_patches(subject.study, labelled, infos),
        white=np.tile(np.array(info.white, dtype=np.float32), (len(rows), 1)),
        level=cells.level[rows],
        settings=subject.pool.cells.settings,
        stains=subject.pool.cells.stains,
    )


def _cell(info: SlideInfo, x_l0: float, y_l0: float) -> Cell:
    name = CellId(name_of(x_l0, y_l0))
    return Cell(cell_id=name, slide_id=info.slide_id, x_l0=x_l0, y_l0=y_l0)


def background_of_slide(
    known: CellPatches, study: Study, info: SlideInfo, *, cells: ScoredCells | None
) -> Background:
    """Return the background as ``explain`` has it; of a slide without labels, from a fair draw.

    Args:
        known: The labelled cells of the run.
        cells: Scored cells of the slide, of which some are drawn where none is labelled; may be
            None where some are.

    Raises:
        SlideError: The slide is missing, changed or damaged.
    """
    mine = np.flatnonzero([each.slide_id == info.slide_id for each in known.slide_of_cell])
    if len(mine):
        return background_of(known.dab(mine))
    if cells is None:
        raise ValueError(f"slide {info.slide_id}: has no labelled cells; hand in scored ones")
    number = fair_number(
        cells.x_l0.astype(np.int64),
        cells.y_l0.astype(np.int64),
        slide=str(info.slide_id),
        seed=study.settings.study.seed,
    )
    drawn = np.sort(np.argsort(number, kind="stable")[:_BACKGROUND_CELLS])
    size_px = known.settings.size_px
    boxes = [
        patch_box(
            _cell(info, float(cells.x_l0[row]), float(cells.y_l0[row])),
            size_px=size_px,
            patch_mpp=known.settings.mpp,
            slide_mpp=info.mpp,
        )
        for row in drawn
    ]
    with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
        patches = slide.read_patches(boxes, size_px=size_px, white=info.white)
    return background_of(
        np.stack([dab_density(patch, white=info.white, stains=known.stains) for patch in patches])
    )
