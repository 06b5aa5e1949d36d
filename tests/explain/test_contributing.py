"""Contributing pixels and their coverage, on drawn rings whose truth is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rimlight.explain.contributing import (
    angular_coverage,
    evidence,
    gaussian_prior,
    mean_of_others,
    otsu_threshold,
    reason_without_mask,
    thresholded,
)

SIZE = 64
ROW, COLUMN = np.mgrid[:SIZE, :SIZE]


def ring(x_px, y_px, *, radius_px=12.0, width_px=3.0, degrees=360.0):
    distance = np.hypot(COLUMN - x_px, ROW - y_px)
    angle = np.degrees(np.arctan2(ROW - y_px, COLUMN - x_px)) % 360
    return (np.abs(distance - radius_px) <= width_px / 2) & (angle < degrees)


OWN, OTHER = ring(30, 32), ring(52, 32, radius_px=9)
GATE = 0.6 * (OWN | OTHER)


def found(values, gate=GATE, **changes):
    wanted = {"sigma_px": 1.0, "min_area_px": 2.0, "floor_od": 0.1} | changes
    product = evidence(values, gate=gate, sigma_px=wanted["sigma_px"])
    return thresholded(
        product, gate=gate, floor=wanted["floor_od"], min_area_px=wanted["min_area_px"]
    )


def test_the_stained_ring_that_the_map_claims_is_found():
    mask = found(1.0 * OWN - 0.5 * (OTHER & ~OWN))
    assert mask[OWN & ~OTHER].mean() > 0.9
    assert not mask[OTHER & ~ring(30, 32, width_px=9)].any()
    assert not mask[GATE == 0].any()


def test_evidence_against_cancels_evidence_for_before_the_positive_part():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(SIZE, SIZE))
    smooth = gaussian_filter(values, 2.0, mode="reflect")
    expected = smooth.clip(0) * GATE
    np.testing.assert_allclose(evidence(values, gate=GATE, sigma_px=2.0), expected, atol=1e-6)


def test_the_gate_counts_for_no_more_than_its_cap():
    high = evidence(np.ones((8, 8)), gate=np.full((8, 8), 9.0), sigma_px=1.0)
    np.testing.assert_allclose(high, 2.5)


def test_pixels_under_the_floor_are_out():
    gate = np.where(ROW < 32, 0.30, 0.34) * OWN
    everywhere = found(1.0 * OWN, gate=gate, sigma_px=0.0)
    assert everywhere[OWN].all()
    above = found(1.0 * OWN, gate=gate, sigma_px=0.0, floor_od=0.32)
    assert (above == OWN & (ROW >= 32)).all()


def test_specks_are_dropped_and_holes_are_kept():
    values, gate = np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), 0.5)
    values[10, 10] = values[40, 30:34] = values[50:55, 50:55] = 1
    values[52, 52] = 0
    mask = found(values, gate=gate, sigma_px=0.0, min_area_px=4.0)
    assert not mask[10, 10]
    assert mask[40, 30:34].all()
    assert mask[50:55, 50:55].sum() == 24


@pytest.mark.parametrize("values", [np.zeros((8, 8)), -np.ones((8, 8)), np.ones((8, 8))])
def test_a_map_that_says_nothing_or_everything_alike_has_an_empty_mask(values):
    assert not found(values, gate=np.full((8, 8), 0.5)).any()
    assert not found(values[:1, :1], gate=np.full((1, 1), 0.5)).any()


def test_the_threshold_is_that_of_scikit_image_to_one_bin():
    from skimage.filters import threshold_otsu

    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 3000), rng.normal(8, 1.5, 800)])
    bin_width = np.ptp(values) / 256
    assert otsu_threshold(values) == pytest.approx(threshold_otsu(values), abs=bin_width)


def test_maps_and_gates_that_do_not_fit_are_refused(wrong_types):
    for values, gate, match in [
        (np.ones((4, 5)), np.ones((5, 4)), "must be of one shape"),
        (np.full((4, 4), np.nan), np.ones((4, 4)), "hold NaN"),
        (np.ones((4, 4)), -np.ones((4, 4)), "clip the gate at 0"),
    ]:
        with pytest.raises(ValueError, match=match):
            evidence(values, gate=gate, sigma_px=1.0)


def test_a_cell_without_mask_has_its_reason():
    good = {"is_called_positive": True, "is_converged": True, "is_reference_valid": True}
    assert reason_without_mask(**good) == ""
    for name, word in [
        ("is_called_positive", "called negative"),
        ("is_converged", "not converged"),
        ("is_reference_valid", "reference has not the class"),
    ]:
        assert word in reason_without_mask(**(good | {name: False}))


def test_the_centre_prior_is_even_on_all_sides():
    prior = gaussian_prior(8, sigma_px=2.0)
    np.testing.assert_allclose(prior, prior[::-1])
    np.testing.assert_allclose(prior, prior.T)
    assert prior[3, 3] == pytest.approx(np.exp(-2 * 0.5 * 0.25**2), rel=1e-6)


def test_the_mean_map_leaves_the_own_cell_out():
    values = np.stack([np.full((2, 2), value) for value in (1.0, 2.0, 6.0)])
    np.testing.assert_allclose(mean_of_others(values)[:, 0, 0], [4.0, 3.5, 1.5])
    with pytest.raises(ValueError, match="at least two maps"):
        mean_of_others(values[:1])


def coverage(mask, *, available=None, centre_px=(30.0, 32.0), sigma_px=1.0, move_px=2.0):
    zone = ring(30, 32, width_px=7) if available is None else available
    return angular_coverage(
        mask, available=zone, centre_px=centre_px, sigma_px=sigma_px, move_px=move_px
    )


@pytest.mark.parametrize("degrees", [90, 180, 270, 360])
def test_a_drawn_arc_has_its_share_of_the_circumference(degrees):
    result = coverage(ring(30, 32, degrees=degrees))
    assert result.completeness == pytest.approx(degrees / 360, abs=0.05)
    assert result.longest_gap_deg == pytest.approx(360 - degrees, abs=15)
    assert result.n_available == 72


def test_the_centre_is_x_then_y():
    off_centre = ring(20, 44)
    result = coverage(off_centre, available=ring(20, 44, width_px=7), centre_px=(20.0, 44.0))
    assert (result.completeness, result.n_available) == (1.0, 72)
    below = off_centre & (ROW > 44)
    half = coverage(below, available=ring(20, 44, width_px=7), centre_px=(20.0, 44.0))
    assert half.completeness == pytest.approx(0.5, abs=0.05)
    assert half.bridged_gap_deg == pytest.approx(np.degrees(2 / 12), rel=0.04)


def test_empty_and_full_masks_are_0_and_1():
    assert coverage(np.zeros((SIZE, SIZE), bool)).completeness == 0
    assert coverage(np.zeros((SIZE, SIZE), bool)).longest_gap_deg == 360
    assert coverage(np.ones((SIZE, SIZE), bool)).completeness == 1
    assert coverage(np.ones((SIZE, SIZE), bool)).longest_gap_deg == 0


def test_a_gap_across_the_first_sector_is_one_gap():
    angle = np.degrees(np.arctan2(ROW - 32, COLUMN - 30))
    result = coverage(ring(30, 32) & (np.abs(angle) > 30))
    assert result.longest_gap_deg == pytest.approx(60, abs=12)


def test_pixels_off_the_ring_do_not_cover_it():
    assert coverage(ring(30, 32, radius_px=4)).completeness == 0


def test_a_ring_mostly_outside_the_patch_is_undefined():
    zone = ring(30, 32, width_px=7) & (ROW < 26)
    result = coverage(zone, available=zone)
    assert result.n_available < 36
    assert np.isnan(result.completeness)
    assert np.isnan(result.completeness_sd)


def test_half_a_ring_outside_the_patch_is_no_gap():
    zone = ring(30, 32, width_px=7) & (COLUMN < 35)
    result = coverage(zone, available=zone)
    assert 36 <= result.n_available < 60
    assert (result.completeness, result.longest_gap_deg) == (1.0, 0.0)


def test_moving_the_centre_moves_the_share_and_smoothing_bridges_gaps():
    result = coverage(ring(30, 32, degrees=180))
    assert 0 < result.completeness_sd < 0.1
    assert coverage(ring(30, 32, degrees=180), move_px=0.0).completeness_sd == 0
    assert result.bridged_gap_deg == pytest.approx(np.degrees(2 / 12), rel=0.04)
