"""Held-out cells to membranes as objects: polygons with their values, and a comparison with truth.

Writes ``membranes.csv`` (a row a cell, also those without an outline, with the reason),
``membranes/`` (a GeoJSON a slide for QuPath, and pictures for the report) and the section
``membranes`` of ``metrics.json``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rimlight.core.measurement import DARKEST_LIGHT
from rimlight.core.planes import PatchPoint, patch_box, slide_point
from rimlight.explain.contributing import Coverage, angular_coverage, reason_without_mask
from rimlight.explain.outlines import outlines
from rimlight.explain.zone_mass import Zoned, mass_share, own_share
from rimlight.io.arrays import write_arrays
from rimlight.io.formats.qupath import Area, write_qupath_areas
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import Run, merge_metrics
from rimlight.model.prediction import probability
from rimlight.records import SlideInfo
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.membrane_truth import compared_with_truth, shown_truth, truth_of_cells
from rimlight.workflows.own_membranes import (
    Claims,
    Tissue,
    claims_of,
    evidence_of,
    mask_of,
    membrane_settings,
    ring_of,
    tissue_of,
)
from rimlight.workflows.patches import CellPatches, Progress, cell_patches, no_progress
from rimlight.workflows.run_tables import LEVEL_NAMES
from rimlight.workflows.walks import BATCH_CELLS, ExplainedFold, path_settings

if TYPE_CHECKING:
    from shapely import Polygon

    from rimlight.explain.attribution import PathSettings

Choice = Literal["explained", "positive"]
CLASS_NAME = "Contributing pixels"
COLOUR = (0, 140, 255)
N_SHOWN = 8
RULE = (
    "Of each level from weak to strong, the outlined held-out cell with the median area and the "
    "one with the least completeness; and of the negative ones called positive the first two in "
    "the same order. Nobody picked them."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlined:
    """One held-out cell: its contributing pixels and what was measured in them."""

    fold: ExplainedFold
    row: int
    claim: np.ndarray
    tissue: Tissue
    mask: np.ndarray
    polygons: "tuple[Polygon, ...]"
    facts: dict[str, Any]


def membranes(
    run: Run, *, choice: Choice = "explained", progress: Progress | None = None
) -> dict[str, Any]:
    """Outline the contributing pixels of held-out cells; return the section ``membranes``.

    Cells called negative have no outline, and the reason in its place.

    Args:
        choice: ``explained``: the cells of the explanation; ``positive``: every held-out cell
            called positive.

    Raises:
        RunError: The run was not trained, or its labels have changed since.
        StorageError: The disk refuses.
    """
    show = progress or no_progress
    study = study_of(run)
    cells = cell_patches(study, consensus_of_study(study).cells, progress=show)
    folds = explained_folds(run, study, cells)
    found = list(_outlined_cells(folds, choice, path_settings(study.settings), show))
    found.sort(key=lambda cell: (cell.fold.number, cell.row))
    truth = truth_of_cells(study, cells, [cell.row for cell in found])
    section: dict[str, Any] = {**_counts(found), "choice": choice, "rule": RULE}
    if truth is not None:
        section["truth"] = compared_with_truth(folds, found, truth, study=study, progress=show)
    folder = run.folder / "membranes"
    _write_pictures(run, found, truth)
    _write_objects(folder, found)
    write_table(run.folder / "membranes.csv", _columns([cell.facts for cell in found]))
    merge_metrics(run, "membranes", section)
    return section


def _outlined_cells(
    folds: list[ExplainedFold], choice: Choice, path: "PathSettings", show: Progress
) -> Iterator[Outlined]:
    from rimlight.model.network import folded

    rows_of_fold = [_rows(fold, choice) for fold in folds]
    n_all, n_done = sum(map(len, rows_of_fold)), 0
    for fold, rows in zip(folds, rows_of_fold, strict=True):
        network = folded(fold.model.network)
        for at in range(0, len(rows), BATCH_CELLS):
            batch = rows[at : at + BATCH_CELLS]
            is_called = fold.grounds.table.is_called_positive[batch]
            yield from (called_negative(fold, int(row)) for row in batch[~is_called])
            if is_called.any():
                claims = claims_of(network, fold.grounds, batch[is_called], path=path)
                yield from (outlined(fold, claims, place) for place in range(len(claims.rows)))
            n_done += len(batch)
            show("outlining membranes", n_done, n_all)


def _rows(fold: ExplainedFold, choice: Choice) -> np.ndarray:
    table = fold.grounds.table
    if choice == "positive":
        return np.flatnonzero((table.part == "hold-out") & table.is_called_positive)
    return fold.held_rows


def called_negative(fold: ExplainedFold, row: int) -> Outlined:
    """A cell without an outline; it needs no map."""
    tissue = tissue_of(fold.grounds, row)
    reason = reason_without_mask(
        is_called_positive=False, is_converged=True, is_reference_valid=True
    )
    return Outlined(
        fold=fold,
        row=row,
        claim=np.zeros(tissue.gate.shape),
        tissue=tissue,
        mask=np.zeros(tissue.gate.shape, dtype=bool),
        polygons=(),
        facts=_said(fold, row) | {"reason": reason},
    )


def outlined(fold: ExplainedFold, claims: Claims, at: int) -> Outlined:
    """Return a cell called positive with its contributing pixels, or with why it has none."""
    row, claim, grounds = int(claims.rows[at]), claims.values[at], fold.grounds
    settings = membrane_settings(grounds.settings)
    tissue = tissue_of(grounds, row)
    mask, reason = np.zeros(tissue.gate.shape, dtype=bool), claims.reasons[at]
    if not reason:
        mask = mask_of(evidence_of(claim, tissue, settings=settings), tissue)
        reason = "" if mask.any() else "no pixel passed the gate"
    facts = _said(fold, row) | {"reason": reason} | _walk_facts(claims, at)
    if mask.any():
        coverage = angular_coverage(
            mask,
            available=ring_of(claim, tissue, settings=settings),
            centre_px=tissue.zones.centre_px,
            sigma_px=settings.claim_sigma_um / tissue.mpp,
            move_px=1.0 / tissue.mpp,
        )
        facts["sigma_um"] = settings.sigma_um
        facts |= measured(mask, claim, tissue, most_od=grounds.settings.max_od)
        facts |= _coverage_facts(coverage)
    return Outlined(
        fold=fold,
        row=row,
        claim=claim,
        tissue=tissue,
        mask=mask,
        polygons=outlines(mask),
        facts=facts,
    )


def measured(
    mask: np.ndarray, claim: np.ndarray, tissue: Tissue, *, most_od: float
) -> dict[str, Any]:
    """Return what is measured in the contributing pixels of one cell.

    Density is capped at ``most_od``; own and neighbour shares are of the positive part of the
    joint claim, over the whole patch, with 1/2 of a shared membrane for each.
    """
    od = np.minimum(tissue.dab[mask], most_od)
    is_dark = (tissue.dab[mask] > most_od) | (tissue.rgb[mask].min(axis=-1) <= DARKEST_LIGHT)
    zones = Zoned(own=tissue.zones.weight_own[None], neighbour=tissue.zones.weight_neighbour[None])
    own_over_neighbour = float(own_share(claim[None], zones)[0])
    return {
        "n_pixels": int(mask.sum()),
        "area_um2": float(mask.sum() * tissue.mpp**2),
        "od_mean": float(od.mean()),
        "od_median": float(np.median(od)),
        "od_p90": float(np.quantile(od, 0.9)),
        "saturated_share": float(is_dark.mean()),
        "own_share": float(mass_share(claim[None], zones.own)[0]),
        "own_over_neighbour": own_over_neighbour if np.isfinite(own_over_neighbour) else None,
        "is_nucleus_found": int(tissue.zones.is_nucleus_found),
    }


def _coverage_facts(coverage: Coverage) -> dict[str, Any]:
    is_defined = np.isfinite(coverage.completeness)
    return {
        "completeness": coverage.completeness if is_defined else None,
        "completeness_sd": coverage.completeness_sd if is_defined else None,
        "longest_gap_deg": coverage.longest_gap_deg if is_defined else None,
        "n_sectors": coverage.n_available,
        "bridged_gap_deg": coverage.bridged_gap_deg,
    }


def _said(fold: ExplainedFold, row: int) -> dict[str, Any]:
    cells, logit = fold.grounds.cells, fold.grounds.table.logit[row : row + 1]
    labelled = cells.cells[row]
    return {
        "cell": str(labelled.cell.cell_id),
        "slide": str(labelled.cell.slide_id),
        "case": str(labelled.case_id),
        "fold": fold.number,
        "expression": LEVEL_NAMES[int(cells.level[row])],
        "x_l0": labelled.cell.x_l0,
        "y_l0": labelled.cell.y_l0,
        "call": int(logit[0] > 0),
        "logit": float(logit[0]),
        "probability": float(probability(logit, temperature=fold.model.temperature)[0]),
    }


def _walk_facts(claims: Claims, at: int) -> dict[str, Any]:
    return {
        "rise": float(claims.main.columns["rise"][at]),
        "gap": float(claims.main.columns["gap"][at]),
        "references": "+".join(claims.names),
    }


def _columns(facts: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Columns of the table; a cell without an outline has none of the measured values."""
    names = list(dict.fromkeys(name for fact in facts for name in fact))
    return {name: [fact.get(name) for fact in facts] for name in names}


