"""Mass, rank, curve and pointing by numbers that were calculated by hand."""

import numpy as np
import pytest

from rimlight.explain.zone_mass import (
    Zoned,
    area_under_curve,
    centre_prior,
    mass_share,
    own_share,
    pointing,
    rank_accuracy,
)

MAP = np.array([[[4.0, -9.0, 1.0], [2.0, 3.0, 0.0], [0.0, 0.0, -1.0]]])
OWN = np.array([[[True, True, False], [True, False, False], [False, False, False]]])
BESIDE = np.array([[[False, False, True], [False, True, False], [False, False, False]]])


def test_the_share_counts_the_positive_part_alone_and_half_weights_half():
    assert mass_share(MAP, OWN.astype(float)) == pytest.approx([0.6])
    assert mass_share(MAP, 0.5 * OWN) == pytest.approx([0.3])


def test_own_against_neighbour_leaves_out_what_lies_elsewhere():
    zones = Zoned(own=OWN.astype(float), neighbour=0.5 * BESIDE)
    assert own_share(MAP, zones) == pytest.approx([6 / (6 + 2)])
    nowhere = Zoned(own=np.zeros_like(MAP), neighbour=np.zeros_like(MAP))
    assert np.isnan(own_share(MAP, nowhere)).all()


def test_of_the_three_highest_pixels_two_are_in_the_mask_of_three():
    assert rank_accuracy(MAP, OWN) == pytest.approx([2 / 3])


def test_pixels_tied_at_the_last_place_count_by_their_share_in_the_mask():
    values = np.array([[5.0, 1.0, 1.0, 1.0, 0.0]])
    inside = np.array([[True, True, False, False, False]])
    assert rank_accuracy(values, inside) == pytest.approx([(1 + 1 / 3) / 2])


def test_the_area_under_the_curve_counts_ties_half():
    values = np.array([[3.0, 1.0, 1.0, 0.0]])
    inside = np.array([[False, True, False, False]])
    assert area_under_curve(values, inside) == pytest.approx([(0 + 0.5 + 1) / 3])


def test_pointing_tolerates_two_pixels_and_no_more():
    values, inside = np.zeros((3, 7, 7)), np.zeros((3, 7, 7), dtype=bool)
    inside[:, 3, 3] = True
    values[0, 3, 5] = values[1, 3, 6] = values[2, 5, 5] = 1
    assert pointing(values, inside).tolist() == [1, 0, 0]
    assert pointing(values, inside, tolerance_px=3).tolist() == [1, 1, 1]


def test_of_two_highest_pixels_one_that_hits_counts_half():
    values = np.array([[7.0, 0, 0, 0, 7.0]])
    inside = np.array([[True, False, False, False, False]])
    assert pointing(values, inside).tolist() == [0.5]


@pytest.mark.parametrize("figure", [rank_accuracy, area_under_curve, pointing, mass_share])
def test_a_map_without_a_positive_part_has_no_figure(figure):
    values = -np.ones((1, 3, 3))
    weight = OWN if figure is not mass_share else OWN.astype(float)
    assert np.isnan(figure(values, weight)).all()


@pytest.mark.parametrize("figure", [rank_accuracy, area_under_curve, pointing])
def test_an_empty_mask_has_no_figure(figure):
    assert np.isnan(figure(MAP, np.zeros_like(OWN))).all()


def test_the_centre_prior_is_highest_in_the_middle_and_the_same_on_all_sides():
    prior = centre_prior((3, 5), sigma_px=1.0)
    assert prior[1, 2] == 1 == prior.max()
    assert prior[0, 2] == pytest.approx(np.exp(-0.5)) == prior[1, 3]
    assert (prior == prior[::-1, ::-1]).all()


def test_zones_of_another_shape_or_range_are_refused(wrong_types):
    with pytest.raises(ValueError, match="shape of the maps"):
        mass_share(MAP, np.ones((1, 3, 4)))
    with pytest.raises(ValueError, match=r"weights must be 0\.\.1"):
        Zoned(own=2.0 * OWN, neighbour=1.0 * BESIDE)
