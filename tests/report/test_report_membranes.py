import numpy as np
import pytest
from made_up_runs import MadeUpRun
from page_reading import reported

from rimlight.io.arrays import write_arrays
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import merge_metrics


def interval(value, half=0.05):
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "n_cells": 90,
        "n_cases": 12,
        "n_resamples": 100,
        "n_undefined": 0,
        "is_reliable": True,
    }


def figures(precision, dice):
    return {"figures": {"average_precision": interval(precision), "dice": interval(dice)}}


def outlined_run(folder, *, has_truth=True):
    made = MadeUpRun(folder)
    made.record()
    made.study()
    section = {
        "n_cells": 20,
        "n_called_positive": 9,
        "n_outlined": 8,
        "reasons": {"called negative: nothing to outline": 11, "no pixel passed the gate": 1},
        "levels": {
            "strong": {
                "n_outlined": 8,
                "od_mean_median": 0.712,
                "area_um2_median": 41.0,
                "completeness_median": 0.83,
                "own_over_neighbour_median": None,
            }
        },
        "rule": "By rule.",
    }
    if has_truth:
        section["truth"] = {
            "n_cells": 8,
            "n_cases": 3,
            "systems": {"membranes": figures(0.7, 0.66), "dab_threshold": figures(0.3, 0.31)},
            "margins": {"dab_threshold": figures(0.4, 0.01)},
            "completeness": {"n_cells": 8, "median_error": 0.07, "pearson": 0.6},
        }
    merge_metrics(made.run, "membranes", section)
    mask = np.zeros((1, 64, 64), dtype=bool)
    mask[0, 20:24, 10:30] = True
    arrays = {"patches": np.full((1, 64, 64, 3), 200, np.uint8), "masks": mask}
    if has_truth:
        arrays["truth"] = np.roll(mask, 2, axis=1)
    write_arrays(made.run.folder, "membranes", arrays)
    shown = {
        "cell": ["c1"],
        "expression": ["strong"],
        "call": [1],
        "od_mean": [0.71],
        "area_um2": [20.0],
        "completeness": [0.5],
    }
    write_table(made.run.folder / "membranes" / "shown.csv", shown)
    return reported(made.run)


def test_outlined_cells_and_reasons_are_counted_in_words(tmp_path):
    words = " ".join(outlined_run(tmp_path / "0001").page.text_of("p"))
    assert "8 cells of 9 called positive have an outline, of 20 held-out cells" in words
    assert "11: called negative: nothing to outline" in words
    assert "not a validated segmentation" in words


def test_truth_stands_beside_every_control_with_interval_and_margin(tmp_path):
    page = outlined_run(tmp_path / "0001")
    rows = page.page.text_of("tr")
    (method,) = [row for row in rows if row.startswith("closed path")]
    (control,) = [row for row in rows if row.startswith("DAB alone")]
    assert "0.700 (0.650–0.750)" in method
    assert (
        "0.300 (0.250–0.350)0.400 (0.350–0.450)0.310 (0.260–0.360)0.010 (−0.040 to 0.060)"
        in control
    )
    table = read_table(page.folder / "figures" / "membranes_against_truth.csv")
    assert table["system"] == ["membranes", "dab_threshold"]
    assert table["dice_margin"] == ["", "0.01"]


def test_a_margin_that_touches_nothing_is_not_counted_as_above(tmp_path):
    words = " ".join(outlined_run(tmp_path / "0001").page.text_of("p"))
    assert "Of 2 margins over controls, 1 have an interval above 0" in words


@pytest.mark.parametrize("has_truth", [True, False])
def test_the_painted_membrane_is_drawn_in_another_line_where_it_is_known(tmp_path, has_truth):
    page = outlined_run(tmp_path / "0001", has_truth=has_truth)
    assert ('<g class="truth">' in page.html) == has_truth
    assert ("broken blue line" in page.html) == has_truth
    assert ("What the true membranes are is not known" in page.html) != has_truth
    assert not page.page.faults


def test_a_run_without_outlines_names_the_command(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.record()
    made.study()
    assert "rimlight membranes" in reported(made.run).html
