"""Tables without a header: CellViT++ counts x, y; PatchSorter row, column."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged, is_read_or_refused
from rimlight.errors import LabelFileError
from rimlight.io.formats.pixel_tables import read_cellvit, read_patchsorter
from rimlight.io.formats.points import Fault

MAP = """# classes
labels:
  0: "negative"
  1: 'weak'   # faint
  2: Tumor 2+
"""


def _file(tmp_path, text, label_map=None, name="a.csv"):
    folder = tmp_path / "set" / "train" / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    if label_map is not None:
        content = label_map if isinstance(label_map, bytes) else label_map.encode()
        (tmp_path / "set" / "label_map.yaml").write_bytes(content)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_cellvit_counts_x_then_y_and_patchsorter_row_then_column(tmp_path):
    path = _file(tmp_path, "120,45,1\n7,300,0\n")
    assert [(item.x, item.y, item.class_name) for item in read_cellvit(path).items] == [
        (120, 45, "1"),
        (7, 300, "0"),
    ]
    assert [(item.x, item.y, item.class_name) for item in read_patchsorter(path).items] == [
        (45, 120, "1"),
        (300, 7, "0"),
    ]


def test_the_label_map_of_the_data_set_names_the_classes(tmp_path):
    file = read_cellvit(_file(tmp_path, "1,2,0\n3,4,1\n5,6,2\n7,8,3\n", MAP))
    assert [item.class_name for item in file.items] == ["negative", "weak", "Tumor 2+", "3"]


def test_another_label_map_is_another_content(tmp_path):
    first = read_cellvit(_file(tmp_path, "1,2,0\n", "0: negative\n"))
    second = read_cellvit(_file(tmp_path, "1,2,0\n", "0: weak\n"))
    again = read_cellvit(_file(tmp_path, "1;2;0\r\n", "0: weak\n"))
    assert first.content_hash != second.content_hash == again.content_hash


@pytest.mark.parametrize(
    ("label_map", "reason"),
    [
        ("0: !!python/object/apply:os.system [ls]\n1: {a: b", "line 1 names no class"),
        ("- negative\n", "line 1 names no class by its number, got '- negative'"),
        ("0: a\n0: b\n", "class 0 stands twice"),
        ("0:\n", "line 1 names no class"),
        ("0: &a x\n1: *a\n", "line 1 names no class"),
        (b"0: \xff\n", "not UTF-8"),
        ("# " + "x" * 2**16, "larger than 65536 bytes"),
        ("0: " + "x" * 400, "longer than 300"),
    ],
)
def test_a_label_map_of_another_form_is_refused(tmp_path, label_map, reason):
    with pytest.raises(LabelFileError, match=reason) as caught:
        read_cellvit(_file(tmp_path, "1,2,0\n", label_map))
    assert "label_map.yaml" in str(caught.value)


def test_lost_decimals_are_said_once_and_only_where_they_are_lost(tmp_path):
    said = "the format keeps whole pixels only, so places are up to half a pixel off"
    for read in (read_cellvit, read_patchsorter):
        assert read(_file(tmp_path, "120,45,1\n7,300,0\n")).notes == (said,)
        assert read(_file(tmp_path, "120.5,45,1\n7,300,0\n")).notes == ()


def test_cells_that_nobody_sorted_are_left_out(tmp_path):
    file = read_patchsorter(_file(tmp_path, "10,20,-1\n30,40,2\n50,60\n"))
    assert [(item.x, item.y) for item in file.items] == [(40, 30)]
    assert file.notes[:2] == (
        "line 1: has no class yet; left out",
        "line 3: has no class yet; left out",
    )


@pytest.mark.parametrize("read", [read_cellvit, read_patchsorter])
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nan,2,0", "'nan' is no number"),
        ("1,1e20,0", "is no number of pixels"),
        ("1,2,0.5", "the class '0.5' is no whole number"),
        ("1,2,weak", "the class 'weak' is no whole number"),
        ("1,2," + "9" * 30, "is no whole number"),
        ("1,2,3,4", "has 4 cells"),
        ('"1,5",2,0', "decimal comma"),
    ],
)
def test_a_bad_row_is_a_fault_and_its_neighbours_are_not(tmp_path, read, row, reason):
    first, fault, last = read(_file(tmp_path, f"3,3,0\n{row}\n5,5,1\n")).items
    assert isinstance(fault, Fault)
    assert fault.place == "line 2"
    assert reason in fault.reason
    assert (first.x, last.x) == (3, 5)


@pytest.mark.parametrize("read", [read_cellvit, read_patchsorter])
def test_what_is_no_text_is_refused(tmp_path, read):
    for content in (b"\xff\xfe1", b"1,2,\0"):
        with pytest.raises(LabelFileError):
            read(_file(tmp_path, content))
    with pytest.raises(LabelFileError, match="No such file"):
        read(tmp_path / "absent.csv")
    assert read(_file(tmp_path, "")).items == ()


def test_more_rows_than_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.pixel_tables.MAX_ROWS", 3)
    assert len(read_cellvit(_file(tmp_path, "1,2,0\n" * 3)).items) == 3
    with pytest.raises(LabelFileError, match="more than 3 rows; split the file"):
        read_cellvit(_file(tmp_path, "1,2,0\n" * 4))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, data):
    table, label_map = b"120,45,1\n7,300,0\n9,9,-1\n", MAP.encode()
    which = data.draw(st.sampled_from(["table", "map"]))
    table = damaged(table, data) if which == "table" else table
    label_map = damaged(label_map, data) if which == "map" else label_map
    path = _file(tmp_path_factory.mktemp("mutants"), table, label_map)
    assert is_read_or_refused(read_cellvit, path)
    assert is_read_or_refused(read_patchsorter, path)
