"""Scores of regions and cores: their cells alone count, and a changed region is scored again."""

import shutil

import numpy as np
import pytest

from rimlight.core.regions import is_inside
from rimlight.io.formats.tables import read_table
from rimlight.io.regions import put_regions, withdraw_regions
from rimlight.io.runs import open_run, read_metrics
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.workflows import score_job
from rimlight.workflows.score import score
from rimlight.workflows.train import train
from small_studies import region_of

IDS = [f"0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a0{n}" for n in range(9)]


@pytest.fixture(scope="module")
def _scored_folder(_study_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("areas") / "study"
    shutil.copytree(_study_folder, folder, ignore=shutil.ignore_patterns("runs"))
    (folder / "runs").mkdir()
    settings = folder / "study.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("least_cells = 100", "least_cells = 10")
    text = text.replace("field_um = 128.0", "field_um = 50.0")
    settings.write_text(text.replace("n_resamples = 2000", "n_resamples = 100"), encoding="utf-8")
    train(open_study(folder), command="rimlight train")
    score(open_run(open_study(folder)))
    return folder


@pytest.fixture
def study(_scored_folder, tmp_path):
    """A copy of a study whose slides were scored without regions."""
    return open_study(shutil.copytree(_scored_folder, tmp_path / "study"))


@pytest.fixture
def run(study):
    return open_run(study)


def rows_of(run, name="scores.csv"):
    table = read_table(run.folder / name)
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def cells_of(run, slide):
    table = read_table_gz(run.folder / "scores" / f"{slide}.csv.gz")
    return {name: np.array(table[name], dtype=float) for name in ("x_l0", "y_l0", "call")} | {
        "excluded": np.array(table["excluded"])
    }


def read_table_gz(path):
    import csv
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as handle:
        rows = list(csv.reader(handle))
    return dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))


def box(info, left=0.0, top=0.0, right=1.0, bottom=1.0, **facts):
    """A region by its place as shares of the slide's sides."""
    x, y = (
        (left * info.width_l0, right * info.width_l0),
        (top * info.height_l0, bottom * info.height_l0),
    )
    ring = ((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))
    return region_of(info.slide_id, polygons=((ring,),), **facts)


def test_only_cells_inside_count_and_the_calls_are_the_same(run, study):
    info = slides(study.engine)[0]
    before = cells_of(run, info.slide_id)
    region = box(info, right=0.4, name="Left part")
    put_regions(study.engine, [region])
    section = score(run)
    after = cells_of(run, info.slide_id)
    inside = is_inside(region, before["x_l0"], before["y_l0"])
    assert 0 < inside.sum() < len(inside)
    assert (after["excluded"][~inside] == "outside_region").all()
    assert (after["excluded"][inside] == before["excluded"][inside]).all()
    assert (after["call"] == before["call"]).all()
    row, *others = rows_of(run)
    counted = inside & (before["excluded"] == "")
    assert int(row["n_positive"]) == int(before["call"][counted].sum())
    assert int(row["n_negative"]) == int((before["call"][counted] == 0).sum())
    assert int(row["n_outside_region"]) == int((~inside).sum())
    assert row["extent"] == "regions"
    assert any("1 of 9 slides have a region score" in w for w in section["warnings"])
    assert {other["extent"] for other in others} == {"slide"}
    (area,) = rows_of(run, "score_areas.csv")
    assert (area["slide"], area["area"], area["kind"]) == (info.slide_id, "Left part", "region")
    for name in ("value", "low", "high", "n_positive", "n_negative", "h_score"):
        assert area[name] == row[name]
    assert int(area["n_seen"]) == int(inside.sum())


def test_an_excluded_region_takes_its_cells_out_and_has_no_row(run, study):
    info = slides(study.engine)[0]
    before = cells_of(run, info.slide_id)
    hole = box(info, 0.3, 0.2, 0.8, 0.6, kind="exclude", name="Necrosis 1")
    put_regions(study.engine, [hole])
    section = score(run)
    after = cells_of(run, info.slide_id)
    inside = is_inside(hole, before["x_l0"], before["y_l0"])
    assert 0 < inside.sum() < len(inside)
    assert ((after["excluded"] == "outside_region") == inside).all()
    assert section["areas"] == []
    assert not (run.folder / "score_areas.csv").exists()
    assert rows_of(run)[0]["extent"] == "slide"


