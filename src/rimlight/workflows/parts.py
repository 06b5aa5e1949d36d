"""Which case trains, stops the training, or is held out; locked once a round was drawn.

A round is steered by what a run got wrong. So that before and after can be compared on the same
cells, and that no held-out cell ever steers or trains, the held-out and validation cases of the
run that the latest round was drawn from keep their part in every later training by ``hold-out``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlight.core.leaks import near_duplicates
from rimlight.core.splits import CaseSplit, Fold, check_split, split_cases
from rimlight.errors import SplitError, StudyError
from rimlight.io.formats.tables import read_table
from rimlight.io.rounds import rounds
from rimlight.io.study import Study
from rimlight.records import CaseId, Round
from rimlight.workflows.patches import CellPatches

LOCKED_PARTS = ("hold-out", "validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The parts that a round keeps, and the round and run that they come from."""

    round_id: int
    run_id: str
    part_of_case: Mapping[CaseId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The split of a training; ``lock`` is None where no round or another method decides."""

    split: CaseSplit
    lock: Lock | None


def divided(study: Study, cells: CellPatches) -> Division:
    """Return the split that the study's settings and rounds ask for, checked for leaks.

    Raises:
        NotEnoughDataError: Too few cases or cells of a class.
        SplitError: A split that is unusable, or tissue that stands on two sides.
    """
    lock = lock_of(study) if study.settings.split.method == "hold-out" else None
    scanner_of_case = {
        cell.case_id: info.scanner
        for cell, info in zip(cells.cells, cells.slide_of_cell, strict=True)
    }
    split = split_cases(
        cells.cells,
        study.settings.split,
        seed=study.settings.study.seed,
        group_of_case=scanner_of_case,
        given=_given(study),
        locked={} if lock is None else lock.part_of_case,
    )
    check_split(split, slides=dict.fromkeys(cells.slide_of_cell))
    _refuse_leaks(cells, split)
    return Division(split=split, lock=lock)


def lock_of(study: Study) -> Lock | None:
    """Return what the latest round locks; None before the first.

    Raises:
        StudyError: The round does not say which cases were held out.
    """
    known = rounds(study.engine)
    if not known:
        return None
    latest = known[-1]
    return Lock(
        round_id=latest.round_id,
        run_id=str(latest.run_id),
        part_of_case=_locked_parts(latest, study),
    )


def part_of_cell(cells: CellPatches, fold: Fold) -> np.ndarray:
    """Return the part of each cell's case, ``unused`` where it has none."""
    part_of_case = fold.part_of_case
    return np.array([part_of_case.get(cell.case_id, "unused") for cell in cells.cells])


def split_facts(study: Study, cells: CellPatches, division: Division) -> dict[str, Any]:
    """Return the section ``split`` of metrics.json."""
    folds = []
    for fold in division.split.folds:
        part = part_of_cell(cells, fold)
        sides = zip(("train", "validation", "hold-out"), _sides(fold), strict=True)
        folds.append(
            {
                name: {
                    "n_cases": len(cases),
                    "n_cells": int((part == name).sum()),
                    "n_positive": int((cells.level[part == name] > 0).sum()),
                }
                for name, cases in sides
            }
        )
    found: dict[str, Any] = {"method": study.settings.split.method, "folds": folds}
    if division.lock is not None:
        kept = division.split.folds[0].part_of_case.keys() & division.lock.part_of_case.keys()
        found["lock"] = {
            "round": division.lock.round_id,
            "run": division.lock.run_id,
            "n_cases": len(kept),
        }
    return found


def _sides(fold: Fold) -> tuple[frozenset[CaseId], ...]:
    return fold.train, fold.validation, fold.hold_out


def _given(study: Study) -> list[tuple[str, str]]:
    settings = study.settings.split
    if settings.method != "given":
        return []
    table = read_table(study.folder / settings.file, refusal=SplitError)
    if "case" not in table or "part" not in table:
        raise SplitError(f"{settings.file}: needs the columns case and part; add them")
    return list(zip(table["case"], table["part"], strict=True))


def _locked_parts(latest: Round, study: Study) -> dict[CaseId, str]:
    try:
        said = json.loads(latest.settings)
        return {CaseId(str(case)): part for part in LOCKED_PARTS for case in said[part]}
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{study.folder}: round {latest.round_id} does not say which cases were held out; "
            "restore the study from a backup"
        ) from error


def _refuse_leaks(cells: CellPatches, split: CaseSplit) -> None:
    """Do nothing unless one piece of tissue stands on two sides under two case names."""
    side = cells.case if len(split.folds) > 1 else part_of_cell(cells, split.folds[0])
    found = near_duplicates(cells.patches, cells.case, side)
    if found:
        pair = found[0]
        raise SplitError(
            f"cells {cells.cell_ids[pair.first]} of case {cells.case[pair.first]} and "
            f"{cells.cell_ids[pair.second]} of case {cells.case[pair.second]} show the same tissue"
            f" ({len(found)} such pairs); give both slides one case, so that it stays on one side"
        )
