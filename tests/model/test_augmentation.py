"""Seeded changes to patches that keep their label."""

import numpy as np

from rimlight.core.stains import HDAB
from rimlight.model.augmentation import AugmentationSettings, augmented

STILL = AugmentationSettings(
    size_px=16, shift_px=0, stain_share=0, white_od=0, blur_px=0, jpeg_share=0
)


def _patches(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(40, 240, (n, 20, 20, 3), dtype=np.uint8)


def _changed(patches: np.ndarray, settings: AugmentationSettings, seed: int = 0) -> np.ndarray:
    white = np.full((len(patches), 3), 245.0, dtype=np.float32)
    return augmented(
        patches, white=white, stains=HDAB, settings=settings, random=np.random.default_rng(seed)
    )


def test_the_same_seed_gives_the_same_patches_and_another_seed_others():
    patches, settings = _patches(8), AugmentationSettings(size_px=16)
    assert np.array_equal(_changed(patches, settings), _changed(patches, settings))
    assert not np.array_equal(_changed(patches, settings), _changed(patches, settings, seed=1))


def test_without_changes_only_the_eight_flips_and_turns_of_the_middle_remain():
    patch = _patches(1)
    middle = patch[0, 2:18, 2:18]
    eight = [np.rot90(m, k) for m in (middle, middle[:, ::-1]) for k in range(4)]
    found = _changed(np.repeat(patch, 200, axis=0), STILL)
    which = [next(i for i, one in enumerate(eight) if np.array_equal(one, f)) for f in found]
    assert set(which) == set(range(8))


def test_a_shift_stays_within_its_reach_in_both_directions():
    patch = np.full((1, 20, 20, 3), 200, dtype=np.uint8)
    patch[0, 9, 9] = 60
    settings = AugmentationSettings(
        size_px=16, shift_px=2, stain_share=0, white_od=0, blur_px=0, jpeg_share=0
    )
    found = _changed(np.repeat(patch, 300, axis=0), settings)
    rows, columns = np.array([np.argwhere(f[:, :, 0] == 60)[0] for f in found]).T
    # The dot lies at 7 of 16; a turn may bring it to 8, a shift moves it by up to 2.
    assert set(rows) == set(columns) == set(range(5, 11))


def test_stain_jitter_never_moves_glass():
    white = np.full((40, 20, 20, 3), 245, dtype=np.uint8)
    settings = AugmentationSettings(
        size_px=16, shift_px=0, stain_share=0.5, white_od=0, blur_px=0, jpeg_share=0
    )
    assert np.array_equal(_changed(white, settings), white[:, 2:18, 2:18])


def test_stain_jitter_moves_tissue_by_no_more_than_its_share():
    tissue = np.full((200, 20, 20, 3), (150, 110, 90), dtype=np.uint8)
    settings = AugmentationSettings(
        size_px=16, shift_px=0, stain_share=0.2, white_od=0, blur_px=0, jpeg_share=0
    )
    density = np.log10(245 / _changed(tissue, settings).astype(float)).mean((1, 2))
    share = density / np.log10(245 / np.array([150, 110, 90]))
    assert share.max() > 1.1
    assert share.min() < 0.9
    assert (np.abs(share - 1) < 0.26).all()


def test_every_patch_goes_through_jpeg_when_the_share_is_one():
    patches = _patches(6)
    settings = AugmentationSettings(
        size_px=16, shift_px=0, stain_share=0, white_od=0, blur_px=0, jpeg_share=1
    )
    sharp, coded = _changed(patches, STILL), _changed(patches, settings)
    assert all(not np.array_equal(a, b) for a, b in zip(sharp, coded, strict=True))
    assert np.abs(sharp.astype(int) - coded).mean() < 45
