"""JSON of any length is read a value at a time, as strictly as a short one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.formats import json_stream
from rimlight.io.formats.json_stream import Entered, json_values, write_json_items
from rimlight.io.formats.packing import opened

ENTERED_PATHS = {(), ("a",), ("a", "*")}


def _read(tmp_path, text, entered=ENTERED_PATHS):
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with opened(path) as file:
        return list(json_values(file, entered=entered))


def test_values_come_with_their_paths_in_the_order_of_the_file(tmp_path):
    assert _read(tmp_path, ' {"b": [1, {"c": 2}], "a": [{"d": 3}, 4, []]} ') == [
        ((), Entered.OBJECT),
        (("b",), [1, {"c": 2}]),
        (("a",), Entered.LIST),
        (("a", "*"), Entered.OBJECT),
        (("a", "*", "d"), 3),
        (("a", "*"), 4),
        (("a", "*"), Entered.LIST),
    ]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 64])
def test_where_the_file_is_cut_into_chunks_changes_nothing(tmp_path, monkeypatch, chunk_bytes):
    text = json.dumps({"a": [1.5e-7, -12, 'ä\\"x', None, True, {"k": "é"}], "b": {"z": [[]]}})
    text = text.replace("1.5e-07", "1.5e-7") + "\n"
    whole = _read(tmp_path, text)
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", chunk_bytes)
    assert _read(tmp_path, text) == whole
    assert (("a", "*"), 1.5e-7) in whole
    assert (("a", "*"), -12) in whole


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('{"a": [1', "is not JSON"),
        ('{"a": [1,]}', "is not JSON"),
        ('{"a" 1}', "Expecting :"),
        ("{1: 2}", "is not JSON"),
        ('{"a": 1,}', "is not JSON"),
        ('{"a": []} {}', "more than one value"),
        ('{"a": 1, "a": 2}', "'a' twice"),
        ('{"b": {"c": 1, "c": 2}}', "'c' twice"),
        ("[" * 100_000, "nested"),
        ('{"b":' + "[" * 70 + "]" * 70 + "}", "nested deeper than 64"),
        ('{"b":' + "9" * 5000 + "}", "digits"),
        (b'{"b": "\xff"}', "not UTF-8"),
        (b'{"b": "\xc3', "not UTF-8"),
        ('{"a": []}'.encode("utf-16"), "not UTF-8"),
    ],
)
def test_what_is_no_strict_json_is_refused(tmp_path, text, reason):
    with pytest.raises(LabelFileError, match=reason):
        _read(tmp_path, text)


def test_the_line_of_a_fault_counts_from_the_start_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 8)
    with pytest.raises(LabelFileError, match="in line 43"):
        _read(tmp_path, '{"a": [\n' + "1,\n" * 40 + "1\nfalsch]}")


def test_a_value_beyond_the_limit_is_refused_without_reading_on(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 64)
    monkeypatch.setattr(json_stream, "MAX_VALUE_CHARACTERS", 1000)
    long = '{"b": "' + "x" * 3000 + '"}'
    with pytest.raises(LabelFileError, match=r"is not JSON|more than 1000 characters"):
        _read(tmp_path, long)
    monkeypatch.setattr(json_stream, "MAX_KEYS", 3)
    with pytest.raises(LabelFileError, match="more than 3 keys"):
        _read(tmp_path, json.dumps({f"k{n}": n for n in range(4)}))


def test_a_file_is_unpacked_within_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.packing.MAX_BYTES", 2**20)
    path = tmp_path / "a.json.gz"
    write_json_items(path, {}, "a", ({"n": n} for n in range(200_000)))
    assert path.stat().st_size < 2**20
    with pytest.raises(LabelFileError, match="larger than 1 MiB"), opened(path) as file:
        list(json_values(file, entered=ENTERED_PATHS))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "ä"]) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(value=JSON, chunk_bytes=st.integers(1, 40))
def test_what_comes_out_is_what_json_says(tmp_path_factory, value, chunk_bytes):
    before = json_stream._CHUNK_BYTES
    json_stream._CHUNK_BYTES = chunk_bytes
    try:
        text = json.dumps(value, ensure_ascii=False)
        text = json.dumps(value) if "\ud800" <= max(text, default="") <= "\udfff" else text
        found = _read(tmp_path_factory.mktemp("json"), text.encode(errors="replace"), {()})
    finally:
        json_stream._CHUNK_BYTES = before
    values = [item for path, item in found if not isinstance(item, Entered)]
    if isinstance(value, dict):
        assert dict(zip((p[0] for p, _ in found[1:]), values, strict=True)) == value
    else:
        assert values == (value if isinstance(value, list) else [value])