def _counts(found: list[Outlined]) -> dict[str, Any]:
    reasons = [cell.facts["reason"] for cell in found if cell.facts["reason"]]
    outlined = [cell.facts for cell in found if not cell.facts["reason"]]
    return {
        "n_cells": len(found),
        "n_called_positive": sum(cell.facts["call"] for cell in found),
        "n_outlined": len(outlined),
        "reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "levels": {name: _medians(outlined, name) for name in LEVEL_NAMES},
    }


def _medians(outlined: list[dict[str, Any]], level: str) -> dict[str, Any]:
    mine = [fact for fact in outlined if fact["expression"] == level]
    medians: dict[str, Any] = {"n_outlined": len(mine)}
    for name in ("od_mean", "area_um2", "completeness", "own_over_neighbour"):
        values = [fact[name] for fact in mine if fact[name] is not None]
        medians[f"{name}_median"] = float(np.median(values)) if values else None
    return medians


def _write_objects(folder: Path, found: list[Outlined]) -> None:
    """Write a GeoJSON for each slide with an outlined cell."""
    of_slide: dict[str, list[Outlined]] = {}
    for cell in found:
        if cell.polygons:
            of_slide.setdefault(str(cell.facts["slide"]), []).append(cell)
    for name, mine in of_slide.items():
        info = mine[0].fold.grounds.cells.slide_of_cell[mine[0].row]
        write_qupath_areas(folder / f"{name}.geojson", (area_of(c) for c in mine), slide=info)


