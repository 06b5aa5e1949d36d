import numpy as np
import pytest

from rimlight.core.intervals import Sampled
from rimlight.workflows.blocks import size_block, verdict


def size(n_cells, n_cases):
    case = np.array([f"c{i % n_cases}" for i in range(n_cells)])
    return size_block(case, np.arange(n_cells) % 4)


def margin(low, high, n_cases=12):
    resamples = np.linspace(low, high, 401)
    return Sampled(value=(low + high) / 2, resamples=resamples, n_cells=90, n_cases=n_cases)


@pytest.mark.parametrize(
    ("n_cells", "n_cases", "has_verdict"),
    [(30, 5, True), (29, 5, False), (90, 4, False)],
)
def test_a_verdict_needs_thirty_cells_of_five_cases(n_cells, n_cases, has_verdict):
    found = size(n_cells, n_cases)
    assert found["has_verdict"] is has_verdict
    assert (found["reason"] is None) is has_verdict
    if not has_verdict:
        assert f"{n_cells} cells of {n_cases} cases" in found["reason"]


def test_a_size_block_counts_levels_and_positive_cells():
    found = size_block(np.array(["a", "a", "b"]), np.array([0, 3, 1]))
    assert found["levels"] == {"negative": 1, "weak": 1, "moderate": 0, "strong": 1}
    assert (found["n_positive"], found["n_cells"], found["n_cases"]) == (2, 3, 2)


def test_every_margin_must_exclude_zero_and_the_sentence_names_the_hardest():
    shown = {"easy": margin(0.2, 0.4), "hard": margin(0.02, 0.22)}
    found = verdict("it is so", shown, size(90, 12), figure="F1")
    assert found["is_shown"] is True
    assert found["sentence"] == (
        "Shown: it is so; margin in F1 over hard +0.120 [+0.025, +0.215], 90 cells of 12 cases."
    )
    touching = verdict("it is so", shown | {"hard": margin(-0.1, 0.2)}, size(90, 12), figure="F1")
    assert touching["is_shown"] is False


def test_a_margin_below_zero_shows_nothing():
    assert verdict("so", {"a": margin(-0.4, -0.2)}, size(90, 12), figure="F1")["is_shown"] is False


def test_a_missing_or_undefined_margin_gives_no_verdict():
    for missing in (None, margin(np.nan, np.nan)):
        found = verdict("so", {"a": margin(0.1, 0.2), "b": missing}, size(90, 12), figure="F1")
        assert found["is_shown"] is None
        assert "the margin over b is undefined" in found["sentence"]
    assert verdict("so", {}, size(90, 12), figure="F1")["is_shown"] is None
