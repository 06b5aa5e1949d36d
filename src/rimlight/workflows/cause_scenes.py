"""Cells to the scenes that causes are looked for in: wide patches, zones, and maps by stain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.focus import sharpness
from rimlight.explain.cause_edits import Scene, scene_of
from rimlight.explain.causes import Case, evidence_of
from rimlight.explain.own_line import line_cut_od, look_of, own_line_od
from rimlight.io.study import Study
from rimlight.model.prediction import centre
from rimlight.settings import Settings
from rimlight.workflows.own_membranes import padding_of
from rimlight.workflows.patches import CellPatches, cell_patches
from rimlight.workflows.walks import ExplainedFold, drawn, path_settings

if TYPE_CHECKING:
    from rimlight.explain.attribution import Attributions
    from rimlight.model.network import PatchNetwork

LINE_CELLS = 400
"""Training cells whose lines are measured; enough to place one cut."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """One cell that is asked why; values: attribution of each stain and pixel (3, h, w), logits."""

    row: int
    case: Case
    values: np.ndarray


def asked_of(
    study: Study,
    fold: ExplainedFold,
    rows: np.ndarray,
    *,
    wide: np.ndarray,
    network: "PatchNetwork",
    kinds: Sequence[str],
    doubts: np.ndarray,
    line_cut: float = float("nan"),
) -> list[Asked]:
    """Return cells with their scenes, their maps by stain, and what is asked about them.

    Args:
        wide: Of each row what ``wide_patches`` gives.
        network: Folded and frozen.
        kinds: wrong, uncertain or doubtful, one a row.
        doubts: Label doubt of every cell, 0..1.
        line_cut: What ``line_cut_of`` found; nan: every cell looks as its label says.
    """
    settings, table = study.settings, fold.grounds.table
    uncertain = settings.causes.uncertain
    sure = fold.model.temperature * float(np.log(uncertain / (1 - uncertain)))
    values = stain_walk(network, fold, rows, settings=settings).values.numpy()
    scenes = scenes_of(fold, rows, wide=wide)
    soft = out_of_focus(fold.grounds.cells, rows, least=settings.causes.out_of_focus)
    asked = []
    for at, row in enumerate(rows.tolist()):
        is_positive = bool(table.level[row] > 0)
        evidence = evidence_of(values[at], scenes[at], is_positive_right=is_positive)
        if kinds[at] == "doubtful":  # the call is as the label says: no side is the wrong one
            evidence = replace(evidence, towards=np.zeros_like(evidence.towards))
        case = Case(
            scene=scenes[at],
            evidence=evidence,
            logit=float(table.logit[row]),
            is_positive_right=is_positive,
            threshold=threshold_of(
                float(table.logit[row]),
                is_positive_right=is_positive,
                is_wrong=kinds[at] == "wrong",
                sure=sure,
            ),
            look=look_of(scenes[at], is_positive=is_positive, cut_od=line_cut),
            is_out_of_focus=bool(soft[at]),
            is_doubtful=bool(doubts[row] >= settings.causes.doubtful),
        )
        asked.append(Asked(row=row, case=case, values=values[at]))
    return asked


def line_cut_of(fold: ExplainedFold, *, seed: int) -> float:
    """Return the darkness of the line around a cell that parts positive from negative cells, OD.

    Of training cells, a random sample of at most 400; nan where one kind is missing.
    """
    table = fold.grounds.table
    rows = drawn(np.flatnonzero(table.part == "train"), n_cells=LINE_CELLS, seed=seed)
    lines = np.array([own_line_od(scene) for scene in scenes_of(fold, rows)])
    return line_cut_od(lines, table.level[rows] > 0)


def scenes_of(
    fold: ExplainedFold, rows: np.ndarray, *, wide: np.ndarray | None = None
) -> list[Scene]:
    """Return the scenes of cells.

    Args:
        wide: Patches with the margin to centre them anew; else the margin that training has.
    """
    grounds, cells = fold.grounds, fold.grounds.cells
    found = cells.patches[rows] if wide is None else wide
    return [
        scene_of(
            found[at],
            size_px=cells.settings.size_px,
            white=tuple(cells.white[row].tolist()),
            stains=cells.stains,
            background_od=grounds.background_of_slide[cells.slide_of_cell[row].slide_id].od,
            mpp=cells.settings.mpp,
            is_padding=padding_of(grounds, row),
        )
        for at, row in enumerate(rows.tolist())
    ]


def out_of_focus(cells: CellPatches, rows: np.ndarray, *, least: float) -> np.ndarray:
    """Return which cells are softer than a share of the median sharpness of their slide's cells."""
    slide = np.array([info.slide_id for info in cells.slide_of_cell])
    size_px = cells.settings.size_px
    found = sharpness(centre(cells.patches[rows], size_px=size_px))
    medians = {
        name: float(np.median(sharpness(centre(cells.patches[slide == name], size_px=size_px))))
        for name in np.unique(slide[rows])
    }
    return found < least * np.array([medians[name] for name in slide[rows]])


def wide_patches(study: Study, cells: CellPatches, rows: np.ndarray) -> np.ndarray:
    """Return patches with the margin that centring anew needs, cut from the slides once for all."""
    if not len(rows):
        none: np.ndarray = cells.patches[rows]
        return none
    margin_um = max(study.settings.causes.margin_um, study.settings.patch.margin_um)
    patch = replace(study.settings.patch, margin_um=margin_um)
    wider = replace(study, settings=replace(study.settings, patch=patch))
    return cell_patches(wider, [cells.cells[row] for row in rows.tolist()]).patches


def threshold_of(logit: float, *, is_positive_right: bool, is_wrong: bool, sure: float) -> float:
    """Return the logit that an edit should reach.

    0 for a wrong call. An uncertain one must come as far as from undecided to sure, so that a call
    that is nearly sure is not explained by a small step.

    Args:
        sure: Logit, above 0, from which a positive call is no longer uncertain.
    """
    if is_wrong:
        return 0.0
    return logit + sure if is_positive_right else logit - sure


def stain_walk(
    network: "PatchNetwork", fold: ExplainedFold, rows: np.ndarray, *, settings: Settings
) -> "Attributions":
    """Return the attribution of each stain and pixel from clear glass, values (n, 3, h, w)."""
    import torch

    from rimlight.explain.stain_space import stain_parts, stain_space
    from rimlight.model.prediction import light_tensor

    cells = fold.grounds.cells
    images = light_tensor(centre(cells.patches[rows], size_px=cells.settings.size_px))
    space = stain_space(cells.stains, white=torch.from_numpy(cells.white[rows]))
    return stain_parts(network, images, space=space, settings=path_settings(settings)).attributions
