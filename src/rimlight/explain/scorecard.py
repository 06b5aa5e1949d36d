"""What the quality gate found: one row a check, no overall grade, and the stamp of a failure.

Headings are those of Lago et al. (2025), arXiv 2506.13917.  Plain numbers and text only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

Heading = Literal["consistency", "plausibility", "fidelity", "usefulness"]
Verdict = Literal["pass", "fail", "printed", "alarm", "not run"]
STAMPING = ("E1", "E2", "E3", "E4")
"""Checks whose failure stamps every map: the map is then no evidence about the network."""


class _Kind(NamedTuple):
    name: str
    heading: Heading
    unit: str
    pass_line: str


_KIND_OF_CODE: Mapping[str, _Kind] = {
    "E1": _Kind(
        "completeness",
        "fidelity",
        "share of maps",
        "at least 99 % of the maps add up to within 1 % of the rise, or to within the absolute "
        "limit, after at least 3 points a path; none beyond it is unmarked",
    ),
    "E2": _Kind(
        "reference validity",
        "fidelity",
        "share of references",
        "no reference was forced, and of each kind 95 % or more may have the class they should "
        "(upper end of the interval)",
    ),
    "E3": _Kind(
        "model randomisation",
        "fidelity",
        "abs(rank correlation)",
        "maps of networks with random weights correlate with the map by less than 0.2 (median) "
        "and do not find the right place better than the plain amount; the map does",
    ),
    "E4": _Kind("label randomisation", "fidelity", "abs(rank correlation)", "as E3"),
    "E5": _Kind(
        "deletion",
        "fidelity",
        "response",
        "area between least and most important first is above that of random order and of order "
        "by plain amount, all smoothed alike (paired interval excludes 0)",
    ),
    "E6": _Kind(
        "zone mass", "plausibility", "own / (own + neighbour)", "none; read beside the controls"
    ),
    "E7": _Kind(
        "agreement with masks",
        "plausibility",
        "average precision",
        "above the stain alone, disc, ring, bell, the mean map of other cells and another cell's "
        "map, by intervals that exclude 0",
    ),
    "E8": _Kind(
        "consistency",
        "consistency",
        "rank correlation",
        "alarm where the median under any change that nobody sees (shift, JPEG, white point) is "
        "shown to be below 0.6, at the scale at which maps are read; flips and turns are printed",
    ),
    "E9": _Kind("repeatability", "consistency", "rank correlation", "none; printed"),
    "E10": _Kind(
        "density agreement",
        "plausibility",
        "margin in Pearson's r",
        "margin over untrained networks, on cells whose neighbours disagree, excludes 0",
    ),
    "E11": _Kind(
        "stain share",
        "fidelity",
        "share of positive evidence",
        "alarm where haematoxylin makes more than 30 % of the positive evidence",
    ),
    "E12": _Kind(
        "discordant accuracy",
        "usefulness",
        "accuracy",
        "none; always beside the headline. Alarm where cells whose neighbours disagree are "
        "called worse by more than 3 points (interval)",
    ),
}
CODES = tuple(_KIND_OF_CODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A number that stands beside that of a check; low and high: its interval, None without one."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row of the scorecard; units of value and interval are those of ``unit``.

    low, high: interval that resamples cases; None without one.
    pass_line: what had to hold, in words.
    reason: one sentence, why this verdict.
    """

    code: str
    name: str
    heading: Heading
    value: float | None
    unit: str
    low: float | None
    high: float | None
    n_cells: int
    n_cases: int
    controls: tuple[Control, ...]
    pass_line: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A mean response while pixels are removed in one order.

    order: map, random, amount or map without smoothing.
    most_first, least_first: mean rise that is left after each step, from none removed to all.
    """

    order: str
    most_first: tuple[float, ...]
    least_first: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the randomisation cascade.

    n_layers: layers with random weights, counted from the head.
    correlation: median abs(rank correlation) with the map of the network as it is.
    own_share: mean own / (own + neighbour) of the maps; None without zones.
    """

    name: str
    n_layers: int
    correlation: Control
    own_share: Control | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """All checks in the order of their codes, and the numbers of the figures."""

    checks: tuple[Check, ...]
    cascade: tuple[Stage, ...] = ()
    curves: tuple[Curve, ...] = ()

    @property
    def failed(self) -> tuple[str, ...]:
        """Codes of the checks that failed."""
        return tuple(check.code for check in self.checks if check.verdict == "fail")

    @property
    def stamp(self) -> str:
        """What every map must carry, or "" where none of E1 to E4 failed."""
        return stamp_of((check.code, check.name, check.verdict) for check in self.checks)

    def of(self, code: str) -> Check:
        """Return the check with this code.

        Raises:
            ValueError: There is none.
        """
        for check in self.checks:
            if check.code == code:
                return check
        raise ValueError(f"scorecard: has no check {code!r}, only {', '.join(CODES)}")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "failed": list(self.failed), "stamp": self.stamp}


def stamp_of(verdicts: Any) -> str:
    """Return the stamp for (code, name, verdict) of each check; "" where none of E1 to E4 failed.

    >>> stamp_of([("E1", "completeness", "pass"), ("E3", "model randomisation", "fail")])
    'quality gate failed: E3 model randomisation'
    """
    failed = [f"{code} {name}" for code, name, it in verdicts if code in STAMPING and it == "fail"]
    return f"quality gate failed: {', '.join(failed)}" if failed else ""


def check_of(
    code: str,
    *,
    verdict: Verdict,
    reason: str,
    value: Control | None = None,
    n_cells: int = 0,
    n_cases: int = 0,
    controls: tuple[Control, ...] = (),
    unit: str | None = None,
) -> Check:
    """Return a check with the name, heading and pass line of its code."""
    kind = _KIND_OF_CODE[code]
    return Check(
        code=code,
        name=kind.name,
        heading=kind.heading,
        value=None if value is None else value.value,
        unit=unit or kind.unit,
        low=None if value is None else value.low,
        high=None if value is None else value.high,
        n_cells=n_cells,
        n_cases=n_cases,
        controls=controls,
        pass_line=kind.pass_line,
        verdict=verdict,
        reason=reason,
    )


def not_run(code: str, reason: str) -> Check:
    """Return a check that was not run, with the reason in a sentence."""
    return check_of(code, verdict="not run", reason=reason)


def in_order(checks: list[Check], *, reason: str) -> tuple[Check, ...]:
    """Return the checks in the order of their codes; those missing were not run, for ``reason``."""
    found = {check.code: check for check in checks}
    return tuple(found.get(code) or not_run(code, reason) for code in CODES)
