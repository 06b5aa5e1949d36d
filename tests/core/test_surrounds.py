"""Another cell's surround around a cell."""

import numpy as np
import pytest

from rimlight.core.density import optical_density
from rimlight.core.stains import HDAB, mix
from rimlight.core.surrounds import feathered, kept_parts, partners, surround_swapped

MPP = 0.5
WHITE = np.array([243.0, 240.0, 236.0])


def tissue(n=3, size_px=24, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size_px, size_px, 3), dtype=np.uint8)


def whites(n, white=WHITE):
    return np.tile(white, (n, 1))


def disc(n=3, size_px=24, radius_px=6.0):
    along = np.arange(size_px) - (size_px - 1) / 2
    return np.repeat((np.hypot(along[:, None], along[None]) <= radius_px)[None], n, axis=0)


def swapped(patches, donors, kept, donor_white=WHITE):
    n = len(patches)
    return surround_swapped(
        patches,
        donors,
        weight=feathered(kept, mpp=MPP),
        whites=whites(n),
        donor_whites=whites(n, donor_white),
    )


def test_the_centre_keeps_its_bytes_and_the_outside_is_the_donor():
    patches, donors, kept = tissue(), tissue(seed=1), disc()
    found, weight = swapped(patches, donors, kept), feathered(kept, mpp=MPP)
    assert np.array_equal(found[kept], patches[kept])
    assert np.array_equal(found[weight == 0], donors[weight == 0])
    assert (weight == 0).mean() > 0.5
    between = (weight > 0) & ~kept
    assert between.any()
    assert not np.array_equal(found[between], patches[between])


def test_no_seam_shows_where_patch_and_donor_are_one():
    patches = tissue().clip(1)  # no light at all is read as a grey level of 1
    assert np.array_equal(swapped(patches, patches, disc()), patches)


def test_the_feather_mixes_densities_and_not_light():
    own, other = (np.full((1, 3, 3, 3), value, dtype=np.uint8) for value in (200, 50))
    half = np.full((1, 3, 3), 0.5, dtype=np.float32)
    white = whites(1, np.full(3, 250.0))
    found = surround_swapped(own, other, weight=half, whites=white, donor_whites=white)
    assert np.unique(found).tolist() == [100]  # the geometric mean; light would give 125


def test_a_donor_of_another_white_keeps_its_density():
    patches, donors = tissue(1), tissue(1, seed=1)
    other = np.array([249.0, 247.0, 250.0])
    found = swapped(patches, donors, disc(1), donor_white=other)
    outside = feathered(disc(1), mpp=MPP) == 0
    is_usual = outside & ((donors > 40) & (donors < 230)).all(axis=-1)
    before = optical_density(donors, white=other)[is_usual]
    after = optical_density(found, white=WHITE)[is_usual]
    assert np.abs(after - before).max() < 0.5 / 35 / np.log(10) + 1e-6  # half a grey level
    assert not np.array_equal(found[outside], donors[outside])


def test_the_feather_is_one_micrometre_wide():
    kept = np.zeros((1, 1, 8), dtype=bool)
    kept[0, 0, 0] = True
    assert feathered(kept, mpp=0.25)[0, 0].tolist() == [1, 0.75, 0.5, 0.25, 0, 0, 0, 0]
    wide = feathered(kept, mpp=0.25, feather_um=2.0)[0, 0]
    assert wide.tolist() == [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert feathered(np.zeros((1, 2, 2), dtype=bool), mpp=0.5).tolist() == [[[0, 0], [0, 0]]]


def test_weights_and_sizes_that_are_none_are_refused():
    patches = tissue(1)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        surround_swapped(
            patches,
            patches,
            weight=np.full((1, 24, 24), 1.5),
            whites=whites(1),
            donor_whites=whites(1),
        )
    with pytest.raises(ValueError, match="above 0"):
        feathered(disc(), mpp=0.0)


def drawn_cell(*, centre_um=(0.0, 0.0), neighbour_um=(11.0, 0.0), size_px=64):
    """One nucleus with a brown ring at the given place, and a neighbour without a ring."""
    along = (np.arange(size_px) - (size_px - 1) / 2) * MPP
    x, y = along[None, :], along[:, None]
    maps = np.zeros((size_px, size_px, 3), dtype=np.float32)
    for at in (centre_um, neighbour_um):
        maps[np.hypot(x - at[0], y - at[1]) <= 3.0, 0] = 0.6
    far = np.hypot(x - centre_um[0], y - centre_um[1])
    membrane = (far > 5.0) & (far <= 6.0)
    maps[membrane, 1] = 0.7
    light = 240 * np.power(10.0, -mix(maps, stains=HDAB).astype(float))
    return light.clip(0, 255).astype(np.uint8)[None], membrane


def test_the_own_membrane_is_kept_and_the_neighbour_is_not():
    patch, membrane = drawn_cell()
    kept = kept_parts(patch, mpp=MPP, stains=HDAB, whites=np.full((1, 3), 240.0))[0]
    assert kept[membrane].mean() > 0.95
    row, column = 32, 32 + round(11 / MPP)
    assert not kept[row, column]
    assert kept[32, 32]


def test_what_is_kept_has_no_hole_and_does_not_touch_the_border():
    patch, _ = drawn_cell()
    kept = kept_parts(patch, mpp=MPP, stains=HDAB, whites=np.full((1, 3), 240.0))[0]
    rows, columns = np.nonzero(kept)
    assert kept[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].mean() > 0.6
    assert rows.min() > 0
    assert columns.min() > 0
    assert rows.max() < 63
    assert columns.max() < 63


def test_a_nucleus_beside_the_click_moves_what_is_kept():
    patch, _ = drawn_cell(centre_um=(2.0, -1.0), neighbour_um=(14.0, -1.0))
    kept = kept_parts(patch, mpp=MPP, stains=HDAB, whites=np.full((1, 3), 240.0))[0]
    rows, columns = np.nonzero(kept)
    assert columns.mean() == pytest.approx(31.5 + 4, abs=1.5)
    assert rows.mean() == pytest.approx(31.5 - 2, abs=1.5)


def test_partners_are_others_of_the_same_group():
    group = np.array(["a", "b", "a", "b", "a", "c"])
    for seed in range(30):
        found = partners(group, random=np.random.default_rng(seed))
        assert (group[found] == group).all()
        assert (found[:5] != np.arange(5)).all()
        assert found[5] == 5


def test_every_other_cell_of_a_group_may_be_the_partner():
    draws = [partners(np.zeros(5), random=np.random.default_rng(s))[2] for s in range(60)]
    assert set(draws) == {0, 1, 3, 4}
