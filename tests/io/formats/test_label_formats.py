"""The format of a file is told by its name and its first bytes, or it is asked for."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged, is_read_or_refused
from rimlight.errors import LabelFileError
from rimlight.io.formats import label_formats
from rimlight.io.formats.label_formats import (
    ENDINGS,
    WRITERS_OF_SLIDE,
    format_of_file,
    format_to_write,
    read_labels,
)
from rimlight.io.formats.points import ReadFormat, WrittenFormat

GOLDEN = Path(__file__).parent / "golden"
CSV = "slide,x,y,label\ns1,1,2,weak\n"


def _file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("labels.coco.json", "coco"),
        ("labels.dsa.json", "dsa"),
        ("labels.asap.xml", "asap"),
        ("labels.imagescope.xml", "imagescope"),
    ],
)
def test_what_we_write_is_told_apart_again_also_packed(tmp_path, name, file_format):
    content = (GOLDEN / name).read_bytes()
    plain = _file(tmp_path, name, content)
    packed = _file(tmp_path, f"{name}.gz", gzip.compress(content))
    assert format_of_file(plain) == format_of_file(packed) == file_format
    assert len(read_labels(plain).items) >= 3
    assert read_labels(packed).content_hash == read_labels(plain).content_hash


@pytest.mark.parametrize(
    ("name", "content", "file_format"),
    [
        ("a.json", '{"type": "FeatureCollection", "features": []}', "qupath"),
        ("a.json", '[{"type": "Feature", "properties": {"annotations": 1}}]', "qupath"),
        ("a.json", '{"info": {"elements": []}, "images": [{"a": 1}], "annotations": []}', "coco"),
        ("a.json", '{"annotations": [{"elements": 1}]}', "coco"),
        ("a.json", '\ufeff [ {"_id": "a", "annotation": {"elements": []}}]', "dsa"),
        ("a.json", '{"name": "\\"images\\": [", "elements": []}', "dsa"),
        ("a.json", "not json", "qupath"),
        ("a.geojson", '{"annotations": []}', "qupath"),
        ("A.XML", "<?xml version='1.0'?><!-- <Annotations> --><ASAP_Annotations/>", "asap"),
        ("a.xml", "<Annotations/>".encode("utf-16"), "imagescope"),
        ("a.csv", CSV, "csv"),
        ("a.txt", "1;2\n", None),
        ("a.csv", "12,34,0\n", None),
        ("a.tsv", "\ufeff12.5\t34\t-1\r\n", None),
        ("a.csv", "a,1,2,3\n", "csv"),
        ("a.parquet", b"", "parquet"),
    ],
)
def test_a_format_is_told_from_name_and_content(tmp_path, name, content, file_format):
    path = _file(tmp_path, name, content)
    if file_format is None:
        with pytest.raises(LabelFileError, match="say --format cellvit if its columns are x, y"):
            format_of_file(path)
    else:
        assert format_of_file(path) == file_format


def test_what_cannot_be_told_is_asked_for(tmp_path):
    with pytest.raises(LabelFileError, match="XML of neither ASAP nor ImageScope, it begins with"):
        format_of_file(_file(tmp_path, "a.xml", "<annotations/>"))
    with pytest.raises(LabelFileError, match="name its format with --format"):
        format_of_file(_file(tmp_path, "a.xlsx", ""))
    with pytest.raises(LabelFileError, match="cannot be read"):
        format_of_file(tmp_path / "absent.json")


def test_the_word_of_the_user_goes_before_the_name(tmp_path):
    path = _file(tmp_path, "a.csv", "12,34,0\n")
    assert [(item.x, item.y) for item in read_labels(path, "cellvit").items] == [(12, 34)]
    assert [(item.x, item.y) for item in read_labels(path, "patchsorter").items] == [(34, 12)]
    assert len(read_labels(_file(tmp_path, "export", CSV), "csv").items) == 1


def test_every_format_has_a_reader_or_writer():
    assert set(label_formats._READERS) | {"dicom"} == set(get_args(ReadFormat))
    assert set(ENDINGS) == set(get_args(WrittenFormat)) <= set(get_args(ReadFormat))
    assert set(WRITERS_OF_SLIDE) < set(ENDINGS)


@pytest.mark.parametrize(
    ("name", "asked", "written"),
    [
        ("a.csv", None, "csv"),
        ("a.parquet", None, "parquet"),
        ("a.geojson.gz", None, "qupath"),
        ("a.json", None, "qupath"),
        ("a.json", "coco", "coco"),
        ("a.json.gz", "dsa", "dsa"),
        ("a.xml", "asap", "asap"),
        ("folder", None, "qupath"),
        ("folder", "imagescope", "imagescope"),
    ],
)
def test_a_format_to_write_is_told_from_the_name_or_asked_for(name, asked, written):
    assert format_to_write(Path(name), asked) == written


@pytest.mark.parametrize(
    ("name", "asked", "reason"),
    [
        ("a.xml", None, "say --format asap or --format imagescope"),
        ("a.csv", "coco", "coco is written as .json or .json.gz; name it so"),
        ("a.json", "asap", "asap is written as .xml"),
    ],
)
def test_a_name_that_contradicts_the_format_is_refused(name, asked, reason):
    with pytest.raises(LabelFileError, match=reason):
        format_to_write(Path(name), asked)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_files_of_any_name_end_in_one_kind_of_error(tmp_path_factory, data):
    sources = [*GOLDEN.glob("*.xml"), *GOLDEN.glob("*.json")]
    content = data.draw(st.sampled_from(sources)).read_bytes()
    name = data.draw(st.sampled_from(["a.json", "a.xml", "a.csv", "a.json.gz", "a.parquet"]))
    path = _file(tmp_path_factory.mktemp("mutants"), name, damaged(content, data))
    assert is_read_or_refused(read_labels, path)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["images", "categories", "annotations", "id", "file_name", "image_id", "category_id",
             "bbox", "keypoints", "x_l0", "y_l0", "name", "supercategory", "rimlight", "elements",
             "annotation", "attributes", "type", "center", "group", "label", "value", "user"]
        ),
        inner | st.sampled_from(["point", "weak", 1, [1, 2, 0], [1, 2, 3, 4]]),
        max_size=5,
    ),
    max_leaves=16,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=JSON, file_format=st.sampled_from(["coco", "dsa"]))
def test_any_json_ends_in_points_faults_or_one_kind_of_error(tmp_path_factory, value, file_format):
    path = _file(tmp_path_factory.mktemp("any"), "a.json", json.dumps(value))
    assert is_read_or_refused(lambda path: read_labels(path, file_format), path)


def test_pyarrow_is_not_imported_before_it_is_needed():
    code = "import sys, rimlight.workflows.exchange as e; sys.exit('pyarrow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_json_that_is_long_before_it_says_what_it_is_is_still_refused_in_words(tmp_path):
    content = json.dumps({"description": "x" * 2**17, "elements": []})
    with pytest.raises(LabelFileError, match="holds no list of features"):
        read_labels(_file(tmp_path, "a.json", content))
