import json

import pytest

from rimlight.io.formats.qupath import read_qupath
from rimlight.io.formats.qupath_marks import Mark, write_qupath_marks
from rimlight.records import Box, Cell
from small_studies import slide_info

BOUNDED = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=900, height_l0=700))


def mark_of(name, x_l0, y_l0, *, slide="s1"):
    return Mark(
        cell=Cell(cell_id=name, slide_id=slide, x_l0=x_l0, y_l0=y_l0),
        class_name="wrong call, pigment",
        colour=(30, 30, 30),
        measurements={"rimlight: logit": -1.5, "rimlight: recovered, share": None},
    )


def test_a_mark_lies_at_its_cell_counted_from_the_bounds(tmp_path):
    path = tmp_path / "a.geojson"
    assert write_qupath_marks(path, [mark_of("c1", 150.5, 260.0)], slide=BOUNDED) == 1
    (feature,) = json.loads(path.read_text())["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [50.5, 60.0]}
    assert feature["properties"]["objectType"] == "detection"
    assert feature["properties"]["measurements"] == {"rimlight: logit": -1.5}
    assert feature["properties"]["classification"]["color"] == [30, 30, 30]


def test_a_cell_of_another_slide_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is of s2, not of s1"):
        write_qupath_marks(tmp_path / "a.geojson", [mark_of("c1", 1, 2, slide="s2")], slide=BOUNDED)
    assert not (tmp_path / "a.geojson").exists()


def test_marks_are_no_labels_when_they_come_back(tmp_path):
    write_qupath_marks(tmp_path / "a.geojson", [mark_of("c1", 150.0, 260.0)], slide=BOUNDED)
    items = read_qupath(tmp_path / "a.geojson").items
    assert all(getattr(item, "expression", None) is None for item in items)
