import numpy as np
import pytest

from rimlight.core.zones import disc, distance_um, ring, zones_of
from scenes import haematoxylin_discs


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


MIDDLE = 31.5


def nest(*others, own=(MIDDLE, MIDDLE, 7)):
    return haematoxylin_discs([own, *others])


def test_the_own_ring_lies_one_to_four_micrometres_outside_the_own_nucleus():
    zones = zones_of(nest(), mpp=0.5)
    far = distance_um(64, mpp=0.5)
    assert zones.is_nucleus_found
    assert zones.own_nucleus[31, 31]
    assert far[zones.own_nucleus].max() == pytest.approx(3.5, abs=0.5)
    assert far[zones.own_ring].min() == pytest.approx(4.5, abs=0.6)
    assert far[zones.own_ring].max() == pytest.approx(7.5, abs=0.6)
    assert not zones.neighbour_nuclei.any()
    assert not zones.neighbour_rings.any()
    assert set(np.unique(zones.weight_own)) == {0, 1}


def test_the_own_ring_ends_half_way_to_the_neighbour_and_the_middle_is_shared():
    zones = zones_of(nest((55.5, MIDDLE, 7)), mpp=0.5)  # 5 um between the two edges
    assert zones.neighbour_nuclei[31, 55]
    assert zones.own_ring[31, 42]
    assert not zones.own_ring[31, 45]
    assert zones.neighbour_rings[31, 45]
    assert not zones.neighbour_rings[31, 42]
    shared = zones.own_ring & zones.neighbour_rings
    assert np.flatnonzero(shared[31]).tolist() == [43, 44]
    assert (zones.weight_own[shared] == 0.5).all()
    assert (zones.weight_neighbour[shared] == 0.5).all()
    assert (zones.weight_own[zones.own_ring & ~shared] == 1).all()
    assert zones.own_ring[31, 20]  # on the free side the ring is whole


def test_zones_do_not_overlap_but_for_the_shared_rings():
    zones = zones_of(nest((51.5, MIDDLE, 7), (28, 50, 6)), mpp=0.5)
    rings = zones.own_ring | zones.neighbour_rings
    assert not (rings & (zones.own_nucleus | zones.neighbour_nuclei)).any()
    assert not (zones.own_nucleus & zones.neighbour_nuclei).any()


def test_left_and_right_are_not_swapped_nor_rows_and_columns():
    right = zones_of(nest((51.5, MIDDLE, 7)), mpp=0.5)
    below = zones_of(nest((MIDDLE, 51.5, 7)), mpp=0.5)
    for name in ("own_ring", "neighbour_nuclei", "neighbour_rings"):
        assert np.array_equal(getattr(right, name).T, getattr(below, name))
    assert right.neighbour_nuclei[:, 40:].any()
    assert not right.neighbour_nuclei[:, :40].any()


def test_the_centre_is_x_then_y_of_the_own_nucleus():
    zones = zones_of(nest(own=(36, 30, 7)), mpp=0.5)
    assert zones.centre_px == pytest.approx((36, 30), abs=0.3)


def test_the_nucleus_nearest_the_click_is_the_own_one():
    zones = zones_of(haematoxylin_discs([(36, 32, 6), (18, 32, 6)]), mpp=0.5)
    assert zones.own_nucleus[32, 36]
    assert zones.neighbour_nuclei[32, 18]


def test_without_a_nucleus_near_the_click_the_ring_is_drawn_around_the_click():
    zones = zones_of(nest(own=(60, 60, 7)), mpp=0.5)
    far = distance_um(64, mpp=0.5)
    assert not zones.is_nucleus_found
    assert zones.centre_px == (MIDDLE, MIDDLE)
    assert not zones.own_nucleus.any()
    assert np.array_equal(zones.own_ring, (far > 3) & (far <= 8))


def test_padding_belongs_to_no_other_zone():
    density = nest((51.5, MIDDLE, 7))
    is_padding = np.zeros(density.shape, dtype=bool)
    is_padding[:, 40:] = True
    zones = zones_of(density, mpp=0.5, is_padding=is_padding)
    assert np.array_equal(zones.padding, is_padding)
    for name in ("own_nucleus", "own_ring", "neighbour_nuclei", "neighbour_rings"):
        assert not (getattr(zones, name) & is_padding).any()


def test_zones_are_the_same_every_time():
    one, two = (zones_of(nest((51.5, MIDDLE, 7), (20, 12, 6)), mpp=0.5) for _ in range(2))
    assert np.array_equal(one.weight_own, two.weight_own)
    assert one.centre_px == two.centre_px
