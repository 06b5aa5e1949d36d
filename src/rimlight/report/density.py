"""The section on stain density where the map points, with every control beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.io.formats.tables import read_table
from rimlight.records import Interval
from rimlight.report.blocks import Block, Drawing, Missing, Section, Table, alt_text, numbers_row
from rimlight.report.completeness import REFERENCES, completeness_block, reference_words
from rimlight.report.contents import Contents, interval_of, within
from rimlight.report.drawings import density_svg
from rimlight.report.estimates import forest_drawing, interval_columns, size_words
from rimlight.report.forest import Line, Scale, shared_scale
from rimlight.report.summary import CODE_WORDS, in_words, system_names
from rimlight.report.svg import LEVEL_NAMES
from rimlight.report.wording import count, estimate, number, percent

_SUBSETS = {"all": "All explained cells", "discordant": "Neighbours disagree",
            "within_case": "Within case"}  # fmt: skip
_CONTROLS = ("random_networks", "od_best_ring", "od_ring", "od_disc", "od_centre", "od_patch",
             "od_random", "od_negative_attribution")  # fmt: skip


def density_section(contents: Contents) -> Section:
    """Return density by level, the forest of correlations, the readings and completeness."""
    validation = contents.section("validation")
    completeness = completeness_block(contents)
    title = "Does the map follow the stain of the right cell?"
    main = validation.get("main_reference")
    if not isinstance(main, str):
        missing = None if validation else Missing(
            name="The validation of the map", command="rimlight validate"
        )  # fmt: skip
        return Section(
            key="density",
            short="Stain density",
            title=title,
            paragraphs=tuple(map(str, validation.get("notes") or ())),
            missing=missing,
            blocks=tuple(block for block in (completeness,) if block),
        )
    names = _measure_names(contents)
    blocks = (
        _by_level(contents, main),
        _correlations(validation, main, names),
        _margins(validation, main, names),
        _readings(validation),
        completeness,
    )
    return Section(
        key="density",
        short="Stain density",
        title=title,
        paragraphs=_paragraphs(validation, main, names),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _paragraphs(
    validation: Mapping[str, Any], main: str, names: Mapping[str, str]
) -> tuple[str, ...]:
    cells = within(validation, "references", main, "cells")
    share = percent(validation.get("top_share") or 0.02, digits=0)
    words = (
        f"For each cell the DAB optical density (OD, base 10) is averaged over the {share} of "
        f"pixels that push most towards positive, with one reference for every cell: "
        f"{reference_words(main)}. If the map looks at the cell in question, this density follows "
        "the level that the reader gave; so it must follow it better than the same measure from "
        "untrained networks and from plain zones, above all where the neighbours disagree."
    )
    used = (
        f"{count(cells.get('n_used') or 0, 'cell')} of {count(cells.get('n_cases') or 0, 'case')} "
        f"used, of {cells.get('n_explained') or 0:,} explained; left out: "
        f"{cells.get('n_not_converged') or 0:,} not converged, {cells.get('n_saturated') or 0:,} "
        f"too dark to measure, {cells.get('n_without_control') or 0:,} without control."
    )
    notes = (in_words(str(note), {**CODE_WORDS, **names}) for note in validation.get("notes") or ())
    return (words, used, *notes)


def _by_level(contents: Contents, main: str) -> Block | None:
    path = contents.folder / "figures" / "od_by_level.csv"
    if not path.is_file():
        return None
    table = read_table(path)
    rows = [index for index, name in enumerate(table["reference"]) if name == main]
    titles = {
        "od_attributed": ("Where the map points", "trained network"),
        "od_random_networks": ("Where random weights point", "untrained networks"),
        "od_patch": ("Whole patch", "no map at all"),
    }
    of_column = {name: _of_level(table, name, rows) for name in titles if name in table}
    values = [x for levels in of_column.values() for level in levels.values() for x in level]
    if not values:
        return None
    ends_od = (min(0.0, 0.1 * (min(values) // 0.1)), 0.25 * (1.02 * max(values) // 0.25 + 1))
    drawings = [
        _level_drawing(levels, name=name, heading=titles[name], ends_od=ends_od)
        for name, levels in of_column.items()
    ]
    return Block(
        name="od_by_level",
        title="DAB density by level",
        caption="Each dot is a cell (at most 120 a level are drawn, evenly from lowest to "
        "highest). Box: quartiles and median of all cells; line: 5th to 95th percentile. A good "
        "map makes four steps on the left, and steeper ones than the two controls.",
        drawings=tuple(drawings),
        numbers=table,
    )


def _level_drawing(
    levels: Mapping[int, Sequence[float]],
    *,
    name: str,
    heading: tuple[str, str],
    ends_od: tuple[float, float],
) -> Drawing:
    title, note = heading
    medians = "; ".join(
        f"{LEVEL_NAMES[level]} {number(sorted(values)[len(values) // 2])}"
        for level, values in levels.items()
        if values
    )
    svg = density_svg(levels, name=f"level-{name}", title="mean DAB OD", ends_od=ends_od)
    return Drawing(svg=alt_text(svg, alt=f"{title}: median OD {medians}"), title=title, note=note)


def _of_level(
    table: Mapping[str, Sequence[str]], name: str, rows: Sequence[int]
) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {level: [] for level in range(4)}
    for row in rows:
        text = table[name][row]
        if text:
            found[int(float(table["level"][row]))].append(float(text))
    return found


def _correlations(
    validation: Mapping[str, Any], main: str, names: Mapping[str, str]
) -> Block | None:
    lines_of_subset = {
        subset: _correlation_lines(validation, main, subset, names) for subset in _SUBSETS
    }
    every = [line for lines in lines_of_subset.values() for line in lines]
    if not every:
        return None
    start = Scale(low=0, high=1, title="Pearson r of density with level 0–3", nothing=0)
    scale = shared_scale(every, start, step=0.2)
    drawings = []
    for subset, lines in lines_of_subset.items():
        block = within(validation, "references", main, "measures", "attributed", subset)
        drawings.append(
            forest_drawing(
                lines,
                scale,
                name=f"od-{subset}",
                title=_SUBSETS[subset],
                note=size_words(block),
            )
        )
    return Block(
        name="forest_od",
        title="Correlation with the reader's level, every control beside it",
        caption="Pearson r with 95 % intervals. Within case: the mean of the case is taken from "
        "density and level, so that differences between cases cannot help. If the whole patch "
        "does as well, the map has proved nothing. The stain-removed reference is left out here: "
        "its path runs along the stain itself.",
        drawings=tuple(drawings),
        numbers={
            "subset": [subset for subset, lines in lines_of_subset.items() for _ in lines],
            "measure": [line.label for line in every],
            **interval_columns([line.interval for line in every], "pearson"),
        },
    )


def _correlation_lines(
    validation: Mapping[str, Any], main: str, subset: str, names: Mapping[str, str]
) -> list[Line]:
    lines = []
    for reference in dict.fromkeys((main, "fixed_negatives", "white")):
        block = within(validation, "references", reference, "measures", "attributed", subset)
        if block:
            label = f"Map, from {reference_words(reference)}"
            lines.append(Line(label=label, interval=_pearson(block), is_main=reference == main))
    for control in _CONTROLS:
        block = within(validation, "references", main, "measures", control, subset)
        if block:
            lines.append(Line(label=names[control], interval=_pearson(block)))
    return lines


def _margins(validation: Mapping[str, Any], main: str, names: Mapping[str, str]) -> Block | None:
    margins = within(validation, "references", main, "margins")
    controls = [control for control in _CONTROLS if margins.get(control)]
    if not controls:
        return None
    intervals = {
        subset: [
            interval_of(within(margins, control, subset, "figures", "pearson"))
            for control in controls
        ]
        for subset in _SUBSETS
    }
    rows = [
        numbers_row(names[control], *(estimate(intervals[subset][i]) for subset in _SUBSETS))
        for i, control in enumerate(controls)
    ]
    return Block(
        name="margins",
        title="By how much the map beats each control",
        caption="Pearson r of the map minus r of the control, within the same resamples of cases. "
        "An interval above 0 is a difference; one that holds 0 is none.",
        table=Table(
            title="Difference of r, map minus control",
            heads=("Control", *_SUBSETS.values()),
            rows=tuple(rows),
        ),
        is_wide_table=True,
        numbers={
            "control": controls,
            **{
                f"{subset}_{key}": column
                for subset, items in intervals.items()
                for key, column in interval_columns(items, "difference").items()
            },
        },
    )


def _readings(validation: Mapping[str, Any]) -> Block | None:
    readings = within(validation, "readings")
    rows = [
        (f"(a) density where the map points, reference {_doubted(validation, name)}, "
         "with level 0–3", data)
        for name, data in sorted(within(readings, "a").items(), key=lambda item: _order(item[0]))
    ]  # fmt: skip
    rows.append(("(b) probability with the label positive or negative", readings.get("b")))
    rows.append(("(c) logit with level 0–3", within(readings, "c", "logit")))
    rows.append(("(c) probability with level 0–3", within(readings, "c", "probability")))
    found = [(label, interval_of(data)) for label, data in rows if data]
    if not found:
        return None
    return Block(
        name="readings",
        title="Three readings of one number",
        caption="The reference study (poster at ECDP 2025) reports Pearson 0.87 without saying "
        "which two quantities it means, without reference and without control. So all three "
        "readings stand here; none of them is quoted without its name.",
        table=Table(
            title="Pearson r on the same cells",
            heads=("Reading", "r (95 % interval)"),
            rows=tuple(numbers_row(label, estimate(interval)) for label, interval in found),
        ),
        numbers={
            "reading": [label for label, _ in found],
            **interval_columns([interval for _, interval in found], "pearson"),
        },
    )


def _measure_names(contents: Contents) -> dict[str, str]:
    return {
        **system_names(contents),
        "attributed": "Where the map points",
        "random_networks": "Maps of random weights",
        "od_random": "Random pixels",
        "od_negative_attribution": "Pixels that push to negative",
    }


def _pearson(block: Mapping[str, Any]) -> Interval:
    return interval_of(within(block, "figures", "pearson"))


def _doubted(validation: Mapping[str, Any], reference: str) -> str:
    block, words = within(validation, "references", reference), reference_words(reference)
    if block.get("is_circular"):
        return f"{words} (circular: the path runs along the stain)"
    return f"{words} (depends on the call)" if block.get("depends_on_call") else words


def _order(reference: str) -> int:
    return REFERENCES.index(reference) if reference in REFERENCES else len(REFERENCES)
