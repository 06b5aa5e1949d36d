"""Outlines of held-out cells against the membranes that synthetic tissue was painted with.

Every control gets what the method gets: the same cells, the same threshold, the same stain.  Those
named ``path_...`` also get the same closed path, with another map in place of the cell's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.core import clustered
from rimlight.core.measurement import Ring
from rimlight.core.overlap import average_precision, dice
from rimlight.core.zones import disc, ring
from rimlight.errors import StudyError
from rimlight.explain.contributing import (
    angular_coverage,
    evidence,
    gaussian_prior,
    mean_of_others,
)
from rimlight.explain.membranes import MembraneSettings
from rimlight.io.study import Study
from rimlight.workflows.blocks import Bootstrap, bootstrap, figures_block, margins_block, size_block
from rimlight.workflows.explain import untrained_networks
from rimlight.workflows.own_membranes import (
    Tissue,
    claims_of,
    evidence_of,
    mask_of,
    membrane_settings,
    tissue_of,
)
from rimlight.workflows.patches import CellPatches, Progress
from rimlight.workflows.synth import SlideTruth, read_truth
from rimlight.workflows.walks import BATCH_CELLS, ExplainedFold, control_path, drawn

if TYPE_CHECKING:
    from rimlight.workflows.membranes import Outlined

METHOD = "membranes"
N_FITTED = 120
RADII_UM = tuple(np.arange(4.0, 12.5, 0.5).tolist())
INNER_UM = (0.0, 2.0, 3.0, 4.0, 5.0, 6.0)
SIGMAS_UM = (3.0, 4.0, 5.0, 6.0, 8.0)
INSIDE_COSTS = (0.5, 0.3, 0.8)
FIGURES = ("average_precision", "dice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What controls with a parameter are given, from validation cells alone."""

    disc_um: float
    ring: Ring
    gaussian_um: float
    path_gaussian_um: float
    path_inside_cost: float
    n_cells: int


def truth_of_cells(
    study: Study, cells: CellPatches, rows: list[int]
) -> dict[int, np.ndarray] | None:
    """Return the own membrane of each cell by its row; None for a study that is not synthetic.

    Synthetic tissue keeps its truth in a folder beside that of its slides.
    """
    slides: dict[str, SlideTruth] = {}
    found: dict[int, np.ndarray] = {}
    for row in rows:
        info, cell = cells.slide_of_cell[row], cells.cells[row].cell
        folder = (study.folder / info.path).resolve().parent.parent
        if not (Path(folder) / "truth" / f"{info.slide_id}.npz").is_file():
            return None
        if info.slide_id not in slides:
            try:
                slides[info.slide_id] = read_truth(folder, info.slide_id)
            except StudyError:
                return None
        try:
            masks = slides[info.slide_id].masks(cell, size_px=cells.settings.size_px)
        except ValueError:  # a cell that was not painted
            return None
        found[row] = masks.own
    return found


def shown_truth(rows: list[int], truth: dict[int, np.ndarray]) -> np.ndarray:
    """Return the own membranes of some cells, in their order."""
    return np.array([truth[row] for row in rows], dtype=bool)


def compared_with_truth(
    folds: list[ExplainedFold],
    found: "list[Outlined]",
    truth: dict[int, np.ndarray],
    *,
    study: Study,
    progress: Progress,
) -> dict[str, Any]:
    """Return own-membrane average precision and Dice beside every control, with paired margins.

    Taken over cells with an outline whose label is positive and whose membrane was painted.
    """
    told = [
        c
        for c in found
        if c.polygons and c.facts["expression"] != "negative" and truth[c.row].any()
    ]
    if len(told) < 2:
        return {"n_cells": len(told), "reason": "under two outlined positive cells"}
    case = np.array([c.facts["case"] for c in told])
    level = np.array([int(c.fold.grounds.cells.level[c.row]) for c in told])
    seed, n_resamples = study.settings.study.seed, study.settings.evaluate.n_resamples
    draws = bootstrap(case, n_resamples=n_resamples, seed=seed)
    fitted = {fold.number: fitted_controls(fold, study) for fold in folds}
    scores = {}
    for name, strength in _systems(told, fitted, study, progress).items():
        scores[name] = _scores(told, truth, strength)
        progress("comparing with truth", len(scores), 11)
    systems = {name: _figures(values, draws) for name, values in scores.items()}
    for c, (precision, overlap) in zip(told, scores[METHOD], strict=True):
        c.facts.update(average_precision=float(precision), dice=float(overlap))
    return {
        **size_block(case, level),
        "systems": {name: figures_block(values) for name, values in systems.items()},
        "margins": {
            name: margins_block(systems[METHOD], values, FIGURES)
            for name, values in systems.items()
            if name != METHOD
        },
        "levels": _levels(scores[METHOD], level),
        "completeness": _completeness(told, truth),
        "fitted": {str(number): _fitted_record(it) for number, it in fitted.items()},
    }


