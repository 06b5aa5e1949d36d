"""A slide with cores cut from synthetic tissue: found, named, kept, scored, and never doubled."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from rimlight.cli.main import answered
from rimlight.core.tissue_array import row_letters
from rimlight.errors import SlideError, StudyError
from rimlight.io.formats.tables import read_table
from rimlight.io.pyramids import write_pyramid
from rimlight.io.regions import current_regions, put_regions, region_events
from rimlight.io.runs import open_run
from rimlight.io.slides import open_slide
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.workflows.dearray import dearray
from rimlight.workflows.regions import import_regions
from rimlight.workflows.register import SlideEntry, register_slides
from rimlight.workflows.score import score
from rimlight.workflows.standing_regions import export_regions, put_cases

CORE_UM, PITCH_UM = 110.0, 150.0
N_ROWS, N_COLUMNS = 3, 5
MISSING = ("A-2", "C-4")
TURN = np.radians(4)


@pytest.fixture(scope="module")
def _array(_study_folder, tmp_path_factory):
    """A study whose slide ``array`` holds cores of tissue; the centre of each, by name."""
    folder = shutil.copytree(_study_folder, tmp_path_factory.mktemp("array") / "study")
    study = open_study(folder)
    info = slides(study.engine)[0]
    with open_slide(folder / info.path, mpp=info.mpp) as slide:
        picture = slide.overview(10_000)
    assert picture.shape[0] == info.height_l0, "the tissue is taken at full size"
    core_px, pitch_px = CORE_UM / info.mpp, PITCH_UM / info.mpp
    size = (np.array([N_COLUMNS, N_ROWS]) + 1.5) * pitch_px
    width, height = int(size[0]), int(size[1])
    target = np.empty((height, width, 3), dtype=np.uint8)
    target[:] = np.uint8(info.white)
    rows, columns = np.indices((height, width))
    centres = {}
    for row in range(N_ROWS):
        for column in range(N_COLUMNS):
            off = pitch_px * np.array([column - (N_COLUMNS - 1) / 2, row - (N_ROWS - 1) / 2])
            x = width / 2 + off[0] * np.cos(TURN) - off[1] * np.sin(TURN)
            y = height / 2 + off[0] * np.sin(TURN) + off[1] * np.cos(TURN)
            name = f"{row_letters(row)}-{column + 1}"
            centres[name] = (x, y)
            if name not in MISSING:
                inside = np.hypot(columns + 0.5 - x, rows + 0.5 - y) < core_px / 2
                far = (rows % picture.shape[0], columns % picture.shape[1])
                target[inside] = picture[far][inside]
    write_pyramid(folder / "array.tiff", target, mpp=info.mpp)
    entry = SlideEntry(
        path=folder / "array.tiff", case="many", assay=info.assay, scanner=None, mpp=None
    )
    register_slides(study, [entry])
    return folder, centres


@pytest.fixture
def centres(_array):
    return _array[1]


@pytest.fixture
def study(_array, tmp_path):
    return open_study(shutil.copytree(_array[0], tmp_path / "study"))


def middle(region):
    return np.array(region.polygons[0][0]).mean(axis=0)


@pytest.mark.parametrize("core_um", [None, 100.0])
def test_every_core_is_found_where_it_was_put(study, centres, core_um):
    found = dearray(study, "array", core_um=core_um)
    assert (found.n_rows, found.n_columns, found.n_missing) == (N_ROWS, N_COLUMNS, len(MISSING))
    assert found.core_um == pytest.approx(CORE_UM, rel=0.15)
    info = next(each for each in slides(study.engine) if each.slide_id == "array")
    cores = {each.name: each for each in current_regions(study.engine)}
    assert set(cores) == set(centres)
    for name, core in cores.items():
        assert np.hypot(*(middle(core) - centres[name])) * info.mpp < CORE_UM / 8
        assert core.is_missing is (name in MISSING)
        assert (core.slide_id, core.kind) == ("array", "core")


def test_finding_them_again_changes_nothing_and_keeps_their_cases(study, tmp_path):
    dearray(study, "array")
    table = tmp_path / "map.csv"
    table.write_text("core,case\nA-1,k1\nB-3,k2\n", encoding="utf-8")
    assert put_cases(study, table, slide="array") == 2
    n_events = len(region_events(study.engine))
    assert dearray(study, "array").n_new == 0
    assert len(region_events(study.engine)) == n_events
    cases = {each.name: each.case_id for each in current_regions(study.engine) if each.case_id}
    assert cases == {"A-1": "k1", "B-3": "k2"}


def test_cores_that_are_no_longer_found_are_withdrawn_and_drawn_ones_are_left(study):
    dearray(study, "array")
    drawn = current_regions(study.engine)[0]
    put_regions(study.engine, [replace(drawn, source="drawn.geojson")])
    assert len(current_regions(study.engine)) == N_ROWS * N_COLUMNS
    dearray(study, "array", n_columns=4)
    assert len(current_regions(study.engine)) == N_ROWS * 4


def test_a_found_core_that_a_person_renamed_is_left_as_it_is(study):
    dearray(study, "array")
    first = current_regions(study.engine)[0]
    renamed = replace(first, name="Control", source="corrected.geojson")
    put_regions(study.engine, [renamed])
    for _ in range(2):
        dearray(study, "array")
        cores = {each.name: each for each in current_regions(study.engine)}
        assert cores["Control"] == renamed
        assert (len(cores), cores["A-1"].polygons) == (N_ROWS * N_COLUMNS + 1, first.polygons)


def test_cores_go_to_qupath_and_come_back_the_same(study, tmp_path):
    dearray(study, "array")
    path = tmp_path / "cores.geojson"
    assert export_regions(study, path, slide="array") == N_ROWS * N_COLUMNS
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert {each["properties"]["objectType"] for each in features} == {"tmaCore"}
    missing = {e["properties"]["name"] for e in features if e["properties"]["isMissing"]}
    assert missing == set(MISSING)
    found = import_regions(study, path)
    assert (found.n_new, found.n_known) == (0, N_ROWS * N_COLUMNS)


def test_each_core_has_a_row_and_a_missing_one_no_value(study, trained, tmp_path):
    shutil.copytree(trained.folder, study.runs / trained.folder.name, dirs_exist_ok=True)
    run = open_run(study, str(trained.run_id))
    dearray(study, "array")
    table = tmp_path / "map.csv"
    table.write_text("core,case\nA-1,k1\n", encoding="utf-8")
    put_cases(study, table, slide="array")
    section = score(run, slides=["array"])
    rows = {row["area"]: row for row in section["areas"]}
    assert len(rows) == N_ROWS * N_COLUMNS
    assert {name for name, row in rows.items() if row["reason"] == "missing_core"} == set(MISSING)
    seen = {name: row["n_seen"] for name, row in rows.items() if name not in MISSING}
    assert min(seen.values()) > 10
    assert rows["A-1"]["case"] == "k1"
    assert rows["A-3"]["case"] == "many"
    areas = read_table(run.folder / "score_areas.csv")
    assert areas["area"] == list(rows)
    assert section["slides"][0]["extent"] == "cores"


def test_a_slide_that_is_no_array_is_refused_in_a_sentence(study):
    with pytest.raises(StudyError, match="name a slide by its id"):
        dearray(study, "nothing")
    with pytest.raises(SlideError, match="round pieces of tissue are found, needed 4; give"):
        dearray(study, str(slides(study.engine)[1].slide_id))


def test_the_command_says_what_it_found(study, capsys):
    arguments = ["dearray", str(study.folder), "--slide", "array", "--core-um", "110"]
    assert answered(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("array: 3 x 5 cores of 110 um, turned by 4.")
    assert ", 2 missing; look at them in QuPath: rimlight regions" in out
