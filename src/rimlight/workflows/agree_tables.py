"""The tables beside a result of ``rimlight agree``; the numbers are those of agreement.json."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.core.ratings import Ratings
from rimlight.io.formats.tables import write_rows

# fmt: off
ENDS = ("value", "low", "high", "n_items", "n_cases", "n_undefined", "is_reliable", "interval")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "definitions": ("scale", "figure", "title", "definition"),
    "pairs": ("scale", "figure", "row", "column", *ENDS),
    "means": ("scale", "figure", "of", "model", "n_pairs", "n_undefined_pairs", *ENDS),
    "groups": ("scale", "figure", "group", "n_readers", "n_complete", "n_left_out", *ENDS),
    "consensus": ("scale", "figure", "without", "of", "model", *ENDS),
    "repeats": ("scale", "figure", "reader", "days_median", "days_least", "days_most", *ENDS),
    "limits_by_band": ("scale", "figure", "row", "column", "band", *ENDS),
    "counts": ("scale", "row", "column", "row_level", "column_level", "n_items"),
    "differences": ("scale", "row", "column", "item", "case", "mean", "difference"),
    "ratings": ("item", "case", "reader", "scale", "value"),
}
# fmt: on
Row = Sequence[Any]


def write_agreement_tables(folder: Path, section: Mapping[str, Any], ratings: Ratings) -> None:
    """Write one CSV for each of ``COLUMNS`` into a folder.

    Raises:
        StorageError: The disk refuses.
    """
    for name in ROWS:
        write_rows(folder / f"{name}.csv", COLUMNS[name], table_rows(name, section))
    differences = _differences(ratings, section["scales"])
    write_rows(folder / "differences.csv", COLUMNS["differences"], differences)
    write_rows(folder / "ratings.csv", COLUMNS["ratings"], _ratings(ratings))


def table_rows(name: str, section: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of one of the tables of ``ROWS``, under its ``COLUMNS``."""
    for block in section["scales"]:
        yield from ROWS[name](block)


def _ends(found: Mapping[str, Any] | None) -> list[Any]:
    return [None] * len(ENDS) if found is None else [found[key] for key in ENDS]


def _definitions(block: Mapping[str, Any]) -> Iterator[Row]:
    for name, about in block["figures"].items():
        yield [block["key"], name, about["title"], about["definition"]]


def _pairs(block: Mapping[str, Any]) -> Iterator[Row]:
    for pair in block["pairs"]:
        for name, found in pair["figures"].items():
            yield [block["key"], name, pair["row"], pair["column"], *_ends(found)]


def _means(block: Mapping[str, Any]) -> Iterator[Row]:
    for row in block["means"]:
        head = [block["key"], row["figure"]]
        sizes = [row["n_pairs"], row["n_undefined_pairs"]]
        yield [*head, "reader_reader", None, *sizes, *_ends(row["reader_reader"])]
        for model in row["models"]:
            sizes = [model["n_readers"], model["n_undefined_readers"]]
            for of in ("reader_reader", "reader_model", "difference"):
                yield [*head, of, model["model"], *sizes, *_ends(model[of])]


def _groups(block: Mapping[str, Any]) -> Iterator[Row]:
    for group in block["groups"]:
        about = [group[key] for key in ("group", "n_readers", "n_complete", "n_left_out")]
        for name, found in group["figures"].items():
            yield [block["key"], name, *about, *_ends(found)]


def _consensus(block: Mapping[str, Any]) -> Iterator[Row]:
    for part in (block["consensus"] or {"blocks": []})["blocks"]:
        for row in [*part["rows"], {"without": "mean of readers", **part["mean"]}]:
            for of in ("reader", "model", "difference"):
                for name, found in row.get(of, {}).items():
                    yield [block["key"], name, row["without"], of, part["model"], *_ends(found)]


def _repeats(block: Mapping[str, Any]) -> Iterator[Row]:
    for row in block["repeats"]:
        days = [row["days"][key] for key in ("median", "least", "most")]
        for name, found in row["figures"].items():
            yield [block["key"], name, row["reader"], *days, *_ends(found)]


def _limits(block: Mapping[str, Any]) -> Iterator[Row]:
    for row in block["limits_by_band"]:
        about = [row[key] for key in ("row", "column", "band")]
        for name, found in row["figures"].items():
            yield [block["key"], name, *about, *_ends(found)]


def _counts(block: Mapping[str, Any]) -> Iterator[Row]:
    for pair in block["pairs"]:
        for level, counts in zip(block["levels"], pair["counts"] or [], strict=False):
            for other, n_items in zip(block["levels"], counts, strict=True):
                yield [block["key"], pair["row"], pair["column"], level, other, n_items]


def _differences(ratings: Ratings, blocks: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for scale, block in zip(ratings.scales, blocks, strict=True):
        if scale.kind != "numbers":
            continue
        for pair in block["pairs"]:
            row, column = pair["row"], pair["column"]
            a, b = (scale.ratings[:, ratings.readers.index(name)] for name in (row, column))
            for i in np.flatnonzero(~np.isnan(a) & ~np.isnan(b)):
                place = [scale.key, row, column, ratings.item[i], ratings.case[i]]
                yield [*place, (a[i] + b[i]) / 2, a[i] - b[i]]


def _ratings(ratings: Ratings) -> Iterator[Row]:
    """As they were compared, missing ones left out."""
    for scale in ratings.scales:
        for i, j in np.argwhere(~np.isnan(scale.ratings)):
            value: Any = scale.ratings[i, j]
            if scale.names:
                value = scale.names[int(value)]
            yield [ratings.item[i], ratings.case[i], ratings.readers[j], scale.key, value]


ROWS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Row]]] = {
    "definitions": _definitions, "pairs": _pairs, "means": _means, "groups": _groups,
    "consensus": _consensus, "repeats": _repeats, "limits_by_band": _limits, "counts": _counts,
}  # fmt: skip
"""Tables whose rows are figures; none of them says what anybody said of a single item."""
