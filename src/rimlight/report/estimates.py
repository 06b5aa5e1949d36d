"""Intervals of metrics.json as forest plots, columns of a CSV, and words."""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.records import Interval
from rimlight.report.blocks import Drawing, alt_text
from rimlight.report.contents import interval_of, within
from rimlight.report.forest import Line, Scale, forest_svg
from rimlight.report.wording import count, estimate


def forest_drawing(
    lines: Sequence[Line], scale: Scale, *, name: str, title: str, note: str
) -> Drawing:
    """Return a panel of a forest plot with its heading and the words for a screen reader."""
    words = "; ".join(
        f"{line.label} {estimate(line.interval, scale=scale.factor, digits=scale.digits)}"
        for line in lines
    )
    svg = alt_text(
        forest_svg(lines, scale=scale, name=name), alt=f"{title}, {scale.title}: {words}"
    )
    return Drawing(svg=svg, title=title, note=note)


def interval_columns(intervals: Sequence[Interval], name: str) -> dict[str, list[Any]]:
    """Return value, ends and counts of intervals as columns whose names begin with ``name``."""
    return {
        name: [item.value for item in intervals],
        f"{name}_low": [item.low for item in intervals],
        f"{name}_high": [item.high for item in intervals],
        f"{name}_n_cells": [item.n_cells for item in intervals],
        f"{name}_n_cases": [item.n_cases for item in intervals],
    }


def size_words(block: Mapping[str, Any]) -> str:
    """Return how many cells and cases a block holds, and why no verdict is drawn from it."""
    words = count(block.get("n_cells") or 0, "cell")
    words += f", {count(block.get('n_cases') or 0, 'case')}"
    return words if block.get("has_verdict", True) else f"{words}: too few for a verdict"


def figure_of(evaluation: Mapping[str, Any], subset: str, system: str, figure: str) -> Interval:
    """Return one figure of one system on one subset of the evaluation."""
    return interval_of(within(evaluation, "subsets", subset, "systems", system, "figures", figure))
