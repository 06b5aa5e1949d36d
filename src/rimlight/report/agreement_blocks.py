"""The part of the agreement page for one scale: means, matrices, differences, repeats."""

from collections.abc import Sequence
from typing import Any

from rimlight.report.agreement_beside import (
    consensus_block,
    definitions_block,
    differences_blocks,
    each_level_block,
    levels_block,
    repeats_block,
)
from rimlight.report.agreement_drawings import Differences, Matrix, matrix_svg
from rimlight.report.agreement_lines import axis_of, columns_of, how_of, key_of
from rimlight.report.agreement_words import (
    MAIN,
    PERCENT,
    Block,
    figure_text,
    interval_from,
    models_in,
    pairs_words,
    people_and_models,
    shown_figures,
    title_in,
)
from rimlight.report.blocks import Block as PageBlock
from rimlight.report.blocks import Drawing, Section, alt_text
from rimlight.report.estimates import forest_drawing
from rimlight.report.forest import Line, Scale, shared_scale

_MOST_PAIRS = 15


def scale_section(section: Block, scale: Block, points: Sequence[Differences]) -> Section:
    """Return everything about one scale."""
    blocks: list[PageBlock | None] = []
    if scale["pairs"]:
        blocks = [_means(section, scale), _differences_of_means(scale), _matrices(section, scale)]
    blocks += [levels_block(section, scale), each_level_block(section, scale)]
    blocks += [*differences_blocks(scale, points)]
    blocks += [maker(scale) for maker in (consensus_block, repeats_block, definitions_block)]
    title = f"{_word(scale)}: {scale['what']}"
    return Section(
        key=f"scale-{key_of(scale)}",
        short=_word(scale),
        title=title,
        paragraphs=(f"{pairs_words(section, scale).capitalize()}.", *_paragraphs(scale)),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _word(scale: Block) -> str:
    return str(scale["key"]).replace("_", " ").capitalize()


def _paragraphs(scale: Block) -> tuple[str, ...]:
    lines = []
    for group in scale["groups"]:
        figures = "; ".join(
            f"{title_in(scale, name)} {figure_text(name, found)}"
            for name, found in group["figures"].items()
        )
        left = group["n_left_out"]
        lines.append(
            f"{group['group'].capitalize()} at once ({group['n_readers']}), on "
            f"{group['n_complete']:,} items that all of them rated, {left:,} left out: {figures}."
        )
    return tuple(lines)


def _means(section: Block, scale: Block) -> PageBlock:
    figures = shown_figures(scale)
    panels = [(name, _lines_of(section, scale, name)) for name in figures]
    drawings = []
    for name, lines in panels:
        axis = axis_of(scale, name)
        drawings.append(
            forest_drawing(
                [line for line, _ in lines], shared_scale([line for line, _ in lines], axis,
                step=10 if axis.factor > 1 else 0.2), name=f"{key_of(scale)}-{name}",
                title=axis.title, note="95 % interval",
            )
        )  # fmt: skip
    rows = [(name, line, how) for name, lines in panels for line, how in lines]
    few = len(scale["pairs"]) <= _MOST_PAIRS
    return PageBlock(
        name=f"{key_of(scale)}_means",
        title="Mean over pairs" + (", and every pair" if few else ""),
        caption="Means over pairs of readers, and over readers with a model; below them each pair. "
        + " ".join(f"{title_in(scale, n)}: {scale['figures'][n]['definition']}." for n in figures)
        + " Intervals: percentiles over resamples of the cases; Wilson's for the share of one "
        "pair, with as many items as they are worth where several are of one case. No interval: "
        "every resample gives the same value.",
        numbers=columns_of(rows),
        drawings=tuple(drawings),
    )


def _lines_of(section: Block, scale: Block, name: str) -> list[tuple[Line, str]]:
    """Lines of one panel, with how each interval was made."""
    mean = next(row for row in scale["means"] if row["figure"] == name)
    found: list[tuple[str, Any, bool]] = []
    if len(people_and_models(section)[0]) > 1:
        found.append(("readers with each other, mean", mean["reader_reader"], False))
    for model in mean["models"]:
        found.append((f"readers with {model['model']}, mean", model["reader_model"], True))
    if len(scale["pairs"]) <= _MOST_PAIRS * (2 if scale["kind"] == "call" else 1):
        found += _pair_lines(section, scale, name)
    return [
        (Line(label=label, interval=interval_from(block), is_main=is_main), how_of(block))
        for label, block, is_main in found
    ]


def _pair_lines(section: Block, scale: Block, name: str) -> list[tuple[str, Any, bool]]:
    is_directed = name in ("ppa", "npa")
    wanted = section["comparator"] if is_directed else None
    lines = []
    seen = set()
    for pair in sorted(scale["pairs"], key=lambda pair: not pair["has_model"]):
        both = frozenset((pair["row"], pair["column"]))
        if (not is_directed and both in seen) or (wanted and pair["column"] != wanted):
            continue
        seen.add(both)
        word = "against" if is_directed else "with"
        label = f"{pair['row']} {word} {pair['column']}"
        lines.append((label, pair["figures"][name], False))
    return lines


def _differences_of_means(scale: Block) -> PageBlock | None:
    rows = []
    for mean in (row for row in scale["means"] if row["figure"] in shown_figures(scale)):
        for model in mean["models"]:
            if model["difference"] is not None:
                factor = 100 if mean["figure"] in PERCENT else 1
                rows.append((mean["figure"], model["model"], model["difference"], factor))
    if not rows:
        return None
    drawings = []
    for factor, unit in ((1, "difference"), (100, "difference, percentage points")):
        lines = [
            Line(label=f"{scale['figures'][name]['title']}, {model}", interval=interval_from(block))
            for name, model, block, of in rows
            if of == factor
        ]
        axis = Scale(low=-0.1 * factor, high=0.1 * factor, title=unit, factor=factor,
                     digits=2 if factor == 1 else 1, nothing=0)  # fmt: skip
        if lines:
            axis = shared_scale(lines, axis, step=0.1 * factor)
            drawings.append(
                forest_drawing(lines, axis, name=f"{key_of(scale)}-difference-{factor}",
                               title="Model minus readers", note="right of 0: agrees better")
            )  # fmt: skip
    lines_of = [
        (name, Line(label=model, interval=interval_from(block)), how_of(block))
        for name, model, block, _ in rows
    ]
    return PageBlock(
        name=f"{key_of(scale)}_model_minus_readers",
        title="Does the model agree with readers as they agree with each other?",
        caption="Mean over readers with the model, minus mean over pairs of readers, on the items "
        "that the model rated. Both come from the same resamples of the cases, so that the "
        "difference is paired. An interval that holds 0 does not show that there is no difference.",
        numbers=columns_of(lines_of),
        drawings=tuple(drawings),
    )


def _matrices(section: Block, scale: Block) -> PageBlock:
    people = people_and_models(section)[0]
    names, n_people = [*people, *models_in(scale)], len(people)
    main = MAIN[scale["kind"]]
    figures = [main] + (["ppa", "npa"] if scale["kind"] == "call" else [])
    drawings = []
    for figure in figures:
        matrix = _matrix(scale, figure, names, n_people)
        title = title_in(scale, figure)
        words = "; ".join(
            f"{pair['row']} and {pair['column']} {figure_text(figure, pair['figures'][figure])}"
            for pair in scale["pairs"]
        )
        svg = matrix_svg(matrix, name=f"{key_of(scale)}-matrix-{figure}")
        note = "row against comparator in the column" if figure in ("ppa", "npa") else ""
        drawings.append(Drawing(svg=alt_text(svg, alt=f"{title}: {words}"), title=title, note=note))
    rows = [
        (figure, Line(label=f"{pair['row']} / {pair['column']}",
                      interval=interval_from(pair["figures"][figure])),
         how_of(pair["figures"][figure]))
        for figure in figures for pair in scale["pairs"]
    ]  # fmt: skip
    defined = " ".join(
        f"{title_in(scale, n)}: {scale['figures'][n]['definition']}." for n in figures
    )
    return PageBlock(
        name=f"{key_of(scale)}_matrix",
        title="Reader by reader by model",
        caption=f"{defined} Each pair on the items that both rated; a black line parts readers "
        "from models; 'undef.' is undefined, not 0. Intervals are in the CSV.",
        numbers=columns_of(rows),
        drawings=tuple(drawings),
    )


def _matrix(scale: Block, figure: str, names: Sequence[str], n_people: int) -> Matrix:
    value_of = {}
    for pair in scale["pairs"]:
        value = pair["figures"][figure]["value"]
        value_of[(pair["row"], pair["column"])] = value
        if scale["kind"] != "call":
            value_of[(pair["column"], pair["row"])] = value
    return Matrix(
        rows=tuple(names),
        columns=tuple(names),
        values=tuple(tuple(value_of.get((a, b)) for b in names) for a in names),
        is_there=tuple(tuple((a, b) in value_of for b in names) for a in names),
        row_title="reader or model",
        column_title="comparator" if figure in ("ppa", "npa") else "reader or model",
        n_people=n_people,
        factor=100 if figure in PERCENT else 1,
        digits=0 if figure in PERCENT else 2,
    )