def area_of(cell: Outlined) -> Area:
    """Return the object of one outlined cell, in level-0 pixels."""
    cells, facts = cell.fold.grounds.cells, cell.facts
    info = cells.slide_of_cell[cell.row]
    names = {
        "DAB OD mean": "od_mean",
        "DAB OD median": "od_median",
        "DAB OD p90": "od_p90",
        "Saturated share": "saturated_share",
        "Area um^2": "area_um2",
        "Completeness": "completeness",
        "Longest gap deg": "longest_gap_deg",
        "Own share": "own_share",
        "Own / (own + neighbour)": "own_over_neighbour",
        "Logit": "logit",
        "Probability": "probability",
        "Rise": "rise",
        "Gap": "gap",
        "Sigma um": "sigma_um",
    }
    return Area(
        name=str(facts["cell"]),
        class_name=CLASS_NAME,
        colour=COLOUR,
        polygons=tuple(placed(part, cells, cell.row, info) for part in cell.polygons),
        measurements={shown: facts[name] for shown, name in names.items()},
    )


def placed(
    polygon: "Polygon", cells: CellPatches, row: int, info: SlideInfo
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Return the rings of a polygon in the patch of a cell as x, y in level-0 pixels."""
    size_px = cells.settings.size_px
    box = patch_box(
        cells.cells[row].cell, size_px=size_px, patch_mpp=cells.settings.mpp, slide_mpp=info.mpp
    )
    rings = []
    for ring in (polygon.exterior, *polygon.interiors):
        points = [
            slide_point(PatchPoint(x_px=x, y_px=y), box=box, size_px=size_px)
            for x, y in ring.coords
        ]
        rings.append(tuple((point.x_l0, point.y_l0) for point in points))
    return tuple(rings)


def _write_pictures(run: Run, found: list[Outlined], truth: dict[int, np.ndarray] | None) -> None:
    """Write the cells that the report shows: patch, map, outline, and the truth where it is known.

    The folder is replaced, and with it the objects of an earlier time.
    """
    shown = shown_cells(found)
    size = found[0].tissue.gate.shape if found else (1, 1)
    arrays: dict[str, np.ndarray] = {
        "patches": np.array([c.tissue.rgb for c in shown], np.uint8).reshape(-1, *size, 3),
        "claims": np.array([c.claim for c in shown], np.float32).reshape(-1, *size),
        "masks": np.array([c.mask for c in shown], bool).reshape(-1, *size),
    }
    if truth is not None:
        arrays["truth"] = shown_truth([c.row for c in shown], truth).reshape(-1, *size)
    write_arrays(run.folder, "membranes", arrays)
    write_table(run.folder / "membranes" / "shown.csv", _columns([c.facts for c in shown]))


def shown_cells(found: list[Outlined]) -> list[Outlined]:
    """Return up to eight outlined cells, chosen by the rule."""
    shown: list[Outlined] = []
    for level in ("weak", "moderate", "strong", "negative"):
        mine = [c for c in found if c.polygons and c.facts["expression"] == level]
        mine.sort(key=lambda c: (c.facts["area_um2"], c.facts["cell"]))
        if mine:
            first = mine[len(mine) // 2]
            gaps = [c for c in mine if c is not first and c.facts["completeness"] is not None]
            gaps.sort(key=lambda c: (c.facts["completeness"], c.facts["cell"]))
            shown += [first, *gaps[:1]]
    return shown[:N_SHOWN]
