"""Likeness of cells: kept with what made it, made anew when that changes, ordered by distance."""

import numpy as np
import pytest

from rimlight.core.selection import feature_scale
from rimlight.errors import RunError
from rimlight.io.files import write_json
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import create_run
from rimlight.workflows import likeness
from rimlight.workflows.likeness import (
    NotPreparedError,
    alike_cells,
    drawn_numbers,
    embed_run,
    kept_run,
    nearest_training_cells,
)
from rimlight.workflows.run_cells import run_cells
from small_studies import slide_info, study_of

FEATURES = np.array([[0, 0], [3, 1], [1, 0], [9, 9]], dtype=np.float32)


@pytest.fixture
def run(tmp_path, monkeypatch):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))
    run = create_run(study, command="rimlight train")
    names = ["a", "b", "c", "d"]
    cells = {
        "cell": names, "slide": ["s1", "s1", "s2", "s2"], "case": ["k1", "k1", "k2", "k3"],
        "x_l0": [1, 2, 3, 4], "y_l0": [5, 6, 7, 8],
        "expression": ["weak", "strong", "negative", "weak"],
    }  # fmt: skip
    write_table(run.folder / "cells.csv", cells)
    predicted = {
        "cell": names, "fold": [0] * 4, "part": ["train", "train", "hold-out", "train"],
        "logit": [1.0] * 4, "probability": [0.8] * 4, "call": [1] * 4,
    }  # fmt: skip
    write_table(run.folder / "predictions.csv", predicted)
    parts = {"fold": [0] * 3, "case": ["k1", "k2", "k3"], "part": ["train", "hold-out", "train"]}
    write_table(run.folder / "parts.csv", parts)
    (run.folder / "models" / "fold-0").mkdir(parents=True)
    write_json(run.folder / "models" / "fold-0" / "model.json", {"files": "one"})
    made = []

    def features(_run, cells, *, progress):
        made.append(len(cells))
        return FEATURES[: len(cells)]

    monkeypatch.setattr(likeness, "_features", features)
    return run, made


def test_features_are_made_once_and_anew_when_the_network_has_changed(run):
    run, made = run
    with pytest.raises(NotPreparedError, match="do rimlight likeness first"):
        kept_run(run)
    embed_run(run)
    assert embed_run(run).features.tolist() == FEATURES.tolist()
    assert made == [4]
    write_json(run.folder / "models" / "fold-0" / "model.json", {"files": "another"})
    with pytest.raises(NotPreparedError):
        kept_run(run)
    embed_run(run)
    assert made == [4, 4]


def test_features_are_of_the_cells_as_they_lie_now(run):
    run, made = run
    embed_run(run)
    table = {name: list(column) for name, column in read_table(run.folder / "cells.csv").items()}
    table["x_l0"][1] = "700"
    write_table(run.folder / "cells.csv", table)
    with pytest.raises(NotPreparedError):
        kept_run(run)
    assert made == [4]


def test_cells_are_ordered_from_themselves_to_the_least_alike(run):
    run, _ = run
    embed_run(run)
    assert alike_cells(run, run_cells(run), like="a").tolist() == [0, 2, 1, 3]
    assert alike_cells(run, run_cells(run), like="d").tolist() == [3, 1, 2, 0]
    with pytest.raises(RunError, match="cell z: is not among the 4 cells"):
        alike_cells(run, run_cells(run), like="z")


def test_nearest_training_cells_are_of_trained_cases_and_not_the_cell_itself(run):
    run, _ = run
    embed_run(run)
    found = nearest_training_cells(run, FEATURES[0], n=8, without="a")
    assert [(near.cell.cell_id, near.expression.value) for near in found] == [
        ("b", "strong"), ("d", "weak"),
    ]  # fmt: skip
    scale = feature_scale(FEATURES)
    assert found[0].distance == pytest.approx(np.sqrt(np.mean(([3, 1] / scale) ** 2)))
    assert (found[0].cell.slide_id, found[0].cell.x_l0, found[0].cell.y_l0) == ("s1", 2, 6)


def test_of_many_candidates_a_fair_draw_of_those_that_count_is_compared():
    class Points:
        slide_id = "s1"
        reason = np.arange(2000) % 2
        tenths = np.column_stack([np.arange(2000) * 7, np.arange(2000) * 3])

    numbers = drawn_numbers(Points, most=100)
    assert len(set(numbers.tolist())) == 100
    assert (numbers % 2 == 0).all()
    assert (np.diff(numbers) > 0).all()
    assert 700 < numbers.mean() < 1300
    assert len(drawn_numbers(Points, most=5000)) == 1000
