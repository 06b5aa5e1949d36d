"""Figures say the numbers they draw, and draw them at the right place."""

import re

import pytest

from rimlight.records import Interval
from rimlight.report.drawings import (
    CalibrationBin,
    CaseShare,
    Gaps,
    calibration_svg,
    cases_svg,
    completeness_svg,
    density_svg,
    training_svg,
)
from rimlight.report.forest import Line, Scale, forest_svg, shared_scale

SCALE = Scale(low=0, high=1, title="r", nothing=0)


def interval(value, low, high, *, is_reliable=True):
    return Interval(
        value=value, low=low, high=high, n_cells=9, n_cases=12, n_resamples=99, n_undefined=0,
        is_reliable=is_reliable,
    )  # fmt: skip


def texts_of(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def marks_of(svg):
    """Return x and y of every marker, in the order drawn, ticks left out."""
    uses = re.findall(r'<use href="[^"]*" x="([\d.-]+)" y="([\d.-]+)"[^>]*stroke="#ffffff"', svg)
    return [(float(x), float(y)) for x, y in uses]


def test_a_forest_line_says_its_label_and_numbers():
    svg = forest_svg(
        [Line(label="Whole patch", interval=interval(0.5, 0.25, -0.1))], scale=SCALE, name="a"
    )
    assert {"Whole patch", "0.50 (0.25 to −0.10)", "r"} <= set(texts_of(svg))


def test_a_forest_line_is_drawn_at_its_value_one_below_the_other():
    lines = [Line(label=str(v), interval=interval(v, v, v)) for v in (0.0, 0.5, 1.0)]
    points = marks_of(forest_svg(lines, scale=SCALE, name="a"))
    assert [x for x, _ in points] == pytest.approx([16, 200, 384])
    assert points[0][1] < points[1][1] < points[2][1]


def test_an_undefined_estimate_has_words_and_no_mark():
    svg = forest_svg([Line(label="a", interval=interval(None, None, None))], scale=SCALE, name="a")
    assert "undefined" in texts_of(svg)
    assert marks_of(svg) == []


def test_an_interval_of_few_cases_is_dashed():
    shaky = [Line(label="a", interval=interval(0.5, 0.2, 0.8, is_reliable=False))]
    firm = [Line(label="a", interval=interval(0.5, 0.2, 0.8))]
    assert "dasharray" in forest_svg(shaky, scale=SCALE, name="a")
    assert "dasharray" not in forest_svg(firm, scale=SCALE, name="a")


def test_panels_share_a_scale_that_holds_every_interval():
    lines = [Line(label="a", interval=interval(0.5, -0.31, 0.8))]
    assert shared_scale(lines, SCALE, step=0.2).low == pytest.approx(-0.4)
    assert shared_scale(lines, SCALE, step=0.2).high == pytest.approx(1)
    percent = Scale(low=90, high=100, title="F1, %", factor=100)
    assert shared_scale(lines, percent, step=10).low == -40


def test_cases_stand_with_the_worst_on_top_and_their_cells_beside_them():
    svg = cases_svg(
        [
            CaseShare(case="good", accuracy=1, n_cells=7),
            CaseShare(case="bad", accuracy=0.9, n_cells=8),
        ],
        name="a",
    )
    (x_bad, y_bad), (x_good, y_good) = marks_of(svg)
    assert y_bad < y_good
    assert x_bad < x_good
    assert [text for text in texts_of(svg) if text in ("bad", "good", "7", "8")] == [
        "bad", "good", "8", "7",
    ]  # fmt: skip


def test_calibration_has_the_stated_probability_across_and_the_labels_up():
    svg = calibration_svg(
        [CalibrationBin(probability=0.25, positive_share=interval(1.0, 0.9, 1.0), n_cells=5)],
        name="a",
    )
    assert marks_of(svg) == [(pytest.approx(52 + 316 / 4), pytest.approx(26))]


def test_density_by_level_counts_every_cell_but_draws_at_most_120_a_level():
    values = [i / 1000 for i in range(1000)]
    svg = density_svg({3: values}, name="a", title="OD", ends_od=(0, 1))
    assert "1,000 cells" in texts_of(svg)
    assert texts_of(svg).count("0 cells") == 3
    assert 120 <= svg.count("<use") < 140


def test_density_boxes_stand_on_the_quartiles():
    svg = density_svg({0: [0.0, 0.25, 0.5, 0.75, 1.0]}, name="a", title="OD", ends_od=(0, 1))
    top_px, height_px = 32, 236
    y_of = {od: top_px + height_px * (1 - od) for od in (0.25, 0.5, 0.75)}
    for od, y in y_of.items():
        assert re.search(rf"[ML] [\d.]+ {y:g} L [\d.]+ {y:g}", svg), od


def test_completeness_names_each_reference_with_its_share():
    strip = Gaps(reference="white", gap_share=(0.001, 0.02), converged_share=0.5, n_cells=2)
    svg = completeness_svg([strip], tolerance=0.01, name="a")
    assert {"white", "50.0\u202f% of 2 complete"} <= set(texts_of(svg))


def test_training_and_validation_are_named_at_their_lines_without_overlap():
    svg = training_svg([1, 2], {"training": [1, 0.5], "validation": [1, 0.5]}, name="a")
    found = re.findall(r'<text[^>]*y="([\d.]+)"[^>]*>(training|validation)<', svg)
    y_of = {word: float(y) for y, word in found}
    assert abs(y_of["training"] - y_of["validation"]) > 12
