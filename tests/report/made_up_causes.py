"""Causes, a round and a ledger for a made-up run: they look like results and mean nothing."""

import numpy as np
from made_up_runs import MPP, SIZE_PX, MadeUpRun

from rimlight.core.zones import disc, ring
from rimlight.io.arrays import write_arrays
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import merge_metrics

ROWS = (
    # part, level, logit, kind, status, cause, causes, logit after, placebo logit, group
    ("hold-out", 0, 2.1, "wrong", "confirmed", "neighbour_membrane", "neighbour_membrane", -0.8,
     1.9, "neighbour membrane"),
    ("hold-out", 2, -2.0, "wrong", "confirmed", "neighbour_nucleus",
     "neighbour_nucleus+off_centre", -0.9, -1.9, "neighbour nucleus"),
    ("train", 0, 1.0, "wrong", "confirmed", "neighbour_membrane", "neighbour_membrane", -2.5, 0.9,
     "neighbour membrane"),
    ("train", 0, 0.4, "uncertain", "map_only", "slide_edge", "", None, None, "slide edge"),
    ("validation", 1, -3.0, "wrong", "unexplained", "unexplained", "", None, None, "unexplained"),
    ("validation", 0, 4.0, "doubtful", "map_only", "doubtful_label", "", None, None,
     "doubtful label"),
)  # fmt: skip
EVIDENCE = (
    "The network, which never saw this cell, gives positive a probability of 98 %.",
    "For the label: DAB on its own ring is 0.10 OD.",
)


def write_causes(made: MadeUpRun) -> None:
    """Write tables, arrays and the section of the causes."""
    cells = made.cells["cell"][: len(ROWS)]
    near = " ".join(made.cells["cell"][20:30])
    columns = {
        "cell": cells,
        "fold": [0] * len(ROWS),
        "part": [row[0] for row in ROWS],
        "level": [row[1] for row in ROWS],
        "logit": [row[2] for row in ROWS],
        "probability": [1 / (1 + np.exp(-row[2])) for row in ROWS],
        "kind": [row[3] for row in ROWS],
        "status": [row[4] for row in ROWS],
        "cause": [row[5] for row in ROWS],
        "causes": [row[6] for row in ROWS],
        "logit_after": [row[7] for row in ROWS],
        "recovered": [None if row[7] is None else 1 - row[7] / row[2] for row in ROWS],
        "placebo_recovered": [None if row[8] is None else 1 - row[8] / row[2] for row in ROWS],
        "doubt": [0.1] * len(ROWS),
        "nearest": [near] * len(ROWS),
        "group": [row[9] for row in ROWS],
    }
    write_table(made.run.folder / "causes.csv", columns)
    tried = [(cell, row) for cell, row in zip(cells, ROWS, strict=True) if row[7] is not None]
    trials = {
        "cell": [cell for cell, _ in tried],
        "fold": [0] * len(tried),
        "cause": [row[5] for _, row in tried],
        "logit_before": [row[2] for _, row in tried],
        "logit_after": [row[7] for _, row in tried],
        "placebo_logit": [row[8] for _, row in tried],
        "is_confirmed": [1] * len(tried),
    }
    write_table(made.run.folder / "cause_trials.csv", trials)
    write_arrays(made.run.folder, "causes", _arrays(made))
    merge_metrics(made.run, "causes", _section(made, cells))


def write_rounds(made: MadeUpRun) -> None:
    """Write a round that was drawn, and a ledger of one that came back."""
    merge_metrics(
        made.run,
        "triage",
        {
            "round": 2, "n_cells": 40, "n_asked": {"cause": 20, "uncertain": 12, "random": 8},
            "n_given": {"cause": 15, "uncertain": 17, "random": 8}, "n_slides": 9,
            "causes": {"neighbour_membrane": 11, "pigment": 4}, "n_candidates": 12_345,
            "notes": ["Only 15 candidates are like a confirmed cause."],
        },
    )  # fmt: skip
    merge_metrics(
        made.run,
        "ledger",
        {
            "rounds": [
                {
                    "round": 1, "run_before": "0001", "run_after": "0002",
                    "n_asked": {"cause": 20, "uncertain": 12, "random": 8},
                    "n_labelled": {"cause": 18, "uncertain": 12, "random": 8},
                    "n_other": {"cause": 2, "uncertain": 0, "random": 3},
                    "n_wrong_before": {"cause": 9, "uncertain": 5, "random": 1},
                    "f1_before": 0.951, "f1_after": 0.957,
                    "discordant_f1_before": 0.81, "discordant_f1_after": 0.88,
                    "f1_change": _interval(0.006, 0.01),
                    "discordant_f1_change": _interval(0.07, 0.03),
                    "n_cells": 400, "n_discordant": 96, "n_other_labels": 7,
                }
            ]
        },
    )  # fmt: skip


