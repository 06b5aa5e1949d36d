"""The best few of a stream of cells, and a fair draw from it, in memory that does not grow.

What is kept does not depend on the order in which cells come, nor on how they are cut into parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64, Shaped

Columns = Mapping[str, Shaped[np.ndarray, "n ..."]]


@dataclass(slots=True, kw_only=True)
class Best:
    """The cells with the highest scores, of each slide no more than a fixed number.

    n_most, n_a_slide: cells kept at the most, in all and of one slide.
    columns: what is known of the kept cells, one row each; empty before the first.
    """

    n_most: int
    n_a_slide: int
    score: Float64[np.ndarray, " n"] = field(default_factory=lambda: np.empty(0))
    slide: Int64[np.ndarray, " n"] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    columns: dict[str, Shaped[np.ndarray, "n ..."]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.score)

    def add(self, score: Float[np.ndarray, " n"], columns: Columns, *, slide: int) -> None:
        """Take in cells of one slide; those with a score of -inf or nan are left out.

        Args:
            score: The higher, the sooner kept; of equal ones the first is.
            columns: The same names with every call; rows are copied only where they are kept.
            slide: A number of the slide.
        """
        rows = self._worth_a_look(score)
        if not len(rows):
            return
        new = {name: values[rows] for name, values in columns.items()}
        if self.columns:
            new = {name: np.concatenate([self.columns[name], new[name]]) for name in new}
        scores = np.concatenate([self.score, score[rows].astype(np.float64)])
        slides = np.concatenate([self.slide, np.full(len(rows), slide)])
        kept = self._kept(scores, slides)
        self.score, self.slide = scores[kept], slides[kept]
        self.columns = {name: values[kept] for name, values in new.items()}

    def _worth_a_look(self, score: Float[np.ndarray, " n"]) -> Int64[np.ndarray, " k"]:
        """Rows of a part that may be kept, the best first."""
        allowed = np.flatnonzero(score > -np.inf)
        if len(self) >= self.n_most:
            allowed = allowed[score[allowed] > self.score.min()]
        order = np.argsort(-score[allowed], kind="stable")
        rows: np.ndarray = allowed[order][: min(self.n_a_slide, self.n_most)]
        return rows

    def _kept(
        self, score: Float64[np.ndarray, " n"], slide: Int64[np.ndarray, " n"]
    ) -> Int64[np.ndarray, " k"]:
        order = np.argsort(-score, kind="stable")
        place = rank_within(slide[order])
        kept: np.ndarray = order[place < self.n_a_slide][: self.n_most]
        return kept


def rank_within(group: Int[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return how many entries of the same group stand before each.

    >>> rank_within(np.array([7, 7, 2, 7, 2])).tolist()
    [0, 1, 0, 2, 1]
    """
    order = np.argsort(group, kind="stable")
    is_first = np.diff(group[order], prepend=group[order][:1] - 1) != 0
    starts = np.flatnonzero(is_first)
    length = np.diff(np.append(starts, len(group)))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, length)
    return rank


def fair_number(
    x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"], *, slide: str, seed: int
) -> Float64[np.ndarray, " n"]:
    """Return a number 0..1 for each cell, as good as random, that its place and the seed decide.

    The cells with the k largest numbers are a uniform draw of k cells without putting back, and
    the same draw in whatever order the cells come.

    Source:
        Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators (SplitMix64).
    """
    start = np.frombuffer(_digest(f"{seed}/{slide}"), dtype="<u8")[0]
    with np.errstate(over="ignore"):
        mixed = _mixed(_mixed(start + x.astype(np.uint64)) + y.astype(np.uint64))
    number: np.ndarray = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return number


def _digest(text: str) -> bytes:
    from hashlib import blake2b

    return blake2b(text.encode(), digest_size=8).digest()


def _mixed(value: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


def far_from(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    known: Float[np.ndarray, "k 2"],
    *,
    radius: float,
) -> Bool[np.ndarray, " n"]:
    """Return which points have none of the known ones within a radius."""
    from scipy.spatial import cKDTree

    if not len(known):
        return np.ones(len(x), dtype=bool)
    distance, _ = cKDTree(known).query(
        np.column_stack([x, y]), distance_upper_bound=np.nextafter(radius, np.inf)
    )
    away: np.ndarray = ~(distance <= radius)
    return away
