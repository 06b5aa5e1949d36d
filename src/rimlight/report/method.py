"""The last sections: method, provenance, limits, and what may not be claimed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import PurePath
from typing import Any

from rimlight.report.blocks import Block, Drawing, Section, alt_text, table_of
from rimlight.report.contents import Contents, within
from rimlight.report.drawings import training_svg
from rimlight.report.wording import count, number
from rimlight.settings import Settings

MAY_NOT = (
    "That this is a validated segmentation of membranes: contributing pixels are evidence about "
    "the classifier.",
    "An amount of protein: DAB density is a staining intensity.",
    "Why a cell is positive: a map shows what moved the network, against the named reference.",
    "That the network looks at the membrane, from a correlation alone: see the controls.",
    "Better than a ring, unless the verdict above says so.",
    "A slide-level score (TPS, H-score): these are cells that a reader chose.",
    "Agreement with pathologists in general: see how many readers there were.",
    "Readiness for diagnosis or for any regulatory purpose.",
)
_MOST_FOLDS_DRAWN = 3
_MOST_ROWS_OPEN = 12
_LIMITS = (
    "Cells were given: the network does not find cells, and a number for given cells must not "
    "stand beside one for found cells.",
    "The label is a reader's glance, with a reader's error.",
    "Optical density depends on scanner and stain; cut-offs do not transfer to another laboratory.",
    "A model scores the assay it was trained on; another assay needs its own evaluation.",
)


def method_section(contents: Contents) -> Section:
    """Return how the numbers were made, with training, split, settings and versions."""
    blocks = (
        _training(contents),
        _split(contents),
        _models(contents),
        _provenance(contents),
        _settings(contents),
    )
    return Section(
        key="method",
        short="Method",
        title="Method and provenance",
        paragraphs=_method_words(contents),
        blocks=tuple(block for block in blocks if block is not None),
    )


def limits_section(contents: Contents, *, is_synthetic: bool) -> Section:
    """Return the limits of this run, and what nobody may claim from it."""
    limits = list(_LIMITS)
    evaluation = contents.section("evaluation")
    n_cases = evaluation.get("n_cases")
    if isinstance(n_cases, int) and n_cases < 10:
        limits.insert(0, f"Only {count(n_cases, 'held-out case')}: intervals are unreliable.")
    if is_synthetic:
        limits.insert(0, "All cells are synthetic; no number here is a number about tissue.")
    return Section(
        key="limits",
        short="Limits",
        title="Limits, and what may not be claimed",
        paragraphs=("Limits of this run:",),
        points=tuple(limits),
        closing="From this report nobody may claim:",
        closing_points=MAY_NOT,
    )


def _method_words(contents: Contents) -> tuple[str, ...]:
    size_px, mpp = contents.setting("patch", "size_px", 64), contents.setting("patch", "mpp", 0.5)
    side_um = float(size_px) * float(mpp)
    return (
        f"Around each clicked cell a patch of {side_um:g} µm ({size_px} px at {mpp:g} µm/px) is "
        "cut. A small convolutional network, trained on the readers' labels, states a logit: above "
        "0 it calls the cell positive. Cases are never split between training and hold-out.",
        "The map of a call is a path attribution (Integrated Gradients of the logit, channels "
        "summed with their sign) from a named reference to the cell. It is refined until its "
        "pixels sum to the rise of the logit; maps that do not get there are stamped. Contributing "
        "pixels are drawn for positive calls only: the smoothed map times DAB density above "
        "background, cut by Otsu's threshold.",
        "Optical density is the negative base-10 logarithm of light over the slide's clear glass, "
        "unmixed into haematoxylin, DAB and a residual with fixed vectors.",
    )


def _training(contents: Contents) -> Block | None:
    table = contents.tables["training"]
    if not table or "epoch" not in table:
        return None
    folds = table.get("fold", ["0"] * len(table["epoch"]))
    drawings = []
    for fold in sorted(set(folds), key=_number)[:_MOST_FOLDS_DRAWN]:
        rows = [i for i, name in enumerate(folds) if name == fold]
        losses = {
            part: [float(table[key][i]) for i in rows]
            for part, key in (("training", "train_loss"), ("validation", "validation_loss"))
            if key in table and all(table[key][i] for i in rows)
        }
        if losses:
            epochs = [int(table["epoch"][i]) + 1 for i in rows]
            title = f"Fold {fold}" if len(set(folds)) > 1 else ""
            drawings.append(_loss_drawing(epochs, losses, name=f"training-{fold}", title=title))
    if not drawings:
        return None
    n_more = len(set(folds)) - len(drawings)
    more = f" {count(n_more, 'further fold')} in the CSV." if n_more else ""
    return Block(
        name="training",
        title="Training, epoch by epoch",
        caption="Loss on training cells (with augmentation) and on validation cells, which stop "
        f"the training and are no part of the hold-out.{more}",
        drawings=tuple(drawings),
        numbers=_as_numbers(table),
    )


def _loss_drawing(
    epochs: Sequence[int], losses: Mapping[str, Sequence[float]], *, name: str, title: str
) -> Drawing:
    ends = ", ".join(f"{part} loss {number(values[-1])}" for part, values in losses.items())
    svg = training_svg(epochs, losses, name=name)
    alt = f"{title or 'Training'}: after {count(len(epochs), 'epoch')} {ends}"
    return Drawing(svg=alt_text(svg, alt=alt), title=title)


def _split(contents: Contents) -> Block | None:
    parts, cases = contents.column("parts", "part"), contents.column("parts", "case")
    if not parts:
        return None
    folds = contents.column("parts", "fold") or ["0"] * len(parts)
    level_of_case: dict[str, list[str]] = {}
    for case, level in zip(
        contents.column("cells", "case"), contents.column("cells", "level"), strict=True
    ):
        level_of_case.setdefault(case, []).append(level)
    columns: dict[str, list[Any]] = {
        "fold": [], "part": [], "cases": [], "cells": [], "positive_cells": [],
    }  # fmt: skip
    for fold in sorted(set(folds), key=_number):
        for part in ("train", "validation", "hold-out"):
            here = [
                c for c, p, f in zip(cases, parts, folds, strict=True) if p == part and f == fold
            ]
            levels = [level for case in here for level in level_of_case.get(case, [])]
            n_positive = sum(level != "0" for level in levels)
            row = (fold, part, len(here), len(levels), n_positive)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    n_rows = len(columns["fold"])
    return Block(
        name="split",
        title="Who was held out",
        caption="Cases and cells on each side; a case is never on two sides.",
        table=table_of(columns, title="Split by case") if n_rows <= _MOST_ROWS_OPEN else None,
        numbers=columns,
    )


def _provenance(contents: Contents) -> Block:
    rows = [
        ("run", contents.run_id),
        ("started (UTC)", contents.record.get("started_at")),
        ("command", contents.record.get("command")),
        ("seed", contents.record.get("seed")),
        ("weights, sha256", _weights(contents)),
        ("versions", _versions(contents)),
        ("Python", contents.record.get("python")),
        ("platform", contents.record.get("platform")),
    ]
    shown = [(name, _shown(value)) for name, value in rows if value not in (None, "", {})]
    columns = {"what": [name for name, _ in shown], "value": [value for _, value in shown]}
    return Block(
        name="provenance",
        title="Provenance",
        caption="What made this run. Two runs with one seed, the same versions and the same "
        "number of threads give the same numbers.",
        table=replace(table_of(columns, title="What made this run"), kind="settings"),
        numbers=columns,
    )


def _settings(contents: Contents) -> Block | None:
    tables = contents.record.get("settings")
    if not isinstance(tables, Mapping) or not tables:
        return None
    unit_of_setting = {
        f"{table.name}.{item.name}": item.metadata.get("unit", "")
        for table in fields(Settings)
        for item in fields(getattr(Settings(), table.name))
    }
    rows = [
        (f"{table}.{name}", _shown(value), unit_of_setting.get(f"{table}.{name}", ""))
        for table, values in tables.items()
        for name, value in values.items()
    ]
    columns = dict(
        zip(("setting", "value", "unit"), map(list, zip(*rows, strict=True)), strict=True)
    )
    return Block(
        name="settings",
        title="Settings",
        caption="Every setting of this run, as in study.toml.",
        numbers=columns,
    )


def _weights(contents: Contents) -> str:
    """Return the hash of each fold's weights; of many folds the first twelve digits."""
    folds = contents.section("training").get("folds") or ()
    found = [str(fold.get("weights") or "").removeprefix("sha256:") for fold in folds]
    if len(found) == 1:
        return found[0]
    return ", ".join(f"fold {number} {text[:12]}…" for number, text in enumerate(found))


