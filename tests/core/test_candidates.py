"""Candidates are nuclei, found once each, wherever tiles begin."""

import numpy as np
import pytest

from rimlight.core.candidates import (
    DARKEST_CONTRAST_OD,
    PALEST_CONTRAST_OD,
    Tile,
    border_px,
    by_tile,
    candidate_centres,
    least_contrast_od,
    nuclear_contrasts,
    owned,
    tiles_of,
)
from rimlight.core.density import light
from rimlight.core.stains import HDAB, mix

WHITE = (240.0, 235.0, 230.0)


def picture(haematoxylin, dab):
    """Light of two density maps, with a little noise, so that no two pixels tie by design."""
    noise = np.random.default_rng(0).normal(0, 0.003, (*haematoxylin.shape, 3))
    density = mix(np.stack([haematoxylin, dab, 0 * dab], axis=2), stains=HDAB) + noise
    return np.clip(light(density.astype(np.float32), white=WHITE) + 0.5, 0, 255).astype(np.uint8)


def discs(shape, centres, *, radius, inner=0.0):
    """1 within discs or rings around centres (x, y) in pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    found = np.zeros(shape)
    for x, y in centres:
        far = np.hypot(columns - x, rows - y)
        found[(far <= radius) & (far >= inner)] = 1.0
    return found


def centres_of(picture, mpp=1.0):
    return candidate_centres(picture, mpp=mpp, white=WHITE, stains=HDAB)


NUCLEI = [(30, 20), (60, 25), (90, 60), (25, 55)]  # x, y: wider than high, not symmetric


def test_nuclei_are_found_at_their_x_and_y():
    found = centres_of(picture(0.4 * discs((80, 120), NUCLEI, radius=4), np.zeros((80, 120))))
    assert len(found) == 4
    for x, y in NUCLEI:
        assert np.hypot(*(found - [x, y]).T).min() <= 1


def test_glass_and_even_tissue_hold_no_candidate():
    flat = np.full((60, 60), 0.2)
    assert len(centres_of(picture(flat, flat))) == 0
    assert len(centres_of(picture(0 * flat, 0 * flat))) == 0


def test_a_brown_line_or_granule_is_no_nucleus_and_a_nucleus_in_a_brown_ring_is():
    shape = (80, 120)
    rings = discs(shape, NUCLEI, radius=8, inner=6.5) + discs(shape, [(100, 20)], radius=2)
    found = centres_of(picture(0.4 * discs(shape, NUCLEI, radius=4), 0.9 * rings))
    far = [min(np.hypot(x - a, y - b) for a, b in NUCLEI) for x, y in found]
    assert len(found) == 4
    assert max(far) <= 1


def test_lengths_are_micrometres_whatever_the_pixels():
    at_half = [(2 * x, 2 * y) for x, y in NUCLEI]
    fine = picture(0.4 * discs((160, 240), at_half, radius=8), np.zeros((160, 240)))
    found = centres_of(fine, mpp=0.5)
    assert len(found) == 4
    assert (border_px(1.0), border_px(0.5)) == (20, 38)
    for x, y in at_half:
        assert np.hypot(*(found - [x, y]).T).min() <= 2


def test_two_equal_pixels_at_the_top_are_one_candidate():
    rgb = np.full((60, 60, 3), 240, dtype=np.uint8)
    rgb[28:32, 27:33] = (120, 110, 170)  # symmetric: its middle lies between pixels
    assert len(candidate_centres(rgb, mpp=1.0, white=(240.0,) * 3, stains=HDAB)) == 1


@pytest.mark.parametrize("side", [32, 45, 200])
def test_tiles_of_any_size_find_the_same_centres_and_none_twice(side):
    random = np.random.default_rng(3)
    shape = (150, 190)
    nuclei = random.uniform(0, (190, 150), (120, 2))
    whole = picture(0.4 * discs(shape, nuclei, radius=3.5), 0.2 * random.random(shape))
    edge = border_px(1.0)
    padded = np.pad(whole, ((edge, edge + side), (edge, edge + side), (0, 0)), mode="reflect")
    everywhere = centres_of(padded)
    found = []
    for tile in tiles_of(190, 150, side_px=side):
        rows = slice(tile.top_px, tile.top_px + tile.height_px + 2 * edge)
        columns = slice(tile.left_px, tile.left_px + tile.width_px + 2 * edge)
        corner = np.array([tile.left_px - edge, tile.top_px - edge])
        centres = centres_of(padded[rows, columns]) + corner
        found += map(tuple, centres[owned(centres, tile)])
    area = Tile(left_px=0, top_px=0, width_px=190, height_px=150)
    expected = everywhere - edge
    expected = set(map(tuple, expected[owned(expected, area)]))
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert len(found) > 60


def test_tiles_cover_an_area_once():
    count = np.zeros((23, 50), dtype=int)
    for tile in tiles_of(50, 23, side_px=8):
        rows = slice(tile.top_px, tile.top_px + tile.height_px)
        count[rows, tile.left_px : tile.left_px + tile.width_px] += 1
    assert (count == 1).all()


def test_sizes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        tiles_of(10, 10, side_px=0)


def test_centres_by_tile_are_those_that_each_tile_owns():
    centres = np.random.default_rng(4).integers(0, (50, 23), (200, 2))
    mine = by_tile(centres, side_px=8)
    tiles = tiles_of(50, 23, side_px=8)
    assert set(mine) <= {(tile.left_px, tile.top_px) for tile in tiles}
    for tile in tiles:
        rows = mine.get((tile.left_px, tile.top_px), np.empty(0, dtype=int))
        assert (rows == np.flatnonzero(owned(centres, tile))).all()
    assert by_tile(centres[:0], side_px=8) == {}
    with pytest.raises(ValueError, match="above 0"):
        centres_of(np.zeros((9, 9, 3), np.uint8), mpp=0.0)


def test_pale_nuclei_are_found_by_the_contrast_that_their_slide_has():
    pale = picture(0.045 * discs((80, 120), NUCLEI, radius=4), np.zeros((80, 120)))
    how = {"mpp": 1.0, "white": WHITE, "stains": HDAB}
    assert len(candidate_centres(pale, **how)) == 0
    least = least_contrast_od(nuclear_contrasts(pale, **how))
    assert PALEST_CONTRAST_OD <= least < DARKEST_CONTRAST_OD
    found = candidate_centres(pale, **how, least_contrast_od=least)
    assert len(found) == 4
    for x, y in NUCLEI:
        assert np.hypot(*(found - [x, y]).T).min() <= 1


def test_dark_nuclei_do_not_raise_the_contrast_asked_for_without_end():
    assert least_contrast_od(np.full(9, 2.0, dtype=np.float32)) == DARKEST_CONTRAST_OD
    assert least_contrast_od(np.empty(0, dtype=np.float32)) == PALEST_CONTRAST_OD


def test_glass_between_brown_smears_holds_no_candidate():
    brown = discs((60, 60), [(30, 30)], radius=22, inner=6)
    assert len(centres_of(picture(0 * brown, 1.2 * brown))) == 0
