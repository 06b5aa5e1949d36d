"""A trained run to maps of its held-out calls, with every control of the OD validation.

Writes ``explanations.csv`` (a row a cell, network and reference), ``maps/`` (the signed maps of
the trained network), ``gallery/`` and the section ``explanation`` of ``metrics.json``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.errors import RunError
from rimlight.explain.reference_pools import PoolTable
from rimlight.io.arrays import write_arrays
from rimlight.io.files import read_json
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import Run, merge_metrics
from rimlight.io.study import Study, open_study
from rimlight.settings import Settings, settings_from_dict
from rimlight.workflows.gallery import write_gallery
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.models import read_network
from rimlight.workflows.patches import CellPatches, Progress, cell_patches, no_progress
from rimlight.workflows.run_tables import Cells, read_cells
from rimlight.workflows.train import fold_folder
from rimlight.workflows.walks import (
    BATCH_CELLS,
    REFERENCES,
    ExplainedFold,
    Grounds,
    Walked,
    control_path,
    drawn,
    path_settings,
    slide_backgrounds,
    walked,
)

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

CONTROLLED = ("opposite", "fixed_negatives", "white")
"""References that the untrained networks are explained with too."""
CHECKED_CELLS = 64
"""Cells whose finished paths are cut once more, to see how much their map still changes."""


def explain(run: Run, *, progress: Progress | None = None) -> dict[str, Any]:
    """Attribute held-out calls to pixels; return the section ``explanation`` as written.

    A simple random sample of held-out cells is explained with every reference, by the trained
    network and by untrained ones; a smaller one of validation cells serves to fit level cuts.

    Raises:
        RunError: The run was not trained, or its labels have changed since.
        StorageError: The disk refuses.
    """
    show = progress or no_progress
    study = study_of(run)
    cells = cell_patches(study, consensus_of_study(study).cells, progress=show)
    folds = explained_folds(run, study, cells)
    rows: list[dict[str, np.ndarray]] = []
    maps: dict[str, list[np.ndarray]] = {name: [] for name in REFERENCES}
    shown: list[np.ndarray] = []
    n_all, n_done = sum(_n_walked(fold, study.settings) for fold in folds), 0
    for fold in folds:
        shown.append(cells.cell_ids[fold.held_rows])
        for walk in _walks(fold, study.settings):
            rows.append(_table(fold, walk))
            n_done += len(walk.rows)
            show("explaining", n_done, n_all)
            if walk.network == "trained" and walk.part == "hold-out":
                maps[walk.reference].append(walk.found.values)
    joined = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    write_table(run.folder / "explanations.csv", joined)
    write_arrays(
        run.folder,
        "maps",
        {f"map-{name}": np.concatenate(parts) for name, parts in maps.items() if parts},
    )
    write_table(run.folder / "mapped_cells.csv", {"cell": np.concatenate(shown)})
    gallery = write_gallery(run, folds, settings=study.settings)
    section = {**_section(joined, folds), "gallery": gallery}
    merge_metrics(run, "explanation", section)
    return section


def study_of(run: Run) -> Study:
    """Return the study of a run, with the settings that the run was made with."""
    study = open_study(run.folder.parent.parent)
    record = read_json(run.folder / "run.json")
    settings = settings_from_dict(record["settings"], origin=str(run.folder / "run.json"))
    return replace(study, settings=settings)


def explained_folds(run: Run, study: Study, cells: CellPatches) -> list[ExplainedFold]:
    """Return the folds of a run with the cells that each explains.

    Raises:
        RunError: Cells or labels are not those that the run was trained on.
    """
    backgrounds = slide_backgrounds(cells)
    predicted = predicted_folds(run, cells)
    folds = []
    for number, mine in predicted.items():
        settings, seed = study.settings.explain, study.settings.study.seed
        n_held = -(-settings.n_cells // len(predicted))
        held = drawn(np.flatnonzero(mine.is_held_out), n_cells=n_held, seed=seed)
        # References are training cells, so that validation cells can be explained like held-out.
        fitted = np.flatnonzero(mine.part == "validation")
        grounds = Grounds(
            cells=cells,
            table=pool_table(cells, mine.part, mine.numbers["logit"]),
            explained_cases=frozenset(cells.case[held]),
            background_of_slide=backgrounds,
            settings=settings,
            seed=seed,
        )
        folds.append(
            ExplainedFold(
                number=number,
                model=read_network(fold_folder(run, number), patch=study.settings.patch),
                grounds=grounds,
                held_rows=held,
                fitted_rows=drawn(fitted, n_cells=max(32, n_held // 4), seed=seed),
            )
        )
    return folds


def predicted_folds(run: Run, cells: CellPatches) -> dict[int, Cells]:
    """Return what each fold of a run made of the cells, in their order.

    Raises:
        RunError: Cells or labels are not those that the run was trained on.
    """
    predicted = read_cells(run)
    row_of_cell = {cell: row for row, cell in enumerate(cells.cell_ids)}
    folds = {}
    for number in map(int, np.unique(predicted.fold)):
        mine = predicted.only(predicted.fold == number)
        place = np.array([row_of_cell.get(cell, -1) for cell in mine.cell])
        if len(mine) != len(cells.cells) or (place != np.arange(len(place))).any():
            raise RunError(f"run {run.run_id}: labels have changed since training; train again")
        folds[number] = mine
    return folds


def pool_table(cells: CellPatches, part: np.ndarray, logit: np.ndarray) -> PoolTable:
    """Return what references are chosen by, a row a cell."""
    return PoolTable(
        cell=cells.cell_ids,
        case=cells.case,
        slide=np.array([info.slide_id for info in cells.slide_of_cell]),
        scanner=np.array([info.scanner for info in cells.slide_of_cell]),
        part=part,
        level=cells.level,
        is_called_positive=logit > 0,
        logit=logit,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """A batch of cells of one part, walked by one network from one reference."""

    network: str
    reference: str
    part: str
    rows: np.ndarray
    found: Walked


def _n_walked(fold: ExplainedFold, settings: Settings) -> int:
    n_controls = settings.explain.n_random_networks * len(CONTROLLED)
    n_held, n_fitted = len(fold.held_rows), len(fold.fitted_rows)
    return n_held * (len(REFERENCES) + n_controls) + n_fitted * len(REFERENCES)


def _walks(fold: ExplainedFold, settings: Settings) -> Iterator[_Walk]:
    """Yield the maps of a fold, batch by batch."""
    from rimlight.model.network import folded

    full, checked = path_settings(settings), path_settings(settings, is_checked=True)
    coarse = control_path(settings)
    networks = {"trained": folded(fold.model.network), **untrained_networks(fold, settings)}
    for network_name, network in networks.items():
        is_trained = network_name == "trained"
        for name in REFERENCES if is_trained else CONTROLLED:
            for part, rows in (("hold-out", fold.held_rows), ("validation", fold.fitted_rows)):
                if part == "validation" and not is_trained:
                    continue
                for batch in _batches(rows):
                    is_first = part == "hold-out" and batch[0] in rows[:CHECKED_CELLS]
                    path = (checked if is_first else full) if is_trained else coarse
                    found = walked(network, fold.grounds, batch, name=name, path=path)
                    if found is not None:
                        yield _Walk(
                            network=network_name, reference=name, part=part, rows=batch, found=found
                        )


def _batches(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[at : at + BATCH_CELLS] for at in range(0, len(rows), BATCH_CELLS)]


def untrained_networks(fold: ExplainedFold, settings: Settings) -> dict[str, "PatchNetwork"]:
    """Return the untrained networks that a fold's maps are held against, by name."""
    from rimlight.model.network import folded, untrained_network
    from rimlight.model.prediction import centre, light_tensor

    cells = fold.grounds.cells
    seen = cells.patches[drawn(fold.fitted_rows, n_cells=256, seed=settings.study.seed)]
    light = light_tensor(centre(seen, size_px=cells.settings.size_px))
    return {
        f"random-{number}": folded(
            untrained_network(
                fold.model.network.settings, light, seed=settings.study.seed + 1000 + number
            )
        )
        for number in range(settings.explain.n_random_networks)
    }


