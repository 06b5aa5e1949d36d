"""White point and brightfield: made-up overviews whose answer is known."""

import numpy as np
import pytest

from rimlight.core.tissue import brightfield_fault, tissue_mask, white_point
from scenes import blank, stained

GLASS = (243, 240, 236)


def noisy(picture, sd, seed=0):
    noise = np.random.default_rng(seed).normal(0, sd, picture.shape)
    return np.rint(picture + noise).clip(0, 255).astype(np.uint8)


def on_glass(share=0.4, tissue=(150, 100, 60), size=200):
    picture = blank(size, size, GLASS)
    texture = np.random.default_rng(1).integers(-40, 40, (int(size * share), size, 1))
    picture[: int(size * share)] = (np.int16(tissue) + texture).clip(0, 255)
    return picture


def test_the_white_is_the_value_of_glass_per_channel():
    found = white_point(on_glass())
    assert found.white == GLASS
    assert found.is_estimated


def test_noise_moves_the_white_by_less_than_a_grey_value():
    found = white_point(noisy(on_glass(), sd=1.5))
    np.testing.assert_allclose(found.white, GLASS, atol=1)


def test_a_slide_full_of_tissue_with_little_glass_still_gives_the_glass():
    assert white_point(on_glass(share=0.97)).white == GLASS


def test_pale_smooth_tissue_is_not_taken_for_glass():
    picture = on_glass(share=0.2)
    picture[60:190] = (205, 200, 200)  # three times as much as glass
    assert white_point(picture).white == GLASS


def test_filling_of_255_is_not_glass_where_glass_is_in_view():
    picture = on_glass()
    picture[100:180] = 255  # twice as much as glass
    assert white_point(picture).white == GLASS


def test_glass_of_255_is_glass_where_there_is_no_other():
    found = white_point(blank(100, 100, (255, 255, 255)))
    assert found.white == (255, 255, 255)
    assert found.is_estimated


def test_without_glass_the_white_is_255_and_flagged():
    found = white_point(on_glass(share=1.0))
    assert found.white == (255, 255, 255)
    assert not found.is_estimated


def test_pale_tissue_with_texture_is_no_glass():
    grain = np.random.default_rng(3).integers(200, 250, (100, 100, 1), dtype=np.uint8)
    picture = np.broadcast_to(grain.repeat(2, 0).repeat(2, 1), (200, 200, 3))
    assert not white_point(picture).is_estimated


def test_a_few_bright_specks_are_no_glass():
    picture = on_glass(share=1.0)
    picture[50:58, 50:58] = GLASS
    assert not white_point(picture).is_estimated


def test_a_picture_of_a_few_pixels_is_answered_too():
    assert white_point(blank(3, 2, GLASS)).white == GLASS


def test_stained_tissue_is_brightfield():
    assert brightfield_fault(on_glass()) is None
    assert brightfield_fault(on_glass(share=1.0)) is None


def test_an_empty_slide_is_brightfield():
    assert brightfield_fault(blank(100, 100, GLASS)) is None


def test_light_on_dark_is_fluorescence():
    picture = noisy(blank(200, 200, (4, 2, 12)), sd=2)
    picture[60:100, 60:100] = (20, 30, 230)
    assert "fluorescence" in brightfield_fault(picture)


def test_black_filling_around_glass_is_no_fluorescence():
    picture = blank(300, 300, (0, 0, 0))
    picture[:100] = on_glass(size=300)[60:160]
    assert brightfield_fault(picture) is None


@pytest.mark.parametrize("is_dark", [False, True])
def test_grey_tissue_is_named_grey_scale(is_dark):
    picture = on_glass(tissue=(90, 90, 90), share=0.9 if is_dark else 0.3)
    assert "grey scale" in brightfield_fault(picture)


def test_a_stained_scene_of_the_other_tests_passes():
    assert brightfield_fault(stained(400, 300)) is None


def test_pale_blue_and_brown_are_tissue_and_noisy_glass_is_none():
    white = (240.0, 238.0, 236.0)
    rgb = np.random.default_rng(0).normal(white, 2.0, (60, 90, 3))
    rgb[10:20, 10:30] = (205, 205, 225)  # pale haematoxylin, OD 0.07 in red
    rgb[30:50, 60:80] = (170, 120, 80)
    mask = tissue_mask(np.clip(rgb, 0, 255).astype(np.uint8), white=white)
    assert mask[12:18, 12:28].all()
    assert mask[32:48, 62:78].all()
    assert not mask[:, 38:55].any()
    assert not mask[25:, :55].any()


def test_tissue_as_pale_as_that_of_real_scans_is_not_passed_over_as_glass():
    white = (234.0, 233.0, 242.0)
    rgb = np.random.default_rng(0).normal(white, 1.0, (60, 90, 3))
    rgb[20:40, 20:60] -= (15.0, 14.0, 4.0)  # 0.029 OD: a core of muscle at 8 um per pixel
    mask = tissue_mask(np.clip(rgb, 0, 255).astype(np.uint8), white=white)
    assert mask[22:38, 22:58].all()
    assert not mask[:, :16].any()
    assert not mask[:16].any()
