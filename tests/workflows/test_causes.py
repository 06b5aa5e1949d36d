"""Causes of a run: every wrong call is asked, and what is written holds together."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_metrics_page import PAGE, keys

from rimlight.explain.causes import STAINS, ZONES
from rimlight.io.arrays import read_arrays
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import read_metrics
from rimlight.records import CauseName
from rimlight.workflows.cause_scenes import asked_of, out_of_focus, wide_patches
from rimlight.workflows.causes import _chosen, _response, causes
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.label_doubt import doubts_of_fold
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.run_tables import read_cells
from rimlight.workflows.train import train


@pytest.fixture(scope="module")
def asked(shared_study):
    """A run whose calls were asked why; its network is poor, so that many are wrong."""
    better = replace(shared_study.settings.train, n_epochs=4, least_steps=10)
    why = replace(shared_study.settings.causes, n_right=8, doubtful=0.6)
    settings = replace(shared_study.settings, train=better, causes=why)
    run = train(replace(shared_study, settings=settings), command="rimlight train")
    causes(run)
    return run


@pytest.fixture(scope="module")
def fold(asked):
    study = study_of(asked)
    cells = cell_patches(study, consensus_of_study(study).cells)
    return study, explained_folds(asked, study, cells)[0]


def rows_of(run, name="causes.csv"):
    table = read_table(run.folder / name)
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def test_every_wrong_call_is_asked_and_no_sure_one(asked):
    predicted = read_cells(asked)
    wrong = set(predicted.cell[predicted.call != predicted.is_positive])
    rows = rows_of(asked)
    assert {row["cell"] for row in rows if row["kind"] == "wrong"} == wrong
    for row in rows:
        is_wrong = (float(row["logit"]) > 0) != (int(row["level"]) > 0)
        assert (row["kind"] == "wrong") == is_wrong
        if row["kind"] == "uncertain":
            assert 0.25 < float(row["probability"]) < 0.75
        if row["kind"] == "doubtful":
            assert float(row["doubt"]) >= 0.6


def test_logits_are_those_of_the_predictions(asked):
    predicted = read_cells(asked)
    known = dict(zip(predicted.cell, predicted.numbers["logit"], strict=True))
    for row in rows_of(asked):
        assert float(row["logit"]) == pytest.approx(known[row["cell"]], abs=1e-4)


def test_pictures_stand_in_the_order_of_the_table(asked, fold):
    study, fold = fold
    arrays, rows = read_arrays(asked.folder, "causes"), rows_of(asked)
    place = {cell: at for at, cell in enumerate(fold.grounds.cells.cell_ids)}
    edge = (fold.grounds.cells.patches.shape[1] - study.settings.patch.size_px) // 2
    for at, row in enumerate(rows):
        patch = fold.grounds.cells.patches[place[row["cell"]]][edge:-edge, edge:-edge]
        np.testing.assert_array_equal(arrays["patches"][at], patch)
        is_edited = (arrays["edited"][at] != patch).any()
        assert is_edited == (row["status"] == "confirmed")
        sums = sum(float(row[f"evidence_{zone}_{stain}"]) for zone in ZONES for stain in STAINS)
        total = arrays["maps"][at].astype(np.float64).sum()
        assert sums == pytest.approx(total, abs=0.05 * max(1, abs(total)))
    assert arrays["zones"].max() <= 5


def test_the_edited_picture_gives_the_logit_that_is_written(asked, fold):
    response, _ = _response(fold[1])
    arrays, rows = read_arrays(asked.folder, "causes"), rows_of(asked)
    confirmed = [at for at, row in enumerate(rows) if row["status"] == "confirmed"]
    assert confirmed
    after = response(arrays["edited"][confirmed])
    written = [float(rows[at]["logit_after"]) for at in confirmed]
    np.testing.assert_allclose(after, written, atol=1e-3)


def test_a_confirmed_cause_has_its_trial_and_came_half_of_the_way(asked):
    trials = rows_of(asked, "cause_trials.csv")
    for row in rows_of(asked):
        mine = {t["cause"]: t for t in trials if t["cell"] == row["cell"]}
        confirmed = [name for name in row["causes"].split("+") if name]
        assert set(confirmed) == {n for n, t in mine.items() if t["is_confirmed"] == "1"}
        assert bool(confirmed) == (row["status"] == "confirmed")
        if confirmed:
            assert row["cause"] == confirmed[0]
            assert float(row["recovered"]) == pytest.approx(float(mine[row["cause"]]["recovered"]))
        assert row["cause"] in {cause.value for cause in CauseName}


def test_the_section_counts_what_the_table_holds(asked):
    rows, section = rows_of(asked), read_metrics(asked)["causes"]
    assert section["n_examined"] == len(rows)
    for status in ("confirmed", "map_only", "unexplained"):
        assert section[f"n_{status}"] == sum(row["status"] == status for row in rows)
    for part, facts in section["parts"].items():
        mine = [row for row in rows if row["part"] == part]
        assert sum(facts["status"].values()) == len(mine)
        assert facts["n_wrong"] == sum(row["kind"] == "wrong" for row in mine)
    assert sum(group["n_cells"] for group in section["groups"]) == len(rows)
    assert section["right_calls"]["n_cells"] == 8
    assert section["doubts"] == sorted(section["doubts"], key=lambda item: -item["doubt"])


def test_every_key_and_column_is_on_the_page_of_metrics(asked):
    words = PAGE.read_text(encoding="utf-8")
    named = {cause.value for cause in CauseName}
    section = dict(read_metrics(asked)["causes"])
    for group in section["groups"]:
        group["cases"], group["slides"] = {}, {}
    names = set(keys(section)) - named - {"train", "validation", "confirmed", "map_only"}
    names -= {"hold-out", "unexplained"}
    columns = [
        *read_table(asked.folder / "causes.csv"),
        *read_table(asked.folder / "cause_trials.csv"),
    ]
    names |= {name for name in columns if not name.startswith("evidence_")}
    assert sorted(name for name in names if f"`{name}`" not in words) == []


def test_qupath_gets_a_point_for_every_call_where_its_cell_lies(asked, fold):
    cells = {cell.cell.cell_id: cell.cell for cell in fold[1].grounds.cells.cells}
    rows = {row["cell"]: row for row in rows_of(asked)}
    found = {}
    for path in (asked.folder / "causes").glob("*.geojson"):
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            found[feature["properties"]["name"]] = feature
    assert set(found) == set(rows)
    for name, feature in found.items():
        at = (cells[name].x_l0, cells[name].y_l0)
        assert feature["geometry"] == {"type": "Point", "coordinates": list(at)}
        said = feature["properties"]["classification"]["name"]
        assert rows[name]["cause"].replace("_", " ") in said
        values = feature["properties"]["measurements"]
        assert values["rimlight: logit"] == pytest.approx(float(rows[name]["logit"]), abs=1e-4)
        assert ("rimlight: recovered, share" in values) == (rows[name]["status"] == "confirmed")


def test_the_same_run_gives_the_same_causes(asked):
    before = (asked.folder / "causes.csv").read_bytes()
    causes(asked)
    assert (asked.folder / "causes.csv").read_bytes() == before


def test_labels_are_never_touched(asked, shared_study):
    cells = {cell.cell.cell_id: cell.expression for cell in consensus_of_study(shared_study).cells}
    causes(asked)
    after = {cell.cell.cell_id: cell.expression for cell in consensus_of_study(shared_study).cells}
    assert after == cells


def test_a_cell_counts_as_wrong_side_by_its_label(fold):
    study, fold = fold
    table = fold.grounds.table
    rows = np.array([np.flatnonzero(table.level > 0)[0], np.flatnonzero(table.level == 0)[0]])
    _, network = _response(fold)
    doubts = np.zeros(len(table.level))
    kinds = ("uncertain", "uncertain")
    wide = wide_patches(study, fold.grounds.cells, rows)
    given = {"wide": wide, "network": network, "doubts": doubts}
    items = asked_of(study, fold, rows, kinds=kinds, **given)
    assert [item.case.is_positive_right for item in items] == [True, False]
    sure = fold.model.temperature * np.log(3)
    ways = [item.case.threshold - item.case.logit for item in items]
    assert ways == pytest.approx([sure, -sure])
    wrong = asked_of(study, fold, rows, kinds=("wrong",) * 2, **given)
    assert [item.case.threshold for item in wrong] == [0.0, 0.0]
    edge = (items[0].case.scene.wide.shape[0] - study.settings.patch.size_px) // 2
    assert edge == round(study.settings.causes.margin_um / study.settings.patch.mpp)


def test_wrong_calls_come_before_uncertain_ones():
    kinds = {row: "uncertain" if row % 2 else "wrong" for row in range(20)}
    chosen = _chosen(kinds, n_cells=12, seed=1)
    assert set(range(0, 20, 2)) <= set(chosen.tolist())
    assert len(chosen) == 12
    assert len(_chosen(kinds, n_cells=0, seed=1)) == 20
    assert len(_chosen({}, n_cells=5, seed=1)) == 0


def test_a_soft_patch_is_told_from_the_others_of_its_slide(fold):
    from rimlight.core.edits import blurred

    cells = fold[1].grounds.cells
    patches = cells.patches.copy()
    patches[3] = blurred(patches[3:4], sigma_px=np.array([3.0]))[0]
    soft = out_of_focus(replace(cells, patches=patches), np.arange(8), least=0.5)
    assert soft[3]
    assert soft.sum() < 4


def test_training_cells_are_witnesses_and_never_of_the_same_case(fold):
    fold = fold[1]
    table = fold.grounds.table
    doubts = doubts_of_fold(fold)
    for row in range(0, len(table.level), 17):
        near = doubts.nearest[row][doubts.nearest[row] >= 0]
        assert (table.part[near] == "train").all()
        assert (table.case[near] != table.case[row]).all()


def test_of_several_folds_each_cell_is_asked_as_it_was_held_out(shared_study):
    start = shared_study.settings
    settings = replace(
        start,
        split=replace(start.split, method="folds", n_folds=2),
        causes=replace(start.causes, n_right=0),
    )
    run = train(replace(shared_study, settings=settings), command="rimlight train")
    section = causes(run)
    rows = rows_of(run)
    assert {row["part"] for row in rows} == {"hold-out"}
    assert len({row["cell"] for row in rows}) == len(rows)
    assert len({row["fold"] for row in rows}) == 2
    assert section["right_calls"] == {"n_cells": 0, "per_cause": {}}
