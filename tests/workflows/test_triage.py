"""A round asks about candidates of cases that are not held out, and comes back as labels."""

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import NotEnoughDataError, RunError, SettingsError, StorageError
from rimlight.io.files import write_whole
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.journal import current_labels, label_events
from rimlight.io.rounds import rounds
from rimlight.io.runs import Run, open_run, read_metrics
from rimlight.io.store import put_slides, slides
from rimlight.io.study import open_study
from rimlight.records import Expression
from rimlight.settings import settings_to_toml
from rimlight.workflows import given_candidates
from rimlight.workflows import triage as workflow
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.judgements import judge
from rimlight.workflows.ledger import ledger
from rimlight.workflows.parts import lock_of
from rimlight.workflows.train import train
from rimlight.workflows.triage import triage

CAUSES = ("neighbour_membrane", "faint_stain")


def with_causes(run: Run, *, n_confirmed: int = 12) -> Run:
    """Give a run a made-up ``causes.csv``: confirmed causes in every part."""
    predictions, cells = (read_table(run.folder / f"{n}.csv") for n in ("predictions", "cells"))
    level = dict(zip(cells["cell"], cells["level"], strict=True))
    rows = []
    for part in ("train", "validation", "hold-out"):
        mine = [
            c for c, p in zip(predictions["cell"], predictions["part"], strict=True) if p == part
        ]
        negative = [cell for cell in mine if level[cell] == "0"][: n_confirmed // 2]
        positive = [cell for cell in mine if level[cell] != "0"][: n_confirmed // 2]
        rows += [(cell, part, CAUSES[0]) for cell in negative]
        rows += [(cell, part, CAUSES[1]) for cell in positive]
    write_table(
        run.folder / "causes.csv",
        {
            "cell": [row[0] for row in rows],
            "part": [row[1] for row in rows],
            "kind": ["wrong"] * len(rows),
            "status": ["confirmed"] * len(rows),
            "cause": [row[2] for row in rows],
        },
    )
    return run


@pytest.fixture(scope="module")
def _trained_folder(_study_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("triage") / "study"
    shutil.copytree(_study_folder, folder, ignore=shutil.ignore_patterns("runs"))
    (folder / "runs").mkdir()
    with_causes(train(open_study(folder), command="rimlight train"))
    return folder


@pytest.fixture
def study(_trained_folder, tmp_path):
    """A copy of a study with one run and made-up causes, that a test may change."""
    return open_study(shutil.copytree(_trained_folder, tmp_path / "study"))


@pytest.fixture
def run(study):
    return open_run(study)


def held_cases(run):
    parts = read_table(run.folder / "parts.csv")
    return {c for c, part in zip(parts["case"], parts["part"], strict=True) if part == "hold-out"}


def case_of_slide(study):
    return {info.slide_id: info.case_id for info in slides(study.engine)}


def test_a_round_never_asks_about_a_held_out_case_or_a_labelled_cell(run, study):
    section = triage(run, n_cells=30)
    (made,) = rounds(study.engine)
    case = case_of_slide(study)
    mpp = slides(study.engine)[0].mpp
    known = [label.cell for label in current_labels(study.engine)]
    assert len(made.cells) == len({asked.cell.cell_id for asked in made.cells}) == 30
    for asked in made.cells:
        assert case[asked.cell.slide_id] not in held_cases(run)
        for cell in known:
            if cell.slide_id == asked.cell.slide_id:
                far = np.hypot(cell.x_l0 - asked.cell.x_l0, cell.y_l0 - asked.cell.y_l0)
                assert far * mpp > 4
    assert section["n_known"] > 20
    assert read_metrics(run)["triage"] == section


def test_every_key_of_the_sections_is_on_the_page_of_metrics(run, study):
    words = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text(encoding="utf-8")
    for found in (triage(run, n_cells=10), ledger(run), *ledger(run)["rounds"]):
        assert sorted(key for key in found if f"`{key}`" not in words) == []


def test_shares_are_as_asked_and_a_cause_is_named_only_where_it_is_the_reason(run, study):
    section = triage(run, n_cells=20)
    (made,) = rounds(study.engine)
    assert section["n_asked"] == {"cause": 10, "uncertain": 6, "random": 4}
    given = dict.fromkeys(section["n_asked"], 0)
    for asked in made.cells:
        given[asked.share] += 1
        assert bool(asked.cause) == (asked.share == "cause")
        assert asked.cause in ("", *CAUSES)
    assert given == section["n_given"]
    assert sum(given.values()) == 20


def test_causes_of_held_out_cells_steer_nothing(run, study):
    section = triage(run, n_cells=20)
    table = read_table(run.folder / "causes.csv")
    kept = [row for row, part in enumerate(table["part"]) if part != "hold-out"]
    assert sum(section["confirmed"].values()) == len(kept)
    others = {name: [column[row] for row in kept] for name, column in table.items()}
    write_table(run.folder / "causes.csv", others)
    with sqlite3.connect(study.folder / "rimlight.db") as connection:
        connection.execute("DELETE FROM round_cells")
        connection.execute("DELETE FROM rounds")
    connection.close()
    first = {path.name: path.read_bytes() for path in (run.folder / "rounds/1").iterdir()}
    triage(run, n_cells=20)
    assert first == {path.name: path.read_bytes() for path in (run.folder / "rounds/1").iterdir()}


def test_a_round_does_not_depend_on_tiles_and_the_next_one_asks_about_others(
    run, study, monkeypatch
):
    from functools import partial

    triage(run, n_cells=16)
    first = [(each.cell, each.share, each.cause) for each in rounds(study.engine)[0].cells]
    with sqlite3.connect(study.folder / "rimlight.db") as connection:
        connection.execute("DELETE FROM round_cells")
        connection.execute("DELETE FROM rounds")
    connection.close()
    for path in study.cache.glob("candidates-*"):
        path.rename(path.with_name(f"old-{path.name}"))
    with monkeypatch.context() as patched:
        patched.setattr(given_candidates, "candidate_tiles", partial(candidate_tiles, tile_um=70.0))
        triage(run, n_cells=16)
    again = [(each.cell, each.share, each.cause) for each in rounds(study.engine)[0].cells]
    assert again == first
    triage(run, n_cells=16)
    one, two = rounds(study.engine)
    assert not {a.cell.cell_id for a in one.cells} & {a.cell.cell_id for a in two.cells}


class ByPlace:
    """Takes for no tumour cells what has an even sum of light: half of all, and by no share."""

    def is_other(self, patches):
        return patches.reshape(len(patches), -1).sum(axis=1, dtype=np.int64) % 2 == 0


def test_what_is_taken_for_no_tumour_cell_is_asked_about_at_random_alone(run, study, monkeypatch):
    before = triage(run, n_cells=30)
    assert before["n_other"] is None
    monkeypatch.setattr(workflow, "kept_tumour_network", lambda _run, _fold: ByPlace())
    section = triage(run, n_cells=30)
    assert 0.3 < section["n_other"] / section["n_candidates"] < 0.7
    is_other = {}
    for tile in candidate_tiles(study, slides(study.engine)):
        for x, y, said in zip(tile.x_l0, tile.y_l0, ByPlace().is_other(tile.patches), strict=True):
            is_other[tile.slide.slide_id, round(x, 1), round(y, 1)] = said
    made = rounds(study.engine)[-1]
    for asked in made.cells:
        cell = asked.cell
        said = is_other[cell.slide_id, round(cell.x_l0, 1), round(cell.y_l0, 1)]
        assert asked.share == "random" or not said
    assert any(
        is_other[c.cell.slide_id, round(c.cell.x_l0, 1), round(c.cell.y_l0, 1)]
        for c in made.cells
        if c.share == "random"
    )


def test_a_cause_that_people_rejected_steers_nothing(run, study):
    table = read_table(run.folder / "causes.csv")
    before = triage(run, n_cells=20)["confirmed"]
    own = [
        (cell, cause)
        for cell, cause, part in zip(table["cell"], table["cause"], table["part"], strict=True)
        if part != "hold-out"
    ]
    for cell, cause in own:
        if cause == CAUSES[0]:
            judge(
                study, reader="olga", run_id=str(run.run_id), cell_id=cell, cause=cause,
                is_confirmed=False,
            )  # fmt: skip
    after = triage(run, n_cells=20)["confirmed"]
    assert set(before) == set(CAUSES)
    assert after == {CAUSES[1]: before[CAUSES[1]]}


def test_without_a_confirmed_cause_the_share_moves_on_and_that_is_said(run, study):
    table = read_table(run.folder / "causes.csv")
    write_table(run.folder / "causes.csv", table | {"status": ["map_only"] * len(table["cell"])})
    section = triage(run, n_cells=20)
    assert section["n_given"]["cause"] == 0
    assert section["n_cells"] == 20
    assert any(note.startswith("cause: 10 cells were asked for, 0") for note in section["notes"])


def test_classes_set_in_qupath_become_labels_of_the_cells_that_were_asked(run, study):
    triage(run, n_cells=20)
    (made,) = rounds(study.engine)
    words = ("Tumor: Negative", "Tumor: 2+", "Other")
    said = {}
    for path in sorted((run.folder / "rounds" / "1").iterdir()):
        data = json.loads(path.read_text())
        for number, feature in enumerate(data["features"]):
            properties = feature["properties"]
            if number != 3:  # the fourth of a slide is left unread
                properties["classification"] = {"name": words[number % 3]}
                said[properties["name"]] = words[number % 3]
            feature["geometry"]["coordinates"][0] += 0.8  # a reader may nudge a point
        path.write_text(json.dumps(data))
        import_labels(study, path, reader="anna")
    new = {
        event.label.cell.cell_id: event.label.expression
        for event in label_events(study.engine)
        if event.label.reader == "anna"
    }
    meant = {
        "Tumor: Negative": Expression.NEGATIVE,
        "Tumor: 2+": Expression.MODERATE,
        "Other": Expression.OTHER,
    }
    assert new == {cell: meant[word] for cell, word in said.items()}
    entry = ledger(run)["rounds"][0]
    assert sum(entry["n_asked"].values()) == 20
    assert sum(entry["n_labelled"].values()) == len(said)
    assert sum(entry["n_other"].values()) == list(said.values()).count("Other")
    wrong = [
        asked
        for asked in made.cells
        if asked.cell.cell_id in new
        and new[asked.cell.cell_id].level is not None
        and new[asked.cell.cell_id].is_positive != (asked.logit > 0)
    ]
    assert sum(entry["n_wrong_before"].values()) == len(wrong)
    assert (entry["run_before"], entry["run_after"]) == ("0001", None)


def test_after_a_round_held_out_and_validation_cases_stay_whatever_the_seed(run, study):
    triage(run, n_cells=20)
    for path in (run.folder / "rounds" / "1").iterdir():
        data = json.loads(path.read_text())
        for feature in data["features"]:
            feature["properties"]["classification"] = {"name": "Tumor: 1+"}
        path.write_text(json.dumps(data))
        import_labels(study, path, reader="anna")
    seeded = replace(study.settings, study=replace(study.settings.study, seed=5))
    free = replace(study.settings.split, method="folds", n_folds=3)
    after = train(replace(study, settings=seeded), command="rimlight train")
    before, now = (read_table(one.folder / "parts.csv") for one in (run, after))
    part = dict(zip(now["case"], now["part"], strict=True))
    locked = dict(zip(now["case"], now["is_locked"], strict=True))
    for case, was in zip(before["case"], before["part"], strict=True):
        assert part[case] == was
        assert locked[case] == str(int(was != "train"))
    assert read_metrics(after)["split"]["lock"]["round"] == 1
    assert "lock" not in read_metrics(run)["split"]
    entry = ledger(after)["rounds"][0]
    assert entry["run_after"] == "0002"
    assert entry["n_cells"] == read_table(run.folder / "predictions.csv")["part"].count("hold-out")
    assert entry["n_other_labels"] == 0
    assert ledger(run)["rounds"][0]["run_after"] is None
    folds = train(
        replace(study, settings=replace(study.settings, split=free)), command="rimlight train"
    )
    assert "lock" not in read_metrics(folds)["split"]
    with pytest.raises(RunError, match=r"by folds.*hold-out"):
        triage(folds)


def test_a_new_case_joins_the_training_and_never_the_hold_out(run, study):
    triage(run, n_cells=10)
    lock = lock_of(study)
    assert set(lock.part_of_case.values()) == {"hold-out", "validation"}
    info = next(i for i in slides(study.engine) if i.case_id not in lock.part_of_case)
    put_slides(study.engine, [replace(info, case_id="new case")])
    after = train(study, command="rimlight train")
    parts = read_table(after.folder / "parts.csv")
    assert dict(zip(parts["case"], parts["part"], strict=True))["new case"] == "train"


def test_a_copy_of_a_held_out_slide_is_not_searched(run, study):
    held = next(i for i in slides(study.engine) if i.case_id in held_cases(run))
    put_slides(study.engine, [replace(held, slide_id="copy", case_id="other name")])
    triage(run, n_cells=20)
    assert all(asked.cell.slide_id != "copy" for asked in rounds(study.engine)[0].cells)


def test_without_a_slide_to_ask_about_or_causes_it_is_said_what_to_do(run, study):
    (run.folder / "causes.csv").rename(run.folder / "away.csv")
    with pytest.raises(RunError, match="do rimlight causes first"):
        triage(run)
    (run.folder / "away.csv").rename(run.folder / "causes.csv")
    held = sorted(held_cases(run))[0]
    put_slides(study.engine, [replace(i, case_id=held) for i in slides(study.engine)])
    with pytest.raises(NotEnoughDataError, match="held-out case"):
        triage(run)
    assert rounds(study.engine) == []


def test_shares_that_do_not_add_up_are_refused(run, study):
    settings = replace(study.settings, triage=replace(study.settings.triage, cause_share=0.9))
    write_whole(study.folder / "study.toml", settings_to_toml(settings))
    with pytest.raises(SettingsError, match=r"triage: shares must.*add up to 1"):
        triage(run)
    with pytest.raises(SettingsError, match="n_cells"):
        triage(run, n_cells=0)
    assert rounds(open_study(study.folder).engine) == []


def test_a_round_that_cannot_be_written_is_not_kept(run, study, monkeypatch):
    def full(*_, **__):
        raise StorageError("disk: is full; free some space")

    monkeypatch.setattr(workflow, "write_qupath_round", full)
    with pytest.raises(StorageError, match="is full"):
        triage(run, n_cells=10)
    assert rounds(study.engine) == []
    assert "triage" not in read_metrics(run)
    monkeypatch.undo()
    (run.folder / "rounds" / "1" / "left over.geojson").write_text("{}")
    triage(run, n_cells=10)
    on_slides = {asked.cell.slide_id for asked in rounds(study.engine)[0].cells}
    files = {path.stem for path in (run.folder / "rounds" / "1").iterdir()}
    assert files == on_slides
