"""Blocks of the agreement page beside the means: levels, differences, consensus, repeats."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rimlight.report.agreement_drawings import (
    Differences,
    Matrix,
    differences_svg,
    matrix_svg,
    shared_window,
)
from rimlight.report.agreement_lines import axis_of, columns_of, how_of, key_of
from rimlight.report.agreement_words import (
    MAIN,
    Block,
    figure_text,
    interval_from,
    shown_figures,
)
from rimlight.report.blocks import Block as PageBlock
from rimlight.report.blocks import Drawing, Table, alt_text, numbers_row, table_of
from rimlight.report.estimates import forest_drawing
from rimlight.report.forest import Line, Scale, shared_scale
from rimlight.report.wording import estimate, number

_MOST_PANELS = 6
_SQUARES = (
    "MSR, MSC, MSE: mean squares between items, between readers, and of what is left; n items, k "
    "readers. "
)
_LIMITS = (("bias", "mean difference"), ("limit_low", "lower limit"), ("limit_high", "upper limit"))


def levels_block(section: Block, scale: Block) -> PageBlock | None:
    """Return how often which levels met, pairs with a model first, and what each reader gave."""
    if scale["n_per_level"] is None or not scale["pairs"]:
        return None
    shown = _first_pairs(scale)
    drawings = []
    for number_of_pair, pair in enumerate(shown):
        counts = pair["counts"]
        matrix = Matrix(
            rows=tuple(scale["levels"]),
            columns=tuple(scale["levels"]),
            values=tuple(tuple(float(n) for n in row) for row in counts),
            is_there=tuple(tuple(True for _ in row) for row in counts),
            row_title=pair["row"],
            column_title=pair["column"],
            top=float(max(max(row) for row in counts)),
            digits=0,
        )
        title = f"{pair['row']} by {pair['column']}"
        svg = matrix_svg(matrix, name=f"{key_of(scale)}-levels-{number_of_pair}")
        drawings.append(Drawing(svg=alt_text(svg, alt=f"{title}: {counts}"), title=title))
    readers = [row["reader"] for row in section["readers"]]
    given = [
        [scale["n_per_level"][reader][i] for reader in readers] for i in range(len(scale["levels"]))
    ]
    more = len(_pairs_once(scale)) - len(shown)
    return PageBlock(
        name=f"{key_of(scale)}_levels",
        title="Which levels met",
        caption="Items by the level that the row gave and the column gave. Kappa depends on how "
        "common each level is: few items of a level make a low kappa at the same agreement. The "
        "numbers below are what each reader gave in all."
        + (f" {more} more pairs are in counts.csv." if more else ""),
        numbers={"reader": readers} | dict(zip(scale["levels"], given, strict=True)),
        drawings=tuple(drawings),
    )


def each_level_block(section: Block, scale: Block) -> PageBlock | None:
    """Return the agreement on each level: means over readers, and over readers with each model."""
    named = [row for row in scale["means"] if row["figure"].startswith("on_")]
    if not named:
        return None
    is_alone = sum(not row["is_model"] for row in section["readers"]) < 2
    rows, lines = [], []
    for row in named:
        level = scale["levels"][int(row["figure"].removeprefix("on_"))]
        found = [] if is_alone else [(f"{level}, readers", row["reader_reader"], False)]
        found += [(f"{level}, with {m['model']}", m["reader_model"], True) for m in row["models"]]
        for label, block, is_main in found:
            lines.append(Line(label=label, interval=interval_from(block), is_main=is_main))
            rows.append((row["figure"], lines[-1], how_of(block)))
    axis = Scale(low=61, high=100, title="specific agreement, %", factor=100, digits=1)
    drawing = forest_drawing(
        lines, shared_scale(lines, axis, step=20), name=f"{key_of(scale)}-each-level",
        title="Agreement on each level, %", note="mean over pairs, 95 % interval",
    )  # fmt: skip
    return PageBlock(
        name=f"{key_of(scale)}_each_level",
        title="Agreement on each level",
        caption=f"{scale['figures'][named[0]['figure']]['definition'].capitalize()}. Unlike one "
        "kappa it tells which level is the hard one. Intervals over cases.",
        numbers=columns_of(rows),
        drawings=(drawing,),
    )


def _pairs_once(scale: Block) -> list[Block]:
    seen: set[frozenset[str]] = set()
    once = []
    for pair in scale["pairs"]:
        both = frozenset((pair["row"], pair["column"]))
        if both not in seen:
            seen.add(both)
            once.append(pair)
    return once


def _first_pairs(scale: Block) -> list[Block]:
    return sorted(_pairs_once(scale), key=lambda pair: not pair["has_model"])[:_MOST_PANELS]


def differences_blocks(scale: Block, points: Sequence[Differences]) -> list[PageBlock]:
    """Return the plots of Bland and Altman, and the limits by band; nothing for levels."""
    if scale["kind"] != "numbers" or not scale["pairs"]:
        return []
    point_of = {(one.row, one.column): one for one in points}
    shown = [
        replace(
            point_of[(pair["row"], pair["column"])],
            bias=interval_from(pair["figures"]["bias"]),
            low=interval_from(pair["figures"]["limit_low"]),
            high=interval_from(pair["figures"]["limit_high"]),
        )
        for pair in _first_pairs(scale)
    ]
    window = shared_window(shown)
    drawings = []
    for i, one in enumerate(shown):
        svg = differences_svg(one, window, name=f"{key_of(scale)}-bland-altman-{i}")
        words = f"mean {estimate(one.bias, digits=1)}, limits {estimate(one.low, digits=1)} and "
        words += estimate(one.high, digits=1)
        title = f"{one.row} minus {one.column}"
        drawings.append(
            Drawing(svg=alt_text(svg, alt=f"{title}: {words}"), title=title, note=words)
        )
    rows = [
        (word, Line(label=f"{pair['row']} - {pair['column']}",
                    interval=interval_from(pair["figures"][name])), how_of(pair["figures"][name]))
        for pair in scale["pairs"] for name, word in (*_LIMITS, ("fan_out", "fan-out"))
    ]  # fmt: skip
    plots = PageBlock(
        name=f"{key_of(scale)}_differences",
        title="Differences against means (Bland and Altman)",
        caption="Each dot an item. Solid: mean difference; dashed: limits of agreement, "
        f"{scale['figures']['limit_high']['definition']} and the same below; grey: their 95 % "
        "intervals over cases. Percentages cannot differ much near 0 and 100, so one pair of "
        "limits is too wide there and too narrow between; see the limits by band. Fan-out: "
        f"{scale['figures']['fan_out']['definition']}.",
        numbers=columns_of(rows),
        drawings=tuple(drawings),
    )
    return [plots, *_bands(scale)]


def _bands(scale: Block) -> list[PageBlock]:
    rows = scale["limits_by_band"]
    if not rows:
        return []
    first = {(pair["row"], pair["column"]) for pair in _first_pairs(scale)}
    numbers: dict[str, list[Any]] = {
        "readers": [f"{row['row']} - {row['column']}" for row in rows],
        "band_of_the_mean": [row["band"] for row in rows],
        "n_items": [row["n_items"] for row in rows],
    }
    for name, word in _LIMITS:
        blocks = [row["figures"][name] for row in rows]
        for end in ("value", "low", "high"):
            key = f"{word.replace(' ', '_')}{'' if end == 'value' else '_' + end}"
            numbers[key] = [block[end] for block in blocks]
    table = Table(
        title="Limits of agreement by band",
        heads=("Readers", "Band of the mean", "Items", *(word for _, word in _LIMITS)),
        rows=tuple(
            numbers_row(
                f"{row['row']} − {row['column']}",
                row["band"],
                f"{row['n_items']:,}{'' if row['figures']['bias']['is_reliable'] else ' (few)'}",
                *(estimate(interval_from(row["figures"][name]), digits=1) for name, _ in _LIMITS),
            )
            for row in rows
            if (row["row"], row["column"]) in first
        ),
    )
    return [
        PageBlock(
            name=f"{key_of(scale)}_limits_by_band",
            title="Limits of agreement by band",
            caption="As above, for the items whose mean of the two readings lies in the band, "
            "for the pairs drawn above; all are in the CSV. Intervals over cases; 'few': under 10 "
            "cases, where an interval is unreliable.",
            numbers=numbers,
            table=table,
            is_wide_table=True,
        )
    ]


def consensus_block(scale: Block) -> PageBlock | None:
    """Return each reader and each model against the consensus of the other readers."""
    found = scale["consensus"]
    if found is None or not any(part["rows"] for part in found["blocks"]):
        return None
    figure = MAIN[scale["kind"]]
    drawings, rows = [], []
    for i, part in enumerate(found["blocks"]):
        lines = []
        for row in [*part["rows"], {"without": "mean of readers", **part["mean"]}]:
            for of in ("reader", "model"):
                block = row.get(of, {}).get(figure)
                if block is None:
                    continue
                who = row["without"] if of == "reader" else part["model"]
                label = f"{who}, consensus without {row['without']}"
                label = label if row["without"] != "mean of readers" else f"mean, {of}"
                line = Line(label=label, interval=interval_from(block), is_main=of == "model")
                lines.append(line)
                rows.append((figure, line, how_of(block)))
        axis = shared_scale(lines, axis_of(scale, figure), step=0.2)
        difference = part["mean"]["difference"].get(figure)
        text = figure_text(figure, difference, is_difference=True)
        drawings.append(
            forest_drawing(lines, axis, name=f"{key_of(scale)}-consensus-{i}", title=axis.title,
                           note="" if difference is None else f"model minus reader, mean: {text}")
        )  # fmt: skip
    return PageBlock(
        name=f"{key_of(scale)}_consensus",
        title="Against a consensus that leaves the tested reader out",
        caption=f"Consensus: {found['rule']} of the other readers, at least two of them. A model "
        "is held against the same consensus on the same items as the reader who was left out. A "
        "consensus of few readers is not the truth. Intervals over cases; differences are paired.",
        numbers=columns_of(rows),
        drawings=tuple(drawings),
    )


def repeats_block(scale: Block) -> PageBlock | None:
    """Return how each reader agrees with himself, with the days between the readings."""
    if not scale["repeats"]:
        return None
    figures = [name for name in shown_figures_of_repeats(scale) if name in scale["figures"]]
    rows = []
    drawings = []
    for name in figures:
        lines = [
            Line(
                label=f"{row['reader']}, n {row['n_items']}",
                interval=interval_from(row["figures"][name]),
            )
            for row in scale["repeats"]
        ]
        axis = axis_of(scale, name)
        axis = shared_scale(lines, axis, step=10 if axis.factor > 1 else 0.2)
        drawings.append(
            forest_drawing(lines, axis, name=f"{key_of(scale)}-repeats-{name}", title=axis.title,
                           note="second reading with the first")
        )  # fmt: skip
        rows += [
            (name, line, how_of(row["figures"][name]))
            for line, row in zip(lines, scale["repeats"], strict=True)
        ]
    days = "; ".join(f"{row['reader']} {_days(row['days'])}" for row in scale["repeats"])
    return PageBlock(
        name=f"{key_of(scale)}_repeats",
        title="The same reader again",
        caption=f"Each reading with the one before it, of the same item by the same reader. Days "
        f"between: {days}. Intervals over cases.",
        numbers=columns_of(rows),
        drawings=tuple(drawings),
    )


def shown_figures_of_repeats(scale: Block) -> list[str]:
    """Return the figures shown for repeated readings; PPA and NPA mean little there."""
    shown = shown_figures(scale) or list(scale["repeats"][0]["figures"])
    return [name for name in shown if name not in ("ppa", "npa")][:3]


def _days(days: Block) -> str:
    if days["median"] is None:
        return "not known"
    ends = f"{number(days['least'], digits=0)} to {number(days['most'], digits=0)}"
    return f"{number(days['median'], digits=0)} (median; {ends})"


def definitions_block(scale: Block) -> PageBlock:
    """Return what each figure of a scale means."""
    figures = scale["figures"]
    numbers = {
        "figure": [about["title"] for about in figures.values()],
        "definition": [about["definition"] for about in figures.values()],
    }
    return PageBlock(
        name=f"{key_of(scale)}_definitions",
        title="Definitions",
        caption=(_SQUARES if scale["kind"] == "numbers" else "")
        + "All figures of all pairs: pairs.csv beside this page.",
        numbers=numbers,
        table=table_of(numbers, title="What each figure means"),
        is_wide_table=True,
    )
