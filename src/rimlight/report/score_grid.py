"""A tissue array as it lies: each core in the colour of its share of positive cells."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from rimlight.report.score_colours import share_fill, share_rgb
from rimlight.report.score_rows import ScoredRow
from rimlight.report.score_words import band_words
from rimlight.report.svg import INK, MUTED
from rimlight.report.wording import count

Grid = Mapping[tuple[int, int], ScoredRow]
_CORE_NAME = re.compile(r"([A-Za-z]{1,2})[-_ .]?(\d{1,3})")
_CELL_W, _CELL_H, _HEAD = 52, 36, 26
_PALE = 140.0
"""Of lightness 0..255; dark ink is read on what is paler."""


def grid_of(cores: Sequence[ScoredRow]) -> dict[tuple[int, int], ScoredRow] | None:
    """Return cores by row and column, from 0; None where their names do not tell.

    A name is a letter for the row and a number for the column, such as B-3.
    """
    places = {}
    for core in cores:
        place = _place(core.area)
        if place is None:
            return None
        places[place] = core
    if not cores or len(places) < len(cores):
        return None
    first_row, first_column = (min(at) for at in zip(*places, strict=True))
    return {(row - first_row, col - first_column): core for (row, col), core in places.items()}


def grid_svg(grid: Grid, *, slide: str) -> Markup:
    """Return the cores of an array where they lie, with their scores as printed."""
    n_rows, n_columns = (max(at) + 1 for at in zip(*grid, strict=True))
    rows = list(grid.values())
    parts = [*_heads(grid), *(_core(at, core) for at, core in sorted(grid.items()))]
    return Markup(
        '<svg class="array-grid" width="{w}" viewBox="0 0 {w} {h}" role="img" '
        'aria-label="{alt}">{parts}</svg>'
    ).format(
        w=_HEAD + _CELL_W * n_columns,
        h=_HEAD + _CELL_H * n_rows,
        alt=f"Tissue array {slide}, {count(len(rows), 'core')}: {band_words(rows)}",
        parts=Markup("").join(parts),
    )


def _place(name: str) -> tuple[int, int] | None:
    found = _CORE_NAME.fullmatch(name)
    if found is None:
        return None
    row = 0
    for letter in found[1].upper():
        row = 26 * row + ord(letter) - ord("A") + 1
    return row, int(found[2])


def _heads(grid: Grid) -> list[Markup]:
    """Return the letter of each row and the number of each column."""
    heads: dict[tuple[str, int], tuple[float, float, str]] = {}
    for (row, column), core in grid.items():
        if found := _CORE_NAME.fullmatch(core.area):
            heads["row", row] = (12.0, _HEAD + _CELL_H * (row + 0.5) + 4, found[1])
            heads["column", column] = (_HEAD + _CELL_W * (column + 0.5), 18.0, found[2])
    return [
        Markup('<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="{c}">{t}</text>').format(
            x=x, y=y, t=text, c=MUTED
        )
        for x, y, text in heads.values()
    ]


def _core(at: tuple[int, int], core: ScoredRow) -> Markup:
    left, top = _HEAD + _CELL_W * at[1], _HEAD + _CELL_H * at[0]
    fill, ink, words, dash = _look(core)
    dot = Markup('<circle cx="{x}" cy="{y}" r="3.4" fill="#111" stroke="#fff"/>').format(
        x=left + _CELL_W - 9, y=top + 9
    )
    return Markup(
        '<g><title>{title}</title><rect x="{x}" y="{y}" width="{w}" height="{h}" rx="3" '
        'fill="{fill}" stroke="{edge}" stroke-width=".8"{dash}/>'
        '<text x="{tx:g}" y="{ty:g}" text-anchor="middle" fill="{ink}">{words}</text>{dot}</g>'
    ).format(
        title=f"{core.area}: {words}",
        x=left + 1.5,
        y=top + 1.5,
        w=_CELL_W - 3,
        h=_CELL_H - 3,
        fill=fill,
        edge=MUTED,
        dash=dash,
        tx=left + _CELL_W / 2,
        ty=top + _CELL_H / 2 + 4,
        ink=ink,
        words=words,
        dot=dot if core.borderline else Markup(""),
    )


def _look(core: ScoredRow) -> tuple[str, str, str, Markup]:
    """Return fill, ink and words of a core, and how its edge is dashed."""
    if core.value is None:
        words = {"missing_core": "missing", "too_few_tumour_cells": "too few"}
        dashed = Markup(' stroke-dasharray="3 2"')
        return "#fff", MUTED, words.get(core.reason, "no value"), dashed
    lightness = float(share_rgb(np.array(core.value / 100)) @ np.array([0.3, 0.59, 0.11]))
    ink = INK if lightness > _PALE else "#fff"
    return share_fill(core.value / 100), ink, core.shown, Markup("")
