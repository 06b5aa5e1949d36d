"""Scored cells in QuPath: classes it counts by, colours always, places from the slide's bounds."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.formats.qupath_collection import object_id
from rimlight.io.formats.qupath_scores import (
    ScoredCells,
    read_qupath_scores,
    write_qupath_scores,
)
from rimlight.records import Box
from small_studies import slide_info

GOLDEN = Path(__file__).parent / "golden" / "scores.qupath.geojson"
BOUNDED = slide_info(bounds=Box(left_l0=40, top_l0=7.5, width_l0=900, height_l0=500))
REASONS = ("", "near_edge", "called_other")


def cells(level, reason, *, has_levels=True) -> ScoredCells:
    n = len(level)
    return ScoredCells(
        x_l0=np.arange(n) * 10.0 + 100,
        y_l0=np.arange(n) * 3.0 + 50,
        logit=np.linspace(-3, 3, n),
        probability=np.linspace(0.1, 0.9, n),
        od_ring=np.where(np.arange(n) % 2, 0.25, np.nan),
        level=np.array(level),
        reason=np.array(reason),
        reasons=REASONS,
        has_levels=has_levels,
    )


def written(path, found, slide):
    assert write_qupath_scores(path, found, slide=slide) == len(found)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        return json.load(handle)


def test_levels_become_the_classes_that_qupath_scores_by(tmp_path):
    data = written(tmp_path / "a.geojson.gz", cells([0, 1, 2, 3, 3], [0, 0, 0, 0, 2]), slide_info())
    found = [feature["properties"] for feature in data["features"]]
    names = [each["classification"].get("names") for each in found]
    assert names == [["Tumor", "Negative"], ["Tumor", "1+"], ["Tumor", "2+"], ["Tumor", "3+"], None]
    assert found[4]["classification"]["name"] == "Ignore*"
    assert found[4]["metadata"] == {"rimlight.reason": "called_other"}
    assert all(len(each["classification"]["color"]) == 3 for each in found)
    assert all(each["objectType"] == "detection" for each in found)


def test_without_levels_positive_cells_are_positive(tmp_path):
    found = cells([0, 1], [0, 0], has_levels=False)
    data = written(tmp_path / "a.geojson", found, slide_info())
    names = [f["properties"]["classification"]["names"][1] for f in data["features"]]
    assert names == ["Negative", "Positive"]


def test_a_density_that_was_not_measured_is_left_out_never_null(tmp_path):
    data = written(tmp_path / "a.geojson", cells([0, 1], [0, 0]), slide_info())
    first, second = (f["properties"]["measurements"] for f in data["features"])
    assert "rimlight: ring DAB OD" not in first
    assert second["rimlight: ring DAB OD"] == 0.25
    assert second["rimlight: probability"] == pytest.approx(0.9)


def test_x_and_y_count_from_the_bounds_that_qupath_crops_to(tmp_path):
    slide = slide_info(bounds=Box(left_l0=40, top_l0=7, width_l0=900, height_l0=500))
    data = written(tmp_path / "a.geojson", cells([0, 1], [0, 0]), slide)
    assert [f["geometry"]["coordinates"] for f in data["features"]] == [[60, 43], [70, 46]]
    assert data["rimlight"]["frame"] == "bounds"


def test_the_same_cells_give_the_same_bytes_and_every_object_its_own_id(tmp_path):
    first, second = tmp_path / "a.geojson.gz", tmp_path / "b.geojson.gz"
    data = written(first, cells([0, 1, 2], [0, 0, 0]), slide_info())
    written(second, cells([0, 1, 2], [0, 0, 0]), slide_info())
    assert first.read_bytes() == second.read_bytes()
    assert len({feature["id"] for feature in data["features"]}) == 3


def test_scored_cells_are_written_as_this_golden_file(tmp_path):
    write_qupath_scores(tmp_path / "a.geojson", cells([0, 1, 2, 3], [0, 0, 2, 0]), slide=BOUNDED)
    assert (tmp_path / "a.geojson").read_text() == GOLDEN.read_text()


def test_what_was_written_comes_back(tmp_path):
    for has_levels in (True, False):
        levels = [0, 1, 3, 2, 1] if has_levels else [0, 1, 1, 0, 1]
        there = replace(cells(levels, [0, 0, 0, 2, 1], has_levels=has_levels), reasons=REASONS)
        path = tmp_path / "a.geojson.gz"
        write_qupath_scores(path, there, slide=BOUNDED)
        back, header = read_qupath_scores(path)
        assert (header["slide_hash"], header["frame"]) == (BOUNDED.fingerprint, "bounds")
        np.testing.assert_allclose(back.x_l0 + 40, there.x_l0, atol=1e-6)
        np.testing.assert_allclose(back.y_l0 + 7.5, there.y_l0, atol=1e-6)
        np.testing.assert_array_equal(back.logit, there.logit)
        np.testing.assert_allclose(back.probability, there.probability, atol=1e-6)
        np.testing.assert_array_equal(back.od_ring, there.od_ring)
        counts = there.reason == 0
        np.testing.assert_array_equal(back.level[counts], there.level[counts])
        np.testing.assert_array_equal(back.level[~counts], there.logit[~counts] > 0)
        assert [back.reasons[n] for n in back.reason] == [there.reasons[n] for n in there.reason]
        assert back.has_levels is has_levels


@given(
    numbers=st.lists(
        st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, 1e-9, 1e16, 5e-324]),
        min_size=4,
        max_size=4,
    )
)
def test_every_line_is_to_the_byte_what_the_json_module_writes(tmp_path_factory, numbers):
    x, y, logit, od = numbers
    one = [np.array([value]) for value in (x, y, logit, 0.123456789, od)]
    names = ("x_l0", "y_l0", "logit", "probability", "od_ring")
    found = replace(cells([2], [0]), **dict(zip(names, one, strict=True)))
    path = tmp_path_factory.mktemp("lines") / "a.geojson"
    write_qupath_scores(path, found, slide=BOUNDED)
    line = path.read_text().splitlines()[3]
    feature = {
        "type": "Feature",
        "id": object_id(f"score/{BOUNDED.fingerprint}/{x:.2f}/{y:.2f}"),
        "geometry": {"type": "Point", "coordinates": [round(x - 40, 6), round(y - 7.5, 6)]},
        "properties": {
            "objectType": "detection",
            "classification": {"names": ["Tumor", "2+"], "color": [225, 150, 50]},
            "measurements": {
                "rimlight: probability": 0.123457,
                "rimlight: logit": logit,
                "rimlight: ring DAB OD": round(od, 6),
            },
        },
    }
    assert line == json.dumps(feature, separators=(",", ":"))


def test_a_number_that_is_none_is_never_written(tmp_path):
    found = replace(cells([0, 1], [0, 0]), logit=np.array([0.0, np.inf]))
    with pytest.raises(ValueError, match="logit: not all finite"):
        write_qupath_scores(tmp_path / "a.geojson", found, slide=slide_info())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "feature",
    [
        5,
        {"geometry": {"coordinates": [1, 2]}, "properties": {"measurements": {}}},
        {"geometry": {"coordinates": [1]}, "properties": {"measurements": {}}},
        {"geometry": None, "properties": None},
        {
            "geometry": {"coordinates": [1, 2]},
            "properties": {
                "classification": "Stroma",
                "measurements": {"rimlight: logit": 1, "rimlight: probability": 0.5},
            },
        },
    ],
)
def test_another_file_of_qupath_is_no_file_of_scored_cells(tmp_path, feature):
    (tmp_path / "a.json").write_text(json.dumps({"features": [feature]}))
    with pytest.raises(LabelFileError, match="feature 1: is no scored cell of rimlight"):
        read_qupath_scores(tmp_path / "a.json")
