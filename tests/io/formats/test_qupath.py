"""QuPath GeoJSON of every version is read, and what we write reads back."""

import gzip
import json
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.formats.points import Fault, PointRecord
from rimlight.io.formats.qupath import expression_of_class, read_qupath, write_qupath
from rimlight.records import Box, Expression
from small_studies import label_of, slide_info

# What each version of QuPath writes for the same two objects: a 2+ click, and two Negative ones.
V02 = """[
  {"type": "Feature", "id": "PathAnnotationObject",
   "geometry": {"type": "Point", "coordinates": [120.5, 80.25]},
   "properties": {"classification": {"name": "Tumor: 2+", "colorRGB": -3670016},
                  "isLocked": false, "measurements": []}},
  {"type": "Feature", "id": "PathAnnotationObject",
   "geometry": {"type": "MultiPoint", "coordinates": [[10, 20], [30.5, 40]]},
   "properties": {"classification": {"name": "Negative", "colorRGB": -10855756,
                                     "parentClass": {"name": "Tumor", "colorRGB": -3670016}},
                  "isLocked": true, "measurements": [{"name": "Num points", "value": NaN}]}}]"""
V03 = """{"type": "FeatureCollection", "features": [
  {"type": "Feature",
   "geometry": {"type": "Point", "coordinates": [120.5, 80.25]},
   "properties": {"object_type": "annotation",
                  "classification": {"name": "Tumor: 2+", "colorRGB": -3670016},
                  "isLocked": false, "measurements": [{"name": "Num points", "value": 1.0}]}},
  {"type": "Feature",
   "geometry": {"type": "MultiPoint", "coordinates": [[10, 20], [30.5, 40]]},
   "properties": {"object_type": "annotation",
                  "classification": {"name": "Tumor: Negative", "colorRGB": -10855756},
                  "isLocked": false}}]}"""
V04 = """{"type":"FeatureCollection","features":[
  {"type":"Feature","id":"3a1f1510-c91e-4995-ba59-596ca7ebb019",
   "geometry":{"type":"Point","coordinates":[120.5,80.25]},
   "properties":{"objectType":"annotation","name":"glance",
     "classification":{"names":["Tumor","2+"],"color":[225,150,50]},
     "measurements":{"Num points":1.0,"Score":Infinity}}},
  {"type":"Feature","id":"0123a214-85b7-4804-86db-474b05a4ae57",
   "geometry":{"type":"MultiPoint","coordinates":[[10,20],[30.5,40]]},
   "properties":{"objectType":"annotation","isLocked":true,
     "classification":"Tumor: Negative"}}]}"""
V06 = """{"type":"FeatureCollection","features":[
  {"type":"Feature","id":"3a1f1510-c91e-4995-ba59-596ca7ebb019",
   "geometry":{"type":"Point","coordinates":[120.5,80.25],"plane":{"c":-1,"z":0,"t":0}},
   "properties":{"objectType":"annotation",
     "classification":{"names":["Tumor","2+"],"color":[225,150,50]},
     "measurements":{"Num points":1.0,"Score":"NaN"},
     "metadata":{"reader":"anna"},"metadata":{"reader":"anna"}}},
  {"type":"Feature","id":"0123a214-85b7-4804-86db-474b05a4ae57",
   "geometry":{"type":"MultiPoint","coordinates":[[10,20],[30.5,40]]},
   "properties":{"objectType":"annotation",
     "classification":{"name":"Negative","color":[90,90,180]}}}]}"""


def _file(tmp_path, content, name="s1.geojson"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_qupath(path)


def _points(*features):
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def _point(x=1.0, y=2.0, **properties):
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [x, y]},
        "properties": {"classification": "weak"} | properties,
    }


