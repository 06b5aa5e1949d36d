"""Regions of QuPath and ASAP: read as drawn, holes and all, written as QuPath reads them."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged
from rimlight.errors import LabelFileError
from rimlight.io.formats.asap_regions import read_asap_regions
from rimlight.io.formats.drawn_regions import DrawnRegion
from rimlight.io.formats.points import Fault
from rimlight.io.formats.qupath_regions import read_qupath_regions, write_qupath_regions
from rimlight.records import Box
from small_studies import region_of, slide_info

GOLDEN = Path(__file__).parent / "golden" / "regions.qupath.geojson"
HOLE = ((300.5, 60.25), (400.0, 60.0), (400.0, 80 + 1 / 3), (300.0, 90.0))
FAR = ((900.0, 510.0), (910.0, 520.0), (905.0, 900.75))
IDS = [f"0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a0{n}" for n in range(4)]


def every_kind():
    whole = region_of().polygons[0]
    return [
        region_of(region_id=IDS[0], name="Tumour centre", polygons=((*whole, HOLE), (FAR,))),
        region_of(kind="exclude", region_id=IDS[1], name="Necrosis 1"),
        region_of(kind="core", region_id=IDS[2], name="A-1", case_id="k7", reader=""),
        region_of(kind="core", region_id=IDS[3], name="A-2", is_missing=True, polygons=((FAR,),)),
    ]


def shape_of(polygons):
    return [[len(ring) for ring in polygon] for polygon in polygons]


def numbers_of(polygons):
    return [n for polygon in polygons for ring in polygon for corner in ring for n in corner]


def square(x=10, y=20, **properties):
    corners = [[x, y], [x + 400, y], [x + 400, y + 100], [x, y + 100], [x, y]]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": {"objectType": "annotation", **properties},
    }


@pytest.fixture
def read(tmp_path):
    def written(*features, **more):
        path = tmp_path / "in.geojson"
        data = {"type": "FeatureCollection", "features": features, **more}
        path.write_text(json.dumps(data), encoding="utf-8")
        return read_qupath_regions(path)

    return written


def test_what_is_written_stays_to_the_byte(tmp_path):
    path = tmp_path / "out.geojson"
    slide = slide_info(bounds=Box(left_l0=40.0, top_l0=20.0, width_l0=1900.0, height_l0=950.0))
    assert write_qupath_regions(path, every_kind(), slide=slide) == 4
    assert path.read_text(encoding="utf-8") == GOLDEN.read_text(encoding="utf-8")


def test_every_kind_comes_back_as_it_was(tmp_path):
    path = tmp_path / "out.geojson.gz"
    write_qupath_regions(path, every_kind(), slide=slide_info())
    file = read_qupath_regions(path)
    assert file.notes == ()
    assert (file.about.frame, file.about.slide_hash) == ("level0", "sha256 of s1")
    for item, region in zip(file.items, every_kind(), strict=True):
        assert shape_of(item.polygons) == shape_of(region.polygons)
        assert numbers_of(item.polygons) == pytest.approx(numbers_of(region.polygons), abs=1e-6)
        assert (item.uuid, item.name) == (region.region_id, region.name)
        assert (item.reader or "", item.case) == (region.reader, region.case_id)
        assert item.is_core is (region.kind == "core")
        assert item.is_missing is region.is_missing
    assert [item.class_name for item in file.items] == ["Region*", "Ignore*", None, None]


def test_coordinates_count_from_the_bounds_that_qupath_crops_to(tmp_path):
    path = tmp_path / "out.geojson"
    slide = slide_info(bounds=Box(left_l0=40.0, top_l0=20.0, width_l0=1900.0, height_l0=950.0))
    write_qupath_regions(path, [region_of()], slide=slide)
    (feature,) = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert feature["geometry"]["coordinates"][0][0] == [160.0, 30.0]
    assert feature["geometry"]["coordinates"][0][1] == [560.0, 30.0]


def test_what_qupath_would_refuse_is_not_written(tmp_path):
    path = tmp_path / "out.geojson"
    write_qupath_regions(path, every_kind(), slide=slide_info())
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        properties = feature["properties"]
        assert None not in properties.values()
        if "classification" in properties:
            assert len(properties["classification"]["color"]) == 3
        polygons = feature["geometry"]["coordinates"]
        polygons = polygons if feature["geometry"]["type"] == "MultiPolygon" else [polygons]
        assert all(ring[0] == ring[-1] for polygon in polygons for ring in polygon)
        assert all(isinstance(value, str) for value in properties["metadata"].values())


def test_types_of_every_version_of_qupath_are_known(read):
    old_core = square(objectType=None, object_type="tma_core", isMissing=True)
    del old_core["properties"]["objectType"]
    oldest = square()
    del oldest["properties"]["objectType"]
    file = read(
        square(objectType="tmaCore", isMissing=False),
        old_core,
        oldest | {"id": "TMACoreObject"},
        oldest | {"id": "PathAnnotationObject"},
        oldest,
    )
    assert [item.is_core for item in file.items] == [True, True, True, False, False]
    assert [item.is_missing for item in file.items] == [False, True, False, False, False]


def test_classes_are_read_in_every_form(read):
    file = read(
        square(classification={"name": "Necrosis", "color": [1, 2, 3]}),
        square(classification={"names": ["Tumor", "Centre"], "color": [1, 2, 3]}),
        square(classification="Region*"),
        square(classification=None, name="Left half"),
    )
    assert [item.class_name for item in file.items] == [
        "Necrosis",
        "Tumor: Centre",
        "Region*",
        None,
    ]
    assert file.items[3].name == "Left half"


def test_what_is_no_drawn_area_is_left_out_and_noted(read):
    point = square() | {"geometry": {"type": "Point", "coordinates": [1, 2]}}
    file = read(point, square(objectType="detection"), square(objectType="cell"), square())
    assert len(file.items) == 1
    assert file.notes == (
        "feature 1: has no area, it is 'Point'; left out",
        "feature 2: is no annotation but 'detection'; left out",
        "feature 3: is no annotation but 'cell'; left out",
    )


def test_annotations_within_a_core_are_found(read):
    core = square(objectType="tmaCore", name="A-1", childObjects=[square(name="inner")])
    assert [item.name for item in read(core).items] == ["A-1", "inner"]


@pytest.mark.parametrize(
    ("coordinates", "reason"),
    [
        ([[[0, 0], [5, 5], [0, 0]]], "a ring of 2 corners"),
        ([[[0, 0], [5, "5"], [9, 0]]], "y is no number of pixels"),
        ([[[0, 0], [5], [9, 0]]], "a corner needs two numbers"),
        ([], "a polygon without a ring"),
        (None, "not iterable"),
    ],
)
def test_a_broken_outline_is_a_fault_with_its_place(read, coordinates, reason):
    broken = square() | {"geometry": {"type": "Polygon", "coordinates": coordinates}}
    sound, fault = read(square(), broken).items
    assert not isinstance(sound, Fault)
    assert fault.place == "feature 2"
    assert reason in fault.reason


def test_a_file_that_is_no_geojson_is_refused(tmp_path):
    (tmp_path / "a.geojson").write_text('{"a": 1}', encoding="utf-8")
    with pytest.raises(LabelFileError, match="holds no list of features"):
        read_qupath_regions(tmp_path / "a.geojson")


ASAP = """<?xml version="1.0"?>
<ASAP_Annotations><Annotations>
<Annotation Name="Annotation 0" Type="Polygon" PartOfGroup="Tumor" Color="#F4A300"><Coordinates>
<Coordinate Order="1" X="500,5" Y="20"/><Coordinate Order="0" X="100" Y="20"/>
<Coordinate Order="2" X="500" Y="120"/></Coordinates></Annotation>
<Annotation Name="c1" Type="Dot" PartOfGroup="Tumor" Color="#F4A300"><Coordinates>
<Coordinate Order="0" X="100" Y="20"/></Coordinates></Annotation>
<Annotation Name="Rand" Type="Spline" PartOfGroup="None" Color="#F4A300"><Coordinates>
<Coordinate Order="0" X="1" Y="20"/></Coordinates></Annotation>
</Annotations><AnnotationGroups/></ASAP_Annotations>
"""


def test_polygons_of_asap_are_read_in_the_order_of_their_corners(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(ASAP, encoding="utf-8")
    file = read_asap_regions(path)
    drawn, fault = file.items
    assert drawn.polygons == ((((100.0, 20.0), (500.5, 20.0), (500.0, 120.0)),),)
    assert (drawn.name, drawn.class_name) == (None, "Tumor")
    assert str(fault) == "annotation 3: has a ring of 1 corners; an area needs 3"
    assert file.notes == ("annotation 2: has no area, it is 'Dot'; left out",)


def ends_well(read, path):
    """Whether a file ends in regions and faults, or in one sentence."""
    try:
        file = read(path)
    except LabelFileError as error:
        return "\n" not in str(error)
    return all(isinstance(item, Fault | DrawnRegion) for item in file.items)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("mutants")
    for read, content in (
        (read_qupath_regions, GOLDEN.read_bytes()),
        (read_asap_regions, ASAP.encode()),
    ):
        (folder / "a").write_bytes(damaged(content, data))
        assert ends_well(read, folder / "a")
