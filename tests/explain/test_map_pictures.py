"""Pictures of maps: values in their colours, tissue where there is none, legends that fit."""

from dataclasses import replace

import numpy as np
import pytest

from rimlight.explain.colour import colour_bar, desaturated
from rimlight.explain.map_pictures import (
    MapPanel,
    Outline,
    cells_picture,
    coloured,
    colours_of,
    map_on_tissue,
    ramp,
    slide_picture,
)

TISSUE = np.random.default_rng(0).integers(90, 250, (120, 200, 3), dtype=np.uint8)


def panel(values=None, **changes):
    values = np.full(TISSUE.shape[:2], np.nan) if values is None else values
    facts = {
        "title": "Where positive cells are",
        "values": values,
        "low": 0.0,
        "high": 1.0,
        "ticks": ((0.0, "0 %"), (1.0, "100 %")),
        "meaning": "Share of the tumour cells around each place that are called positive.",
        "colours": ramp("YlOrBr"),
    }
    return MapPanel(**(facts | changes))


def drawn(*panels, rgb=TISSUE):
    return slide_picture(rgb, panels, um_per_px=2.0, title="a12: TPS 50 %", footer="Research use.")


def test_where_a_map_has_no_value_only_tissue_is_seen():
    values = np.full(TISSUE.shape[:2], np.nan)
    values[40:60, 50:90] = 0.5
    shown = map_on_tissue(TISSUE, panel(values))
    is_empty = np.isnan(values)
    np.testing.assert_array_equal(shown[is_empty], desaturated(TISSUE)[is_empty])
    assert (shown[~is_empty] != desaturated(TISSUE)[~is_empty]).any(axis=-1).all()


def test_zero_is_a_value_with_a_colour_of_its_own():
    assert (map_on_tissue(TISSUE, panel(np.zeros((120, 200)))) != desaturated(TISSUE)).any()


def test_colours_go_from_low_to_high_and_stay_at_the_ends():
    scale = panel(low=-2.0, high=2.0, colours=colour_bar())
    found = colours_of(np.array([-9.0, -2.0, 0.0, 2.0, 9.0]), scale)
    bar = colour_bar()
    assert found.tolist() == [bar[0].tolist()] * 2 + [bar[127].tolist()] + [bar[-1].tolist()] * 2


def test_a_ramp_of_shares_gets_darker_all_the_way():
    light = ramp("YlOrBr").astype(float).sum(axis=1)
    assert (np.diff(light) <= 0).all()


def test_an_overlay_is_transparent_where_there_is_no_value():
    values = np.array([[np.nan, 0.0], [0.5, 1.0]])
    seen = coloured(values, panel(values))
    assert (seen[..., 3] > 0).tolist() == [[False, True], [True, True]]
    assert seen[1, 1, :3].tolist() == ramp("YlOrBr")[-1].tolist()


@pytest.mark.parametrize(
    ("shape", "across"), [((400, 200), 4), ((300, 330), 2), ((110, 400), 1)],
    ids=["tall", "square", "wide"],
)  # fmt: skip
def test_maps_stand_beside_each_other_as_the_slide_allows(shape, across):
    rgb = np.full((*shape, 3), 200, np.uint8)
    picture = drawn(*[panel(np.zeros(shape))] * 3, rgb=rgb)
    assert picture.width == across * max(shape[1], 330) + (across + 1) * 20


def test_a_map_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="Where positive cells are"):
        drawn(panel(np.zeros((120, 199))))


def test_the_legend_shows_the_whole_scale_under_the_map():
    picture = np.asarray(drawn(panel(np.zeros((120, 200)))))
    table = ramp("YlOrBr")
    for colour in (table[0], table[128], table[-1]):
        assert (np.abs(picture.astype(int) - colour).max(axis=-1) <= 3).any()


def test_words_never_leave_the_picture():
    long = replace(panel(), title="x" * 400, meaning="word " * 80)
    picture = np.asarray(drawn(long))
    assert (picture[:, -10:] == 255).all()
    assert (picture[-3:] == 255).all()


def test_outlines_lie_at_their_points_in_their_colours():
    rgb = np.full((120, 200, 3), 220, np.uint8)
    corners = ((30.0, 20.0), (150.0, 20.0), (150.0, 90.0), (30.0, 90.0))
    picture = cells_picture(
        rgb,
        np.full((120, 200), np.nan),
        [Outline(points=corners, colour=(200, 50, 50), name="strong")],
        scale=0.1,
        um_per_px=0.25,
        title="a12",
        footer="Research use only.",
    )
    pixels = np.asarray(picture)
    top, left = 20 + 34 + 26, 20 + 2 * (330 + 20)
    is_red = (pixels == (200, 50, 50)).all(axis=-1)[top : top + 120, left : left + 200]
    rows, columns = np.nonzero(is_red)
    assert abs(rows.min() - 20) <= 2
    assert abs(rows.max() - 90) <= 2
    assert abs(columns.min() - 30) <= 2
    assert abs(columns.max() - 150) <= 2
