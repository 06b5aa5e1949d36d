"""What scores stand on: cells that do not count, the profiles, and what the command said."""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.report.blocks import Block, Drawing, Table, TableCell
from rimlight.report.contents import within
from rimlight.report.score_colours import COUNTED_FILL, NOT_COUNTED_FILLS, swatch
from rimlight.report.score_drawings import stacked_bar
from rimlight.report.score_rows import ScoredRow
from rimlight.report.score_words import not_counted_words
from rimlight.report.wording import count, percent


def not_counted_block(rows: Sequence[ScoredRow]) -> Block | None:
    """Return every candidate of all slides by whether it counts, else why not, as one bar."""
    parts = {"counted": sum(row.n_counted for row in rows)}
    for name in dict.fromkeys(name for row in rows for name in row.excluded):
        parts[name] = sum(row.excluded.get(name, 0) for row in rows)
    total = sum(parts.values())
    if not total:
        return None
    fills = dict(zip(parts, (COUNTED_FILL, *NOT_COUNTED_FILLS), strict=False))
    words = {name: not_counted_words(name) for name in parts} | {"counted": "counts"}
    shown = {name: n for name, n in parts.items() if n or name == "counted"}
    bar = stacked_bar(
        {words[name]: n for name, n in shown.items()},
        [fills.get(name, NOT_COUNTED_FILLS[-1]) for name in shown],
        name="counted-bar",
    )
    return Block(
        name="scores_not_counted",
        title=f"What counts of {count(total, 'cell')} seen",
        caption="Every candidate is named once: it counts, or the first reason that holds says why "
        "not. All slides together; the tables' CSV has each slide.",
        drawings=(Drawing(svg=bar),),
        table=Table(
            title="Cells",
            heads=("Cells", "n", "share"),
            rows=tuple(
                (
                    TableCell(text=swatch(fills.get(name, NOT_COUNTED_FILLS[-1]), words[name])),
                    TableCell(text=f"{n:,}", kind="n"),
                    TableCell(text=percent(n / total), kind="n"),
                )
                for name, n in parts.items()
            ),
        ),
        numbers={"what": [words[name] for name in parts], "n_cells": list(parts.values())},
    )


def grounds_block(found: Mapping[str, Any]) -> Block | None:
    """Return the sentences of the section ``scores``."""
    said = [str(words) for words in found.get("sentences") or ()]
    if not said:
        return None
    return Block(
        name="score_grounds",
        title="What these scores stand on",
        caption="As rimlight score said it when it scored.",
        numbers={"sentence": said},
        table=Table(
            title="Sentences",
            heads=("sentence",),
            rows=tuple((TableCell(text=words),) for words in said),
            kind="sentences",
        ),
    )


def profiles_block(found: Mapping[str, Any]) -> Block | None:
    """Return each profile with its cut-offs, its source, and that nobody has checked it."""
    profiles = within(found, "profiles")
    if not profiles:
        return None
    rows = []
    for name, profile in profiles.items():
        cuts = ", ".join(f"{cut:g}" for cut in profile.get("cut_offs") or ()) or "none"
        bands = " | ".join(profile.get("bands") or ()) or "none"
        checked = "checked" if profile.get("is_checked") else "not checked"
        source = profile.get("source") or "none"
        rows.append((name, str(profile.get("score")), cuts, bands, checked, source,
                     profile.get("source_date") or "none"))  # fmt: skip
    heads = ("profile", "score", "cut-offs", "bands", "checked", "source", "date")
    return Block(
        name="score_profiles",
        title="Assay profiles",
        caption="Not checked: nobody has held the profile against the assay's own manual. Cut-offs "
        "change with country and year; the source and its date are those of the profile's file.",
        numbers={head: [row[at] for row in rows] for at, head in enumerate(heads)},
        table=Table(
            title="Assay profiles that were used",
            heads=heads,
            rows=tuple(tuple(TableCell(text=text) for text in row) for row in rows),
        ),
        is_wide_table=True,
    )
