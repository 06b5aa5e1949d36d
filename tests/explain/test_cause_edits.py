"""Edits of causes: they change what the cause says, nothing else, and their placebo elsewhere."""

import numpy as np
import pytest

from rimlight.core.density import light, optical_density
from rimlight.core.stains import HDAB, mix, unmix
from rimlight.explain.cause_edits import DAB, HAEMATOXYLIN, edit_of, scene_of
from rimlight.records import CauseName

WHITE = (240.0, 238.0, 242.0)
SIDE, WIDE, MPP = 64, 88, 0.5
MIDDLE = (WIDE - 1) / 2


def distance_px(x_px, y_px):
    rows, columns = np.mgrid[:WIDE, :WIDE]
    return np.hypot(columns - MIDDLE - x_px, rows - MIDDLE - y_px)


def painted(*, own_dab=0.0, other_dab=0.8, own_at=(0, 0), other_at=(30, 0), blush=0.0):
    """Two cells side by side: nuclei of 5 px radius, membranes as rings of 11 to 13 px."""
    maps = np.zeros((WIDE, WIDE, 3))
    maps[..., HAEMATOXYLIN] = 0.05
    for centre, brown in ((own_at, own_dab), (other_at, other_dab)):
        far = distance_px(*centre)
        maps[far <= 5, HAEMATOXYLIN] = 0.6
        maps[(far > 11) & (far <= 13), DAB] = brown
    inside = distance_px(*own_at) <= 11
    maps[inside, DAB] += blush
    bright = light(mix(maps.astype(np.float32), stains=HDAB), white=WHITE)
    return np.clip(bright + 0.5, 0, 255).astype(np.uint8)


def scene(**kinds):
    return scene_of(
        painted(**kinds), size_px=SIDE, white=WHITE, stains=HDAB, background_od=0.02, mpp=MPP
    )


def stains_of(patch):
    return unmix(optical_density(patch, white=WHITE), stains=HDAB)


def changed(edit, of):
    return (edit.patch != of.patch).any(axis=2)


def test_the_neighbours_membrane_goes_and_the_own_one_stays():
    of = scene(own_dab=0.8)
    edit = edit_of(of, CauseName.NEIGHBOUR_MEMBRANE, seed=1)
    moved = changed(edit, of)
    assert moved.any()
    assert not moved[of.beyond_um <= 0].any()
    before, after = of.maps[..., DAB], stains_of(edit.patch)[..., DAB]
    assert after[moved].mean() < 0.05 < 0.5 < before[moved].max()
    haematoxylin = stains_of(edit.patch)[..., HAEMATOXYLIN] - of.maps[..., HAEMATOXYLIN]
    assert np.abs(haematoxylin).max() < 0.05


def test_half_of_the_haematoxylin_of_neighbouring_nuclei_goes():
    of = scene()
    edit = edit_of(of, CauseName.NEIGHBOUR_NUCLEUS, seed=1)
    after = stains_of(edit.patch)[..., HAEMATOXYLIN]
    there = of.zones.neighbour_nuclei
    ratio = after[there].mean() / of.maps[..., HAEMATOXYLIN][there].mean()
    assert ratio == pytest.approx(0.5, abs=0.03)
    assert not changed(edit, of)[of.zones.own_nucleus].any()


def test_the_placebo_takes_as_much_from_as_many_pixels_elsewhere():
    of = scene(own_dab=0.8, other_dab=0.8, blush=0.3)
    edit = edit_of(of, CauseName.NEIGHBOUR_MEMBRANE, seed=1)
    placebo, own_ring = edit.placebos
    assert ((own_ring != of.patch).any(axis=2) <= of.zones.own_ring).all()
    moved = (placebo != of.patch).any(axis=2)
    assert not (moved & changed(edit, of)).any()
    assert not moved[of.zones.own_ring].any()
    assert moved.sum() <= changed(edit, of).sum() + 1
    taken = (of.maps - stains_of(edit.patch))[..., DAB].sum()
    there = (of.maps - stains_of(placebo))[..., DAB].sum()
    assert there == pytest.approx(taken * edit.placebo_share, rel=0.1)


