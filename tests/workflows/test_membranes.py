import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from test_metrics_page import PAGE, keys

from rimlight.core.zones import zones_of
from rimlight.io.arrays import read_arrays
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import read_metrics
from rimlight.workflows import membrane_truth
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.membranes import measured, membranes, placed
from rimlight.workflows.own_membranes import Tissue
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.train import train
from scenes import haematoxylin_discs


@pytest.fixture(scope="module")
def taught(shared_study):
    """A run whose network calls some cells positive."""
    better = replace(shared_study.settings.train, n_epochs=4, least_steps=15)
    explained = replace(shared_study.settings.explain, n_cells=16)
    settings = replace(shared_study.settings, train=better, explain=explained)
    return train(replace(shared_study, settings=settings), command="rimlight train")


@pytest.fixture(scope="module")
def outlined(taught):
    membranes(taught)
    return taught


def rows_of(run):
    table = read_table(run.folder / "membranes.csv")
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def features_of(run):
    found = {}
    for path in sorted((run.folder / "membranes").glob("*.geojson")):
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            found[feature["properties"]["name"]] = feature
    return found


def test_every_explained_cell_has_a_row_and_each_outlined_one_an_object(outlined):
    rows, features = rows_of(outlined), features_of(outlined)
    section = read_metrics(outlined)["membranes"]
    assert len(rows) == section["n_cells"] == 16
    assert {row["cell"] for row in rows if not row["reason"]} == set(features)
    assert section["n_outlined"] == len(features) > 0
    assert sum(section["reasons"].values()) == len(rows) - len(features)


def test_every_key_and_column_is_on_the_page_of_metrics(outlined):
    words = PAGE.read_text(encoding="utf-8")
    section = dict(read_metrics(outlined)["membranes"])
    reasons = section.pop("reasons")
    assert reasons
    named = set(keys(section)) | set(read_table(outlined.folder / "membranes.csv"))
    assert sorted(name for name in named if f"`{name}`" not in words) == []


def test_a_cell_called_negative_has_a_reason_and_no_object(outlined):
    for row in rows_of(outlined):
        if row["call"] == "0":
            assert row["reason"] == "called negative: nothing to outline"
            assert row["area_um2"] == ""


def test_objects_lie_on_their_cell_with_the_area_of_the_table(outlined):
    features = features_of(outlined)
    for row in rows_of(outlined):
        if row["reason"]:
            continue
        feature = features[row["cell"]]
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.area * 0.25**2 == pytest.approx(float(row["area_um2"]), rel=0.03)
        x_l0, y_l0 = float(row["x_l0"]), float(row["y_l0"])
        assert shapely.box(x_l0 - 64, y_l0 - 64, x_l0 + 64, y_l0 + 64).contains(shape)
        assert feature["properties"]["classification"]["name"] == "Contributing pixels"
        area = feature["properties"]["measurements"]["Area um^2"]
        assert area == pytest.approx(float(row["area_um2"]))


def test_a_polygon_is_placed_about_its_cell_with_x_to_the_right_and_y_down(taught):
    study = study_of(taught)
    cells = cell_patches(study, consensus_of_study(study).cells)
    cell, info = cells.cells[3].cell, cells.slide_of_cell[3]
    (outer,) = placed(shapely.box(10, 20, 14, 22), cells, 3, info)
    x, y = np.array(outer).T
    assert (x.min(), x.max()) == (cell.x_l0 - 64 + 20, cell.x_l0 - 64 + 28)
    assert (y.min(), y.max()) == (cell.y_l0 - 64 + 40, cell.y_l0 - 64 + 44)