@pytest.mark.parametrize("content", [V02, V03, V04, V06], ids=["0.2", "0.3", "0.4", "0.6"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_the_same_clicks_are_read_from_every_version(tmp_path, content, is_packed):
    packed = gzip.compress(content.encode()) if is_packed else content
    file = _file(tmp_path, packed, "s1.geojson.gz" if is_packed else "s1.json")
    assert [(item.x, item.y) for item in file.items] == [(120.5, 80.25), (10, 20), (30.5, 40)]
    assert [expression_of_class(item.class_name) for item in file.items] == [
        Expression.MODERATE,
        Expression.NEGATIVE,
        Expression.NEGATIVE,
    ]
    assert [item.place for item in file.items] == [
        "feature 1",
        "feature 2, point 1",
        "feature 2, point 2",
    ]


def test_a_reader_in_the_metadata_is_kept(tmp_path):
    assert [item.reader for item in _file(tmp_path, V06).items] == ["anna", None, None]


def test_what_can_be_of_one_point_only_is_not_given_to_many(tmp_path):
    metadata = {"rimlight.cell": "c1", "rimlight.label": "l1", "rimlight.reader": "anna"}
    many = _point(metadata=metadata)
    many["geometry"] = {"type": "MultiPoint", "coordinates": [[1, 2], [30, 40]]}
    file = _file(tmp_path, _points(many, _point(5, 6, metadata=metadata)))
    assert [(item.cell, item.label_id, item.reader) for item in file.items] == [
        (None, None, "anna"),
        (None, None, "anna"),
        ("c1", "l1", "anna"),
    ]


def test_one_feature_alone_and_children_of_features_are_read(tmp_path):
    assert len(_file(tmp_path, json.dumps(_point())).items) == 1
    area = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]},
        "properties": {"objectType": "annotation", "childObjects": [_point(3, 4), _point(5, 6)]},
    }
    file = _file(tmp_path, _points(area, _point(7, 8)))
    assert [(item.place, item.x) for item in file.items] == [
        ("feature 1, child 1", 3.0),
        ("feature 1, child 2", 5.0),
        ("feature 2", 7.0),
    ]
    assert file.notes == ("feature 1: is no point but 'Polygon'; left out",)


def test_a_multipoint_without_points_is_left_out_and_noted(tmp_path):
    empty = {"type": "Feature", "geometry": {"type": "MultiPoint", "coordinates": []}}
    file = _file(tmp_path, _points(empty, _point()))
    assert len(file.items) == 1
    assert file.notes == ("feature 1: has no points; left out",)


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("Tumor: Negative", "negative"),
        ("tumor: 1+", "weak"),
        ("TUMOUR:2+", "moderate"),
        ("Tumor:  3+", "strong"),
        ("Weak", "weak"),
        ("STRONG", "strong"),
        ("Immune cells", "other"),
        ("Ignore*", "other"),
        ("cannot judge", "cannot_judge"),
        ("Positive", None),
        ("Tumor: Positive", None),
        ("Tumor", None),
        ("Tumor: Other", None),
        ("1", None),
        ("Stroma: 1+", None),
        ("Tumor: 1+: x", None),
    ],
)
def test_a_class_is_known_by_its_name_in_any_case_or_not_at_all(name, expression):
    assert expression_of_class(name) == expression


def test_a_class_in_the_name_alone_is_read(tmp_path):
    file = _file(tmp_path, _points(_point(classification=None, name="Weak")))
    assert file.items[0].class_name == "Weak"


@pytest.mark.parametrize(
    ("feature", "reason"),
    [
        (_point(float("nan")), "x is no number of pixels, got nan"),
        (_point(1, float("-inf")), "y is no number of pixels, got -inf"),
        (_point("1"), "x is no number of pixels"),
        (_point(True), "x is no number of pixels"),
        (_point(None), "x is no number of pixels"),
        (_point(1, 10**400), "y is no number of pixels"),
        (_point(classification=None), "has no class"),
        (_point(classification={"color": [1, 2, 3]}), "has no class"),
        (_point(classification={"names": ["Tumor", 3]}), "named by text"),
        (_point(classification=7), "the class must be text"),
        (_point(classification="a\ud800"), "cannot be written"),
        (_point(metadata={"rimlight.reader": 5}), "the reader must be text"),
        (_point(metadata={"rimlight.time": "noon"}), "is not like"),
        ({"type": "Feature", "geometry": None}, "no geometry"),
        ({"type": "Feature"}, "no geometry"),
        (5, "no geometry"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2, 3]}, "properties": {"name": "weak"}},
         "needs two coordinates, x and y, got"),
        ({"geometry": {"type": "Point"}, "properties": {"name": "weak"}}, "needs two"),
        ({"geometry": {"type": "MultiPoint", "coordinates": "ab"}}, "are no list"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2], "plane": {"c": -1, "z": 3, "t": 0}},
          "properties": {"name": "weak"}}, "another z or t plane"),
    ],
)  # fmt: skip
def test_a_bad_feature_is_a_fault_and_its_neighbours_are_not(tmp_path, feature, reason):
    file = _file(tmp_path, _points(_point(3, 4), feature, _point(5, 6)))
    first, fault, last = file.items
    assert isinstance(fault, Fault)
    assert fault.place == "feature 2"
    assert reason in fault.reason
    assert (first.x, last.x) == (3.0, 5.0)


