"""Points of a file find their slide, their frame and their class, or a reason why not."""

import pytest

from rimlight.errors import LabelFileError
from rimlight.io.formats.points import Fault, PointFile, PointRecord
from rimlight.records import Box, Expression
from rimlight.workflows.placing import Grid, Wording, place_points
from small_studies import slide_info

SLIDES = [
    slide_info("P1-a", path="/slides/first core.svs"),
    slide_info("P1-b", path="C:\\scans\\second.ndpi"),
    slide_info("P2", path="/slides/first core.tif"),
]


def _record(number=1, **changes):
    facts = {"x": 40.0 * number, "y": 10.0 * number, "class_name": "weak", "reader": "anna"}
    return PointRecord(place=f"line {number + 1}", **(facts | changes))


def _place(*items, slides=SLIDES, file=None, **wording):
    file = {"content_hash": "h"} | (file or {})
    said = Wording(**({"file": "labels.csv", "slide": "P1-a"} | wording))
    return place_points(PointFile(items=items, **file), slides, wording=said)


def _reasons(placed):
    return [str(fault) for fault in placed.faults]


def test_a_sound_point_keeps_its_place_and_gets_slide_reader_and_expression():
    (point,) = _place(_record(3, class_name="tumor: 2+", reader=None), reader="björn").points
    assert (point.x_l0, point.y_l0) == (120.0, 30.0)
    assert (point.slide.slide_id, point.reader) == ("P1-a", "björn")
    assert point.expression == Expression.MODERATE


def test_the_file_goes_before_the_user_on_who_the_reader_is():
    assert _place(_record(), reader="björn").points[0].reader == "anna"


def test_a_point_without_a_reader_is_a_fault_that_names_the_option():
    assert "name the reader with --reader" in _reasons(_place(_record(reader=None)))[0]


@pytest.mark.parametrize(
    ("x", "y", "is_inside"),
    [
        (0, 0, True),
        (2000, 1000, True),
        (2000.1, 1000, False),
        (2000, 1000.1, False),
        (-0.1, 5, False),
        (5, -0.1, False),
        (900, 1900, False),
    ],
)
def test_a_point_outside_its_slide_is_a_fault(x, y, is_inside):
    placed = _place(_record(x=float(x), y=float(y)))
    assert bool(placed.points) == is_inside
    assert is_inside or "outside slide P1-a" in _reasons(placed)[0]


def test_exchanged_axes_are_suspected_only_when_all_stray_points_would_then_fit():
    stray = [_record(number, x=10.0 * number, y=1500.0 + 10 * number) for number in (1, 2)]
    assert _place(*stray).is_swapped
    assert not _place(*stray, _record(5, x=5000.0, y=5000.0)).is_swapped
    assert not _place(_record(1)).is_swapped


@pytest.mark.parametrize(
    ("distance_px", "names", "is_double"),
    [
        (0.0, (None, None), True),
        (1.0, (None, None), True),
        (1.0, ("c1", "c2"), True),
        (3.9, (None, None), True),
        (3.9, ("c1", None), True),
        (3.9, ("c1", "c2"), False),
        (4.1, (None, None), False),
        (30.0, ("c1", "c1"), True),
    ],
)
def test_one_reader_clicks_a_cell_once_in_a_file(distance_px, names, is_double):
    first = _record(1, cell=names[0])
    second = _record(2, x=first.x, y=first.y + distance_px, cell=names[1], class_name="strong")
    placed = _place(first, second)
    assert len(placed.faults) == int(is_double)
    assert placed.points[0].record.place == "line 2"
    if is_double:
        assert placed.faults[0].place == "line 3"
        assert "line 2" in placed.faults[0].reason


def test_two_readers_or_two_slides_make_no_double():
    first = _record(1)
    other_reader = _record(2, x=first.x, y=first.y, reader="björn")
    first_slide = _record(3, x=first.x, y=first.y, slide="P1-a", reader="carla")
    other_slide = _record(4, x=first.x, y=first.y, slide="P2", reader="carla")
    placed = _place(first_slide, other_slide, file={}, slide=None)
    assert not _place(first, other_reader).faults
    assert not placed.faults


def test_a_class_is_known_by_our_table_or_by_what_the_user_says():
    names = {"PDL1  pos": Expression.MODERATE, "Weak": Expression.STRONG}
    records = [
        _record(1, class_name="pdl1 POS"),
        _record(2, class_name="weak"),
        _record(3, class_name="Positive"),
        _record(4, class_name="Positive"),
    ]
    placed = _place(*records, class_names=names)
    assert [point.expression.value for point in placed.points] == ["moderate", "strong"]
    assert placed.unknown_classes == {"Positive": 2}
    assert _reasons(placed)[0] == "line 4: the class 'Positive' is not known"


