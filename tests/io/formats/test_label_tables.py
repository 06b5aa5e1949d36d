"""Label tables are read by their headings, and each bad row is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.formats.label_tables import read_label_table, write_label_table
from rimlight.io.formats.points import Fault, PointRecord, plain_text, utc_time
from small_studies import label_of


def _read(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_label_table(path)


def test_columns_are_found_by_heading_in_any_order_and_case(tmp_path):
    file = _read(
        tmp_path, "Y_PX,case,Label,x_px,extra,Reader,slide,cell\n7,p1,weak,5,?,anna,s1,c1\n"
    )
    assert file.items == (
        PointRecord(
            place="line 2", x=5.0, y=7.0, class_name="weak", slide="s1", cell="c1", reader="anna"
        ),
    )
    assert file.frame is None


@pytest.mark.parametrize(
    ("heading", "frame"),
    [("x_l0,y_l0", "level0"), ("x_px,y_px", None), ("x,y", None), ("X_L0,Y_L0", "level0")],
)
def test_only_level_0_headings_say_where_coordinates_count_from(tmp_path, heading, frame):
    file = _read(tmp_path, f"{heading},expression\n1,2,weak\n")
    assert file.frame == frame
    assert (file.items[0].x, file.items[0].y) == (1.0, 2.0)


def test_semicolons_and_tabs_are_read_like_commas(tmp_path):
    text = "slide,x,y,class\ns1,1,2,3+\n"
    files = [_read(tmp_path, text.replace(",", mark)) for mark in ",;\t"]
    assert files[0].items == files[1].items == files[2].items


def test_times_come_back_in_utc(tmp_path):
    file = _read(tmp_path, "x,y,label,time\n1,2,weak,2026-03-01 12:00+02:00\n1,9,weak,\n")
    assert [item.time for item in file.items] == ["2026-03-01T10:00:00Z", None]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nan,2,weak,,", "x 'nan' is no number"),
        ("1,inf,weak,,", "y 'inf' is no number"),
        ("1,1e999,weak,,", "y '1e999' is too large"),
        ("1,,weak,,", "y '' is no number"),
        ('"1,5",2,weak,,', "x '1,5' has a decimal comma"),
        ("1,5,2,weak,,", "has 6 cells under 5 headings; a decimal comma"),
        ("1,2", "has 2 cells under 5 headings"),
        ("1,2,,,", "the label is empty"),
        ("1,2,weak,yesterday,", "the time 'yesterday' is not like"),
        ("1,2,weak,0001-01-01T00:00:00+23:59,", "is not like"),
        ("1,2,weak,,a\x07b", "holds a character"),
        (f"1,2,{'w' * 400},,", "longer than 300"),
    ],
)
def test_a_bad_row_is_a_fault_and_its_neighbours_are_not(tmp_path, row, reason):
    file = _read(tmp_path, f"x,y,label,time,cell\n3,4,weak,,\n{row}\n5,6,strong,,\n")
    first, fault, last = file.items
    assert isinstance(fault, Fault)
    assert fault.place == "line 3"
    assert reason in fault.reason
    assert (first.x, last.place) == (3.0, "line 4")


def test_rows_of_nothing_but_separators_are_passed_over(tmp_path):
    file = _read(tmp_path, "x,y,label\n1,2,weak\n,,\n \n,,\n")
    assert len(file.items) == 1


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("x,y", "no column label or expression or class"),
        ("slide,label", "no column x_l0 or x_px or x, none y_l0"),
        ("a b c", "its headings are a b c"),
        ("Centroid X µm,Centroid Y µm,class", "no column x_l0"),
        ("x,x_px,y,label", "both 'x' and 'x_px' may be the x"),
    ],
)
def test_missing_and_rival_columns_are_named(tmp_path, header, reason):
    with pytest.raises(LabelFileError, match=reason):
        _read(tmp_path, f"{header}\n1,2,3\n")


def test_a_table_of_ours_reads_back_exactly(tmp_path):
    path = tmp_path / "labels.csv"
    labels = [
        label_of(1, "weak", "=anna"),
        label_of(2, "other", "björn", label_id="-x", made_at="2026-03-01T10:00:00.123456Z"),
    ]
    assert write_label_table(path, labels, case_of_slide={"s1": "p1"}) == 2
    file = read_label_table(path)
    for item, label in zip(file.items, labels, strict=True):
        assert (item.x, item.y) == (label.cell.x_l0, label.cell.y_l0)
        assert (item.reader, item.class_name) == (label.reader, label.expression)
        assert (item.cell, item.slide) == (label.cell.cell_id, "s1")
        assert (item.time, item.label_id) == (label.made_at, label.label_id)
    assert file.frame == "level0"


def test_the_columns_of_a_table_of_ours_are_these(tmp_path):
    write_label_table(tmp_path / "labels.csv", [label_of(3)], case_of_slide={"s1": "p1"})
    assert (tmp_path / "labels.csv").read_text() == (
        "case,slide,cell,x_l0,y_l0,label,reader,time,label_id\n"
        "p1,s1,c3,30.0,15.0,weak,anna,2026-03-01T10:00:00Z,s1-3-weak-anna\n"
    )


SOUND = b"slide,cell,x_px,y_px,label,reader\ns1,c1,10,20,weak,anna\ns1,c2,30,40.5,strong,anna\n"


@given(data=st.data())
def test_damaged_tables_end_in_one_kind_of_error(tmp_path_factory, data):
    content = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content)))
        n_lost = data.draw(st.integers(0, 3))
        put_in = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b";", b"\0", b"\n", b"nan"])
        )
        content[place : place + n_lost] = put_in
    path = tmp_path_factory.mktemp("mutants") / "labels.csv"
    path.write_bytes(content)
    try:
        file = read_label_table(path)
    except LabelFileError:
        return
    assert all(isinstance(item, Fault | PointRecord) for item in file.items)


def test_text_that_no_file_could_hold_is_refused():
    with pytest.raises(ValueError, match="cannot be written"):
        plain_text("\ud800", what="reader")
    with pytest.raises(ValueError, match="must be text, got 3"):
        plain_text(3, what="reader")
    assert plain_text("  ", what="reader") is None


def test_a_time_without_a_zone_is_taken_as_utc():
    assert utc_time("2026-03-01T10:30:00") == "2026-03-01T10:30:00Z"
    assert utc_time(None) is None
