"""What the checks and the tissue controls of scored slides come to, in sentences for a cohort."""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.records import ControlOutcome

N_NAMED = 3
"""Slides of which a sentence says what was found; of more it says how many."""


def guard_sentences(known: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each warning of a slide, or for many slides of one check.

    Args:
        known: Records of scored slides, with ``score``, ``guards`` and ``controls``.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for record in known:
        for guard in record["guards"]:
            if not guard["is_passed"] and guard["reason"] is None:
                said = (str(record["score"]["slide"]), str(guard["words"]))
                found.setdefault(guard["name"], []).append(said)
    sentences = []
    for name, told in found.items():
        sentences += [f"{slide}: {words}" for slide, words in told[:N_NAMED]]
        if len(told) > N_NAMED:
            more = len(told) - N_NAMED
            sentences.append(f"{name.replace('_', ' ')}: {more} more slides do not pass this check")
    return [*sentences, *_controls(known)]


def _controls(known: Sequence[Mapping[str, Any]]) -> list[str]:
    missing = [
        record["score"]["slide"]
        for record in known
        if ControlOutcome.NOT_RECORDED in record["controls"].values()
    ]
    if not missing:
        return []
    return [
        f"tissue controls are not recorded, or not all, of {len(missing)} of {len(known)} slides; "
        "look at them, and record them with rimlight controls"
    ]
