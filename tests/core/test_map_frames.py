"""Where a map lies on its slide."""

import numpy as np
import pytest

from rimlight.core.map_frames import map_frame
from rimlight.records import Box

BOX = Box(left_l0=101, top_l0=7, width_l0=50, height_l0=21)


def test_a_frame_begins_at_its_box_and_covers_it():
    frame = map_frame(BOX, step_l0=8, slide_mpp=0.25)
    assert (frame.left_l0, frame.top_l0) == (101, 7)
    assert frame.shape == (3, 7)
    assert frame.mpp == 2.0


def test_points_are_told_from_the_outer_corner_of_the_first_pixel():
    frame = map_frame(BOX, step_l0=8, slide_mpp=0.25)
    assert frame.x_px(np.array([101.0, 109.0])).tolist() == [0, 1]
    assert frame.y_px(np.array([7.0, 11.0])).tolist() == [0, 0.5]


def test_a_frame_on_the_grid_of_the_slide_begins_before_its_box_and_covers_it():
    frame = map_frame(BOX, step_l0=8, slide_mpp=0.25, is_on_slide_grid=True)
    assert (frame.left_l0, frame.top_l0) == (96, 0)
    assert frame.left_l0 + frame.columns * 8 >= 151 > frame.left_l0 + (frame.columns - 1) * 8
    assert frame.top_l0 + frame.rows * 8 >= 28 > frame.top_l0 + (frame.rows - 1) * 8


def test_a_step_that_is_no_whole_number_adds_no_pixel_by_rounding():
    step = 0.5 / 0.2203
    box = Box(left_l0=0, top_l0=0, width_l0=step * 700, height_l0=step * 300)
    for is_on_grid in (False, True):
        frame = map_frame(box, step_l0=step, slide_mpp=0.2203, is_on_slide_grid=is_on_grid)
        assert frame.shape == (300, 700)
        assert frame.mpp == pytest.approx(0.5)


@pytest.mark.parametrize("change", [{"step_l0": 0}, {"slide_mpp": -1.0}])
def test_a_side_of_nothing_is_refused(change):
    with pytest.raises(ValueError, match="above 0"):
        map_frame(BOX, **({"step_l0": 8, "slide_mpp": 0.25} | change))
