import numpy as np
import pytest

from rimlight.core.nuclei import nuclei
from scenes import haematoxylin_discs


def test_two_apart_are_two_and_numbered_at_their_pixels():
    found = nuclei(haematoxylin_discs([(20, 32, 8), (46, 32, 8)]), mpp=0.5)
    assert found.max() == 2
    assert found[32, 20] != found[32, 46]
    assert found[32, 20] > 0
    assert found[5, 5] == 0


def test_two_that_touch_are_parted_where_they_touch():
    found = nuclei(haematoxylin_discs([(24, 32, 8), (40, 32, 8)]), mpp=0.5)
    assert found.max() == 2
    assert (found[:, :31] == found[32, 24]).sum() > 180
    assert not (found[:, 34:] == found[32, 24]).any()


def test_the_area_is_that_of_the_drawn_disc():
    found = nuclei(haematoxylin_discs([(32, 32, 8)]), mpp=0.5)
    assert (found > 0).sum() == pytest.approx(np.pi * 8**2, rel=0.15)


def test_the_same_tissue_at_finer_pixels_gives_the_same_nuclei():
    coarse = nuclei(haematoxylin_discs([(20, 32, 8), (40, 32, 8)]), mpp=0.5)
    fine = nuclei(haematoxylin_discs([(40, 64, 16), (80, 64, 16)], size_px=128), mpp=0.25)
    assert coarse.max() == fine.max() == 2
    assert (fine > 0).sum() == pytest.approx(4 * (coarse > 0).sum(), rel=0.08)


def test_even_tissue_noise_and_nothing_hold_no_nucleus():
    assert nuclei(np.zeros((32, 32)), mpp=0.5).max() == 0
    assert nuclei(np.full((32, 32), 0.4), mpp=0.5).max() == 0
    noise = np.random.default_rng(1).normal(0.1, 0.02, (64, 64))
    assert nuclei(noise, mpp=0.5).max() == 0


def test_specks_are_no_nuclei():
    assert nuclei(haematoxylin_discs([(32, 32, 2)]), mpp=0.5).max() == 0


def test_padding_holds_no_nucleus_however_dark_it_is_painted():
    density = haematoxylin_discs([(32, 32, 8)])
    density[:, :10] = 2.0
    is_padding = np.zeros(density.shape, dtype=bool)
    is_padding[:, :10] = True
    found = nuclei(density, mpp=0.5, is_padding=is_padding)
    assert found.max() == 1
    assert not found[:, :10].any()
    assert nuclei(density, mpp=0.5, is_padding=np.ones_like(is_padding)).max() == 0


def test_a_nucleus_cut_by_the_edge_of_the_patch_is_whole_up_to_there():
    found = nuclei(haematoxylin_discs([(0, 32, 8), (40, 32, 8)]), mpp=0.5)
    assert found.max() == 2
    assert found[32, 0] > 0


@pytest.mark.parametrize(
    ("density", "mpp", "words"),
    [
        (np.zeros((4, 4, 3)), 0.5, "haematoxylin_od"),
        (np.full((4, 4), np.nan), 0.5, "finite"),
        (np.zeros((4, 4)), 0.0, "mpp"),
    ],
)
def test_what_is_no_density_map_is_refused(wrong_types, density, mpp, words):
    with pytest.raises(ValueError, match=words):
        nuclei(density, mpp=mpp)


def test_padding_of_another_shape_is_refused(wrong_types):
    with pytest.raises(ValueError, match="is_padding"):
        nuclei(np.zeros((4, 4)), mpp=0.5, is_padding=np.zeros((4, 5), dtype=bool))
