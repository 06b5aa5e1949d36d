"""Slides to scores: counts that add up, one slide one unit, and no value where there is none."""

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from other_labels import with_others

from rimlight.cli.main import answered
from rimlight.errors import SettingsError, StudyError
from rimlight.io.formats.tables import read_table
from rimlight.io.inspection import fingerprint
from rimlight.io.runs import open_run, read_metrics
from rimlight.io.store import put_slides, slides
from rimlight.io.study import open_study
from rimlight.workflows import score_job
from rimlight.workflows.score import score
from rimlight.workflows.train import train

COUNTS = ("n_positive", "n_negative", "n_out_of_focus", "n_labelled_other", "n_called_other")


@pytest.fixture(scope="module")
def _trained_folder(_study_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("score") / "study"
    shutil.copytree(_study_folder, folder, ignore=shutil.ignore_patterns("runs"))
    (folder / "runs").mkdir()
    train(open_study(folder), command="rimlight train")
    settings = folder / "study.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("least_cells = 100", "least_cells = 20")
    text = text.replace("field_um = 128.0", "field_um = 50.0")
    text = text.replace("n_resamples = 2000", "n_resamples = 200")
    settings.write_text(text, encoding="utf-8")
    score(open_run(open_study(folder)))
    return folder


@pytest.fixture
def study(_trained_folder, tmp_path):
    """A copy of a study with a run whose slides were scored, that a test may change."""
    return open_study(shutil.copytree(_trained_folder, tmp_path / "study"))


@pytest.fixture
def run(study):
    return open_run(study)


@pytest.fixture(scope="module")
def scored(_trained_folder):
    """The scored run itself; tests only read it."""
    return open_run(open_study(_trained_folder))


def rows_of(run):
    table = read_table(run.folder / "scores.csv")
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def cells_of(run, slide):
    with gzip.open(run.folder / "scores" / f"{slide}.csv.gz", "rt", encoding="utf-8") as handle:
        lines = [line.rstrip("\n").split(",") for line in handle]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def features_of(run, slide):
    with gzip.open(run.folder / "scores" / f"{slide}.geojson.gz", "rb") as handle:
        return json.load(handle)["features"]


def test_every_cell_is_counted_once_and_the_counts_of_table_and_file_agree(scored):
    rows = rows_of(scored)
    assert len(rows) == 9
    for row in rows:
        parts = [int(row[name]) for name in (*COUNTS, "n_near_edge")]
        assert sum(parts) == int(row["n_seen"]) > 0
        cells = cells_of(scored, row["slide"])
        assert len(cells) == int(row["n_seen"])
        counted = [cell for cell in cells if not cell["excluded"]]
        positive = sum(cell["call"] == "1" for cell in counted)
        assert (positive, len(counted) - positive) == (
            int(row["n_positive"]),
            int(row["n_negative"]),
        )
        assert float(row["value"]) == pytest.approx(100 * positive / len(counted))
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"])


def test_qupath_counts_the_same_percentage_and_h_score(scored):
    for row in rows_of(scored):
        features = features_of(scored, row["slide"])
        assert all("color" in f["properties"]["classification"] for f in features)
        names = [f["properties"]["classification"].get("names") for f in features]
        found = [name[1] for name in names if name is not None and name[0] == "Tumor"]
        n_positive = sum(name != "Negative" for name in found)
        assert 100 * n_positive / len(found) == pytest.approx(float(row["value"]))
        if row["h_score"]:
            weight = {"Negative": 0, "1+": 1, "2+": 2, "3+": 3}
            h_score = 100 * sum(weight[name] for name in found) / len(found)
            assert h_score == pytest.approx(float(row["h_score"]))
        left_out = [
            f["properties"] for f in features if "names" not in f["properties"]["classification"]
        ]
        assert all(each["classification"]["name"] == "Ignore*" for each in left_out)
        assert all(each["metadata"]["rimlight.reason"] for each in left_out)


def test_points_for_qupath_lie_where_the_cells_lie(scored):
    slide = rows_of(scored)[0]["slide"]
    cells, features = cells_of(scored, slide), features_of(scored, slide)
    for cell, feature in zip(cells, features, strict=True):
        assert feature["geometry"]["coordinates"] == pytest.approx(
            [float(cell["x_l0"]), float(cell["y_l0"])], abs=1e-3
        )
        assert feature["properties"]["objectType"] == "detection"


def test_slides_of_training_cases_are_marked_as_seen(scored):
    parts = read_table(scored.folder / "parts.csv")
    part = dict(zip(parts["case"], parts["part"], strict=True))
    for row in rows_of(scored):
        assert row["part"] == part[row["case"]]
    warnings = " ".join(read_metrics(scored)["scores"]["warnings"])
    n_seen = sum(row["part"] != "hold-out" for row in rows_of(scored))
    assert f"{n_seen} of 9 slides are of cases seen in training" in warnings


def test_without_other_labels_the_result_says_that_every_candidate_counts(scored):
    section = read_metrics(scored)["scores"]
    assert "Every candidate was taken for a tumour cell" in section["sentences"][0]
    assert any("reader" in sentence for sentence in section["sentences"])


def test_every_key_of_the_section_and_column_of_the_tables_is_on_the_page(scored):
    words = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text(encoding="utf-8")
    section = read_metrics(scored)["scores"]
    keys = {
        *section,
        *section["slides"][0],
        *rows_of(scored)[0],
        *next(iter(section["profiles"].values())),
    }
    keys |= set(cells_of(scored, rows_of(scored)[0]["slide"])[0])
    assert sorted(key for key in keys if f"`{key}`" not in words) == []


def test_a_slide_is_not_scored_twice_until_something_it_stands_on_changes(run, study, monkeypatch):
    done = []
    real = score_job.judged_cells

    def watched(task, **how):
        done.append(str(task.info.slide_id))
        return real(task, **how)

    monkeypatch.setattr(score_job, "judged_cells", watched)
    before = (run.folder / "metrics.json").read_bytes(), (run.folder / "scores.csv").read_bytes()
    score(run)
    assert done == []
    assert before == (
        (run.folder / "metrics.json").read_bytes(),
        (run.folder / "scores.csv").read_bytes(),
    )
    first, second = (str(info.slide_id) for info in slides(study.engine)[:2])
    (run.folder / "scores" / f"{first}.geojson.gz").unlink()
    damaged = run.folder / "scores" / f"{second}.json"
    damaged.write_text(damaged.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    score(run)
    assert done == [first, second]
    assert (run.folder / "scores.csv").read_bytes() == before[1]
    score(run, slides=[first], assay="22c3-nsclc")
    assert done == [first, second, first]


def test_a_slide_that_is_damaged_is_named_and_the_others_are_scored(run, study):
    broken = slides(study.engine)[3]
    copy = study.folder / "broken.tiff"
    copy.write_bytes((study.folder / broken.path).read_bytes()[:20_000])
    put_slides(study.engine, [replace(broken, path=str(copy), fingerprint=fingerprint(copy))])
    section = score(run)
    assert [each["slide"] for each in section["failed"]] == [broken.slide_id]
    assert section["reasons"] == {"damaged_image": 1}
    (row,) = (row for row in rows_of(run) if row["slide"] == broken.slide_id)
    assert (row["is_evaluable"], row["value"], row["reason"]) == ("0", "", "damaged_image")
    assert len(rows_of(run)) == 9
    assert section["n_evaluable"] == 8


def test_too_few_cells_have_no_value_and_say_how_many_were_needed(run, study):
    settings = study.folder / "study.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("least_cells = 20", "least_cells = 5000"), encoding="utf-8")
    first = str(slides(study.engine)[0].slide_id)
    section = score(run, slides=[first])
    (row,) = section["slides"]
    assert (row["value"], row["reason"], row["shown"]) == (
        None,
        "too_few_tumour_cells",
        "not evaluable",
    )
    assert "5000" in row["words"]
    assert row["n_positive"] + row["n_negative"] > 0


def test_a_profile_gives_band_and_borderline_and_says_that_nobody_checked_it(run, study):
    first = str(slides(study.engine)[0].slide_id)
    section = score(run, slides=[first], assay="22c3-nsclc")
    (row,) = section["slides"]
    warnings = " ".join(section["warnings"])
    assert "profile not checked: 22c3-nsclc" in warnings
    assert "scored by the profile 22c3-nsclc" in warnings
    second, third = (str(info.slide_id) for info in slides(study.engine)[1:3])
    assert "8 slides were scored before, by another profile" in warnings
    assert f"until they are scored again: {second}, {third}" in warnings
    if row["is_evaluable"]:
        bands = ["< 1", "1-49", ">= 50"]
        assert row["band"] == bands[(row["value"] >= 1) + (row["value"] >= 50)]
        crossed = [cut for cut in (1, 50) if row["low"] < cut <= row["high"]]
        assert row["borderline"] == crossed
    else:
        assert row["reason"] == "too_few_tumour_cells"
    (row,) = score(run, slides=[first], assay="22c3-cps-1")["slides"]
    assert (row["value"], row["reason"]) == (None, "no_immune_cell_class")


def test_the_command_ends_well_or_with_code_2_where_a_slide_failed(run, study, capsys):
    assert answered(["score", str(study.folder)]) == 0
    out, page = capsys.readouterr().out, run.folder / "report.html"
    assert "research use only" in out.lower()
    assert out.splitlines()[-1] == f"report: {page}"
    html = page.read_text(encoding="utf-8")
    assert "Scores of whole slides" in html
    assert html.count("cells that count, by call") == 9  # a picture of each slide
    broken = slides(study.engine)[0]
    (study.folder / "gone.tiff").write_bytes(b"nothing")
    put_slides(study.engine, [replace(broken, path=str(study.folder / "gone.tiff"))])
    first, second = (str(info.slide_id) for info in slides(study.engine)[:2])
    (run.folder / "scores" / f"{first}.json").unlink()
    assert answered(["score", str(study.folder), "--slides", f"{first},{second}", "--json"]) == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"] is False
    assert facts["report"] == str(page)
    assert html != page.read_text(encoding="utf-8")
    assert [each["slide"] for each in facts["scores"]["failed"]] == [first]


def test_a_wrong_slide_or_profile_is_refused_before_anything_is_written(run):
    before = (run.folder / "scores.csv").read_bytes()
    with pytest.raises(StudyError, match="synthetic-01-1"):
        score(run, slides=["nothing"])
    with pytest.raises(SettingsError, match="research"):
        score(run, assay="nothing")
    assert (run.folder / "scores.csv").read_bytes() == before


def test_a_slide_in_other_colours_is_the_wrong_stain_and_has_no_value(run, study, tmp_path):
    from rimlight.io.pyramids import write_pyramid

    info = slides(study.engine)[0]
    random = np.random.default_rng(0)
    eosin = random.gamma(2, 0.3, (800, 880, 1)) * np.array([0.07, 0.99, 0.11])
    rgb = np.rint(240 * 10**-eosin).clip(0, 255).astype(np.uint8)
    path = study.folder / "eosin.tiff"
    write_pyramid(path, rgb, mpp=0.25, quality=85)
    changed = replace(
        info, path=str(path), fingerprint=fingerprint(path), white=(240.0, 240.0, 240.0)
    )
    put_slides(study.engine, [changed])
    (row,) = (
        r for r in score(run, slides=[str(info.slide_id)])["slides"] if r["slide"] == info.slide_id
    )
    assert (row["reason"], row["value"]) == ("wrong_stain", None)


def test_a_slide_that_is_blurred_all_over_is_not_evaluable(run, study):
    from scipy.ndimage import gaussian_filter

    from rimlight.io.pyramids import write_pyramid
    from rimlight.io.slides import open_slide
    from rimlight.records import Box

    info = slides(study.engine)[0]
    box = Box(left_l0=0, top_l0=0, width_l0=800, height_l0=800)
    with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
        rgb = slide.read_patch(box, size_px=800, white=info.white)
    found = {}
    for sigma_um in (0.0, 2.0):
        path = study.folder / f"blurred-{sigma_um}.tiff"
        soft = gaussian_filter(rgb.astype(np.float32), (sigma_um / 0.25, sigma_um / 0.25, 0))
        write_pyramid(path, np.rint(soft).astype(np.uint8), mpp=0.25, quality=85)
        put_slides(study.engine, [replace(info, path=str(path), fingerprint=fingerprint(path))])
        section = score(run, slides=[str(info.slide_id)])
        found[sigma_um] = next(r for r in section["slides"] if r["slide"] == info.slide_id)
    assert found[0.0]["is_evaluable"]
    assert (found[2.0]["reason"], found[2.0]["value"]) == ("image_quality", None)


def test_other_labels_teach_what_is_no_tumour_cell_and_the_sum_still_holds(
    run, study, synthetic_folder
):
    labels = with_others(study, synthetic_folder)
    section = score(run)
    assert "learned from" in section["sentences"][0]
    rows = rows_of(run)
    assert sum(int(row["n_called_other"]) for row in rows) > 50
    for row in rows:
        assert sum(int(row[name]) for name in (*COUNTS, "n_near_edge")) == int(row["n_seen"])
        inside = [label for label in labels if label.cell.slide_id == row["slide"]]
        assert int(row["n_labelled_other"]) <= 2 * len(inside)
    assert sum(int(row["n_labelled_other"]) for row in rows) > 20