def _versions(contents: Contents) -> str:
    found = within(contents.record, "versions").items()
    return ", ".join(f"{name} {version}" for name, version in found if version)


def _models(contents: Contents) -> Block | None:
    folds = [fold for fold in contents.section("training").get("folds") or () if fold]
    if not folds:
        return None
    rings = [fold.get("best_ring_um") or (None, None) for fold in folds]
    columns: dict[str, list[Any]] = {
        "fold": list(range(len(folds))),
        "epochs": [fold.get("n_epochs") for fold in folds],
        "best_epoch": [(fold.get("best_epoch") or 0) + 1 for fold in folds],
        "temperature": [fold.get("temperature") for fold in folds],
        "best_ring_inner_um": [ring[0] for ring in rings],
        "best_ring_outer_um": [ring[1] for ring in rings],
        "parameters": [fold.get("n_parameters") for fold in folds],
        "multiplications_a_patch": [fold.get("n_multiplications") for fold in folds],
        "weights": [fold.get("weights") for fold in folds],
    }
    shown = {name: column for name, column in columns.items() if name != "weights"}
    return Block(
        name="models",
        title="Models",
        caption="One network a fold. The temperature divides the logit before it becomes a "
        "probability; the best ring is the rival fitted on the same training cells. The hash of "
        "the weights (sha256) is in the CSV.",
        table=table_of(shown, title="Networks") if len(folds) <= _MOST_ROWS_OPEN else None,
        is_wide_table=True,
        numbers=columns,
    )


def _as_numbers(table: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    return {name: [_number(text) for text in column] for name, column in table.items()}


def _number(text: str) -> Any:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text or None


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    return _without_folders(f"{value:g}" if isinstance(value, float) else str(value))


def _without_folders(text: str) -> str:
    """Return text whose paths are cut to their last name: folders may name people."""
    return " ".join(
        PurePath(word.replace("\\", "/")).name if re.search(r"[/\\]", word) else word
        for word in text.split()
    )
