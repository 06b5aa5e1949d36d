"""GeoJSON of any length is read a feature at a time, within the limits of one."""

import json

import pytest

from rimlight.errors import LabelFileError
from rimlight.io.formats.qupath import read_qupath


def _file(tmp_path, content):
    path = tmp_path / "s1.geojson"
    path.write_text(content)
    return read_qupath(path)


def _points(*features):
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def _point(x=1.0, **properties):
    geometry = {"type": "Point", "coordinates": [x, 2.0]}
    properties = {"classification": "weak"} | properties
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_a_feature_of_more_objects_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.json_stream._CHUNK_BYTES", 8)
    monkeypatch.setattr("rimlight.io.formats.json_stream.MAX_OBJECTS", 9)
    assert len(_file(tmp_path, _points(*[_point()] * 5)).items) == 5
    with pytest.raises(LabelFileError, match="a value of more than 9 objects"):
        _file(tmp_path, '[{"a": [' + "{}," * 200 + "{}]}]")


def test_a_file_is_read_a_feature_at_a_time(tmp_path, monkeypatch):
    whole = _file(tmp_path, _points(*[_point(n) for n in range(50)]))
    monkeypatch.setattr("rimlight.io.formats.json_stream._CHUNK_BYTES", 64)
    monkeypatch.setattr("rimlight.io.formats.qupath_features.MAX_FEATURE_CHARACTERS", 300)
    assert _file(tmp_path, _points(*[_point(n) for n in range(50)])) == whole
    with pytest.raises(LabelFileError, match="more than 300 characters"):
        _file(tmp_path, _points(_point(), _point(name="x" * 600)))


def test_the_header_counts_wherever_it_stands(tmp_path):
    header = {"frame": "bounds", "slide": "s1", "slide_hash": "abc"}
    for data in (
        {"rimlight": header, "features": []},
        {"features": [_point()], "rimlight": header},
    ):
        file = _file(tmp_path, json.dumps(data))
        assert (file.frame, file.slide, file.slide_hash) == ("bounds", "s1", "abc")
