"""Rounds of targeted labels: what was asked and why, and what the labels bought.

Reads the sections ``triage`` and ``ledger`` of ``metrics.json``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.records import Interval
from rimlight.report.blocks import Block, Missing, Section, Table, TableCell, numbers_row
from rimlight.report.cause_words import name_of
from rimlight.report.contents import Contents, interval_of, within
from rimlight.report.estimates import forest_drawing, interval_columns
from rimlight.report.forest import Line, Scale, shared_scale
from rimlight.report.wording import count, number, percent, span

KEY, SHORT, TITLE = "rounds", "Labels asked", "Labels asked for, and what they bought"
SHARES = {
    "cause": "like confirmed causes",
    "uncertain": "uncertain and diverse",
    "random": "at random",
}
_FIGURES = (("f1", "F1"), ("discordant_f1", "F1 where neighbours disagree"))


def rounds_section(contents: Contents) -> Section:
    """Return the round that was drawn last, and the ledger of rounds that were labelled."""
    drawn = contents.section("triage")
    ledger = list(contents.section("ledger").get("rounds") or [])
    if not drawn and not ledger:
        missing = Missing(name="A round of cells to label", command="rimlight triage")
        return Section(key=KEY, short=SHORT, title=TITLE, missing=missing)
    blocks = (_drawn(drawn), _labels(ledger), _changes(ledger))
    return Section(
        key=KEY,
        short=SHORT,
        title=TITLE,
        paragraphs=_paragraphs(drawn, ledger),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _paragraphs(drawn: Mapping[str, Any], ledger: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    words = [
        "Cells to label next are taken from slides whose case is not held out, so that the "
        "held-out cells can still tell whether it helped. A part is drawn at random: a network "
        "that does not know where it errs asks flattering questions. Readers are not told why "
        "they see a cell."
    ]
    if drawn:
        words.append(
            f"Round {drawn.get('round')}: {count(int(drawn.get('n_cells') or 0), 'cell')} of "
            f"{count(int(drawn.get('n_candidates') or 0), 'candidate')} on "
            f"{count(int(drawn.get('n_slides') or 0), 'slide')}."
        )
        words += [str(note) for note in drawn.get("notes") or []]
    if not ledger:
        words.append("No round has come back with labels and a new training yet.")
    return tuple(words)


def _drawn(drawn: Mapping[str, Any]) -> Block | None:
    if not drawn:
        return None
    asked, given = within(drawn, "n_asked"), within(drawn, "n_given")
    causes = sorted(within(drawn, "causes").items(), key=lambda item: (-item[1], item[0]))
    like = ", ".join(f"{name_of(cause)} {n}" for cause, n in causes)
    return Block(
        name="round",
        title=f"Round {drawn.get('round')}, to be labelled",
        caption=f"Cells like confirmed causes, by cause: {like}."
        if like
        else "No cell was asked for because of a cause.",
        numbers={
            "share": list(SHARES),
            "n_asked": [int(asked.get(name) or 0) for name in SHARES],
            "n_given": [int(given.get(name) or 0) for name in SHARES],
        },
        table=Table(
            title="Why cells are asked for",
            heads=("Share", "wanted", "drawn"),
            rows=tuple(
                numbers_row(
                    words, f"{int(asked.get(name) or 0):,}", f"{int(given.get(name) or 0):,}"
                )
                for name, words in SHARES.items()
            ),
        ),
    )


def _labels(ledger: Sequence[Mapping[str, Any]]) -> Block | None:
    if not ledger:
        return None
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("round", "share", "n_asked", "n_labelled", "n_other", "n_wrong_before")
    }
    for item in ledger:
        for share in SHARES:
            row = (item.get("round"), share, *(_of(item, key, share) for key in list(columns)[2:]))
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    rows = tuple(
        (
            TableCell(text=f"Round {number_}: {SHARES[share]}"),
            *(TableCell(text=f"{n:,}", kind="n") for n in (asked, labelled, other, wrong)),
            TableCell(text=percent(wrong / labelled if labelled else None, digits=0), kind="n"),
        )
        for number_, share, asked, labelled, other, wrong in zip(*columns.values(), strict=True)
    )
    return Block(
        name="ledger_labels",
        title="Labels spent",
        caption="A label that contradicts the call of the run that asked for it is one that "
        "training can learn from. The random share says how many there are if nobody aims.",
        numbers=columns,
        table=Table(
            title="By share",
            heads=(
                "Share of the round",
                "asked",
                "labelled",
                "no tumour cell",
                "call was wrong",
                "of labelled",
            ),
            rows=rows,
        ),
    )


def _of(item: Mapping[str, Any], key: str, share: str) -> int:
    return int(within(item, key).get(share) or 0)


def _changes(ledger: Sequence[Mapping[str, Any]]) -> Block | None:
    if not ledger:
        return None
    lines = {
        key: [
            Line(
                label=f"Round {item.get('round')}: {_before_after(item, key)}",
                interval=interval_of(item.get(f"{key}_change")),
                is_main=True,
            )
            for item in ledger
        ]
        for key, _ in _FIGURES
    }
    scale = shared_scale(
        [line for some in lines.values() for line in some],
        Scale(low=-0.02, high=0.02, title="change of F1", nothing=0, digits=3),
        step=0.02,
    )
    numbers: dict[str, list[Any]] = {
        name: [item.get(name) for item in ledger] for name in ("round", "run_before", "run_after")
    }
    for key, _ in _FIGURES:
        for when in ("before", "after"):
            numbers[f"{key}_{when}"] = [_value(item.get(f"{key}_{when}")) for item in ledger]
        numbers |= interval_columns(
            [interval_of(item.get(f"{key}_change")) for item in ledger], f"{key}_change"
        )
    return Block(
        name="ledger_changes",
        title="What they bought",
        caption=f"Same held-out cells before and after; intervals resample cases. "
        f"{' '.join(_verdict(item) for item in ledger)}",
        drawings=tuple(
            forest_drawing(
                lines[key], scale, name=f"ledger-{key}", title=title, note=_size(ledger, key)
            )
            for key, title in _FIGURES
        ),
        numbers=numbers,
    )


def _before_after(item: Mapping[str, Any], key: str) -> str:
    before, after = (number(_value(item.get(f"{key}_{when}")), digits=3) for when in _WHEN)
    return f"{before} \u2192 {after}"


_WHEN = ("before", "after")


def _value(found: Any) -> float | None:
    """A number of the ledger, given alone or as an interval."""
    value = found.get("value") if isinstance(found, Mapping) else found
    return None if value is None else float(value)


def _size(ledger: Sequence[Mapping[str, Any]], key: str) -> str:
    name = "n_discordant" if key == "discordant_f1" else "n_cells"
    return f"{count(int(ledger[-1].get(name) or 0), 'held-out cell')}"


def _verdict(item: Mapping[str, Any]) -> str:
    """What a round may be said to have done: a change is one only if its interval leaves out 0."""
    n = sum(within(item, "n_labelled").values())
    lead = f"Round {item.get('round')}, {count(n, 'label')}:"
    parts = []
    for key, words in _FIGURES:
        change = interval_of(item.get(f"{key}_change"))
        parts.append(f"{words} {_said(change)}")
    others = int(item.get("n_other_labels") or 0)
    added = (
        f" {count(others, 'label')} that the round did not ask for came in as well, so that the "
        "change is not the round's alone."
        if others
        else ""
    )
    return f"{lead} {'; '.join(parts)}.{added}"


def _said(change: Interval) -> str:
    if change.value is None or change.low is None or change.high is None:
        return "not known"
    if change.low > 0:
        return f"better ({span(change, digits=3)})"
    if change.high < 0:
        return f"worse ({span(change, digits=3)})"
    return f"no change shown ({span(change, digits=3)})"
