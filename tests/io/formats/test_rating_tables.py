"""Tables of ratings: wide and long, what their columns are called, and what is refused."""

import pytest

from rimlight.errors import LabelFileError
from rimlight.io.formats.rating_tables import RatingColumns, day_of, read_ratings


def table(tmp_path, text, **columns):
    path = tmp_path / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    return read_ratings(path, RatingColumns(**columns))


def rows(found):
    return [(r.case, r.item, r.reader, r.value) for r in found.readings]


def test_a_wide_table_has_a_column_a_reader(tmp_path):
    found = table(tmp_path, "case,slide,anna,ben\nc1,s1,10,20\nc1,s2,,5\n")
    assert rows(found) == [
        ("c1", "s1", "anna", "10"), ("c1", "s1", "ben", "20"),
        ("c1", "s2", "anna", ""), ("c1", "s2", "ben", "5"),
    ]  # fmt: skip
    assert (found.readers, found.item_word, found.case_word) == (("anna", "ben"), "slide", "case")


def test_readers_of_a_wide_table_may_be_named_so_that_other_columns_are_left_out(tmp_path):
    found = table(tmp_path, "case,age,anna,ben\nc1,70,1,2\n", readers=("anna", "ben"))
    assert rows(found) == [("c1", "c1", "anna", "1"), ("c1", "c1", "ben", "2")]


def test_a_long_table_has_a_row_a_rating(tmp_path):
    found = table(
        tmp_path,
        "Case;Cell;Pathologist;TPS;Round;Date\n"
        "c1;7;anna;10;1;2026-03-01\nc1;7;anna;20;2;2026-03-15\n",
    )
    assert rows(found) == [("c1", "7", "anna", "10"), ("c1", "7", "anna", "20")]
    first, second = found.readings
    assert (first.round, second.round, second.day - first.day) == ("1", "2", 14)


def test_columns_of_any_name_may_be_given(tmp_path):
    found = table(tmp_path, "a,b,c,d\nc1,s1,anna,3\n", case="a", item=("b",), reader="c", value="d")
    assert rows(found) == [("c1", "s1", "anna", "3")]


def test_slide_and_cell_name_an_item_together_and_the_slide_is_the_case_where_none_is(tmp_path):
    found = table(tmp_path, "slide,cell,reader,label\ns1,1,anna,weak\ns2,1,anna,weak\n")
    assert rows(found) == [
        ("s1", "s1 / 1", "anna", "weak"), ("s2", "s2 / 1", "anna", "weak")
    ]  # fmt: skip
    assert (found.item_word, found.case_word) == ("cell", "slide")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("anna,ben\n1,2\n", "has no column of the case, slide or cell"),
        ("case,anna\nc1,1\n", "needs the columns of two readers"),
        ("case,reader,rated\nc1,anna,1\n", "none of the rating"),
        ("case,anna,ben\nc1,1\n", "line 2: has 2 cells under 3 headings"),
        ("case,anna,ben\n,1,2\n", "line 2: names no case"),
        ("case,reader,value\nc1,,1\n", "line 2: names no reader"),
        ("case,reader,value\nc1,anna,1\nc1,anna,2\n", "line 3: anna rated c1 in line 2 already"),
        ("case,anna,ben\nc1,1,2\nc1,3,4\n", "anna rated c1 in line 2 already"),
        ("case,slide,anna,ben\nc1,s1,1,2\nc2,s1,1,2\n", "is of case c1 above and of case c2"),
        ("case,day,anna,ben\nc1,soon,1,2\n", "'soon' is no day"),
        ("case,anna,ben\n", "holds no rating"),
    ],
)
def test_a_faulty_table_is_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(LabelFileError, match=sentence) as caught:
        table(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(LabelFileError, match="no column 'patient'; its headings are case, anna"):
        table(tmp_path, "case,anna,ben\nc1,1,2\n", case="patient")


def test_a_day_is_a_number_or_a_date():
    assert day_of("2026-03-02") - day_of("2026-03-01") == 1
    assert day_of("2026-03-01T12:00:00+02:00") - day_of("2026-03-01") == pytest.approx(10 / 24)
