"""The calls of a run on cells of its held-out cases, also on those that carry no consensus.

A run trains and measures on cells whose readers agree on a side. Where readers split, there is
no label and so no call in the run. To leave those cells out would make readers agree perfectly
and the model look worse beside them, so that they are called here, once: the run keeps them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rimlight.errors import RunError
from rimlight.io.files import make_folder, read_made_from, write_json
from rimlight.io.runs import Run
from rimlight.records import CaseId, Cell, Expression, LabelledCell
from rimlight.workflows.run_tables import read_cells, table_of_step

if TYPE_CHECKING:
    from rimlight.workflows.patches import Progress


class CallsMissingError(RunError):
    """Calls that no table holds are needed, and must not be made now; n_missing: how many."""

    def __init__(self, run: Run, n_missing: int) -> None:
        super().__init__(
            f"run {run.run_id}: holds no call of {n_missing} held-out cells on which readers are "
            "split; they are made by rimlight agree STUDY --run"
        )
        self.n_missing = n_missing


def calls_of_run(
    run: Run,
    cells: Sequence[tuple[Cell, str]],
    *,
    progress: "Progress | None" = None,
    is_called_now: bool = True,
) -> tuple[np.ndarray, int]:
    """Return whether the run calls each cell positive: 1, 0, or nan where its case is not held out.

    Args:
        run: A trained run.
        cells: Cells to which a reader gave a level, with their cases.
        progress: Told about patches that are cut.
        is_called_now: Whether calls that neither the run's tables nor an earlier comparison hold
            are made; that needs the slides, and the network in this process.

    Returns:
        The calls, and how many of them are not in the run's tables.

    Raises:
        CallsMissingError: Calls are missing and must not be made.
        RunError: The run has no held-out cell, or its tables are damaged.
        SlideError: A slide is needed for a call and is missing, changed or damaged.
    """
    known = read_cells(run)
    held = known.only(known.is_held_out)
    if not len(held):
        raise RunError(f"run {run.run_id}: has no held-out cell; train with a hold-out part")
    call_of_cell = {str(c): float(call) for c, call in zip(held.cell, held.call, strict=True)}
    fold_of_case = _fold_of_held_case(run)
    beside = [
        (cell, case)
        for cell, case in cells
        if case in fold_of_case and str(cell.cell_id) not in call_of_cell
    ]
    kept = _kept(run) if beside else {}
    missing = [(cell, case) for cell, case in beside if str(cell.cell_id) not in kept]
    if missing and not is_called_now:
        raise CallsMissingError(run, len(missing))
    if missing:
        kept = kept | _called_now(run, missing, fold_of_case, progress)
        _keep(run, kept)
    call_of_cell |= {str(cell.cell_id): kept[str(cell.cell_id)] for cell, _ in beside}
    calls = [call_of_cell.get(str(cell.cell_id), np.nan) for cell, _ in cells]
    return np.array(calls, dtype=np.float64), len(beside)


def _called_now(
    run: Run,
    cells: Sequence[tuple[Cell, str]],
    fold_of_case: Mapping[str, int],
    progress: "Progress | None",
) -> dict[str, float]:
    wanted: dict[int, list[LabelledCell]] = {}
    for cell, case in cells:
        # The patch does not depend on the level; a cell needs one to be cut at all.
        asked = LabelledCell(
            cell=cell, case_id=CaseId(case), expression=Expression.NEGATIVE, n_readers=1
        )
        wanted.setdefault(fold_of_case[case], []).append(asked)
    found: dict[str, float] = {}
    for fold, asked_cells in wanted.items():
        found |= _called(run, fold, asked_cells, progress)
    return found


def _kept(run: Run) -> dict[str, float]:
    """Calls that an earlier comparison made with the same networks."""
    found = read_made_from(_path(run), _made_from(run))
    calls = {} if found is None else found.get("calls", {})
    return {str(cell): float(call) for cell, call in calls.items()}


def _keep(run: Run, calls: Mapping[str, float]) -> None:
    make_folder(_path(run).parent)
    write_json(_path(run), {"made_from": _made_from(run), "calls": dict(sorted(calls.items()))})


def _path(run: Run) -> Path:
    return run.folder / "agreement" / "held_out_calls.json"


def _made_from(run: Run) -> str:
    """Hash of what describes the networks of a run, their weights among it."""
    found = hashlib.sha256()
    for path in sorted((run.folder / "models").glob("fold-*/model.json")):
        found.update(path.parent.name.encode() + path.read_bytes())
    return found.hexdigest()


def _fold_of_held_case(run: Run) -> dict[str, int]:
    parts = table_of_step(run, "parts.csv", step="train")
    rows = zip(parts["case"], parts["fold"], parts["part"], strict=True)
    return {case: int(fold) for case, fold, part in rows if part == "hold-out"}


def _called(
    run: Run, fold: int, asked: Sequence[LabelledCell], progress: "Progress | None"
) -> Mapping[str, float]:
    import torch

    from rimlight.model.prediction import logits_of
    from rimlight.workflows.explain import study_of
    from rimlight.workflows.models import read_network
    from rimlight.workflows.patches import cell_patches, no_progress
    from rimlight.workflows.train import fold_folder

    study = study_of(run)
    torch.set_num_threads(study.settings.train.n_threads)
    patches = cell_patches(study, asked, progress=progress or no_progress)
    model = read_network(fold_folder(run, fold), patch=study.settings.patch)
    logits = logits_of(model.network, patches.patches, size_px=study.settings.patch.size_px)
    return {str(c): float(call) for c, call in zip(patches.cell_ids, logits > 0, strict=True)}
