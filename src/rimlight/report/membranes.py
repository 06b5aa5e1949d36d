"""The section on contributing pixels as objects: cells with their outline, and truth with controls.

Reads the section ``membranes`` of ``metrics.json`` and the folder ``membranes/`` of a run.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from rimlight.io.arrays import read_arrays
from rimlight.io.formats.tables import read_table
from rimlight.report.blocks import Block, Drawing, Missing, Section, Table, numbers_row
from rimlight.report.contents import Contents, interval_of, within
from rimlight.report.estimates import interval_columns
from rimlight.report.panels import click_mark, gate_words, outline, picture, scale_bar, stamp_band
from rimlight.report.scorecard import stamp_of_run
from rimlight.report.svg import LEVEL_NAMES
from rimlight.report.wording import count, estimate, number, percent

KEY, TITLE = "membranes", "What was outlined, and is it the cell's own membrane?"
SYSTEM_NAMES = {
    "membranes": "closed path with the cell's own map",
    "path_gaussian": "the same path, Gaussian bell in place of the map",
    "path_mean_of_others": "the same path, mean map of the other cells",
    "path_another_cell": "the same path, another cell's map",
    "path_untrained": "the same path, map of an untrained network",
    "attribution_x_dab": "the cell's own map times DAB, no path",
    "mean_of_others_x_dab": "mean map of the other cells times DAB",
    "gaussian_x_dab": "Gaussian bell times DAB",
    "disc_x_dab": "disc times DAB",
    "ring_x_dab": "ring times DAB",
    "dab_threshold": "DAB alone",
}
_FIGURES = (("average_precision", "average precision"), ("dice", "Dice"))


def membranes_section(contents: Contents) -> Section:
    """Return the cells with their outlines, the values by level and the comparison with truth."""
    found = contents.section("membranes")
    if not found:
        return Section(
            key=KEY,
            short="Membranes",
            title=TITLE,
            missing=Missing(name="The outlines of membranes", command="rimlight membranes"),
        )
    blocks = (_cells(contents, found), _levels(found), _comparison(found))
    return Section(
        key=KEY,
        short="Membranes",
        title=TITLE,
        paragraphs=_paragraphs(found),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _paragraphs(found: Mapping[str, Any]) -> tuple[str, ...]:
    outlined = (
        f"{count(found.get('n_outlined') or 0, 'cell')} of {found.get('n_called_positive') or 0:,} "
        f"called positive have an outline, of {found.get('n_cells') or 0:,} held-out cells looked "
        "at. An outline holds the pixels that made the call: a closed path around the click runs "
        "where the maps claim the pixels and the DAB is, and gives each brown line to the cell "
        "that claims it. It is evidence about the network, not a validated segmentation."
    )
    reasons = [f"{n:,}: {why}" for why, n in within(found, "reasons").items()]
    without = f"Without an outline: {'; '.join(reasons)}." if reasons else ""
    truth = within(found, "truth")
    if not truth:
        closing = (
            "What the true membranes are is not known here, so that nothing is said of how well "
            "the outlines meet them."
        )
    elif "systems" not in truth:
        closing = f"No comparison with the painted membranes: {truth.get('reason')}."
    else:
        closing = _truth_words(truth)
    return tuple(words for words in (outlined, without, closing) if words)


def _truth_words(truth: Mapping[str, Any]) -> str:
    lows = [
        interval_of(within(truth, "margins", name, "figures", figure)).low
        for name in within(truth, "margins")
        for figure, _ in _FIGURES
    ]
    n_above = sum(low is not None and low > 0 for low in lows)
    completeness = within(truth, "completeness")
    without = within(truth, "margins", "path_gaussian", "figures", "average_precision")
    words = (
        f"Synthetic tissue, so that each cell's own membrane is known: "
        f"{count(truth.get('n_cells') or 0, 'positive cell')} with an outline. Of {len(lows)} "
        f"margins over controls, {n_above} have an interval above 0."
    )
    if without:
        words += (
            " What the network adds to the same path around a "
            f"bell, in average precision: {estimate(interval_of(without), digits=3)}."
        )
    if "median_error" in completeness:
        words += (
            f" The completeness of an outline is off by {percent(completeness['median_error'])} "
            f"in the median; correlation with the painted one "
            f"{number(completeness.get('pearson'))}."
        )
    return words


def _cells(contents: Contents, found: Mapping[str, Any]) -> Block | None:
    folder = contents.folder / "membranes"
    if not (folder / "shown.csv").is_file():
        return None
    table = read_table(folder / "shown.csv")
    if not table.get("cell"):
        return None
    arrays = read_arrays(contents.folder, "membranes")
    mpp = float(contents.setting("patch", "mpp", 0.5))
    gate = stamp_of_run(contents)
    drawings = [
        _drawing(
            {name: values[at] for name, values in table.items()} | {"gate": gate},
            arrays,
            at,
            mpp=mpp,
        )
        for at in range(len(table["cell"]))
    ]
    truth = "; broken blue line: its own painted membrane" if "truth" in arrays else ""
    return Block(
        name="membrane_cells",
        title="Outlined cells",
        caption=f"Black line: border of the contributing pixels{truth}; four strokes: the click. "
        f"{found.get('rule', '')}",
        drawings=tuple(drawings),
        numbers=table,
    )


def _drawing(
    row: Mapping[str, str], arrays: Mapping[str, np.ndarray], at: int, *, mpp: float
) -> Drawing:
    patch, mask = arrays["patches"][at], arrays["masks"][at]
    size_px = (patch.shape[0], patch.shape[1])
    marks = click_mark(size_px, mpp=mpp) + scale_bar(size_px, mpp=mpp)
    if "truth" in arrays:
        marks += Markup('<g class="truth">{}</g>').format(outline(arrays["truth"][at]))
    marks += outline(mask)
    if row["gate"]:
        marks += stamp_band(size_px, gate_words(row["gate"]))
    completeness = percent(_float(row.get("completeness")), digits=0)
    area = number(_float(row.get("area_um2")), digits=0)
    od = number(_float(row.get("od_mean")))
    call = "called positive" if row["call"] == "1" else "called negative"
    words = f"DAB {od} OD, {area} µm², {completeness} of the way round"
    if row.get("dice"):
        words += f"; Dice {number(_float(row['dice']))}"
    alt = f"Cell {row['cell']}, labelled {row['expression']}, {call}: {words}"
    return Drawing(
        svg=picture(patch, alt=alt, marks=marks), title=f"Labelled {row['expression']}", note=words
    )


def _float(text: str | None) -> float | None:
    return float(text) if text else None


def _levels(found: Mapping[str, Any]) -> Block:
    known = within(found, "levels")
    levels = {name: known[name] for name in LEVEL_NAMES if name in known}
    heads = (
        "od_mean_median",
        "area_um2_median",
        "completeness_median",
        "own_over_neighbour_median",
    )
    rows = [
        numbers_row(
            name,
            f"{it.get('n_outlined') or 0:,}",
            number(it.get(heads[0])),
            number(it.get(heads[1]), digits=0),
            percent(it.get(heads[2]), digits=0),
            percent(it.get(heads[3]), digits=0),
        )
        for name, it in levels.items()
    ]
    titles = ("Label", "outlined", "DAB OD", "area, µm²", "completeness", "own share")
    return Block(
        name="membranes_by_level",
        title="What was measured in the outlines, medians",
        caption="Completeness: share of directions around the cell with a contributing pixel. Own "
        "share: positive evidence on the own ring over that on own and neighbour rings. Negative "
        "cells that were called positive are outlined too.",
        numbers={
            "level": list(levels),
            "n_outlined": [it.get("n_outlined") for it in levels.values()],
            **{head: [it.get(head) for it in levels.values()] for head in heads},
        },
        table=Table(title="Values by level", heads=titles, rows=tuple(rows)),
        is_wide_table=True,
    )


def _comparison(found: Mapping[str, Any]) -> Block | None:
    systems = within(found, "truth", "systems")
    if not systems:
        return None
    names = [name for name in SYSTEM_NAMES if name in systems]
    columns: dict[str, list[Any]] = {"system": names}
    rows = []
    for name in names:
        texts = []
        for figure, _ in _FIGURES:
            texts.append(estimate(interval_of(within(systems, name, "figures", figure)), digits=3))
            margin = within(found, "truth", "margins", name, "figures", figure)
            texts.append(estimate(interval_of(margin), digits=3) if margin else "")
        rows.append(numbers_row(SYSTEM_NAMES[name], *texts))
    for figure, _ in _FIGURES:
        values = [interval_of(within(systems, name, "figures", figure)) for name in names]
        margins = [
            interval_of(within(found, "truth", "margins", name, "figures", figure))
            for name in names
        ]
        columns |= interval_columns(values, figure) | interval_columns(margins, f"{figure}_margin")
    return Block(
        name="membranes_against_truth",
        title="Own membrane: average precision and Dice on synthetic tissue",
        caption="Same cells, same stain, same threshold for every row; parameters of the controls "
        "were fitted on validation cells. Margin: the first row minus this one, paired, with the "
        "interval over cases. The path alone, with a bell in place of the map, shows what "
        "geometry gives without a network.",
        numbers=columns,
        table=Table(
            title="Own membrane",
            heads=("What", "average precision", "margin", "Dice", "margin"),
            rows=tuple(rows),
        ),
        is_wide_table=True,
    )
