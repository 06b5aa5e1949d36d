"""Any cell of a slide made ready to be explained by a trained run: one of its labels, or a place.

A labelled cell of the run is explained as ``explain`` and ``causes`` explain it, any other place as
``explain-slide`` does, so that a number on the screen is the number of the command line.  The
network is one that never saw the cell's case wherever the run has one; which one is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from rimlight.core.stains import dab_density
from rimlight.errors import RunError, StudyError
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.regions import current_regions
from rimlight.io.runs import Run
from rimlight.io.slides import open_slide
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import (
    Box,
    CaseId,
    Cell,
    CellId,
    Expression,
    LabelledCell,
    SlideId,
    SlideInfo,
)
from rimlight.workflows.explain import explained_folds, pool_table, study_of
from rimlight.workflows.patches import CellPatches, Progress, cell_patches, cut_patches, no_progress
from rimlight.workflows.run_tables import table_of_step
from rimlight.workflows.score_rules import part_of_cases
from rimlight.workflows.slide_cells import background_of_slide, cases_of
from rimlight.workflows.slide_maps import cells_path
from rimlight.workflows.walks import Background, ExplainedFold, Grounds, background_of

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

_SURROUNDINGS_UM = 256.0
"""Square around a cell whose pixels tell the background of a slide without any other cells."""

Part = Literal["hold-out", "validation", "train", "new"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadyRun:
    """A trained run with its labelled cells, its networks, and the slides that it may explain.

    fold_of_row: of each labelled cell the fold that explains it. backgrounds: DAB of slides
    without labelled cells, as they are first asked for.
    """

    run: Run
    study: Study
    cells: CellPatches
    folds: Mapping[int, ExplainedFold]
    networks: Mapping[int, "PatchNetwork"]
    fold_of_row: np.ndarray
    row_of_cell: Mapping[CellId, int]
    parts: Mapping[str, Mapping[int, str]]
    backgrounds: dict[SlideId, Background] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """One cell ready to be explained: a row of a fold, and the network that explains it.

    part: of its case in that fold; ``new`` for a case without labels in the run.
    is_known: it is a labelled cell of the run.
    """

    fold: ExplainedFold
    row: int
    network: "PatchNetwork"
    part: Part
    is_known: bool

    @property
    def cell(self) -> Cell:
        """The cell and where it lies."""
        return self.fold.grounds.cells.cells[self.row].cell

    @property
    def info(self) -> SlideInfo:
        """Its slide."""
        return self.fold.grounds.cells.slide_of_cell[self.row]

    @property
    def logit(self) -> float:
        """What the network says of it."""
        return float(self.fold.grounds.table.logit[self.row])

    @property
    def rows(self) -> np.ndarray:
        """Its row, as functions of many cells take it."""
        return np.array([self.row])

    @property
    def alone(self) -> CellPatches:
        """The cell as the only one."""
        cells, at = self.fold.grounds.cells, slice(self.row, self.row + 1)
        return replace(
            cells,
            cells=cells.cells[at],
            slide_of_cell=cells.slide_of_cell[at],
            patches=cells.patches[at],
            white=cells.white[at],
            level=cells.level[at],
        )


def ready_run(run: Run, *, progress: Progress = no_progress) -> ReadyRun:
    """Return a trained run ready to explain cells, also when labels were added since.

    Raises:
        RunError: The run was not trained, or a slide of its cells is not in the study any more.
        ModelError: A network cannot be read.
        SlideError: A slide with labelled cells is missing, changed or damaged.
    """
    from rimlight.model.network import folded

    study = study_of(run)
    labelled, held_in = cells_of_run(run, study)
    cells = cell_patches(study, labelled, progress=progress)
    folds = {fold.number: fold for fold in explained_folds(run, study, cells)}
    parts = part_of_cases(run)
    return ReadyRun(
        run=run,
        study=study,
        cells=cells,
        folds=folds,
        networks={number: folded(fold.model.network) for number, fold in folds.items()},
        fold_of_row=np.array(
            [_fold_of(parts.get(str(c.case_id), {}), held_in.get(c.cell.cell_id), folds)
             for c in cells.cells]
        ),
        row_of_cell={CellId(str(cell)): row for row, cell in enumerate(cells.cell_ids)},
        parts=parts,
    )  # fmt: skip


def placed(cells: ReadyRun, asked: Cell) -> Placed:
    """Return a cell ready to be explained: a labelled one of the run by its id, else its place.

    Raises:
        StudyError: The slide is not in the study, or the place lies outside of it.
        SlideError: The slide is missing, changed or damaged.
    """
    row = cells.row_of_cell.get(asked.cell_id, -1)
    if row >= 0 and cells.cells.cells[row].cell.slide_id == asked.slide_id:
        fold = cells.folds[int(cells.fold_of_row[row])]
        return Placed(
            fold=fold,
            row=row,
            network=cells.networks[fold.number],
            part=_part(str(fold.grounds.table.part[row])),
            is_known=True,
        )
    return _at_place(cells, asked)


def _at_place(cells: ReadyRun, asked: Cell) -> Placed:
    from rimlight.model.prediction import logits_of

    info = next((i for i in slides(cells.study.engine) if i.slide_id == asked.slide_id), None)
    if info is None:
        raise StudyError(f"slide {asked.slide_id!r}: is not in this study; name one that is")
    if not (0 <= asked.x_l0 < info.width_l0 and 0 <= asked.y_l0 < info.height_l0):
        raise StudyError(
            f"slide {info.slide_id}: {asked.x_l0:g}, {asked.y_l0:g} lies outside of it; name a "
            f"place within {info.width_l0} x {info.height_l0} pixels"
        )
    number = _fold_of(cells.parts.get(str(info.case_id), {}), None, cells.folds)
    network, pool = cells.networks[number], cells.folds[number].grounds
    patches = _patches(cells, info, asked)
    logit = logits_of(network, patches.patches, size_px=patches.settings.size_px)
    patches = replace(patches, level=(logit > 0).astype(int))
    grounds = Grounds(
        cells=patches,
        table=pool_table(patches, np.array(["asked"]), logit),
        explained_cases=pool.explained_cases | frozenset(patches.case.tolist()),
        background_of_slide={info.slide_id: _background(cells, info, patches)},
        settings=pool.settings,
        seed=pool.seed,
        pool=pool,
    )
    fold = ExplainedFold(
        number=number,
        model=cells.folds[number].model,
        grounds=grounds,
        held_rows=np.array([0]),
        fitted_rows=np.empty(0, dtype=np.int64),
    )
    part = cells.parts.get(str(patches.case[0]), {}).get(number, "new")
    return Placed(fold=fold, row=0, network=network, part=_part(part), is_known=False)


def model_words(asked: Placed, *, run_id: str, n_folds: int) -> str:
    """Return which network explains a cell, and whether it was trained on the cell's case."""
    which = (
        f"run {run_id}" if n_folds == 1 else f"run {run_id}, network of fold {asked.fold.number}"
    )
    said = {
        "hold-out": "never saw this case",
        "new": "never saw this case",
        "validation": "was stopped by this case, not trained on it",
        "train": "was trained on this case, so it may know its cells by heart",
    }
    return f"{which}; it {said[asked.part]}"


