"""Scored cells in QuPath: classes it counts by, colours always, places from the slide's bounds."""

import gzip
import json

import numpy as np
import pytest

from rimlight.io.formats.qupath_scores import ScoredCells, write_qupath_scores
from rimlight.records import Box
from small_studies import slide_info

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
