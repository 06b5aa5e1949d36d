"""A cell edited by hand: the edits are those that confirm causes, and nothing else changes."""

import numpy as np
import pytest

from rimlight.core.density import optical_density
from rimlight.core.stains import unmix
from rimlight.errors import RimlightError
from rimlight.explain.cause_edits import HandEdit, edit_of, hand_edited
from rimlight.io.runs import open_run
from rimlight.io.study import open_study
from rimlight.records import CauseName
from rimlight.workflows.what_if import WhatIf, what_if, what_if_scene
from rimlight.workflows.why_cells import placed, ready_run


@pytest.fixture(scope="module")
def scenes(scored_folder):
    """A few held-out cells with brown next to them, ready to be edited."""
    cells = ready_run(open_run(open_study(scored_folder)))
    rows = np.flatnonzero(cells.folds[0].grounds.table.part == "hold-out")[:40].tolist()
    found = []
    for row in rows:
        asked = placed(cells, cells.cells.cells[row].cell)
        scene = what_if_scene(cells, asked)
        causes = (CauseName.NEIGHBOUR_MEMBRANE, CauseName.NEIGHBOUR_NUCLEUS)
        if all(edit_of(scene, cause, seed=1) is not None for cause in causes):
            found.append((asked, scene))
    assert len(found) > 3
    return found[:6]


def test_whole_edits_are_those_that_confirm_causes(scenes):
    for _, scene in scenes:
        membrane = edit_of(scene, CauseName.NEIGHBOUR_MEMBRANE, seed=1)
        nucleus = edit_of(scene, CauseName.NEIGHBOUR_NUCLEUS, seed=1)
        np.testing.assert_array_equal(
            hand_edited(scene, HandEdit(dab_neighbours=1)), membrane.patch
        )
        np.testing.assert_array_equal(
            hand_edited(scene, HandEdit(dab_own=1)), membrane.placebos[-1]
        )
        np.testing.assert_array_equal(hand_edited(scene, HandEdit(nuclei=0.5)), nucleus.patch)


def test_without_an_edit_nothing_changes(scenes):
    asked, scene = scenes[0]
    found = what_if(asked, scene, WhatIf(stain=HandEdit()))
    np.testing.assert_array_equal(found.patch, scene.patch)
    assert found.logit == found.logit_before == pytest.approx(asked.logit, abs=2e-5)
    assert found.edited_share == 0


def test_brown_fades_with_the_slider_and_never_below_the_background(scenes):
    _, scene = scenes[0]
    stains = scene.stains
    mean = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        patch = hand_edited(scene, HandEdit(dab_own=share))
        maps = unmix(optical_density(patch, white=scene.white), stains=stains)
        mean.append(float(maps[..., 1][scene.zones.own_ring].mean()))
    assert mean == sorted(mean, reverse=True)
    whole = unmix(
        optical_density(hand_edited(scene, HandEdit(dab_own=1)), white=scene.white), stains=stains
    )
    least = np.minimum(scene.maps[..., 1], scene.background_od)
    assert (whole[..., 1] >= least - 0.03)[scene.zones.own_ring].all()


def test_edits_together_change_what_each_changes(scenes):
    _, scene = scenes[0]
    own = hand_edited(scene, HandEdit(dab_own=1)) != scene.patch
    others = hand_edited(scene, HandEdit(dab_neighbours=1)) != scene.patch
    both = hand_edited(scene, HandEdit(dab_own=1, dab_neighbours=1)) != scene.patch
    np.testing.assert_array_equal(both.any(axis=2), own.any(axis=2) | others.any(axis=2))


def test_a_moved_click_shows_the_tissue_there(scenes):
    asked, scene = scenes[0]
    found = what_if(asked, scene, WhatIf(stain=HandEdit(), dx_um=2.0, dy_um=-1.0))
    edge = (scene.wide.shape[0] - scene.patch.shape[0]) // 2
    side = scene.patch.shape[0]
    there = scene.wide[edge - 2 : edge - 2 + side, edge + 4 : edge + 4 + side]
    np.testing.assert_array_equal(found.patch, there)
    assert found.logit != found.logit_before


def test_what_is_too_far_or_too_much_is_refused(scenes):
    asked, scene = scenes[0]
    with pytest.raises(RimlightError, match="at most 6 um"):
        what_if(asked, scene, WhatIf(stain=HandEdit(), dx_um=6.5))
    with pytest.raises(ValueError, match="dab_own"):
        HandEdit(dab_own=1.2)
