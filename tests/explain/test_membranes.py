"""Drawn cells: brown lines of known owners, and claims that say whose they are."""

import numpy as np
import pytest

from rimlight.explain.contributing import angular_coverage, thresholded
from rimlight.explain.membranes import (
    MembraneSettings,
    best_closed_path,
    distance_to_line,
    drawn_path,
    joint_claim,
    membrane_evidence,
    own_level,
)

SIZE, MPP, CENTRE = 64, 0.5, (31.5, 31.5)


def line_of(x, y, radius_px, *, width_px=1.2, od=0.6, arc_deg=360.0):
    """A brown circle, or an arc that starts along x and goes on towards y."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    far = np.hypot(columns - x, rows - y) - radius_px
    turn = np.degrees(np.arctan2(rows - y, columns - x)) % 360
    return od * np.exp(-0.5 * (far / width_px) ** 2) * (turn < arc_deg)


def pixels(claim, gate, **choices):
    choices = {"centre_px": CENTRE, "mpp": MPP, "min_area_um2": 0.5, "floor": 0.03} | choices
    min_area_um2, floor = choices.pop("min_area_um2"), choices.pop("floor")
    product = membrane_evidence(claim, gate=gate, **choices)
    return thresholded(product, gate=gate, floor=floor, min_area_px=min_area_um2 / MPP**2)


def overlap(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_a_closed_membrane_is_found_whole_and_nothing_else():
    own = line_of(*CENTRE, 14)
    found = pixels(own, own)
    assert overlap(found, own > 0.3) > 0.85
    assert not found[28:36, 28:36].any()


@pytest.mark.parametrize("arc_deg", [90, 180, 270, 360])
def test_completeness_of_a_drawn_arc_is_its_share_of_the_circle(arc_deg):
    own = line_of(*CENTRE, 14, arc_deg=arc_deg)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    ring = np.abs(np.hypot(columns - 31.5, rows - 31.5) - 14) < 4
    coverage = angular_coverage(
        pixels(own, own), available=ring, centre_px=CENTRE, sigma_px=0.0, move_px=2.0
    )
    assert coverage.completeness == pytest.approx(arc_deg / 360, abs=0.05)
    assert coverage.longest_gap_deg == pytest.approx(360 - arc_deg, abs=18)


def test_the_darker_membrane_of_the_neighbour_is_not_taken():
    own = line_of(*CENTRE, 12, od=0.4)
    neighbour = line_of(59, 31.5, 12, od=1.2)
    found = pixels(own, np.maximum(own, neighbour))
    assert overlap(found, own > 0.2) > 0.75
    assert not found[:, 50:].any()


def test_a_shared_line_goes_to_the_cell_whose_map_claims_it():
    """One brown line between two centres; only the claimed one gets it."""
    left, right = line_of(20, 31.5, 11), line_of(43, 31.5, 11)
    gate = np.maximum(left, right)
    of_left = pixels(left - 0.5 * right, gate, centre_px=(20, 31.5))
    of_right = pixels(right - 0.5 * left, gate, centre_px=(43, 31.5))
    assert overlap(of_left, left > 0.3) > 0.75
    assert overlap(of_right, right > 0.3) > 0.75
    assert of_left[31, 9]
    assert not of_right[31, 9]
    assert of_right[31, 54]
    assert not of_left[31, 54]


def test_a_membrane_that_two_cells_claim_belongs_to_both():
    left, right = line_of(20, 31.5, 11.5), line_of(43, 31.5, 11.5)
    gate = np.maximum(left, right)
    middle = (slice(29, 34), slice(30, 34))
    assert pixels(left, gate, centre_px=(20, 31.5))[middle].any()
    assert pixels(right, gate, centre_px=(43, 31.5))[middle].any()


def test_evidence_against_a_line_keeps_it_out():
    own, other = line_of(*CENTRE, 10), line_of(*CENTRE, 18)
    gate = np.maximum(own, other)
    assert overlap(pixels(own - other, gate), own > 0.3) > 0.8
    assert overlap(pixels(other - own, gate), other > 0.3) > 0.8


def test_a_mask_is_not_moved_and_rows_are_not_columns():
    own = line_of(26, 35, 12, arc_deg=90)
    found = pixels(own, own, centre_px=(26.0, 35.0))
    rows, columns = np.nonzero(found)
    true_rows, true_columns = np.nonzero(own > 0.3)
    assert rows.mean() == pytest.approx(true_rows.mean(), abs=0.4)
    assert columns.mean() == pytest.approx(true_columns.mean(), abs=0.4)
    assert np.array_equal(pixels(own.T, own.T, centre_px=(35.0, 26.0)), found.T)


def test_the_path_need_not_be_round_about_its_centre():
    own = line_of(*CENTRE, 13)
    found = pixels(own, own, centre_px=(27.0, 38.0))
    assert overlap(found, own > 0.3) > 0.8


def test_of_two_lines_that_are_claimed_alike_the_inner_one_is_own():
    inner, outer = line_of(*CENTRE, 11), line_of(*CENTRE, 17)
    both = np.maximum(inner, outer)
    assert overlap(pixels(both, both), inner > 0.3) > 0.8


def test_a_line_much_stronger_than_the_claimed_one_is_another_cells():
    own = line_of(*CENTRE, 12, od=0.4, arc_deg=300)
    foreign = line_of(*CENTRE, 16, od=2.0) - line_of(*CENTRE, 16, od=2.0, arc_deg=300)
    gate, claim = np.maximum(own, foreign), own + 0.06 * foreign
    choices = {"gate": gate, "centre_px": CENTRE, "mpp": MPP}
    wary = drawn_path(claim, settings=MembraneSettings(), **choices)
    free = drawn_path(claim, settings=MembraneSettings(foreign_level=1e9), **choices)
    beyond = slice(84, 92)  # angles 315 to 345, where only the foreign line lies
    assert wary.radius_um[beyond].mean() < free.radius_um[beyond].mean() - 0.2


def test_a_pixel_above_the_own_level_counts_no_more_than_one_at_it():
    own = line_of(*CENTRE, 14)
    spot = own.copy()
    spot[17:19, 30:33] = 5.0
    evidence = membrane_evidence(own, gate=spot, centre_px=CENTRE, mpp=MPP)
    assert evidence[17:19, 30:33].max() < 1.6 * evidence[44:47, 30:33].max()


def test_a_cell_that_claims_nothing_within_the_gate_has_no_pixel():
    own = line_of(*CENTRE, 14)
    nothing = np.zeros((SIZE, SIZE))
    for claim, gate in ((nothing, own), (own, nothing), (-own, own)):
        assert not membrane_evidence(claim, gate=gate, centre_px=CENTRE, mpp=MPP).any()
        assert not pixels(claim, gate).any()


def test_a_gate_that_is_full_everywhere_does_not_break_the_path():
    full = np.full((SIZE, SIZE), 0.7)
    evidence = membrane_evidence(line_of(*CENTRE, 14), gate=full, centre_px=CENTRE, mpp=MPP)
    assert np.isfinite(evidence).all()
    assert evidence.max() > 0


def test_the_path_runs_on_the_line_at_any_pixel_size():
    own = line_of(*CENTRE, 14)
    fine = np.kron(own, np.ones((2, 2)))
    coarse_path, fine_path = (
        drawn_path(image, gate=image, centre_px=middle, mpp=mpp, settings=MembraneSettings())
        for image, middle, mpp in ((own, CENTRE, 0.5), (fine, (63.5, 63.5), 0.25))
    )
    assert coarse_path.radius_um.mean() == pytest.approx(7.0, abs=0.2)
    assert fine_path.radius_um.mean() == pytest.approx(7.0, abs=0.2)
    assert coarse_path.level == pytest.approx(0.5, abs=0.1)


def test_the_closed_path_ends_where_it_begins_and_pays_for_bends():
    rng = np.random.default_rng(3)
    reward = rng.random((24, 20))
    free = best_closed_path(reward, bend_cost=0.0)
    stiff = best_closed_path(reward, bend_cost=100.0)
    assert abs(int(free[0]) - int(free[-1])) <= 4
    assert len(set(stiff.tolist())) == 1
    assert stiff[0] == reward.sum(axis=0).argmax()
    assert reward[np.arange(24), free].sum() > reward[np.arange(24), stiff].sum()


def test_the_path_is_the_best_of_all_paths_of_a_small_table():
    reward = np.array([[0.0, 1.0, 0.9], [0.0, 0.2, 1.0], [0.0, 1.0, 0.9], [0.0, 1.0, 0.0]])
    assert best_closed_path(reward, bend_cost=0.01).tolist() == [1, 2, 1, 1]
    assert best_closed_path(reward, bend_cost=0.5).tolist() == [1, 1, 1, 1]


def test_distances_to_a_line_are_those_drawn_by_hand():
    square = np.array([[1.0, 2.0], [5.0, 2.0], [5.0, 6.0], [1.0, 6.0]])
    far = distance_to_line((8, 8), square)
    assert far[2, 3] == 0
    assert far[0, 3] == 2
    assert far[4, 3] == 2
    assert far[0, 0] == pytest.approx(np.hypot(1, 2))


def test_maps_of_several_references_count_alike_whatever_their_size():
    small, large = line_of(*CENTRE, 10), 50 * line_of(*CENTRE, 18)
    joint = joint_claim(np.stack([small, large, np.zeros_like(small)]))
    assert joint.sum() == pytest.approx(2 / 3)
    assert joint[small > 0.5].sum() == pytest.approx(joint[large > 25].sum(), rel=0.3)


def test_the_own_level_is_that_of_the_claimed_pixels():
    own, other = line_of(*CENTRE, 10, od=0.4), line_of(*CENTRE, 20, od=1.5)
    assert own_level(own, np.maximum(own, other)) == pytest.approx(0.32, abs=0.06)
    assert own_level(np.zeros_like(own), own) == 0


def test_settings_below_zero_and_a_centre_outside_are_refused():
    with pytest.raises(ValueError, match="0 or more"):
        MembraneSettings(band_um=-1.0)
    own = line_of(*CENTRE, 14)
    with pytest.raises(ValueError, match="centre_px"):
        membrane_evidence(own, gate=own, centre_px=(70.0, 3.0), mpp=MPP)
    with pytest.raises(ValueError, match="clip"):
        membrane_evidence(own, gate=own - 1, centre_px=CENTRE, mpp=MPP)
    with pytest.raises(ValueError, match="NaN"):
        membrane_evidence(own * np.nan, gate=own, centre_px=CENTRE, mpp=MPP)
