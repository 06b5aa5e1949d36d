"""Predicted cells of a slide: places, names and what a reader may see of them."""

import gzip
import json
import struct

import numpy as np
import pytest

from rimlight.errors import RunError
from rimlight.io.formats.tables import write_table
from rimlight.io.journal import append_labels
from rimlight.io.rounds import put_round
from rimlight.io.runs import create_run, open_run
from rimlight.records import Cell, Expression, Label, RoundCell
from rimlight.workflows import slide_points
from rimlight.workflows.blinding import disclose
from rimlight.workflows.point_table import point_table
from rimlight.workflows.seen_points import seen_points
from rimlight.workflows.slide_points import PointStore, read_points
from small_studies import slide_info, study_of

CELLS = "x_l0,y_l0,logit,probability,call,level,od_ring,excluded\n"
LINES = (
    "200.25,50,2,0.9,1,3,0.5,\n"
    "300.75,60,2,0.9,1,1,0.125,\n"
    "40,150.5,-2,0.1,0,0,0.1,\n"
    "600,151,1,0.75,1,2,,called_other\n"
)


@pytest.fixture
def study(tmp_path):
    """A scored slide ``s1`` of 2000 x 1000 px at 0.25 um with four cells; ``s2`` only predicted."""
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"), slide_info("s3"))
    run = create_run(study, command="rimlight train")
    (run.folder / "scores").mkdir()
    with gzip.open(run.folder / "scores" / "s1.csv.gz", "wt") as handle:
        handle.write(CELLS + LINES)
    score = {"score": {"case": "case of s1", "part": "hold-out"}}
    (run.folder / "scores" / "s1.json").write_text(json.dumps(score))
    write_table(
        run.folder / "parts.csv",
        {"fold": [0, 1], "case": ["case of s1"] * 2, "part": ["train", "hold-out"]},
    )
    write_table(
        run.folder / "cells.csv",
        {"cell": ["a", "b"], "slide": ["s2", "s2"], "x_l0": [10.0, 20.0], "y_l0": [70.0, 80.0]},
    )
    write_table(
        run.folder / "predictions.csv",
        {
            "cell": ["a", "b", "a", "b"], "fold": [0, 0, 1, 1],
            "part": ["train", "hold-out", "hold-out", "train"],
            "logit": [9.0, -1.0, 1.0, -9.0], "probability": [0.99, 0.3, 0.7, 0.01],
            "call": [1, 0, 1, 0], "od_ring": [0.2, 0.1, 0.2, 0.1],
        },
    )  # fmt: skip
    return study


def label_at(x_l0, y_l0, name, *, reader="anna", slide_id="s1"):
    return Label(
        label_id=f"{name}-{reader}",
        cell=Cell(cell_id=name, slide_id=slide_id, x_l0=x_l0, y_l0=y_l0),
        reader=reader,
        expression=Expression.WEAK,
        made_at="2026-03-01T10:00:00Z",
        source="test",
    )


def seen_by(study, reader="anna", slide="s1"):
    points = PointStore().points(study, slide)
    return seen_points(study, points, info=slide_info(slide), reader=reader)


def table_of(seen):
    raw = point_table(seen)
    length, zero = struct.unpack("<II", raw[:8])
    assert (zero, length % 8) == (0, 0)
    header, body = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    columns = {
        each["name"]: np.frombuffer(
            body, each["dtype"], offset=each["offset"],
            count=each["length"] // np.dtype(each["dtype"]).itemsize,
        )
        for each in header["columns"]
    }  # fmt: skip
    return header, columns


def test_cells_of_a_score_have_their_places_levels_and_the_fold_that_held_them_out(study):
    points = read_points(study, open_run(study), "s1")
    assert points.x_l0.tolist() == [200.25, 300.75, 40, 600]
    assert points.y_l0.tolist() == [50, 60, 150.5, 151]
    assert points.level.tolist() == [3, 1, 0, 2]
    assert [points.reasons[number] for number in points.reason] == ["", "", "", "called_other"]
    assert np.isnan(points.od_ring[3])
    assert (points.source, points.model, points.part) == ("scores", "fold-1", "hold-out")


def test_columns_kept_in_the_cache_are_those_of_the_table(study, monkeypatch):
    first = read_points(study, open_run(study), "s1")
    assert len(list(study.cache.glob("points-*"))) == 1
    monkeypatch.setattr(slide_points, "read_scored_cells", None)  # not read again
    again = read_points(study, open_run(study), "s1")
    for name in ("x_l0", "y_l0", "logit", "probability", "level", "reason"):
        assert getattr(first, name).tolist() == getattr(again, name).tolist()
    assert first.reasons == again.reasons


