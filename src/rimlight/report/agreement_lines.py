"""Lines of forest plots on the agreement page: axes, and their numbers as columns."""

from collections.abc import Sequence
from typing import Any

from rimlight.report.agreement_words import PERCENT, Block, title_in
from rimlight.report.forest import Line, Scale


def key_of(scale: Block) -> str:
    """Return the key of a scale as part of an id and of a file name."""
    return str(scale["key"]).replace(".", "_").replace("-", "minus")


def how_of(block: Block | None) -> str:
    """Return how an interval was made."""
    return "" if block is None else str(block["interval"])


def axis_of(scale: Block, name: str) -> Scale:
    """Return the axis of a figure, from 0.6 to 1 unless the lines need more."""
    factor = 100 if name in PERCENT else 1
    return Scale(
        low=61 if factor > 1 else 0.61,
        high=100 if factor > 1 else 1.0,
        title=title_in(scale, name),
        factor=factor,
        digits=1 if factor > 1 else 2,
    )


def columns_of(rows: Sequence[tuple[str, Line, str]]) -> dict[str, list[Any]]:
    """Return lines with their figure and the kind of their interval as columns of a CSV."""
    return {
        "figure": [name for name, _, _ in rows],
        "what": [line.label for _, line, _ in rows],
        "value": [line.interval.value for _, line, _ in rows],
        "low": [line.interval.low for _, line, _ in rows],
        "high": [line.interval.high for _, line, _ in rows],
        "n_items": [line.interval.n_cells for _, line, _ in rows],
        "n_cases": [line.interval.n_cases for _, line, _ in rows],
        "n_undefined": [line.interval.n_undefined for _, line, _ in rows],
        "interval": [how for _, _, how in rows],
    }
