import json
from dataclasses import replace
from pathlib import Path

from rimlight.io.formats.qupath import Area, read_qupath, write_qupath_areas
from rimlight.records import Box
from small_studies import slide_info

GOLDEN = Path(__file__).parent / "golden" / "outlines.qupath.geojson"
BOUNDED = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=900, height_l0=700))
SQUARE = ((10.0, 20.0), (14.0, 20.0), (14.0, 24.0), (10.0, 24.0), (10.0, 20.0))
HOLE = ((11.0, 21.0), (11.0, 22.0), (12.0, 22.0), (12.0, 21.0), (11.0, 21.0))


def area_of(name, *polygons):
    return Area(
        name=name,
        class_name="Contributing pixels",
        colour=(0, 140, 255),
        polygons=polygons,
        measurements={"Area um^2": 4.0, "Completeness": None},
    )


def test_areas_keep_holes_parts_and_measurements_and_count_from_the_bounds(tmp_path):
    areas = [area_of("one", (SQUARE, HOLE)), area_of("two", (SQUARE,), (SQUARE,))]
    assert write_qupath_areas(tmp_path / "a.geojson", areas, slide=BOUNDED) == 2
    one, two = json.loads((tmp_path / "a.geojson").read_text())["features"]
    left, top = BOUNDED.bounds.left_l0, BOUNDED.bounds.top_l0
    assert one["geometry"]["type"] == "Polygon"
    assert one["geometry"]["coordinates"][0][1] == [14 - left, 20 - top]
    assert len(one["geometry"]["coordinates"]) == 2
    assert two["geometry"]["type"] == "MultiPolygon"
    assert one["properties"]["measurements"] == {"Area um^2": 4.0}
    assert one["properties"]["objectType"] == "detection"
    assert one["id"] != two["id"]


def test_equal_areas_give_equal_bytes_and_no_labels(tmp_path):
    for name in ("a.geojson", "b.geojson"):
        write_qupath_areas(tmp_path / name, [area_of("one", (SQUARE,))], slide=BOUNDED)
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()
    assert read_qupath(tmp_path / "a.geojson").items == ()


def levels():
    measured = {"DAB OD mean": 0.41, "Logit": 3.2, "Probability": 0.96, "Gap": -0.004}
    cell = replace(area_of("742:1638", (SQUARE, HOLE)), measurements=measured)
    return [
        replace(cell, class_name="Contributing pixels: strong", colour=(200, 50, 50)),
        replace(cell, name="80:9.5", class_name="Contributing pixels: weak"),
    ]


def test_outlines_are_written_as_this_golden_file(tmp_path):
    path = tmp_path / "a.geojson"
    assert write_qupath_areas(path, levels(), slide=BOUNDED, kind="annotation") == 2
    assert path.read_text(encoding="utf-8") == GOLDEN.read_text(encoding="utf-8")


def test_a_level_is_a_subclass_that_qupath_does_not_count_as_a_cell(tmp_path):
    write_qupath_areas(tmp_path / "a.geojson", levels(), slide=BOUNDED)
    for feature in json.loads((tmp_path / "a.geojson").read_text())["features"]:
        names = feature["properties"]["classification"]["names"]
        assert names[0] == "Contributing pixels"
        assert names[-1] not in ("Negative", "Positive", "1+", "2+", "3+")


def test_an_object_keeps_its_id_when_its_level_or_kind_changes(tmp_path):
    strong = levels()[0]
    weak = replace(strong, class_name="Contributing pixels: weak")
    ids = set()
    for n, (area, kind) in enumerate(
        [(strong, "detection"), (weak, "detection"), (strong, "annotation")]
    ):
        path = tmp_path / f"{n}.geojson"
        write_qupath_areas(path, [area], slide=BOUNDED, kind=kind)
        ids |= {feature["id"] for feature in json.loads(path.read_text())["features"]}
    assert len(ids) == 1


def test_annotations_are_locked_and_detections_are_not(tmp_path):
    for kind, is_locked in (("annotation", True), ("detection", None)):
        write_qupath_areas(tmp_path / "a.geojson", levels(), slide=BOUNDED, kind=kind)
        for feature in json.loads((tmp_path / "a.geojson").read_text())["features"]:
            assert feature["properties"]["objectType"] == kind
            assert feature["properties"].get("isLocked") is is_locked
