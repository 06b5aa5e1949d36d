"""A result of ``rimlight agree`` in words: the lines on the screen, and names for the page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rimlight.records import Interval
from rimlight.report.wording import count, estimate, number

Block = Mapping[str, Any]
SHOWN: Mapping[str, tuple[str, ...]] = {
    "numbers": ("icc_2_1", "icc_3_1", "concordance", "within_5", "within_10"),
    "ordered": ("kappa_quadratic", "kappa_linear", "kappa", "agreement"),
    "named": ("kappa", "agreement"),
    "call": ("kappa", "opa", "ppa", "npa"),
}
"""Figures that stand in the table of means, by kind of scale; all others are in the CSVs."""
PERCENT = ("agreement", "opa", "ppa", "npa", "within_5", "within_10")
MAIN: Mapping[str, str] = {
    "numbers": "icc_2_1", "ordered": "kappa_quadratic", "named": "kappa", "call": "kappa",
}  # fmt: skip
"""The figure of the matrix, by kind of scale."""


def interval_from(block: Block | None) -> Interval:
    """Return an interval of agreement.json; one that is not there is undefined."""
    found = block or {}
    return Interval(
        value=found.get("value"),
        low=found.get("low"),
        high=found.get("high"),
        n_cells=int(found.get("n_items") or 0),
        n_cases=int(found.get("n_cases") or 0),
        n_resamples=int(found.get("n_resamples") or 0),
        n_undefined=int(found.get("n_undefined") or 0),
        is_reliable=bool(found.get("is_reliable", False)),
    )


def figure_text(figure: str, block: Block | None, *, is_difference: bool = False) -> str:
    """Return a figure with its interval; shares in percent, "undefined" where there is none."""
    scale, digits = (100, 1) if figure in PERCENT else (1, 2)
    interval = interval_from(block)
    text = estimate(interval, scale=scale, digits=digits)
    shown = round(scale * (interval.value or 0.0), digits)
    return f"+{text}" if is_difference and shown > 0 else text


def title_in(scale: Block, figure: str) -> str:
    """Return the name of a figure as the page and the screen show it."""
    title = str(scale["figures"][figure]["title"])
    return f"{title}, %" if figure in PERCENT else title


def shown_figures(scale: Block) -> list[str]:
    """Return the figures of a scale that stand in the table of means."""
    there = {row["figure"] for row in scale["means"]}
    return [name for name in SHOWN[scale["kind"]] if name in there]


def people_and_models(section: Block) -> tuple[list[str], list[str]]:
    """Return the names of the readers and those of the models."""
    readers = section["readers"]
    return (
        [row["reader"] for row in readers if not row["is_model"]],
        [row["reader"] for row in readers if row["is_model"]],
    )


def size_words(section: Block) -> str:
    """Return how much was rated by whom."""
    people, models = people_and_models(section)
    words = ", ".join(
        [
            count(section["n_items"], section["item_word"]),
            count(section["n_cases"], "case"),
            f"{count(len(people), 'reader')}: {', '.join(people)}",
        ]
    )
    return words + (f"; models: {', '.join(models)}" if models else "")


def interval_words(section: Block) -> str:
    """Return how intervals were made."""
    words = f"95 % intervals: {section['n_resamples']:,} resamples of cases, seed {section['seed']}"
    words += "; those of means resample readers too" if section["readers_drawn"] else ""
    return words + ("" if section["is_reliable"] else "; UNRELIABLE: under 10 cases")


def missing_words(section: Block) -> str:
    """Return which readers left out how many items, and what became of them."""
    missing = ", ".join(
        f"{row['reader']} {row['n_missing']:,}" for row in section["readers"] if row["n_missing"]
    )
    if not missing:
        return "No rating is missing."
    return (
        f"Missing ratings: {missing}. Nothing is filled in: a pair is compared on the items that "
        "both rated, and a figure of all readers at once on the items that all rated."
    )


def models_in(scale: Block) -> list[str]:
    """Return the models that rated anything on a scale."""
    return [model["model"] for row in scale["means"][:1] for model in row["models"]]


def pairs_words(section: Block, scale: Block) -> str:
    """Return on how many items the pairs of a scale rest."""
    sizes = [pair["n_items"] for pair in scale["pairs"]]
    if not sizes:
        return "no pair of readers"
    least = "" if min(sizes) == max(sizes) else f"{min(sizes):,} to "
    return f"pairs rest on {least}{count(max(sizes), section['item_word'])}"


def undefined_words(section: Block) -> list[str]:
    """Return in how many resamples a mean had no value, the most of each scale; or nothing."""
    found = []
    for scale in section["scales"]:
        rows = [row for row in scale["means"] if row["figure"] in shown_figures(scale)]
        sides = [row["reader_reader"] for row in rows]
        sides += [model["reader_model"] for row in rows for model in row["models"]]
        if most := max((side["n_undefined"] for side in sides if side is not None), default=0):
            found.append(f"{scale['key']} {most:,}")
    n = section["n_resamples"]
    words = "in which a mean was undefined, left out of its interval"
    return [f"Resamples of {n:,} {words}, at the most: {', '.join(found)}."] if found else []


def lines_of(section: Block) -> str:
    """Return the answer on the screen: one table of all scales, then groups, repeats and notes."""
    rows = [row for scale in section["scales"] for row in _table_rows(section, scale)]
    lines = [f"{section['source']}: {size_words(section)}", interval_words(section)]
    lines += (
        ["SYNTHETIC DATA: drawn by a program; no number describes tissue", ""]
        if section["is_synthetic"]
        else [""]
    )
    lines += _aligned(rows)
    for scale in section["scales"]:
        lines += [*_against(section, scale), *_beside(scale)]
    lines += undefined_words(section)
    if any(row["n_missing"] for row in section["readers"]):
        lines.append(missing_words(section))
    return "\n".join([*lines, *section["notes"]])


def _table_rows(section: Block, scale: Block) -> Iterator[Sequence[str]]:
    people = people_and_models(section)[0]
    models = models_in(scale)
    heads = [part for model in models for part in (f"readers-{model}", "difference")]
    if not scale["pairs"]:
        return
    about = f"{scale['key']}: {scale['what']}; {pairs_words(section, scale)}"
    yield (about, "reader-reader", *heads)
    means = {row["figure"]: row for row in scale["means"]}
    for name in shown_figures(scale):
        row = means[name]
        cells = [figure_text(name, row["reader_reader"]) if len(people) > 1 else "one reader"]
        for model in row["models"]:
            cells.append(figure_text(name, model["reader_model"]))
            is_paired = model["difference"] is not None or len(people) > 1
            text = figure_text(name, model["difference"], is_difference=True)
            cells.append(text if is_paired else "")
        left = f" ({n} of {row['n_pairs']} undefined)" if (n := row["n_undefined_pairs"]) else ""
        yield (f"  {title_in(scale, name)}, mean of pairs{left}", *cells)
    for group in scale["groups"]:
        for name, found in group["figures"].items():
            left = f", {group['n_left_out']} incomplete left out" if group["n_left_out"] else ""
            place = [""] * (1 + len(heads))
            place[0 if group["group"] == "readers" else 1] = figure_text(name, found)
            about = f"{group['group']}, n {group['n_complete']}{left}"
            yield (f"  {title_in(scale, name)}, {about}", *place)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines; the first column is as wide as its figures, not as its headings."""
    if not rows:
        return []
    first = max(len(row[0]) for row in rows if row[0].startswith(" "))
    widths = [max((len(row[i]) for row in rows if len(row) > i), default=0) for i in range(1, 99)]
    lines = []
    for row in rows:
        is_head = not row[0].startswith(" ")
        if is_head:
            lines.append(row[0])
        head = "" if is_head else row[0]
        cells = [text.ljust(width) for text, width in zip(row[1:], widths, strict=False)]
        lines.append("  ".join([head.ljust(first), *cells]).rstrip())
    return lines


def _against(section: Block, scale: Block) -> Iterator[str]:
    if scale["kind"] != "call" or section["comparator"] is None:
        return
    for pair in scale["pairs"]:
        if pair["column"] == section["comparator"]:
            figures = ", ".join(
                f"{title_in(scale, name)} {figure_text(name, pair['figures'][name])}"
                for name in ("ppa", "npa", "opa")
            )
            yield f"{scale['key']}: {pair['row']} against {pair['column']}: {figures}"


def _beside(scale: Block) -> Iterator[str]:
    figure = MAIN[scale["kind"]]
    for row in scale["repeats"]:
        days = row["days"]
        apart = "days between not known" if days["median"] is None else (
            f"{number(days['least'], digits=0)} to {number(days['most'], digits=0)} days apart, "
            f"median {number(days['median'], digits=0)}"
        )  # fmt: skip
        yield (
            f"{scale['key']}: {row['reader']} twice: {title_in(scale, figure)} "
            f"{figure_text(figure, row['figures'][figure])}, {row['n_items']} items, {apart}"
        )
