"""Points of the Digital Slide Archive are read in every wrapping, and written by its schema."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged, facts_of_items, facts_of_labels, is_read_or_refused
from rimlight.errors import LabelFileError
from rimlight.io.formats.dsa import read_dsa, write_dsa
from rimlight.io.formats.points import Fault
from rimlight.records import Box, Expression
from small_studies import label_of, slide_info

GOLDEN = Path(__file__).parent / "golden" / "labels.dsa.json"
BOUNDED = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=900, height_l0=700))


def golden_labels():
    odd = label_of(41, "weak", "björn")
    odd = replace(odd, cell=replace(odd.cell, x_l0=1 / 3, y_l0=999.1234567))
    return [label_of(30, "strong"), label_of(40, "other", "björn"), odd]


def point(x=1.5, y=2.25, **changes):
    return {"type": "point", "center": [x, y, 0], "group": "1+", "id": "5f" * 12} | changes


def dsa(*elements, **changes):
    return {"name": "cells", "description": "", "elements": list(elements)} | changes


def _read(tmp_path, data):
    path = tmp_path / "s1.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return read_dsa(path)


def test_labels_are_written_as_this_golden_file(tmp_path):
    assert write_dsa(tmp_path / "a.json", golden_labels(), slide=BOUNDED) == 3
    assert (tmp_path / "a.json").read_bytes() == GOLDEN.read_bytes()


def test_what_is_written_has_only_the_keys_and_types_that_the_archive_takes():
    data = json.loads(GOLDEN.read_text())
    assert set(data) <= {"name", "description", "attributes", "display", "elements"}
    assert data["name"]
    for element in data["elements"]:
        assert set(element) <= {
            "type", "center", "id", "user", "label", "group", "lineColor", "lineWidth", "fillColor"
        }  # fmt: skip
        assert [type(number) in (int, float) for number in element["center"]] == [True] * 3
        assert set(element["label"]) == {"value"}
        assert re.fullmatch("#[0-9a-f]{6}", element["lineColor"])
        assert isinstance(element["user"], dict)
        assert not any("." in key or key.startswith("$") for key in element["user"]["rimlight"])


@pytest.mark.parametrize("frame", [None, "level0", "bounds"])
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_what_is_written_reads_back(tmp_path, frame, name):
    labels = golden_labels() + [label_of(n, list(Expression)[n % 5]) for n in range(50, 60)]
    write_dsa(tmp_path / name, labels, slide=BOUNDED, frame=frame)
    file = read_dsa(tmp_path / name)
    assert facts_of_items(file.items) == facts_of_labels(labels)
    offset = (100, 200) if frame == "bounds" else (0, 0)
    for item, label in zip(file.items, labels, strict=True):
        expected = (label.cell.x_l0 - offset[0], label.cell.y_l0 - offset[1])
        assert (item.x, item.y) == pytest.approx(expected, abs=1e-6)
    assert (file.slide, file.slide_hash) == ("s1", "sha256 of s1")
    assert file.frame == (frame or "level0")


def test_an_annotation_is_read_alone_wrapped_and_in_lists(tmp_path):
    alone = dsa(point(), point(30, 40, group="3+"))
    wrapped = {"_id": "5f" * 12, "itemId": "a", "annotation": alone, "groups": ["1+"]}
    for data in (alone, wrapped):
        file = _read(tmp_path, data)
        assert [(item.place, item.x, item.y, item.class_name) for item in file.items] == [
            ("element 1", 1.5, 2.25, "1+"),
            ("element 2", 30, 40, "3+"),
        ]
        many = _read(tmp_path, [data, data])
        assert [item.place for item in many.items] == [
            "annotation 1, element 1",
            "annotation 1, element 2",
            "annotation 2, element 1",
            "annotation 2, element 2",
        ]


def test_the_class_is_the_group_or_else_the_label(tmp_path):
    file = _read(
        tmp_path,
        dsa(
            point(label={"value": "cell 7"}),
            point(group="default", label={"value": "2+"}),
            point(group=None, label={"value": "3+"}),
        ),
    )
    assert [item.class_name for item in file.items] == ["1+", "2+", "3+"]
    assert [item.cell for item in file.items] == [None] * 3


def test_a_group_changed_in_the_archive_is_read_as_the_correction(tmp_path):
    data = json.loads(GOLDEN.read_text())
    data["elements"][0]["group"] = "negative"
    first = _read(tmp_path, data).items[0]
    assert (first.class_name, first.cell, first.reader) == ("negative", "c30", "anna")


def test_elements_that_are_no_points_are_noted(tmp_path):
    line = {"type": "polyline", "points": [[0, 0, 0], [1, 1, 0]], "closed": True}
    file = _read(tmp_path, dsa(line, point()))
    assert len(file.items) == 1
    assert file.notes == ("element 1: is no point but 'polyline'; left out",)


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (5, "is no element but 5"),
        (point(center=None), "needs a center"),
        (point(center=[1]), "needs a center"),
        (point(center=[1, 2, 3]), "lies on another plane"),
        (point("1"), "x is no number of pixels"),
        (point(True), "x is no number of pixels"),
        (point(1, float("nan")), "y is no number of pixels, got nan"),
        (point(1, 1e300), "y is no number of pixels"),
        (point(group=None), "has no class"),
        (point(group=5), "the group must be text"),
        (point(group="default", label={"value": 5}), "the label must be text"),
        (point(user={"rimlight": {"reader": []}}), "the reader must be text"),
        (point(user={"rimlight": {"time": "noon"}}), "is not like"),
    ],
)
def test_a_bad_element_is_a_fault_and_its_neighbours_are_not(tmp_path, element, reason):
    first, fault, last = _read(tmp_path, dsa(point(3), element, point(5))).items
    assert isinstance(fault, Fault)
    assert fault.place == "element 2"
    assert reason in fault.reason
    assert (first.x, last.x) == (3, 5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("[]", "holds no list of elements"),
        ("{}", "holds no list of elements"),
        ('{"elements": {}}', "holds no list of elements"),
        ('{"elements": 5}', "holds no list of elements"),
        ("nothing", "is not JSON"),
        (
            [dsa(attributes={"rimlight": {"slide_hash": "a"}}),
             dsa(attributes={"rimlight": {"slide_hash": "b"}})],
            "of several slides",
        ),
    ],
)  # fmt: skip
def test_a_file_without_elements_is_refused(tmp_path, data, reason):
    with pytest.raises(LabelFileError, match=reason):
        _read(tmp_path, data)


def test_odd_attributes_are_no_header(tmp_path):
    file = _read(tmp_path, dsa(point(), attributes={"rimlight": {"slide": 5, "frame": "moon"}}))
    assert (file.slide, file.frame) == (None, None)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, data):
    foreign = json.dumps([{"annotation": dsa(point(), point(30, 40))}]).encode()
    content = damaged(data.draw(st.sampled_from([GOLDEN.read_bytes(), foreign])), data)
    path = tmp_path_factory.mktemp("mutants") / "a.json"
    path.write_bytes(content)
    assert is_read_or_refused(read_dsa, path)
