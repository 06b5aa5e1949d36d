"""A cell is measured by the line around itself: not by its neighbours', blush or pigment."""

from dataclasses import replace

import numpy as np
import pytest
from test_cause_edits import MIDDLE, WHITE, distance_px, painted, scene

from rimlight.core.stains import HDAB
from rimlight.explain.cause_edits import scene_of
from rimlight.explain.own_line import line_cut_od, look_of, own_line_od


def of_patch(wide):
    return scene_of(wide, size_px=64, white=WHITE, stains=HDAB, background_od=0.02, mpp=0.5)


def test_the_own_line_is_found_and_the_neighbours_is_not():
    assert own_line_od(scene(own_dab=0.8, other_dab=0.0)) == pytest.approx(0.78, abs=0.05)
    assert own_line_od(scene(own_dab=0.0, other_dab=0.8)) < 0.05


def test_a_line_beyond_the_border_is_not_the_cells_own():
    of = scene(own_dab=0.8, other_dab=0.0)
    far_px = distance_px(0, 0)[12:-12, 12:-12]
    beyond = replace(of, beyond_um=np.where(far_px > 10, 1.0, -1.0))
    assert own_line_od(beyond) < 0.05


def test_brown_without_a_line_is_no_line():
    assert own_line_od(scene(own_dab=0.0, other_dab=0.0, blush=0.3)) < 0.1


def test_a_line_in_few_directions_is_no_closed_line():
    whole, bare = painted(own_dab=0.8, other_dab=0.0), painted(own_dab=0.0, other_dab=0.0)
    left = np.arange(len(whole)) < MIDDLE + 2
    third = whole.copy()
    third[:, left] = bare[:, left]
    assert own_line_od(of_patch(whole)) > 0.7
    assert own_line_od(of_patch(third)) < 0.1


def test_black_specks_around_the_cell_are_no_line():
    wide = painted(own_dab=0.0, other_dab=0.0)
    for turn in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        wide[distance_px(9 * np.cos(turn), 9 * np.sin(turn)) <= 1] = 25
    of = of_patch(wide)
    assert of.specks.sum() > 30
    assert own_line_od(of) < 0.05


def test_the_cut_lies_between_negative_and_positive_cells():
    cut = line_cut_od(np.array([0.0, 0.05, 0.3, 0.6]), np.array([False, False, True, True]))
    assert 0.05 < cut < 0.3
    assert np.isnan(line_cut_od(np.array([0.1, 0.2]), np.array([True, True])))


def test_a_cell_looks_as_labelled_by_its_own_line():
    brown, bare = scene(own_dab=0.8, other_dab=0.8), scene(own_dab=0.0, other_dab=0.8)
    assert look_of(brown, is_positive=True, cut_od=0.2) == "as_labelled"
    assert look_of(brown, is_positive=False, cut_od=0.2) == "otherwise"
    assert look_of(bare, is_positive=True, cut_od=0.2) == "otherwise"
    assert look_of(bare, is_positive=False, cut_od=0.2) == "as_labelled"
    assert look_of(brown, is_positive=False, cut_od=float("nan")) == "as_labelled"


def test_that_no_line_is_seen_counts_only_where_the_nucleus_says_where_to_look():
    of = scene(own_dab=0.0, other_dab=0.8)
    small = distance_px(0, 0)[12:-12, 12:-12] <= 3
    for nucleus in (small, np.zeros_like(small)):
        less = replace(of, zones=replace(of.zones, own_nucleus=nucleus))
        assert look_of(less, is_positive=False, cut_od=0.2) == "unclear"
        assert look_of(less, is_positive=True, cut_od=0.2) == "otherwise"