Strength = Callable[[int], np.ndarray]


def _systems(
    told: "list[Outlined]", fitted: dict[int, Fitted], study: Study, progress: Progress
) -> dict[str, Strength]:
    """How strongly each system takes each pixel of the cell at a place in ``told``."""
    settings = membrane_settings(study.settings.explain)
    claims = np.stack([c.claim for c in told]).astype(np.float32)
    others, another = mean_of_others(claims), np.roll(claims, 1, axis=0)
    mpp, size_px = study.settings.patch.mpp, claims.shape[1]

    def path(maps: np.ndarray, place: int) -> np.ndarray:
        return evidence_of(maps[place], told[place].tissue, settings=settings)

    def gated(place: int, prior: np.ndarray) -> np.ndarray:
        return np.asarray(told[place].tissue.gate * prior)

    def of(place: int) -> Fitted:
        return fitted[told[place].fold.number]

    systems: dict[str, Strength] = {
        METHOD: lambda i: path(claims, i),
        "path_gaussian": lambda i: _path_without_map(told[i].tissue, of(i), settings),
        "path_mean_of_others": lambda i: path(others, i),
        "path_another_cell": lambda i: path(another, i),
        "attribution_x_dab": lambda i: evidence(
            claims[i], gate=told[i].tissue.gate, sigma_px=settings.sigma_um / mpp
        ),
        "mean_of_others_x_dab": lambda i: evidence(
            others[i], gate=told[i].tissue.gate, sigma_px=settings.sigma_um / mpp
        ),
        "gaussian_x_dab": lambda i: gated(
            i, gaussian_prior(size_px, sigma_px=of(i).gaussian_um / mpp)
        ),
        "disc_x_dab": lambda i: gated(i, disc(size_px, mpp=mpp, radius_um=of(i).disc_um)),
        "ring_x_dab": lambda i: gated(i, _ring_mask(of(i).ring, size_px=size_px, mpp=mpp)),
        "dab_threshold": lambda i: told[i].tissue.gate,
    }
    if study.settings.explain.n_random_networks:
        untrained = _untrained_claims(told, study, progress)
        systems["path_untrained"] = lambda i: path(untrained, i)
    return systems


def _path_without_map(tissue: Tissue, fitted: Fitted, settings: MembraneSettings) -> np.ndarray:
    bell = gaussian_prior(len(tissue.gate), sigma_px=fitted.path_gaussian_um / tissue.mpp)
    without = replace(settings, inside_cost=fitted.path_inside_cost)
    return evidence_of(bell, tissue, settings=without)


def _ring_mask(found: Ring, *, size_px: int, mpp: float) -> np.ndarray:
    if found.inner_um == 0:
        return disc(size_px, mpp=mpp, radius_um=found.outer_um)
    return ring(size_px, mpp=mpp, inner_um=found.inner_um, outer_um=found.outer_um)


def _untrained_claims(told: "list[Outlined]", study: Study, progress: Progress) -> np.ndarray:
    """Claims of the first untrained network on the same cells, with the same references."""
    values: dict[tuple[int, int], np.ndarray] = {}
    path = control_path(study.settings)
    for fold in {c.fold.number: c.fold for c in told}.values():
        network = untrained_networks(fold, study.settings)["random-0"]
        rows = np.array([c.row for c in told if c.fold.number == fold.number])
        for at in range(0, len(rows), BATCH_CELLS):
            batch = rows[at : at + BATCH_CELLS]
            maps = claims_of(network, fold.grounds, batch, path=path).values
            values |= {(fold.number, int(row)): m for row, m in zip(batch, maps, strict=True)}
            progress("explaining an untrained network", len(values), len(told))
    return np.stack([values[c.fold.number, c.row] for c in told])