def test_every_core_has_its_row_its_case_and_its_part(run, study):
    first = slides(study.engine)[0]
    part = {row["case"]: row["part"] for row in rows_of(run)}
    seen = "hold-out" if part[first.case_id] == "train" else "train"
    other = next(case for case in part if part[case] == seen)
    put_regions(
        study.engine,
        [
            box(first, right=0.5, kind="core", name="A-1", region_id=IDS[0]),
            box(first, left=0.5, kind="core", name="A-2", region_id=IDS[1], case_id=other),
            box(first, left=0.5, kind="core", name="B-1", region_id=IDS[2], case_id="nobody's"),
            box(first, 0.9, 0.9, kind="core", name="B-2", region_id=IDS[3], is_missing=True),
        ],
    )
    section = score(run)
    rows = rows_of(run, "score_areas.csv")
    assert part[first.case_id] in ("train", "hold-out")
    assert [(row["area"], row["case"], row["part"]) for row in rows] == [
        ("A-1", first.case_id, part[first.case_id]),
        ("A-2", other, "train"),
        ("B-1", "nobody's", part[first.case_id]),
        ("B-2", first.case_id, part[first.case_id]),
    ]
    assert any("1 of 9 slides have cores of several cases" in w for w in section["warnings"])
    assert [row["kind"] for row in rows] == ["core"] * 4
    assert int(rows[0]["n_seen"]) + int(rows[1]["n_seen"]) == int(rows_of(run)[0]["n_seen"])
    missing = section["areas"][3]
    assert (missing["value"], missing["is_evaluable"]) == (None, False)
    assert missing["reason"] == "missing_core"
    assert rows_of(run)[0]["extent"] == "cores"


def test_regions_of_one_slide_are_no_business_of_another(run, study):
    first = slides(study.engine)[0]
    before = rows_of(run)[1]
    put_regions(study.engine, [box(first, right=0.4)])
    score(run)
    assert rows_of(run)[1] == before


def test_a_changed_region_scores_its_slide_again_and_a_withdrawn_one_as_before(
    run, study, monkeypatch
):
    done = []
    real = score_job.judged_cells

    def watched(task, **how):
        done.append(task.info.slide_id)
        return real(task, **how)

    monkeypatch.setattr(score_job, "judged_cells", watched)
    info = slides(study.engine)[2]
    before = (run.folder / "scores.csv").read_bytes()
    region = box(info, right=0.4)
    put_regions(study.engine, [region])
    score(run)
    score(run)
    assert done == [info.slide_id]
    assert (run.folder / "scores.csv").read_bytes() != before
    put_regions(study.engine, [box(info, right=0.5)])
    score(run)
    assert done == [info.slide_id] * 2
    withdraw_regions(study.engine, [region], reader="ben")
    score(run)
    assert done == [info.slide_id] * 3
    assert (run.folder / "scores.csv").read_bytes() == before
    assert read_metrics(run)["scores"]["areas"] == []


def test_a_region_without_cells_is_not_evaluable_and_never_0(run, study):
    info = slides(study.engine)[0]
    put_regions(study.engine, [box(info, right=0.002, bottom=0.002)])
    section = score(run)
    assert section["slides"][0]["value"] is None
    assert section["slides"][0]["reason"] == "no_tumour_cells"
    assert section["areas"][0]["reason"] == "no_tumour_cells"


def test_only_tiles_that_a_region_reaches_are_searched(run, study, monkeypatch):
    from rimlight.workflows import score_slide

    asked = []
    real = score_slide.candidate_tiles

    def watched(*given, **how):
        asked.append(how["is_wanted"])
        return real(*given, tile_um=60.0, **how)

    monkeypatch.setattr(score_slide, "candidate_tiles", watched)
    info = slides(study.engine)[0]
    put_regions(study.engine, [box(info, right=0.1, bottom=0.1)])
    score(run)
    assert len(cells_of(run, info.slide_id)["x_l0"]) < int(rows_of(run)[1]["n_seen"]) / 3
    assert not asked[0](info.width_l0 / 2, 0, info.width_l0, info.height_l0)
