"""Ratings of the same items by several readers, and the scales on which they are compared.

An item is what is rated: a case, a slide or a cell. It lies in a case. A missing rating is nan
and stays missing: nothing is filled in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64, Int, Shaped

ScaleKind = Literal["numbers", "ordered", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Ratings on one scale: of items in rows by readers in columns, nan where there is none.

    kind: ``numbers``; ``ordered`` levels 0, 1, ... ; ``named`` levels without an order.
    names: of the levels; empty for numbers. Two levels are a call: level 1 is the positive one.
    cut: of a call from numbers, at or above which it is positive.
    repeats: first and second reading by one reader of one item, as ``Ratings.repeats`` lists them.
    what: in words, what is compared.
    """

    key: str
    what: str
    kind: ScaleKind
    ratings: Float64[np.ndarray, "n k"]
    repeats: Float64[np.ndarray, "m 2"]
    names: tuple[str, ...] = ()
    cut: float | None = None

    @property
    def is_call(self) -> bool:
        """Whether the scale has two levels."""
        return len(self.names) == 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Pairs of readings of one item by one reader, one after the other.

    reader: column of the reader. days: between the two; nan where it is not known.
    """

    reader: Int[np.ndarray, " m"]
    case: Shaped[np.ndarray, " m"]
    days: Float64[np.ndarray, " m"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Everything that is compared: items, readers, scales, repeated readings.

    readers: people first, then models. is_model: which of them are models.
    n_missing: of each reader, ratings that are missing or could not be used.
    notes: sentences that the reader of the result must know.
    is_synthetic: whether a program drew what was rated.
    """

    item: Shaped[np.ndarray, " n"]
    case: Shaped[np.ndarray, " n"]
    readers: tuple[str, ...]
    is_model: tuple[bool, ...]
    scales: tuple[Scale, ...]
    repeats: Repeats
    n_missing: tuple[int, ...]
    notes: tuple[str, ...] = ()
    is_synthetic: bool = False
    item_word: str = "item"


def band_of(values: Float[np.ndarray, "*n"], cuts: Sequence[float]) -> Float64[np.ndarray, "*n"]:
    """Return the band 0..len(cuts) of each number: how many cuts it reaches; nan stays nan.

    A number at a cut is in the upper band.

    >>> band_of(np.array([0.9, 1.0, 50.0, np.nan]), (1, 50)).tolist()
    [0.0, 1.0, 2.0, nan]
    """
    bands = (values[..., None] >= np.sort(np.asarray(cuts, dtype=np.float64))).sum(axis=-1)
    return np.where(np.isnan(values), np.nan, bands)


def band_names(cuts: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the bands between cuts.

    >>> band_names((50, 1))
    ('under 1', '1 to under 50', '50 and over')
    """
    ends = sorted(cuts)
    between = [f"{low:g} to under {high:g}" for low, high in pairwise(ends)]
    return (f"under {ends[0]:g}", *between, f"{ends[-1]:g} and over")
