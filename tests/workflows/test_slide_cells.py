"""Scored cells made ready to be explained: the same patches, pools and maps as held-out cells."""

from dataclasses import replace

import numpy as np
import pytest

from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.runs import open_run
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.model.prediction import logits_of
from rimlight.records import CaseId, ReaderId, Region, RegionId, RegionKind
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.explained_parts import explained_part
from rimlight.workflows.membranes import outlined
from rimlight.workflows.own_membranes import claims_of
from rimlight.workflows.slide_cells import (
    cells_to_explain,
    name_of,
    references_of,
    subject_of,
)
from rimlight.workflows.walks import path_settings, references_for, walked


@pytest.fixture(scope="module")
def scored(scored_folder):
    """A scored run; tests only read it."""
    return open_run(open_study(scored_folder))


def first_slides(run):
    return slides(study_of(run).engine)[:2]


def cells_of(run, info):
    return read_scored_cells(run.folder / "scores" / f"{info.slide_id}.csv.gz")


def test_a_cell_is_explained_as_held_out_cells_are(scored):
    references = references_of(scored)
    study, labelled = references.study, references.cells
    fold = explained_folds(scored, study, labelled)[0]
    info = labelled.slide_of_cell[fold.held_rows[0]]
    mine = [row for row in fold.held_rows if labelled.slide_of_cell[row] is info]
    called = fold.grounds.table.is_called_positive
    groups = [
        np.array([row for row in mine if called[row] == is_called][:3]) for is_called in (1, 0)
    ]
    assert all(len(group) for group in groups)
    cells = as_scored(labelled, fold, np.concatenate(groups))
    path = path_settings(study.settings)
    part = explained_part(
        subject_of(references, info, cells), np.arange(len(cells)), path=path, on_cells=lambda _: 0
    )
    network = subject_of(references, info, cells).network
    claims = claims_of(network, fold.grounds, groups[0], path=path)
    negatives = walked(network, fold.grounds, groups[1], name="opposite", path=path)
    expected = np.concatenate([claims.main.values, negatives.values])
    is_told = ~np.isnan(part.values).any(axis=(1, 2))
    assert is_told.any()
    np.testing.assert_array_equal(part.values[is_told], expected[is_told])
    for at in range(len(groups[0])):
        known = outlined(fold, claims, at).facts
        told = part.facts[at]
        for name in ("reason", "rise", "gap", "od_mean", "completeness", "own_share", "references"):
            assert told.get(name) == known.get(name)


def as_scored(labelled, fold, rows):
    """Labelled cells as if the search had found them at their clicks."""
    cells = [labelled.cells[row].cell for row in rows]
    logit = fold.grounds.table.logit[rows]
    return ScoredCells(
        x_l0=np.array([cell.x_l0 for cell in cells]),
        y_l0=np.array([cell.y_l0 for cell in cells]),
        logit=logit,
        probability=1 / (1 + np.exp(-logit)),
        od_ring=np.full(len(rows), 0.2),
        level=(logit > 0).astype(int),
        reason=np.zeros(len(rows), dtype=int),
        reasons=("",),
        has_levels=True,
    )


def test_the_network_is_shown_the_patch_that_was_scored(scored):
    info = first_slides(scored)[1]
    cells = cells_of(scored, info)
    rows = np.arange(0, len(cells), 7)
    subject = subject_of(references_of(scored), info, cells)
    patches = cells_to_explain(subject, rows).grounds.cells.patches
    logits = logits_of(subject.network, patches, size_px=64)
    np.testing.assert_allclose(logits, cells.logit[rows], atol=1e-4)


def test_no_reference_is_of_the_case_of_the_cell(scored):
    references = references_of(scored)
    parts = references.predicted[0].part
    known = references.cells
    row = next(at for at in np.flatnonzero(parts == "train") if known.level[at] > 0)
    info = known.slide_of_cell[row]
    case = known.cells[row].case_id
    assert ((known.case == case) & (parts == "train")).any()
    cells = as_scored(known, explained_folds(scored, references.study, known)[0], np.array([row]))
    fold = cells_to_explain(subject_of(references, info, cells), np.array([0]))
    _, (chosen,) = references_for(fold.grounds, np.array([0]), name="opposite")
    assert len(chosen)
    assert case not in known.case[chosen]
    assert (parts[chosen] == "train").all()


def test_a_cell_of_a_core_of_another_case_takes_no_reference_of_that_case(scored):
    references = references_of(scored)
    info = first_slides(scored)[0]
    corners = ((0.0, 0.0), (9999.0, 0.0), (9999.0, 300.0), (0.0, 300.0))
    core = Region(
        region_id=RegionId("r1"),
        slide_id=info.slide_id,
        name="1A",
        kind=RegionKind.CORE,
        polygons=((corners,),),
        reader=ReaderId(""),
        source="",
        case_id=CaseId("synthetic-05"),
    )
    plan = replace(references.plan, regions=(core,))
    cells = cells_of(scored, info)
    subject = subject_of(replace(references, plan=plan), info, cells)
    rows = np.array([int(cells.y_l0.argmin()), int(cells.y_l0.argmax())])
    fold = cells_to_explain(subject, rows)
    assert fold.grounds.cells.case.tolist() == ["synthetic-05", str(info.case_id)]
    assert fold.grounds.table.case.tolist() == ["synthetic-05", str(info.case_id)]


def test_a_name_is_the_place_as_commands_take_it():
    assert name_of(742.0, 1638.5) == "742:1638.5"
    assert name_of(123456.25, 0.0) == "123456.25:0"