def test_one_bad_point_of_many_is_named_by_its_number(tmp_path):
    many = _point()
    many["geometry"] = {"type": "MultiPoint", "coordinates": [[1, 2], [3, None], [5, 6]]}
    file = _file(tmp_path, _points(many))
    assert [str(item) for item in file.items if isinstance(item, Fault)] == [
        "feature 1, point 2: y is no number of pixels, got None"
    ]


def test_a_number_too_large_for_a_float_is_a_fault_of_its_feature(tmp_path):
    file = _file(tmp_path, _points(_point()).replace("1.0", "1e999"))
    assert "x is no number of pixels, got inf" in str(file.items[0])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"not json", "is not JSON"),
        (b'{"type": "FeatureCollection"}', "no list of features"),
        (b'{"features": 5}', "no list of features"),
        (b"3", "no list of features"),
        (b'{"type": "Point", "coordinates": [1, 2]}', "no list of features"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested"),
        ("[]".encode("utf-16"), "not UTF-8"),
        (b'[{"type": "Feature", "type": "Feature"}]', "'type' twice"),
        (b'[{"metadata": {"a": 1}, "metadata": {"a": 2}}]', "'metadata' twice"),
        (b"PK\x03\x04 zip", "zip archive; unpack it"),
        (b"\x1f\x8b\x08 torn", "gzip file is damaged"),
        (gzip.compress(b"[]" * 500, mtime=0)[:-20], "gzip file is damaged"),
    ],
)
def test_what_is_no_geojson_is_refused_with_the_reason(tmp_path, content, reason):
    with pytest.raises(LabelFileError, match=reason):
        _file(tmp_path, content)


def test_a_small_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.packing.MAX_BYTES", 2**20)
    with pytest.raises(LabelFileError, match="larger than 1 MiB"):
        _file(tmp_path, gzip.compress(b" " * 2**21), "s1.geojson.gz")


def test_more_points_than_the_limit_are_refused_however_they_are_packed(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.qupath.MAX_POINTS", 9)
    many = _point()
    many["geometry"] = {"type": "MultiPoint", "coordinates": [[n, n] for n in range(5)]}
    assert len(_file(tmp_path, _points(many)).items) == 5
    for features in ([many] * 2, [1] * 10, [_point(childObjects=[1] * 10)]):
        with pytest.raises(LabelFileError, match="more than 9 points; split the file"):
            _file(tmp_path, _points(*features))
    many["geometry"]["coordinates"] *= 2
    assert "more than 9 points" in str(_file(tmp_path, _points(many)).items[0])


def test_a_missing_file_is_said_in_one_sentence(tmp_path):
    with pytest.raises(LabelFileError, match="No such file or directory; give the path"):
        read_qupath(tmp_path / "absent.geojson")


BOUNDED = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=900, height_l0=700))
NAMESPACE = UUID("0f2f5a0c-5f6b-5c59-9a39-6a1d3c1e7b10")
GOLDEN = """\
{"type":"FeatureCollection",
"rimlight":{"version":1,"slide":"s1","slide_hash":"sha256 of s1","mpp":0.25,"frame":"bounds",\
"bounds":[100.0,200.0,900,700],"research_use_only":true},
"features":[
{"type":"Feature","id":"IDENTITY 1","geometry":{"type":"Point","coordinates":[200.0,-50.0]},\
"properties":{"objectType":"annotation","classification":{"names":["Tumor","3+"],\
"color":[200,50,50]},"isLocked":true,"metadata":{"rimlight.cell":"c30","rimlight.reader":"anna",\
"rimlight.time":"2026-03-01T10:00:00Z","rimlight.label":"s1-30-strong-anna"}}},
{"type":"Feature","id":"IDENTITY 2","geometry":{"type":"Point","coordinates":[300.0,0.0]},\
"properties":{"objectType":"annotation","classification":{"name":"Other","color":[255,200,0]},\
"isLocked":true,"metadata":{"rimlight.cell":"c40","rimlight.reader":"björn",\
"rimlight.time":"2026-03-01T10:00:00Z","rimlight.label":"s1-40-other-björn"}}}
]}
"""


