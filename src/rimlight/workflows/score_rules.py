"""What the score of a slide stands on, fitted and measured on the labelled cells of a run.

Levels and the rule that tells other cells are fitted on training and validation cases; their
errors are counted on held-out ones. Nothing here sees a slide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.agreement import weighted_kappa
from rimlight.core.measurement import Ring, level_cuts, levels_from
from rimlight.core.score_intervals import CaseErrors, case_errors
from rimlight.core.stains import StainMatrix, stain_matrix
from rimlight.core.tumour_cells import (
    LEAST_CASES,
    LEAST_OTHERS,
    OtherRule,
    other_rule,
    ring_profiles,
)
from rimlight.io.checkpoints import weights_hash
from rimlight.io.runs import Run, read_metrics
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import LabelledCell
from rimlight.settings import PatchSettings
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.models import read_network
from rimlight.workflows.patches import cut_patches
from rimlight.workflows.run_tables import FITTED_PARTS, Cells, read_cells, table_of_step
from rimlight.workflows.train import fold_folder

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

LEAST_CELLS_OF_A_LEVEL = 10
MOST_TUMOUR_CELLS = 4000
"""Labelled tumour cells that the rule for other cells is fitted on at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How positive cells are told weak, moderate, strong: by DAB density in a ring around them.

    cuts_od: between weak and moderate, moderate and strong. n_fitted: positive training and
        validation cells. kappa, share_exact: on n_held held-out cells, four levels, negative by
        the network; None without such cells.
    """

    ring: Ring
    cuts_od: tuple[float, float]
    n_fitted: int
    n_held: int
    kappa: float | None
    share_exact: float | None

    def of(self, od: np.ndarray, call: np.ndarray) -> np.ndarray:
        """Return level 0..3: 0 where the network calls negative, else 1 to 3 by density."""
        level: np.ndarray = np.where(call, levels_from(od, (-np.inf, *self.cuts_od)), 0)
        return level


@dataclass(frozen=True, kw_only=True, eq=False)
class Rules:
    """The network of one fold and what turns its calls into counts.

    error_cases: the case of each entry of ``errors``; h_differences: of the same cases, H-score
        of the labels less that of the calls, nan without levels.
    """

    fold: int
    network: "PatchNetwork"
    temperature: float
    weights: str
    patch: PatchSettings
    stains: StainMatrix
    levels: Levels | None
    others: OtherRule | None
    error_cases: np.ndarray
    errors: CaseErrors
    h_differences: np.ndarray
    n_other_labels: int

    def errors_without(self, case: str) -> tuple[CaseErrors, np.ndarray]:
        """Return errors and H-score differences of all held-out cases but one."""
        kept = self.error_cases != case
        known = kept & ~np.isnan(self.h_differences)
        return CaseErrors(n_cells=self.errors.n_cells[kept]), self.h_differences[known]

    def judged(
        self, patches: np.ndarray, *, white: Sequence[float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the logits of patches, and which are taken for no tumour cells."""
        if self.others is None:
            from rimlight.model.prediction import logits_of

            logits = logits_of(self.network, patches, size_px=self.patch.size_px)
            return logits, np.zeros(len(patches), dtype=bool)
        logits, columns = columns_of(
            self.network, patches, white=white, patch=self.patch, stains=self.stains
        )
        return logits, self.others.is_other(columns)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Say what counts as a tumour cell, and where levels come from."""
        return (_words_of_others(self), _words_of_levels(self.levels))


def columns_of(
    network: "PatchNetwork",
    patches: np.ndarray,
    *,
    white: np.ndarray | Sequence[float],
    patch: PatchSettings,
    stains: StainMatrix,
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and what tells other cells: logit, stages of the network, stain in rings."""
    from rimlight.model.context import context_of
    from rimlight.model.prediction import centre

    logits, context = context_of(network, patches, size_px=patch.size_px)
    profiles = ring_profiles(
        centre(patches, size_px=patch.size_px),
        white=np.asarray(white, dtype=np.float32),
        mpp=patch.mpp,
        stains=stains,
    )
    return logits, np.column_stack([context, profiles])


