"""Whatever of a study or a run was changed after it was written is found and named."""

import csv
import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from rimlight.io.journal import append_labels
from rimlight.io.runs import open_run, read_metrics
from rimlight.io.store import put_slides, slides
from rimlight.io.study import open_study
from rimlight.workflows.evaluate import evaluate
from rimlight.workflows.verify import verify_run, verify_study
from small_studies import label_of


@pytest.fixture
def run(scored_folder, tmp_path):
    """An evaluated run of a copy of a study with two scored slides."""
    shutil.copytree(scored_folder, tmp_path / "study")
    run = open_run(open_study(tmp_path / "study"))
    evaluate(run)
    return run


def faults(run) -> dict[str, str]:
    found = verify_run(run, n_cells=0)
    return {each.name: each.sentence for each in found if not each.is_ok}


def changed(path, change) -> None:
    """Change the rows of a table, each a dictionary, in place."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_a_run_that_nobody_touched_is_as_it_was_written(run):
    found = list(verify_run(run, n_cells=0))
    assert [each.sentence for each in found if not each.is_ok] == []
    assert [each.name for each in found] == [
        "models", "parts", "predictions", "evaluation", "scores",
    ]  # fmt: skip


def test_looking_changes_nothing_of_the_run(run):
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    assert faults(run) == {}
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before


def test_one_logit_that_was_changed_is_found_with_its_cell(run):
    def raise_one(rows):
        rows[5]["logit"] = str(float(rows[5]["logit"]) + 0.01)

    path = run.folder / "predictions.csv"
    with path.open(newline="") as file:
        cell = list(csv.DictReader(file))[5]["cell"]
    changed(path, raise_one)
    assert cell in faults(run)["predictions"]


def test_a_call_against_its_logit_is_found(run):
    changed(
        run.folder / "predictions.csv",
        lambda rows: rows[3].update(call=str(1 - int(rows[3]["call"]))),
    )
    assert "does not follow from its logit" in faults(run)["predictions"]


def test_a_case_on_two_sides_is_found(run):
    def leak(rows):
        held = next(row for row in rows if row["part"] == "hold-out")
        held["part"] = "train"

    changed(run.folder / "predictions.csv", leak)
    assert "is on 2 sides of fold 0" in faults(run)["parts"]


def test_a_figure_that_was_improved_by_hand_is_found(run):
    path = run.folder / "metrics.json"
    metrics = read_metrics(run)
    metrics["evaluation"]["confusion"] = []
    path.write_text(json.dumps(metrics))
    assert "confusion of the evaluation" in faults(run)["evaluation"]


def test_weights_with_one_flipped_bit_are_found(run):
    path = next((run.folder / "models").rglob("weights.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "weights are not those" in faults(run)["run"]


def test_scores_that_stand_on_older_labels_are_found(run):
    study = open_study(run.folder.parent.parent)
    slide_id = slides(study.engine)[0].slide_id
    new = [label_of(n, "other", slide_id=slide_id) for n in range(20, 24)]
    append_labels(study.engine, new)
    assert "were scored with other" in faults(run)["scores"]


def test_a_slide_in_the_place_of_another_and_a_changed_label_are_found(run, tmp_path):
    study = open_study(run.folder.parent.parent)
    first, second = slides(study.engine)[:2]
    put_slides(study.engine, [type(first)(**{**_fields(first), "path": second.path})])
    with closing(sqlite3.connect(study.folder / "rimlight.db")) as database:
        database.execute("DROP TRIGGER label_events_no_update")
        database.execute("UPDATE label_events SET expression = 'strong' WHERE seq = 3")
        database.commit()
    found = {each.name: each.sentence for each in verify_study(study) if not each.is_ok}
    assert set(found) == {"labels", f"slide {first.slide_id}"}
    assert "label event 3: was changed" in found["labels"]


def _fields(info):
    return {name: getattr(info, name) for name in info.__dataclass_fields__}