def test_labels_are_written_as_this_golden_file(tmp_path):
    path = tmp_path / "s1.geojson"
    labels = [label_of(30, "strong"), label_of(40, "other", "björn")]
    assert write_qupath(path, labels, slide=BOUNDED) == 2
    text = path.read_text(encoding="utf-8")
    identities = [feature["id"] for feature in json.loads(text)["features"]]
    for number, identity in enumerate(identities, start=1):
        text = text.replace(identity, f"IDENTITY {number}")
    assert text == GOLDEN
    names = ["label/sha256 of s1/c30/anna", "label/sha256 of s1/c40/björn"]
    assert identities == [str(uuid5(NAMESPACE, name)) for name in names]


def test_an_object_keeps_its_id_when_its_label_is_corrected(tmp_path):
    ids = []
    for expression in ("weak", "strong"):
        write_qupath(tmp_path / "a.json", [label_of(1, expression)], slide=BOUNDED)
        ids.append(json.loads((tmp_path / "a.json").read_text())["features"][0]["id"])
    assert ids[0] == ids[1]


@pytest.mark.parametrize("name", ["a.geojson", "a.geojson.gz"])
@pytest.mark.parametrize("frame", [None, "bounds", "level0"])
def test_what_is_written_reads_back_in_its_frame(tmp_path, name, frame):
    labels = [
        label_of(number, expression) for number, expression in enumerate(list(Expression)[:6])
    ]
    write_qupath(tmp_path / name, labels, slide=BOUNDED, frame=frame)
    file = read_qupath(tmp_path / name)
    offset = (0, 0) if frame == "level0" else (100, 200)
    for item, label in zip(file.items, labels, strict=True):
        assert isinstance(item, PointRecord)
        x_l0, y_l0 = item.x + offset[0], item.y + offset[1]
        assert (x_l0, y_l0) == pytest.approx((label.cell.x_l0, label.cell.y_l0), abs=1e-6)
        assert expression_of_class(item.class_name) == label.expression
        assert (item.cell, item.reader) == (label.cell.cell_id, label.reader)
        assert (item.time, item.label_id) == (label.made_at, label.label_id)
    assert (file.slide, file.slide_hash) == ("s1", "sha256 of s1")
    assert file.frame == (frame or "bounds")


def test_a_packed_file_has_the_same_bytes_each_time_and_the_same_content(tmp_path):
    for name in ("a.geojson.gz", "b.geojson.gz", "c.geojson"):
        write_qupath(tmp_path / name, [label_of(1)], slide=BOUNDED)
    packed = (tmp_path / "a.geojson.gz").read_bytes()
    assert packed == (tmp_path / "b.geojson.gz").read_bytes()
    assert packed[4:8] == b"\0\0\0\0"  # where gzip keeps the time
    assert gzip.decompress(packed) == (tmp_path / "c.geojson").read_bytes()
    hashes = {read_qupath(path).content_hash for path in tmp_path.iterdir()}
    assert len(hashes) == 1


def test_a_label_of_another_slide_stops_the_file_before_it_has_a_name(tmp_path):
    labels = [label_of(1), label_of(2, slide_id="s2")]
    with pytest.raises(ValueError, match="is of s2"):
        write_qupath(tmp_path / "s1.geojson", labels, slide=BOUNDED)
    assert list(tmp_path.iterdir()) == []


ODDITIES = st.sampled_from(
    [b"NaN", b"1e999", b"null", b"[]", b"{}", b'""', b"true", b"-1", b"\xff", b'"\\ud800"', b"}"]
)


@given(content=st.sampled_from([V02, V03, V04, V06]), data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, content, data):
    mutant = bytearray(content.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(mutant)))
        mutant[place : place + data.draw(st.integers(0, 6))] = data.draw(
            ODDITIES | st.binary(max_size=3)
        )
    path = tmp_path_factory.mktemp("mutants") / "s1.geojson"
    path.write_bytes(mutant)
    try:
        file = read_qupath(path)
    except LabelFileError:
        return
    assert all(isinstance(item, Fault | PointRecord) for item in file.items)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "features", "geometry", "coordinates", "properties", "classification",
             "name", "names", "parentClass", "metadata", "childObjects", "plane", "rimlight"]
        ),
        inner | st.sampled_from(["Feature", "Point", "MultiPoint", "weak"]),
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(value=JSON)
def test_any_json_ends_in_points_faults_or_one_kind_of_error(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("any") / "s1.geojson"
    path.write_text(json.dumps(value))
    try:
        file = read_qupath(path)
    except LabelFileError:
        return
    assert all(isinstance(item, Fault | PointRecord) for item in file.items)
