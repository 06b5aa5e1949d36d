"""The rules of a fold, fitted once and kept in the run folder for every process that scores."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from rimlight.core.score_intervals import CaseErrors
from rimlight.core.stains import stain_matrix
from rimlight.core.tumour_cells import OtherRule
from rimlight.errors import ModelError, StudyError
from rimlight.io.checkpoints import weights_hash
from rimlight.io.files import inside, make_folder, read_json, write_json
from rimlight.io.runs import Run
from rimlight.io.study import Study
from rimlight.workflows.models import read_network
from rimlight.workflows.score_levels import levels_as_dict, levels_from_dict
from rimlight.workflows.score_rules import Rules, rules_of
from rimlight.workflows.train import fold_folder
from rimlight.workflows.tumour_decision import (
    TumourNetwork,
    read_tumour_network,
    tumour_folder,
)


def kept_rules(run: Run, study: Study, *, fold: int, made_from: str) -> Rules:
    """Return the rules of a fold, as kept if they were made from the same, else fitted and kept.

    Args:
        run: Trained.
        study: With the settings that the run was made with.
        fold: Its number.
        made_from: Text that names all they stand on.

    Raises:
        RunError, ModelError: As fitting them does.
        StorageError: The disk refuses.
    """
    folder = run.folder / "jobs" / "rules"
    path = inside(folder, f"fold-{fold}.json")
    try:
        stored = read_json(path)
        if stored["made_from"] == made_from and not stored["n_unread_slides"]:
            return _rules(run, study, fold, stored)
    except (StudyError, ModelError, KeyError, TypeError, ValueError):
        pass  # absent, damaged or of an older rimlight: made anew
    rules = rules_of(run, study, fold=fold)
    make_folder(folder, parents=True)
    write_json(path, {"made_from": made_from, **_stored(rules)})
    return rules


def _stored(rules: Rules) -> dict[str, Any]:
    return {
        "levels": None if rules.levels is None else levels_as_dict(rules.levels),
        "others": _stored_others(rules.others),
        "error_cases": rules.error_cases.tolist(),
        "errors": rules.errors.n_cells.tolist(),
        "n_classes": rules.errors.n_cells.shape[1],
        "h_differences": [None if np.isnan(x) else x for x in rules.h_differences.tolist()],
        "n_other_labels": rules.n_other_labels,
        "n_unread_slides": rules.n_unread_slides,
    }


def _stored_others(others: OtherRule | TumourNetwork | None) -> dict[str, Any] | None:
    if others is None:
        return None
    if isinstance(others, TumourNetwork):
        return {"network": others.weights}
    return {**asdict(others), "weights": others.weights.tolist()}


def _rules(run: Run, study: Study, fold: int, stored: Mapping[str, Any]) -> Rules:
    from rimlight.model.network import folded

    folder = fold_folder(run, fold)
    model = read_network(folder, patch=study.settings.patch)
    n_classes = stored["n_classes"]
    return Rules(
        fold=fold,
        network=folded(model.network),
        temperature=model.temperature,
        weights=weights_hash(folder),
        patch=study.settings.patch,
        stains=stain_matrix(study.settings.stain),
        levels=None if stored["levels"] is None else levels_from_dict(stored["levels"]),
        others=_others(run, fold, stored["others"]),
        error_cases=np.array(stored["error_cases"], dtype=str),
        errors=CaseErrors(
            n_cells=np.array(stored["errors"], dtype=np.int64).reshape(-1, n_classes, n_classes)
        ),
        h_differences=np.array(
            [np.nan if x is None else x for x in stored["h_differences"]], dtype=np.float64
        ),
        n_other_labels=stored["n_other_labels"],
        n_unread_slides=stored["n_unread_slides"],
    )


def _others(
    run: Run, fold: int, stored: Mapping[str, Any] | None
) -> OtherRule | TumourNetwork | None:
    if stored is None:
        return None
    if "network" in stored:
        found = read_tumour_network(tumour_folder(run, fold))
        if found.weights != stored["network"]:
            raise ValueError(f"{found.weights} is not the network that the rules were made with")
        return found
    return OtherRule(**{**stored, "weights": np.array(stored["weights"], dtype=np.float64)})
