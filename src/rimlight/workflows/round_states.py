"""The rounds of a study as its owner sees them: what they ask and why, answers, and their state.

A round is a draft when it is drawn, reviewed when somebody has looked through its cells, and
approved when it may be given to readers; who said so and when are acts, and a later act counts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rimlight.errors import StudyError
from rimlight.io.acts import acts, append_act
from rimlight.io.rounds import rounds
from rimlight.io.study import Study
from rimlight.records import ReaderId, Round
from rimlight.workflows.round_answers import answers_of_rounds

ROUND_STATE = "round_state"
RoundState = Literal["draft", "reviewed", "approved"]
STATES: tuple[RoundState, ...] = ("draft", "reviewed", "approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateAct:
    """Who put a round into a state, and when (UTC, ISO 8601)."""

    state: RoundState
    reader: ReaderId
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOverview:
    """One round; history: acts on its state, the oldest first."""

    round: Round
    n_of_share: Mapping[str, int]
    n_of_cause: Mapping[str, int]
    n_answered: int
    state: RoundState
    history: Sequence[StateAct]


def round_overviews(study: Study) -> list[RoundOverview]:
    """Return the rounds of a study, the newest first."""
    made = rounds(study.engine)
    answers = answers_of_rounds(study, made)
    history: dict[str, list[StateAct]] = {}
    for act in acts(study.engine, ROUND_STATE):
        for state in STATES:
            if act.detail.get("state") == state:
                told = StateAct(state=state, reader=act.reader, at=act.recorded_at)
                history.setdefault(act.subject, []).append(told)
    return [
        _overview(it, len(answers[it.round_id]), history.get(str(it.round_id), []))
        for it in reversed(made)
    ]


def round_of(study: Study, round_id: int) -> Round:
    """Return a round by its number.

    Raises:
        StudyError: There is none.
    """
    for made in rounds(study.engine):
        if made.round_id == round_id:
            return made
    raise StudyError(f"round {round_id}: is not in this study; open the list of rounds anew")


def put_round_state(study: Study, round_id: int, state: RoundState, *, reader: ReaderId) -> None:
    """Keep that somebody put a round into a state.

    Raises:
        StudyError: There is no such round.
        StorageError: The disk refuses; nothing was kept.
    """
    round_of(study, round_id)
    append_act(
        study.engine,
        ROUND_STATE,
        reader=reader,
        subject=str(round_id),
        detail={"state": state},
    )


def _overview(made: Round, n_answered: int, history: Sequence[StateAct]) -> RoundOverview:
    return RoundOverview(
        round=made,
        n_of_share=dict(Counter(asked.share for asked in made.cells)),
        n_of_cause=dict(Counter(asked.cause for asked in made.cells if asked.cause)),
        n_answered=n_answered,
        state=history[-1].state if history else "draft",
        history=history,
    )
