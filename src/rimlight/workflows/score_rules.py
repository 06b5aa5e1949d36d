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
)
from rimlight.io.checkpoints import weights_hash
from rimlight.io.runs import Run, read_metrics
from rimlight.io.study import Study
from rimlight.settings import PatchSettings
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.models import read_network
from rimlight.workflows.run_tables import FITTED_PARTS, Cells, read_cells, table_of_step
from rimlight.workflows.score_examples import (
    NEGATIVE,
    OTHER,
    POSITIVE,
    Examples,
    columns_of,
    examples_of,
)
from rimlight.workflows.train import fold_folder

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

LEAST_CELLS_OF_A_LEVEL = 10


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
    part_of_case = _parts(run, fold)
    rule, (names, errors) = None, _errors_of_calls(cells)
    if sum(part_of_case.get(str(c.case_id)) in FITTED_PARTS for c in others) >= LEAST_OTHERS:
        rule, names, errors = _fitted(examples_of(study, network, cells, part_of_case))
    levels = _levels(run, cells, fold=fold)
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


def _parts(run: Run, fold: int) -> dict[str, str]:
    return {case: parts[fold] for case, parts in part_of_cases(run).items() if fold in parts}


def _fitted(examples: Examples) -> tuple[OtherRule | None, np.ndarray, CaseErrors]:
    """Fit the rule on training and validation cases, and count its errors on held-out ones."""
    fit, held = examples.is_fitted, examples.part == "hold-out"
    is_other = examples.label == OTHER
    rule = other_rule(examples.columns[fit], is_other[fit], examples.case[fit])
    call = np.where(examples.columns[:, 0] > 0, POSITIVE, NEGATIVE)
    if rule is not None:
        call = np.where(rule.is_other(examples.columns), OTHER, call)
    else:
        held &= ~is_other
    errors = case_errors(
        examples.case[held],
        examples.label[held],
        call[held],
        n_classes=2 if rule is None else 3,
    )
    return rule, np.unique(examples.case[held]), errors


def _errors_of_calls(cells: Cells) -> tuple[np.ndarray, CaseErrors]:
    """Return the held-out cases and how their cells were called where they were clicked."""
    mine = cells.only(cells.is_held_out)
    case = mine.case.astype(str)
    label = np.where(mine.is_positive, POSITIVE, NEGATIVE)
    return np.unique(case), case_errors(case, label, np.where(mine.call, POSITIVE, NEGATIVE))


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
            "among the candidates count as tumour cells, mostly negative, and lower the score; "
            "no interval holds that."
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