def cells_of_run(run: Run, study: Study) -> tuple[list[LabelledCell], dict[CellId, int]]:
    """The cells that the run was trained with, and the fold that held each out, if one did."""
    table = table_of_step(run, "cells.csv", step="train")
    known = {str(info.slide_id) for info in slides(study.engine)}
    gone = sorted(set(table["slide"]) - known)
    if gone:
        raise RunError(
            f"run {run.run_id}: slide {gone[0]} of its cells is not in the study any more; "
            "add the slide again"
        )
    columns = (table[n] for n in ("cell", "slide", "case", "expression", "x_l0", "y_l0", "fold"))
    labelled, held_in = [], {}
    for name, slide, case, expression, x_l0, y_l0, fold in zip(*columns, strict=True):
        cell = Cell(
            cell_id=CellId(name), slide_id=SlideId(slide), x_l0=float(x_l0), y_l0=float(y_l0)
        )
        labelled.append(
            LabelledCell(
                cell=cell, case_id=CaseId(case), expression=Expression(expression), n_readers=0
            )
        )
        if fold:
            held_in[cell.cell_id] = int(fold)
    return labelled, held_in


def _fold_of(
    part_of_fold: Mapping[int, str], held_in: int | None, folds: Mapping[int, ExplainedFold]
) -> int:
    """The fold whose network explains a cell: one that held its case out, else the first."""
    if held_in is not None and held_in in folds:
        return held_in
    known = {fold: part for fold, part in part_of_fold.items() if fold in folds}
    for fold, part in known.items():
        if part == "hold-out":
            return fold
    return min(known) if known else min(folds)


def _part(name: str) -> Part:
    parts: dict[str, Part] = {"hold-out": "hold-out", "validation": "validation", "train": "train"}
    return parts.get(name, "new")


def _patches(cells: ReadyRun, info: SlideInfo, asked: Cell) -> CellPatches:
    every = current_regions(cells.study.engine)
    regions = [region for region in every if region.slide_id == info.slide_id]
    case = cases_of(regions, info, np.array([asked.x_l0]), np.array([asked.y_l0]))[0]
    labelled = (
        LabelledCell(
            cell=asked, case_id=CaseId(str(case)), expression=Expression.NEGATIVE, n_readers=0
        ),
    )
    return CellPatches(
        cells=labelled,
        slide_of_cell=(info,),
        patches=cut_patches(cells.study, labelled, (info,)),
        white=np.array([info.white], dtype=np.float32),
        level=np.zeros(1, dtype=int),
        settings=cells.cells.settings,
        stains=cells.cells.stains,
    )


def _background(cells: ReadyRun, info: SlideInfo, patches: CellPatches) -> Background:
    """The background of a slide: of its labelled cells, its scored cells, or around the cell."""
    if info.slide_id not in cells.backgrounds:
        is_labelled = any(each.slide_id == info.slide_id for each in cells.cells.slide_of_cell)
        path = cells_path(cells.run, info)
        if is_labelled or path.is_file():
            scored = read_scored_cells(path) if not is_labelled else None
            cells.backgrounds[info.slide_id] = background_of_slide(
                cells.cells, cells.study, info, cells=scored
            )
        else:
            return _background_around(cells.study, info, patches)
    return cells.backgrounds[info.slide_id]


def _background_around(study: Study, info: SlideInfo, patches: CellPatches) -> Background:
    cell, mpp = patches.cells[0].cell, patches.settings.mpp
    side_l0 = _SURROUNDINGS_UM / info.mpp
    box = Box(
        left_l0=cell.x_l0 - side_l0 / 2,
        top_l0=cell.y_l0 - side_l0 / 2,
        width_l0=side_l0,
        height_l0=side_l0,
    )
    with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
        light = slide.read_patch(box, size_px=round(_SURROUNDINGS_UM / mpp), white=info.white)
    return background_of(dab_density(light, white=info.white, stains=patches.stains))
