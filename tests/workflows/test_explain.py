"""Explaining a run: completeness, references without leaks, and values where they belong."""

import numpy as np
import pytest

from rimlight.errors import RunError
from rimlight.io.arrays import read_arrays
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import read_metrics
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.walks import drawn, references_for


@pytest.fixture(scope="module")
def table(explained):
    columns = read_table(explained.folder / "explanations.csv")
    texts = {"cell", "part", "network", "reference"}
    return {
        name: np.array(values) if name in texts else np.array([float(v or "nan") for v in values])
        for name, values in columns.items()
    }


@pytest.fixture(scope="module")
def fold(explained):
    study = study_of(explained)
    return explained_folds(explained, study, cell_patches(study, consensus_of_study(study).cells))[
        0
    ]


def test_every_network_and_reference_explains_the_same_held_out_cells(table):
    held = table["part"] == "hold-out"
    trained = {
        name: set(
            table["cell"][held & (table["network"] == "trained") & (table["reference"] == name)]
        )
        for name in ("opposite", "fixed_negatives", "white", "stain_removed")
    }
    assert len(trained["white"]) == 12
    assert all(cells == trained["white"] for cells in trained.values())
    for name in ("opposite", "fixed_negatives", "white"):
        control = (table["network"] == "random-0") & (table["reference"] == name)
        assert set(table["cell"][control]) == trained["white"]
        assert set(table["part"][control]) == {"hold-out"}


def test_converged_maps_sum_to_the_rise(table, explained):
    maps = read_arrays(explained.folder, "maps")
    order = read_table(explained.folder / "mapped_cells.csv")["cell"]
    for name in ("opposite", "white", "stain_removed", "fixed_negatives"):
        mine = (table["network"] == "trained") & (table["part"] == "hold-out")
        mine &= table["reference"] == name
        assert list(table["cell"][mine]) == order
        total = maps[f"map-{name}"].sum((1, 2), dtype=np.float64)
        np.testing.assert_allclose(total, (table["rise"] + table["gap"])[mine], atol=1e-3)
        is_within = np.abs(table["gap"]) <= np.maximum(0.01 * np.abs(table["rise"]), 0.05)
        np.testing.assert_array_equal(is_within[mine], table["is_converged"][mine] == 1)


def test_the_logit_explained_is_the_logit_predicted(table, explained):
    predicted = read_table(explained.folder / "predictions.csv")
    logit_of_cell = dict(zip(predicted["cell"], map(float, predicted["logit"]), strict=True))
    mine = table["network"] == "trained"
    expected = [logit_of_cell[cell] for cell in table["cell"][mine]]
    np.testing.assert_allclose(table["logit"][mine], expected, atol=1e-4)


def test_stain_removed_gives_nothing_to_a_pixel_without_stain(explained, fold):
    maps = read_arrays(explained.folder, "maps")["map-stain_removed"]
    cells = fold.grounds.cells
    for at, row in enumerate(fold.held_rows):
        background = fold.grounds.background_of_slide[cells.slide_of_cell[row].slide_id]
        pale = cells.dab(np.array([row]))[0] < background.od - 1e-4
        assert pale.any()
        assert np.abs(maps[at][pale]).max() < 1e-6


def test_references_are_training_cells_of_other_cases_with_the_opposite_label(fold):
    table = fold.grounds.table
    found = references_for(fold.grounds, fold.held_rows, name="opposite")
    assert found is not None
    for row, pool in zip(fold.held_rows, found[1], strict=True):
        assert set(table.part[pool]) == {"train"}
        assert table.case[row] not in set(table.case[pool])
        assert ((table.level[pool] > 0) != table.is_called_positive[row]).all()
    fixed = references_for(fold.grounds, fold.held_rows, name="fixed_negatives")
    assert fixed is not None
    assert all(np.array_equal(pool, fixed[1][0]) for pool in fixed[1])
    assert (table.level[fixed[1][0]] == 0).all()


def test_the_top_of_the_map_and_its_bottom_are_measured_apart(table):
    mine = (table["network"] == "trained") & (table["reference"] == "white")
    assert (table["od_attributed"][mine] != table["od_negative_attribution"][mine]).all()
    assert np.nanmax(table["saturated_share"]) <= 1


def test_the_gallery_shows_maps_of_the_cells_it_names(explained):
    gallery = read_table(explained.folder / "gallery" / "gallery.csv")
    arrays = read_arrays(explained.folder, "gallery")
    n = len(gallery["cell"])
    assert {name: len(array) for name, array in arrays.items()} == dict.fromkeys(arrays, n)
    assert len(set(gallery["cell"])) == n
    total = arrays["maps"].sum((1, 2), dtype=np.float64)
    expected = np.array(gallery["rise"], dtype=float) + np.array(gallery["gap"], dtype=float)
    np.testing.assert_allclose(total, expected, atol=1e-3)
    for group, expression, logit in zip(
        gallery["group"], gallery["expression"], gallery["logit"], strict=True
    ):
        assert (float(logit) > 0) == (group in ("TP", "FP"))
        assert (expression == "negative") == (group in ("TN", "FP"))
    is_negative_call = np.array(gallery["logit"], dtype=float) < 0
    assert not arrays["masks"][is_negative_call].any()


def test_the_section_says_how_complete_the_maps_are(explained):
    section = read_metrics(explained)["explanation"]
    assert section["n_cells"] == 12
    for found in section["references"].values():
        assert 0 <= found["converged_share"] <= 1
        assert found["gradients_mean"] >= 24


def test_labels_that_changed_since_training_are_refused(study):
    from dataclasses import replace

    from rimlight.io.journal import append_labels, current_labels
    from rimlight.records import Expression
    from rimlight.workflows.explain import explain
    from rimlight.workflows.train import train

    quick = replace(
        study, settings=replace(study.settings, train=replace(study.settings.train, n_epochs=1))
    )
    run = train(quick, command="x")
    label = current_labels(study.engine)[0]
    append_labels(study.engine, [replace(label, label_id="later", expression=Expression.OTHER)])
    with pytest.raises(RunError, match="labels have changed"):
        explain(run)


def test_a_draw_is_a_random_sample_that_repeats():
    allowed = np.arange(100, 200)
    first = drawn(allowed, n_cells=20, seed=1)
    assert np.array_equal(first, drawn(allowed, n_cells=20, seed=1))
    assert len(set(first)) == 20
    assert set(first) <= set(allowed)
    assert not np.array_equal(first, drawn(allowed, n_cells=20, seed=2))
    assert np.array_equal(drawn(allowed, n_cells=0, seed=1), allowed)
