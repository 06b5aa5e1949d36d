"""The tables of the evaluation: label against call, each other's errors, assays and scanners."""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.report.blocks import Block, Table, TableCell, numbers_row
from rimlight.report.contents import interval_of, within
from rimlight.report.estimates import interval_columns
from rimlight.report.summary import RIVALS
from rimlight.report.svg import LEVEL_NAMES
from rimlight.report.wording import estimate, percent


def confusion_block(evaluation: Mapping[str, Any]) -> Block | None:
    """Return cells by label and call, 2 x 2 and 4 x 2 in one table."""
    calls = within(evaluation, "confusion").get("calls")
    levels = within(evaluation, "confusion").get("levels_by_call")
    if not calls or not levels:
        return None
    named = [("labelled negative", calls[0], 0), ("labelled positive", calls[1], 1)]
    rows = [_confusion_row(label, counts, right) for label, counts, right in named]
    rows += [
        _confusion_row(f"… {name}", counts, int(level > 0))
        for level, (name, counts) in enumerate(zip(LEVEL_NAMES, levels, strict=True))
        if level > 0
    ]
    return Block(
        name="confusion",
        title="Label against call",
        caption="Held-out cells by label and by the call of the network. Shaded blue where both "
        "agree, amber where they differ; the last three rows are the positive cells by level.",
        table=Table(
            title="Cells by label and call",
            heads=("Cells", "called negative", "called positive", "agree"),
            rows=tuple(rows),
            kind="confusion",
        ),
        numbers={
            "label": list(LEVEL_NAMES),
            "called_negative": [row[0] for row in levels],
            "called_positive": [row[1] for row in levels],
        },
    )


def _confusion_row(label: str, counts: Sequence[int], right: int) -> tuple[TableCell, ...]:
    cells = [
        TableCell(text=f"{n:,}", kind="n agree" if call == right else "n differ")
        for call, n in enumerate(counts)
    ]
    total = sum(counts)
    share = percent(counts[right] / total) if total else "undefined"
    return (TableCell(text=label), *cells, TableCell(text=share, kind="n"))


def errors_block(evaluation: Mapping[str, Any], names: Mapping[str, str]) -> Block | None:
    """Return how often each is right where the other is wrong."""
    ours, theirs = within(evaluation, "rival_wrong"), within(evaluation, "network_wrong")
    systems = [system for system in RIVALS if system in ours]
    if not systems:
        return None
    first = [interval_of(ours[system]) for system in systems]
    second = [interval_of(theirs.get(system)) for system in systems]
    rows = [
        numbers_row(
            names[system],
            f"{a.n_cells:,}",
            estimate(a, scale=100, digits=1),
            f"{b.n_cells:,}",
            estimate(b, scale=100, digits=1),
        )
        for system, a, b in zip(systems, first, second, strict=True)
    ]
    return Block(
        name="where_the_rule_is_wrong",
        title="Where the rule is wrong, and where the network is",
        caption="What each knows that the other does not. Accuracy in % with 95 % intervals.",
        table=Table(
            title="Accuracy on the other's errors",
            heads=(
                "Rule", "cells the rule calls wrong", "of these the network calls right, %",
                "cells the network calls wrong", "of these the rule calls right, %",
            ),
            rows=tuple(rows),
        ),
        is_wide_table=True,
        numbers={
            "rule": systems,
            **interval_columns(first, "network_right_where_rule_wrong"),
            **interval_columns(second, "rule_right_where_network_wrong"),
        },
    )  # fmt: skip


def groups_block(evaluation: Mapping[str, Any]) -> Block | None:
    """Return the network on each assay and scanner."""
    rows, numbers = [], []
    for kind in ("assays", "scanners"):
        for name, block in sorted(within(evaluation, kind).items()):
            figures = within(block, "systems", "network", "figures")
            parts = [interval_of(figures.get(key)) for key in ("accuracy", "f1")]
            cells = [f"{block.get('n_cells') or 0:,}", f"{block.get('n_cases') or 0:,}"]
            shown = [estimate(part, scale=100, digits=1) for part in parts]
            rows.append(numbers_row(f"{kind[:-1]}: {name or 'not stated'}", *cells, *shown))
            numbers.append((kind[:-1], name, block.get("n_cells"), parts))
    if not rows:
        return None
    return Block(
        name="groups",
        title="By assay and scanner",
        caption="The network on held-out cells of each group, in % with 95 % intervals.",
        table=Table(
            title="Assays and scanners",
            heads=("Group", "cells", "cases", "accuracy, %", "F1, %"),
            rows=tuple(rows),
        ),
        numbers={
            "kind": [row[0] for row in numbers],
            "name": [row[1] for row in numbers],
            "n_cells": [row[2] for row in numbers],
            **interval_columns([row[3][0] for row in numbers], "accuracy"),
            **interval_columns([row[3][1] for row in numbers], "f1"),
        },
    )
