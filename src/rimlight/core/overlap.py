"""How well a map or a mask finds a true mask: average precision and Dice."""

import numpy as np
from jaxtyping import Bool, Float


def average_precision(
    strength: Float[np.ndarray, "*pixels"], truth: Bool[np.ndarray, "*pixels"]
) -> float:
    """Return the average precision of pixels ranked by strength; needs no threshold.

    Sum over thresholds of (gain in recall) x precision; pixels of equal strength come together.
    NaN where the truth is empty.  Its value by chance is the share of true pixels.

    Raises:
        ValueError: Shapes differ.

    >>> average_precision(np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False]))
    0.8333333333333333
    """
    _check(strength, truth)
    order = np.argsort(-strength, axis=None, kind="stable")
    ranked, is_true = strength.ravel()[order], truth.ravel()[order]
    if not is_true.any():
        return float("nan")
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(is_true)[ends]
    gain = np.diff(hits, prepend=0) / hits[-1]
    return float((gain * hits / (ends + 1)).sum())


def dice(found: Bool[np.ndarray, "*pixels"], truth: Bool[np.ndarray, "*pixels"]) -> float:
    """Return 2 x common pixels / pixels of both, 0..1; NaN where both are empty.

    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    _check(found, truth)
    both = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / both if both else float("nan")


def _check(one: np.ndarray, other: np.ndarray) -> None:
    if one.shape != other.shape:
        raise ValueError(f"both must have one shape, got {one.shape} and {other.shape}")
