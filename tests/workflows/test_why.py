"""Any cell explained on request: the numbers are those that the commands wrote for it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from rimlight.errors import RimlightError, StudyError
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import open_run
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.records import Cell
from rimlight.workflows.causes import causes
from rimlight.workflows.cell_choice import CellChoice
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.explain import explain
from rimlight.workflows.explain_slide import explain_slide
from rimlight.workflows.membranes import membranes
from rimlight.workflows.why import why
from rimlight.workflows.why_cells import model_words, placed, ready_run


def rows_of(run, name):
    table = read_table(run.folder / name)
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


@pytest.fixture(scope="module")
def told(scored_folder, tmp_path_factory):
    """A run that calls some cells positive, explained in all ways, its cells ready to be asked."""
    home = tmp_path_factory.mktemp("told") / "study"
    run = open_run(open_study(shutil.copytree(scored_folder, home)))
    explain(run)
    membranes(run)
    causes(run)
    return run, ready_run(run)


def asked(cells, name):
    return placed(cells, cells.cells.cells[cells.row_of_cell[name]].cell)


def test_logit_rise_gap_and_density_are_those_of_explain(told):
    run, cells = told
    rows = [
        row
        for row in rows_of(run, "explanations.csv")
        if row["network"] == "trained" and row["part"] == "hold-out"
    ]
    for row in [r for r in rows if r["reference"] == "opposite"][:6]:
        facts = why(cells, asked(cells, row["cell"]), reference="opposite").facts
        for name in ("logit", "rise"):
            assert facts[name] == pytest.approx(float(row[name]), abs=2e-5)
        assert facts["gap"] == pytest.approx(float(row["gap"]), abs=2e-3)
        assert facts["is_converged"] == (row["is_converged"] == "1")
        assert facts["od"]["attributed"] == pytest.approx(float(row["od_attributed"]), abs=2e-3)
    white = next(r for r in rows if r["reference"] == "white")
    facts = why(cells, asked(cells, white["cell"]), reference="white").facts
    assert facts["rise"] == pytest.approx(float(white["rise"]), abs=2e-5)
    assert facts["reference"] == "white"


def test_control_densities_and_probability_are_those_of_the_predictions(told):
    run, cells = told
    row = next(r for r in rows_of(run, "predictions.csv") if r["part"] == "hold-out")
    facts = why(cells, asked(cells, row["cell"])).facts
    assert facts["probability"] == pytest.approx(float(row["probability"]), abs=1e-6)
    for name, column in (("ring", "od_ring"), ("disc", "od_disc"), ("whole_patch", "od_patch")):
        assert facts["od"][name] == pytest.approx(float(row[column]), abs=1e-7)


def test_an_outline_and_its_completeness_are_those_of_membranes(told):
    run, cells = told
    rows = [row for row in rows_of(run, "membranes.csv") if not row["reason"]]
    assert rows
    for row in rows[:3]:
        found = why(cells, asked(cells, row["cell"]))
        assert found.facts["area_um2"] == pytest.approx(float(row["area_um2"]))
        assert found.mask.sum() == int(row["n_pixels"])
        if row["completeness"]:
            assert found.facts["completeness"] == pytest.approx(float(row["completeness"]))
        assert found.facts["od"]["membrane"] == pytest.approx(float(row["od_mean"]), abs=1e-6)
        assert found.polygons


def test_zones_and_stains_are_those_of_causes_and_sum_to_the_logit(told):
    run, cells = told
    row = next(r for r in rows_of(run, "causes.csv") if r["part"] == "hold-out")
    facts = why(cells, asked(cells, row["cell"])).facts
    for zone in facts["zones"]:
        for stain, logits in zone["stains"].items():
            kept = float(row[f"evidence_{zone['zone']}_{stain}"])
            assert logits == pytest.approx(kept, abs=2e-4)
    for parts in (facts["zones"], facts["stains"]):
        total = facts["glass_logit"] + sum(part["logits"] for part in parts)
        assert total - facts["parts_gap"] == pytest.approx(facts["logit"], abs=1e-3)


def test_a_place_is_explained_as_the_labelled_cell_that_lies_there(told):
    _, cells = told
    row = int(np.flatnonzero(cells.folds[0].grounds.table.part == "hold-out")[0])
    cell = cells.cells.cells[row].cell
    by_name, by_place = placed(cells, cell), placed(cells, replace(cell, cell_id="nameless"))
    assert (by_name.is_known, by_place.is_known) == (True, False)
    assert by_place.part == by_name.part == "hold-out"
    one, other = why(cells, by_name).facts, why(cells, by_place).facts
    for name in ("logit", "rise", "glass_logit"):
        assert one[name] == pytest.approx(other[name], abs=2e-5)
    assert one["od"]["ring"] == pytest.approx(other["od"]["ring"], abs=1e-7)


def test_labels_that_came_since_training_change_nothing(told, synthetic_folder, tmp_path):
    run, cells = told
    home = shutil.copytree(run.folder.parent.parent, tmp_path / "study")
    study = open_study(home)
    file = sorted((synthetic_folder / "labels").glob("*.geojson"))[0]
    import_labels(study, file, reader="later", slide=None, class_names={"Tumor: 1+": "negative"})
    later = ready_run(open_run(study))
    assert later.cells.level.tolist() == cells.cells.level.tolist()


def test_the_network_is_one_that_never_saw_the_case_and_is_said(told):
    _, cells = told
    part = cells.folds[0].grounds.table.part
    words = {
        name: model_words(
            placed(cells, cells.cells.cells[int(np.flatnonzero(part == name)[0])].cell),
            run_id="0001",
            n_folds=1,
        )
        for name in ("hold-out", "train")
    }
    assert "never saw this case" in words["hold-out"]
    assert "was trained on this case" in words["train"]


def test_of_several_folds_the_one_speaks_that_held_the_cell_out(study):
    from rimlight.workflows.train import train

    split = replace(study.settings.split, method="folds", n_folds=2)
    settings = replace(study.settings, split=split, train=replace(study.settings.train, n_epochs=1))
    run = train(replace(study, settings=settings), command="rimlight train")
    cells = ready_run(run)
    assert len(cells.folds) == 2
    for row in range(0, len(cells.cells.cells), 7):
        cell = cells.cells.cells[row].cell
        for asked_cell in (cell, replace(cell, cell_id="nameless")):
            found = placed(cells, asked_cell)
            assert found.part == "hold-out"
            assert found.fold.number == int(cells.fold_of_row[row])
    assert set(cells.fold_of_row.tolist()) == {0, 1}


def test_a_scored_cell_has_the_numbers_of_explain_slide(scored_folder, tmp_path):
    run = open_run(open_study(shutil.copytree(scored_folder, tmp_path / "study")))
    info = slides(open_study(tmp_path / "study").engine)[0]
    explain_slide(run, [str(info.slide_id)], choice=CellChoice(cells="all", most=6))
    cells = ready_run(run)
    for row in rows_of(run, f"explained_slides/{info.slide_id}.cells.csv"):
        place = Cell.at_place(info.slide_id, float(row["x_l0"]), float(row["y_l0"]))
        facts = why(cells, placed(cells, place)).facts
        assert facts["logit"] == pytest.approx(float(row["logit"]), abs=1e-4)
        assert facts["rise"] == pytest.approx(float(row["rise"]), abs=1e-4)
        assert facts["gap"] == pytest.approx(float(row["gap"]), abs=1e-3)
        if row["completeness"]:
            assert facts["completeness"] == pytest.approx(float(row["completeness"]))


def test_what_cannot_be_explained_is_refused_with_the_reason(told):
    _, cells = told
    info = slides(cells.study.engine)[0]
    outside = Cell(cell_id="x", slide_id=info.slide_id, x_l0=-5.0, y_l0=5.0)
    with pytest.raises(StudyError, match="outside"):
        placed(cells, outside)
    with pytest.raises(StudyError, match="is not in this study"):
        placed(cells, replace(outside, slide_id="nope"))
    table = cells.folds[0].grounds.table
    negative = cells.cells.cells[int(np.flatnonzero(~table.is_called_positive)[0])].cell
    with pytest.raises(RimlightError, match="called negative"):
        why(cells, placed(cells, negative), reference="stain_removed")
    with pytest.raises(RimlightError, match="is not known"):
        why(cells, placed(cells, negative), reference="black")
