"""Patches and labels to one trained network a fold, and every fold's predictions.

Writes into the run: ``cells.csv``, ``parts.csv``, ``models/fold-N/``, ``training.csv``,
``predictions.csv``, and the sections ``study``, ``split`` and ``training`` of ``metrics.json``.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, fields
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.core.splits import CaseSplit, Fold
from rimlight.core.surrounds import feathered, kept_parts
from rimlight.errors import RunError, SettingsError
from rimlight.io.checkpoints import read_state, weights_hash, write_state
from rimlight.io.files import read_json
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.journal import current_labels
from rimlight.io.runs import Run, create_run, merge_metrics, open_run, read_metrics
from rimlight.io.study import Study
from rimlight.settings import settings_from_dict
from rimlight.workflows.label import Consensus, consensus_of_study
from rimlight.workflows.models import read_network, write_network
from rimlight.workflows.parts import Division, divided, part_of_cell, split_facts
from rimlight.workflows.patches import CellPatches, Progress, cell_patches, no_progress
from rimlight.workflows.rivals import best_ring_densities, rival_densities
from rimlight.workflows.round_answers import cells_of_rounds

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork
    from rimlight.model.training import FitSettings, PatchSet, TrainingState

STATE = "state.safetensors"


def train(
    study: Study, *, command: str, resume: bool = False, progress: Progress | None = None
) -> Run:
    """Train the study's classifier; return the run.

    Args:
        study: With the settings that hold for this run.
        command: The command line, kept in ``run.json``.
        resume: Go on with the latest run instead of making one; a finished one is returned as is.
        progress: Told what is done, how much of it, and of how much.

    Raises:
        NotEnoughDataError, SplitError: The cells cannot be divided by case.
        SlideError: A slide is missing, changed or damaged.
        RunError: The run to go on with was made with other settings or other labels.
    """
    show = progress or no_progress
    run = _resumed(study) if resume else None
    if run is not None and "training" in read_metrics(run):
        return run
    found = consensus_of_study(study)
    cells = cell_patches(study, found.cells, progress=show)
    division = divided(study, cells)
    split = division.split
    if run is None:
        run = create_run(study, command=command)
        _write_cells(run, cells, division)
        merge_metrics(run, "study", study_facts(study, found, cells))
        merge_metrics(run, "split", split_facts(study, cells, division))
    else:
        _refuse_other_cells(run, cells, split)
    use_threads(study.settings.train.n_threads)
    for number in range(len(split.folds)):
        _train_fold(study, run, cells, number=number, fold=split.folds[number], show=show)
    merge_metrics(run, "training", _write_results(study, run, cells, split))
    return run


def _resumed(study: Study) -> Run:
    run = open_run(study)
    record = read_json(run.folder / "run.json")
    origin = str(run.folder / "run.json")
    # A run of an earlier version lacks settings that were added since: they have their defaults.
    made_with = settings_from_dict(record["settings"], origin=origin)
    if made_with != study.settings:
        raise RunError(
            f"run {run.run_id}: was made with other settings than the study has now; "
            "train without --resume to start a new run"
        )
    return run


def use_threads(n_threads: int) -> None:
    """Compute on so many threads; digits do not depend on it."""
    import torch

    # Nothing else is needed for the same numbers on the CPU: a test proves it.
    torch.set_num_threads(n_threads)


def _write_cells(run: Run, cells: CellPatches, division: Division) -> None:
    held_in = np.full(len(cells.cells), -1)
    for number, fold in enumerate(division.split.folds):
        held_in[part_of_cell(cells, fold) == "hold-out"] = number
    write_table(
        run.folder / "cells.csv",
        {
            "cell": cells.cell_ids,
            "slide": [cell.cell.slide_id for cell in cells.cells],
            "case": cells.case,
            "assay": [info.assay for info in cells.slide_of_cell],
            "scanner": [info.scanner for info in cells.slide_of_cell],
            "x_l0": [cell.cell.x_l0 for cell in cells.cells],
            "y_l0": [cell.cell.y_l0 for cell in cells.cells],
            "expression": [cell.expression.value for cell in cells.cells],
            "level": cells.level,
            "fold": [number if number >= 0 else None for number in held_in],
        },
    )
    locked = {} if division.lock is None else division.lock.part_of_case
    rows = [
        (number, case, part, int(case in locked))
        for number, fold in enumerate(division.split.folds)
        for case, part in fold.part_of_case.items()
    ]
    names = ("fold", "case", "part", "is_locked")
    write_table(run.folder / "parts.csv", dict(zip(names, zip(*rows, strict=True), strict=True)))


def _refuse_other_cells(run: Run, cells: CellPatches, split: CaseSplit) -> None:
    known = read_table(run.folder / "cells.csv")
    rows = list(zip(known["cell"], known["expression"], strict=True))
    now = [(str(cell.cell.cell_id), cell.expression.value) for cell in cells.cells]
    parts = read_table(run.folder / "parts.csv")
    sides = [item for fold in split.folds for item in fold.part_of_case.items()]
    if rows != now or list(zip(parts["case"], parts["part"], strict=True)) != sides:
        raise RunError(
            f"run {run.run_id}: labels or parts of cases have changed since it began; "
            "train without --resume to start a new run"
        )


def _train_fold(
    study: Study, run: Run, cells: CellPatches, *, number: int, fold: Fold, show: Progress
) -> None:
    from rimlight.model.prediction import fitted_temperature, logits_of
    from rimlight.model.training import LEAST_VALIDATION, fit

    folder = fold_folder(run, number)
    if (folder / "model.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    part = part_of_cell(cells, fold)
    settings = fit_settings(study, number)
    train = _training_set(study, cells, part)
    validation = patch_set(cells, part == "validation")
    state, records = _read_progress(folder)
    network = _new_network(study, number)
    title = f"training fold {number + 1}" if number else "training"
    epochs = fit(network, train, validation, stains=cells.stains, settings=settings, state=state)
    for record, after in epochs:
        records.append({"fold": number, **asdict(record)})
        _write_progress(folder, after, records)
        show(title, record.epoch + 1, settings.n_epochs)
    logits = logits_of(network, validation.patches, size_px=study.settings.patch.size_px)
    facts = {
        "temperature": (
            fitted_temperature(logits, validation.is_positive)
            if len(validation) >= LEAST_VALIDATION
            else 1.0
        ),
        "run_id": str(run.run_id),
        "seed": settings.seed,
        "n_train": int((part == "train").sum()),
        "n_validation": len(validation),
        "n_train_cases": len(fold.train),
        "n_validation_cases": len(fold.validation),
        "synthetic": "yes" if is_synthetic(cells) else "no",
    }
    write_table(folder / "training.csv", _columns(records))
    write_network(folder, network, patch=study.settings.patch, facts=facts)
    (folder / STATE).unlink(missing_ok=True)


def _training_set(study: Study, cells: CellPatches, part: np.ndarray) -> "PatchSet":
    chosen = study.settings.train
    asked = cells_of_rounds(study)
    rows = training_rows(cells.cell_ids, part, asked=asked, share=chosen.round_share)
    return patch_set(cells, rows, has_swaps=chosen.surround_swap > 0)


def training_rows(
    cell_ids: np.ndarray, part: np.ndarray, *, asked: Collection[str], share: float
) -> np.ndarray:
    """Return the rows that training goes through in an epoch; cells of rounds may stand repeatedly.

    Args:
        part: Part of each cell; only ``train`` is trained on.
        asked: Cells that rounds asked for.
        share: Of all rows, at least what these make up, by whole repeats; 0: every cell once.

    Raises:
        SettingsError: A share outside 0..1, or 1 itself.
    """
    if not 0 <= share < 1:
        raise SettingsError(
            f"train.round_share: must be 0 or more and below 1, got {share}; change study.toml"
        )
    rows = np.flatnonzero(part == "train")
    is_asked = np.isin(cell_ids[rows], list(asked))
    n_asked = int(is_asked.sum())
    if not share or not n_asked:
        return rows
    n_times = max(1, ceil(share / (1 - share) * (len(rows) - n_asked) / n_asked))
    return np.concatenate([rows[~is_asked], np.repeat(rows[is_asked], n_times)])


def fold_folder(run: Run, number: int) -> Path:
    """Return the model folder of a fold."""
    return run.folder / "models" / f"fold-{number}"


def is_synthetic(cells: CellPatches) -> bool:
    """Return whether any slide is synthetic, by its assay."""
    return any(info.assay.startswith("synthetic") for info in cells.slide_of_cell)


def _new_network(study: Study, number: int) -> "PatchNetwork":
    from rimlight.model.network import NetworkSettings, new_network

    settings = study.settings
    if settings.train.initial:
        return read_network(Path(settings.train.initial), patch=settings.patch).network
    made = NetworkSettings(size_px=settings.patch.size_px, width=settings.train.width)
    return new_network(made, seed=settings.study.seed + number)


def patch_set(cells: CellPatches, chosen: np.ndarray, *, has_swaps: bool = False) -> "PatchSet":
    """Return what a network is fitted on: some cells, by mask or rows.

    Args:
        has_swaps: Also say what each cell keeps when its surround is swapped, and its scanner.
    """
    from rimlight.model.training import PatchSet

    rows = np.arange(len(cells.cells))[chosen]
    weight = group = None
    if has_swaps:
        mpp, stains = cells.settings.mpp, cells.stains
        kept = kept_parts(cells.patches[rows], mpp=mpp, stains=stains, whites=cells.white[rows])
        weight = np.rint(255 * feathered(kept, mpp=mpp)).astype(np.uint8)
        group = np.array([cells.slide_of_cell[row].scanner for row in rows])
    return PatchSet(
        patches=cells.patches[rows],
        is_positive=cells.level[rows] > 0,
        white=cells.white[rows],
        own_weight=weight,
        group=group,
    )


def fit_settings(study: Study, number: int) -> "FitSettings":
    """Return how the network of a fold is fitted, lengths turned into patch pixels."""
    from rimlight.model.augmentation import AugmentationSettings
    from rimlight.model.training import FitSettings

    patch, train = study.settings.patch, study.settings.train
    if not 0 <= train.surround_swap <= 1:
        raise SettingsError(
            f"train.surround_swap: must lie in 0..1, got {train.surround_swap}; change study.toml"
        )
    return FitSettings(
        n_epochs=train.n_epochs,
        least_steps=train.least_steps,
        patience=train.patience,
        batch_size=train.batch_size,
        learning_rate=train.learning_rate,
        weight_decay=train.weight_decay,
        seed=study.settings.study.seed + number,
        augmentation=AugmentationSettings(
            size_px=patch.size_px,
            shift_px=train.shift_um / patch.mpp,
            stain_share=train.stain_jitter,
            white_od=train.white_jitter,
            blur_px=train.blur_um / patch.mpp,
            jpeg_share=train.jpeg_share,
            swap_share=train.surround_swap,
        ),
    )


def _write_progress(folder: Path, state: "TrainingState", records: list[dict[str, Any]]) -> None:
    numbers = {
        "n_epochs_done": state.n_epochs_done,
        "best_epoch": state.best_epoch,
        "best_loss": state.best_loss,
        "records": records,
    }
    write_state(folder / STATE, state.arrays, numbers=numbers)


def _read_progress(folder: Path) -> tuple["TrainingState | None", list[dict[str, Any]]]:
    from rimlight.model.training import TrainingState

    if not (folder / STATE).is_file():
        return None, []
    arrays, numbers = read_state(folder / STATE)
    records = numbers.pop("records")
    return TrainingState(arrays=arrays, **numbers), records


def _columns(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    from rimlight.model.training import EpochRecord

    names = ("fold", *(field.name for field in fields(EpochRecord)))
    return {name: [record[name] for record in records] for name in names}


def _write_results(study: Study, run: Run, cells: CellPatches, split: CaseSplit) -> dict[str, Any]:
    """Predict every cell with every fold's network; return the section ``training``."""
    from rimlight.model.network import n_multiplications
    from rimlight.model.prediction import logits_of, probability

    rivals = rival_densities(cells, study.settings.evaluate)
    tables, folds = [], []
    for number, fold in enumerate(split.folds):
        folder = fold_folder(run, number)
        model = read_network(folder, patch=study.settings.patch)
        part = part_of_cell(cells, fold)
        logits = logits_of(model.network, cells.patches, size_px=study.settings.patch.size_px)
        ring, od_best_ring = best_ring_densities(cells, np.isin(part, ("train", "validation")))
        tables.append(
            {
                "cell": cells.cell_ids,
                "fold": np.full(len(part), number),
                "part": part,
                "logit": logits,
                "probability": probability(logits, temperature=model.temperature),
                "call": (logits > 0).astype(int),
                **rivals,
                "od_best_ring": od_best_ring,
            }
        )
        history = read_table(folder / "training.csv")
        best = history["is_best"][::-1].index("1")
        folds.append(
            {
                "n_epochs": len(history["epoch"]),
                "best_epoch": len(history["epoch"]) - 1 - best,
                "temperature": model.temperature,
                "weights": weights_hash(folder),
                "best_ring_um": [ring.inner_um, ring.outer_um],
                "n_parameters": model.manifest["architecture"]["n_parameters"],
                "n_multiplications": n_multiplications(model.network),
            }
        )
    joined = {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
    write_table(run.folder / "predictions.csv", joined)
    _write_history(run, len(split.folds))
    return {"folds": folds}


def _write_history(run: Run, n_folds: int) -> None:
    parts = [read_table(fold_folder(run, number) / "training.csv") for number in range(n_folds)]
    joined = {name: [value for part in parts for value in part[name]] for name in parts[0]}
    write_table(run.folder / "training.csv", joined)


def study_facts(study: Study, found: Consensus, cells: CellPatches) -> dict[str, Any]:
    """Return the section ``study``: what went in, in numbers."""
    slides = dict.fromkeys(cells.slide_of_cell)
    return {
        "name": study.settings.study.name,
        "is_synthetic": is_synthetic(cells),
        "n_cases": len(set(cells.case)),
        "n_slides": len(slides),
        "n_cells": len(cells.cells),
        "levels": {
            name: int(count)
            for name, count in zip(
                ("negative", "weak", "moderate", "strong"),
                np.bincount(cells.level, minlength=4),
                strict=True,
            )
        },
        "n_other": len(found.others),
        "n_disputed": len(found.disputed),
        "n_readers": len({label.reader for label in current_labels(study.engine)}),
        "assays": dict(Counter(info.assay for info in slides)),
        "scanners": dict(Counter(info.scanner for info in slides)),
        "patch_px": study.settings.patch.size_px,
        "mpp": study.settings.patch.mpp,
        "stains": cells.stains.fingerprint,
    }
