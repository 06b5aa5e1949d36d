"""Training a study: what a run holds, that it repeats, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from rimlight.errors import ModelError, NotEnoughDataError, RunError, SettingsError, SplitError
from rimlight.io.files import read_json, write_json, write_whole
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import read_metrics, run_ids
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.train import fit_settings, fold_folder, patch_set, train, training_rows


def with_settings(study, **tables):
    """Return the study with changed settings, a mapping of keys a table."""
    changed = {
        name: replace(getattr(study.settings, name), **keys) for name, keys in tables.items()
    }
    return replace(study, settings=replace(study.settings, **changed))


def test_a_run_holds_every_cell_once_and_no_case_on_two_sides(trained):
    cells, parts = (read_table(trained.folder / f"{name}.csv") for name in ("cells", "parts"))
    predictions = read_table(trained.folder / "predictions.csv")
    assert len(set(cells["cell"])) == len(cells["cell"]) == 150
    assert len(set(parts["case"])) == len(parts["case"]) == 8
    part_of_case = dict(zip(parts["case"], parts["part"], strict=True))
    assert {part_of_case[case] for case in cells["case"]} == {"train", "validation", "hold-out"}
    case_of_cell = dict(zip(cells["cell"], cells["case"], strict=True))
    for cell, part in zip(predictions["cell"], predictions["part"], strict=True):
        assert part == part_of_case[case_of_cell[cell]]


def test_calls_probabilities_and_logits_agree(trained):
    table = read_table(trained.folder / "predictions.csv")
    logit, probability = (np.array(table[n], dtype=float) for n in ("logit", "probability"))
    call = np.array(table["call"]) == "1"
    assert ((logit > 0) == call).all()
    assert ((probability > 0.5) == call).all()
    order = np.argsort(logit)
    assert (np.diff(probability[order]) >= 0).all()


def test_metrics_say_what_went_in(trained):
    found = read_metrics(trained)
    assert found["study"]["is_synthetic"] is True
    assert found["study"]["n_cells"] == 150
    assert sum(found["study"]["levels"].values()) == 150
    fold = found["split"]["folds"][0]
    assert sum(fold[part]["n_cases"] for part in fold) == 8
    assert found["training"]["folds"][0]["weights"].startswith("sha256:")


def test_two_runs_with_one_seed_give_the_same_bytes(study, trained):
    again = train(study, command="rimlight train again")
    for name in ("metrics.json", "predictions.csv", "training.csv", "cells.csv"):
        first, second = (
            [
                line
                for line in (run.folder / name).read_bytes().splitlines()
                if b"weights" not in line
            ]
            for run in (trained, again)
        )
        if name == "metrics.json":
            import json

            one, two = (json.loads((run.folder / name).read_bytes()) for run in (trained, again))
            assert {k: two[k] for k in ("study", "split", "training")} == {
                k: one[k] for k in ("study", "split", "training")
            }
        else:
            assert first == second, name


def test_an_interrupted_training_goes_on_to_the_same_numbers(study, trained):
    class StopError(Exception):
        pass

    def stop_after_two(what, done, total):
        if what.startswith("training") and done == 2:
            raise StopError

    with pytest.raises(StopError):
        train(study, command="rimlight train", progress=stop_after_two)
    assert len(run_ids(study)) == 1
    run = train(study, command="rimlight train --resume", resume=True)
    assert run.run_id == run_ids(study)[0]
    ours, theirs = ((r.folder / "training.csv").read_bytes() for r in (run, trained))
    assert ours == theirs
    ours, theirs = ((r.folder / "predictions.csv").read_bytes() for r in (run, trained))
    assert ours == theirs
    assert not (fold_folder(run, 0) / "state.safetensors").exists()
    assert train(study, command="x", resume=True).run_id == run.run_id


def test_resuming_with_other_settings_is_refused(study):
    train(study, command="rimlight train")
    other = with_settings(study, train={"n_epochs": 4})
    with pytest.raises(RunError, match="other settings"):
        train(other, command="x", resume=True)


def test_a_run_made_before_a_setting_was_added_is_gone_on_with(study):
    run = train(study, command="rimlight train")
    path = run.folder / "run.json"
    record = read_json(path)
    del record["settings"]["triage"]
    write_json(path, record)
    assert train(study, command="x", resume=True).run_id == run.run_id


def test_folds_hold_out_each_case_once(study):
    run = train(
        with_settings(study, split={"method": "folds", "n_folds": 3}, train={"n_epochs": 1}),
        command="x",
    )
    table = read_table(run.folder / "predictions.csv")
    held = [c for c, p in zip(table["cell"], table["part"], strict=True) if p == "hold-out"]
    assert len(held) == len(set(held)) == 150
    assert len(read_metrics(run)["training"]["folds"]) == 3


def test_a_study_of_one_case_is_refused_and_leaves_no_run(study):
    from sqlalchemy import text

    with study.engine.begin() as connection:
        connection.execute(text("UPDATE slides SET case_id = 'only'"))
    with pytest.raises(NotEnoughDataError, match="at least"):
        train(study, command="x")
    assert run_ids(study) == []


def test_a_given_split_with_a_case_on_two_sides_is_refused(study):
    parts = "case,part\nsynthetic-01,train\nsynthetic-02,validation\nsynthetic-01,hold-out\n"
    write_whole(study.folder / "split.csv", parts)
    with pytest.raises(SplitError, match="synthetic-01"):
        train(with_settings(study, split={"method": "given", "file": "split.csv"}), command="x")
    assert run_ids(study) == []


def test_a_leak_under_another_case_name_is_refused(study):
    """The slide of one case, registered again as another patient's, must not cross the split."""
    from rimlight.io.inspection import fingerprint
    from rimlight.io.journal import append_labels, current_labels
    from rimlight.io.store import put_slides, slides

    info = slides(study.engine)[0]
    copies = []
    for name in ("copy-0", "copy-1", "copy-2"):
        file = study.folder / f"{name}.tiff"
        file.write_bytes((study.folder / info.path).read_bytes() + name.encode())
        mark = fingerprint(file)
        copies.append(replace(info, slide_id=name, case_id=name, path=file.name, fingerprint=mark))
    put_slides(study.engine, copies)
    labels = [
        label for label in current_labels(study.engine) if label.cell.slide_id == info.slide_id
    ]
    for copy in copies:
        append_labels(
            study.engine,
            [
                replace(
                    label,
                    label_id=f"{copy.slide_id}-{label.label_id}",
                    cell=replace(
                        label.cell,
                        slide_id=copy.slide_id,
                        cell_id=f"{copy.slide_id}-{label.cell.cell_id}",
                    ),
                )
                for label in labels
            ],
        )
    with pytest.raises(SplitError, match="show the same tissue"):
        train(study, command="x")


