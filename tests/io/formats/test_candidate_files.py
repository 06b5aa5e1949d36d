"""Centres of other programs: cells by their nucleus, detections, points; areas are left out."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.formats.candidate_files import read_candidates
from rimlight.io.formats.polygons import area_centroid
from rimlight.io.formats.qupath_scores import ScoredCells, write_qupath_scores
from small_studies import slide_info


def square(x, y, side=8.0):
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    return [[list(corner) for corner in corners]]


def feature(geometry, kind="cell", **more):
    properties = {"objectType": kind} | more.pop("properties", {})
    return {"type": "Feature", "geometry": geometry, "properties": properties} | more


def polygon(x, y, side=8.0):
    return {"type": "Polygon", "coordinates": square(x, y, side)}


def places(path, data, **how):
    text = json.dumps(data)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    found = read_candidates(path, **how)
    return [tuple(place) for place in np.column_stack([found.x, found.y])]


def test_a_cell_lies_where_its_nucleus_is_and_else_in_the_middle_of_its_outline(tmp_path):
    both = feature(polygon(100, 40, 20), nucleusGeometry=polygon(102, 42, 4))
    alone = feature(polygon(10, 20))
    assert places(tmp_path / "a.geojson", [both, alone]) == [(104, 44), (14, 24)]


def test_detections_and_points_are_taken_and_tiles_areas_and_lines_are_noted(tmp_path):
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    data = {
        "type": "FeatureCollection",
        "features": [
            feature(polygon(0, 10), "detection"),
            feature({"type": "Point", "coordinates": [3.5, 4]}, "detection"),
            feature({"type": "MultiPoint", "coordinates": [[5, 6], [7, 8]]}, "annotation"),
            feature(polygon(0, 0, 5000), "annotation"),
            feature(polygon(0, 0), "tile"),
            feature(line, "annotation"),
        ],
    }
    assert places(tmp_path / "a.geojson.gz", data) == [(4, 14), (3.5, 4), (5, 6), (7, 8)]
    found = read_candidates(tmp_path / "a.geojson.gz")
    assert found.counts == {"detection": 2, "annotation": 2}
    assert found.notes == (
        "1 outlines wider than 200 px were left out",
        "1 objects of kind tile were left out",
        "1 objects drawn as 'LineString' were left out",
    )


def test_one_object_of_all_cells_of_a_class_gives_each_of_them(tmp_path):
    """As CellViT writes its contours and its points."""
    contours = {"type": "MultiPolygon", "coordinates": [square(0, 0), square(50, 20)]}
    cell_of_two_parts = {"type": "MultiPolygon", "coordinates": [square(0, 0), square(8, 0)]}
    named = {"classification": {"name": "Neoplastic", "color": [255, 0, 0]}}
    other = {"classification": {"name": "Connective", "color": [0, 255, 0]}}
    data = [
        feature(contours, "annotation", properties=named),
        feature({"type": "MultiPoint", "coordinates": [[1, 2]]}, "annotation", properties=other),
        feature(cell_of_two_parts, "detection", properties=named),
    ]
    path = tmp_path / "a.geojson"
    assert places(path, data) == [(4, 4), (54, 24), (1, 2), (8, 4)]
    assert places(path, data, classes=["neoplastic"]) == [(4, 4), (54, 24), (8, 4)]
    with pytest.raises(LabelFileError, match="of class tumor; its classes are 'Neoplastic', 'Conn"):
        read_candidates(path, classes=["Tumor"])


def test_old_versions_of_qupath_name_the_kind_elsewhere(tmp_path):
    old = {"type": "Feature", "id": "PathCellObject", "geometry": polygon(0, 0, 20)}
    old["nucleusGeometry"] = polygon(2, 2, 4)
    later = {"type": "Feature", "geometry": polygon(0, 0)}
    later["properties"] = {"object_type": "detection"}
    assert places(tmp_path / "a.json", [old, later]) == [(4, 4), (4, 4)]


def test_scored_cells_of_ours_are_candidates_again_with_their_slide_and_frame(tmp_path):
    two = np.array([100.0, 110.0])
    scored = ScoredCells(
        x_l0=two,
        y_l0=two / 2,
        logit=two,
        probability=two,
        od_ring=two,
        level=np.array([0, 1]),
        reason=np.array([0, 1]),
        reasons=("", "called_other"),
        has_levels=True,
    )
    write_qupath_scores(tmp_path / "a.geojson.gz", scored, slide=slide_info())
    found = read_candidates(tmp_path / "a.geojson.gz")
    assert (found.slide, found.slide_hash, found.frame) == ("s1", "sha256 of s1", "level0")
    assert found.x.tolist() == [100, 110]
    assert found.y.tolist() == [50, 55]


@pytest.mark.parametrize(
    ("text", "unit", "frame"),
    [
        ("x_l0,y_l0\n1.5,2\n3,4\n", "px", "level0"),
        ("y,x\n2,1.5\n4,3\n", "px", None),
        ("Image\tClass\tCentroid X µm\tCentroid Y µm\na.svs\tTumor\t1.5\t2\na.svs\t\t3\t4", "um",
         None),
    ],
)  # fmt: skip
def test_tables_say_their_unit_and_their_frame_by_their_headings(tmp_path, text, unit, frame):
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(text.encode()))
    found = read_candidates(tmp_path / "a.tsv.gz")
    assert (found.unit, found.frame) == (unit, frame)
    assert (found.x.tolist(), found.y.tolist()) == ([1.5, 3], [2, 4])
    assert found.slide_names == (("a.svs",) if "Image" in text else ("",))


def test_rows_of_several_slides_are_told_apart(tmp_path):
    (tmp_path / "a.csv").write_text("slide,x,y,class\ns1,1,2,t\ns2,3,4,t\ns1,5,6,n\n")
    found = read_candidates(tmp_path / "a.csv")
    assert [found.slide_names[n] for n in found.slide_number] == ["s1", "s2", "s1"]
    assert read_candidates(tmp_path / "a.csv", classes=["N"]).x.tolist() == [5]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.geojson", [], "holds no cell, detection or point; export such objects"),
        ("a.geojson", [5], "feature 1: has no geometry; nothing was imported"),
        ("a.geojson", [feature({"type": "Point", "coordinates": [1, None]})], "y is no number"),
        ("a.geojson", [feature({"type": "Polygon", "coordinates": 5})], "no list of rings"),
        ("a.geojson", [feature({"type": "Polygon", "coordinates": [5]})], "no list of rings"),
        ("a.geojson", [feature({"type": "Polygon", "coordinates": [[1]]})], "needs two coord"),
        ("a.geojson", {"a": 1}, "holds no list of features"),
        ("a.csv", "x,y\n1\n", "line 2: has 1 cells under 2 headings"),
        ("a.csv", "x,y\n1,2\n1,b\n", "line 3: y 'b' is no number"),
        ("a.csv", "a,b\n", "has no columns of x and y; its headings are a, b"),
        ("a.csv", "", "the file is empty"),
        ("a.xml", "", "is no .geojson, .json, .csv, .tsv or .dcm"),
    ],
)
def test_what_cannot_be_taken_is_one_sentence(tmp_path, name, content, reason):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / name).write_text(text)
    with pytest.raises(LabelFileError, match=reason):
        read_candidates(tmp_path / name)


def test_more_centres_than_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.candidate_files.MAX_CANDIDATES", 3)
    many = {"type": "MultiPoint", "coordinates": [[n, n] for n in range(4)]}
    with pytest.raises(LabelFileError, match="more than 3 centres; split the file"):
        places(tmp_path / "a.json", [feature(many, "annotation")])
    (tmp_path / "a.csv").write_text("x,y\n" + "1,2\n" * 4)
    with pytest.raises(LabelFileError, match="more than 3"):
        read_candidates(tmp_path / "a.csv")


@given(
    x=st.floats(-1e5, 1e5),
    y=st.floats(-1e5, 1e5),
    is_turned=st.booleans(),
    start=st.integers(0, 3),
)
def test_the_centre_of_an_area_does_not_depend_on_where_its_outline_starts(x, y, is_turned, start):
    corners = [(x, y), (x + 9, y), (x + 9, y + 3), (x, y + 3)]
    corners = corners[start:] + corners[:start]
    ring = corners[::-1] if is_turned else corners
    hole = [(x + 6, y), (x + 9, y), (x + 9, y + 3), (x + 6, y + 3)]
    assert area_centroid([[ring]]) == pytest.approx((x + 4.5, y + 1.5), abs=1e-6)
    assert area_centroid([[ring, hole]]) == pytest.approx((x + 3, y + 1.5), abs=1e-6)
    assert area_centroid([[[(x, y), (x + 2, y)]]]) == pytest.approx((x + 1, y), abs=1e-6)