def fitted_controls(fold: ExplainedFold, study: Study) -> Fitted:
    """Return the parameters of the controls with the best mean average precision.

    On validation cells that are labelled and called positive, 120 at most; no held-out cell.
    """
    table, grounds = fold.grounds.table, fold.grounds
    allowed = (table.part == "validation") & table.is_called_positive & (table.level > 0)
    rows = drawn(np.flatnonzero(allowed), n_cells=N_FITTED, seed=study.settings.study.seed)
    truth = truth_of_cells(study, grounds.cells, [int(row) for row in rows]) or {}
    kept = [(tissue_of(grounds, row), own) for row, own in truth.items() if own.any()]
    mpp, size_px = study.settings.patch.mpp, study.settings.patch.size_px
    settings = membrane_settings(grounds.settings)

    def mean(strength: Callable[[Tissue], np.ndarray]) -> float:
        found = [average_precision(strength(tissue), own) for tissue, own in kept]
        return float(np.mean(found)) if found else 0.0

    def gated(prior: np.ndarray) -> float:
        return mean(lambda tissue: tissue.gate * prior)

    start = Fitted(
        disc_um=max(RADII_UM, key=lambda um: gated(disc(size_px, mpp=mpp, radius_um=um))),
        ring=max(_rings(), key=lambda r: gated(_ring_mask(r, size_px=size_px, mpp=mpp))),
        gaussian_um=max(
            SIGMAS_UM, key=lambda um: gated(gaussian_prior(size_px, sigma_px=um / mpp))
        ),
        path_gaussian_um=SIGMAS_UM[0],
        path_inside_cost=INSIDE_COSTS[0],
        n_cells=len(kept),
    )

    def path_worth(it: Fitted) -> float:
        return mean(lambda tissue: _path_without_map(tissue, it, settings))

    wide = max((replace(start, path_gaussian_um=um) for um in SIGMAS_UM), key=path_worth)
    return max((replace(wide, path_inside_cost=cost) for cost in INSIDE_COSTS), key=path_worth)


def _rings() -> list[Ring]:
    return [
        Ring(inner_um=inner, outer_um=float(outer))
        for inner in INNER_UM
        for outer in RADII_UM
        if inner > 0 and outer > inner + 1
    ]


def _scores(told: "list[Outlined]", truth: dict[int, np.ndarray], strength: Strength) -> np.ndarray:
    """Average precision and Dice of each cell; a system without a mask has Dice 0."""
    scores = []
    for place, cell in enumerate(told):
        values, own = strength(place), truth[cell.row]
        scores.append((average_precision(values, own), dice(mask_of(values, cell.tissue), own)))
    return np.array(scores)


def _figures(scores: np.ndarray, draws: Bootstrap) -> dict[str, Any]:
    everyone = np.ones(len(scores), dtype=bool)
    return {
        name: draws.sample(clustered.mean_of(scores[:, i], draws.clusters), everyone)
        for i, name in enumerate(FIGURES)
    }


def _levels(scores: np.ndarray, level: np.ndarray) -> dict[str, Any]:
    return {
        name: {
            "n_cells": int((level == at).sum()),
            **{
                figure: float(scores[level == at, i].mean()) if (level == at).any() else None
                for i, figure in enumerate(FIGURES)
            },
        }
        for at, name in ((1, "weak"), (2, "moderate"), (3, "strong"))
    }


def _completeness(told: "list[Outlined]", truth: dict[int, np.ndarray]) -> dict[str, Any]:
    """How well the completeness of outlines agrees with that of the painted membranes."""
    pairs = []
    for cell in told:
        own, shown = truth[cell.row], cell.facts["completeness"]
        everywhere = angular_coverage(
            own,
            available=np.ones(own.shape, dtype=bool),
            centre_px=cell.tissue.zones.centre_px,
            sigma_px=0.0,
            move_px=0.0,
        )
        if shown is not None:
            pairs.append((shown, everywhere.completeness))
    if len(pairs) < 2:
        return {"n_cells": len(pairs)}
    shown, true = np.array(pairs).T
    varies = shown.std() > 0 and true.std() > 0
    return {
        "n_cells": len(pairs),
        "mean": float(shown.mean()),
        "mean_of_truth": float(true.mean()),
        "median_error": float(np.median(np.abs(shown - true))),
        "pearson": float(np.corrcoef(shown, true)[0, 1]) if varies else None,
    }


def _fitted_record(fitted: Fitted) -> dict[str, Any]:
    return {
        "disc_um": float(fitted.disc_um),
        "ring_inner_um": fitted.ring.inner_um,
        "ring_outer_um": fitted.ring.outer_um,
        "gaussian_um": fitted.gaussian_um,
        "path_gaussian_um": fitted.path_gaussian_um,
        "path_inside_cost": fitted.path_inside_cost,
        "n_cells": fitted.n_cells,
    }
