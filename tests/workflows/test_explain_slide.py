"""Cells of scored slides explained: as held-out cells are, at their places, part by part."""

import gzip
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from rimlight.cli.main import answered
from rimlight.errors import RunError
from rimlight.io.formats.qupath import Area
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.formats.tables import read_table
from rimlight.io.regions import put_regions
from rimlight.io.runs import open_run
from rimlight.io.store import put_slides, slides
from rimlight.io.study import open_study
from rimlight.records import Box, ReaderId, Region, RegionId, RegionKind
from rimlight.workflows import explain_slide as verb
from rimlight.workflows.cell_choice import CellChoice
from rimlight.workflows.explain import study_of
from rimlight.workflows.explain_slide import explain_slide
from rimlight.workflows.explained_files import COLUMNS
from rimlight.workflows.explained_parts import Part
from rimlight.workflows.slide_cells import (
    name_of,
)

ALL = CellChoice(cells="all", most=10)


@pytest.fixture
def run(scored_folder, tmp_path):
    """A run with two scored slides, that a test may change."""
    return open_run(open_study(shutil.copytree(scored_folder, tmp_path / "study")))


def first_slides(run):
    return slides(study_of(run).engine)[:2]


def cells_of(run, info):
    return read_scored_cells(run.folder / "scores" / f"{info.slide_id}.csv.gz")


def home(run):
    return run.folder / "explained_slides"


def map_of(run, info):
    with tifffile.TiffFile(home(run) / f"{info.slide_id}.attribution.ome.tiff") as tiff:
        return tiff.series[0].levels[0].asarray(), tiff.ome_metadata


def rows_of(run, info):
    table = read_table(home(run) / f"{info.slide_id}.cells.csv")
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def features_of(run, info):
    with gzip.open(home(run) / f"{info.slide_id}.outlines.geojson.gz", "rb") as file:
        return json.load(file)["features"]


@pytest.fixture
def made_up(monkeypatch):
    """Parts that cost nothing: the map of each cell is its row; returns the calls of them."""
    calls = []

    def part(subject, rows, *, path, on_cells):
        calls.append(rows.tolist())
        on_cells(len(rows))
        return made_up_part(subject, rows)

    monkeypatch.setattr(verb, "explained_part", part)
    monkeypatch.setattr(verb, "CELLS_A_PART", 4)
    return calls


def made_up_part(subject, rows):
    cells = subject.cells
    x, y = cells.x_l0[rows], cells.y_l0[rows]
    values = np.tile(rows[:, None, None].astype(np.float32), (1, 64, 64))
    names = [name_of(*place) for place in zip(x, y, strict=True)]
    facts = [
        dict.fromkeys(COLUMNS)
        | {"cell": name, "slide": "s", "call": 1, "is_converged": 1, "reason": "", "x_l0": at[0]}
        for name, at in zip(names, np.column_stack([x, y]).tolist(), strict=True)
    ]
    areas = [
        Area(
            name=name,
            class_name="Contributing pixels: weak",
            colour=(255, 215, 0),
            polygons=((((a, b), (a + 4, b), (a + 4, b + 8), (a, b)),),),
            measurements={"Logit": 1.0},
        )
        for name, a, b in zip(names, x.tolist(), y.tolist(), strict=True)
    ]
    return Part(rows=rows, x_l0=x, y_l0=y, values=values, facts=facts, areas=areas)


def test_a_region_that_was_stored_keeps_the_cells_within_it(run, made_up):
    info = first_slides(run)[0]
    corners = ((0.0, 0.0), (500.0, 0.0), (500.0, 9999.0), (0.0, 9999.0))
    left = Region(
        region_id=RegionId("r1"),
        slide_id=info.slide_id,
        name="left",
        kind=RegionKind.INCLUDE,
        polygons=((corners,),),
        reader=ReaderId(""),
        source="",
    )
    put_regions(study_of(run).engine, [left])
    choice = CellChoice(cells="all", region="left")
    (record,) = explain_slide(run, [str(info.slide_id)], choice=choice)["slides"]
    cells = cells_of(run, info)
    assert 0 < record["n_cells"] == ((cells.reason == 0) & (cells.x_l0 < 500)).sum()
    assert max(float(row["x_l0"] or 0) for row in rows_of(run, info)) < 500


