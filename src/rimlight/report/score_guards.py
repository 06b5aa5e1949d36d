"""Checks of scored slides that did not pass, and the tissue controls that were recorded.

Reads ``guards`` and ``controls`` of the section ``scores``; older runs have neither.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rimlight.report.blocks import Block, Table, TableCell
from rimlight.report.contents import within
from rimlight.report.score_rows import ScoredRow
from rimlight.report.wording import count, with_minus

MOST_ROWS = 60
"""Shown of checks that did not pass; the CSV holds all checks."""


def with_flags(rows: Sequence[ScoredRow], found: Mapping[str, Any]) -> tuple[ScoredRow, ...]:
    """Return the rows with the names of the checks that their slides did not pass."""
    guards = within(found, "guards")
    return tuple(
        replace(row, flags=tuple(_name(g) for g in guards.get(row.slide) or () if _fails(g)))
        for row in rows
    )


def guards_block(found: Mapping[str, Any]) -> Block | None:
    """Return the checks that slides did not pass, with value, limit and what it means."""
    guards = within(found, "guards")
    every = [(slide, guard) for slide in sorted(guards) for guard in guards[slide] or ()]
    if not every:
        return None
    failing = [(slide, guard) for slide, guard in every if _fails(guard)]
    n_slides = len({slide for slide, _ in failing})
    caption = (
        f"{count(len(every), 'check')} of {count(len(guards), 'slide')}"
        + (f"; {len(failing)} not passed, on {count(n_slides, 'slide')}" if failing else "")
        + ". A check that is passed does not vouch for a slide; none finds every fault."
    )
    if len(failing) > MOST_ROWS:
        caption += f" The first {MOST_ROWS} are shown; the CSV holds all."
    return Block(
        name="score_guards",
        title="Checks of the slides" if failing else "Checks of the slides: all passed",
        caption=caption,
        numbers={
            "slide": [slide for slide, _ in every],
            **{key: [guard.get(key) for _, guard in every] for key in _KEYS},
        },
        table=_table(failing[:MOST_ROWS]),
        is_wide_table=bool(failing),
    )


def control_words(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is known of the tissue controls, in a sentence; none where nothing is.

    That nothing is recorded at all is a warning of the command.
    """
    stored = within(found, "controls")
    if not stored:
        return ()
    by_slide = {key: value for key, value in stored.items() if isinstance(value, Mapping)}
    counts: dict[str, Counter[str]] = {}
    for controls in by_slide.values() or [stored]:
        for name, outcome in controls.items():
            counts.setdefault(str(name), Counter())[str(outcome).replace("_", " ")] += 1
    if {what for outcomes in counts.values() for what in outcomes} <= {"not recorded"}:
        return ()
    parts = []
    for name, outcomes in counts.items():
        told = [_outcome(n, what, of=by_slide) for what, n in sorted(outcomes.items())]
        parts.append(f"{CONTROL_NAMES.get(name, name.replace('_', ' '))}: {', '.join(told)}")
    return (f"Tissue controls: {'; '.join(parts)}.",)


CONTROL_NAMES = {
    "positive": "positive tissue",
    "negative": "negative tissue",
    "reagent": "negative reagent slide",
}
_KEYS = ("name", "value", "unit", "limit", "is_passed", "words")


def _fails(guard: Mapping[str, Any]) -> bool:
    return guard.get("is_passed") is False


def _name(guard: Mapping[str, Any]) -> str:
    return str(guard.get("name", "")).replace("_", " ")


def _outcome(n: int, what: str, *, of: Mapping[str, Any]) -> str:
    return f"{what} on {count(n, 'slide')}" if of else what


def _table(failing: Sequence[tuple[str, Mapping[str, Any]]]) -> Table | None:
    if not failing:
        return None
    return Table(
        title="Checks that were not passed",
        heads=("Slide", "Check", "value", "limit", "unit", "What it means"),
        rows=tuple(
            (
                TableCell(text=slide),
                TableCell(text=_name(guard)),
                TableCell(text=_number(guard.get("value")), kind="n"),
                TableCell(text=_number(guard.get("limit")), kind="n"),
                TableCell(text=str(guard.get("unit") or "")),
                TableCell(text=with_minus(str(guard.get("words") or ""))),
            )
            for slide, guard in failing
        ),
    )


def _number(value: Any) -> str:
    return "not measured" if value is None else with_minus(f"{float(value):.3g}")
