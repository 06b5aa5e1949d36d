"""Cells in regions: x is x, a hole is outside, a bow tie is repaired, wanted tiles are read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.core.regions import area_l0, circle, counts, is_inside, is_wanted, sound_polygons
from small_studies import region_of

WIDE = ((100.0, 20.0), (500.0, 20.0), (500.0, 120.0), (100.0, 120.0))
HOLE = ((200.0, 40.0), (300.0, 40.0), (300.0, 100.0), (200.0, 100.0))
FAR = ((800.0, 500.0), (900.0, 500.0), (900.0, 700.0))


def told(regions, *points):
    x, y = np.array(points, dtype=float).T
    return counts(regions, x, y).tolist()


def test_x_is_x_and_y_is_y():
    region = region_of(polygons=((WIDE,),))
    found = is_inside(region, np.array([450.0, 60.0]), np.array([60.0, 450.0]))
    assert found.tolist() == [True, False]


def test_a_hole_is_outside_and_every_polygon_is_inside():
    region = region_of(polygons=((WIDE, HOLE), (FAR,)))
    assert told([region], (150, 60), (250, 60), (890, 510), (700, 300)) == [
        True,
        False,
        True,
        False,
    ]
    assert area_l0(region) == 400 * 100 - 100 * 60 + 100 * 200 / 2


def test_without_regions_every_cell_counts():
    assert told([], (1, 2), (3, 4)) == [True, True]


def test_excluded_cells_do_not_count_wherever_they_lie():
    inside = region_of(polygons=((WIDE,),))
    outside = region_of(kind="exclude", polygons=((HOLE,),))
    assert told([outside], (150, 60), (250, 60), (700, 300)) == [True, False, True]
    assert told([outside, inside], (150, 60), (250, 60), (700, 300)) == [True, False, False]


def test_cells_count_in_cores_until_there_are_regions_to_include():
    core = region_of(kind="core", polygons=((WIDE,),))
    drawn = region_of(polygons=((HOLE,),))
    assert told([core], (150, 60), (250, 60), (700, 300)) == [True, True, False]
    assert told([core, drawn], (150, 60), (250, 60), (700, 300)) == [False, True, False]


def test_a_cell_in_two_regions_counts_once():
    both = [region_of(polygons=((WIDE,),)), region_of(polygons=((HOLE,),))]
    assert told(both, (250, 60)) == [True]


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ((0, 0, 99, 500), False),
        ((0, 0, 101, 500), True),
        ((20, 100, 120, 500), True),
        ((210, 50, 290, 90), False),
        ((190, 50, 290, 90), True),
        ((600, 100, 700, 500), False),
        ((805, 505, 806, 506), True),
    ],
)
def test_a_tile_is_wanted_where_a_cell_of_it_may_count(box, wanted):
    ask = is_wanted([region_of(polygons=((WIDE, HOLE), (FAR,)))])
    assert ask(*box) is wanted


def test_tiles_within_an_excluded_region_or_a_missing_core_are_not_wanted():
    excluded = is_wanted([region_of(kind="exclude", polygons=((WIDE,),))])
    assert not excluded(150, 30, 450, 110)
    assert excluded(150, 30, 550, 110)
    cores = [
        region_of(kind="core", polygons=((WIDE,),), is_missing=True),
        region_of(kind="core", polygons=((FAR,),)),
    ]
    assert not is_wanted(cores)(150, 30, 450, 110)
    assert is_wanted(cores)(850, 510, 900, 600)
    assert not is_wanted(cores[:1])(150, 30, 450, 110)
    assert is_wanted([]) is None


def test_a_sound_polygon_stays_to_the_last_digit():
    polygons = ((WIDE, HOLE), (FAR,))
    assert sound_polygons(polygons, width_l0=1000, height_l0=800) == (polygons, None)


def test_a_bow_tie_becomes_its_two_triangles():
    tie = ((0.0, 0.0), (100.0, 80.0), (100.0, 0.0), (0.0, 80.0))
    polygons, note = sound_polygons(((tie,),), width_l0=1000, height_l0=800)
    assert note == "its outline crosses itself or a hole; 2 parts are kept"
    region = region_of(polygons=polygons)
    assert area_l0(region) == pytest.approx(4000)
    assert told([region], (10, 40), (90, 40), (50, 10)) == [True, True, False]


def test_an_outline_that_crosses_itself_all_over_is_refused_at_once():
    turns = 2 * np.pi * 0.39595 * np.arange(2000)
    star = tuple(
        map(tuple, np.column_stack([500 + 400 * np.cos(turns), 400 + 300 * np.sin(turns)]))
    )
    with pytest.raises(ValueError, match="of 2001 corners crosses itself too often"):
        sound_polygons(((star,),), width_l0=1000, height_l0=800)


def test_polygons_that_overlap_count_what_they_cover_once():
    polygons, note = sound_polygons(((WIDE,), (HOLE,)), width_l0=1000, height_l0=800)
    assert note is not None
    assert told([region_of(polygons=polygons)], (250, 60), (150, 60)) == [True, True]


def test_a_line_has_no_area():
    line = ((0.0, 0.0), (100.0, 80.0), (50.0, 40.0))
    with pytest.raises(ValueError, match="has no area"):
        sound_polygons(((line,),), width_l0=1000, height_l0=800)


def test_a_region_off_the_slide_is_refused_and_exchanged_axes_are_named():
    with pytest.raises(ValueError, match=r"outside the slide of 450 x 700 px$"):
        sound_polygons(((FAR,),), width_l0=450, height_l0=700)
    with pytest.raises(ValueError, match="with x and y exchanged"):
        sound_polygons(((FAR,),), width_l0=700, height_l0=900)


def test_a_region_that_reaches_beyond_the_slide_stays_as_drawn_with_a_note():
    polygons, note = sound_polygons(((WIDE,),), width_l0=400, height_l0=700)
    assert polygons == ((WIDE,),)
    assert note == "25% of it lies outside the slide"


def test_a_circle_has_its_diameter():
    region = region_of(polygons=(circle(500, 300, diameter_l0=200),))
    assert told([region], (598, 300), (500, 398), (572, 372), (603, 300)) == [
        True,
        True,
        False,
        False,
    ]
    assert area_l0(region) == pytest.approx(3.14159 * 100**2, rel=0.002)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_outline_a_file_holds_is_sound_or_refused_by_a_clause(data):
    number = st.integers(-3, 12).map(float)
    ring = st.lists(st.tuples(number, number), min_size=3, max_size=9).map(tuple)
    polygon = st.lists(ring, min_size=1, max_size=3).map(tuple)
    drawn = data.draw(st.lists(polygon, min_size=1, max_size=3).map(tuple))
    try:
        polygons, _ = sound_polygons(drawn, width_l0=10, height_l0=8)
    except ValueError as error:
        reason = str(error)
    else:
        reason = None
    if reason is not None:
        assert reason.startswith(("has no area", "lies outside"))
        return
    again, note = sound_polygons(polygons, width_l0=10, height_l0=8)
    assert again == polygons
    assert "crosses" not in (note or "")
