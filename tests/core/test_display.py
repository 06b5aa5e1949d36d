"""Where Deep Zoom tiles lie: every pixel of a slide in just one tile of each level."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.core.display import TILE_PX, Tile, max_level, tile_place

SIDES = st.integers(1, 3000)


@pytest.mark.parametrize(
    ("side", "level"), [(1, 0), (2, 1), (3, 2), (256, 8), (257, 9), (2220, 12)]
)
def test_the_last_level_is_the_first_that_holds_every_pixel(side, level):
    assert max_level(side, 1) == max_level(1, side) == level


@given(width=SIDES, height=SIDES, level=st.integers(0, 12))
def test_the_tiles_of_a_level_cover_a_slide_without_gap_or_overlap(width, height, level):
    last = max_level(width, height)
    level = min(level, last)
    step = 2 ** (last - level)
    right, column = 0, 0
    while (place := tile_place(Tile(level=level, column=column, row=0), width_l0=width,
                               height_l0=height)) is not None:  # fmt: skip
        assert place.box.left_l0 == right
        assert 0 < place.width_px <= TILE_PX
        assert place.box.width_l0 == place.width_px * step
        right, column = right + place.box.width_l0, column + 1
    assert width <= right < width + step


@pytest.mark.parametrize(
    "wrong",
    [
        Tile(level=99, column=0, row=0),
        Tile(level=-1, column=0, row=0),
        Tile(level=9, column=-1, row=0),
        Tile(level=9, column=2, row=0),
        Tile(level=9, column=0, row=1),
        Tile(level=9, column=10**9, row=10**30),
        Tile(level=10**30, column=0, row=0),
    ],
)
def test_there_is_no_tile_beyond_the_slide(wrong):
    assert tile_place(wrong, width_l0=301, height_l0=200) is None
