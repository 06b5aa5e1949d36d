import time

import numpy as np
import pytest

from rimlight.core.density import light, optical_density
from rimlight.core.edits import blurred, cropped, dab_removed, stain_scaled, turned
from rimlight.core.stains import HDAB, dab_density, mix, unmix

WHITE = (243.0, 240.0, 236.0)


def tissue(n=3, size_px=16, seed=0):
    return np.random.default_rng(seed).integers(40, 240, (n, size_px, size_px, 3), dtype=np.uint8)


def marked(row, column, size_px=5):
    patch = np.zeros((1, size_px, size_px, 3), dtype=np.uint8)
    patch[0, row, column] = 9
    return patch


def place_of_mark(patches):
    return tuple(np.argwhere(patches[0, :, :, 0] == 9)[0].tolist())


@pytest.mark.parametrize(
    ("turn", "place"),
    [(0, (1, 4)), (1, (0, 1)), (2, (3, 0)), (3, (4, 3)), (4, (1, 0)), (5, (4, 1))],
)
def test_a_turn_is_against_the_clock_and_a_flip_comes_first(turn, place):
    assert place_of_mark(turned(marked(1, 4), turn=turn)) == place


def test_the_eight_turns_differ_and_keep_every_pixel():
    patch = tissue(1)
    every = [turned(patch, turn=turn) for turn in range(8)]
    assert len({each.tobytes() for each in every}) == 8
    assert len({np.sort(each.reshape(-1, 3), axis=0).tobytes() for each in every}) == 1


def test_each_patch_may_have_its_own_turn():
    patches = tissue(3)
    found = turned(patches, turn=np.array([6, 0, 3]))
    for i, turn in enumerate((6, 0, 3)):
        assert np.array_equal(found[i], turned(patches[i : i + 1], turn=turn)[0])


def test_turns_that_are_none_and_patches_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match=r"0\.\.7"):
        turned(tissue(), turn=8)
    with pytest.raises(ValueError, match="square"):
        turned(tissue()[:, :, :8], turn=1)


def test_a_crop_moves_right_and_down_with_x_and_y():
    middle = cropped(marked(5, 5, size_px=11), size_px=5)
    assert place_of_mark(middle) == (2, 2)
    moved = cropped(marked(5, 5, size_px=11), size_px=5, offset_px=np.array([[2, -1]]))
    assert place_of_mark(moved) == (3, 0)  # the window went right and up, the mark left and down


def test_a_crop_that_leaves_the_patch_is_refused():
    with pytest.raises(ValueError, match="leaves"):
        cropped(tissue(1, 10), size_px=8, offset_px=np.array([[2, 0]]))
    with pytest.raises(ValueError, match="leaves"):
        cropped(tissue(1, 10), size_px=8, offset_px=np.array([[0, -2]]))


def scaled(patches, factors, offsets_od=(0.0, 0.0, 0.0)):
    n = len(patches)
    return stain_scaled(
        patches,
        factors=np.tile(factors, (n, 1)).astype(np.float64),
        offsets_od=np.tile(offsets_od, (n, 1)).astype(np.float64),
        stains=HDAB,
        whites=np.tile(WHITE, (n, 1)),
    )


def test_scaling_stains_by_one_returns_the_bytes():
    patches = tissue(4)
    patches[0, :2] = 255
    patches[0, 2:4] = 1
    assert np.array_equal(scaled(patches, (1, 1, 1)), patches)


