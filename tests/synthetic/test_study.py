from dataclasses import replace

import numpy as np
import pytest

from rimlight.errors import SettingsError
from rimlight.synthetic.reader import clicks, read_levels
from rimlight.synthetic.settings import DEMO, STUDY
from rimlight.synthetic.study import study_plan, synthetic_slide, truth_columns

SMALL = replace(
    DEMO, n_cases=1, n_slides=1, n_cells=12, width_um=150.0, height_um=120.0, label_noise=0.0
)


@pytest.fixture(scope="module")
def slide():
    return synthetic_slide(study_plan(SMALL)[0], SMALL)


@pytest.mark.parametrize("settings", [DEMO, STUDY, replace(STUDY, seed=1)])
def test_a_plan_has_exactly_the_cases_slides_and_cells_asked_for(settings):
    plans = study_plan(settings)
    assert len(plans) == settings.n_slides
    assert len({plan.slide_id for plan in plans}) == settings.n_slides
    assert len({plan.case_id for plan in plans}) == settings.n_cases
    assert sum(plan.n_cells for plan in plans) == settings.n_cells
    assert min(plan.n_cells for plan in plans) > 40
    assert max(plan.n_cells for plan in plans) < 160


def test_slides_of_one_case_come_from_one_scanner():
    scanners = {}
    for plan in study_plan(STUDY):
        scanners.setdefault(plan.case_id, set()).add(plan.scanner)
    assert all(len(found) == 1 for found in scanners.values())
    assert len(set.union(*scanners.values())) == 3


def test_a_slide_has_the_size_asked_for_at_a_quarter_of_a_micrometre(slide):
    assert slide.field.rgb.shape == (480, 600, 3)
    assert slide.field.owner.shape == (240, 300)
    assert slide.field.nucleus.shape == (240, 300)


def test_labels_and_clicks_agree_with_the_truth(slide):
    truth = truth_columns(slide)
    assert (truth["kind"][slide.rows] == "tumour").all()
    np.testing.assert_array_equal(truth["label"][slide.rows], truth["level"][slide.rows])
    away = np.hypot(truth["click_x_l0"] - truth["x_l0"], truth["click_y_l0"] - truth["y_l0"])[
        slide.rows
    ]
    assert 0 < away.max() <= np.hypot(9.01, 9.01)  # 2 um each way, and half the click grid
    assert (truth["label"] >= 0).sum() == 12
    assert np.isnan(np.delete(truth["click_x_l0"], slide.rows)).all()


def test_the_nucleus_of_a_labelled_cell_lies_under_its_centre(slide):
    truth = truth_columns(slide)
    hits = [
        slide.field.nucleus[int(truth["y_l0"][row] / 2), int(truth["x_l0"][row] / 2)] == row + 1
        for row in slide.rows
    ]
    assert np.mean(hits) > 0.8


def test_a_slide_too_small_for_its_cells_is_refused_with_the_way_out():
    crowded = replace(SMALL, n_cells=500)
    with pytest.raises(SettingsError, match="500 are to be labelled; ask for fewer cells"):
        synthetic_slide(study_plan(crowded)[0], crowded)


def test_a_reader_errs_by_one_level_as_often_as_asked():
    level = np.repeat([0, 1, 2, 3], 5000)
    rng = np.random.default_rng(1)
    read = read_levels(level, settings=replace(DEMO, label_noise=0.1), rng=rng)
    assert (read != level).mean() == pytest.approx(0.1, abs=0.01)
    assert np.abs(read - level).max() == 1
    assert set(read) == {0, 1, 2, 3}
    assert (read[level == 1] == 0).any()
    assert (read[level == 1] == 2).any()


def test_clicks_scatter_around_the_centre_as_far_as_asked(slide):
    rows = np.zeros(4000, dtype=int)
    found = clicks(
        slide.field.cells,
        rows,
        settings=replace(DEMO, click_sigma_um=0.8),
        rng=np.random.default_rng(2),
    )
    off_um = (found - [slide.field.cells.x_l0[0], slide.field.cells.y_l0[0]]) * 0.25
    assert off_um.std(axis=0) == pytest.approx([0.8, 0.8], abs=0.05)
    assert off_um.mean(axis=0) == pytest.approx([0, 0], abs=0.05)
    assert (found % 2 == 0).all()
