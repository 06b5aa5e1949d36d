"""Maps of scored slides: each value at its cell's place, also where QuPath crops the slide."""

import gzip
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from rimlight.errors import RunError, StudyError
from rimlight.io.pyramids import write_pyramid
from rimlight.io.runs import create_run
from rimlight.records import Box
from rimlight.workflows.slide_maps import _score_words, slide_maps
from scenes import blank
from small_studies import slide_info, study_of

HEADER = "x_l0,y_l0,logit,probability,call,level,od_ring,excluded"
BOUNDS = Box(left_l0=37, top_l0=101, width_l0=1500, height_l0=700)


def scored_run(folder, *rows, **facts):
    """A run with one scored slide of 2000 x 1000 px at 0.25 um, without the slide's file."""
    study = study_of(folder, slide_info(**facts))
    run = create_run(study, command="rimlight train")
    write_scores(run, *rows)
    return run


def write_scores(run, *rows, slide="s1"):
    home = run.folder / "scores"
    home.mkdir(exist_ok=True)
    text = "\n".join([HEADER, *rows]) + "\n"
    with gzip.open(home / f"{slide}.csv.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    score = {
        "is_evaluable": True,
        "score": "TPS",
        "shown": "50 %",
        "low": 40.0,
        "high": 60.0,
        "n_positive": 5,
        "n_negative": 5,
    }
    (home / f"{slide}.json").write_text(json.dumps({"made_from": "x", "score": score}))


def cell(x, y, probability=0.9, od=0.4, level=2, excluded=""):
    call = int(probability > 0.5)
    return f"{x},{y},{4 * probability - 2},{probability},{call},{level},{od},{excluded}"


def map_of(run, name, slide="s1"):
    path = run.folder / "slide_maps" / f"{slide}.{name}.ome.tiff"
    with tifffile.TiffFile(path) as tiff:
        return tiff.series[0].levels[0].asarray(), tiff.ome_metadata


def place_of(record, name):
    return next(each for each in record["maps"] if name in each["file"])


def at_level_0(values, place):
    """The middle of all that has a value, as x and y on level 0."""
    rows, columns = np.nonzero(~np.isnan(values))
    step = place["step_l0"]
    return (
        place["left_l0"] + (columns.mean() + 0.5) * step,
        place["top_l0"] + (rows.mean() + 0.5) * step,
    )


@pytest.mark.parametrize("facts", [{}, {"bounds": BOUNDS}], ids=["whole", "bounds"])
@pytest.mark.parametrize("name", ["probability", "membrane-od"])
def test_a_cell_lies_on_the_map_where_it_lies_on_the_slide(tmp_path, name, facts):
    run = scored_run(tmp_path / "study", cell(1404, 300), **facts)
    (record,) = slide_maps(run)
    values, _ = map_of(run, name)
    place = place_of(record, name)
    assert values.shape == (place["rows"], place["columns"])
    assert values.shape[1] > values.shape[0]
    x_l0, y_l0 = at_level_0(values, place)
    assert abs(x_l0 - 1404) <= place["step_l0"] / 2
    assert abs(y_l0 - 300) <= place["step_l0"] / 2


def test_values_are_those_of_the_cell(tmp_path):
    run = scored_run(tmp_path / "study", cell(1404, 300, 0.25, 0.75, level=0))
    slide_maps(run)
    for name, value in (("probability", 0.25), ("membrane-od", 0.75)):
        values, _ = map_of(run, name)
        assert set(values[~np.isnan(values)].tolist()) == {value}


def test_qupath_finds_the_map_at_the_place_that_its_record_says(tmp_path):
    run = scored_run(tmp_path / "study", cell(1404, 300), bounds=BOUNDS)
    (record,) = slide_maps(run)
    values, xml = map_of(run, "probability")
    place = place_of(record, "probability")
    scale, _, left, _, _, top = place["qupath_affine"]
    rows, columns = np.nonzero(~np.isnan(values))
    x_qupath, y_qupath = left + (columns.mean() + 0.5) * scale, top + (rows.mean() + 0.5) * scale
    assert abs(x_qupath - (1404 - BOUNDS.left_l0)) <= scale / 2
    assert abs(y_qupath - (300 - BOUNDS.top_l0)) <= scale / 2
    assert 'PhysicalSizeX="2.0"' in xml
    assert 'PositionX="0.0"' in xml


def test_the_overlay_shows_a_cell_where_qupath_has_it_and_nothing_elsewhere(tmp_path):
    run = scored_run(tmp_path / "study", cell(1404, 300), bounds=BOUNDS)
    (record,) = slide_maps(run)
    overlay = place_of(record, "probability")["overlay"]
    pixels = np.asarray(Image.open(run.folder / "slide_maps" / overlay["file"]))
    rows, columns = np.nonzero(pixels[..., 3])
    x = overlay["x"] + (columns.mean() + 0.5) * overlay["width"] / pixels.shape[1]
    y = overlay["y"] + (rows.mean() + 0.5) * overlay["height"] / pixels.shape[0]
    assert abs(x - (1404 - BOUNDS.left_l0)) <= 4
    assert abs(y - (300 - BOUNDS.top_l0)) <= 4
    assert len(rows) < 50


