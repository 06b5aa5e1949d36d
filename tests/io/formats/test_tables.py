"""Tables go out so that no spreadsheet runs them, and come in whatever separates their cells."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.errors import LabelFileError, RunError, SplitError, StorageError
from rimlight.io.formats.tables import (
    cell_text,
    number_of,
    read_rows,
    read_table,
    write_rows,
    write_table,
)


def test_a_table_is_written_with_points_empty_cells_and_one_and_zero(tmp_path):
    path = tmp_path / "cells.csv"
    columns = {
        "cell": ["c1", 'a "b", c', "опухоль"],
        "od": np.array([0.1234567891, np.nan, -2.0], dtype=np.float64),
        "call": np.array([True, False, True]),
        "fold": [3, None, np.int32(-1)],
    }
    write_table(path, columns)
    assert path.read_text(encoding="utf-8") == (
        'cell,od,call,fold\nc1,0.123456789,1,3\n"a ""b"", c",,0,\nопухоль,-2,1,-1\n'
    )
    assert read_table(path)["od"] == ["0.123456789", "", "-2"]


def test_columns_of_different_length_are_the_callers_mistake(tmp_path):
    with pytest.raises(ValueError, match="differ in length"):
        write_table(tmp_path / "cells.csv", {"a": [1], "b": []})
    assert list(tmp_path.iterdir()) == []


def test_rows_of_empty_cells_are_rows(tmp_path):
    write_table(tmp_path / "a.csv", {"od": [None, 1.5, float("nan")]})
    write_table(tmp_path / "b.csv", {"od": [None, 1.5], "call": [None, True]})
    assert read_table(tmp_path / "a.csv") == {"od": ["", "1.5", ""]}
    assert read_table(tmp_path / "b.csv") == {"od": ["", "1.5"], "call": ["", "1"]}


def test_a_table_without_rows_keeps_its_header(tmp_path):
    write_table(tmp_path / "cells.csv", {"a": [], "b": []})
    assert read_table(tmp_path / "cells.csv") == {"a": [], "b": []}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "'=1", "''-1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert cell_text(text) == "'" + text


@pytest.mark.parametrize("text", ["a=1", "1-2", "'quoted'", "", "O'Neill"])
def test_other_text_is_left_alone(text):
    assert cell_text(text) == text


def test_negative_numbers_are_no_formulas():
    assert [cell_text(value) for value in (-1.5, -3, np.float32(-0.5))] == ["-1.5", "-3", "-0.5"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_any_text_comes_back_as_it_was(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("tables") / "texts.csv"
    write_table(path, {"id": range(len(texts)), "text": texts})
    assert read_table(path)["text"] == texts
    with path.open(encoding="utf-8", newline="") as handle:
        cells = [row[1] for row in csv.reader(handle)]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_exactly_when_asked_for(number):
    assert float(cell_text(number, n_digits=None)) == number


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_separator_line_end_and_byte_order_mark_make_no_difference(
    tmp_path, separator, line_end, mark
):
    lines = ['slide|x|"a;,\tb"', "s1|1.5|", "", "s2|2|y"]
    text = line_end.join(line.replace("|", separator) for line in lines)
    (tmp_path / "t.csv").write_bytes(mark + text.encode())
    assert read_table(tmp_path / "t.csv") == {
        "slide": ["s1", "s2"],
        "x": ["1.5", "2"],
        "a;,\tb": ["", "y"],
    }


def test_rows_know_their_line_also_after_empty_and_broken_lines(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n\n1,2\n"3\n3",4\n5,6\n')
    header, rows = read_rows(tmp_path / "t.csv")
    assert header == ["a", "b"]
    assert [(row.line, row.cells) for row in rows] == [
        (3, ("1", "2")),
        (5, ("3\n3", "4")),
        (6, ("5", "6")),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a,a\n1,2\n", "the heading 'a' stands twice"),
        (b'a,b\n"1,2\n', "line 2 is not CSV"),
        (b'a,b\n"1"x,2\n', "line 2 is not CSV"),
        (b"a,b\n1,2\0\n", "NUL byte"),
        ("a,b\nä,2\n".encode("latin-1"), "not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "not UTF-8"),
        (b"a,b\n1," + b"x" * 200_000, "field larger than field limit"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(tmp_path, content, reason):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(LabelFileError, match=reason):
        read_rows(tmp_path / "t.csv")


def test_a_table_beyond_the_limits_is_refused(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 40)
    monkeypatch.setattr("rimlight.io.formats.tables.MAX_ROWS", 40)
    assert len(read_table(tmp_path / "t.csv")["a"]) == 40
    monkeypatch.setattr("rimlight.io.formats.tables.MAX_ROWS", 39)
    with pytest.raises(RunError, match="more than 39 rows; split the file"):
        read_table(tmp_path / "t.csv")
    monkeypatch.setattr("rimlight.io.formats.tables.MAX_TABLE_BYTES", 80)
    with pytest.raises(RunError, match="larger than 0 MiB; split the file"):
        read_table(tmp_path / "t.csv")


def test_a_row_too_long_or_too_short_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(RunError, match="line 3 has 1 cells under 2 headings"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(SplitError, match="line 3"):
        read_table(tmp_path / "t.csv", refusal=SplitError)


def test_a_missing_table_is_said_in_the_words_of_its_kind(tmp_path):
    with pytest.raises(RunError, match="No such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(StorageError, match="no such folder"):
        write_rows(tmp_path / "absent" / "t.csv", ["a"], [])


def test_a_row_that_fails_leaves_no_table(tmp_path):
    def rows():
        yield [1]
        raise KeyError

    with pytest.raises(KeyError):
        write_rows(tmp_path / "t.csv", ["a"], rows())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), (" -1.5 ", -1.5), (".5", 0.5), ("1e3", 1000), ("+2.", 2)]
)
def test_decimal_numbers_are_read(text, number):
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("12,5", "decimal comma"),
        ("1,234.5", "no number"),
        ("1_000", "no number"),
        ("nan", "no number"),
        ("inf", "no number"),
        ("1e999", "too large"),
        ("", "no number"),
        ("٣", "no number"),
        ("0x10", "no number"),
        ("1 000", "no number"),
    ],
)
def test_what_only_looks_like_a_number_is_not_read(text, reason):
    with pytest.raises(ValueError, match=reason):
        number_of(text)
