"""Long tables come row by row, the same as if they were read whole."""

import gzip
import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.formats import row_stream
from rimlight.io.formats.row_stream import streamed_rows
from rimlight.io.formats.tables import read_rows


def _streamed(path, max_rows=1000):
    with streamed_rows(path, max_rows=max_rows) as rows:
        return rows.header, list(rows), rows.content_hash()


def _whole(path):
    header, rows = read_rows(path)
    return header, rows, hashlib.sha256(repr((header, rows)).encode()).hexdigest()


def _or_error(read, path):
    try:
        return read(path)
    except LabelFileError as error:
        return str(error)


@given(
    text=st.text(alphabet='ab1,;"\t\r\n é\u2028', max_size=60),
    chunk_bytes=st.integers(1, 9),
)
def test_rows_are_those_of_the_whole_table_however_it_is_cut(tmp_path_factory, text, chunk_bytes):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    path.write_bytes(("x,y\n" + text).encode())
    before = row_stream._CHUNK_BYTES
    row_stream._CHUNK_BYTES = chunk_bytes
    try:
        found, wanted = _or_error(_streamed, path), _or_error(_whole, path)
        assert found == wanted
    finally:
        row_stream._CHUNK_BYTES = before


def test_a_packed_table_has_the_same_rows_and_the_same_hash(tmp_path):
    (tmp_path / "a.csv").write_text("x;y\n1;2\n")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x;y\n1;2\n"))
    assert _streamed(tmp_path / "a.csv") == _streamed(tmp_path / "a.csv.gz")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"x,x\n", "'x' stands twice"),
        (b"x,y\n1,\xff\n", "not UTF-8"),
        (b"x,y\n1,\0\n", "NUL byte"),
        (b'x,y\n"1,2\n', "line 2 is not CSV"),
        (b"x,y\n" + b"1,2\n" * 1001, "more than 1000 rows; split the file"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(tmp_path, content, reason):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(LabelFileError, match=reason):
        _streamed(tmp_path / "a.csv")


def test_one_line_without_an_end_is_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(row_stream, "_CHUNK_BYTES", 64)
    monkeypatch.setattr(row_stream, "MAX_LINE_CHARACTERS", 1000)
    (tmp_path / "a.csv").write_bytes(b"x,y\n" + os.urandom(3000).hex().encode())
    with pytest.raises(LabelFileError, match="a line of more than 1000 characters"):
        _streamed(tmp_path / "a.csv")


def test_a_bomb_is_unpacked_within_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.packing.MAX_BYTES", 2**20)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n" + b"1,2\n" * 2**19))
    with pytest.raises(LabelFileError, match="larger than 1 MiB"):
        _streamed(tmp_path / "a.csv.gz", max_rows=2**30)
