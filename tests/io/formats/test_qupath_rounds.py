"""A round goes to QuPath without its reasons, and comes back with a reader's classes."""

import json

import pytest

from rimlight.io.formats.qupath import read_qupath
from rimlight.io.formats.qupath_rounds import write_qupath_round
from rimlight.records import Box, Cell
from small_studies import slide_info

SLIDE = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=20.0, width_l0=900.0, height_l0=700.0))


def cell(number, x_l0, y_l0):
    return Cell(cell_id=f"s1@{number}", slide_id="s1", x_l0=x_l0, y_l0=y_l0)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "s1.geojson"
    cells = [cell(1, 300.0, 90.0), cell(2, 150.5, 30.0), cell(3, 120.0, 90.0)]
    assert write_qupath_round(path, cells, slide=SLIDE, round_id=4) == 3
    return path


def test_points_lie_where_the_cells_are_in_the_plane_that_qupath_shows(path):
    features = json.loads(path.read_text())["features"]
    places = [feature["geometry"]["coordinates"] for feature in features]
    assert places == [[50.5, 10.0], [20.0, 70.0], [200.0, 70.0]]


def test_a_point_names_its_cell_and_nothing_of_why_it_is_asked_about(path):
    for feature in json.loads(path.read_text())["features"]:
        properties = feature["properties"]
        assert set(properties) == {"objectType", "name", "metadata"}
        assert properties["metadata"] == {
            "rimlight.cell": properties["name"],
            "rimlight.round": "4",
        }


def test_points_that_nobody_classified_are_no_faults(path):
    file = read_qupath(path)
    assert file.items == ()
    assert len(file.notes) == 3
    assert "no class yet" in file.notes[0]
    assert (file.frame, file.slide_hash) == ("bounds", SLIDE.fingerprint)


def test_a_class_set_in_qupath_comes_back_with_the_cell(path):
    data = json.loads(path.read_text())
    data["features"][1]["properties"]["classification"] = {"name": "Tumor: 2+"}
    data["features"][2]["properties"]["name"] = "negative"
    path.write_text(json.dumps(data))
    file = read_qupath(path)
    found = [(item.cell, item.class_name, item.x, item.y) for item in file.items]
    assert found == [("s1@3", "Tumor: 2+", 20.0, 70.0), ("s1@1", "negative", 200.0, 70.0)]
    assert len(file.notes) == 1


def test_a_cell_of_another_slide_is_refused(tmp_path):
    other = Cell(cell_id="c9", slide_id="s2", x_l0=1.0, y_l0=1.0)
    with pytest.raises(ValueError, match="of s2"):
        write_qupath_round(tmp_path / "s1.geojson", [other], slide=SLIDE, round_id=1)
    assert list(tmp_path.iterdir()) == []