def test_scaled_dab_is_what_unmixing_scaling_and_mixing_give():
    patches = tissue(2, 32)
    maps = unmix(optical_density(patches, white=WHITE), stains=HDAB) * np.float32([0.9, 1.15, 1.1])
    density = mix(maps, stains=HDAB) + np.float32([0.01, -0.02, 0.03])
    wanted = np.clip(light(density, white=WHITE) + 0.5, 0, 255).astype(np.uint8)
    found = scaled(patches, (0.9, 1.15, 1.1), (0.01, -0.02, 0.03))
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_more_dab_makes_pure_dab_denser_by_the_factor_and_leaves_haematoxylin():
    patch = np.full((1, 1, 2, 3), (199, 151, 125), dtype=np.uint8)  # DAB 0.4 on white 255
    n = {"factors": np.array([[1.0, 1.5, 1.0]]), "offsets_od": np.zeros((1, 3))}
    found = stain_scaled(patch, stains=HDAB, whites=np.full((1, 3), 255.0), **n)
    maps = unmix(optical_density(found, white=(255.0, 255.0, 255.0)), stains=HDAB)
    np.testing.assert_allclose(maps[0, 0, 0], [0, 0.6, 0], atol=0.01)


def test_a_positive_offset_darkens_its_own_channel_only():
    found = scaled(tissue(1), (1, 1, 1), (0.1, 0.0, 0.0)).astype(float)
    before = tissue(1).astype(float)
    np.testing.assert_allclose(found[..., 0], before[..., 0] * 10**-0.1, atol=0.51)
    assert np.array_equal(found[..., 1:], before[..., 1:])


def test_light_stays_below_256_and_a_wrong_white_is_refused():
    bright = np.full((1, 2, 2, 3), 250, dtype=np.uint8)
    assert scaled(bright, (1, 1, 1), (-0.3, -0.3, -0.3)).min() == 255
    with pytest.raises(ValueError, match="whites"):
        stain_scaled(
            bright, factors=np.ones((1, 3)), offsets_od=np.zeros((1, 3)), stains=HDAB,
            whites=np.zeros((1, 3)),
        )  # fmt: skip


def test_blur_keeps_a_plain_patch_and_the_mean_and_spreads_a_dot_evenly():
    plain = np.full((1, 9, 9, 3), 77, dtype=np.uint8)
    assert np.array_equal(blurred(plain, sigma_px=np.array([1.3])), plain)
    dot = np.zeros((1, 15, 15, 3), dtype=np.uint8)
    dot[0, 7, 7] = 255
    found = blurred(dot, sigma_px=np.array([1.0]))[0, :, :, 0]
    assert found[7, 7] == pytest.approx(255 / (2 * np.pi), abs=1.0)
    assert np.array_equal(found, found.T)
    assert np.array_equal(found, found[::-1])


def test_each_patch_has_its_own_blur_and_sigma_zero_returns_the_bytes():
    patches = tissue(2)
    found = blurred(patches, sigma_px=np.array([0.0, 2.0]))
    assert np.array_equal(found[0], patches[0])
    assert found[1].std() < patches[1].std() / 2


def test_dab_is_lowered_to_the_background_in_the_zone_and_nowhere_raised():
    patch = np.full((4, 4, 3), (155, 90, 61), dtype=np.uint8)  # DAB 0.8
    patch[0] = (230, 226, 224)  # below the background
    zone = np.zeros((4, 4), dtype=bool)
    zone[:, :2] = True
    white = (255.0, 255.0, 255.0)
    found = dab_removed(patch, zone=zone, background_od=0.1, stains=HDAB, white=white)
    dab = dab_density(found, white=white, stains=HDAB)
    np.testing.assert_allclose(dab[1:, :2], 0.1, atol=0.01)
    assert np.array_equal(found[:, 2:], patch[:, 2:])
    assert np.array_equal(found[0], patch[0])


def test_turns_and_stains_of_a_batch_are_fast_enough_for_every_step():
    patches, turns = tissue(64, 72), np.arange(64) % 8
    scaled(turned(patches, turn=turns), (0.9, 1.1, 1.0))
    times = []
    for _ in range(5):
        start = time.process_time()
        scaled(turned(patches, turn=turns), (0.9, 1.1, 1.0))
        times.append(time.process_time() - start)
    assert min(times) < 0.06  # some 8 ms on a free core; four times as much on a busy one
