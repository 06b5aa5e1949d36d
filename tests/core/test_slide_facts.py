"""What overview and squares of a slide tell, on pictures of known stain, scale and damage."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from rimlight.core.density import light
from rimlight.core.slide_facts import (
    EOSIN,
    blockiness,
    nuclear_scale,
    overview_facts,
    sharpness_of_pieces,
    square_facts,
)
from rimlight.core.stains import HDAB, mix

WHITE = (240.0, 238.0, 236.0)
MPP = 0.25
NUCLEI, BROWN = 0.5, 0.4


def painted(
    side_px=384, *, radius_px=12.0, nuclei=NUCLEI, brown=BROWN, around=0.0, eosin=0.0, seed=0
) -> np.ndarray:
    """Round nuclei 3 radii apart on a pale ground, brown in stripes or around; a little noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side_px, :side_px] + 0.5
    density = np.full((side_px, side_px), 0.05)
    step = 3 * radius_px
    for row in np.arange(step / 2, side_px, step):
        for column in np.arange(step / 2, side_px, step):
            y, x = row + rng.normal(0, 2), column + rng.normal(0, 2)
            density[np.hypot(rows - y, columns - x) < radius_px] = nuclei
    stripe = (columns % (2 * step) < 3) * brown + (density < nuclei) * around
    stains = np.stack([density * bool(nuclei), stripe, 0 * density], axis=2)
    od = mix(stains, stains=HDAB) + eosin * EOSIN / np.linalg.norm(EOSIN)
    rgb = light(gaussian_filter(od, (1, 1, 0)).astype(np.float32), white=WHITE)
    return np.clip(np.rint(rgb + rng.normal(0, 1, rgb.shape)), 0, 255).astype(np.uint8)


def facts_of(*squares, mpp=MPP):
    return square_facts(squares, mpp=mpp, white=WHITE, stains=HDAB, least_sharpness=0.1)


def scale_and_strength(rgb, mpp=MPP):
    return nuclear_scale([rgb], mpp=mpp, white=WHITE, stains=HDAB)


def scale_of(rgb, mpp):
    return scale_and_strength(rgb, mpp)[0]


def test_the_scale_of_nuclei_follows_their_size_and_the_stated_pixel_size():
    usual = scale_of(painted(), MPP)
    assert scale_of(painted(), 2 * MPP) / usual == pytest.approx(2, rel=0.1)
    assert scale_of(painted(radius_px=6.0), MPP) / usual == pytest.approx(0.5, rel=0.15)
    assert scale_of(painted(nuclei=0.25), MPP) / usual == pytest.approx(1, rel=0.1)


def test_brown_around_nuclei_makes_them_stand_out_and_leaves_their_size():
    size, strength, _ = scale_and_strength(painted(brown=0))
    among_brown = scale_and_strength(painted(brown=0, around=0.4))
    assert among_brown[0] == pytest.approx(size, rel=0.1)
    assert among_brown[1] > 1.3 * strength


def test_noise_alone_has_no_contrast():
    noise = np.random.default_rng(0).normal(200, 2, (384, 384, 3)).round().astype(np.uint8)
    _, _, contrast = nuclear_scale([noise], mpp=MPP, white=WHITE, stains=HDAB)
    assert not contrast > 5
    assert facts_of(painted()).nuclear_contrast > 80


def test_shares_of_stains_tell_what_is_missing_and_what_is_foreign():
    usual = facts_of(painted())
    assert usual.haematoxylin_share > 0.5
    assert 0 < usual.dab_share < 0.3
    assert usual.eosin_share == 0
    assert facts_of(painted(nuclei=0.0)).haematoxylin_share == 0
    assert facts_of(painted(brown=0.0)).dab_share < 0.001
    assert facts_of(painted(brown=0.0, eosin=0.3)).eosin_share > 0.5


def test_pink_on_one_square_is_a_stroke_of_pen_and_on_most_it_is_eosin():
    pink, usual = painted(brown=0.0, eosin=0.3), painted()
    assert facts_of(usual, pink, usual, usual).eosin_share == 0
    assert facts_of(usual, pink, pink, pink).eosin_share > 0.5