def test_a_diffuse_blush_goes_and_a_thin_line_stays():
    of = scene(own_dab=0.8, other_dab=0.0, blush=0.3)
    edit = edit_of(of, CauseName.OWN_CYTOPLASM, seed=1)
    after = stains_of(edit.patch)[..., DAB]
    far = distance_px(0, 0)[12:76, 12:76]
    body = (far > 6) & (far <= 9)
    line = (far > 11) & (far <= 13) & of.own_side
    assert after[body].mean() < 0.12
    assert after[line].mean() > 0.5  # it loses what is as dark as the blush beside it


def test_a_faint_line_is_made_twice_as_dark_on_the_own_side_alone():
    of = scene(own_dab=0.15)
    edit = edit_of(of, CauseName.FAINT_STAIN, seed=1)
    after, before = stains_of(edit.patch)[..., DAB], of.maps[..., DAB]
    line = (distance_px(0, 0)[12:76, 12:76] > 11.5) & (before > 0.1) & of.own_side
    ratio = (after[line].mean() - 0.02) / (before[line].mean() - 0.02)
    assert ratio == pytest.approx(2.0, abs=0.15)
    assert not changed(edit, of)[of.beyond_um > 0].any()


def test_a_click_beside_its_cell_is_moved_onto_it_and_placebos_elsewhere():
    of = scene(own_at=(6, -4), other_at=(-30, 0), own_dab=0.8)
    edit = edit_of(of, CauseName.OFF_CENTRE, seed=1)
    zones = scene_of(
        np.pad(edit.patch, ((12, 12), (12, 12), (0, 0)), mode="edge"),
        size_px=SIDE, white=WHITE, stains=HDAB, background_od=0.02, mpp=MPP,
    ).zones  # fmt: skip
    assert zones.is_nucleus_found
    assert zones.centre_px == pytest.approx((31.5, 31.5), abs=1.0)
    assert len(edit.placebos) == 3
    assert all((placebo != edit.patch).any() for placebo in edit.placebos)


def test_a_click_on_its_nucleus_has_nothing_to_move():
    assert edit_of(scene(), CauseName.OFF_CENTRE, seed=1) is None


def test_pigment_takes_the_colour_around_it_and_brown_lines_stay():
    wide = painted(own_dab=0.8)
    plain = scene(own_dab=0.8)
    wide[40:42, 50:52] = 25  # black specks beside the nucleus
    wide[47:49, 36:38] = 25
    of = scene_of(wide, size_px=SIDE, white=WHITE, stains=HDAB, background_od=0.02, mpp=MPP)
    edit = edit_of(of, CauseName.PIGMENT, seed=1)
    assert edit.patch[28:30, 38:40].min() > 120
    far = np.abs(edit.patch.astype(int) - plain.patch).max(axis=2)
    specks = np.zeros((SIDE, SIDE), dtype=bool)
    specks[25:33, 35:43] = specks[32:40, 21:29] = True
    assert far[~specks].max() == 0


def test_without_neighbours_there_is_no_membrane_of_theirs_to_take():
    of = scene(other_at=(200, 200), own_dab=0.8)
    assert edit_of(of, CauseName.NEIGHBOUR_MEMBRANE, seed=1) is None


def test_the_same_seed_gives_the_same_placebo():
    of = scene(own_dab=0.8, blush=0.3)
    one, two = (edit_of(of, CauseName.NEIGHBOUR_MEMBRANE, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.placebos[0], two.placebos[0])


def test_a_cause_that_the_map_alone_tells_has_no_edit():
    assert edit_of(scene(), CauseName.DOUBTFUL_LABEL, seed=1) is None
