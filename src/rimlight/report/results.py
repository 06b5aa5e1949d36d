"""The section on how often the calls are right, from the evaluation of the run."""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.report.blocks import (
    Block,
    Drawing,
    Missing,
    Section,
    alt_text,
)
from rimlight.report.contents import Contents, interval_of, within
from rimlight.report.drawings import CalibrationBin, CaseShare, calibration_svg, cases_svg
from rimlight.report.estimates import figure_of, forest_drawing, interval_columns, size_words
from rimlight.report.forest import Line, Scale, shared_scale
from rimlight.report.result_tables import confusion_block, errors_block, groups_block
from rimlight.report.summary import RIVALS, in_words, system_names
from rimlight.report.svg import LEVEL_NAMES
from rimlight.report.wording import count, estimate, percent

_SUBSETS = {"all": "All held-out cells", "discordant": "Neighbours disagree"}


def results_section(contents: Contents) -> Section:
    """Return confusion, recall a level, rivals, cases, calibration and groups."""
    evaluation = contents.section("evaluation")
    if not evaluation:
        missing = Missing(name="The evaluation", command="rimlight evaluate")
        return Section(
            key="right", short="Agreement", title="How often it is right", missing=missing
        )
    names = system_names(contents)
    blocks = (
        _rivals(evaluation, names),
        _recall(evaluation),
        confusion_block(evaluation),
        groups_block(evaluation),
        _cases(evaluation),
        _calibration(evaluation),
        errors_block(evaluation, names),
    )
    return Section(
        key="right",
        short="Agreement",
        title="How often it is right",
        paragraphs=_paragraphs(evaluation, names),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _paragraphs(evaluation: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    n_cells, n_positive = evaluation.get("n_cells") or 0, evaluation.get("n_positive") or 0
    n_folds = evaluation.get("n_folds") or 1
    how = (
        f"every case was held out once, in {count(n_folds, 'fold')}"
        if n_folds > 1
        else "these cases took no part in training"
    )
    share = percent(n_positive / n_cells) if n_cells else "undefined"
    words = (
        f"All numbers are of held-out cells only: {how}. Of {count(n_cells, 'cell')} "
        f"{share} are labelled positive. Intervals resample cases, never cells, "
        f"{evaluation.get('n_resamples') or 0:,} times; a dashed interval rests on fewer than "
        "10 cases."
    )
    return (words, *(in_words(str(note), names) for note in evaluation.get("notes") or ()))


def _rivals(evaluation: Mapping[str, Any], names: Mapping[str, str]) -> Block | None:
    lines_of_subset = {
        subset: [
            Line(
                label=names[system],
                interval=figure_of(evaluation, subset, system, "f1"),
                is_main=system == "network",
            )
            for system in ("network", *RIVALS)
            if within(evaluation, "subsets", subset, "systems", system)
        ]
        for subset in _SUBSETS
    }
    every = [line for lines in lines_of_subset.values() for line in lines]
    if not every:
        return None
    scale = shared_scale(
        every, Scale(low=90, high=100, title="F1, %", factor=100, digits=1), step=10
    )
    drawings = tuple(
        forest_drawing(lines, scale, name=f"rivals-{subset}", title=_SUBSETS[subset],
                note=size_words(within(evaluation, "subsets", subset)))
        for subset, lines in lines_of_subset.items()
    )  # fmt: skip
    return Block(
        name="rivals",
        title="Against simple rules that need no network",
        caption="F1 of the network and of one-number rules on the same held-out cells, with "
        "95 % intervals. Each rule calls a cell positive when the mean DAB density of one zone "
        "around the click is above a cut-off fitted on training cases.",
        drawings=drawings,
        numbers={
            "subset": [subset for subset, lines in lines_of_subset.items() for _ in lines],
            **_columns(every),
        },
    )


def _recall(evaluation: Mapping[str, Any]) -> Block | None:
    lines_of_subset = {
        subset: [
            Line(
                label=f"{name}: {count(_n_of_level(evaluation, subset, name), 'cell')}",
                interval=figure_of(evaluation, subset, "network", f"recall_{name}"),
                is_main=True,
            )
            for name in LEVEL_NAMES
        ]
        for subset in _SUBSETS
    }
    every = [line for lines in lines_of_subset.values() for line in lines]
    start = Scale(low=90, high=100, title="cells called right, %", factor=100, digits=1)
    scale = shared_scale(every, start, step=10)
    drawings = tuple(
        forest_drawing(lines, scale, name=f"recall-{subset}", title=_SUBSETS[subset], note="")
        for subset, lines in lines_of_subset.items()
    )
    return Block(
        name="recall_per_level",
        title="By level of expression",
        caption="Share of the cells of each labelled level that the network called right "
        "(negative cells called negative, others called positive), with 95 % intervals. Weak is "
        "the hard level: its membrane line is little wider than a pixel.",
        drawings=drawings,
        numbers={
            "subset": [subset for subset, lines in lines_of_subset.items() for _ in lines],
            **_columns(every),
        },
    )


def _cases(evaluation: Mapping[str, Any]) -> Block | None:
    cases = [case for case in evaluation.get("cases") or () if case.get("accuracy") is not None]
    if not cases:
        return None
    shares = [
        CaseShare(case=str(item["case"]), accuracy=item["accuracy"], n_cells=item["n_cells"])
        for item in cases
    ]
    worst = min(shares, key=lambda share: share.accuracy)
    alt = (
        f"Dot plot of {len(shares)} held-out cases; the lowest agreement is "
        f"{percent(worst.accuracy)} in case {worst.case}"
    )
    svg = cases_svg(shares, name="cases")
    return Block(
        name="per_case",
        title="Case by case",
        caption="Share of right calls in each held-out case, the worst on top; a larger dot "
        "stands for more cells.",
        drawings=(Drawing(svg=alt_text(svg, alt=alt)),),
        numbers={
            "case": [share.case for share in shares],
            "n_cells": [share.n_cells for share in shares],
            "accuracy": [share.accuracy for share in shares],
        },
    )


def _calibration(evaluation: Mapping[str, Any]) -> Block | None:
    found = [
        item
        for item in within(evaluation, "calibration").get("bins") or ()
        if item.get("n_cells") and item.get("probability") is not None
    ]
    if not found:
        return None
    bins = [
        CalibrationBin(
            probability=item["probability"],
            positive_share=interval_of(item["positive_share"]),
            n_cells=item["n_cells"],
        )
        for item in found
    ]
    error = figure_of(evaluation, "all", "network", "expected_calibration_error")
    brier = figure_of(evaluation, "all", "network", "brier")
    words = (
        f"Expected calibration error {estimate(error, digits=3)}, "
        f"Brier score {estimate(brier, digits=3)}."
    )
    return Block(
        name="calibration",
        title="Does a probability mean what it says?",
        caption="Cells grouped by the probability that the network states, against the share "
        f"labelled positive, with 95 % intervals; a larger dot stands for more cells. {words}",
        drawings=(Drawing(svg=alt_text(calibration_svg(bins, name="calibration"), alt=words)),),
        numbers={
            "probability": [item.probability for item in bins],
            "n_cells": [item.n_cells for item in bins],
            **interval_columns([item.positive_share for item in bins], "positive_share"),
        },
    )


def _columns(lines: Sequence[Line]) -> dict[str, list[Any]]:
    return {
        "what": [line.label for line in lines],
        **interval_columns([line.interval for line in lines], "value"),
    }


def _n_of_level(evaluation: Mapping[str, Any], subset: str, name: str) -> int:
    return int(within(evaluation, "subsets", subset, "levels").get(name) or 0)
