"""Drawings as inline SVG: same bytes, plain attributes, text that stays text."""

import re
from xml.etree import ElementTree

import pytest

from rimlight.report.svg import axes_at, drawn_svg


def drawn(*, name="a", label="label"):
    def draw(sheet):
        axes = axes_at(sheet, (40, 20, 100, 50))
        axes.plot([0, 10], [0, 1], "o-", clip_on=True)
        axes.set_xlim(0, 10)
        axes.set_ylim(0, 1)
        axes.set_xlabel(label)

    return drawn_svg(draw, name=name, width_px=200, height_px=100)


def test_the_same_drawing_gives_the_same_bytes():
    assert drawn() == drawn()


def test_two_drawings_of_one_page_share_no_id():
    first, second = (set(re.findall(r' id="([^"]+)"', drawn(name=name))) for name in "ab")
    assert first
    assert not first & second
    for markup, ids in ((drawn(name="a"), first), (drawn(name="b"), second)):
        used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', markup))
        assert {one or other for one, other in used} == ids


def test_nothing_in_a_drawing_needs_a_style_sheet_or_reaches_outside():
    markup = drawn()
    assert "style" not in markup
    assert "metadata" not in markup
    assert re.findall(r"https?://[^\"]*", markup) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("label", ["<img src=x onerror=boom()>", "$x_1$ & 50 %", 'a" style="x'])
def test_a_label_is_shown_as_it_is_and_never_as_markup_or_formula(label):
    root = ElementTree.fromstring(drawn(label=label))
    texts = [node.text for node in root.iter() if node.tag.endswith("}text")]
    assert label in texts
    assert {node.tag.rpartition("}")[2] for node in root.iter()} <= {
        "svg", "g", "path", "defs", "use", "text", "clipPath", "rect",
    }  # fmt: skip


def test_letters_that_the_measuring_font_lacks_make_no_warning():
    assert "腫瘍" in drawn(label="腫瘍")


def test_axes_lie_where_they_are_put_in_pixels_from_the_top_left():
    axis = re.search(r'<path d="M ([\d.]+) ([\d.]+) L ([\d.]+) ([\d.]+) L', drawn()[120:])
    corners = [float(part) for part in axis.groups()]
    assert corners == [40, 70, 140, 70]
    assert 'viewBox="0 0 200 100"' in drawn()
    assert ' width="' not in drawn()[:120]
