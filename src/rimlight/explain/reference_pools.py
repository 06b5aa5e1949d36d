"""Which real cells a reference is made of: a pure choice over arrays, the same every time.

From the training part, called right, logit between the quartiles of its class, one a case (one a
slide where cases are too few), never from the explained cell's case.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

TRAIN = "train"
STRONG = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolTable:
    """Cells that references may be chosen from, one row each.

    level: 0 negative to 3 strong.  part: ``train`` or another part of the split.
    """

    cell: np.ndarray
    case: np.ndarray
    slide: np.ndarray
    scanner: np.ndarray
    part: np.ndarray
    level: Int[np.ndarray, "n"]
    is_called_positive: Bool[np.ndarray, "n"]
    logit: Float[np.ndarray, "n"]

    def __post_init__(self) -> None:
        sizes = {name: len(getattr(self, name)) for name in self.__slots__}
        if len(set(sizes.values())) != 1:
            raise ValueError(f"pool table: columns must be of one length, got {sizes}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Rows of a pool table that serve as references; empty where no cell fits.

    notice: what fell short of the rule, in words; empty where nothing did.
    """

    rows: Int[np.ndarray, "r"]
    notice: str


def opposite_pool(
    table: PoolTable,
    *,
    is_called_positive: bool,
    case: str,
    scanner: str,
    n_references: int = 8,
    seed: int = 0,
) -> Pool:
    """Return cells of the class opposite to the call, for one explained cell.

    Args:
        is_called_positive: The call of the explained cell; a positive call gets negative cells.
        case: Of the explained cell; none of its cells serves.
        scanner: Of the explained cell; preferred where enough references have it.
    """
    return _chosen(
        table,
        wants_positive=not is_called_positive,
        excluded_cases={case},
        scanner=scanner,
        n_references=n_references,
        seed=seed,
    )


def fixed_negatives_pool(
    table: PoolTable, *, excluded_cases: Collection[str], n_references: int = 8, seed: int = 0
) -> Pool:
    """Return the negative cells that are the same for every explained cell, whatever its call.

    Args:
        excluded_cases: Every case that has an explained cell.
    """
    return _chosen(
        table,
        wants_positive=False,
        excluded_cases=excluded_cases,
        scanner=None,
        n_references=n_references,
        seed=seed,
    )


def check_pool(
    table: PoolTable, rows: Int[np.ndarray, "r"], *, excluded_cases: Collection[str]
) -> None:
    """Refuse references that leak.

    Raises:
        ValueError: A row is outside the training part, or from the explained cell's case.
    """
    for row in rows:
        cell = f"reference cell {table.cell[row]}"
        if table.part[row] != TRAIN:
            raise ValueError(
                f"{cell}: is in part {str(table.part[row])!r}; references are training cells only"
            )
        if table.case[row] in excluded_cases:
            raise ValueError(
                f"{cell}: is from case {table.case[row]}, which is explained; take another case"
            )


def _chosen(
    table: PoolTable,
    *,
    wants_positive: bool,
    excluded_cases: Collection[str],
    scanner: str | None,
    n_references: int,
    seed: int,
) -> Pool:
    fits = _fitting(table, wants_positive) & ~np.isin(table.case, sorted(excluded_cases))
    rank = _ranks(table, seed)
    is_strong, is_same = table.level == STRONG, table.scanner == scanner
    tiers: list[np.ndarray] = [fits & is_same, fits]
    if wants_positive:
        tiers = [fits & is_same & is_strong, fits & is_same, fits & is_strong, fits]
    for allowed in tiers:
        rows = _one_each(allowed, table.case, rank)[:n_references]
        if len(rows) == n_references:
            return Pool(rows=rows, notice=_scanner_notice(table, rows, scanner))
    n_cases = len(_one_each(fits, table.case, rank))
    rows = _one_each(fits, table.slide, rank)[:n_references]
    kind = "positive" if wants_positive else "negative"
    notice = (
        f"{n_cases} cases have a fitting {kind} reference, {n_references} are wanted: "
        f"{len(rows)} cells, one a slide"
    )
    return Pool(rows=rows, notice=notice)


def _fitting(table: PoolTable, wants_positive: bool) -> Bool[np.ndarray, "n"]:
    is_positive = table.level > 0
    right: np.ndarray = (table.part == TRAIN) & (is_positive == wants_positive)
    right &= table.is_called_positive == wants_positive
    right &= np.isfinite(table.logit)
    if not right.any():
        return right
    low, high = np.quantile(table.logit[right], [0.25, 0.75])
    right &= (table.logit >= low) & (table.logit <= high)
    return right


def _ranks(table: PoolTable, seed: int) -> Int[np.ndarray, "n"]:
    """Random order that depends on the names of the cells, not on the order of the rows."""
    rank = np.empty(len(table.cell), dtype=np.int64)
    by_name = np.argsort(table.cell.astype(str), kind="stable")
    rank[by_name] = np.random.default_rng(seed).permutation(len(rank))
    return rank


def _one_each(
    allowed: Bool[np.ndarray, "n"], group: np.ndarray, rank: Int[np.ndarray, "n"]
) -> Int[np.ndarray, "r"]:
    rows: np.ndarray = np.flatnonzero(allowed)
    rows = rows[np.argsort(rank[rows], kind="stable")]
    _, first = np.unique(group[rows].astype(str), return_index=True)
    chosen: np.ndarray = rows[np.sort(first)]
    return chosen


def _scanner_notice(table: PoolTable, rows: np.ndarray, scanner: str | None) -> str:
    if scanner is None or (table.scanner[rows] == scanner).all():
        return ""
    return f"too few references from scanner {scanner or 'unnamed'}: other scanners serve too"
