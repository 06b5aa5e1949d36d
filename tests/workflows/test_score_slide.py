"""Cells of a slide are judged alike, however the work is cut."""

import shutil
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from other_labels import with_others

from rimlight.core.focus import sharpness
from rimlight.core.measurement import Ring, mean_od
from rimlight.core.resampling import block_mean
from rimlight.core.stains import dab_density
from rimlight.core.zones import ring
from rimlight.io.runs import open_run
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.model.prediction import centre
from rimlight.workflows import candidates, score_slide
from rimlight.workflows.score_job import task_of
from rimlight.workflows.score_plan import score_plan
from rimlight.workflows.score_slide import judged_cells
from rimlight.workflows.score_task import REASONS
from rimlight.workflows.train import train

COLUMNS = ("x_l0", "y_l0", "logit", "probability", "od_ring", "level", "reason")


@pytest.fixture(scope="module")
def task(_study_folder, synthetic_folder, tmp_path_factory):
    """What the first slide of a small trained study is scored with."""
    folder = tmp_path_factory.mktemp("judged") / "study"
    shutil.copytree(_study_folder, folder, ignore=shutil.ignore_patterns("runs"))
    (folder / "runs").mkdir()
    train(open_study(folder), command="rimlight train")
    study = open_study(folder)
    with_others(study, synthetic_folder)
    plan = score_plan(open_run(study))
    return task_of(plan, slides(study.engine)[0])


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def rows_of(cells):
    order = np.lexsort((cells.x_l0, cells.y_l0))
    return {name: getattr(cells, name)[order] for name in COLUMNS}


def test_digits_do_not_depend_on_the_number_of_threads(task, monkeypatch):
    small = partial(candidates.candidate_tiles, tile_um=60.0)
    monkeypatch.setattr(score_slide, "candidate_tiles", small)
    found = []
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        found.append(judged_cells(task))
    assert len(found[0]) > 50
    for name in COLUMNS:
        np.testing.assert_array_equal(*(getattr(cells, name) for cells in found))


@pytest.mark.parametrize("tile_um", [60.0, 101.0])
def test_calls_do_not_depend_on_the_tiles(task, tile_um, monkeypatch):
    torch.set_num_threads(1)
    whole = rows_of(judged_cells(task))
    cut = partial(candidates.candidate_tiles, tile_um=tile_um)
    monkeypatch.setattr(score_slide, "candidate_tiles", cut)
    again = rows_of(judged_cells(task))
    for name in ("x_l0", "y_l0", "level", "reason"):
        np.testing.assert_array_equal(again[name], whole[name])
    for name in ("logit", "probability", "od_ring"):
        np.testing.assert_allclose(again[name], whole[name], rtol=0, atol=2e-5)


def test_ring_and_focus_of_a_cell_are_those_of_its_patch(task):
    (tile,) = candidates.candidate_tiles(task.study, [task.info])
    patch, found = task.rules.patch, Ring(inner_um=2.0, outer_um=7.0)
    levels = SimpleNamespace(ring=found, of=lambda _od, call, _features: call.astype(np.int64))
    inner = centre(tile.patches, size_px=patch.size_px)
    sharp = sharpness(np.stack([block_mean(one, side_px=2) for one in inner]))
    limit = float(np.median(sharp))
    cells = judged_cells(
        replace(
            task,
            rules=replace(task.rules, levels=levels),
            settings=replace(task.settings, least_sharpness=limit),
        )
    )
    zone = ring(patch.size_px, mpp=patch.mpp, inner_um=2.0, outer_um=7.0)
    dab = dab_density(inner, white=task.info.white, stains=task.rules.stains)
    np.testing.assert_allclose(cells.od_ring, mean_od(dab, zone), atol=1e-6)
    is_soft = tile.is_whole(patch) & (sharp < limit)
    assert 0 < is_soft.sum() < len(cells)
    np.testing.assert_array_equal(cells.reason == REASONS.index("out_of_focus"), is_soft)
