"""What scores stand on is fitted on cases that are not held out, and judged on those that are."""

import shutil

import numpy as np
import pytest
from other_labels import with_others

from rimlight.core.measurement import Ring
from rimlight.io.formats.tables import read_table
from rimlight.io.study import open_study
from rimlight.workflows.explain import study_of
from rimlight.workflows.score_rules import Levels, rules_of


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained run whose study a test may change."""
    from rimlight.io.runs import open_run

    folder = shutil.copytree(trained.folder.parent.parent, tmp_path / "study")
    return open_run(open_study(folder), trained.run_id)


def cases_of(run, *parts):
    table = read_table(run.folder / "parts.csv")
    return {c for c, p in zip(table["case"], table["part"], strict=True) if p in parts}


def test_errors_are_those_of_held_out_cases_and_the_slides_own_case_is_left_out(run):
    rules = rules_of(run, study_of(run), fold=0)
    held = cases_of(run, "hold-out")
    assert set(rules.error_cases) == held
    table = read_table(run.folder / "predictions.csv")
    assert rules.errors.n_cells.sum() == table["part"].count("hold-out")
    own = min(held)
    others, _ = rules.errors_without(own)
    at = rules.error_cases.tolist().index(own)
    assert others.n_cells.tolist() == np.delete(rules.errors.n_cells, at, axis=0).tolist()
    assert rules.errors_without("a new case")[0].n_cases == len(held)


def test_labels_and_calls_stand_on_their_own_sides_of_the_errors(run):
    rules = rules_of(run, study_of(run), fold=0)
    cells, table = (read_table(run.folder / f"{n}.csv") for n in ("cells", "predictions"))
    level = dict(zip(cells["cell"], map(int, cells["level"]), strict=True))
    rows = [i for i, part in enumerate(table["part"]) if part == "hold-out"]
    missed = sum(level[table["cell"][i]] > 0 and table["call"][i] == "0" for i in rows)
    false = sum(level[table["cell"][i]] == 0 and table["call"][i] == "1" for i in rows)
    assert rules.errors.n_cells[:, 0, 1].sum() == missed
    assert rules.errors.n_cells[:, 1, 0].sum() == false


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


def test_a_call_decides_between_negative_and_a_level_and_density_only_between_levels():
    levels = Levels(
        ring=Ring(inner_um=2, outer_um=6),
        cuts_od=(0.2, 0.4),
        n_fitted=9,
        n_held=0,
        kappa=None,
        share_exact=None,
    )
    od, call = np.array([0.9, 0.0, 0.2, 0.3, 0.9]), np.array([0, 1, 1, 1, 1]) > 0
    assert levels.of(od, call).tolist() == [0, 1, 1, 2, 3]


def test_labelled_cells_are_judged_at_their_candidates_not_where_they_were_clicked(
    run, synthetic_folder
):
    from rimlight.io.store import slides
    from rimlight.workflows.candidates import candidate_tiles
    from rimlight.workflows.label import consensus_of_study
    from rimlight.workflows.score_examples import _at_candidates

    study = study_of(run)
    with_others(study, synthetic_folder, n_each=3)
    found = consensus_of_study(study)
    labelled = [*found.cells, *found.others]
    moved = {cell.cell.cell_id: cell for cell in _at_candidates(study, labelled)}
    assert 0.8 * len(labelled) < len(moved) <= len(labelled)
    for info in slides(study.engine):
        tiles = list(candidate_tiles(study, [info]))
        places = {(x, y) for t in tiles for x, y in zip(t.x_l0, t.y_l0, strict=True)}
        for cell in labelled:
            if cell.cell.slide_id == info.slide_id and cell.cell.cell_id in moved:
                to = moved[cell.cell.cell_id].cell
                assert (to.x_l0, to.y_l0) in places
                far = np.hypot(to.x_l0 - cell.cell.x_l0, to.y_l0 - cell.cell.y_l0)
                assert far * info.mpp <= 4
    others = {cell.cell.cell_id for cell in found.others}
    assert others <= set(moved)
