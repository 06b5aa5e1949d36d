"""Maps of changed images, mapped back: right sign, right axis, right pixel."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from rimlight.explain.consistency import (
    plane_changes,
    rank_correlation,
    same_plane,
    structural_similarity,
)

IMAGES = torch.rand((2, 3, 8, 8), generator=torch.Generator().manual_seed(0))
REFERENCES = torch.rand((2, 1, 3, 8, 8), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_map_that_follows_its_image_comes_back_as_it_was(number):
    change = plane_changes(IMAGES, REFERENCES)[number]

    def maps(images, references):
        return (images - references[:, 0]).sum(1).numpy()

    before, after = maps(IMAGES, REFERENCES), maps(change.images, change.references)
    correlation, similarity = change.compared(before, after)
    assert correlation == pytest.approx([1, 1])
    assert similarity == pytest.approx([1, 1])
    assert not np.allclose(before, after)


def test_the_three_changes_are_a_flip_a_turn_and_a_shift():
    names = [change.name for change in plane_changes(IMAGES, REFERENCES)]
    assert names == ["flipped", "turned", "shifted by 1 px"]
    flipped, turned, shifted = plane_changes(IMAGES, REFERENCES)
    assert [flipped.is_judged, turned.is_judged, shifted.is_judged] == [False, False, True]
    assert torch.equal(flipped.images[0, 0, 2], IMAGES[0, 0, 2].flip(0))
    assert torch.equal(turned.images[0, 0, :, 0], IMAGES[0, 0, 0].flip(0))
    assert torch.equal(shifted.images[..., 1:], IMAGES[..., :-1])
    assert torch.equal(shifted.images[..., 0], IMAGES[..., 0])


def test_a_map_that_stays_where_it_was_is_found_out():
    flipped = plane_changes(IMAGES, REFERENCES)[0]
    stuck = IMAGES.sum(1).numpy()
    assert flipped.compared(stuck, stuck)[0].max() < 0.9


def test_images_that_are_not_square_are_not_turned():
    wide = torch.rand(1, 1, 4, 6)
    assert [c.name for c in plane_changes(wide, wide[:, None])] == ["flipped", "shifted by 1 px"]


def test_a_change_of_light_moves_no_pixel():
    maps = IMAGES.sum(1).numpy()
    change = same_plane("brighter", IMAGES * 0.98, REFERENCES)
    assert change.compared(maps, maps)[0] == pytest.approx([1, 1])


def test_the_rank_correlation_is_that_of_scipy_with_ties_and_undefined_for_a_constant_map():
    random = np.random.default_rng(0)
    one = np.round(random.normal(size=(3, 4, 5)), 1)
    other = np.round(one + random.normal(size=(3, 4, 5)), 1)
    want = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, other, strict=True)]
    assert rank_correlation(one, other) == pytest.approx(want)
    assert np.isnan(rank_correlation(np.zeros((1, 2, 2)), other[:1, :2, :2])).all()


def test_structural_similarity_agrees_with_scikit_image():
    from skimage.metrics import structural_similarity as of_skimage

    random = np.random.default_rng(1)
    one = random.normal(size=(2, 24, 24))
    other = one + 0.5 * random.normal(size=(2, 24, 24))
    for index, found in enumerate(structural_similarity(one, other)):
        pair = np.stack([one[index], other[index]])
        _, whole = of_skimage(
            one[index],
            other[index],
            data_range=pair.max() - pair.min(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        assert found == pytest.approx(whole.mean(), abs=1e-6)
    assert np.isnan(structural_similarity(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)))).all()
