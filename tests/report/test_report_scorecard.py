"""The quality gate in the report: verdicts in words, stamps on every map, figures with numbers."""

import pytest
from made_up_runs import MadeUpRun
from page_reading import reported

from rimlight.explain.scorecard import (
    CODES,
    Control,
    Curve,
    Scorecard,
    Stage,
    check_of,
    in_order,
)
from rimlight.io.runs import json_ready, merge_metrics
from rimlight.report.curves import RemovalCurve, removal_svg
from rimlight.report.panels import gate_words


def scorecard(*, failed=(), alarmed=()):
    """A card on which a few checks were run."""
    own = Control(name="", value=0.5, low=0.44, high=0.55)
    beside = (Control(name="random weights", value=0.24, low=0.2, high=0.3),)
    checks = [
        check_of(
            code,
            verdict="fail" if code in failed else "alarm" if code in alarmed else "pass",
            reason=f"Because of {code}.",
            value=own,
            n_cells=48,
            n_cases=11,
            controls=beside,
        )
        for code in ("E1", "E2", "E3", "E4", "E5", "E6", "E8")
    ]
    ten = tuple(10.0 - step for step in range(11))
    return Scorecard(
        checks=in_order(checks, reason="Nobody asked."),
        cascade=(
            Stage(name="last layer", n_layers=1, correlation=own, own_share=own),
            Stage(name="all layers", n_layers=9, correlation=own, own_share=own),
        ),
        curves=(Curve(order="map", most_first=(10.0, *[0.0] * 10), least_first=ten),),
    )


def written(folder, card):
    run = MadeUpRun(folder).whole()
    data = json_ready({**card.as_dict(), "fold": 0, "n_folds": 1})
    merge_metrics(run, "quality", data)
    return reported(run)


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    return written(tmp_path_factory.mktemp("passed") / "0001", scorecard())


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    card = scorecard(failed=("E3", "E5"), alarmed=("E8",))
    return written(tmp_path_factory.mktemp("failed") / "0001", card)


def test_every_check_stands_on_the_scorecard_with_its_verdict_in_words(failed):
    html = failed.html
    assert all(f">{code} " in html for code in CODES)
    for kind, words in (("pass", "✓ passed"), ("fail", "✗ failed"), ("alarm", "! alarm")):
        assert f'<td class="verdict-of-{kind}">{words}</td>' in html
    assert html.count('<td class="verdict-of-not-run">not run</td>') == len(CODES) - 7
    assert "Because of E3." in html
    assert "random weights: 0.24 (0.20–0.30)" in html
    assert all(f'<th scope="row">{name}</th>' in html for name in ("Consistency", "Usefulness"))


def test_a_failure_of_the_first_four_stamps_every_map(failed):
    stamp = "quality gate failed: E3 model randomisation"
    assert f"Every map of this report is stamped: {stamp}." in failed.html
    n_cards = failed.html.count('class="card"')
    assert n_cards > 0
    assert failed.html.count(f'<span class="badge">{stamp}</span>') == n_cards
    n_maps = failed.html.count('aria-label="Map of cell')
    n_masks = failed.html.count('aria-label="Border of the')
    assert failed.html.count(">GATE FAILED: E3<") == n_maps + n_masks
    assert n_maps >= n_cards
    assert n_masks > 0
    assert failed.page.text_of("span", "mark")[-1] == "✗ Gate failed"


def test_no_map_is_stamped_where_the_gate_passed(passed):
    assert "quality gate failed" not in passed.html
    assert "GATE FAILED" not in passed.html
    assert passed.page.text_of("span", "mark")[-1] == "✓ Gate passed"


def test_a_failure_of_another_check_stamps_nothing_and_is_still_said(tmp_path):
    found = written(tmp_path / "0001", scorecard(failed=("E5",)))
    assert "GATE FAILED" not in found.html
    assert found.page.text_of("span", "mark")[-1] == "– Gate"
    assert "1 failed (E5)" in found.page.text_of("li", "verdict")[-1]


def test_a_gate_that_was_not_run_is_missing_and_does_not_pass(tmp_path):
    found = reported(MadeUpRun(tmp_path / "0001").whole())
    assert "The quality gate is not part of this run" in found.html
    assert "rimlight quality STUDY" in found.html
    assert "Gate passed" not in found.html


def test_figures_carry_their_numbers(passed):
    for name in ("scorecard", "randomisation_cascade", "removal_curves", "own_share"):
        assert f'id="figure-{name}"' in passed.html
        assert f'download="{name}.csv"' in passed.html


def test_the_area_of_curves_is_that_of_the_gate():
    curve = RemovalCurve(order="map", most_first=(6, 2, -1, -2, 0), least_first=(6, 8, 7, 4, 0))
    assert curve.area == pytest.approx(5)
    assert removal_svg([curve], name="a") == removal_svg([curve], name="a")


@pytest.mark.parametrize(
    ("codes", "words"),
    [("E1", "gate failed: E1"), ("E2 E3", "gate failed: E2 E3"), ("E1 E2 E3", "failed: E1 E2 E3")],
)
def test_the_stamp_of_a_small_picture_is_short(codes, words):
    stamp = "quality gate failed: " + ", ".join(f"{code} some name" for code in codes.split())
    assert gate_words(stamp) == words