def test_the_map_of_a_cell_lies_around_it_and_sums_to_the_rise(run):
    info = first_slides(run)[0]
    cells = cells_of(run, info)
    inside = (cells.reason == 0) & (cells.x_l0 > cells.y_l0 + 60)
    row = int(np.flatnonzero(inside)[0])
    name = name_of(cells.x_l0[row], cells.y_l0[row])
    found = explain_slide(run, [str(info.slide_id)], choice=CellChoice(cells=(name,)))
    (told,) = rows_of(run, info)
    assert told["cell"] == name
    assert float(told["logit"]) == pytest.approx(cells.logit[row], rel=1e-6)
    values, xml = map_of(run, info)
    assert "attribution [logits per pixel]" in xml
    step = found["slides"][0]["map"]["step_l0"]
    assert values.shape == (-(-info.height_l0 // step), -(-info.width_l0 // step))
    rows, columns = np.nonzero(~np.isnan(values))
    assert (columns.mean() + 0.5) * step == pytest.approx(cells.x_l0[row])
    assert (rows.mean() + 0.5) * step == pytest.approx(cells.y_l0[row])
    assert len(rows) == 64 * 64
    summed = np.nansum(values.astype(float))
    assert summed == pytest.approx(float(told["rise"]) + float(told["gap"]), rel=1e-4, abs=1e-4)


def test_files_and_record_tell_of_the_same_cells(run):
    info = first_slides(run)[0]
    (record,) = explain_slide(run, [str(info.slide_id)], choice=ALL)["slides"]
    rows = rows_of(run, info)
    assert len(rows) == record["n_cells"] == 10
    is_outlined = [row["cell"] for row in rows if not row["reason"]]
    assert sorted(f["properties"]["name"] for f in features_of(run, info)) == sorted(is_outlined)
    assert record["n_outlined"] == len(is_outlined)
    assert sum(record["reasons"].values()) == 10 - len(is_outlined)
    assert record["n_not_converged"] == sum(row["is_converged"] == "0" for row in rows)
    assert json.loads((home(run) / f"{info.slide_id}.json").read_text()) == record
    assert not list(home(run).glob(".*"))


def test_where_patches_overlap_each_pixel_is_of_the_nearest_cell(run, made_up):
    info = first_slides(run)[0]
    explain_slide(run, [str(info.slide_id)], choice=CellChoice(cells="all"))
    assert len(made_up) > 2
    values, _ = map_of(run, info)
    cells = cells_of(run, info)
    shown = np.sort(np.concatenate(made_up))
    row, column = np.mgrid[: values.shape[0], : values.shape[1]] * 2.0 + 1  # middles on level 0
    far = np.hypot(row[..., None] - cells.y_l0[shown], column[..., None] - cells.x_l0[shown])
    order = np.sort(far, axis=-1)
    is_clear = (order[..., 0] < 60) & (order[..., 1] - order[..., 0] > 1e-6)
    np.testing.assert_array_equal(values[is_clear], shown[far.argmin(axis=-1)][is_clear])


def test_map_and_outlines_lie_right_on_a_slide_that_qupath_crops(run, made_up):
    info = first_slides(run)[0]
    bounds = Box(left_l0=37, top_l0=101, width_l0=700, height_l0=500)
    put_slides(study_of(run).engine, [replace(info, bounds=bounds)])
    cells = cells_of(run, info)
    row = int(np.flatnonzero((abs(cells.x_l0 - 500) < 60) & (abs(cells.y_l0 - 350) < 60))[0])
    x_l0, y_l0 = cells.x_l0[row], cells.y_l0[row]
    choice = CellChoice(cells=(name_of(x_l0, y_l0),))
    (record,) = explain_slide(run, [str(info.slide_id)], choice=choice)["slides"]
    values, xml = map_of(run, info)
    place = record["map"]
    assert (place["left_l0"], place["top_l0"]) == (36, 100)
    rows, columns = np.nonzero(~np.isnan(values))
    assert place["left_l0"] + (columns.mean() + 0.5) * place["step_l0"] == x_l0
    assert place["top_l0"] + (rows.mean() + 0.5) * place["step_l0"] == y_l0
    assert place["qupath_affine"] == [2, 0, -1, 0, 2, -1]
    assert (place["overlay"]["x"], place["overlay"]["y"]) == (-1, -1)
    assert 'PositionX="-0.25"' in xml
    (feature,) = features_of(run, info)
    assert feature["geometry"]["coordinates"][0][0] == [x_l0 - 37, y_l0 - 101]


def test_a_slide_that_was_stopped_goes_on_with_the_parts_it_has(run, made_up, monkeypatch):
    info = first_slides(run)[0]
    ready = verb.explained_part

    def stopped(subject, rows, **how):
        if len(made_up) == 2:
            raise KeyboardInterrupt
        return ready(subject, rows, **how)

    monkeypatch.setattr(verb, "explained_part", stopped)
    with pytest.raises(KeyboardInterrupt):
        explain_slide(run, [str(info.slide_id)], choice=ALL)
    assert not (home(run) / f"{info.slide_id}.json").exists()
    monkeypatch.setattr(verb, "explained_part", ready)
    seen = []
    explain_slide(
        run, [str(info.slide_id)], choice=ALL, progress=lambda what, *n: seen.append((what, *n))
    )
    assert [len(rows) for rows in made_up] == [4, 4, 2]
    assert seen[-1] == ("explain", 2, 2)
    broken = {path.name: path.read_bytes() for path in home(run).iterdir()}
    shutil.rmtree(home(run))
    explain_slide(run, [str(info.slide_id)], choice=ALL)
    assert {path.name: path.read_bytes() for path in home(run).iterdir()} == broken


def test_what_is_explained_is_not_explained_again_unless_more_is_asked(run, made_up):
    info = first_slides(run)[0]
    first = explain_slide(run, [str(info.slide_id)], choice=ALL)
    n_calls = len(made_up)
    assert explain_slide(run, [str(info.slide_id)], choice=ALL) == first
    assert len(made_up) == n_calls
    explain_slide(run, [str(info.slide_id)], choice=replace(ALL, most=11))
    assert len(made_up) > n_calls


def test_maps_that_did_not_reach_completeness_are_left_out_and_told(run, made_up, monkeypatch):
    info = first_slides(run)[0]
    ready = verb.explained_part

    def part(subject, rows, **how):
        made = ready(subject, rows, **how)
        made.values[0] = np.nan
        made.facts[0] |= {"is_converged": 0, "reason": "map not converged"}
        return replace(made, areas=made.areas[1:])

    monkeypatch.setattr(verb, "explained_part", part)
    (record,) = explain_slide(run, [str(info.slide_id)], choice=ALL)["slides"]
    assert record["n_not_converged"] == 3
    assert record["reasons"] == {"map not converged": 3}
    values, _ = map_of(run, info)
    assert not np.isin([rows[0] for rows in made_up], values).any()
    assert np.isin([rows[1] for rows in made_up], values).all()


def test_few_outlines_are_annotations_and_many_are_detections(run, made_up, monkeypatch):
    info = first_slides(run)[0]
    for most, kind in ((500, "annotation"), (9, "detection")):
        monkeypatch.setattr("rimlight.workflows.explained_files.MOST_ANNOTATIONS", most)
        shutil.rmtree(home(run), ignore_errors=True)
        (record,) = explain_slide(run, [str(info.slide_id)], choice=ALL)["slides"]
        assert record["objects"]["kind"] == kind
        assert {f["properties"]["objectType"] for f in features_of(run, info)} == {kind}


def test_no_cell_to_explain_gives_empty_files(run, made_up):
    info = first_slides(run)[0]
    text = "x_l0,y_l0,logit,probability,call,level,od_ring,excluded\n4,4,-2,0.1,0,0,0.1,\n"
    with gzip.open(run.folder / "scores" / f"{info.slide_id}.csv.gz", "wt") as file:
        file.write(text)
    (record,) = explain_slide(run, [str(info.slide_id)])["slides"]
    assert record["n_cells"] == 0
    assert features_of(run, info) == []
    assert np.isnan(map_of(run, info)[0]).all()
    assert record["picture"] is None


def test_a_damaged_slide_does_not_stop_the_others(run, made_up):
    bad, good = first_slides(run)
    study = study_of(run)
    put_slides(study.engine, [replace(bad, path="/nowhere/a.tiff")])
    found = explain_slide(run, [str(bad.slide_id), str(good.slide_id)], choice=ALL)
    assert [record["slide"] for record in found["slides"]] == [str(good.slide_id)]
    assert [problem["slide"] for problem in found["failed"]] == [str(bad.slide_id)]
    assert "/nowhere/a.tiff" in found["failed"][0]["words"]


def test_the_price_is_told_once_by_the_first_cells(run, made_up):
    told = []
    names = [str(info.slide_id) for info in first_slides(run)]
    explain_slide(run, names, choice=ALL, on_price=lambda n, seconds: told.append((n, seconds)))
    assert len(told) == 1
    assert told[0][0] == 20 - 4
    assert told[0][1] >= 0


def test_a_slide_that_is_not_scored_is_one_clear_sentence(run):
    other = slides(study_of(run).engine)[2]
    with pytest.raises(RunError, match=r"is not scored.*run rimlight score"):
        explain_slide(run, [str(other.slide_id)])


def test_the_command_tells_what_was_explained(run, made_up, capsys):
    info = first_slides(run)[0]
    folder = str(run.folder.parent.parent)
    code = answered(
        ["explain-slide", folder, "--slides", str(info.slide_id), "--cells", "all", "--most", "10"]
    )
    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("Research use only.")
    assert "10 cells explained, 10 called positive, 10 outlined" in out
    assert answered(["maps", folder, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [record["slide"] for record in facts["slides"]] == [
        str(each.slide_id) for each in first_slides(run)
    ]
