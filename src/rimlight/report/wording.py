"""Numbers as a reader says them: with unit and interval, and "undefined" where there is none."""

import re
from math import isfinite

from rimlight.records import Interval

_DASH = "\u2013"  # en dash between two numbers
_MINUS = "\u2212"
_THIN = "\u202f"  # narrow no-break space before a unit


def number(value: float | None, *, digits: int = 2, is_signed: bool = False) -> str:
    """Return a number with a fixed count of digits, or "undefined".

    >>> number(-0.256), number(None), number(0.5, is_signed=True)
    ('−0.26', 'undefined', '+0.50')
    """
    if value is None or not isfinite(value):
        return "undefined"
    text = f"{value:+.{digits}f}" if is_signed else f"{value:.{digits}f}"
    is_zero = float(text) == 0
    return text.lstrip("+-") if is_zero else text.replace("-", _MINUS)


def percent(share: float | None, *, digits: int = 1) -> str:
    """Return a share 0..1 in percent.

    >>> percent(0.97249)
    '97.2\u202f%'
    """
    if share is None or not isfinite(share):
        return "undefined"
    return f"{number(100 * share, digits=digits)}{_THIN}%"


def count(n: int, thing: str, things: str = "") -> str:
    """Return a count with its noun, thousands apart.

    >>> count(1975, "cell"), count(1, "case")
    ('1,975 cells', '1 case')
    """
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def estimate(interval: Interval, *, scale: float = 1, digits: int = 2) -> str:
    """Return value and interval without words: for tables and figures.

    Args:
        interval: What was estimated.
        scale: 100 turns shares into percent; the unit then stands in the heading.
        digits: Digits after the point.

    >>> shown = Interval(value=0.5, low=0.4, high=0.6, n_cells=9, n_cases=12, n_resamples=99,
    ...                  n_undefined=0, is_reliable=True)
    >>> estimate(shown), estimate(shown, scale=100, digits=1)
    ('0.50 (0.40–0.60)', '50.0 (40.0–60.0)')
    """
    if interval.value is None:
        return "undefined"
    value = number(scale * interval.value, digits=digits)
    return f"{value} ({span(interval, scale=scale, digits=digits)})"


def span(interval: Interval, *, scale: float = 1, digits: int = 2) -> str:
    """Return the two ends of an interval; "to" stands between them where an end is negative."""
    if interval.low is None or interval.high is None:
        return "no interval"
    low = number(scale * interval.low, digits=digits)
    high = number(scale * interval.high, digits=digits)
    return f"{low} to {high}" if _MINUS in low + high else f"{low}{_DASH}{high}"


def with_minus(text: str) -> str:
    """Return a sentence whose negative numbers have a minus instead of a hyphen.

    >>> with_minus("-0.2 logits, [-1, +2], p-value of 8-9")
    '−0.2 logits, [−1, +2], p-value of 8-9'
    """
    return re.sub(r"(?<![\w.])-(?=\d)", _MINUS, text)


def shortened(text: str, *, n_characters: int) -> str:
    """Return the text, cut with an ellipsis if it is longer."""
    return text if len(text) <= n_characters else text[: n_characters - 1] + "…"
