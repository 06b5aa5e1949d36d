"""Files are whole or absent, read strictly, and stay within their folder."""

import json
import os
from pathlib import Path

import pytest

from rimlight.errors import StorageError, StudyError
from rimlight.io.files import (
    inside,
    make_folder,
    read_json,
    read_made_from,
    sha256_of,
    strict_json,
    whole_file,
    write_json,
    write_whole,
)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "note.txt"
    write_whole(path, "grün")
    write_whole(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "note.txt"
    write_whole(path, "old")

    def write_half():
        with whole_file(path) as handle:
            handle.write(b"half of the new")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    acts = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (acts.append("sync"), sync(handle)))
    monkeypatch.setattr(
        Path, "replace", lambda old, new: (acts.append("rename"), replace(old, new))
    )
    write_whole(tmp_path / "note.txt", "text")
    assert acts == ["sync", "rename", "sync"]


def test_a_missing_folder_is_said_in_one_sentence(tmp_path):
    with pytest.raises(StorageError, match="no such folder; make the folder first"):
        write_whole(tmp_path / "absent" / "note.txt", "text")


def test_json_of_ours_has_sorted_keys_and_reads_back(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"b": [1, 2.5], "a": None})
    assert path.read_text() == '{\n  "a": null,\n  "b": [\n    1,\n    2.5\n  ]\n}\n'
    assert read_json(path) == {"a": None, "b": [1, 2.5]}


def test_nan_is_never_written_as_json(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "a": 1}', "the key 'a' twice"),
        (b'{"a": NaN}', "holds NaN"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[1e999]", "1e999, which is too large"),
        (b"[" * 100_000, "nested too deep"),
        (b"[" * 65 + b"]" * 65, "nested deeper than 64"),
        (b"{", "in line 1"),
        (b"[1]\n[2]", "in line 2"),
        (b"", "is not JSON"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        (b'"' + b"a" * 300 + b'"', "larger than 200 bytes"),
        (b"[" + b"1" * 5000 + b"]", "larger than 200 bytes"),
    ],
)
def test_json_that_breaks_a_rule_is_refused_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    max_bytes = 200 if "larger" in reason else 2**20
    with pytest.raises(StudyError, match=reason):
        read_json(path, max_bytes=max_bytes)


def test_nesting_up_to_the_limit_is_read():
    assert strict_json(b"[" * 64 + b"]" * 64)


def test_a_whole_number_of_5000_digits_is_refused():
    with pytest.raises(ValueError, match="digits"):
        strict_json(b"[" + b"1" * 5000 + b"]")


def test_a_key_may_stand_twice_only_where_allowed_and_equal():
    twice = b'{"metadata": {"a": "1"}, "metadata": {"a": "1"}}'
    assert strict_json(twice, keys_allowed_twice=["metadata"]) == {"metadata": {"a": "1"}}
    with pytest.raises(ValueError, match="twice"):
        strict_json(twice.replace(b'"1"', b'"2"', 1), keys_allowed_twice=["metadata"])
    with pytest.raises(ValueError, match="twice"):
        strict_json(twice)


def test_a_byte_order_mark_is_no_fault():
    assert strict_json(b"\xef\xbb\xbf[1]") == [1]


def test_a_missing_json_file_is_said_in_one_sentence(tmp_path):
    with pytest.raises(StudyError, match="cannot be read: No such file"):
        read_json(tmp_path / "absent.json")


def test_the_hash_is_sha256(tmp_path):
    write_whole(tmp_path / "abc", "abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "a/../../x", "/etc/passwd", "a\\..\\x", "C:x", "a\0b", ".", "link/x"],
)
def test_a_name_that_leads_out_of_its_folder_is_refused(tmp_path, name):
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to(tmp_path)
    with pytest.raises(StudyError, match="leads out of"):
        inside(home, name)


def test_a_name_within_its_folder_is_given_as_a_path(tmp_path):
    assert inside(tmp_path, "a/b.npy") == tmp_path.resolve() / "a" / "b.npy"
    assert inside(tmp_path, "a..b") == tmp_path.resolve() / "a..b"


def test_non_latin_text_is_written_as_it_is(tmp_path):
    write_json(tmp_path / "facts.json", {"class": "опухоль"})
    assert "опухоль" in (tmp_path / "facts.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "facts.json").read_bytes()) == {"class": "опухоль"}


def test_a_kept_record_is_read_only_if_it_was_made_from_the_same(tmp_path):
    path = tmp_path / "a.json"
    assert read_made_from(path, "x") is None
    write_json(path, {"made_from": "x", "n": 1})
    assert read_made_from(path, "x") == {"made_from": "x", "n": 1}
    assert read_made_from(path, "y") is None
    path.write_text("{")
    assert read_made_from(path, "x") is None
    path.write_text("[]")
    assert read_made_from(path, "x") is None


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    assert make_folder(tmp_path / "a") == make_folder(tmp_path / "a") == tmp_path / "a"
    assert make_folder(tmp_path / "b" / "c", parents=True).is_dir()
    with pytest.raises(StorageError, match="there is no such folder"):
        make_folder(tmp_path / "d" / "e")
    (tmp_path / "f").write_text("")
    with pytest.raises(StorageError, match="something of that name is there"):
        make_folder(tmp_path / "f")
