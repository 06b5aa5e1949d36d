import numpy as np
import pytest

from rimlight.core.zones import disc, distance_um, ring


def test_a_disc_holds_the_pixels_whose_centre_is_within_the_radius():
    found = disc(5, mpp=0.5, radius_um=0.75)
    assert found.astype(int).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_patch_of_even_size_has_its_middle_between_four_pixels():
    assert distance_um(2, mpp=1.0).round(6).tolist() == [[0.707107] * 2] * 2
    assert disc(4, mpp=0.5, radius_um=0.4).sum() == 4


def test_a_ring_and_its_inner_disc_fill_the_outer_disc_without_overlap():
    inner = disc(41, mpp=0.5, radius_um=3.0)
    around = ring(41, mpp=0.5, inner_um=3.0, outer_um=8.0)
    assert not (inner & around).any()
    assert np.array_equal(inner | around, disc(41, mpp=0.5, radius_um=8.0))


def test_radii_are_micrometres_and_scale_with_the_pixel_size():
    assert np.array_equal(disc(33, mpp=0.25, radius_um=2.0), disc(33, mpp=0.5, radius_um=4.0))


def test_zones_look_the_same_after_every_turn_and_flip():
    around = ring(64, mpp=0.5, inner_um=3.0, outer_um=8.0)
    assert np.array_equal(around, np.rot90(around))
    assert np.array_equal(around, around[:, ::-1])


@pytest.mark.parametrize("radii", [(-1.0, 2.0), (2.0, 2.0), (3.0, 2.0)])
def test_a_ring_that_is_none_is_refused(radii):
    with pytest.raises(ValueError, match="0 <= inner < outer"):
        ring(9, mpp=0.5, inner_um=radii[0], outer_um=radii[1])


def test_a_disc_without_size_radius_or_pixel_size_is_refused():
    with pytest.raises(ValueError, match="radius_um"):
        disc(9, mpp=0.5, radius_um=0.0)
    with pytest.raises(ValueError, match="mpp > 0"):
        disc(9, mpp=0.0, radius_um=1.0)
