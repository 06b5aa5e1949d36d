"""A trained run to the causes of its errors: proposed by the map, confirmed by an edit.

Writes ``causes.csv`` (a row a cell that was looked at), ``cause_trials.csv`` (a row a cause that
was tried on it), ``causes/`` (patch, edited patch, map and zones for the report; a GeoJSON a slide
for QuPath) and the section ``causes`` of ``metrics.json``.  Calls that were held out and others
stand apart: only the others may steer which cells are labelled next.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.core.label_doubt import Doubts
from rimlight.explain.causes import Finding, Response, examined, tried_on_right_calls
from rimlight.explain.grouping import Groups, grouped
from rimlight.io.runs import Run, merge_metrics
from rimlight.io.study import Study
from rimlight.records import CauseName
from rimlight.settings import CausesSettings
from rimlight.workflows.cause_marks import write_marks
from rimlight.workflows.cause_scenes import Asked, asked_of, line_cut_of, scenes_of, wide_patches
from rimlight.workflows.cause_tables import KINDS, Looked, causes_section, write_causes
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.label_doubt import doubts_of_fold
from rimlight.workflows.patches import Progress, cell_patches, no_progress
from rimlight.workflows.walks import BATCH_CELLS, ExplainedFold, drawn

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork


def causes(run: Run, *, progress: Progress | None = None) -> dict[str, Any]:
    """Find out why calls of a trained run err; return the section ``causes`` as written.

    Of one fold all parts are looked at; of several each cell as it was held out.

    Raises:
        RunError: The run was not trained, or its labels have changed since.
        StorageError: The disk refuses.
    """
    show = progress or no_progress
    study = study_of(run)
    cells = cell_patches(study, consensus_of_study(study).cells, progress=show)
    folds = explained_folds(run, study, cells)
    settings = study.settings.causes
    n_each = -(-settings.n_cells // len(folds))
    looked, right = [], Counter[tuple[CauseName, str]]()
    n_right = 0
    for fold in folds:
        response, network = _response(fold)
        found = _looked(
            fold,
            study,
            response,
            network,
            n_cells=n_each,
            is_only=len(folds) == 1,
            show=show,
        )
        looked.append(found)
        n_wanted = -(-settings.n_right // len(folds))
        tried, n = _right_calls(fold, response, n_wanted=n_wanted, seed=study.settings.study.seed)
        n_right += n
        for cause, (n_tried, n_turned) in tried.items():
            right.update({(cause, "tried"): n_tried, (cause, "turned"): n_turned})
    groups = _groups(looked)
    write_causes(run, cells, looked, groups)
    write_marks(run, cells, looked)
    section = causes_section(cells, looked, groups)
    section["right_calls"] = {
        "n_cells": n_right,
        "per_cause": {
            cause.value: {"n_tried": right[cause, "tried"], "n_changed": right[cause, "turned"]}
            for cause in CauseName
            if right[cause, "tried"]
        },
    }
    merge_metrics(run, "causes", section)
    return section


def _looked(
    fold: ExplainedFold,
    study: Study,
    response: Response,
    network: "PatchNetwork",
    *,
    n_cells: int,
    is_only: bool,
    show: Progress,
) -> Looked:
    settings = study.settings.causes
    doubts = doubts_of_fold(fold, progress=show)
    kind_of_row = _kinds(fold, doubts, settings, is_only=is_only)
    rows = _chosen(kind_of_row, n_cells=n_cells, seed=study.settings.study.seed)
    kind = tuple(kind_of_row[row] for row in rows.tolist())
    line_cut = line_cut_of(fold, seed=study.settings.study.seed) if len(rows) else float("nan")
    wide = wide_patches(study, fold.grounds.cells, rows)
    asked: list[Asked] = []
    findings: list[Finding] = []
    for at in range(0, len(rows), BATCH_CELLS):
        part = slice(at, at + BATCH_CELLS)
        new = asked_of(
            study,
            fold,
            rows[part],
            wide=wide[part],
            network=network,
            kinds=kind[part],
            doubts=doubts.score,
            line_cut=line_cut,
        )
        asked += new
        findings += examined(
            [item.case for item in new], response, seed=study.settings.study.seed + at
        )
        show("asking why", min(at + BATCH_CELLS, len(rows)), len(rows))
    return Looked(fold=fold, doubts=doubts, kind=kind, asked=tuple(asked), findings=tuple(findings))


def _kinds(
    fold: ExplainedFold, doubts: Doubts, settings: CausesSettings, *, is_only: bool
) -> dict[int, str]:
    """Rows worth a question, and why: a wrong call, an uncertain one, a doubtful label."""
    from rimlight.model.prediction import probability

    table = fold.grounds.table
    is_wrong = (table.logit > 0) != (table.level > 0)
    sure = np.abs(probability(table.logit, temperature=fold.model.temperature) - 0.5) + 0.5
    allowed = table.part != "unused" if is_only else table.part == "hold-out"
    kind_of_row = {}
    for row in np.flatnonzero(allowed).tolist():
        if is_wrong[row]:
            kind_of_row[row] = "wrong"
        elif doubts.score[row] >= settings.doubtful:
            kind_of_row[row] = "doubtful"
        elif sure[row] < settings.uncertain:
            kind_of_row[row] = "uncertain"
    return kind_of_row


def _chosen(kind_of_row: Mapping[int, str], *, n_cells: int, seed: int) -> np.ndarray:
    """The rows to look at: wrong calls first; within a kind a random sample."""
    chosen: list[int] = []
    for kind in KINDS:
        rows = np.array([row for row, why in kind_of_row.items() if why == kind], dtype=int)
        left = n_cells - len(chosen)
        if n_cells == 0 or left > 0:
            chosen += drawn(rows, n_cells=0 if n_cells == 0 else left, seed=seed).tolist()
    return np.array(sorted(chosen), dtype=int)


def _response(fold: ExplainedFold) -> tuple[Response, "PatchNetwork"]:
    from rimlight.model.network import folded
    from rimlight.model.prediction import logits_of

    network = folded(fold.model.network)
    size_px = fold.grounds.cells.settings.size_px

    def response(patches: np.ndarray) -> np.ndarray:
        return logits_of(network, patches, size_px=size_px)

    return response, network


def _right_calls(
    fold: ExplainedFold, response: Response, *, n_wanted: int, seed: int
) -> tuple[dict[CauseName, tuple[int, int]], int]:
    """What the same edits do to right held-out calls, which they should leave alone."""
    table = fold.grounds.table
    is_right = (table.logit > 0) == (table.level > 0)
    allowed = np.flatnonzero(is_right & (table.part == "hold-out"))
    if not n_wanted or not len(allowed):
        return {}, 0
    rows = drawn(allowed, n_cells=n_wanted, seed=seed)
    scenes = scenes_of(fold, rows)
    return tried_on_right_calls(scenes, response, table.logit[rows], seed=seed), len(rows)


def _groups(looked: Sequence[Looked]) -> Groups:
    """Groups of the calls that were looked at, of all folds together."""
    maps, shares, logits, names = [], [], [], []
    for found in looked:
        for item, finding in zip(found.asked, found.findings, strict=True):
            maps.append(item.values.sum(0))
            shares.append(item.case.evidence.sums.ravel())
            logits.append(item.case.logit)
            names.append(finding.cause.value)
    if not names:
        return Groups(names=(), groups=(), rule="No call was looked at.")
    return grouped(np.stack(maps), np.stack(shares), np.array(logits), names)