def test_on_synthetic_tissue_every_control_stands_beside_the_method(outlined):
    truth = read_metrics(outlined)["membranes"]["truth"]
    names = set(truth["systems"])
    assert {"membranes", "dab_threshold", "disc_x_dab", "path_gaussian", "path_untrained"} <= names
    assert set(truth["margins"]) == names - {"membranes"}
    for name in truth["margins"]:
        for figure in ("average_precision", "dice"):
            method, control, margin = (
                part["figures"][figure]["value"]
                for part in (
                    truth["systems"]["membranes"],
                    truth["systems"][name],
                    truth["margins"][name],
                )
            )
            assert margin == pytest.approx(method - control, abs=1e-9)


def test_the_shown_cells_come_with_outline_and_truth(outlined):
    arrays = read_arrays(outlined.folder, "membranes")
    shown = read_table(outlined.folder / "membranes" / "shown.csv")
    assert len(shown["cell"]) == len(arrays["patches"]) == len(arrays["truth"]) > 0
    assert arrays["masks"].any(axis=(1, 2)).all()


def test_without_truth_there_is_no_comparison(taught, monkeypatch):
    monkeypatch.setattr(
        "rimlight.workflows.membranes.truth_of_cells", lambda *arguments, **choices: None
    )
    section = membranes(taught, choice="positive")
    assert "truth" not in section
    assert section["n_called_positive"] == section["n_cells"]
    assert "truth" not in read_arrays(taught.folder, "membranes")


def test_values_are_those_of_the_drawn_cell():
    """A nucleus with a line 2 um outside; one pixel is too dark to measure."""
    hem = haematoxylin_discs([(31.5, 31.5, 7)])
    rows, columns = np.mgrid[:64, :64]
    far = np.hypot(rows - 31.5, columns - 31.5)
    mask = (far > 10) & (far < 13)
    dab = np.where(mask, 0.5, 0.0).astype(np.float32)
    dab[21, 31] = 9.0
    assert mask[21, 31]
    claim = mask.astype(float)
    claim[2:4, 2:4] = 10.0  # far from any ring
    tissue = Tissue(
        rgb=np.full((64, 64, 3), 120, np.uint8),
        dab=dab,
        gate=dab,
        floor=0.1,
        zones=zones_of(hem, mpp=0.5),
        mpp=0.5,
        middle_px=(31.5, 31.5),
    )
    found = measured(mask, claim, tissue, most_od=2.5)
    n = mask.sum()
    assert found["area_um2"] == pytest.approx(n / 4)
    assert found["od_mean"] == pytest.approx((0.5 * (n - 1) + 2.5) / n)
    assert found["od_median"] == found["od_p90"] == 0.5
    assert found["saturated_share"] == pytest.approx(1 / n)
    assert found["own_over_neighbour"] == 1
    assert found["own_share"] == pytest.approx(n / (n + 40), abs=0.02)


def test_controls_with_a_parameter_are_fitted_on_validation_cells_only(taught, monkeypatch):

    study = study_of(taught)
    cells = cell_patches(study, consensus_of_study(study).cells)
    (fold,) = explained_folds(taught, study, cells)
    seen: list[int] = []
    true = membrane_truth.truth_of_cells

    def watched(study, cells, rows):
        seen.extend(rows)
        return true(study, cells, rows)

    monkeypatch.setattr(membrane_truth, "truth_of_cells", watched)
    fitted = membrane_truth.fitted_controls(fold, study)
    assert fitted.n_cells <= len(seen)
    assert set(fold.grounds.table.part[seen]) <= {"validation"}


def test_the_truth_lies_where_the_cell_was_painted(taught):

    study = study_of(taught)
    cells = cell_patches(study, consensus_of_study(study).cells)
    rows = [int(row) for row in np.flatnonzero(cells.level == 3)[:6]]
    truth = membrane_truth.truth_of_cells(study, cells, rows)
    for row in rows:
        dab = cells.dab(np.array([row]))[0]
        own = truth[row]
        if own.sum() > 20:
            assert dab[own].mean() > dab[~own].mean() + 0.2
            assert dab[own].mean() > dab[np.roll(own, 6, axis=1)].mean()