def _interval(value: float, half: float) -> dict:
    return {
        "value": value, "low": value - half, "high": value + half, "n_cells": 400, "n_cases": 12,
        "n_resamples": 100, "n_undefined": 0, "is_reliable": True,
    }  # fmt: skip


def _arrays(made: MadeUpRun) -> dict[str, np.ndarray]:
    patches = np.stack(
        [made._patch(row[1], strong_neighbour=row[5] == "neighbour_membrane")[0] for row in ROWS]
    )
    zones = np.zeros((len(ROWS), SIZE_PX, SIZE_PX), np.uint8)
    near = np.roll(ring(SIZE_PX, mpp=MPP, inner_um=5.0, outer_um=6.5), (-18, -4), (0, 1))
    zones[:, near] = 4
    zones[:, np.roll(disc(SIZE_PX, mpp=MPP, radius_um=3.6), (-18, -4), (0, 1))] = 3
    zones[:, ring(SIZE_PX, mpp=MPP, inner_um=3.6, outer_um=7)] = 2
    zones[:, disc(SIZE_PX, mpp=MPP, radius_um=3.6)] = 1
    edited = patches.copy()
    for at, row in enumerate(ROWS):
        zone = {"neighbour_membrane": 4, "neighbour_nucleus": 3}.get(row[5])
        if row[7] is not None:
            edited[at][zones[at] == zone] = (235, 228, 230)
    maps = np.zeros(zones.shape, np.float32)
    maps[zones == 4], maps[zones == 3] = 0.02, -0.01
    return {
        "patches": patches,
        "edited": edited,
        "maps": maps.astype(np.float16),
        "zones": zones,
    }


def _section(made: MadeUpRun, cells: list[str]) -> dict:
    names = list(dict.fromkeys(row[9] for row in ROWS))
    return {
        "n_examined": 6, "n_wrong": 4, "n_uncertain": 1, "n_doubtful": 1,
        "n_confirmed": 3, "n_map_only": 2, "n_unexplained": 1,
        "parts": {
            "hold-out": {
                "n_wrong": 2, "status": {"confirmed": 2},
                "causes": {
                    "neighbour_membrane": {"confirmed": 1, "map_only": 0},
                    "neighbour_nucleus": {"confirmed": 1, "map_only": 0},
                },
            },
            "train": {
                "n_wrong": 1, "status": {"confirmed": 1, "map_only": 1},
                "causes": {
                    "neighbour_membrane": {"confirmed": 1, "map_only": 0},
                    "slide_edge": {"confirmed": 0, "map_only": 1},
                },
            },
            "validation": {
                "n_wrong": 1, "status": {"map_only": 1, "unexplained": 1},
                "causes": {"doubtful_label": {"confirmed": 0, "map_only": 1}},
            },
        },
        "right_calls": {
            "n_cells": 50,
            "per_cause": {
                "neighbour_membrane": {"n_tried": 48, "n_changed": 1},
                "pigment": {"n_tried": 5, "n_changed": 0},
            },
        },
        "groups": [
            {
                "name": name,
                "cause": name.replace(" ", "_"),
                "words": "",
                "n_cells": sum(row[9] == name for row in ROWS),
                "n_held_out": sum(row[9] == name and row[0] == "hold-out" for row in ROWS),
                "examples": [c for c, row in zip(cells, ROWS, strict=True) if row[9] == name],
                "cases": {made.cells["case"][0]: sum(row[9] == name for row in ROWS)},
                "slides": {made.cells["slide"][0]: sum(row[9] == name for row in ROWS)},
                "nearest": [],
            }
            for name in names
        ],
        "n_groups_rule": "One group a cause.",
        "doubts": [
            {
                "cell": cells[5], "case": "case-00", "level": 0, "logit": 4.0, "doubt": 0.93,
                "evidence": list(EVIDENCE),
            },
            {
                "cell": "cell-00040", "case": "case-01", "level": 3, "logit": -1.0, "doubt": 0.4,
                "evidence": ["The network gives positive a probability of 20 %."],
            },
        ],
        "synthetic": True,
    }  # fmt: skip
