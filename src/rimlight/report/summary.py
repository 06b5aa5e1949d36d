"""The top of the page: what was studied, the headline beside its controls, and the verdicts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rimlight.records import Interval
from rimlight.report.contents import Contents, interval_of, within
from rimlight.report.estimates import figure_of, size_words
from rimlight.report.svg import LEVEL_NAMES
from rimlight.report.wording import count, estimate, number, percent, span, with_minus

CODE_WORDS = {
    "random_networks": "maps of random weights",
    "fixed_negatives": "negative cells",
    "stain_removed": "stain removed",
    "od_random": "random pixels",
    "od_negative_attribution": "pixels that push to negative",
}
RIVALS = ("od_centre", "od_disc", "od_ring", "od_patch", "od_best_ring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One count of the study."""

    term: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadCell:
    """A large number with its interval below."""

    value: str
    range: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRow:
    """A system, on all cells and on the discordant ones."""

    label: str
    note: str
    cells: tuple[HeadCell, ...]
    is_main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadColumn:
    """A set of cells."""

    title: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The result in one sentence and in a table of two columns, with the best rival below."""

    sentence: str
    columns: tuple[HeadColumn, ...]
    rows: tuple[HeadRow, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A sentence of metrics.json with its outcome in a word and a shape."""

    kind: str
    mark: str
    sentence: str


def study_title(contents: Contents) -> str:
    """Return the name of the study as text."""
    name = contents.section("study").get("name") or contents.setting("study", "name", "")
    return str(name or "study")


def is_synthetic(contents: Contents) -> bool:
    """Return whether the study says that a program drew it; the demo says so by its assay."""
    study = contents.section("study")
    if isinstance(study.get("is_synthetic"), bool):
        return bool(study["is_synthetic"])
    names = [*contents.column("cells", "assay"), str(contents.setting("study", "assay", ""))]
    return any("synthetic" in name.lower() for name in names)


def system_names(contents: Contents) -> dict[str, str]:
    """Return what each system is called, with the radii of this run."""
    radius = {
        name: f"{float(contents.setting('evaluate', name, default)):g}"
        for name, default in (
            ("ring_inner_um", 3), ("ring_outer_um", 8), ("centre_um", 1.5), ("disc_um", 8),
        )
    }  # fmt: skip
    return {
        "network": "Network",
        "od_ring": f"DAB in the {radius['ring_inner_um']}–{radius['ring_outer_um']} µm ring",
        "od_best_ring": "DAB in the best ring",
        "od_disc": f"DAB in the {radius['disc_um']} µm disc",
        "od_centre": f"DAB at the centre, {radius['centre_um']} µm",
        "od_patch": "DAB of the whole patch",
    }


def study_facts(contents: Contents) -> tuple[Fact, ...]:
    """Return the counts of cases, slides and cells by level."""
    study = contents.section("study")
    level_of_cell = contents.column("cells", "level")
    levels = study.get("levels")
    if not isinstance(levels, dict):
        levels = {name: level_of_cell.count(str(i)) for i, name in enumerate(LEVEL_NAMES)}
    facts = [
        Fact(term="Cases", value=_count(study.get("n_cases"), contents.column("cells", "case"))),
        Fact(term="Slides", value=_count(study.get("n_slides"), contents.column("cells", "slide"))),
        Fact(term="Cells", value=f"{int(study.get('n_cells') or len(level_of_cell)):,}"),
    ]
    facts += [
        Fact(term=name, value=f"{int(levels[name]):,}") for name in LEVEL_NAMES if name in levels
    ]
    return tuple(facts)


def study_words(contents: Contents) -> str:
    """Return assay, readers, and the cells left out because readers disagree or decline."""
    study = contents.section("study")
    assays = _names(study.get("assays")) or sorted(set(contents.column("cells", "assay")))
    parts = [f"Assay: {_listed(assays or [str(contents.setting('study', 'assay', ''))])}"]
    readers = study.get("readers", study.get("n_readers"))
    if isinstance(readers, int):
        parts.append(count(readers, "reader"))
    elif readers:
        parts.append(f"{'Reader' if len(readers) == 1 else 'Readers'}: {_listed(_names(readers))}")
    if isinstance(study.get("n_disputed"), int):
        parts.append(f"Disputed between readers, left out: {count(study['n_disputed'], 'cell')}")
    if isinstance(study.get("n_other"), int):
        parts.append(f"Other or cannot judge, left out: {count(study['n_other'], 'cell')}")
    return " · ".join(parts)


