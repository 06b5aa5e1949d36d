"""Parquet holds what our CSV holds, with types; what is no sound Parquet is refused."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged, facts_of_items, facts_of_labels, is_read_or_refused
from rimlight.errors import LabelFileError
from rimlight.io.formats import label_parquet
from rimlight.io.formats.label_parquet import read_label_parquet, write_label_parquet
from rimlight.io.formats.label_tables import HEADER, read_label_table, write_label_table
from rimlight.io.formats.points import Fault
from small_studies import label_of

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

GOLDEN = Path(__file__).parent / "golden" / "labels.parquet.json"
CASES = {"s1": "p1", "s2": "p2"}


def golden_labels():
    odd = label_of(41, "weak", "=björn")
    odd = replace(odd, cell=replace(odd.cell, x_l0=1 / 3, y_l0=999.1234567))
    return [label_of(30, "strong"), odd, label_of(3, "negative", slide_id="s2")]


def _table(tmp_path, **columns):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_labels_are_written_with_these_columns_types_and_rows(tmp_path):
    """The bytes of Parquet name the version of pyarrow, so the golden file says what they hold."""
    path = tmp_path / "a.parquet"
    assert write_label_parquet(path, golden_labels(), case_of_slide=CASES) == 3
    table = parquet.read_table(path)
    said = {
        "metadata": json.loads(table.schema.metadata[b"rimlight"]),
        "columns": {field.name: str(field.type) for field in table.schema},
        "compression": parquet.ParquetFile(path).metadata.row_group(0).column(0).compression,
        "rows": table.to_pylist(),
    }
    assert said == json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert tuple(said["columns"]) == HEADER


def test_what_is_written_reads_back_exactly(tmp_path, monkeypatch):
    monkeypatch.setattr(label_parquet, "_BATCH_ROWS", 4)
    labels = golden_labels() + [label_of(n, "other") for n in range(50, 63)]
    write_label_parquet(tmp_path / "a.parquet", labels, case_of_slide=CASES)
    file = read_label_parquet(tmp_path / "a.parquet")
    assert facts_of_items(file.items) == facts_of_labels(labels)
    assert [(item.x, item.y, item.slide) for item in file.items] == [
        (label.cell.x_l0, label.cell.y_l0, label.cell.slide_id) for label in labels
    ]
    assert file.frame == "level0"


def test_parquet_and_csv_say_the_same(tmp_path):
    write_label_parquet(tmp_path / "a.parquet", golden_labels(), case_of_slide=CASES)
    write_label_table(tmp_path / "a.csv", golden_labels(), case_of_slide=CASES)
    of_table = read_label_table(tmp_path / "a.csv").items
    of_parquet = read_label_parquet(tmp_path / "a.parquet").items
    assert [replace(item, place="") for item in of_table] == [
        replace(item, place="") for item in of_parquet
    ]


def test_equal_rows_are_equal_content_however_they_are_packed(tmp_path):
    table = pyarrow.table({"x": [1.0, 2.0], "y": [3.0, 4.0], "label": ["weak", "weak"]})
    hashes = set()
    for number, compression in enumerate(["none", "zstd", "snappy"]):
        parquet.write_table(table, tmp_path / f"{number}", compression=compression)
        hashes.add(read_label_parquet(tmp_path / f"{number}").content_hash)
    assert len(hashes) == 1


def test_columns_of_other_types_are_read_where_they_mean_the_same(tmp_path):
    stamp = datetime(2026, 3, 1, 10, tzinfo=UTC)
    path = _table(
        tmp_path,
        x=pyarrow.array([1, 2], pyarrow.int32()),
        y=pyarrow.array(["3.5", "4"]),
        expression=pyarrow.array(["weak", "strong"]).dictionary_encode(),
        time=pyarrow.array([stamp, None], pyarrow.timestamp("us", tz="UTC")),
        more=pyarrow.array([[1], [2]]),
    )
    first, second = read_label_parquet(path).items
    assert (first.x, first.y, first.class_name) == (1, 3.5, "weak")
    assert (first.time, second.time) == ("2026-03-01T10:00:00Z", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"x": [1.0, float("nan"), 3.0]}, "x is no number of pixels, got nan"),
        ({"x": [1.0, None, 3.0]}, "x is no number of pixels, got None"),
        ({"x": [1.0, 1e300, 3.0]}, "x is no number of pixels"),
        ({"y": ["1", "1,5", "3"]}, "y '1,5' has a decimal comma"),
        ({"label": ["weak", None, "weak"]}, "the label is empty"),
        ({"label": ["weak", "w" * 400, "weak"]}, "longer than 300"),
        ({"reader": ["anna", "a\nb", "anna"]}, "cannot be written"),
        ({"time": [None, "noon", None]}, "is not like"),
    ],
)
def test_a_bad_row_is_a_fault_and_its_neighbours_are_not(tmp_path, changes, reason):
    columns = {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0], "label": ["weak"] * 3} | changes
    first, fault, last = read_label_parquet(_table(tmp_path, **columns)).items
    assert isinstance(fault, Fault)
    assert fault.place == "row 2"
    assert reason in fault.reason
    assert (first.x, last.x) == (1, 3)


@pytest.mark.parametrize("column", [[5, 6], [b"a", b"b"], [True, False]])
def test_labels_that_are_no_text_are_faults(tmp_path, column):
    items = read_label_parquet(_table(tmp_path, x=[1, 2], y=[1, 2], label=column)).items
    assert all("the label must be text" in str(item) for item in items)


@pytest.mark.parametrize("column", [[[1], [2]], [{"a": 1}, {"a": 2}]])
def test_a_nested_column_is_refused(tmp_path, column):
    with pytest.raises(LabelFileError, match="its column 'label' is nested"):
        read_label_parquet(_table(tmp_path, x=[1, 2], y=[1, 2], label=column))


def test_missing_rival_and_doubled_columns_are_named(tmp_path):
    with pytest.raises(LabelFileError, match="has no column label or expression or class"):
        read_label_parquet(_table(tmp_path, x=[1], y=[1]))
    with pytest.raises(LabelFileError, match="both 'x' and 'x_px' may be the x"):
        read_label_parquet(_table(tmp_path, x=[1], x_px=[1], y=[1], label=["weak"]))
    table = pyarrow.table([[1.0], [2.0], [3.0]], names=["x", "y", "x"])
    parquet.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(LabelFileError, match="the column 'x' stands twice"):
        read_label_parquet(tmp_path / "b.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"x,y,label\n1,2,weak\n", b"PAR1" * 50])
def test_what_is_no_parquet_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(LabelFileError, match="is no sound Parquet file") as caught:
        read_label_parquet(tmp_path / "a.parquet")
    assert "\n" not in str(caught.value)
    with pytest.raises(LabelFileError, match="No such file or directory; give the path"):
        read_label_parquet(tmp_path / "absent.parquet")


def test_more_rows_than_the_limit_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path = _table(tmp_path, x=[1] * 4, y=[1] * 4, label=["weak"] * 4)
    monkeypatch.setattr("rimlight.io.formats.gathering.MAX_POINTS", 4)
    assert len(read_label_parquet(path).items) == 4
    monkeypatch.setattr("rimlight.io.formats.gathering.MAX_POINTS", 3)
    with pytest.raises(LabelFileError, match="more than 3 points; split the file"):
        read_label_parquet(path)
    monkeypatch.setattr(label_parquet, "MAX_BYTES", 10)
    with pytest.raises(LabelFileError, match="larger than 0 MiB"):
        read_label_parquet(path)


def test_columns_that_unpack_to_too_much_are_refused_before_they_are_read(tmp_path, monkeypatch):
    n_rows = 2000
    path = _table(tmp_path, x=list(range(n_rows)), y=[0] * n_rows,
                  label=[f"{number}" + "w" * 2000 for number in range(n_rows)],
                  more=["m" * 10_000 + f"{number}" for number in range(n_rows)])  # fmt: skip
    monkeypatch.setattr(label_parquet, "MAX_BYTES", 2**23)
    assert path.stat().st_size < 2**23 < n_rows * 10_000
    assert len(read_label_parquet(path).items) == n_rows
    monkeypatch.setattr(label_parquet, "MAX_BYTES", 2**21)
    with pytest.raises(LabelFileError, match="its columns unpack to more than 2 MiB"):
        read_label_parquet(path)


def test_one_long_text_that_stands_often_is_one_object(tmp_path):
    """A dictionary of one long text would be a terabyte if it were written out for each row."""
    words = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 60_000, pyarrow.int32()), pyarrow.array(["w" * 2**24])
    )
    n_rows = len(words)
    path = _table(tmp_path, x=list(range(n_rows)), y=[0] * n_rows, label=words)
    assert path.stat().st_size < 2**22
    items = read_label_parquet(path).items
    assert len(items) == n_rows
    assert "longer than 300" in str(items[-1])


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for act in (
        lambda: read_label_parquet(tmp_path / "a.parquet"),
        lambda: write_label_parquet(tmp_path / "a.parquet", [], case_of_slide={}),
    ):
        with pytest.raises(LabelFileError, match=r'pip install "rimlight\[parquet\]"'):
            act()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("mutants") / "a.parquet"
    write_label_parquet(path, golden_labels(), case_of_slide=CASES)
    path.write_bytes(damaged(path.read_bytes(), data))
    assert is_read_or_refused(read_label_parquet, path)
