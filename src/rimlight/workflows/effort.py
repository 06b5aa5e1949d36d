"""What labelling cost each reader, and how often they said the same again; for owners."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from rimlight.core.label_origins import is_of_workbench, is_repeat
from rimlight.core.standing_labels import Standing, Track, track_of
from rimlight.io.journal import label_events
from rimlight.io.study import Study
from rimlight.records import Expression, Label, ReaderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What one reader did in the workbench.

    n_labels: answers given, corrections and repeats counted, what was taken back not.
    minutes: the time between labels that follow each other, by the reader's clock; gaps longer
    than the setting ``idle_s`` and steps back in time do not count.
    per_minute: labels that ended such a gap, a minute; None without one.
    n_repeats: blinded repeats that stand beside a first label. same_share: of them, with the same
    answer; None without one.
    """

    reader: ReaderId
    n_labels: int
    minutes: float
    per_minute: float | None
    n_repeats: int
    same_share: float | None


def efforts(study: Study) -> list[Effort]:
    """Return the effort of every reader who labelled in the workbench, by name."""
    labels = [event.label for event in label_events(study.engine)]
    repeats = _repeats(labels)
    given: dict[ReaderId, list[Label]] = {}
    for label in labels:
        if is_of_workbench(label.source):
            given.setdefault(label.reader, []).append(label)
    idle_s = study.settings.workbench.idle_s
    return [
        _effort(reader, given[reader], repeats.get(reader, []), idle_s=idle_s)
        for reader in sorted(given)
    ]


def _effort(
    reader: ReaderId, given: Sequence[Label], repeats: Sequence[bool], *, idle_s: float
) -> Effort:
    at_s = [datetime.fromisoformat(label.made_at).timestamp() for label in given]
    gaps_s = [after - before for before, after in pairwise(at_s) if 0 <= after - before <= idle_s]
    minutes = sum(gaps_s) / 60
    return Effort(
        reader=reader,
        n_labels=sum(label.expression is not Expression.WITHDRAWN for label in given),
        minutes=minutes,
        per_minute=len(gaps_s) / minutes if minutes > 0 else None,
        n_repeats=len(repeats),
        same_share=Counter(repeats)[True] / len(repeats) if repeats else None,
    )


def _repeats(labels: Sequence[Label]) -> dict[ReaderId, list[bool]]:
    """Return by reader whether each repeat that stands has the answer of the first look."""
    found, same = Standing(), dict[Track, tuple[ReaderId, bool]]()
    for label in labels:
        if not is_repeat(label.source):
            found.add(label)
            continue
        first, track = found.of(label.cell.cell_id, label.reader), track_of(label)
        same.pop(track, None)
        if first is not None and label.expression is not Expression.WITHDRAWN:
            same[track] = (label.reader, first.expression is label.expression)
    by_reader: dict[ReaderId, list[bool]] = {}
    for reader, is_same in same.values():
        by_reader.setdefault(reader, []).append(is_same)
    return by_reader
