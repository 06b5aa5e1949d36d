"""Why calls err: causes that an edit confirmed, groups of like errors, and labels in doubt.

Reads the section ``causes`` of ``metrics.json``, ``causes.csv``, ``cause_trials.csv`` and the
folder ``causes/`` of a run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.records import CauseName
from rimlight.report.blocks import Block, Drawing, Missing, Section, Table, alt_text, numbers_row
from rimlight.report.cause_cells import CauseCells, read_cause_cells
from rimlight.report.cause_drawings import CauseBar, bars_svg
from rimlight.report.cause_words import name_of
from rimlight.report.contents import Contents, within
from rimlight.report.svg import LEVEL_NAMES
from rimlight.report.wording import count, number, percent, shortened, with_minus

KEY, SHORT, TITLE = "causes", "Why it errs", "Why it errs, and what proves it"
HELD_OUT = "hold-out"
N_SHOWN, N_LARGE_GROUPS = 3, 3
"""Cells shown of each of the largest groups; of the others one."""
N_DOUBTS_SHOWN = 6
N_NAMED = 2


def causes_section(contents: Contents, *, scale: float | None = None) -> Section:
    """Return causes with their counts, one block a group, and the labels in doubt.

    Args:
        scale: Logits per pixel at full colour, so that all maps of a report share it; None takes
            that of the maps of these cells.

    Raises:
        RunError: A table or an array is damaged.
    """
    found = contents.section("causes")
    if not found:
        missing = Missing(name="The causes of errors", command="rimlight causes")
        return Section(key=KEY, short=SHORT, title=TITLE, missing=missing)
    cells = read_cause_cells(contents, scale=scale)
    blocks = [_counts(found), _right_calls(found)]
    if cells is not None:
        groups = sorted(found.get("groups") or [], key=lambda one: _rank(one, cells))
        blocks += [_group(group, cells, number=at) for at, group in enumerate(groups, start=1)]
    blocks.append(_doubts(found, cells))
    return Section(
        key=KEY,
        short=SHORT,
        title=TITLE,
        paragraphs=_paragraphs(found),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _paragraphs(found: Mapping[str, Any]) -> tuple[str, ...]:
    looked = (
        f"{count(found.get('n_examined') or 0, 'call')} were looked at: "
        f"{found.get('n_wrong') or 0:,} wrong, {found.get('n_uncertain') or 0:,} right but "
        f"uncertain, {found.get('n_doubtful') or 0:,} right with a doubtful label. For "
        f"{found.get('n_confirmed') or 0:,} a cause is confirmed, for "
        f"{found.get('n_map_only') or 0:,} only the map speaks, and "
        f"{found.get('n_unexplained') or 0:,} stay unexplained."
    )
    proof = (
        "Confirmed means tried: the picture of the cell is changed as the cause says, and the "
        "logit comes to the threshold, while as much changed elsewhere in the patch (the placebo) "
        "brings less than half of that; and the line around the cell looks as its label says. An "
        "edit shows what the network responds to, not what is true of the cell."
    )
    blinding = (
        "This part is for whoever runs the study. Readers of the next round should not see it: "
        "who knows why a cell is shown reads it differently."
    )
    return looked, proof, blinding


def _counts(found: Mapping[str, Any]) -> Block:
    parts = within(found, "parts")
    sides = (
        (HELD_OUT, "Held-out cells", "what new cases would meet; they steer nothing"),
        ("other", "Training and validation cells", "these alone steer the next round"),
    )
    bars_of_side = {
        side: _bars([facts for part, facts in parts.items() if (part == HELD_OUT) == is_held])
        for side, is_held in ((HELD_OUT, True), ("other", False))
    }
    most = max((bar.total for bars in bars_of_side.values() for bar in bars), default=1)
    drawings = [
        Drawing(
            svg=alt_text(
                bars_svg(bars, name=f"causes-{side}", most=most), alt=f"{title}: {_words(bars)}"
            ),
            title=title,
            note=note,
        )
        for side, title, note in sides
        if (bars := bars_of_side[side])
    ]
    columns: dict[str, list[Any]] = {
        name: [] for name in ("part", "cause", "confirmed", "map_only", "unexplained")
    }
    for part, facts in parts.items():
        for bar in _bars([facts]):
            row = (part, bar.label, bar.n_confirmed, bar.n_map_only, bar.n_unexplained)
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    return Block(
        name="causes",
        title="What moved the calls",
        caption="Dark: confirmed by an edit. Pale: the map says so, no edit confirmed it. Grey: "
        "unexplained. A cell counts once, for its main cause. On the maps below, orange pushes "
        "towards positive and blue towards negative, on the scale of all maps of this report.",
        drawings=tuple(drawings),
        numbers=columns,
    )


def _bars(parts: Sequence[Mapping[str, Any]]) -> list[CauseBar]:
    """Bars of some parts together, most confirmed first, what is unexplained last."""
    counts: dict[str, tuple[int, int]] = {}
    for facts in parts:
        for cause, one in within(facts, "causes").items():
            confirmed, map_only = counts.get(cause, (0, 0))
            counts[cause] = (confirmed + one["confirmed"], map_only + one["map_only"])
    bars = [
        CauseBar(label=name_of(cause), n_confirmed=confirmed, n_map_only=map_only)
        for cause, (confirmed, map_only) in sorted(
            counts.items(), key=lambda item: (-item[1][0], -item[1][1], item[0])
        )
        if cause != CauseName.UNEXPLAINED
    ]
    n = sum(int(within(facts, "status").get("unexplained") or 0) for facts in parts)
    if n:
        label = name_of(CauseName.UNEXPLAINED)
        bars.append(CauseBar(label=label, n_confirmed=0, n_map_only=0, n_unexplained=n))
    return bars


def _words(bars: Sequence[CauseBar]) -> str:
    return "; ".join(
        f"{bar.label} {bar.n_unexplained}"
        if bar.n_unexplained
        else f"{bar.label} {bar.n_confirmed} confirmed, {bar.n_map_only} by the map"
        for bar in bars
    )


def _right_calls(found: Mapping[str, Any]) -> Block | None:
    right = within(found, "right_calls")
    per_cause = within(right, "per_cause")
    if not per_cause:
        return None
    rows = [(name_of(cause), one["n_tried"], one["n_changed"]) for cause, one in per_cause.items()]
    n_tried, n_changed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return Block(
        name="causes_right_calls",
        title="The same edits on right calls",
        caption=f"The control: on {count(right.get('n_cells') or 0, 'right call')} of held-out "
        f"cells every edit was tried, and {n_changed:,} of {n_tried:,} edits turned the call. An "
        "edit that often turns right calls proves little when it turns a wrong one.",
        numbers={
            "cause": [row[0] for row in rows],
            "n_tried": [row[1] for row in rows],
            "n_changed": [row[2] for row in rows],
        },
        table=Table(
            title="Right calls that an edit turned",
            heads=("Edit for", "tried", "turned", "share"),
            rows=tuple(
                numbers_row(name, f"{tried:,}", f"{changed:,}", _share(changed, tried))
                for name, tried, changed in rows
            ),
        ),
    )


def _share(n: int, of: int) -> str:
    return percent(n / of if of else None)


def _rank(group: Mapping[str, Any], cells: CauseCells) -> tuple[int, bool, int]:
    """Groups with most confirmed cells first; what is unexplained stands last."""
    members = cells.members(str(group["name"]))
    n_confirmed = sum(cells.rows[at]["status"] == "confirmed" for at in members)
    return -n_confirmed, group["cause"] == CauseName.UNEXPLAINED, -len(members)


def _group(group: Mapping[str, Any], cells: CauseCells, *, number: int) -> Block | None:
    """One group with its most typical cells; none where no cell of it can be shown."""
    n_shown = N_SHOWN if number <= N_LARGE_GROUPS else 1
    chosen = cells.typical(str(group["name"]), list(group.get("examples") or []), n=n_shown)
    if not chosen:
        return None
    members = cells.members(str(group["name"]))
    n_held = int(group.get("n_held_out") or 0)
    kind = (
        f" {group['words'][0].upper()}{with_minus(group['words'][1:])}."
        if group.get("words")
        else ""
    )
    cause = str(group["cause"])
    name = str(group["name"]).replace(cause.replace("_", " "), name_of(cause), 1)
    return Block(
        name=f"causes_group_{number}",
        title=f"{name[0].upper()}{name[1:]}: {count(int(group['n_cells']), 'cell')}",
        caption=f"{n_held:,} held out. From {_spread(within(group, 'cases'), 'case')}; "
        f"{_spread(within(group, 'slides'), 'slide')}. Training cells most like them: "
        f"{cells.nearest_words(members)}.{kind}",
        strips=tuple(cells.strip(row) for row in chosen),
        numbers=cells.columns(members),
    )


def _spread(counts: Mapping[str, int], thing: str) -> str:
    """How many cases or slides a group comes from, the largest named."""
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{shortened(name, n_characters=22)} {n}" for name, n in largest[:N_NAMED])
    return f"{count(len(largest), thing)} ({'most: ' if len(largest) > N_NAMED else ''}{named})"


def _doubts(found: Mapping[str, Any], cells: CauseCells | None) -> Block | None:
    doubts = found.get("doubts") or []
    if not doubts:
        return None
    rows = [
        (
            item["cell"], item["case"], LEVEL_NAMES[int(item["level"])], float(item["logit"]),
            float(item["doubt"]), " ".join(item.get("evidence") or []),
        )
        for item in doubts
    ]  # fmt: skip
    names = ("cell", "case", "label", "logit", "doubt", "evidence")
    strips = [] if cells is None else [cells.doubt_strip(item) for item in doubts[:N_DOUBTS_SHOWN]]
    return Block(
        name="label_doubts",
        title="Labels to look at again",
        caption=f"{count(len(doubts), 'label')}, the most doubtful first. Three witnesses are "
        "heard: the network, the training cells most like it, and the stain on its own ring. Doubt "
        f"goes from 0 to 1 and ranks; it is no probability. The first has {number(rows[0][4])}, "
        f"the last {number(rows[-1][4])}. No label is ever changed by the program: a reader who "
        "looks again decides. Wrong levels among positive cells are out of its reach.",
        strips=tuple(strip for strip in strips if strip is not None),
        numbers={name: [row[at] for row in rows] for at, name in enumerate(names)},
        is_wide_table=True,
    )
