"""A rule that tells other cells by what surrounds the centre."""

import numpy as np
import pytest

from rimlight.core.density import light
from rimlight.core.stains import HDAB, mix
from rimlight.core.tumour_cells import RADII_UM, other_rule, ring_profiles
from rimlight.core.zones import distance_um

WHITE = (240.0, 241.0, 242.0)


def patch_with_ring(*, inner_um, outer_um, dab):
    far = distance_um(64, mpp=0.5)
    stains = np.zeros((64, 64, 3), dtype=np.float32)
    stains[..., 1] = np.where((far >= inner_um) & (far < outer_um), dab, 0)
    return np.rint(light(mix(stains, stains=HDAB), white=WHITE)).astype(np.uint8)


def test_dab_in_a_ring_shows_in_the_mean_of_that_ring_alone():
    patch = patch_with_ring(inner_um=3.0, outer_um=4.5, dab=0.8)
    profile = ring_profiles(patch[None], white=WHITE, mpp=0.5, stains=HDAB)[0]
    mean, spread = profile.reshape(2, 3, len(RADII_UM) - 1)
    assert mean[1].argmax() == 2
    assert mean[1][2] == pytest.approx(0.8, abs=0.03)
    assert np.abs(np.delete(mean[1], 2)).max() < 0.03
    assert spread.max() < 0.05


def test_each_patch_is_measured_against_its_own_white():
    patch = patch_with_ring(inner_um=3.0, outer_um=4.5, dab=0.8)
    pair = np.stack([patch, patch])
    whites = np.array([WHITE, (255.0, 255.0, 255.0)])
    both = ring_profiles(pair, white=whites, mpp=0.5, stains=HDAB)
    for row in range(2):
        alone = ring_profiles(pair[row : row + 1], white=whites[row], mpp=0.5, stains=HDAB)
        assert both[row] == pytest.approx(alone[0], abs=1e-5)
    assert np.abs(both[0] - both[1]).max() > 0.01


def labelled(n_others, n_cases=4):
    random = np.random.default_rng(0)
    is_other = np.arange(400) < n_others
    columns = random.normal(size=(400, 5)) + 3 * is_other[:, None] * np.eye(5)[2]
    return columns * [1, 10, 100, 1, 0], is_other, np.arange(400) % n_cases


def test_the_rule_finds_others_it_never_saw_and_counts_what_it_learned_from():
    columns, is_other, case = labelled(100)
    train = np.arange(400) % 2 == 0
    rule = other_rule(columns[train], is_other[train], case[train])
    assert (rule.n_others, rule.n_tumour, rule.n_cases) == (50, 150, 2)
    assert (rule.is_other(columns[~train]) == is_other[~train]).mean() > 0.9


def test_a_few_labels_or_a_single_case_make_no_rule():
    columns, is_other, case = labelled(19)
    assert other_rule(columns, is_other, case) is None
    columns, is_other, case = labelled(100, n_cases=1)
    assert other_rule(columns, is_other, case) is None
