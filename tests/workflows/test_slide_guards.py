"""Checks of scored slides: compared with training slides, stored, printed, and obeyed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rimlight.core.scores import Adequacy
from rimlight.core.slide_guards import Guard, slide_guards
from rimlight.core.stains import HDAB
from rimlight.io.controls import put_controls
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.inspection import slide_info
from rimlight.io.pyramids import write_pyramid
from rimlight.io.runs import open_run, read_metrics
from rimlight.io.slides import open_slide
from rimlight.records import Box, Control, ControlName, ControlOutcome
from rimlight.workflows import training_slides as module
from rimlight.workflows.guard_words import guard_sentences
from rimlight.workflows.score import score
from rimlight.workflows.score_plan import score_plan
from rimlight.workflows.score_task import REASONS
from rimlight.workflows.slide_guards import _empty_share, _soft_share, fitted_slides, withheld_by
from rimlight.workflows.slide_look import look_of
from rimlight.workflows.train import train
from rimlight.workflows.training_slides import TrainingSlide, training_slides


def cells_of(x_l0, y_l0, reasons=None):
    n = len(x_l0)
    reason = np.array([REASONS.index(name) for name in reasons or [""] * n])
    return ScoredCells(
        x_l0=np.array(x_l0, dtype=float),
        y_l0=np.array(y_l0, dtype=float),
        logit=np.zeros(n),
        probability=np.zeros(n),
        od_ring=np.zeros(n),
        level=np.zeros(n, dtype=int),
        reason=reason,
        reasons=REASONS,
        has_levels=False,
    )


@pytest.fixture(scope="module")
def looks(synthetic_folder):
    """What is seen of the slides of the tiny study."""
    found = []
    for path in sorted((synthetic_folder / "slides").glob("*.tiff")):
        info = slide_info(path, slide_id=path.stem, case_id=path.stem, assay="any").info
        found.append((info, look_of(path.parent, info, stains=HDAB, least_sharpness=0.1)))
    return found


def test_a_slide_whose_mpp_is_wrong_by_two_is_withheld_and_others_are_not(looks):
    facts = [look.numbers for _, look in looks]
    info, _ = looks[0]
    for factor, reason in ((2.0, "wrong_pixel_size"), (1.0, None)):
        wrong = replace(info, mpp=factor * info.mpp)
        found = look_of(Path(), wrong, stains=HDAB, least_sharpness=0.1)
        guards = {g.name: g for g in slide_guards(found.numbers, training=facts[1:])}
        assert guards["pixel_size"].reason == reason
        assert guards["pixel_size"].is_passed == (reason is None)


def test_a_slide_smaller_than_a_square_is_looked_at_all_the_same(synthetic_folder, tmp_path):
    path = next(iter(sorted((synthetic_folder / "slides").glob("*.tiff"))))
    with open_slide(path) as slide:
        box = Box(left_l0=320, top_l0=320, width_l0=244, height_l0=244)
        write_pyramid(tmp_path / "small.tiff", slide.read_patch(box, size_px=244), mpp=0.25)
    info = slide_info(tmp_path / "small.tiff", slide_id="s", case_id="s", assay="any").info
    look = look_of(tmp_path, info, stains=HDAB, least_sharpness=0.1)
    assert look.squares.haematoxylin_share > 0.1
    assert withheld_by(slide_guards(look.numbers, training=[]), {}) is None


def test_no_slide_of_a_study_is_withheld_beside_the_others(looks):
    facts = [look.numbers for _, look in looks]
    for at in range(len(facts)):
        guards = slide_guards(facts[at], training=facts[:at] + facts[at + 1 :])
        assert withheld_by(guards, {}) is None


def test_a_square_of_tissue_without_a_candidate_is_empty_on_the_side_where_none_lies(looks):
    info, look = looks[0]
    mask = np.ones((16, 32), dtype=bool)
    mask[8:, 16:] = False
    wide = replace(look, mask=mask, mask_mpp=8.0)
    slide = replace(info, mpp=0.25, width_l0=1024, height_l0=512)
    assert _empty_share(wide, cells_of([], []), slide) == 1
    # Six squares of 64 um are tissue: four above, two below on the left; one cell in each of two.
    assert _empty_share(wide, cells_of([10, 300], [10, 300]), slide) == pytest.approx(4 / 6)
    assert _empty_share(wide, cells_of([900], [300]), slide) == 1


def test_cells_near_the_edge_or_outside_regions_are_no_part_of_the_soft_share():
    reasons = ["", "out_of_focus", "near_edge", "outside_region", "called_other", ""]
    assert _soft_share(cells_of(range(6), range(6), reasons)) == pytest.approx(1 / 4)
    assert np.isnan(_soft_share(cells_of([1], [1], ["near_edge"])))


def test_a_slide_is_compared_with_training_slides_of_other_cases_alone():
    every = [TrainingSlide(slide=f"s-{c}", case=c, facts={}) for c in ("a", "b", "c", "d")]
    parts = {"a": "train", "b": "hold-out", "c": "validation", "d": "train"}
    found = fitted_slides(every, part_of_case=parts, case="d")
    assert [each.case for each in found] == ["a", "c"]


def test_a_failed_control_goes_before_every_check():
    guard = Guard(
        name="eosin", value=1.0, unit="share", limit=0.1, is_passed=False, words="pink",
        reason="wrong_stain",
    )  # fmt: skip
    controls = {"positive": "pass", "negative": "not recorded", "reagent": "fail"}
    assert withheld_by([guard], controls) == Adequacy(
        reason="control_failed", words="the negative reagent slide failed"
    )
    assert withheld_by([guard], controls | {"reagent": "pass"}).reason == "wrong_stain"
    assert withheld_by([replace(guard, reason=None)], {}) is None


def test_many_slides_of_one_warning_are_counted_and_not_all_named():
    guard = {"name": "jpeg", "is_passed": False, "reason": None, "words": "blocks"}
    passed = {"positive": "pass"}
    records = [
        {"score": {"slide": f"s{n}"}, "guards": [guard], "controls": passed} for n in range(5)
    ]
    assert guard_sentences(records) == [
        "s0: blocks",
        "s1: blocks",
        "s2: blocks",
        "jpeg: 2 more slides do not pass this check",
    ]
    fatal = {**guard, "reason": "wrong_stain"}
    (said,) = guard_sentences(
        [{"score": {"slide": "s"}, "guards": [fatal], "controls": {"positive": "not recorded"}}]
    )
    assert said.startswith("tissue controls are not recorded, or not all, of 1 of 1 slides")


def test_checks_and_controls_are_stored_and_a_failed_control_withholds_one_slide(
    study, monkeypatch
):
    train(study, command="rimlight train")
    run = open_run(study)
    plan = score_plan(run)
    names = [str(info.slide_id) for info in plan.every][:2]
    section = score(run, slides=names)
    for name in names:
        guards = section["guards"][name]
        assert {"name", "value", "unit", "limit", "is_passed", "words", "reason"} == set(guards[0])
        assert section["controls"][name] == dict.fromkeys(
            ("positive", "negative", "reagent"), "not recorded"
        )
        record = json.loads((run.folder / "scores" / f"{name}.json").read_text())
        assert record["guards"] == guards
    kept = json.loads((run.folder / "training_slides.json").read_text())
    assert len(kept["slides"]) == len(plan.every)

    monkeypatch.setattr(module, "look_of", None)  # now kept, so looked at no more
    assert len(training_slides(run, study, plan.every)) == len(plan.every)
    control = Control(
        scope="slide",
        subject=names[0],
        control=ControlName.POSITIVE,
        outcome=ControlOutcome.FAIL,
        reader="anna",
        source="controls.csv",
    )
    put_controls(study.engine, [control])
    rows = {row["slide"]: row for row in score(run, slides=names)["slides"]}
    assert rows[names[0]]["reason"] == "control_failed"
    assert rows[names[0]]["value"] is None
    assert rows[names[1]]["reason"] != "control_failed"
    assert read_metrics(run)["scores"]["controls"][names[0]]["positive"] == "fail"
