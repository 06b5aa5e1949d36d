"""A small study with a run that was asked why it errs: four cells of which three are looked at."""

import json

import numpy as np

from rimlight.io.arrays import write_arrays
from rimlight.io.formats.tables import write_table
from rimlight.io.journal import append_labels
from rimlight.io.runs import open_run
from rimlight.settings import Settings, settings_as_dict
from small_studies import label_of, slide_info, study_of

CELLS = ("c1", "c2", "c3", "c4")
SLIDES = ("s1", "s1", "s2", "s1")
PARTS = ("train", "train", "hold-out", "train")
LEVELS = (0, 1, 0, 2)
LOGITS = (1.5, 0.2, 2.0, -0.5)
"""c1 and c3 are called positive in error, c2 right but unsure, c4 negative in error."""
EXPRESSIONS = ("negative", "weak", "negative", "moderate")
SIDE_PX = 16


def reviewed_study(folder):
    """A study with slides s1 and s2, labels of anna and ben, and run 0001."""
    study = study_of(folder, slide_info("s1"), slide_info("s2"))
    labels = [
        label_of(at, said, "anna", slide_id=slide)
        for at, (said, slide) in enumerate(zip(EXPRESSIONS, SLIDES, strict=True), start=1)
    ]
    labels += [
        label_of(1, "weak", "ben"),
        label_of(2, "strong", "ben"),
        label_of(3, "negative", "ben", slide_id="s2"),
    ]
    append_labels(study.engine, labels)
    reviewed_run(study)
    return study


def reviewed_run(study, *, run_id="0001", is_asked=True):
    """Write a run of the cells; ``is_asked`` False leaves out what ``rimlight causes`` writes."""
    home = study.runs / run_id
    home.mkdir(parents=True)
    record = {"settings": settings_as_dict(Settings()), "started_at": "2026-03-01T10:00:00Z"}
    (home / "run.json").write_text(json.dumps(record), encoding="utf-8")
    write_table(
        home / "cells.csv",
        {
            "cell": CELLS, "slide": SLIDES, "case": [f"case of {slide}" for slide in SLIDES],
            "assay": ["a"] * 4, "scanner": [""] * 4, "x_l0": [10.0 * n for n in range(1, 5)],
            "y_l0": [5.0 * n for n in range(1, 5)], "expression": EXPRESSIONS, "level": LEVELS,
        },
    )  # fmt: skip
    write_table(
        home / "predictions.csv",
        {
            "cell": CELLS, "fold": [0] * 4, "part": PARTS, "logit": LOGITS,
            "probability": [0.8, 0.55, 0.88, 0.38], "call": [logit > 0 for logit in LOGITS],
        },
    )  # fmt: skip
    write_table(
        home / "parts.csv",
        {"fold": [0, 0], "case": ["case of s1", "case of s2"], "part": ["train", "hold-out"]},
    )
    metrics = {"training": {"n": 4}}
    if is_asked:
        metrics["causes"] = {"doubts": [_doubt("c4", 0.9), _doubt("c2", 0.6)]}
        _write_causes(home)
    (home / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return open_run(study, run_id)


def _doubt(cell, doubt):
    return {"cell": cell, "case": "k", "level": 1, "logit": 0.0, "doubt": doubt,
            "evidence": ["The ten cells most like it are negative."]}  # fmt: skip


def _write_causes(home):
    n = 3
    write_table(
        home / "causes.csv",
        {
            "cell": CELLS[:n], "fold": [0] * n, "part": PARTS[:n], "level": LEVELS[:n],
            "logit": LOGITS[:n], "probability": [0.8, 0.55, 0.88],
            "kind": ["wrong", "uncertain", "wrong"],
            "status": ["confirmed", "map_only", "unexplained"],
            "cause": ["neighbour_membrane", "faint_stain", "unexplained"],
            "causes": ["neighbour_membrane+surroundings", "", ""],
            "logit_after": [-1.0, None, None], "recovered": [1.7, None, None],
            "placebo_recovered": [0.1, None, None], "doubt": [0.1, 0.6, 0.2],
            "nearest": ["c2 c4", "c1", ""], "group": ["neighbours", "faint", "unexplained"],
        },
    )  # fmt: skip
    write_table(
        home / "cause_trials.csv",
        {
            "cell": ["c1"], "fold": [0], "cause": ["neighbour_membrane"], "proposed": [1.0],
            "logit_before": [1.5], "logit_after": [-1.0], "recovered": [1.7],
            "placebo_logit": [1.4], "placebo_recovered": [0.1], "placebo_share": [1.0],
            "edited_share": [0.1], "is_confirmed": [1],
        },
    )  # fmt: skip
    draw = np.random.default_rng(0)
    patches = draw.integers(0, 255, (n, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    zones = np.zeros((n, SIDE_PX, SIDE_PX), dtype=np.uint8)
    zones[:, 5:11, 5:11] = 2
    zones[:, 7:9, 7:9] = 1
    edited = patches.copy()
    edited[0, :4] = 255
    maps = draw.normal(0, 0.1, (n, SIDE_PX, SIDE_PX)).astype(np.float16)
    write_arrays(
        home, "causes", {"patches": patches, "edited": edited, "maps": maps, "zones": zones}
    )
