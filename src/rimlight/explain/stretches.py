"""A path from reference (0) to image (1) cut into stretches, one gradient in the middle of each.

    attribution = sum over stretches of width x gradient x way       (composite midpoint rule)

The response is known wherever the gradient is, so the error of the rule is known too, for every
span between two middles, at no cost:

    error = F(m_k+1) - F(m_k) - (width_k slope_k + width_k+1 slope_k+1) / 2

with slope = gradient . way.  The errors of a path sum to minus its gap.  Where they are largest the
path is cut finer: a stretch is cut into three, and the middle third keeps the gradient it had.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

Spacing = Literal["ends", "even"]

_WORST_SHARE, _FEWEST_SHARE = 0.5, 1 / 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretches:
    """Stretches of many paths, ordered by path and then by place.

    path: number of the path.
    begin, width: on the path, 0..1; the widths of a path sum to 1.
    response: in the middle of the stretch.
    slope: derivative of the response along the path, in the middle.
    slot: where the gradient is kept; -1 where it is not.
    """

    path: Int64[np.ndarray, " m"]
    begin: Float64[np.ndarray, " m"]
    width: Float64[np.ndarray, " m"]
    response: Float64[np.ndarray, " m"]
    slope: Float64[np.ndarray, " m"]
    slot: Int64[np.ndarray, " m"]

    @property
    def middle(self) -> Float64[np.ndarray, " m"]:
        """Where the gradient is taken, 0..1."""
        return self.begin + self.width / 2

    def only(self, chosen: Bool[np.ndarray, " m"]) -> "Stretches":
        """Return the chosen stretches."""
        return Stretches(**{name: getattr(self, name)[chosen] for name in self.__slots__})

    def joined(self, other: "Stretches") -> "Stretches":
        """Return both in order."""
        both = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in self.__slots__
        }
        order = np.lexsort((both["begin"], both["path"]))
        return Stretches(**{name: values[order] for name, values in both.items()})


def borders(n_stretches: int, *, spacing: Spacing = "ends") -> Float64[np.ndarray, " n+1"]:
    """Return the borders of stretches on one path, from 0 to 1.

    Args:
        spacing: ``ends``: narrow at both ends, sin^2(pi u / 2), since a response often jumps near
            the reference; ``even``: all of one width, the midpoint rule of the textbooks.

    Raises:
        ValueError: ``n_stretches`` is below 1.

    >>> borders(2).tolist(), borders(4, spacing="even").tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.25, 0.5, 0.75, 1.0])
    """
    if n_stretches < 1:
        raise ValueError(f"n_stretches: must be at least 1, got {n_stretches}")
    even = np.arange(n_stretches + 1) / n_stretches
    if spacing == "even":
        return even
    crowded: np.ndarray = np.sin(np.pi * even / 2) ** 2
    crowded[n_stretches // 2 + n_stretches % 2 :] = 1 - crowded[: n_stretches // 2 + 1][::-1]
    return crowded


def unmeasured(
    path: Int64[np.ndarray, " m"],
    begin: Float64[np.ndarray, " m"],
    width: Float64[np.ndarray, " m"],
) -> Stretches:
    """Return stretches whose response and slope are not known yet (NaN)."""
    unknown = np.full(len(path), np.nan)
    slot = np.full(len(path), -1)
    return Stretches(
        path=path, begin=begin, width=width, response=unknown, slope=unknown, slot=slot
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathErrors:
    """What the rule misses, in units of the response.

    of_stretch: absolute errors of the two spans that end in it, each by its share of the width.
    gap_of_path: sum of the attribution minus the rise.
    spread_of_path: sum of the absolute errors; far above the gap where errors cancel.
    climb_of_path: how far the response goes up and down on the way, sum of its absolute steps.
    """

    of_stretch: Float64[np.ndarray, " m"]
    gap_of_path: Float64[np.ndarray, " p"]
    spread_of_path: Float64[np.ndarray, " p"]
    climb_of_path: Float64[np.ndarray, " p"]


def path_errors(
    stretches: Stretches,
    *,
    start: Float64[np.ndarray, " p"],
    end: Float64[np.ndarray, " p"],
) -> PathErrors:
    """Return the known errors of the rule on every path.

    Args:
        start: Response to the reference of each path.
        end: Response to the image of each path.

    Source:
        Own definition, see docs/decisions/0008-paths-are-cut-where-the-rule-errs.md.
    """
    path, width, response = stretches.path, stretches.width, stretches.response
    part = width * stretches.slope / 2
    is_first = np.r_[True, path[1:] != path[:-1]]
    is_last = np.r_[path[1:] != path[:-1], True]
    earlier = np.where(is_first, start[path], np.roll(response, 1))
    before = response - earlier - part - np.where(is_first, 0, np.roll(part, 1))
    after = np.where(is_last, end[path] - response - part, np.roll(before, -1))
    wide_before = np.where(is_first, 1, width / (width + np.roll(width, 1)))
    wide_after = np.where(is_last, 1, width / (width + np.roll(width, -1)))
    n_paths = len(start)
    steps = np.abs(response - earlier) + np.where(is_last, np.abs(end[path] - response), 0)
    spans = np.abs(before) + np.where(is_last, np.abs(after), 0)
    total = before + np.where(is_last, after, 0)
    return PathErrors(
        of_stretch=np.abs(before) * wide_before + np.abs(after) * wide_after,
        gap_of_path=-np.bincount(path, weights=total, minlength=n_paths),
        spread_of_path=np.bincount(path, weights=spans, minlength=n_paths),
        climb_of_path=np.bincount(path, weights=steps, minlength=n_paths),
    )


def worst(
    error: Float64[np.ndarray, " m"],
    group: Int64[np.ndarray, " m"],
    *,
    n_free: Int64[np.ndarray, " g"],
) -> Bool[np.ndarray, " m"]:
    """Return which stretches to cut: in each group those with at least half of its largest error.

    An eighth of a group is cut at the least, so that rounds stay few.

    Args:
        group: The image that a stretch belongs to; groups share a budget.
        n_free: How many stretches of each group may be cut.
    """
    n_groups = len(n_free)
    order = np.lexsort((-error, group))
    ordered = group[order]
    n_of_group = np.bincount(group, minlength=n_groups)
    rank = np.empty(len(error), dtype=np.int64)
    rank[order] = np.arange(len(error)) - (np.cumsum(n_of_group) - n_of_group)[ordered]
    largest = np.zeros(n_groups)
    np.maximum.at(largest, group, error)
    fewest = np.ceil(n_of_group * _FEWEST_SHARE)
    is_bad = (error >= _WORST_SHARE * largest[group]) | (rank < fewest[group])
    chosen: np.ndarray = is_bad & (rank < n_free[group])
    return chosen


def cut(stretches: Stretches) -> tuple[Stretches, Stretches]:
    """Return the middle thirds, which keep what was measured, and the outer thirds, to measure."""
    third = stretches.width / 3
    middle = Stretches(
        path=stretches.path,
        begin=stretches.begin + third,
        width=third,
        response=stretches.response,
        slope=stretches.slope,
        slot=stretches.slot,
    )
    outer = unmeasured(
        np.repeat(stretches.path, 2),
        np.stack([stretches.begin, stretches.begin + 2 * third], 1).ravel(),
        np.repeat(third, 2),
    )
    return middle, outer