def rules_of(run: Run, study: Study, *, fold: int) -> Rules:
    """Return the rules of a fold.

    Args:
        run: Trained.
        study: With the settings that the run was made with.
        fold: Its number.

    Raises:
        RunError: A table of the training is missing.
        ModelError: The network cannot be read.
        SlideError: A slide with cells labelled other cannot be read.
    """
    from rimlight.model.network import folded

    folder = fold_folder(run, fold)
    model = read_network(folder, patch=study.settings.patch)
    network, stains = folded(model.network), stain_matrix(study.settings.stain)
    every = read_cells(run)
    cells = every.only(every.fold == fold)
    others = consensus_of_study(study).others
    rule, held_other = None, None
    part_of_case = _parts(run, fold)
    if sum(part_of_case.get(str(c.case_id)) in FITTED_PARTS for c in others) >= LEAST_OTHERS:
        rule, held_other = _fitted(study, network, cells, _Others(others, part_of_case))
    levels = _levels(run, cells, fold=fold)
    names, errors = _errors(cells, rule, held_other)
    return Rules(
        fold=fold,
        network=network,
        temperature=model.temperature,
        weights=weights_hash(folder),
        patch=study.settings.patch,
        stains=stains,
        levels=levels,
        others=rule,
        error_cases=names,
        errors=errors,
        h_differences=_h_differences(cells.only(cells.is_held_out), levels, names),
        n_other_labels=len(others),
    )


def part_of_cases(run: Run) -> dict[str, dict[int, str]]:
    """Return the part of each case in each fold."""
    table = table_of_step(run, "parts.csv", step="train")
    found: dict[str, dict[int, str]] = {}
    for fold, case, part in zip(table["fold"], table["case"], table["part"], strict=True):
        found.setdefault(case, {})[int(fold)] = part
    return found


@dataclass(frozen=True, slots=True)
class _Others:
    cells: Sequence[LabelledCell]
    part_of_case: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """Held-out labelled cells under the rule: rows of tumour cells, cases of others, verdicts."""

    tumour_cells: np.ndarray
    tumour_is_other: np.ndarray
    other_case: np.ndarray
    other_is_other: np.ndarray
    other_call: np.ndarray


def _parts(run: Run, fold: int) -> dict[str, str]:
    return {case: parts[fold] for case, parts in part_of_cases(run).items() if fold in parts}


def _fitted(
    study: Study, network: "PatchNetwork", cells: Cells, others: _Others
) -> tuple[OtherRule | None, _Held | None]:
    """Fit the rule on cells of training and validation cases, and judge the held-out ones."""
    labelled = {str(c.cell.cell_id): c for c in consensus_of_study(study).cells}
    known = np.array([cell in labelled for cell in cells.cell])
    fit_rows = np.flatnonzero(cells.is_fitted & known)
    rng = np.random.default_rng(study.settings.study.seed)
    if len(fit_rows) > MOST_TUMOUR_CELLS:
        fit_rows = np.sort(rng.choice(fit_rows, MOST_TUMOUR_CELLS, replace=False))
    held_rows = np.flatnonzero(cells.is_held_out & known)
    rows = np.r_[fit_rows, held_rows]
    tumour = _columns(study, network, [labelled[str(cells.cell[row])] for row in rows])
    part = np.array([others.part_of_case.get(str(c.case_id), "") for c in others.cells])
    case = np.array([str(c.case_id) for c in others.cells])
    other = _columns(study, network, others.cells)
    is_fit = np.isin(part, FITTED_PARTS)
    n_fit = len(fit_rows)
    rule = other_rule(
        np.concatenate([tumour[:n_fit], other[is_fit]]),
        np.r_[np.zeros(n_fit, dtype=bool), np.ones(int(is_fit.sum()), dtype=bool)],
        np.r_[cells.case[fit_rows].astype(str), case[is_fit]],
    )
    if rule is None:
        return None, None
    is_held = part == "hold-out"
    return rule, _Held(
        tumour_cells=held_rows,
        tumour_is_other=rule.is_other(tumour[n_fit:]),
        other_case=case[is_held],
        other_is_other=rule.is_other(other[is_held]),
        other_call=other[is_held, 0] > 0,
    )


def _columns(study: Study, network: "PatchNetwork", cells: Sequence[LabelledCell]) -> np.ndarray:
    """Return the columns of cells, in their order; patches are cut by slide."""
    info_of_slide = {info.slide_id: info for info in slides(study.engine)}
    order = sorted(range(len(cells)), key=lambda row: cells[row].cell.slide_id)
    sorted_cells = [cells[row] for row in order]
    infos = [info_of_slide[cell.cell.slide_id] for cell in sorted_cells]
    patches = cut_patches(study, sorted_cells, infos)
    _, found = columns_of(
        network,
        patches,
        white=np.array([info.white for info in infos]).reshape(-1, 3),
        patch=study.settings.patch,
        stains=stain_matrix(study.settings.stain),
    )
    columns = np.empty_like(found)
    columns[order] = found
    return columns