def test_the_part_of_red_in_brown_and_blue_is_that_of_their_vectors():
    found = facts_of(painted(nuclei=0.6, brown=1.5))
    blue, brown = (row / row.sum() for row in HDAB.rows[:2])
    assert found.haematoxylin_red == pytest.approx(blue[0], abs=0.02)
    assert found.haematoxylin_green == pytest.approx(blue[1], abs=0.02)
    assert found.dab_red == pytest.approx(brown[0], abs=0.05)
    assert np.isnan(facts_of(painted(brown=0.0)).dab_red)


def test_blurred_pieces_are_soft_and_glass_is_no_piece():
    sharp = painted()
    soft = np.rint(gaussian_filter(sharp.astype(float), (12, 12, 0))).astype(np.uint8)
    glass = np.full_like(sharp, 238)
    assert facts_of(sharp).soft_share == 0
    assert facts_of(soft).soft_share == 1
    assert facts_of(sharp, soft, glass).soft_share == pytest.approx(0.5)
    assert len(sharpness_of_pieces(glass, mpp=MPP, white=WHITE)) == 0


def test_steps_of_jpeg_lie_on_its_blocks_and_nowhere_else():
    grain = np.random.default_rng(0).normal(0, 120, (384, 384, 3))
    fine = np.clip(160 + gaussian_filter(grain, (3, 3, 0)), 0, 255).astype(np.uint8)
    packed = io.BytesIO()
    Image.fromarray(fine).save(packed, "JPEG", quality=10)
    coarse = np.asarray(Image.open(packed))
    assert blockiness([fine]) == pytest.approx(1, abs=0.05)
    assert blockiness([coarse]) > 1.5
    assert blockiness([coarse[4:, 4:]]) < 1


def test_a_tile_of_one_grey_is_flat_and_glass_is_not():
    lost = painted()
    lost[:192, :192] = 128
    assert facts_of(lost).flat_share == pytest.approx(0.25, abs=0.01)
    glass = np.full_like(lost, 238)
    assert facts_of(glass).flat_share == 0


def test_without_squares_nothing_is_known():
    found = facts_of()
    assert all(np.isnan(getattr(found, name)) for name in ("nuclear_um", "dab_share", "blockiness"))


def overview_of(rgb, mask):
    return overview_facts(rgb, mask=mask, mpp=8.0, white=WHITE, stains=HDAB)


def test_the_overview_tells_area_cut_borders_pen_and_lost_tiles():
    rgb = np.full((50, 100, 3), WHITE).astype(np.uint8)
    mask = np.zeros((50, 100), dtype=bool)
    rgb[10:40, :60] = (205, 200, 222) - np.arange(30 * 60).reshape(30, 60, 1) % 3
    mask[10:40, :60] = True
    found = overview_of(rgb.astype(np.uint8), mask)
    assert found.tissue_mm2 == pytest.approx(30 * 60 * 64e-6)
    assert found.border_share == pytest.approx(30 / 300)
    assert (found.dark_share, found.flat_share) == (0, 0)
    for colour in ((40, 60, 160), (30, 30, 30), (40, 130, 70), (190, 40, 60)):
        drawn = rgb.copy()
        drawn[10:40, 20:26] = colour - np.arange(30 * 6).reshape(30, 6, 1) % 3
        assert overview_of(drawn.astype(np.uint8), mask).dark_share == pytest.approx(0.1, abs=0.01)
    lost = rgb.copy()
    lost[10:22, 20:32] = 128
    assert overview_of(lost, mask).flat_share == pytest.approx(100 / 1800, abs=0.01)


def test_strong_brown_is_no_pen():
    rgb = np.full((20, 20, 3), WHITE).astype(np.uint8)
    od = mix(np.full((20, 20, 3), (0.15, 0.8, 0.0), dtype=np.float32), stains=HDAB)
    rgb[:] = np.rint(light(od, white=WHITE))
    assert overview_of(rgb, np.ones((20, 20), dtype=bool)).dark_share == 0
