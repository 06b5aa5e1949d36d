"""What the score of a slide stands on, fitted and measured on the labelled cells of a run.

Levels and what tells other cells are fitted on training and validation cases; their errors are
counted on held-out ones. Nothing here sees a slide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.measurement import Ring
from rimlight.core.score_intervals import CaseErrors, case_errors
from rimlight.core.stains import StainMatrix, dab_density, stain_matrix
from rimlight.core.tumour_cells import (
    LEAST_CASES,
    LEAST_OTHERS,
    OtherRule,
    other_rule,
    ring_profiles,
)
from rimlight.core.zones import ring
from rimlight.io.checkpoints import weights_hash
from rimlight.io.runs import Run, read_metrics
from rimlight.io.study import Study
from rimlight.settings import PatchSettings
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.models import read_network
from rimlight.workflows.run_tables import read_cells, table_of_step
from rimlight.workflows.score_examples import NEGATIVE, OTHER, POSITIVE, Examples, examples_of
from rimlight.workflows.score_levels import LevelCells, Levels, fitted_levels
from rimlight.workflows.train import fold_folder
from rimlight.workflows.tumour_decision import TumourNetwork, tumour_network

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is said of candidates; one entry each.

    logits: of the classifier. is_other: taken for no tumour cells. features: of the classifier,
    for levels.
    """

    logits: np.ndarray
    is_other: np.ndarray
    features: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Rules:
    """The network of one fold and what turns its calls into counts.

    others: what tells other cells: a network, a rule, or None. error_cases: the case of each entry
    of ``errors``; h_differences: of the same cases, H-score of the labels less that of the calls,
    nan without levels. n_unread_slides: with labelled cells that could not be taken.
    """

    fold: int
    network: "PatchNetwork"
    temperature: float
    weights: str
    patch: PatchSettings
    stains: StainMatrix
    levels: Levels | None
    others: OtherRule | TumourNetwork | None
    error_cases: np.ndarray
    errors: CaseErrors
    h_differences: np.ndarray
    n_other_labels: int
    n_unread_slides: int

    def errors_without(self, case: str) -> tuple[CaseErrors, np.ndarray]:
        """Return errors and H-score differences of all held-out cases but one."""
        kept = self.error_cases != case
        known = kept & ~np.isnan(self.h_differences)
        return CaseErrors(n_cells=self.errors.n_cells[kept]), self.h_differences[known]

    def judged(self, patches: np.ndarray, *, white: Sequence[float] | np.ndarray) -> Judged:
        """Return what is said of patches.

        Args:
            patches: Light 0..255 with their margin.
            white: I0 of all, or one a patch.
        """
        if isinstance(self.others, OtherRule):
            return _judged_by_rule(self, self.others, patches, white=white)
        from rimlight.model.prediction import features_of

        logits, features = features_of(self.network, patches, size_px=self.patch.size_px)
        is_other = np.zeros(len(patches), dtype=bool)
        if self.others is not None:
            is_other = self.others.is_other(patches)
        return Judged(logits=logits, is_other=is_other, features=features)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Say what counts as a tumour cell, and where levels come from."""
        levels = _NO_LEVELS if self.levels is None else self.levels.words
        unread = (_UNREAD.format(n=self.n_unread_slides),) if self.n_unread_slides else ()
        return (_words_of_others(self), levels, *unread)


_UNREAD = (
    "The labelled cells of {n} slides that cannot be read are left out of levels, of what tells "
    "tumour cells, and of the errors in the interval."
)
_NO_LEVELS = (
    "Levels are not told apart, so there is no H-score: a level has fewer than 10 positive "
    "training cells."
)


def rules_of(run: Run, study: Study, *, fold: int) -> Rules:
    """Return the rules of a fold; fits and keeps the network that tells other cells.

    Args:
        run: Trained.
        study: With the settings that the run was made with.
        fold: Its number.

    Raises:
        RunError: A table of the training is missing.
        ModelError: The network cannot be read.
        StorageError: The disk refuses.
    """
    from rimlight.model.network import folded

    folder = fold_folder(run, fold)
    model = read_network(folder, patch=study.settings.patch)
    network, stains = folded(model.network), stain_matrix(study.settings.stain)
    every = read_cells(run)
    examples = examples_of(study, every.only(every.fold == fold), _parts(run, fold))
    others = _decision(run, study, network, examples, fold=fold)
    rules = Rules(
        fold=fold,
        network=network,
        temperature=model.temperature,
        weights=weights_hash(folder),
        patch=study.settings.patch,
        stains=stains,
        levels=None,
        others=others,
        error_cases=np.empty(0, dtype=str),
        errors=CaseErrors(n_cells=np.empty((0, 2, 2), dtype=np.int64)),
        h_differences=np.empty(0),
        n_other_labels=len(consensus_of_study(study).others),
        n_unread_slides=examples.n_unread_slides,
    )
    return _measured(rules, examples, ring_um=_best_ring(run, fold), seed=study.settings.study.seed)


def _measured(rules: Rules, examples: Examples, *, ring_um: Ring, seed: int) -> Rules:
    """Fit levels, and count on held-out cases how the rules err."""
    judged = _judged_examples(rules, examples)
    od = _ring_od_of(rules, examples, ring_um)
    call = judged.logits > 0
    held = examples.is_held_out & (~examples.is_other | (rules.others is not None))
    said = np.where(judged.is_other, OTHER, np.where(call, POSITIVE, NEGATIVE))
    case = examples.case[held]
    n_classes = 2 if rules.others is None else 3
    errors = case_errors(case, examples.label[held], said[held], n_classes=n_classes)
    cells = LevelCells(
        case=examples.case, level=examples.level, call=call, od=od, features=judged.features
    )
    known = ~examples.is_other & ~np.isnan(od)
    levels = fitted_levels(
        cells.only(known & examples.is_fitted),
        cells.only(known & examples.is_held_out),
        ring=ring_um,
        seed=seed,
    )
    names = np.unique(case)
    differences = _h_differences(cells.only(known & examples.is_held_out), levels, names)
    return replace(
        rules, levels=levels, error_cases=names, errors=errors, h_differences=differences
    )


def _judged_examples(rules: Rules, examples: Examples) -> Judged:
    parts = [
        rules.judged(examples.patches[some], white=examples.white[some])
        for start in range(0, max(len(examples.patches), 1), _AT_ONCE)
        for some in (slice(start, start + _AT_ONCE),)
    ]
    return Judged(
        logits=np.concatenate([part.logits for part in parts]),
        is_other=np.concatenate([part.is_other for part in parts]),
        features=np.concatenate([part.features for part in parts]),
    )


def ring_od(
    rules: Rules, patches: np.ndarray, found: Ring, *, white: Sequence[float]
) -> np.ndarray:
    """Return the mean DAB density (OD) of patches without margin in a ring around their middle.

    Only pixels of the ring are unmixed; nan where it has none.
    """
    patch = rules.patch
    zone = ring(patch.size_px, mpp=patch.mpp, inner_um=found.inner_um, outer_um=found.outer_um)
    if not zone.any():
        return np.full(len(patches), np.nan)
    density = dab_density(patches[:, zone], white=white, stains=rules.stains)
    mean: np.ndarray = density.mean(axis=1, dtype=np.float64)
    return mean


def _ring_od_of(rules: Rules, examples: Examples, found: Ring) -> np.ndarray:
    """Return the density of examples in the ring, as slides are measured."""
    from rimlight.model.prediction import centre

    inner = centre(examples.patches, size_px=rules.patch.size_px)
    rows = [
        ring_od(rules, inner[row : row + 1], found, white=white)
        for row, white in enumerate(examples.white.tolist())
    ]
    return np.concatenate([np.empty(0), *rows])


def _best_ring(run: Run, fold: int) -> Ring:
    inner, outer = read_metrics(run)["training"]["folds"][fold]["best_ring_um"]
    return Ring(inner_um=inner, outer_um=outer)


def part_of_cases(run: Run) -> dict[str, dict[int, str]]:
    """Return the part of each case in each fold."""
    table = table_of_step(run, "parts.csv", step="train")
    found: dict[str, dict[int, str]] = {}
    for fold, case, part in zip(table["fold"], table["case"], table["part"], strict=True):
        found.setdefault(case, {})[int(fold)] = part
    return found


def _parts(run: Run, fold: int) -> dict[str, str]:
    return {case: parts[fold] for case, parts in part_of_cases(run).items() if fold in parts}


def _decision(
    run: Run, study: Study, network: "PatchNetwork", examples: Examples, *, fold: int
) -> OtherRule | TumourNetwork | None:
    """Fit what tells other cells: a network with enough labels, a rule with fewer, or nothing."""
    patch, stains = study.settings.patch, stain_matrix(study.settings.stain)
    found = tumour_network(
        run,
        examples,
        fold=fold,
        patch=patch,
        stains=stains,
        width=network.settings.width,
        seed=study.settings.study.seed,
    )
    if found is not None:
        return found
    fit = examples.is_fitted
    if int((fit & examples.is_other).sum()) < LEAST_OTHERS:
        return None
    columns, _ = _columns_of(
        network, examples.patches[fit], white=examples.white[fit], patch=patch, stains=stains
    )
    return other_rule(columns, examples.is_other[fit], examples.case[fit])


def _judged_by_rule(
    rules: Rules, rule: OtherRule, patches: np.ndarray, *, white: Sequence[float] | np.ndarray
) -> Judged:
    columns, features = _columns_of(
        rules.network, patches, white=white, patch=rules.patch, stains=rules.stains
    )
    return Judged(logits=columns[:, 0], is_other=rule.is_other(columns), features=features)


def _columns_of(
    network: "PatchNetwork",
    patches: np.ndarray,
    *,
    white: Sequence[float] | np.ndarray,
    patch: PatchSettings,
    stains: StainMatrix,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what tells other cells, logit first, and the features of the last layer.

    It is the logit, all stages of the network, and the stain in rings.
    """
    from rimlight.model.context import context_of
    from rimlight.model.prediction import centre

    _, context = context_of(network, patches, size_px=patch.size_px)
    profiles = ring_profiles(
        centre(patches, size_px=patch.size_px),
        white=np.asarray(white, dtype=np.float32),
        mpp=patch.mpp,
        stains=stains,
    )
    n_features = network.settings.channels[-1]
    return np.column_stack([context, profiles]), context[:, 1 : 1 + n_features]


