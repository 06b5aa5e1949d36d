"""An ordinal logistic head: several numbers of a cell to one of several levels in order.

One direction of the numbers orders the cells, and cut-offs along it part the levels (proportional
odds). Numbers are standardised; a ridge penalty holds the weights small, never the cut-offs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int, Int64

PENALTY = 10.0
"""Of half the squared weights beside the summed cross-entropy; own choice, docs/method.md."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinalHead:
    """What tells levels 1..k+1: weights of the numbers as they come, and k rising cut-offs."""

    weights: Float64[np.ndarray, " f"]
    cuts: Float64[np.ndarray, " k"]

    def levels(self, columns: Float[np.ndarray, "n f"]) -> Int64[np.ndarray, " n"]:
        """Return the likeliest level of each row, the lowest 1; of equally likely ones the lower.

        >>> head = OrdinalHead(weights=np.array([1.0]), cuts=np.array([-3.0, 3.0]))
        >>> head.levels(np.array([[-9.0], [0.0], [9.0]])).tolist()
        [1, 2, 3]
        """
        along = columns.astype(np.float64) @ self.weights
        found: np.ndarray = _shares(along, self.cuts).argmax(axis=1) + 1
        return found


def ordinal_head(columns: Float[np.ndarray, "n f"], level: Int[np.ndarray, " n"]) -> OrdinalHead:
    """Return the head fitted on cells of known level.

    Args:
        columns: What is known of each cell.
        level: 1 for the lowest to the highest, each with a cell.

    Raises:
        ValueError: A level between 1 and the highest has no cell, or there is one level only.

    Source:
        McCullagh (1980), Regression models for ordinal data, the proportional-odds model, with
        a ridge penalty.
    """
    from scipy.optimize import minimize

    n_of_level = np.bincount(level)[1:]
    if len(n_of_level) < 2 or not n_of_level.all() or level.min() < 1:
        raise ValueError(f"levels must be 1, 2 and so on, each with a cell, got {n_of_level}")
    x = columns.astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    standard, n_cuts = (x - mean) / scale, len(n_of_level) - 1
    below = np.cumsum(n_of_level)[:-1] / len(level)
    first = np.log(below / (1 - below))
    start = np.concatenate([np.zeros(x.shape[1]), first[:1], np.log(np.diff(first))])
    found = minimize(_loss, start, args=(standard, level, n_cuts), jac=True, method="L-BFGS-B").x
    weights = found[: x.shape[1]] / scale
    return OrdinalHead(weights=weights, cuts=_rising(found[x.shape[1] :]) + mean @ weights)


def _rising(free: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """The cut-offs of free numbers: the first, then the logarithms of the steps."""
    return np.cumsum(np.concatenate([free[:1], np.exp(free[1:])]))


def _shares(
    along: Float64[np.ndarray, " n"], cuts: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, "n l"]:
    """The probability of each level."""
    above = _above(along, cuts)
    found: np.ndarray = above[:, :-1] - above[:, 1:]
    return found


def _above(
    along: Float64[np.ndarray, " n"], cuts: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, "n b"]:
    """The probability of being above each border; above the lowest is sure, the highest never."""
    from scipy.special import expit

    n = len(along)
    return np.column_stack([np.ones(n), expit(along[:, None] - cuts), np.zeros(n)])


def _loss(
    free: Float64[np.ndarray, " p"],
    x: Float64[np.ndarray, "n f"],
    level: Int[np.ndarray, " n"],
    n_cuts: int,
) -> tuple[float, Float64[np.ndarray, " p"]]:
    """The penalised cross-entropy in nats, and its gradient."""
    weights, steps = free[:-n_cuts], free[-n_cuts:]
    above = _above(x @ weights, _rising(steps))
    rows = np.arange(len(x))
    share = np.clip(above[rows, level - 1] - above[rows, level], _TINY, None)
    slope = above * (1 - above)
    by_along = -(slope[rows, level - 1] - slope[rows, level]) / share
    by_border = np.zeros_like(above)
    by_border[rows, level - 1] = slope[rows, level - 1] / share
    by_border[rows, level] = -slope[rows, level] / share
    by_cut = by_border.sum(axis=0)[1:-1]
    by_step = np.cumsum(by_cut[::-1])[::-1] * np.concatenate([[1.0], np.exp(steps[1:])])
    value = -np.log(share).sum() + 0.5 * PENALTY * float(weights @ weights)
    return value, np.concatenate([x.T @ by_along + PENALTY * weights, by_step])
