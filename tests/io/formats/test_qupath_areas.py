import json

from rimlight.io.formats.qupath import Area, read_qupath, write_qupath_areas
from rimlight.records import Box
from small_studies import slide_info

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
