"""Scores of regions and of the cores of a tissue array: a row each, and arrays as they lie."""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.report.blocks import Block, Drawing, Strip
from rimlight.report.score_colours import share_scale
from rimlight.report.score_grid import Grid, grid_of, grid_svg
from rimlight.report.score_rows import ScoredRow
from rimlight.report.score_tables import MOST_ROWS, score_columns, score_table
from rimlight.report.score_words import band_words
from rimlight.report.wording import count

MOST_ARRAYS = 12
Profiles = Mapping[str, Mapping[str, Any]]


def area_blocks(rows: Sequence[ScoredRow], profiles: Profiles) -> tuple[Block, ...]:
    """Return tissue arrays as grids, and a table of every region and core; none without areas."""
    if not rows:
        return ()
    cores = [row for row in rows if row.kind == "core"]
    found = [_arrays(cores), _table(rows, profiles)]
    return tuple(block for block in found if block is not None)


def _arrays(cores: Sequence[ScoredRow]) -> Block | None:
    by_slide: dict[str, list[ScoredRow]] = {}
    for core in cores:
        by_slide.setdefault(core.slide, []).append(core)
    grids = {slide: grid for slide, some in by_slide.items() if (grid := grid_of(some))}
    if not grids:
        return None
    shown = dict(list(grids.items())[:MOST_ARRAYS])
    n_left = len(grids) - len(shown)
    left = f" {count(n_left, 'more array', 'more arrays')}: see the table." if n_left else ""
    return Block(
        name="score_arrays",
        title="Tissue arrays",
        caption="Each core where it lies, with its score as printed and its share of positive "
        "cells as colour. Dashed: no value; the table below says why. Black dot: borderline."
        f"{left}",
        drawings=(Drawing(svg=share_scale()),),
        strips=tuple(
            Strip(
                lead=slide,
                facts=f"{count(len(grid), 'core')}: {band_words(list(grid.values()))}",
                drawings=(Drawing(svg=grid_svg(grid, slide=slide)),),
                kind="array",
            )
            for slide, grid in shown.items()
        ),
        numbers=_numbers(shown),
    )


def _numbers(grids: Mapping[str, Grid]) -> dict[str, list[Any]]:
    placed = [(*at, core) for grid in grids.values() for at, core in sorted(grid.items())]
    return {
        "slide": [core.slide for *_, core in placed],
        "core": [core.area for *_, core in placed],
        "row": [row for row, _, _ in placed],
        "column": [column for _, column, _ in placed],
        "value": [core.value for *_, core in placed],
        "reason": [core.reason for *_, core in placed],
    }


def _table(rows: Sequence[ScoredRow], profiles: Profiles) -> Block:
    n_regions = sum(row.kind != "core" for row in rows)
    n_cores = len(rows) - n_regions
    kinds = [count(n, thing) for n, thing in ((n_regions, "region"), (n_cores, "core")) if n]
    cut = (
        f" The first {MOST_ROWS} of {len(rows):,} are shown; the CSV holds all."
        if len(rows) > MOST_ROWS
        else ""
    )
    return Block(
        name="score_areas",
        title=f"Scores of {' and '.join(kinds)}",
        caption="Of a region or core that somebody chose, not of a slide. A cell in two regions "
        f"counts in each of them.{cut}",
        numbers=score_columns(rows),
        table=score_table(rows, profiles, title="Regions and cores"),
        is_wide_table=True,
    )