def _h_differences(held: LevelCells, levels: Levels | None, names: np.ndarray) -> np.ndarray:
    if levels is None or not len(held.level):
        return np.full(len(names), np.nan)
    off = held.level - levels.of(held.od, held.call, held.features)
    mine = [held.case == name for name in names]
    return np.array([100 * float(off[some].mean()) if some.any() else np.nan for some in mine])


def _words_of_others(rules: Rules) -> str:
    if rules.others is None:
        why = (
            "no cell is labelled other"
            if not rules.n_other_labels
            else f"fewer than {LEAST_OTHERS} cells of {LEAST_CASES} training cases are so labelled"
        )
        return (
            f"Every candidate was taken for a tumour cell, because {why}: stroma and immune cells "
            "among the candidates count as tumour cells, mostly negative, and lower the score; "
            "no interval holds that."
        )
    kept = _kept_cells(rules.errors.n_cells.sum(axis=0))
    known = f"; in held-out cases it keeps {', '.join(kept)}" if kept else ""
    what = "a rule" if isinstance(rules.others, OtherRule) else "a small network of their own,"
    return (
        f"Tumour cells were told from other candidates by {what} learned from "
        f"{rules.others.n_others} cells labelled other in {rules.others.n_cases} cases and "
        f"{rules.others.n_tumour} tumour cells{known}."
    )


def _kept_cells(n_cells: np.ndarray) -> list[str]:
    """Say of each class of label how many of how many cells are kept as tumour cells."""
    n_of_class, n_kept = n_cells.sum(axis=1).tolist(), n_cells[:, :2].sum(axis=1).tolist()
    names = ("positive", "negative", "other")
    return [
        f"{kept / n:.0%} of {n} {name} cells"
        for kept, n, name in zip(n_kept, n_of_class, names, strict=True)
        if n
    ]
