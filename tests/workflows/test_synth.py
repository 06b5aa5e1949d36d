from dataclasses import replace

import numpy as np
import pytest

from rimlight.core.planes import patch_box
from rimlight.core.stains import HDAB, dab_density
from rimlight.errors import SettingsError, StudyError
from rimlight.io.formats.qupath import expression_of_class, read_qupath
from rimlight.io.formats.tables import read_table
from rimlight.io.slides import open_slide
from rimlight.records import Cell
from rimlight.synthetic.settings import DEMO
from rimlight.workflows.synth import read_truth, write_synthetic_study

SETTINGS = replace(
    DEMO,
    n_cases=2,
    n_slides=3,
    n_cells=40,
    width_um=180.0,
    height_um=130.0,
    label_noise=0.0,
    blur_um=0.2,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "made"
    write_synthetic_study(folder, SETTINGS, n_threads=1)
    return folder


def _files(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def _labelled(folder, slide_id):
    for item in read_qupath(folder / "labels" / f"{slide_id}.geojson").items:
        yield item, Cell(cell_id=item.cell, slide_id=slide_id, x_l0=item.x, y_l0=item.y)


def _slides(folder):
    return [path.split("/")[1].removesuffix(".tiff") for path in _manifest(folder)["slide"]]


def _manifest(folder):
    return read_table(folder / "cases.csv")


def test_the_same_settings_give_the_same_bytes_whatever_the_threads(study, tmp_path):
    seen = []
    plans = write_synthetic_study(tmp_path / "again", SETTINGS, n_threads=3, on_slide=seen.append)
    assert _files(study) == _files(tmp_path / "again")
    assert sorted(seen) == sorted(plan.slide_id for plan in plans)


def test_the_manifest_names_every_slide_and_its_case(study):
    manifest = _manifest(study)
    assert len(manifest["slide"]) == 3
    assert set(manifest["case"]) == {"synthetic-01", "synthetic-02"}
    assert set(manifest["mpp"]) == {"0.25"}
    assert all((study / path).is_file() for path in manifest["slide"])


def test_slides_open_as_pyramids_that_state_their_pixel_size(study):
    for path in _manifest(study)["slide"]:
        with open_slide(study / path) as slide:
            assert (slide.width_l0, slide.height_l0) == (720, 520)
            assert slide.mpp == pytest.approx(0.25)
            assert slide.mpp_source == "file"


def test_every_label_is_the_true_level_of_its_cell(study):
    n_labels = 0
    for slide_id in _slides(study):
        truth = read_truth(study, slide_id)
        for item, cell in _labelled(study, slide_id):
            row = truth.cells["cell"].index(cell.cell_id)
            assert expression_of_class(item.class_name).level == int(truth.cells["level"][row])
            assert float(truth.cells["click_x_l0"][row]) == item.x
            assert float(truth.cells["click_y_l0"][row]) == item.y
            n_labels += 1
    assert n_labels == 40


def test_masks_lie_on_the_brown_of_a_patch_read_from_the_slide(study):
    there, shifted, turned = [], [], []
    for path, slide_id in zip(_manifest(study)["slide"], _slides(study), strict=True):
        truth = read_truth(study, slide_id)
        with open_slide(study / path) as slide:
            for item, cell in _labelled(study, slide_id):
                if expression_of_class(item.class_name).level < 2:
                    continue
                own = truth.masks(cell, size_px=64).own
                box = patch_box(cell, size_px=64, patch_mpp=0.5, slide_mpp=slide.mpp)
                dab = dab_density(
                    slide.read_patch(box, size_px=64), white=np.full(3, 245.0), stains=HDAB
                )
                there.append(dab[own].mean())
                shifted.append([dab[np.roll(own, s, a)].mean() for s in (-2, 2) for a in (0, 1)])
                turned.append(dab[own.T].mean())
    assert len(there) > 5
    assert np.mean(there) > 0.4
    assert (np.mean(shifted, axis=0) < 0.85 * np.mean(there)).all()
    assert np.mean(turned) < 0.7 * np.mean(there)


def test_everything_says_that_it_is_synthetic(study):
    for name, content in _files(study).items():
        assert "synthetic" in name or b"ynthetic" in content or name == "settings.json"


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StudyError, match="not empty; name a new folder"):
        write_synthetic_study(tmp_path, SETTINGS)
    assert _files(tmp_path) == {"notes.txt": b"mine"}


def test_a_study_that_fails_leaves_nothing(tmp_path):
    crowded = replace(SETTINGS, n_cells=3000, width_um=100.0, height_um=100.0)
    with pytest.raises(SettingsError, match="ask for fewer cells"):
        write_synthetic_study(tmp_path / "made", crowded)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "made").mkdir()
    small = replace(SETTINGS, n_cases=1, n_slides=1, n_cells=3, width_um=110.0, height_um=100.0)
    write_synthetic_study(tmp_path / "made", small)
    assert (tmp_path / "made" / "cases.csv").is_file()


def test_a_missing_truth_is_named(study):
    with pytest.raises(StudyError, match="synthetic-09-1"):
        read_truth(study, "synthetic-09-1")