def headline(contents: Contents) -> Headline | None:
    """Return the headline with the discordant subset and the best rival beside it."""
    evaluation = contents.section("evaluation")
    if not within(evaluation, "subsets", "all", "systems", "network"):
        return None
    names = system_names(contents)
    best = within(evaluation, "rivals", "best")
    rows = [_system_row(evaluation, "network", label="Network", note="this model", is_main=True)]
    if isinstance(best, str):
        note = "no network; cut-off fitted on training cases"
        label = f"Best simple rule: {names.get(best, best)}"
        rows.append(_system_row(evaluation, best, label=label, note=note))
        rows.append(_margin_row(evaluation, best))
    return Headline(
        sentence=_sentence(evaluation),
        columns=(
            HeadColumn(
                title="All held-out cells", note=size_words(within(evaluation, "subsets", "all"))
            ),
            HeadColumn(
                title="Neighbours disagree",
                note=size_words(within(evaluation, "subsets", "discordant")),
            ),
        ),
        rows=tuple(rows),
        note="Calls that agree with the label, %, with 95 % intervals from resampled cases. "
        "Neighbours disagree: the stain around the cell points to the other call, so that only a "
        "look at the cell itself can be right.",
    )


def verdicts(contents: Contents) -> tuple[Verdict, ...]:
    """Return the verdicts of evaluation and validation, in their own words."""
    found = [
        within(contents.section("evaluation"), "verdicts", "signal"),
        within(contents.section("evaluation"), "verdicts", "all"),
        within(contents.section("evaluation"), "verdicts", "discordant"),
        within(contents.section("validation"), "verdicts", "right_cell"),
        within(contents.section("validation"), "verdicts", "better_than_ring"),
    ]
    names = system_names(contents) | CODE_WORDS
    return tuple(_verdict(item, names) for item in found if item.get("sentence"))


def in_words(sentence: str, names: Mapping[str, str]) -> str:
    """Return a sentence of metrics.json with the names of columns said in words."""
    said = re.sub(r"\b[a-z]+(_[a-z]+)+\b", lambda word: names.get(word[0], word[0]), sentence)
    return with_minus(said[:1].upper() + said[1:])


def _verdict(data: Mapping[str, Any], names: Mapping[str, str]) -> Verdict:
    kind, mark = {True: ("shown", "✓ Shown"), False: ("not-shown", "✗ Not shown")}.get(
        data.get("is_shown"), ("open", "– No verdict")  # type: ignore[arg-type]
    )  # fmt: skip
    sentence = re.sub(r"^(No signal\. )?(Shown|Not shown|No verdict on): ", "", data["sentence"])
    if data["sentence"].startswith("No signal."):
        mark = "✗ No signal"
    return Verdict(kind=kind, mark=mark, sentence=in_words(sentence, names))


def _sentence(evaluation: Mapping[str, Any]) -> str:
    overall = figure_of(evaluation, "all", "network", "accuracy")
    n_cases, n_cells = evaluation.get("n_cases", 0), evaluation.get("n_cells", 0)
    words = (
        f"In {count(n_cases, 'held-out case')} with {count(n_cells, 'cell')}, "
        f"{_agreed(overall)} of calls agreed with the label{_bracket(overall)}."
    )
    hard = figure_of(evaluation, "discordant", "network", "accuracy")
    n_hard = within(evaluation, "subsets", "discordant").get("n_cells", 0)
    if n_hard:
        words += (
            f" Where the neighbours disagree with the cell ({count(n_hard, 'cell')}), "
            f"{_agreed(hard)} did{_bracket(hard)}."
        )
    return words


def _agreed(interval: Interval) -> str:
    return "an undefined share" if interval.value is None else percent(interval.value)


def _bracket(interval: Interval) -> str:
    if interval.low is None:
        return ""
    doubt = "" if interval.is_reliable else "; unreliable, under 10 cases"
    return f" (95 % interval {span(interval, scale=100, digits=1)}{doubt})"


def _system_row(
    evaluation: Mapping[str, Any], system: str, *, label: str, note: str, is_main: bool = False
) -> HeadRow:
    cells = []
    for subset in ("all", "discordant"):
        accuracy = figure_of(evaluation, subset, system, "accuracy")
        f1 = figure_of(evaluation, subset, system, "f1")
        value = "undefined" if accuracy.value is None else percent(accuracy.value)
        words = f"95 % interval {span(accuracy, scale=100, digits=1)}\nF1 {estimate(f1, digits=3)}"
        cells.append(HeadCell(value=value, range=words))
    return HeadRow(label=label, note=note, cells=tuple(cells), is_main=is_main)


def _margin_row(evaluation: Mapping[str, Any], rival: str) -> HeadRow:
    cells = []
    for subset in ("all", "discordant"):
        margin = interval_of(
            within(evaluation, "subsets", subset, "margins", rival, "figures", "accuracy")
        )
        shown = None if margin.value is None else 100 * margin.value
        unit = "" if shown is None else " points"
        cells.append(
            HeadCell(
                value=f"{number(shown, digits=1, is_signed=True)}{unit}",
                range=f"95 % interval {span(margin, scale=100, digits=1)}",
            )
        )
    return HeadRow(label="Difference", note="network minus rule, same cells", cells=tuple(cells))


def _count(stated: Any, column: list[str]) -> str:
    return f"{stated if isinstance(stated, int) else len(set(column)):,}"


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        return sorted(map(str, value))
    return [str(item) for item in value] if isinstance(value, list) else []


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return shown or "not stated"
