"""A path from reference (0) to image (1) cut into stretches, one gradient in the middle of each.

    attribution = way x sum over stretches of weight x gradient        weights of a path sum to 1

The response is known wherever the gradient is, so the rise of every span between two middles is
known, and with slope = gradient . way also how far the midpoint rule misses it:

    error = F(m_k+1) - F(m_k) - (width_k slope_k + width_k+1 slope_k+1) / 2

Where the errors are largest the path is cut finer: a stretch is cut into three, and the middle
third keeps its gradient.  Weights are widths.  Where those leave a gap, they move, no further than
needed, towards secant weights, which share each span between its two gradients so that it rises as
it is known to rise, as far as shares of 0..1 can: exact where the response bends once.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

Spacing = Literal["ends", "even"]

_WORST_SHARE, _FEWEST_SHARE = 0.5, 1 / 8
_FLAT = 1e-9  # relative difference of slopes below which a span does not bend


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

    def only(self, chosen: Bool[np.ndarray, " m"] | slice) -> "Stretches":
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


def borders(n_stretches: int, *, spacing: Spacing = "ends") -> Float64[np.ndarray, " m"]:
    """Return the borders of stretches on one path, from 0 to 1.

    Args:
        spacing: ``ends``: narrow at both ends, sin^2(pi u / 2), since a response often jumps near
            the reference; ``even``: all of one width, as in the textbooks.

    Raises:
        ValueError: ``n_stretches`` is below 1.

    >>> borders(2).round(9).tolist(), borders(4, spacing="even").tolist()
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
    """What the two rules miss, in units of the response.

    of_stretch: absolute errors of the midpoint rule on the two spans that end in a stretch, each by
        its share of the width.
    gap_of_path: sum of the attribution minus the rise, with widths as weights.
    secant_gap_of_path: the same with secant weights.
    spread_of_path: sum of the absolute errors of the midpoint rule, none cancelled by another.
    climb_of_path: how far the response goes up and down on the way, sum of its absolute steps.
    """

    of_stretch: Float64[np.ndarray, " m"]
    gap_of_path: Float64[np.ndarray, " p"]
    secant_gap_of_path: Float64[np.ndarray, " p"]
    spread_of_path: Float64[np.ndarray, " p"]
    climb_of_path: Float64[np.ndarray, " p"]


def path_errors(
    stretches: Stretches,
    *,
    start: Float64[np.ndarray, " p"],
    end: Float64[np.ndarray, " p"],
) -> PathErrors:
    """Return the known errors on every path.

    Args:
        start: Response to the reference of each path.
        end: Response to the image of each path.

    Source:
        Own definition, see docs/decisions/0008-paths-are-cut-where-the-rule-errs.md.
    """
    path, n_paths = stretches.path, len(start)
    ends = _ends(path)
    rise = _rises(stretches, start=start, end=end)
    part = stretches.width * stretches.slope / 2
    before = rise.before - part - np.where(ends.is_first, 0, np.roll(part, 1))
    after = np.where(ends.is_last, rise.after - part, np.roll(before, -1))
    error = np.abs(before), np.abs(after)
    share_before, share_after = _shares(stretches)
    secant = secant_weights(stretches, start=start, end=end)

    def total(of_stretch: np.ndarray) -> np.ndarray:
        return np.bincount(path, weights=of_stretch, minlength=n_paths)

    return PathErrors(
        of_stretch=error[0] * share_before + error[1] * share_after,
        gap_of_path=total(stretches.width * stretches.slope) - (end - start),
        secant_gap_of_path=total(secant * stretches.slope) - (end - start),
        spread_of_path=total(error[0] + np.where(ends.is_last, error[1], 0)),
        climb_of_path=total(np.abs(rise.before) + np.where(ends.is_last, np.abs(rise.after), 0)),
    )


def secant_weights(
    stretches: Stretches,
    *,
    start: Float64[np.ndarray, " p"],
    end: Float64[np.ndarray, " p"],
) -> Float64[np.ndarray, " m"]:
    """Return weights that make each span rise as known, 0..1; those of a path sum to 1.

    share x slope + (1 - share) x next slope = rise / length, with the share kept within 0..1.

    Source:
        Own definition, see docs/decisions/0008-paths-are-cut-where-the-rule-errs.md.
    """
    ends, half = _ends(stretches.path), stretches.width / 2
    length = half + np.roll(half, -1)  # of the span after the middle
    steepness = _rises(stretches, start=start, end=end).after / length
    following = np.roll(stretches.slope, -1)
    bend = stretches.slope - following
    is_bent = np.abs(bend) > _FLAT * (np.abs(stretches.slope) + np.abs(following))
    share = np.where(is_bent, (steepness - following) / np.where(is_bent, bend, 1), half / length)
    own = np.where(ends.is_last, half, share.clip(0, 1) * length)
    others = np.where(ends.is_last, 0, length - own)
    weight: np.ndarray = own + np.where(ends.is_first, half, np.roll(others, 1))
    return weight


class _Ends(NamedTuple):
    is_first: np.ndarray
    is_last: np.ndarray


def _ends(path: np.ndarray) -> _Ends:
    changes = path[1:] != path[:-1]
    return _Ends(np.r_[True, changes], np.r_[changes, True])


class _Rises(NamedTuple):
    """Of the response from the middle before to this one, and from this one to the next."""

    before: np.ndarray
    after: np.ndarray


def _rises(stretches: Stretches, *, start: np.ndarray, end: np.ndarray) -> _Rises:
    path, response = stretches.path, stretches.response
    ends = _ends(path)
    before = response - np.where(ends.is_first, start[path], np.roll(response, 1))
    return _Rises(before, np.where(ends.is_last, end[path] - response, np.roll(before, -1)))


def _shares(stretches: Stretches) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of a stretch in the spans before and after its middle."""
    width, ends = stretches.width, _ends(stretches.path)
    before = np.where(ends.is_first, 1, width / (width + np.roll(width, 1)))
    return before, np.where(ends.is_last, 1, width / (width + np.roll(width, -1)))


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