def test_training_starts_from_a_model_and_refuses_one_for_other_patches(study, trained):
    started = with_settings(study, train={"initial": str(fold_folder(trained, 0)), "n_epochs": 1})
    run = train(started, command="x")
    first, fresh = (
        float(read_table(r.folder / "training.csv")["train_loss"][0]) for r in (run, trained)
    )
    assert first != fresh
    with pytest.raises(ModelError, match="takes patches of 64 px"):
        train(with_settings(started, patch={"size_px": 48}), command="x")


def test_a_share_of_swapped_surrounds_that_is_none_is_refused(study):
    with pytest.raises(SettingsError, match=r"surround_swap: must lie in 0\.\.1, got 1\.5"):
        fit_settings(with_settings(study, train={"surround_swap": 1.5}), 0)


def test_swapped_surrounds_come_from_the_same_scanner_and_keep_the_cell(study):
    cells = cell_patches(study, consensus_of_study(study).cells)
    chosen = np.arange(0, len(cells.cells), 10)
    found = patch_set(cells, chosen, has_swaps=True)
    assert found.own_weight.shape == found.patches.shape[:3]
    assert found.group.tolist() == [cells.slide_of_cell[row].scanner for row in chosen]
    middle = found.patches.shape[1] // 2
    assert (found.own_weight[:, middle, middle] == 255).mean() > 0.9
    assert (found.own_weight[:, 0, 0] == 0).all()
    assert patch_set(cells, chosen).own_weight is None


def test_cells_of_rounds_are_repeated_until_they_weigh_their_share():
    ids = np.array([f"c{n}" for n in range(12)])
    part = np.array(["train"] * 10 + ["validation", "hold-out"])
    alike = training_rows(ids, part, asked={"c1", "c11"}, share=0.0)
    assert alike.tolist() == list(range(10))
    half = training_rows(ids, part, asked={"c1", "c11"}, share=0.5)
    assert (half == 1).sum() == 9
    assert sorted(set(half.tolist())) == list(range(10))
    few = training_rows(ids, part, asked={"c1", "c2", "c3"}, share=0.1)
    assert sorted(few.tolist()) == list(range(10))
    assert training_rows(ids, part, asked={"c11"}, share=0.9).tolist() == list(range(10))
    with pytest.raises(SettingsError, match="round_share"):
        training_rows(ids, part, asked=(), share=1.0)
