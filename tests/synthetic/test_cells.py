from dataclasses import replace

import numpy as np
import pytest

from rimlight.core.stains import HDAB, dab_density
from rimlight.synthetic.cells import patches
from rimlight.synthetic.settings import DEMO

CLEAR = replace(DEMO, click_sigma_um=0.0, label_noise=0.0, blur_um=0.15, seed=3)


@pytest.fixture(scope="module")
def made():
    return patches(80, n_cases=2, settings=CLEAR)


@pytest.fixture(scope="module")
def dab(made):
    return np.stack(
        [
            dab_density(rgb, white=white, stains=HDAB)
            for rgb, white in zip(made.rgb, made.white, strict=True)
        ]
    )


def _mean_in(maps, masks):
    return (maps * masks).sum() / masks.sum()


def test_patches_have_the_size_of_training_patches_with_their_margin(made):
    assert made.rgb.shape == (80, 72, 72, 3)
    assert made.rgb.dtype == np.uint8
    assert sorted(set(made.case)) == ["synthetic-01", "synthetic-02"]
    assert made.white.shape == (80, 3)


def test_own_membrane_lies_exactly_where_it_is_brown(made, dab):
    chosen = made.true_level >= 2
    own, maps = made.own_membrane[chosen], dab[chosen]
    there = _mean_in(maps, own)
    for shift, axis in [(2, 1), (-2, 1), (2, 2), (-2, 2)]:
        assert _mean_in(maps, np.roll(own, shift, axis)) < 0.8 * there
    for shift, axis in [(1, 1), (-1, 1), (1, 2), (-1, 2)]:
        assert _mean_in(maps, np.roll(own, shift, axis)) < there
    assert _mean_in(maps, own.swapaxes(1, 2)) < 0.6 * there


def test_neighbour_membranes_lie_exactly_where_they_are_brown(made, dab):
    there = _mean_in(dab, made.neighbour_membrane)
    for shift, axis in [(2, 1), (-2, 1), (2, 2), (-2, 2)]:
        assert _mean_in(dab, np.roll(made.neighbour_membrane, shift, axis)) < 0.85 * there


def test_the_cell_that_was_clicked_stands_at_the_centre(made):
    rows, columns = np.indices(made.own_nucleus.shape[1:]) - 35.5
    for axis in (rows, columns):
        offset = (made.own_nucleus * axis).sum((1, 2)) / made.own_nucleus.sum((1, 2))
        assert abs(offset.mean()) < 0.5
        assert np.abs(offset).max() < 8


def test_a_negative_cell_has_no_membrane_of_its_own(made):
    area = made.own_membrane.sum((1, 2))
    assert (area[made.true_level == 0] == 0).all()
    assert (area[made.true_level > 0] > 20).all()
    assert not (made.own_membrane & made.neighbour_membrane).any()


def test_higher_levels_are_darker_and_wider(made, dab):
    density = [
        _mean_in(dab[made.true_level == level], made.own_membrane[made.true_level == level])
        for level in (1, 2, 3)
    ]
    area = [made.own_membrane[made.true_level == level].sum((1, 2)).mean() for level in (1, 2, 3)]
    assert density[0] > 0.1
    assert density[0] * 1.3 < density[1] < density[2] / 1.3
    assert area[0] < area[1] < area[2]


def test_nuclei_are_blue_and_membranes_are_not(made):
    red, blue = made.rgb[..., 0].astype(float), made.rgb[..., 2].astype(float)
    strong = made.own_membrane & (made.true_level == 3)[:, None, None]
    assert red[made.own_nucleus].mean() + 20 < blue[made.own_nucleus].mean()
    assert red[strong].mean() > blue[strong].mean() + 20


def test_one_seed_gives_the_same_patches_and_another_seed_others():
    first, again, other = (
        patches(4, n_cases=1, size_px=32, settings=replace(CLEAR, seed=seed)) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.own_membrane, again.own_membrane)
    assert not np.array_equal(first.rgb, other.rgb)


def test_an_odd_size_is_refused():
    with pytest.raises(ValueError, match="even size_px"):
        patches(4, n_cases=1, size_px=15)