def _errors(
    cells: Cells, rule: OtherRule | None, held: _Held | None
) -> tuple[np.ndarray, CaseErrors]:
    """Return the held-out cases, and their calls: 0 positive, 1 negative, 2 other."""
    if rule is None or held is None:
        mine = cells.only(cells.is_held_out)
        case, label, call = mine.case.astype(str), 1 - mine.is_positive, 1 - mine.call
        n_classes = 2
    else:
        mine = cells.only(held.tumour_cells)
        case = np.r_[mine.case.astype(str), held.other_case]
        label = np.r_[1 - mine.is_positive, np.full(len(held.other_case), 2)]
        call = np.r_[
            np.where(held.tumour_is_other, 2, 1 - mine.call),
            np.where(held.other_is_other, 2, 1 - held.other_call),
        ]
        n_classes = 3
    return np.unique(case), case_errors(case, label, call, n_classes=n_classes)


def _levels(run: Run, cells: Cells, *, fold: int) -> Levels | None:
    """Fit the density cuts of levels; None where a level has too few training cells."""
    od = cells.numbers["od_best_ring"]
    chosen = cells.is_fitted & cells.is_positive & cells.call & ~np.isnan(od)
    n_of_level = np.bincount(cells.level[chosen], minlength=4)[1:]
    if n_of_level.min() < LEAST_CELLS_OF_A_LEVEL:
        return None
    _, moderate, strong = level_cuts(od[chosen], cells.level[chosen])
    inner, outer = read_metrics(run)["training"]["folds"][fold]["best_ring_um"]
    found = Levels(
        ring=Ring(inner_um=inner, outer_um=outer),
        cuts_od=(moderate, strong),
        n_fitted=int(chosen.sum()),
        n_held=0,
        kappa=None,
        share_exact=None,
    )
    held = cells.only(cells.is_held_out & ~np.isnan(od))
    if not len(held):
        return found
    level = found.of(held.numbers["od_best_ring"], held.call)
    kappa = weighted_kappa(held.level, level)
    return Levels(
        ring=found.ring,
        cuts_od=found.cuts_od,
        n_fitted=found.n_fitted,
        n_held=len(held),
        kappa=None if np.isnan(kappa) else kappa,
        share_exact=float((level == held.level).mean()),
    )


def _h_differences(held: Cells, levels: Levels | None, names: np.ndarray) -> np.ndarray:
    if levels is None or not len(held):
        return np.full(len(names), np.nan)
    called = levels.of(held.numbers["od_best_ring"], held.call)
    case = held.case.astype(str)
    return np.array(
        [
            100 * float((held.level - called)[case == name].mean()) if name in case else np.nan
            for name in names
        ]
    )


def _words_of_others(rules: Rules) -> str:
    if rules.others is None:
        why = (
            "no cell is labelled other"
            if not rules.n_other_labels
            else f"fewer than {LEAST_OTHERS} cells of {LEAST_CASES} training cases are so labelled"
        )
        return (
            f"Every candidate was taken for a tumour cell, because {why}: stroma and immune cells "
            "among the candidates count as tumour cells, mostly negative, and lower the score."
        )
    rates = rules.errors.rates
    known = "; in held-out cases it keeps " + ", ".join(
        f"{share:.0%} of {name} cells" for share, name in _kept_shares(rates)
    )
    return (
        "Tumour cells were told from other candidates by a rule learned from "
        f"{rules.others.n_others} cells labelled other in {rules.others.n_cases} cases and "
        f"{rules.others.n_tumour} tumour cells{known}."
    )


def _kept_shares(rates: np.ndarray) -> list[tuple[float, str]]:
    kept = 1 - rates[:, 2]
    return [
        (float(share), name)
        for share, name in zip(kept, ("positive", "negative", "other"), strict=True)
        if not np.isnan(share)
    ]


def _words_of_levels(levels: Levels | None) -> str:
    if levels is None:
        return (
            "Levels are not told apart, so there is no H-score: a level has fewer than "
            f"{LEAST_CELLS_OF_A_LEVEL} positive training cells."
        )
    how = (
        f"Levels by calibrated cut-offs: of cells that the network calls positive, mean DAB "
        f"density in the ring of {levels.ring.inner_um:g} to {levels.ring.outer_um:g} um around "
        f"the centre, weak up to {levels.cuts_od[0]:.3f} OD, strong above "
        f"{levels.cuts_od[1]:.3f} OD, fitted on {levels.n_fitted} training cells"
    )
    if levels.share_exact is None:
        return f"{how}; not measured on held-out cells."
    kappa = "undefined" if levels.kappa is None else f"{levels.kappa:.2f}"
    return (
        f"{how}; on {levels.n_held} held-out cells {levels.share_exact:.0%} have the reader's "
        f"level, quadratic-weighted kappa {kappa}."
    )
