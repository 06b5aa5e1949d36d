"""The scorecard of a run: every check has a verdict and a reason, and nothing passes in silence."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from toy_run import toy_explanations, toy_run

from rimlight.explain.estimates import Cases
from rimlight.explain.scorecard import CODES
from rimlight.io.files import read_json
from rimlight.io.runs import merge_metrics, open_run, read_metrics
from rimlight.io.study import open_study
from rimlight.settings import Settings
from rimlight.workflows.evaluate import evaluate
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.quality import judged_rows, quality
from rimlight.workflows.quality_of_run import checks_of_metrics, discordant_check, discordant_row
from rimlight.workflows.quality_subject import stain_row
from rimlight.workflows.validate import validate


@pytest.fixture(scope="module")
def judged_run(explained):
    """A copy of the tiny run, beside the files of its slides."""
    study = explained.folder.parent.parent
    copy = study.parent / "study-judged"
    shutil.copytree(study, copy)
    return open_run(open_study(copy), str(explained.run_id))


@pytest.fixture(scope="module")
def section(judged_run):
    """The gate on the tiny run, as small as it can be."""
    record = read_json(judged_run.folder / "run.json")
    record["settings"]["quality"] |= {
        "n_cells": 8,
        "n_random_networks": 1,
        "n_stages": 1,
        "shuffled_epochs": 1,
        "n_steps": 4,
        "n_checked": 2,
        "n_resamples": 50,
    }
    (judged_run.folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return quality(judged_run, n_seeds=1)


def test_every_check_has_a_verdict_and_a_reason_in_its_order(section):
    assert [check["code"] for check in section["checks"]] == list(CODES)
    assert all(check["reason"].endswith(".") for check in section["checks"])
    verdicts = {check["code"]: check["verdict"] for check in section["checks"]}
    assert verdicts["E9"] == "printed"
    assert all(verdicts[code] != "not run" for code in ("E1", "E2", "E3", "E4", "E5", "E8"))


def test_the_scorecard_is_a_file_and_a_section_of_the_metrics(section, judged_run):
    assert read_json(judged_run.folder / "quality.json") == section
    assert read_metrics(judged_run)["quality"] == section
    failed = [check["code"] for check in section["checks"] if check["verdict"] == "fail"]
    assert section["failed"] == failed
    assert bool(section["stamp"]) == bool({"E1", "E2", "E3", "E4"} & set(failed))


def test_a_network_that_was_hardly_trained_is_stamped(section):
    assert "quality gate failed" in section["stamp"]


def test_the_cascade_and_the_curves_are_kept(section):
    assert [stage["name"] for stage in section["cascade"]] == ["last layer", "all layers"]
    assert {curve["order"] for curve in section["curves"]} == {
        "map",
        "random",
        "amount",
        "map without smoothing",
    }
    assert all(len(curve["most_first"]) == 5 for curve in section["curves"])


def test_judged_cells_are_held_out_and_half_of_them_positive(explained):
    study = study_of(explained)
    cells = cell_patches(study, consensus_of_study(study).cells)
    fold = explained_folds(explained, study, cells)[0]
    rows = judged_rows(fold, n_cells=8, seed=1)
    assert (fold.grounds.table.part[rows] == "hold-out").all()
    assert (cells.level[rows] > 0).sum() == 4
    everyone = judged_rows(fold, n_cells=0, seed=1)
    assert len(everyone) == (fold.grounds.table.part == "hold-out").sum()


@pytest.fixture
def toy(tmp_path):
    """A made-up run, evaluated and validated."""
    run = toy_run(tmp_path / "0001")
    toy_explanations(run)
    evaluate(run)
    validate(run)
    return run


def _of(run, code):
    return next(check for check in checks_of_metrics(run) if check.code == code)


def test_density_agreement_takes_the_first_verdict_of_the_validation(toy):
    check = _of(toy, "E10")
    margin = read_metrics(toy)["validation"]["references"]["fixed_negatives"]["margins"]
    want = margin["random_networks"]["discordant"]["figures"]["pearson"]
    assert check.verdict == "pass"
    assert (check.value, check.low) == (want["value"], want["low"])
    assert check.reason.startswith("Shown: the map follows the stain of the right cell")


def test_density_agreement_fails_where_it_is_not_shown(toy):
    found = read_metrics(toy)["validation"]
    found["verdicts"]["right_cell"] = {"is_shown": False, "sentence": "Not shown: it."}
    merge_metrics(toy, "validation", found)
    assert (_of(toy, "E10").verdict, _of(toy, "E10").reason) == ("fail", "Not shown: it.")


def test_a_step_that_was_not_done_is_named_with_its_command(tmp_path):
    run = toy_run(tmp_path / "0001")
    assert _of(run, "E10").verdict == _of(run, "E7").verdict == "not run"
    assert "rimlight validate" in _of(run, "E10").reason
    assert "rimlight membranes" in _of(run, "E7").reason


def _figure(value, low, high):
    return {"figures": {"average_precision": {"value": value, "low": low, "high": high,
                                              "n_cells": 40, "n_cases": 9}}}  # fmt: skip


@pytest.mark.parametrize(("low", "verdict"), [(0.01, "pass"), (-0.01, "fail")])
def test_masks_must_be_beaten_by_an_interval_above_nothing(tmp_path, low, verdict):
    run = toy_run(tmp_path / "0001")
    truth = {
        "systems": {"membranes": _figure(0.7, 0.6, 0.8), "disc_x_dab": _figure(0.5, 0.4, 0.6)},
        "margins": {"disc_x_dab": _figure(0.2, low, 0.3)},
    }
    merge_metrics(run, "membranes", {"truth": truth})
    check = _of(run, "E7")
    assert (check.verdict, check.value) == (verdict, 0.7)
    assert ("disc_x_dab" in check.reason) == (verdict == "fail")


def test_other_seeds_are_trained_only_when_asked_for(section, tmp_path):
    nine = next(check for check in section["checks"] if check["code"] == "E9")
    assert nine["reason"].startswith("2 networks, each against each")
    assert -1 <= nine["value"] < 0.99
    unasked = _of(toy_run(tmp_path / "0001"), "E9")
    assert unasked.verdict == "not run"
    assert "--seeds" in unasked.reason


def test_real_tissue_has_no_true_masks(tmp_path):
    run = toy_run(tmp_path / "0001")
    merge_metrics(run, "membranes", {"n_outlined": 3})
    assert "no true masks" in _of(run, "E7").reason


def test_discordant_accuracy_is_that_of_the_evaluation(toy):
    check = discordant_check(toy)
    subsets = read_metrics(toy)["evaluation"]["subsets"]
    want = subsets["discordant"]["systems"]["network"]["figures"]["accuracy"]
    assert check.verdict == "printed"
    assert check.value == pytest.approx(want["value"])
    assert check.n_cells == subsets["discordant"]["n_cells"]


def test_discordant_accuracy_sounds_an_alarm_where_it_is_lost():
    random = np.random.default_rng(0)
    case = np.repeat(np.arange(10), 40)
    differs = np.tile(np.repeat([0.0, 1.0], 20), 10)
    is_right = np.where(differs == 1, random.random(400) < 0.7, True).astype(float)
    lost = discordant_row(is_right, differs, case, n_resamples=200, seed=0)
    kept = discordant_row(np.ones(400), differs, case, n_resamples=200, seed=0)
    few = discordant_row(is_right[:40], differs[:40], case[:40], n_resamples=200, seed=0)
    assert (lost.verdict, kept.verdict, few.verdict) == ("alarm", "printed", "not run")
    assert lost.value == pytest.approx(is_right[differs == 1].mean())


def test_the_stain_share_is_of_the_positive_evidence_alone():
    cases = Cases(case=np.array(["a", "a", "b"]), n_resamples=50, seed=0)
    parts = np.array([[1.0, -5.0, 0.0], [3.0, 4.0, 2.0], [0.0, 0.0, -1.0]])
    check = stain_row(parts, cases=cases)
    assert (check.verdict, check.value) == ("pass", pytest.approx(0.25 / 3))
    assert check.controls[0].value == pytest.approx((0.75 + 1 + 1) / 3)
    assert stain_row(parts[[1, 0, 2]], cases=cases).verdict == "alarm"
    assert stain_row(-np.ones((3, 3)), cases=cases).verdict == "not run"


def test_settings_of_the_gate_come_with_their_units():
    settings = Settings()
    halved = replace(settings, patch=replace(settings.patch, mpp=0.25))
    from rimlight.workflows.quality import gate_settings

    assert gate_settings(settings).sigma_px == 2 * settings.quality.sigma_um
    assert gate_settings(halved).sigma_px == 4 * settings.quality.sigma_um
