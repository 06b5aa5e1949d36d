"""The calls of a run on cells of its held-out cases, also on those that carry no consensus.

A run trains and measures on cells whose readers agree on a side. Where readers split, there is
no label and so no call in the run. To leave those cells out would make readers agree perfectly
and the model look worse beside them, so that they are called here.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from rimlight.errors import RunError
from rimlight.io.runs import Run
from rimlight.records import CaseId, Cell, Expression, LabelledCell
from rimlight.workflows.explain import study_of
from rimlight.workflows.models import read_network
from rimlight.workflows.patches import Progress, cell_patches, no_progress
from rimlight.workflows.run_tables import read_cells, table_of_step
from rimlight.workflows.train import fold_folder


def calls_of_run(
    run: Run,
    cells: Sequence[tuple[Cell, str]],
    *,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, int]:
    """Return whether the run calls each cell positive: 1, 0, or nan where its case is not held out.

    Args:
        run: A trained run.
        cells: Cells to which a reader gave a level, with their cases.
        progress: Told about patches that are cut.

    Returns:
        The calls, and how many of them were made now because the run holds none.

    Raises:
        RunError: The run has no held-out cell, or its tables are damaged.
        SlideError: A slide is needed for a call and is missing, changed or damaged.
    """
    known = read_cells(run)
    held = known.only(known.is_held_out)
    if not len(held):
        raise RunError(f"run {run.run_id}: has no held-out cell; train with a hold-out part")
    call_of_cell = {str(c): float(call) for c, call in zip(held.cell, held.call, strict=True)}
    fold_of_case = _fold_of_held_case(run)
    wanted: dict[int, list[LabelledCell]] = {}
    for cell, case in cells:
        if case in fold_of_case and str(cell.cell_id) not in call_of_cell:
            # The patch does not depend on the level; a cell needs one to be cut at all.
            asked = LabelledCell(
                cell=cell, case_id=CaseId(case), expression=Expression.NEGATIVE, n_readers=1
            )
            wanted.setdefault(fold_of_case[case], []).append(asked)
    for fold, asked_cells in wanted.items():
        call_of_cell |= _called(run, fold, asked_cells, progress)
    calls = [call_of_cell.get(str(cell.cell_id), np.nan) for cell, _ in cells]
    return np.array(calls, dtype=np.float64), sum(len(asked) for asked in wanted.values())


def _fold_of_held_case(run: Run) -> dict[str, int]:
    parts = table_of_step(run, "parts.csv", step="train")
    rows = zip(parts["case"], parts["fold"], parts["part"], strict=True)
    return {case: int(fold) for case, fold, part in rows if part == "hold-out"}


def _called(
    run: Run, fold: int, asked: Sequence[LabelledCell], progress: Progress
) -> Mapping[str, float]:
    import torch

    from rimlight.model.prediction import logits_of

    study = study_of(run)
    torch.set_num_threads(study.settings.train.n_threads)
    patches = cell_patches(study, asked, progress=progress)
    model = read_network(fold_folder(run, fold), patch=study.settings.patch)
    logits = logits_of(model.network, patches.patches, size_px=study.settings.patch.size_px)
    return {str(c): float(call) for c, call in zip(patches.cell_ids, logits > 0, strict=True)}
