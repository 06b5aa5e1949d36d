"""Numbers of the quality gate to rows of its scorecard: what passes, what fails, and why in words.

Nothing is computed from a network here, so that every verdict can be tested by hand.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from rimlight.explain.estimates import Cases
from rimlight.explain.scorecard import Check, Control, Verdict, check_of, not_run

LEAST_COMPLETE = 0.99
LEAST_RIGHT = 0.95
MOST_CORRELATION = 0.2
LEAST_CONSISTENT = 0.6
MOST_MAP_CHANGE = 0.25


def completeness_row(
    *,
    gap: Float[np.ndarray, " n"],
    allowed: Float[np.ndarray, " n"],
    is_converged: Bool[np.ndarray, " n"],
    map_change: Float[np.ndarray, " m"],
    cases: Cases,
) -> Check:
    """Return E1: do the maps add up, and would finer paths give the same maps?

    Args:
        gap: Sum of each map minus its rise.
        allowed: The gap that the gate allows, whatever the maps were made with.
        is_converged: False for maps that carry a stamp.
        map_change: Of some maps, L1 distance to a map of three times the points over its L1.
    """
    is_beyond = np.abs(gap) > allowed
    within = cases.mean((~is_beyond & is_converged).astype(float))
    n_hidden = int((is_beyond & is_converged).sum())
    change = float(np.median(map_change)) if len(map_change) else None
    problems = []
    if (within.value or 0.0) < LEAST_COMPLETE:
        problems.append(f"{100 * (1 - (within.value or 0.0)):.0f} % of the maps are not complete")
    if n_hidden:
        problems.append(f"{n_hidden} maps beyond the limit carry no stamp")
    if change is not None and change > MOST_MAP_CHANGE:
        problems.append(f"three times the points change the median map by {100 * change:.0f} %")
    return check_of(
        "E1",
        verdict="fail" if problems else "pass",
        reason=_sentence(problems, else_="The maps add up, and finer paths leave them as they are"),
        value=within,
        n_cells=len(gap),
        n_cases=cases.n_cases,
        controls=(
            Control(name="median gap / allowed", value=float(np.median(np.abs(gap) / allowed))),
            Control(name="maps beyond the limit without a stamp", value=float(n_hidden)),
            Control(name="median change of the map at three times the points", value=change),
        ),
    )


def reference_row(
    is_right_of_kind: Mapping[str, Float[np.ndarray, " n"]], *, is_forced: bool, cases: Cases
) -> Check:
    """Return E2: do references have the class that they should?

    Args:
        is_right_of_kind: Per kind of reference, the share 0..1 of each item's references that have
            the right class; NaN where they have none they should have. The first is that of the
            maps.
        is_forced: Whether a reference that is refused was forced.
    """
    shares = {
        name: cases.mean(values, name=name)
        for name, values in is_right_of_kind.items()
        if np.isfinite(values).any()
    }
    if not shares and not is_forced:
        return not_run("E2", "No reference has a class that it should have.")
    problems = [
        f"of {name} only {100 * found.value:.0f} % have the right class"
        for name, found in shares.items()
        if found.value is not None and _highest(found) < LEAST_RIGHT
    ]
    if is_forced:
        problems.insert(0, "the reference is one that is refused, and was forced")
    first, *others = shares.values() or [Control(name="", value=None)]
    return check_of(
        "E2",
        verdict="fail" if problems else "pass",
        reason=_sentence(problems, else_="References have the class they should"),
        value=first,
        n_cells=len(next(iter(is_right_of_kind.values()), ())),
        n_cases=cases.n_cases,
        controls=tuple(others),
    )


def randomised_row(
    code: str,
    *,
    correlation: Float[np.ndarray, " n"],
    own_shares: Mapping[str, Float[np.ndarray, " n"]] | None,
    cases: Cases,
) -> Check:
    """Return E3 or E4: does the map change, and lose the right place, when learning is undone?

    Args:
        correlation: abs(rank correlation) of each map with that of the undone networks.
        own_shares: own / (own + neighbour) of ``map``, ``undone`` (mean over networks) and
            ``amount``; None without zones.
    """
    value = cases.median(correlation)
    problems = []
    if value.value is None:
        problems.append("the maps are constant, so nothing can be compared")
    elif value.value >= MOST_CORRELATION:
        problems.append("the map stays alike when learning is undone")
    controls: tuple[Control, ...] = ()
    if own_shares is not None:
        controls, more = _placed(own_shares, cases)
        problems += more
    words = "The map changes when learning is undone"
    words += " and finds the right place better than without" if own_shares is not None else ""
    return check_of(
        code,
        verdict=_verdict(problems, cases if own_shares is not None else None),
        reason=_sentence(problems, else_=words, cases=cases if own_shares is not None else None),
        value=value,
        n_cells=len(correlation),
        n_cases=cases.n_cases,
        controls=controls,
    )


def _placed(
    own_shares: Mapping[str, np.ndarray], cases: Cases
) -> tuple[tuple[Control, ...], list[str]]:
    trained, undone, amount = (
        cases.mean(own_shares[key], name=f"own share, {words}")
        for key, words in (
            ("map", "the map"),
            ("undone", "learning undone"),
            ("amount", "plain amount"),
        )
    )
    margin = cases.mean(own_shares["map"] - own_shares["undone"], name="margin over undone")
    problems = []
    if margin.low is None or margin.low <= 0:
        problems.append("the map finds the right place no better than when learning is undone")
    if undone.value is not None and amount.high is not None and undone.value > amount.high:
        problems.append("networks without learning find the right place better than the amount")
    return (trained, undone, amount, margin), problems


def deletion_row(areas: Mapping[str, Float[np.ndarray, " n"]], *, cases: Cases) -> Check:
    """Return E5: does the response follow the map's order of pixels more than other orders?

    Args:
        areas: Area between removing the least and the most important first, by order; ``map``
            must beat ``random`` and ``amount``, which are smoothed alike; others are printed.
    """
    own = areas["map"]
    margins = {
        name: cases.mean(own - other, name=f"margin over {name}")
        for name, other in areas.items()
        if name != "map"
    }
    problems = [
        f"the order of the map is not shown to be better than that of {name}"
        for name in ("random", "amount")
        if (low := margins[name].low) is None or low <= 0
    ]
    levels = [cases.mean(values, name=name) for name, values in areas.items() if name != "map"]
    return check_of(
        "E5",
        verdict=_verdict(problems, cases),
        reason=_sentence(
            problems, else_="The response follows the map more than other orders", cases=cases
        ),
        value=cases.mean(own),
        n_cells=len(own),
        n_cases=cases.n_cases,
        controls=(*margins.values(), *levels),
    )


def zone_row(
    own_share: Float[np.ndarray, " n"],
    beside: Mapping[str, Float[np.ndarray, " n"]],
    *,
    cases: Cases,
) -> Check:
    """Return E6: where the evidence lies, printed beside every control."""
    value = cases.mean(own_share)
    if value.value is None:
        return not_run("E6", "No map has a positive part in a zone.")
    return check_of(
        "E6",
        verdict="printed",
        reason="Printed; E3 draws the conclusion.",
        value=value,
        n_cells=int(np.isfinite(own_share).sum()),
        n_cases=cases.n_cases,
        controls=tuple(cases.mean(values, name=name) for name, values in beside.items()),
    )


def consistency_row(
    correlation: Mapping[str, Float[np.ndarray, " n"]],
    beside: Mapping[str, Float[np.ndarray, " n"]],
    *,
    cases: Cases,
) -> Check:
    """Return E8: does a map stay the same when the image changes next to nothing?

    Args:
        correlation: Rank correlation of each map with that of the changed image, by change.
        beside: What is printed only, by name.
    """
    found = {name: cases.median(values, name=name) for name, values in correlation.items()}
    known = [item for item in found.values() if item.value is not None]
    if not known:
        return not_run("E8", "The maps are constant, so nothing can be compared.")
    worst = min(known, key=lambda item: item.value if item.value is not None else np.inf)
    is_low = _highest(worst) < LEAST_CONSISTENT
    printed = [cases.median(values, name=name) for name, values in beside.items()]
    return check_of(
        "E8",
        verdict="alarm" if is_low else "pass",
        reason=f"Lowest for: {worst.name}.",
        value=worst,
        n_cells=len(next(iter(correlation.values()))),
        n_cases=cases.n_cases,
        controls=(*found.values(), *printed),
    )


def _highest(found: Control) -> float:
    """What the number may be at the most, so that chance in a few items is no failure."""
    known = [end for end in (found.high, found.value) if end is not None]
    return known[0] if known else float("nan")


def _verdict(problems: Sequence[str], cases: Cases | None) -> Verdict:
    """A margin of one case has no interval, so that nothing follows from it."""
    if cases is not None and cases.n_cases < 2:
        return "not run"
    return "fail" if problems else "pass"


def _sentence(problems: Sequence[str], *, else_: str, cases: Cases | None = None) -> str:
    if cases is not None and cases.n_cases < 2:
        return "All items are of one case, so that no margin has an interval."
    words = "; ".join(problems) or else_
    return words[0].upper() + words[1:] + "."