CROPPED = slide_info("m1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=1500, height_l0=700))


@pytest.mark.parametrize(("frame", "place"), [("bounds", (140.0, 210.0)), ("level0", (40.0, 10.0))])
@pytest.mark.parametrize("is_said_by_file", [True, False])
def test_the_frame_decides_where_a_point_lies(frame, place, is_said_by_file):
    said = {"file": {"frame": frame}} if is_said_by_file else {"frame": frame}
    (point,) = _place(_record(), slides=[CROPPED], slide="m1", **said).points
    assert (point.x_l0, point.y_l0) == place


def test_an_unknown_frame_is_asked_for_and_never_guessed():
    with pytest.raises(LabelFileError, match=r"--frame bounds.*--frame level0"):
        _place(_record(), slides=[CROPPED], slide="m1")


def test_bounds_that_begin_at_the_corner_need_no_question():
    box = Box(left_l0=0.0, top_l0=0.0, width_l0=1500, height_l0=700)
    assert _place(_record(), slides=[slide_info("m1", bounds=box)], slide="m1").points


def test_a_frame_said_twice_in_two_ways_is_refused():
    with pytest.raises(LabelFileError, match="counts from bounds; leave out --frame"):
        _place(_record(), slides=[CROPPED], slide="m1", frame="level0", file={"frame": "bounds"})


def test_a_slide_may_reach_left_of_zero_where_its_bounds_do():
    box = Box(left_l0=-50.0, top_l0=-30.0, width_l0=2000, height_l0=1000)
    slides = [slide_info("m1", bounds=box)]
    record = _record(x=-40.0, y=-20.0)
    assert _place(record, slides=slides, slide="m1", frame="level0").points
    assert _place(_record(x=-60.0), slides=slides, slide="m1", frame="level0").faults


def test_a_file_is_of_the_slide_it_is_named_after():
    said = Wording(file="second.geojson.gz")
    found = place_points(PointFile(items=(_record(),), content_hash="h"), SLIDES, wording=said)
    assert found.points[0].slide.slide_id == "P1-b"


def test_a_file_of_no_known_slide_asks_for_it():
    said = Wording(file="labels.csv")
    with pytest.raises(LabelFileError, match="which slide it is of; name it with --slide"):
        place_points(PointFile(items=(_record(),), content_hash="h"), SLIDES, wording=said)


def test_a_hash_in_the_file_decides_also_for_a_renamed_slide():
    file = {"slide": "old name", "slide_hash": "sha256 of P2"}
    assert _place(_record(), file=file, slide=None).points[0].slide.slide_id == "P2"


def test_labels_of_another_slide_are_refused_as_a_whole():
    with pytest.raises(LabelFileError, match="is of slide P2, not of P1-a"):
        _place(_record(), file={"slide_hash": "sha256 of P2"})
    with pytest.raises(LabelFileError, match="another content than any in this study"):
        _place(_record(), file={"slide": "P2", "slide_hash": "changed"}, slide=None)
    with pytest.raises(LabelFileError, match="'P9' is not in this study; add it"):
        _place(_record(), slide="P9")


def test_rows_of_other_slides_than_the_one_named_are_faults():
    placed = _place(_record(1, slide="P2"), _record(2, slide="P1-a"), _record(3, slide="P9"))
    assert _reasons(placed) == [
        "line 2: is of slide P2, not of P1-a",
        "line 4: the slide 'P9' is not in this study",
    ]


def test_faults_of_reading_stay_in_their_place():
    placed = _place(_record(1), Fault(place="line 3", reason="bad"), _record(3, x=-9.0))
    assert [fault.place for fault in placed.faults] == ["line 3", "line 4"]


def test_the_grid_finds_what_is_within_reach_across_its_cells_and_nothing_else():
    grid = Grid(reach=2.0)
    for name, x, y in [("a", -0.1, 0.1), ("b", 1.9, 0.0), ("c", 2.1, 0.0), ("d", 0.0, -1.0)]:
        grid.add(x, y, name)
    assert [name for _, name in grid.near(0.0, 0.0)] == ["a", "d", "b"]


def test_the_grid_stays_fast_where_a_file_puts_everything_in_one_place():
    grid = Grid(reach=2.0)
    for number in range(1000):
        grid.add(0.5, 0.5, str(number))
    assert 0 < len(grid.near(0.5, 0.5)) <= 64
