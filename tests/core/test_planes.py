"""The planes of a slide: by hand, and there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rimlight.core.planes import (
    PatchPoint,
    SlidePoint,
    length_l0,
    patch_box,
    patch_point,
    slide_point,
)
from rimlight.records import Box, Cell


def cell_at(x_l0, y_l0):
    return Cell(cell_id="c", slide_id="s", x_l0=x_l0, y_l0=y_l0)


def test_a_box_covers_the_physical_size_of_its_patch():
    box = patch_box(cell_at(1000, 400), size_px=64, patch_mpp=0.5, slide_mpp=0.25)
    assert box == Box(left_l0=936, top_l0=336, width_l0=128, height_l0=128)


def test_a_coarser_slide_gives_a_smaller_box():
    box = patch_box(cell_at(1000, 400), size_px=64, patch_mpp=0.5, slide_mpp=1.0)
    assert (box.left_l0, box.top_l0, box.width_l0) == (984, 384, 32)


def test_a_box_may_leave_the_slide():
    box = patch_box(cell_at(-10, 3), size_px=10, patch_mpp=1.0, slide_mpp=0.5)
    assert (box.left_l0, box.top_l0) == (-20, -7)


@pytest.mark.parametrize("wrong", [{"size_px": 0}, {"patch_mpp": 0.0}, {"slide_mpp": -1.0}])
def test_a_size_that_is_not_above_0_is_refused(wrong):
    sizes = {"size_px": 64, "patch_mpp": 0.5, "slide_mpp": 0.25}
    with pytest.raises(ValueError, match="above 0"):
        patch_box(cell_at(0, 0), **(sizes | wrong))


def test_the_cell_lies_in_the_middle_and_the_corner_at_0():
    box = patch_box(cell_at(100.3, 80.7), size_px=64, patch_mpp=0.5, slide_mpp=0.24)
    middle = patch_point(SlidePoint(x_l0=100.3, y_l0=80.7), box=box, size_px=64)
    corner = patch_point(SlidePoint(x_l0=box.left_l0, y_l0=box.top_l0), box=box, size_px=64)
    assert (middle.x_px, middle.y_px) == pytest.approx((32, 32))
    assert (corner.x_px, corner.y_px) == (0, 0)


def test_x_and_y_are_not_exchanged():
    box = Box(left_l0=10, top_l0=20, width_l0=100, height_l0=200)
    assert patch_point(SlidePoint(x_l0=60.0, y_l0=40.0), box=box, size_px=10) == PatchPoint(
        x_px=5.0, y_px=1.0
    )


finite = some.floats(-1e5, 1e5)


@given(x=finite, y=finite, px=some.floats(0, 64), mpp=some.floats(0.1, 2.0))
def test_the_way_back_leads_to_the_same_point(x, y, px, mpp):
    box = patch_box(cell_at(x, y), size_px=64, patch_mpp=mpp, slide_mpp=0.25)
    there = slide_point(PatchPoint(x_px=px, y_px=64 - px), box=box, size_px=64)
    back = patch_point(there, box=box, size_px=64)
    assert (back.x_px, back.y_px) == pytest.approx((px, 64 - px), abs=1e-6)


def test_ten_um_are_forty_pixels_of_a_quarter():
    assert length_l0(10.0, slide_mpp=0.25) == 40