def test_a_score_made_anew_is_shown_and_not_the_old_one(study):
    store = PointStore()
    assert len(store.points(study, "s1")) == 4
    with gzip.open(open_run(study).folder / "scores" / "s1.csv.gz", "wt") as handle:
        handle.write(CELLS + LINES + "900,900,1,0.75,1,2,,\n")
    assert len(store.points(study, "s1")) == 5


def test_a_slide_without_score_has_its_labelled_cells_by_the_fold_that_held_them_out(study):
    points = read_points(study, open_run(study), "s2")
    assert points.cell_ids == ("a", "b")
    assert (points.x_l0.tolist(), points.y_l0.tolist()) == ([10, 20], [70, 80])
    assert points.logit.tolist() == [1, -1]
    assert (points.source, points.level.tolist()) == ("predictions", [1, 0])


def test_a_slide_that_no_run_predicted_is_refused_with_what_to_do(study):
    with pytest.raises(RunError, match="slide s3: has no cell predicted by any run; score it"):
        PointStore().points(study, "s3")


def test_nothing_is_seen_before_a_label_or_a_disclosure(study):
    header, columns = table_of(seen_by(study))
    assert (header["n"], header["n_all"], header["is_disclosed"]) == (0, 4, False)
    assert header["named"] == []
    assert all(len(column) == 0 for column in columns.values())


def test_a_label_opens_its_own_cell_to_its_own_reader_alone(study):
    append_labels(study.engine, [label_at(306, 60, "mine")])
    seen = seen_by(study)
    assert (seen.numbers.tolist(), seen.cell(1).cell_id) == ([1], "mine")
    assert [seen.shows(number) for number in range(4)] == [False, True, False, False]
    assert seen_by(study, reader="ben").numbers.tolist() == []


def test_a_label_somewhere_else_opens_no_cell(study):
    append_labels(study.engine, [label_at(300.75, 60 + 20, "far")])
    assert seen_by(study).numbers.tolist() == []


@pytest.mark.parametrize(("scope", "subject"), [("slide", "s1"), ("run", "0001")])
def test_a_disclosure_opens_all_cells_to_who_asked_for_it(study, scope, subject):
    disclose(study, reader="anna", scope=scope, subject=subject)
    header, columns = table_of(seen_by(study))
    assert (header["n"], header["is_disclosed"], header["run"]) == (4, True, "0001")
    assert columns["x_tenths"].tolist() == [2002, 3008, 400, 6000]
    assert columns["y_tenths"].tolist() == [500, 600, 1505, 1510]
    assert columns["logit"].tolist() == [2, 2, -2, 1]
    assert columns["probability"].tolist() == pytest.approx([0.9, 0.9, 0.1, 0.75])
    assert columns["level"].tolist() == [3, 1, 0, 2]
    assert columns["number"].tolist() == [0, 1, 2, 3]
    assert table_of(seen_by(study, reader="ben"))[0]["n"] == 0


def test_the_name_of_a_place_is_that_of_its_tenths(study):
    points = read_points(study, open_run(study), "s1")
    names = [f"s1@{x / 10:.1f}_{y / 10:.1f}" for x, y in points.tenths.tolist()]
    assert names == [points.cell(number).cell_id for number in range(4)]


def test_predicted_cells_without_a_score_are_blinded_by_their_names(study):
    append_labels(study.engine, [label_at(20, 80, "b", slide_id="s2")])
    header, columns = table_of(seen_by(study, slide="s2"))
    assert columns["number"].tolist() == [1]
    assert header["named"] == [[1, "b", 20.0, 80.0]]


def test_a_cell_that_another_reader_or_a_round_named_keeps_its_name(study):
    append_labels(study.engine, [label_at(201, 50, "of ben", reader="ben")])
    asked = Cell(cell_id="asked", slide_id="s1", x_l0=601, y_l0=151)
    put_round(
        study.engine,
        [RoundCell(cell=asked, share="random", cause="", score=0.0, logit=1.0)],
        run_id="0001", seed=1, settings="{}",
    )  # fmt: skip
    disclose(study, reader="anna", scope="slide", subject="s1")
    header, _ = table_of(seen_by(study))
    assert sorted(header["named"]) == [[0, "of ben", 201.0, 50.0], [3, "asked", 601.0, 151.0]]
    assert header["n"] == 4