def _table(fold: ExplainedFold, walk: _Walk) -> dict[str, np.ndarray]:
    """Return the rows of ``explanations.csv`` of one walk."""
    n, cells = len(walk.rows), fold.grounds.cells
    return {
        "cell": cells.cell_ids[walk.rows],
        "fold": np.full(n, fold.number),
        "part": np.full(n, walk.part),
        "network": np.full(n, walk.network),
        "reference": np.full(n, walk.reference),
        "references_right_class": _right_class_share(cells, walk.found),
        **walk.found.columns,
    }


def _right_class_share(cells: CellPatches, found: Walked) -> np.ndarray:
    """Return the share of each cell's references that the network gives the class they should have.

    A pooled cell should keep its label's side, white and a patch without DAB should be negative.
    """
    right = found.reference_responses < 0
    for index, pool in enumerate(found.reference_rows):
        if len(pool):
            right[index] = (found.reference_responses[index] > 0) == (cells.level[pool] > 0)
    return np.asarray(right.mean(axis=1))


def _section(table: dict[str, np.ndarray], folds: list[ExplainedFold]) -> dict[str, Any]:
    """Return the section ``explanation``: completeness and validity of each reference."""
    held = (table["network"] == "trained") & (table["part"] == "hold-out")
    references = {}
    for name in REFERENCES:
        mine = held & (table["reference"] == name)
        if not mine.any():
            continue
        rise, gap = np.abs(table["rise"][mine]), np.abs(table["gap"][mine])
        large = table["is_small_rise"][mine] == 0
        share = gap[large] / rise[large]
        called_positive = table["logit"][mine] > 0
        valid = table["references_right_class"][mine]
        references[name] = {
            "n_cells": int(mine.sum()),
            "converged_share": float(table["is_converged"][mine].mean()),
            "gap_share_median": float(np.median(share)) if len(share) else None,
            "gap_share_p95": float(np.quantile(share, 0.95)) if len(share) else None,
            "gap_share_maximum": float(share.max()) if len(share) else None,
            "n_small_rise": int((~large).sum()),
            "gradients_mean": float(table["n_gradients"][mine].mean()),
            "references_right_class": float(valid.mean()),
            "references_right_class_of_positive_calls": (
                float(valid[called_positive].mean()) if called_positive.any() else None
            ),
        }
    backgrounds = folds[0].grounds.background_of_slide
    return {
        "references": references,
        "n_cells": int(sum(len(fold.held_rows) for fold in folds)),
        "n_validation_cells": int(sum(len(fold.fitted_rows) for fold in folds)),
        "n_random_networks": folds[0].grounds.settings.n_random_networks,
        "background_od": {str(name): found.od for name, found in backgrounds.items()},
    }
