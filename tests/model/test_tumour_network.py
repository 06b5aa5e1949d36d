"""The small network keeps the middle in larger pixels; a logit above 0 means a tumour cell."""

import numpy as np
import pytest

from rimlight.core.stains import HDAB
from rimlight.model import tumour_network as small
from rimlight.model.network import NetworkSettings, n_multiplications, new_network
from rimlight.model.training import PatchSet
from rimlight.model.tumour_network import (
    coarse,
    coarse_block,
    fitted_tumour_network,
    is_other,
    tumour_logits,
    tumour_settings,
)


def discs(n, *, seed=0, wide=36):
    """Patches with a dark middle, tumour cells, and patches that are dark left of it."""
    random = np.random.default_rng(seed)
    far = np.hypot(*(np.mgrid[:wide, :wide] - (wide - 1) / 2))
    is_tumour = random.random(n) < 0.8
    patches = np.full((n, wide, wide, 3), 220, dtype=np.uint8)
    patches[is_tumour] = np.where(far[..., None] < 5, 90, 220)
    patches[~is_tumour] = np.roll(np.where(far[..., None] < 5, 90, 220), -11, axis=1)
    noise = random.integers(-12, 13, patches.shape)
    return np.clip(patches + noise, 0, 255).astype(np.uint8), is_tumour


@pytest.mark.parametrize(("wide", "block"), [(72, 2), (108, 3), (36, 1)])
def test_a_coarse_patch_has_the_same_middle_and_the_same_sides(wide, block):
    patch = np.zeros((1, wide, wide, 3), dtype=np.uint8)
    rows, columns = np.mgrid[:wide, :wide]
    patch[0, ..., 0], patch[0, ..., 1] = 2 * columns, 2 * rows
    patch[0, ..., 2] = 100
    small = coarse(patch, block=block)[0].astype(float)
    assert small.shape[0] % 2 == 0
    assert small[..., :2].mean(axis=(0, 1)) == pytest.approx([wide - 1, wide - 1], abs=0.5)
    assert (np.diff(small[..., 0], axis=1) > 0).all()
    assert (np.diff(small[..., 1], axis=0) > 0).all()
    assert (small[..., 2] == 100).all()


@pytest.mark.parametrize(("size_px", "mpp"), [(64, 0.5), (128, 0.25), (24, 0.5), (64, 1.0)])
def test_it_costs_less_than_four_tenths_of_the_classifier(size_px, mpp):
    whole = NetworkSettings(size_px=size_px, width=16)
    small = tumour_settings(size_px, mpp=mpp, width=16)
    assert small.size_px <= size_px // coarse_block(size_px, mpp=mpp)
    cost = [n_multiplications(new_network(each, seed=0)) for each in (small, whole)]
    assert cost[0] < 0.4 * cost[1]


def test_it_learns_which_cell_is_in_the_middle_and_a_positive_logit_is_a_tumour_cell():
    patches, is_tumour = discs(300)
    white = np.full((300, 3), 240, dtype=np.float32)
    parts = [
        PatchSet(patches=patches[rows], is_positive=is_tumour[rows], white=white[rows])
        for rows in (slice(0, 200), slice(200, 300))
    ]
    settings = NetworkSettings(size_px=32, width=4)
    how = {"mpp": 1.0, "stains": HDAB, "settings": settings, "seed": 3}
    network = fitted_tumour_network(*parts, **how)
    new, truth = discs(200, seed=1)
    assert ((tumour_logits(network, new, block=1) > 0) == truth).mean() > 0.9
    assert (is_other(network, new, block=1) == ~truth).mean() > 0.9
    again = fitted_tumour_network(*parts, **how)
    assert (tumour_logits(again, new, block=1) == tumour_logits(network, new, block=1)).all()


def test_many_labelled_tumour_cells_do_not_make_more_candidates_tumour_cells():
    patches, _ = discs(8)
    network = new_network(NetworkSettings(size_px=32, width=4), seed=0)
    before = tumour_logits(network, patches, block=1)
    small._weigh_alike(network, 0.8)
    after = tumour_logits(network, patches, block=1)
    assert before - after == pytest.approx(np.full(8, 0.5 * np.log(4)), abs=1e-5)
    small._weigh_alike(network, 0.2)
    assert tumour_logits(network, patches, block=1) == pytest.approx(before, abs=1e-5)
