"""What rimlight triage prints: the new round, and what earlier rounds cost and brought."""

from rimlight.cli.triage import _lines

SECTION = {
    "round": 2,
    "n_cells": 9,
    "n_given": {"cause": 3, "uncertain": 4, "random": 2},
    "n_candidates": 5000,
    "n_slides": 7,
    "notes": ["cause: 5 cells were asked for, 3 were found; their places went to the next share"],
    "folder": "study/runs/0002/rounds/2",
}


def entry(number, **changes):
    interval = {"value": 0.04, "low": 0.01, "high": 0.07, "is_reliable": False}
    facts = {
        "round": number,
        "run_before": "0001",
        "run_after": "0002",
        "n_labelled": {"cause": 5, "uncertain": 3, "random": 2},
        "n_wrong_before": {"cause": 4, "uncertain": 1, "random": 0},
        "f1_before": 0.81,
        "f1_after": 0.85,
        "f1_change": interval,
        "discordant_f1_before": None,
        "discordant_f1_after": None,
        "discordant_f1_change": interval | {"value": None},
    }
    return facts | changes


def test_the_round_its_notes_and_earlier_rounds_are_told_and_the_new_one_has_no_ledger():
    lines = list(_lines(SECTION, {"rounds": [entry(1), entry(2)]}))
    assert lines == [
        "round 2: 9 cells (3 cause, 4 uncertain, 2 random) of 5000 candidates on 7 slides",
        SECTION["notes"][0],
        "points for QuPath, one file a slide: study/runs/0002/rounds/2",
        "round 1: labelled 5 cause, 3 uncertain, 2 random; against the call of run 0001: "
        "4 cause, 1 uncertain, 0 random",
        "  F1 0.810 to 0.850 in run 0002, change +0.040 [+0.010, +0.070], under 10 cases",
    ]


def test_a_round_without_a_later_run_says_so():
    nothing = {"run_after": None, "f1_change": None, "discordant_f1_change": None}
    lines = list(_lines(SECTION, {"rounds": [entry(1, **nothing)]}))
    assert lines[-1] == "  no run was trained with its labels yet"
