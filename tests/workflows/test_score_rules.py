"""What scores stand on is fitted on cases that are not held out, and judged on those that are."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from other_labels import with_others

from rimlight.io.formats.tables import read_table
from rimlight.io.store import put_slides, slides
from rimlight.io.study import open_study
from rimlight.model import tumour_network as small
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.explain import study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.run_tables import read_cells
from rimlight.workflows.score_examples import examples_of
from rimlight.workflows.score_rules import rules_of
from rimlight.workflows.score_rules_kept import kept_rules
from rimlight.workflows.tumour_decision import TumourNetwork, tumour_folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained run whose study a test may change."""
    from rimlight.io.runs import open_run

    folder = shutil.copytree(trained.folder.parent.parent, tmp_path / "study")
    return open_run(open_study(folder), trained.run_id)


def cases_of(run, *parts):
    table = read_table(run.folder / "parts.csv")
    return {c for c, p in zip(table["case"], table["part"], strict=True) if p in parts}


def held_out_examples(run, study):
    return examples_of(study, read_cells(run), dict.fromkeys(cases_of(run, "hold-out"), "hold-out"))


def test_errors_are_those_of_held_out_cases_and_the_slides_own_case_is_left_out(run):
    rules = rules_of(run, study_of(run), fold=0)
    held = cases_of(run, "hold-out")
    assert set(rules.error_cases) == held
    n_held = read_table(run.folder / "predictions.csv")["part"].count("hold-out")
    assert 0.8 * n_held < rules.errors.n_cells.sum() <= n_held
    own = min(held)
    others, _ = rules.errors_without(own)
    at = rules.error_cases.tolist().index(own)
    assert others.n_cells.tolist() == np.delete(rules.errors.n_cells, at, axis=0).tolist()
    assert rules.errors_without("a new case")[0].n_cases == len(held)


def test_labels_and_calls_stand_on_their_own_sides_of_the_errors(run):
    study = study_of(run)
    rules = rules_of(run, study, fold=0)
    found = held_out_examples(run, study)
    logits = rules.judged(found.patches, white=found.white).logits
    missed = found.is_held_out & (found.level > 0) & (logits <= 0)
    false = found.is_held_out & (found.level == 0) & (logits > 0)
    assert rules.errors.n_cells[:, 0, 1].sum() == missed.sum()
    assert rules.errors.n_cells[:, 1, 0].sum() == false.sum()
    assert missed.sum() != false.sum()


def test_cells_labelled_other_in_held_out_cases_judge_the_rule_and_never_make_it(
    run, synthetic_folder
):
    study = study_of(run)
    with_others(study, synthetic_folder, cases=cases_of(run, "train", "validation"))
    before = rules_of(run, study, fold=0)
    assert before.errors.n_cells.shape[1:] == (3, 3)
    assert before.errors.n_cells[:, 2].sum() == 0
    assert not before.errors.is_enough
    labels = with_others(study, synthetic_folder, cases=cases_of(run, "hold-out"))
    after = rules_of(run, study, fold=0)
    assert after.others.weights.tolist() == before.others.weights.tolist()
    assert after.errors.n_cells[:, 2].sum() == len(labels)
    assert after.others.n_others == before.others.n_others


def test_a_few_other_labels_are_said_to_be_too_few(run, synthetic_folder):
    study = study_of(run)
    with_others(study, synthetic_folder, cases=sorted(cases_of(run, "train"))[:1])
    rules = rules_of(run, study, fold=0)
    assert rules.others is None
    assert "fewer than 20" in rules.sentences[0]


def test_labelled_cells_are_judged_at_their_candidates_not_where_they_were_clicked(
    run, synthetic_folder
):
    study = study_of(run)
    with_others(study, synthetic_folder, n_each=3)
    consensus = consensus_of_study(study)
    labelled = {str(c.cell.cell_id): c.cell for c in (*consensus.cells, *consensus.others)}
    found = examples_of(study, read_cells(run), {c.case_id: "train" for c in consensus.cells})
    assert 0.8 * len(labelled) < len(found.cell) <= len(labelled)
    assert {str(c.cell.cell_id) for c in consensus.others} <= set(found.cell.tolist())
    patch_at = {}
    for info in slides(study.engine):
        for tile in candidate_tiles(study, [info]):
            keys = zip([info.slide_id] * len(tile), tile.x_l0, tile.y_l0, strict=True)
            patch_at |= dict(zip(keys, tile.patches, strict=True))
    mpp = slides(study.engine)[0].mpp
    for name, (x, y), patch in zip(found.cell, found.places, found.patches, strict=True):
        clicked = labelled[name]
        assert np.hypot(x - clicked.x_l0, y - clicked.y_l0) * mpp <= 4
        assert (patch == patch_at[clicked.slide_id, x, y]).all()


def test_labelled_cells_of_a_slide_that_cannot_be_read_are_left_out_and_that_is_said(run):
    study = study_of(run)
    broken = next(x for x in slides(study.engine) if x.case_id in cases_of(run, "hold-out"))
    path = study.folder / "broken.tiff"
    path.write_bytes(b"no slide")
    put_slides(study.engine, [replace(broken, path=str(path))])
    rules = rules_of(run, study, fold=0)
    assert set(rules.error_cases) == cases_of(run, "hold-out") - {broken.case_id}
    assert "labelled cells of 1 slides" in rules.sentences[-1]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(small, "_N_EPOCHS", 3)
    monkeypatch.setattr(small, "_LEAST_STEPS", 25)


def test_many_labels_make_a_network_of_training_cases_alone_kept_and_read_again(
    run, synthetic_folder, quick
):
    study = study_of(run)
    with_others(study, synthetic_folder, n_each=40, cases=cases_of(run, "train", "validation"))
    before = rules_of(run, study, fold=0)
    assert isinstance(before.others, TumourNetwork)
    assert before.others.n_cases == len(cases_of(run, "train"))
    weights = (tumour_folder(run, 0) / "weights.safetensors").stat()
    assert "small network" in before.sentences[0]
    with_others(study, synthetic_folder, n_each=30, cases=cases_of(run, "hold-out"))
    after = rules_of(run, study, fold=0)
    assert after.others.weights == before.others.weights
    assert (tumour_folder(run, 0) / "weights.safetensors").stat().st_mtime_ns == weights.st_mtime_ns
    kept = kept_rules(run, study, fold=0, made_from="the same")
    read = kept_rules(run, study, fold=0, made_from="the same")
    shutil.rmtree(tumour_folder(run, 0))
    assert rules_of(run, study, fold=0).others.weights == before.others.weights
    found = held_out_examples(run, study)
    said = [r.judged(found.patches, white=found.white) for r in (after, kept, read)]
    for other in said[1:]:
        assert (other.logits == said[0].logits).all()
        assert (other.is_other == said[0].is_other).all()
    is_other = found.is_other
    assert said[0].is_other[is_other].mean() > 0.5 + said[0].is_other[~is_other].mean()
    assert read.sentences == kept.sentences == after.sentences
    assert (read.errors.n_cells == after.errors.n_cells).all()
    n_others = int(is_other.sum())
    n_kept = n_others - int(said[0].is_other[is_other].sum())
    assert f"{n_kept / n_others:.0%} of {n_others} other cells" in after.sentences[0]
    assert after.errors.n_cells[:, 2, 2].sum() == said[0].is_other[is_other].sum()
