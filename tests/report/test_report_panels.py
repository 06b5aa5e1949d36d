"""Pixels on the page: colours, marks and outlines lie where they should."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from rimlight.report.panels import (
    click_mark,
    density_grey,
    outline,
    picture,
    png_data,
    scale_bar,
    stamp_band,
)


def pixels_of(data):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.split("base64,")[1]))))


def test_a_picture_holds_its_pixels_without_loss():
    rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixels_of(png_data(rgb)), rgb)
    assert 'viewBox="0 0 7 5"' in picture(rgb, alt="a")


def test_words_for_a_screen_reader_are_no_markup():
    markup = picture(np.zeros((2, 2, 3), np.uint8), alt='"><script>')
    assert "<script>" not in markup
    assert "&#34;&gt;&lt;script&gt;" in markup


def test_the_outline_of_one_pixel_is_its_four_edges():
    mask = np.zeros((4, 6), bool)
    mask[1, 3] = True  # row 1, column 3: x from 3 to 4, y from 1 to 2
    edges = set(re.findall(r"M(\d+) (\d+)([hv])1", str(outline(mask))))
    assert edges == {("3", "1", "h"), ("3", "2", "h"), ("3", "1", "v"), ("4", "1", "v")}


def test_the_outline_of_a_mask_at_the_border_is_closed_and_an_inner_edge_is_not_drawn():
    edges = re.findall(r"M(\d+) (\d+)([hv])1", str(outline(np.ones((2, 3), bool))))
    assert len(edges) == 2 * (2 * 2 + 2 * 3)  # drawn twice: halo and line
    assert ("1", "1", "h") not in edges
    assert outline(np.zeros((3, 3), bool)) == ""


def test_density_is_white_at_0_and_black_from_the_top_on():
    grey = density_grey(np.array([[-0.2, 0.0, 0.75, 1.5, 3.0]], np.float32))
    assert grey[0, :, 0].tolist() == [255, 255, 128, 0, 0]
    assert (grey == grey[..., :1]).all()


def test_the_click_mark_leaves_the_click_itself_free():
    numbers = re.findall(
        r"M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)", str(click_mark((40, 60), mpp=0.5))
    )
    strokes = [tuple(map(float, stroke)) for stroke in numbers]
    assert (33.0, 20.0, 37.0, 20.0) in strokes  # 1.5 and 3.5 um right of the middle
    assert (30.0, 17.0, 30.0, 13.0) in strokes
    assert all(np.hypot(x - 30, y - 20) == pytest.approx(3) for x, y, _, _ in strokes)


@pytest.mark.parametrize(("mpp", "length_px"), [(0.5, 20), (0.25, 40)])
def test_the_scale_bar_is_10_um_long(mpp, length_px):
    markup = str(scale_bar((64, 64), mpp=mpp))
    assert float(re.search(r"h([\d.]+)", markup)[1]) == length_px
    assert ">10 µm<" in markup


def test_a_stamp_says_its_words():
    assert ">NOT CONVERGED<" in stamp_band((64, 64), "not converged")
