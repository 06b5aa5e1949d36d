"""What a run has explained, read back as layers: each map where its pixels lie."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from rimlight.core.planes import patch_box
from rimlight.errors import RunError
from rimlight.io.arrays import read_arrays
from rimlight.io.formats.qupath import Area, write_qupath_areas
from rimlight.io.formats.qupath_areas import read_areas
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import open_run
from rimlight.io.store import slides
from rimlight.io.study import open_study
from rimlight.io.value_pyramids import read_ome_windows, write_ome_pyramid
from rimlight.records import Box
from rimlight.workflows.cell_choice import CellChoice
from rimlight.workflows.explain import explain, study_of
from rimlight.workflows.explain_slide import explain_slide
from rimlight.workflows.explained_cells import (
    ATLAS_COLUMNS,
    atlas_of,
    box_of,
    explained_slide,
    facts_of,
)
from rimlight.workflows.explained_files import EYE_UM, for_the_eye
from rimlight.workflows.membranes import membranes
from small_studies import slide_info

ALL = (-1e7, -1e7, 1e7, 1e7)


@pytest.fixture(scope="module")
def run(scored_folder, tmp_path_factory):
    """A run with explained labelled cells, and a scored slide with some explained cells."""
    home = tmp_path_factory.mktemp("layers") / "study"
    run = open_run(open_study(shutil.copytree(scored_folder, home)))
    explain(run)
    membranes(run)
    info = slides(study_of(run).engine)[0]
    explain_slide(run, [str(info.slide_id)], choice=CellChoice(cells="all", most=8))
    return run


def all_slides(run):
    study = study_of(run)
    return [explained_slide(run, info, study.settings.patch) for info in slides(study.engine)]


def tiles_of(slide, numbers):
    atlas = np.asarray(Image.open(io.BytesIO(atlas_of(slide, numbers))))
    side = slide.patch.size_px
    for place in range(len(numbers)):
        row, column = divmod(place, ATLAS_COLUMNS)
        yield atlas[row * side : (row + 1) * side, column * side : (column + 1) * side]


def test_every_explained_cell_is_there_once_with_its_outline(run):
    found = [each for slide in all_slides(run) for each in slide.cells]
    mapped = read_table(run.folder / "mapped_cells.csv")["cell"]
    assert {str(each.cell.cell_id) for each in found} >= set(mapped)
    table = read_table(run.folder / "membranes.csv")
    n_outlined = sum(not reason for reason in table["reason"])
    labelled = [each for each in found if each.map_row is not None]
    assert sum(bool(each.polygons) for each in labelled) == n_outlined > 0
    places = [(each.cell.slide_id, round(each.cell.x_l0), round(each.cell.y_l0)) for each in found]
    assert len(set(places)) == len(places)
    assert any(each.map_row is None for each in found)


def test_the_map_of_a_labelled_cell_lies_on_its_patch(run):
    for slide in all_slides(run):
        for number, each in enumerate(slide.cells):
            if each.map_row is not None:
                box = patch_box(each.cell, size_px=64, patch_mpp=0.5, slide_mpp=slide.info.mpp)
                assert box_of(slide, number) == (box.left_l0, box.top_l0, box.width_l0)


def test_the_map_of_a_scored_cell_lies_where_the_map_of_the_slide_has_it(run):
    slide = all_slides(run)[0]
    number = next(n for n, each in enumerate(slide.cells) if each.map_row is None and each.has_map)
    left, top, width = box_of(slide, number)
    cell, step = slide.cells[number].cell, slide.map_record["step_l0"]
    assert abs(left + width / 2 - cell.x_l0) <= step / 2
    assert abs(top + width / 2 - cell.y_l0) <= step / 2
    assert width == 64 * step


def test_a_pixel_of_the_atlas_is_a_pixel_of_the_map_and_no_neighbour_of_it(run):
    maps = read_arrays(run.folder, "maps", ["map-opposite"])["map-opposite"]
    slide = max(all_slides(run), key=lambda s: sum(c.map_row is not None for c in s.cells))
    numbers = [n for n, each in enumerate(slide.cells) if each.has_map and each.map_row is not None]
    assert numbers
    for number, tile in zip(numbers[:20], tiles_of(slide, numbers[:20]), strict=True):
        shown = for_the_eye(maps[slide.cells[number].map_row], sigma_px=EYE_UM / 0.5)
        is_seen = tile[..., 3] > 0
        strong = np.abs(shown) > 0.5 * slide.scale
        is_warm = tile[..., 0].astype(int) > tile[..., 2]
        np.testing.assert_array_equal(is_warm[is_seen & strong], (shown > 0)[is_seen & strong])


def test_where_two_maps_meet_each_pixel_belongs_to_the_nearer_cell(run):
    for slide in all_slides(run):
        numbers = [number for number, each in enumerate(slide.cells) if each.has_map][:60]
        if len(numbers) < 2:
            continue
        for number, tile in zip(numbers, tiles_of(slide, numbers), strict=True):
            left, top, width = box_of(slide, number)
            rows, columns = np.nonzero(tile[..., 3] > 0)
            x_l0 = left + (columns + 0.5) * width / 64
            y_l0 = top + (rows + 0.5) * width / 64
            far = np.hypot(x_l0[:, None] - slide.places[:, 0], y_l0[:, None] - slide.places[:, 1])
            assert (far[:, number] <= far.min(axis=1) + 1e-6).all()


def test_facts_are_of_the_cells_within_a_box(run):
    slide = all_slides(run)[0]
    every = facts_of(slide, box=ALL, most=1000)
    assert len(every) == len(slide.cells) > 0
    x_l0, y_l0 = slide.places[0]
    near = facts_of(slide, box=(x_l0 - 1, y_l0 - 1, x_l0 + 1, y_l0 + 1), most=1000)
    assert 0 in [fact["number"] for fact in near]
    assert len(facts_of(slide, box=ALL, most=2)) == 2


def test_numbers_that_are_not_there_are_refused(run):
    slide = all_slides(run)[0]
    with pytest.raises(RunError, match="load the layer again"):
        atlas_of(slide, [len(slide.cells)])
    with pytest.raises(ValueError, match="at once"):
        atlas_of(slide, [])


def test_a_slide_that_was_not_explained_has_no_cells(trained):
    study = study_of(trained)
    info = slides(study.engine)[0]
    assert explained_slide(trained, info, study.settings.patch).cells == ()


@pytest.mark.parametrize("bounds", [None, Box(left_l0=40, top_l0=30, width_l0=900, height_l0=500)])
def test_outlines_come_back_in_level_0_whatever_they_were_written_from(tmp_path, bounds):
    rings = (((100.0, 50.0), (104.0, 50.0), (104.0, 58.0), (100.0, 50.0)),)
    area = Area(name="c1", class_name="x", colour=(1, 2, 3), polygons=(rings,), measurements={})
    path = tmp_path / "a.geojson.gz"
    write_qupath_areas(path, [area], slide=slide_info("s1", bounds=bounds))
    assert read_areas(path) == {"c1": (rings,)}


@pytest.mark.parametrize("text", ["", "[]", '{"features": []}', "\0\1", '{"rimlight": 3}'])
def test_a_damaged_file_of_outlines_is_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "a.geojson"
    path.write_text(text)
    with pytest.raises(RunError, match="make the outlines again"):
        read_areas(path)


def test_windows_of_a_map_are_its_pixels_and_nothing_beyond(tmp_path):
    values = np.arange(300 * 520, dtype=np.float32).reshape(300, 520)
    path = tmp_path / "m.ome.tiff"
    write_ome_pyramid(path, [values], shape=values.shape, mpp=0.5, channel="x")
    corners = [(0, 0), (250, 250), (-5, 500), (290, 510), (1000, 1000)]
    for (row, column), found in zip(
        corners, read_ome_windows(path, corners, size_px=16), strict=True
    ):
        for down in (0, 7, 15):
            for across in (0, 7, 15):
                inside = 0 <= row + down < 300 and 0 <= column + across < 520
                expected = values[row + down, column + across] if inside else np.nan
                np.testing.assert_equal(found[down, across], np.float32(expected))
    path.write_bytes(b"II*\0junk")
    with pytest.raises(RunError, match="make it again"):
        read_ome_windows(path, corners, size_px=16)
