"""Counts add up, bands come from unrounded values, and what cannot be scored has no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.core.scores import (
    AssayProfile,
    Counts,
    adequacy,
    band_of,
    crossed,
    h_score,
    printed,
    tps,
)


def profile(**changes) -> AssayProfile:
    facts = {
        "profile_id": "x",
        "assay": "",
        "clone": "",
        "platform": "",
        "tumour": "",
        "score": "TPS",
        "cut_offs": (1.0, 50.0),
        "bands": ("< 1", "1-49", ">= 50"),
        "least_cells": 100,
        "cells_counted": "",
        "source": "",
        "source_date": "",
        "checked_by": "",
        "checked_on": "",
    }
    return AssayProfile(**(facts | changes))


def counts(n_positive, n_negative, **changes) -> Counts:
    facts = {"excluded": {}, "n_abstained": 0}
    return Counts(n_positive=n_positive, n_negative=n_negative, **(facts | changes))


def test_excluded_and_abstained_cells_are_seen_and_never_counted():
    found = counts(30, 70, excluded={"out_of_focus": 5, "called_other": 40}, n_abstained=7)
    assert found.n_seen == 30 + 70 + 5 + 40 + 7
    assert tps(found) == 30


def test_weak_cells_weigh_one_and_strong_ones_three():
    assert h_score(counts(10, 0, n_of_level=(10, 0, 0))) == 100
    assert h_score(counts(10, 0, n_of_level=(0, 0, 10))) == 300
    assert h_score(counts(10, 10, n_of_level=(5, 5, 0))) == 75
    assert h_score(counts(10, 10)) is None


def test_levels_that_are_not_the_positive_cells_are_refused():
    with pytest.raises(ValueError, match="levels"):
        counts(3, 1, n_of_level=(1, 0, 0))
    with pytest.raises(ValueError, match="negative"):
        counts(3, -1)


def test_no_cell_gives_no_score_and_a_reason_instead_of_0():
    nothing = counts(0, 0)
    assert tps(nothing) is None
    assert adequacy(nothing, profile=profile(), least_cells=1).reason == "no_tumour_cells"


def test_too_few_cells_say_how_many_were_found_and_needed():
    found = adequacy(counts(99, 0), profile=profile(), least_cells=1)
    assert found.reason == "too_few_tumour_cells"
    assert "99" in found.words
    assert "100" in found.words
    assert adequacy(counts(100, 0), profile=profile(), least_cells=1).is_evaluable
    own = profile(least_cells=None)
    assert adequacy(counts(99, 0), profile=own, least_cells=99).is_evaluable


def test_a_slide_that_lost_most_of_its_cells_is_not_evaluable():
    half = counts(100, 100, excluded={"out_of_focus": 200})
    assert adequacy(half, profile=profile(), least_cells=1).is_evaluable
    more = counts(100, 100, excluded={"out_of_focus": 150, "called_other": 51})
    assert adequacy(more, profile=profile(), least_cells=1).is_evaluable
    blurred = counts(100, 100, excluded={"out_of_focus": 201})
    assert adequacy(blurred, profile=profile(), least_cells=1).reason == "image_quality"


@pytest.mark.parametrize("score", ["CPS", "IC", "TC and IC"])
def test_scores_of_immune_cells_are_not_offered_without_their_class(score):
    found = adequacy(counts(500, 500), profile=profile(score=score), least_cells=1)
    assert found.reason == "no_immune_cell_class"


def test_a_her2_category_is_never_made_of_intensity_and_what_is_offered_instead_is_said():
    found = adequacy(counts(500, 500), profile=profile(score="HER2 0-3+"), least_cells=1)
    assert (found.reason, found.is_evaluable) == ("no_completeness", False)
    assert "stained all around" in found.words
    assert "profile research" in found.words


def test_a_band_begins_at_its_cut_off_and_comes_from_the_unrounded_value():
    assert [band_of(value, profile()) for value in (0.999, 1.0, 49.6, 49.999, 50.0)] == [
        "< 1",
        "1-49",
        "1-49",
        "1-49",
        ">= 50",
    ]
    assert band_of(49.6, profile(cut_offs=(), bands=())) is None


@given(st.floats(0, 100), st.sampled_from([(1.0, 50.0), (1.0,), ()]))
def test_what_is_printed_never_contradicts_the_band(value, cut_offs):
    text = printed(value, cut_offs)
    assert [float(text) >= cut for cut in cut_offs] == [value >= cut for cut in cut_offs]
    assert abs(float(text) - value) <= 0.5


def test_an_interval_that_ends_at_a_cut_off_crosses_it_and_one_that_begins_there_does_not():
    assert crossed(40.0, 50.0, (1, 50)) == (50,)
    assert crossed(50.0, 60.0, (1, 50)) == ()
    assert crossed(0.0, 60.0, (1, 50)) == (1, 50)


@pytest.mark.parametrize(
    "changes",
    [
        {"cut_offs": (50.0, 1.0)},
        {"bands": ("< 1", ">= 1")},
        {"score": "HS"},
        {"least_cells": 0},
        {"cut_offs": ()},
    ],
)
def test_profiles_that_contradict_themselves_are_refused(changes):
    with pytest.raises(ValueError, match=r"must|bands"):
        profile(**changes)