def test_a_map_of_another_pixel_size_keeps_its_place_on_the_slide(tmp_path):
    run = scored_run(tmp_path / "study", cell(1404, 300), mpp=0.2203)
    (record,) = slide_maps(run)
    place = place_of(record, "probability")
    assert place["step_l0"] == 9
    assert place["mpp"] == pytest.approx(9 * 0.2203)
    x_l0, y_l0 = at_level_0(map_of(run, "probability")[0], place)
    assert abs(x_l0 - 1404) <= 4.5
    assert abs(y_l0 - 300) <= 4.5


def test_the_share_of_positive_cells_is_high_where_they_are(tmp_path):
    rng = np.random.default_rng(0)
    rows = [cell(x, y, 0.9) for x, y in rng.uniform((1100, 50), (1900, 950), (200, 2))]
    rows += [cell(x, y, 0.1, level=0) for x, y in rng.uniform((50, 50), (900, 950), (200, 2))]
    run = scored_run(tmp_path / "study", *rows)
    (record,) = slide_maps(run)
    values, _ = map_of(run, "positive-share")
    step = place_of(record, "positive-share")["step_l0"]
    assert np.nanmin(values[:, int(1500 / step) :]) > 0.95
    assert np.nanmax(values[:, : int(500 / step)]) < 0.05


def test_cells_that_do_not_count_are_on_no_map(tmp_path):
    rows = [cell(300 + 9 * n, 300, excluded="called_other") for n in range(40)]
    run = scored_run(tmp_path / "study", *rows)
    (record,) = slide_maps(run)
    assert record["n_counted"] == 0
    for name in ("probability", "positive-share"):
        assert np.isnan(map_of(run, name)[0]).all()


def test_a_slide_without_measured_rings_has_no_map_of_them(tmp_path):
    run = scored_run(tmp_path / "study", cell(1404, 300, od="", level=""))
    (record,) = slide_maps(run)
    assert [each["file"] for each in record["maps"]] == [
        "s1.positive-share.ome.tiff",
        "s1.probability.ome.tiff",
    ]
    assert "no ring was measured" in record["words"]


def test_a_slide_that_was_moved_away_has_its_maps_and_says_why_no_picture(tmp_path):
    run = scored_run(tmp_path / "study", cell(1404, 300))
    (record,) = slide_maps(run)
    assert record["picture"] is None
    assert "s1.svs" in record["words"]


def test_the_picture_shows_each_map_in_its_colours_at_its_place(tmp_path):
    write_pyramid(tmp_path / "slide.tiff", blank(2000, 1000), mpp=0.25)
    run = scored_run(
        tmp_path / "study",
        cell(1504, 304, 0.999),
        cell(1504, 704, 0.999),
        path=str(tmp_path / "slide.tiff"),
        width_l0=2000,
        height_l0=1000,
    )
    (record,) = slide_maps(run)
    picture = np.asarray(Image.open(run.folder / "slide_maps" / record["picture"])).astype(int)
    # of four blocks of 640 x 320 in two columns, the last one is that of probability
    block = picture[picture.shape[0] // 2 : picture.shape[0] // 2 + 350, 680:1320]
    rows, columns = np.nonzero((block[..., 0] - block[..., 2] > 60) & (block[..., 1] < 140))
    assert len(rows) > 40
    np.testing.assert_allclose(columns, 1504 * 640 / 2000, atol=10)
    low = rows > rows.mean()
    between_px = rows[low].mean() - rows[~low].mean()
    assert between_px == pytest.approx((704 - 304) * 640 / 2000, abs=2)
    assert record["words"] == ""


def test_without_scores_the_sentence_names_the_command(tmp_path):
    study = study_of(tmp_path / "study", slide_info(), slide_info("s2"))
    run = create_run(study, command="rimlight train")
    with pytest.raises(RunError, match="run rimlight score"):
        slide_maps(run)
    write_scores(run, cell(5, 5))
    with pytest.raises(RunError, match="'s2': is not scored"):
        slide_maps(run, slides=["s1", "s2"])
    with pytest.raises(StudyError, match="'s3': is not in"):
        slide_maps(run, slides=["s3"])


def test_damaged_cells_are_one_clear_sentence(tmp_path):
    run = scored_run(tmp_path / "study", cell(5, 5))
    (run.folder / "scores" / "s1.csv.gz").write_bytes(b"\x1f\x8bno")
    with pytest.raises(RunError, match="score again"):
        slide_maps(run)


def test_a_picture_says_that_a_score_is_of_regions_alone():
    score = {
        "is_evaluable": True, "score": "TPS", "shown": "71 %", "low": 62.9, "high": 77.0,
        "n_positive": 167, "n_negative": 67, "part": "train",
    }  # fmt: skip
    words = "(seen in training) (95 % interval 62.9 to 77.0), 167 of 234 cells positive"
    assert _score_words(score | {"extent": "regions"}) == f"TPS 71 % in its regions alone {words}"
    assert _score_words(score | {"extent": "slide"}) == f"TPS 71 % {words}"
