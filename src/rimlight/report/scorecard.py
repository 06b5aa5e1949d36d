"""The quality gate in the report: scorecard, randomisation cascade, removal curves, own share.

Reads the section ``quality`` of ``metrics.json``.  A gate that was not run is said to be missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.explain.scorecard import STAMPING
from rimlight.records import Interval
from rimlight.report.blocks import (
    Block,
    Drawing,
    Missing,
    Section,
    Table,
    TableCell,
    alt_text,
)
from rimlight.report.contents import Contents, within
from rimlight.report.curves import RemovalCurve, removal_svg
from rimlight.report.estimates import forest_drawing
from rimlight.report.forest import Line, Scale
from rimlight.report.summary import CODE_WORDS, Verdict, in_words
from rimlight.report.wording import count, estimate, number

KEY, TITLE = "quality", "Could the maps mislead? The quality gate"
COMMAND = "rimlight quality"
MARKS = {
    "pass": "✓ passed",
    "fail": "✗ failed",
    "alarm": "! alarm",
    "printed": "– printed",
    "not run": "not run",
}
HEADINGS = ("consistency", "plausibility", "fidelity", "usefulness")
N_CONTROLS_SHOWN = 6


def scorecard_section(contents: Contents) -> Section:
    """Return the scorecard with its figures, or that the gate was not run."""
    found = contents.section("quality")
    if not found.get("checks"):
        missing = Missing(name="The quality gate", command=COMMAND)
        return Section(key=KEY, short="Quality gate", title=TITLE, missing=missing)
    blocks = (
        _scorecard(found["checks"]),
        _cascade(found),
        _curves(found),
        _own_share(found["checks"]),
    )
    return Section(
        key=KEY,
        short="Quality gate",
        title=TITLE,
        paragraphs=_paragraphs(found),
        blocks=tuple(block for block in blocks if block is not None),
    )


def stamp_of_run(contents: Contents) -> str:
    """Return what every map of the report must carry, "" where the gate stamps none."""
    return str(contents.section("quality").get("stamp") or "")


def gate_verdict(contents: Contents) -> Verdict:
    """Return the gate in one sentence for the head of the report; it never passes in silence."""
    found = contents.section("quality")
    if not found.get("checks"):
        sentence = (
            f"The quality gate was not run, so that nothing says whether the maps mislead: "
            f"{COMMAND} STUDY."
        )
        return Verdict(kind="open", mark="– Not run", sentence=sentence)
    words = _counts(found["checks"])
    if stamp_of_run(contents):
        failed = ", ".join(code for code in found["failed"] if code in STAMPING)
        sentence = f"The quality gate failed in {failed}: every map here is stamped. {words}"
        return Verdict(kind="not-shown", mark="✗ Gate failed", sentence=sentence)
    is_clear = not found.get("failed")
    return Verdict(
        kind="shown" if is_clear else "open",
        mark="✓ Gate passed" if is_clear else "– Gate",
        sentence=f"No check that stamps the maps failed. {words}",
    )


def _counts(checks: Sequence[Mapping[str, Any]]) -> str:
    words = []
    for verdict, name in (
        ("pass", "passed"),
        ("fail", "failed"),
        ("alarm", "alarm"),
        ("printed", "printed"),
        ("not run", "not run"),
    ):
        codes = [check["code"] for check in checks if check["verdict"] == verdict]
        if codes:
            words.append(f"{len(codes)} {name} ({', '.join(codes)})")
    return f"{count(len(checks), 'check')}: {'; '.join(words)}."


def _paragraphs(found: Mapping[str, Any]) -> tuple[str, ...]:
    aim = (
        "Each check could refute the maps. There is no overall grade: a row says what was asked, "
        "what came out beside its controls, and whether that is enough. Intervals resample cases."
    )
    if found.get("n_folds", 1) > 1:
        aim += (
            f" One network is judged: that of fold {found['fold'] + 1} of {found['n_folds']}, "
            "which has the most held-out cases."
        )
    stamp = found.get("stamp")
    return (aim, f"Every map of this report is stamped: {stamp}.") if stamp else (aim,)


def _scorecard(checks: Sequence[Mapping[str, Any]]) -> Block:
    ordered = sorted(checks, key=lambda check: HEADINGS.index(check["heading"]))
    names = (
        "heading", "code", "name", "verdict", "value", "low", "high", "unit", "n_cells", "n_cases",
        "pass_line", "reason",
    )  # fmt: skip
    columns: dict[str, list[Any]] = {name: [] for name in (*names, "control")}
    for check in ordered:
        rows = [{**check, "control": ""}] + [
            {
                **dict.fromkeys(names, ""),
                "code": check["code"],
                **{end: control[end] for end in ("value", "low", "high")},
                "control": control["name"],
                "n_cells": None,
                "n_cases": None,
            }
            for control in check["controls"]
        ]
        for name in columns:
            columns[name] += [row[name] for row in rows]
    lines: list[tuple[TableCell, ...]] = []
    for heading in HEADINGS:
        lines.append((TableCell(text=heading.capitalize()),))
        lines += [_row(check) for check in ordered if check["heading"] == heading]
    return Block(
        name="scorecard",
        title="Scorecard",
        caption="Value with its 95 % interval. Printed: no pass line, read it beside its controls. "
        "A failure of E1 to E4 stamps every map.",
        numbers=columns,
        table=Table(
            title="Every check, under the four headings of Lago et al. (2025)",
            heads=("Check", "Verdict", "Value", "Beside it", "To pass", "Why"),
            rows=tuple(lines),
            kind="scorecard",
        ),
        is_wide_table=True,
    )


def _row(check: Mapping[str, Any]) -> tuple[TableCell, ...]:
    verdict = check["verdict"]
    value = [_estimate(check), check["unit"]] if check["value"] is not None else []
    if check["n_cells"]:
        value.append(f"{count(check['n_cells'], 'cell')} of {count(check['n_cases'], 'case')}")
    shown = check["controls"][:N_CONTROLS_SHOWN]
    beside = [f"{control['name']}: {_estimate(control)}" for control in shown]
    if n_more := len(check["controls"]) - len(shown):
        beside.append(f"{n_more} more in the CSV")
    return (
        TableCell(text=f"{check['code']} {check['name']}"),
        TableCell(text=MARKS[verdict], kind=f"verdict-of-{verdict.replace(' ', '-')}"),
        TableCell(text="\n".join(value), kind="lines"),
        TableCell(text="\n".join(beside), kind="lines beside"),
        TableCell(text=check["pass_line"]),
        TableCell(text=in_words(check["reason"], CODE_WORDS)),
    )


def _estimate(found: Mapping[str, Any]) -> str:
    if found.get("value") is None:
        return "undefined"
    return number(found["value"]) if found.get("low") is None else estimate(_interval(found))


def _interval(found: Mapping[str, Any] | None, *, n_cells: int = 0) -> Interval:
    it = found or {}
    return Interval(
        value=it.get("value"),
        low=it.get("low"),
        high=it.get("high"),
        n_cells=n_cells,
        n_cases=0,
        n_resamples=0,
        n_undefined=0,
        is_reliable=True,
    )


def _cascade(found: Mapping[str, Any]) -> Block | None:
    stages = found.get("cascade") or []
    if not stages:
        return None
    names = [f"{stage['name']} random" for stage in stages]
    alike = [
        Line(label=name, interval=_interval(stage["correlation"]))
        for name, stage in zip(names, stages, strict=True)
    ]
    drawings = [
        forest_drawing(
            alike,
            Scale(low=0, high=1, title="abs(rank correlation) with the map", nothing=0.2),
            name="cascade-correlation",
            title="How alike the maps stay",
            note="upright line: 0.2, the most that passes for all layers",
        )
    ]
    if all(stage.get("own_share") for stage in stages):
        drawings.append(_cascade_shares(found, names))
    numbers: dict[str, list[Any]] = {
        "stage": names,
        "n_layers": [stage["n_layers"] for stage in stages],
    }
    for part in ("correlation", "own_share"):
        for end in ("value", "low", "high"):
            numbers[f"{part}_{end}"] = [(stage.get(part) or {}).get(end) for stage in stages]
    return Block(
        name="randomisation_cascade",
        title="What is left when learning is undone",
        caption="Layers are given random weights from the head down, normalisation fitted to "
        "training patches. A map that stays the same shows the image, not what was learned.",
        drawings=tuple(drawings),
        numbers=numbers,
    )


def _cascade_shares(found: Mapping[str, Any], names: Sequence[str]) -> Drawing:
    own: Mapping[str, Any] = next((check for check in found["checks"] if check["code"] == "E6"), {})
    lines = [Line(label="the map", interval=_interval(own), is_main=True)]
    for name, stage in zip(names, found["cascade"], strict=True):
        lines.append(Line(label=name, interval=_interval(stage["own_share"])))
    return forest_drawing(
        lines,
        Scale(low=0, high=1, title="own / (own + neighbour)"),
        name="cascade-own-share",
        title="Whose ring the evidence lies on",
        note="positive part of the map, cells labelled positive",
    )


def _curves(found: Mapping[str, Any]) -> Block | None:
    curves = [
        RemovalCurve(
            order=str(curve["order"]),
            most_first=tuple(curve["most_first"]),
            least_first=tuple(curve["least_first"]),
        )
        for curve in found.get("curves") or []
    ]
    if not curves:
        return None
    words = "; ".join(
        f"{curve.order}: {number(curve.area, digits=1)} logits between" for curve in curves
    )
    n_steps = len(curves[0].most_first)
    columns: dict[str, list[Any]] = {"share_removed": [i / (n_steps - 1) for i in range(n_steps)]}
    for curve in curves:
        key = curve.order.replace(" ", "_")
        columns[f"{key}_most_first"] = list(curve.most_first)
        columns[f"{key}_least_first"] = list(curve.least_first)
    svg = removal_svg(curves, name="removal")
    return Block(
        name="removal_curves",
        title="Does the call follow the pixels of the map?",
        caption="Pixels are taken away in the order of each map: DAB down to the background for "
        "positive calls, pixels of a reference cell for negative ones. Solid: most important "
        f"first; broken: least important first. The wider apart, the better. {words}.",
        drawings=(Drawing(svg=alt_text(svg, alt=f"Removal curves: {words}")),),
        numbers=columns,
    )


def _own_share(checks: Sequence[Mapping[str, Any]]) -> Block | None:
    by_code = {check["code"]: check for check in checks}
    zone, labels = by_code.get("E6", {}), by_code.get("E4", {})
    if zone.get("value") is None:
        return None
    lines = [Line(label="the map", interval=_interval(zone), is_main=True)]
    wanted = ("random weights", "plain amount", "centre prior")
    controls = {control["name"]: control for control in zone["controls"]}
    lines += [
        Line(label=name, interval=_interval(controls[name])) for name in wanted if name in controls
    ]
    for control in within(labels, "controls") or []:
        if control["name"].endswith("learning undone"):
            lines.append(Line(label="shuffled labels", interval=_interval(control)))
    drawing = forest_drawing(
        lines,
        Scale(low=0, high=1, title="own / (own + neighbour)"),
        name="own-share",
        title="",
        note="",
    )
    return Block(
        name="own_share",
        title="Own ring or the neighbours'?",
        caption=f"Share of the positive evidence on own and neighbour rings that lies on the own "
        f"one; {count(zone['n_cells'], 'cell')} labelled positive. A centre prior knows only where "
        "the click is: it is near the own ring by construction.",
        drawings=(drawing,),
        numbers={
            "system": [line.label for line in lines],
            "value": [line.interval.value for line in lines],
            "low": [line.interval.low for line in lines],
            "high": [line.interval.high for line in lines],
        },
    )
