"""Scores of a made-up run: tables, section and pictures, as rimlight score writes them."""

from typing import Any

import numpy as np

from rimlight.io.arrays import write_arrays
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import merge_metrics

PROFILES = {
    "22c3-nsclc": {
        "score": "TPS", "cut_offs": [1.0, 50.0], "bands": ["< 1", "1-49", ">= 50"],
        "is_checked": False, "source": "10.1186/x", "source_date": "2019",
    },
    "research": {
        "score": "TPS", "cut_offs": [], "bands": [], "is_checked": False, "source": "",
        "source_date": "",
    },
}  # fmt: skip
SENTENCES = ["Tumour cells were told by a rule.", "The interval holds other fields."]


def score_row(slide="a1", *, levels=(60, 20, 15, 5), **changes) -> dict[str, Any]:
    """A row of scores.csv of 100 cells that count, 40 of them positive."""
    negative, *positive = levels
    n = max(sum(levels), 1)
    facts = {
        "slide": slide, "case": f"case {slide}", "part": "hold-out", "assay": "22c3-nsclc",
        "profile": "22c3-nsclc", "score": "TPS", "is_evaluable": True, "reason": None,
        "words": "", "value": 100 * sum(positive) / n, "low": 30.25, "high": 47.0,
        "shown": "40 %", "band": "1-49", "borderline": "", "n_seen": sum(levels) + 14,
        "n_positive": sum(positive), "n_negative": negative, "n_weak": positive[0],
        "n_moderate": positive[1], "n_strong": positive[2], "n_out_of_focus": 2,
        "n_labelled_other": 0, "n_called_other": 9, "n_near_edge": 3, "h_score": 65.0,
        "h_low": 50.0, "h_high": 80.0, "n_fields": 12, "n_error_cases": 6,
        "is_interval_reliable": True,
    }  # fmt: skip
    return facts | changes


def not_evaluable(slide, **changes) -> dict[str, Any]:
    """A row of a slide that has cells and no value."""
    nothing = dict.fromkeys(("value", "low", "high", "band", "h_score", "h_low", "h_high"))
    facts = {
        "is_evaluable": False, "shown": "not evaluable", "reason": "too_few_tumour_cells",
        "words": "found 3 tumour cells, needed 100", "is_interval_reliable": False,
    }  # fmt: skip
    return score_row(slide, levels=(2, 1, 0, 0), **(nothing | facts | changes))


def write_scores(made, rows, **changes) -> None:
    """Write scores.csv and the section ``scores`` of a made-up run."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    write_table(made.run.folder / "scores.csv", columns)
    used = {row["profile"] for row in rows}
    section = {
        "n_slides": len(rows), "sentences": SENTENCES, "warnings": ["profile not checked: x"],
        "profiles": {name: PROFILES[name] for name in used}, "slides": [], "failed": [],
    }  # fmt: skip
    merge_metrics(made.run, "scores", section | changes)


def write_pictures(made, slides, *, n_dots=None, has_levels=True, outlines=None) -> None:
    """Write pictures of slides 400 x 200 px of 1 um: left half negative, right half positive.

    n_dots: cells as dots; None for fields of 100 um alone, the last of them with 4 cells.
    """
    overview = np.full((50, 100, 3), 230, np.uint8)
    overview[:, :50] = (120, 90, 160)
    arrays = {}
    for at, _ in enumerate(slides):
        arrays[f"overview-{at}"] = overview
        arrays[f"positive-{at}"] = np.array([[0.0, 0, 10, 10], [0, 0, 10, 4]])
        arrays[f"negative-{at}"] = np.array([[10.0, 10, 0, 0], [10, 10, 0, 0]])
        if n_dots is not None:
            x = np.linspace(10, 390, n_dots)
            dots = np.column_stack([x, np.full(n_dots, 40.0), (x > 200) * 3])
            arrays[f"dots-{at}"] = dots.astype(np.float32)
        if outlines is not None:
            arrays[f"outlines-{at}"] = np.array(outlines, dtype=np.float32)
    folder = write_arrays(made.run.folder, "score_pictures", arrays)
    n = len(slides)
    write_table(
        folder / "pictures.csv",
        {
            "slide": slides, "width_l0": [400] * n, "height_l0": [200] * n, "mpp": [1.0] * n,
            "field_l0": [100.0] * n, "n_cells": [n_dots or 74] * n, "has_levels": [has_levels] * n,
        },
    )  # fmt: skip


def area_row(area, kind="core", slide="a1", **changes) -> dict[str, Any]:
    """A row of score_areas.csv."""
    row = score_row(slide, **{k: v for k, v in changes.items() if k != "case"})
    case = changes.get("case", row["case"])
    left_out = ("assay", "profile", "case")
    return {"area": area, "kind": kind, "case": case} | {
        name: value for name, value in row.items() if name not in left_out
    }


def write_areas(made, rows) -> None:
    """Write score_areas.csv of a made-up run."""
    names = list(rows[0])
    write_table(
        made.run.folder / "score_areas.csv", {name: [row[name] for row in rows] for name in names}
    )
