"""Do the maps add up: completeness errors of every reference, from the explained cells."""

import numpy as np

from rimlight.report.blocks import Block, Drawing, alt_text
from rimlight.report.contents import Contents
from rimlight.report.drawings import Gaps, completeness_svg
from rimlight.report.wording import percent

REFERENCES = ("fixed_negatives", "white", "opposite", "stain_removed")


def completeness_block(contents: Contents) -> Block | None:
    """Return histograms of the completeness error and the share of complete maps."""
    strips = _gaps(contents)
    if not strips:
        return None
    tolerance = float(contents.setting("explain", "tolerance", 0.01))
    tail = [float(np.quantile(strip.gap_share, 0.95)) for strip in strips]
    words = "The 95th percentile is " + ", ".join(
        f"{percent(share, digits=2)} ({strip.reference})"
        for strip, share in zip(strips, tail, strict=True)
    )
    svg = completeness_svg(strips, tolerance=tolerance, name="completeness")
    return Block(
        name="completeness",
        title="Do the maps add up?",
        caption="A map is complete when its pixels sum to the rise of the logit from reference to "
        f"cell. Bars: held-out cells by completeness error; dashed line: the limit of "
        f"{percent(tolerance, digits=0)}. Cells above it after the last refinement are stamped "
        f"“not converged” wherever they are shown, unless the error is under "
        f"{contents.setting('explain', 'tolerance_logits', 0.05)} logits. {words}.",
        drawings=(Drawing(svg=alt_text(svg, alt=f"Completeness errors: {words}")),),
        numbers={
            "reference": [strip.reference for strip in strips],
            "n_cells": [strip.n_cells for strip in strips],
            "n_small_rise": [strip.n_cells - len(strip.gap_share) for strip in strips],
            "converged_share": [strip.converged_share for strip in strips],
            "gap_share_median": [float(np.median(strip.gap_share)) for strip in strips],
            "gap_share_p95": tail,
        },
    )


def _gaps(contents: Contents) -> list[Gaps]:
    table = contents.tables["explanations"]
    if not table:
        return []
    is_held_out = _held_out(contents)
    strips = []
    for reference in REFERENCES:
        rows = [
            i for i, name in enumerate(table["reference"]) if name == reference and is_held_out[i]
        ]
        large = [i for i in rows if table["is_small_rise"][i] != "1" and float(table["rise"][i])]
        if not large:
            continue
        shares = [abs(float(table["gap"][i]) / float(table["rise"][i])) for i in large]
        n_converged = sum(table["is_converged"][i] == "1" for i in rows)
        strips.append(
            Gaps(
                reference=reference_words(reference),
                gap_share=tuple(shares),
                converged_share=n_converged / len(rows),
                n_cells=len(rows),
            )
        )
    return strips


def _held_out(contents: Contents) -> list[bool]:
    """Return which rows are of the trained network and a cell that it did not see."""
    table = contents.tables["explanations"]
    n_rows = len(table["reference"])
    fold_of_cell = dict(
        zip(contents.column("cells", "cell"), contents.column("cells", "fold"), strict=True)
    )
    rows = zip(
        table["cell"],
        table.get("fold") or [""] * n_rows,
        table.get("network") or ["trained"] * n_rows,
        strict=True,
    )
    return [
        network == "trained" and fold_of_cell.get(cell, fold) == fold
        for cell, fold, network in rows
    ]


def reference_words(name: str) -> str:
    """Return what a reference is, in words."""
    return {
        "fixed_negatives": "negative cells",
        "white": "white",
        "opposite": "cells of the other call",
        "stain_removed": "stain removed",
    }.get(name, name)
