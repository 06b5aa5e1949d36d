"""From readings as they stand in a table to ratings on the scales on which they are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rimlight.core.ratings import Ratings, Repeats, Scale, ScaleKind, band_names, band_of
from rimlight.errors import LabelFileError
from rimlight.io.formats.rating_tables import RatingTable, Reading
from rimlight.io.formats.tables import number_of

MISSING_WORDS = ("", "na", "n/a", "nan", "-", "missing", "not evaluable")
MOST_LEVELS = 5
"""Whole numbers 0..5 in a table without cut-offs are taken for levels as well."""
MOST_NAMES = 20
"""More different words than this are remarks and no levels."""
_EXPRESSIONS = {
    "negative": 0, "weak": 1, "moderate": 2, "strong": 3, "0": 0, "1+": 1, "2+": 2, "3+": 3,
}  # fmt: skip
EXPRESSION_NAMES = ("negative", "weak", "moderate", "strong")
_OTHER = ("other", "cannot judge", "no tumour cell")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRules:
    """How the values of a table are to be read.

    cuts: of numbers; at or above a cut is positive.
    levels: names of levels, the lowest first; empty: told from the values.
    models: readers that are models.
    missing: further words for "no rating".
    reading: which of repeated readings is compared between readers, ``first`` or ``last``.
    """

    cuts: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reading: str = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Values as numbers: of items by readers, and of repeated readings."""

    item: list[str]
    case: list[str]
    values: np.ndarray
    pairs: np.ndarray
    repeats: Repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What each written value means as a number: itself, or the place of a level; -1 for other."""

    number_of_value: Mapping[str, float]
    names: tuple[str, ...]
    kind: ScaleKind


def ratings_of_table(table: RatingTable, rules: RatingRules, *, name: str) -> Ratings:
    """Return the ratings of a table on every scale that its values allow.

    Raises:
        LabelFileError: A value cannot be read, a level is not known, or there are no two readers.
    """
    meaning = _meaning(table.readings, rules, name=name)
    people = tuple(reader for reader in table.readers if reader not in rules.models)
    for model in rules.models:
        if model not in table.readers:
            raise LabelFileError(
                f"{name}: has no reader {model!r} to take for a model; its readers are "
                f"{', '.join(table.readers)[:300]}"
            )
    readers = (*people, *dict.fromkeys(rules.models))
    if not people:
        raise LabelFileError(f"{name}: every reader is a model; leave out --model for the people")
    grid = _grid(table.readings, readers, meaning.number_of_value, reading=rules.reading)
    notes = (
        f"The table has no column of the case, so each {table.case_word} is taken for a case of "
        "its own; intervals are too narrow if several are of one case.",
    )
    return Ratings(
        item=np.array(grid.item, dtype=str),
        case=np.array(grid.case, dtype=str),
        readers=readers,
        is_model=tuple(reader in rules.models for reader in readers),
        scales=tuple(scales_of(grid.values, grid.pairs, meaning, rules.cuts)),
        repeats=grid.repeats,
        n_missing=tuple(int(n) for n in np.isnan(grid.values).sum(axis=0)),
        notes=() if table.case_word == "case" else notes,
        item_word=table.item_word,
    )


def _meaning(readings: Sequence[Reading], rules: RatingRules, *, name: str) -> Meaning:
    missing = {*MISSING_WORDS, *(word.strip().casefold() for word in rules.missing)}
    line_of_value = {reading.value: reading.line for reading in reversed(readings)}
    known = sorted(value for value in line_of_value if value.casefold() not in missing)
    nothing = dict.fromkeys(line_of_value, np.nan)
    if rules.levels:
        place = {level.strip().casefold(): float(i) for i, level in enumerate(rules.levels)}
        for value in known:
            if value.casefold() not in place:
                raise LabelFileError(
                    f"{name}: line {line_of_value[value]}: {value[:40]!r} is none of the levels "
                    f"{', '.join(rules.levels)}; add it to --levels or to --missing"
                )
        found = {value: place[value.casefold()] for value in known}
        return Meaning(number_of_value=nothing | found, names=rules.levels, kind="ordered")
    numbers = {value: number for value in known if (number := _number(value)) is not None}
    texts = [value for value in known if value not in numbers]
    if not texts:
        return Meaning(number_of_value=nothing | numbers, names=(), kind="numbers")
    if all(value.casefold() in _EXPRESSIONS or _is_other(value) for value in known):
        levels = {v: -1.0 if _is_other(v) else float(_EXPRESSIONS[v.casefold()]) for v in known}
        return Meaning(number_of_value=nothing | levels, names=EXPRESSION_NAMES, kind="ordered")
    if numbers:
        raise LabelFileError(
            f"{name}: line {line_of_value[texts[0]]}: {texts[0][:40]!r} is no number as others "
            "are; correct it, add it to --missing, or name every value in its order with --levels"
        )
    if len(texts) > MOST_NAMES:
        raise LabelFileError(
            f"{name}: the ratings are {len(texts)} different words, more than {MOST_NAMES}, first "
            f"{texts[0][:40]!r}; if a column holds no ratings, name those that do with --column"
        )
    places = {value: float(i) for i, value in enumerate(texts)}
    return Meaning(number_of_value=nothing | places, names=tuple(texts), kind="named")


def _number(value: str) -> float | None:
    try:
        return number_of(value.removesuffix("%"))
    except ValueError:
        return None


def _is_other(value: str) -> bool:
    return value.casefold() in _OTHER


def _grid(
    readings: Sequence[Reading],
    readers: tuple[str, ...],
    number_of_value: Mapping[str, float],
    *,
    reading: str,
) -> _Grid:
    """Sort readings by round and day; the rest of the order is that of the table."""
    rounds = sorted({r.round for r in readings}, key=lambda text: (_number(text) or 0.0, text))
    place_of_round = {name: i for i, name in enumerate(rounds)}
    held: dict[tuple[str, str], list[Reading]] = {}
    for one in readings:
        if not np.isnan(number_of_value[one.value]):
            held.setdefault((one.item, one.reader), []).append(one)
    case_of_item = {one.item: one.case for one in readings}
    items = list(case_of_item)
    values = np.full((len(items), len(readers)), np.nan)
    repeats: list[tuple[int, str, float, float, float]] = []
    for i, item in enumerate(items):
        for j, reader in enumerate(readers):
            mine = held.get((item, reader), [])
            mine = sorted(mine, key=lambda one: (place_of_round[one.round], one.day or 0.0))
            if mine:
                values[i, j] = number_of_value[mine[0 if reading == "first" else -1].value]
            for a, b in pairwise(mine):
                days = np.nan if a.day is None or b.day is None else b.day - a.day
                said = (number_of_value[a.value], number_of_value[b.value])
                repeats.append((j, case_of_item[item], days, *said))
    return _Grid(
        item=items,
        case=[case_of_item[item] for item in items],
        values=values,
        pairs=np.array([row[3:] for row in repeats], dtype=np.float64).reshape(-1, 2),
        repeats=repeats_of([row[:3] for row in repeats]),
    )


def repeats_of(rows: Sequence[tuple[int, str, float]]) -> Repeats:
    """Return rows of reader, case and days between as columns."""
    return Repeats(
        reader=np.array([row[0] for row in rows], dtype=np.int64),
        case=np.array([row[1] for row in rows], dtype=str),
        days=np.array([row[2] for row in rows], dtype=np.float64),
    )


def scales_of(
    values: np.ndarray, pairs: np.ndarray, meaning: Meaning, cuts: Sequence[float]
) -> list[Scale]:
    """Return the scales on which values can be compared: numbers, bands, calls, levels.

    Raises:
        LabelFileError: Cut-offs were given for values that are no numbers.
    """
    if meaning.kind == "numbers":
        return [
            Scale(key="value", what="numbers", kind="numbers", ratings=values, repeats=pairs),
            *_level_scales(values, pairs, cuts),
            *(_cut_scale(values, pairs, cut) for cut in sorted(cuts)),
        ]
    if cuts:
        raise LabelFileError(
            "--cut: the ratings are no numbers, so that they have no cut-off; leave it out"
        )
    known, both = np.where(values < 0, np.nan, values), np.where(pairs < 0, np.nan, pairs)
    key = "call" if len(meaning.names) == 2 else "level"
    scales = [
        Scale(
            key=key,
            what=f"{meaning.kind} levels: {', '.join(meaning.names)}",
            kind=meaning.kind,
            ratings=known,
            repeats=both,
            names=meaning.names,
        )
    ]
    if meaning.names == EXPRESSION_NAMES:
        scales.append(_positive_scale(known, both))
    if (values < 0).any():
        scales.append(_scored_scale(values, pairs))
    return scales


def _positive_scale(levels: np.ndarray, pairs: np.ndarray) -> Scale:
    return Scale(
        key="positive",
        what="positive (weak, moderate or strong) against negative",
        kind="ordered",
        ratings=np.where(np.isnan(levels), np.nan, levels > 0),
        repeats=np.where(np.isnan(pairs), np.nan, pairs > 0),
        names=("negative", "positive"),
    )


def _scored_scale(values: np.ndarray, pairs: np.ndarray) -> Scale:
    return Scale(
        key="scored",
        what="a level was given, against 'other' (no tumour cell, or cannot judge)",
        kind="named",
        ratings=np.where(np.isnan(values), np.nan, values >= 0),
        repeats=np.where(np.isnan(pairs), np.nan, pairs >= 0),
        names=("other", "level given"),
    )


def _level_scales(values: np.ndarray, pairs: np.ndarray, cuts: Sequence[float]) -> list[Scale]:
    if len(cuts) > 1:
        names, levels, both = band_names(cuts), band_of(values, cuts), band_of(pairs, cuts)
        key, what = "band", ", ".join(names)
    else:
        known = np.unique(values[~np.isnan(values)])
        is_level = len(known) and not cuts and bool((known == known.round()).all())
        if not is_level or known[0] < 0 or known[-1] > MOST_LEVELS or len(known) < 2:
            return []
        names = tuple(f"{level:g}" for level in known)
        levels, both = (
            np.where(np.isnan(part), np.nan, np.searchsorted(known, part))
            for part in (values, pairs)
        )
        key, what = "level", f"ordered levels: {', '.join(names)}"
    return [Scale(key=key, what=what, kind="ordered", ratings=levels, repeats=both, names=names)]


def _cut_scale(values: np.ndarray, pairs: np.ndarray, cut: float) -> Scale:
    return Scale(
        key=f"cut_{cut:g}",
        what=f"positive at a cut-off of {cut:g} (at or above) against negative",
        kind="ordered",
        ratings=band_of(values, [cut]),
        repeats=band_of(pairs, [cut]),
        names=("negative", "positive"),
        cut=cut,
    )
