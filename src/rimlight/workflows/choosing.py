"""From the shortlists of a search to the cells of a round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.selection import (
    POOL,
    RoundShares,
    Selection,
    Shortlist,
    chosen_round,
    uncertainty_of,
)
from rimlight.core.shortlists import Best
from rimlight.core.stains import stain_matrix
from rimlight.errors import SettingsError
from rimlight.io.study import Study
from rimlight.model.prediction import probability
from rimlight.records import CauseName, Cell, RoundCell, SlideId, SlideInfo
from rimlight.settings import TriageSettings
from rimlight.workflows.exemplars import Exemplars, Suspects, cause_scores
from rimlight.workflows.tumour_decision import TumourNetwork

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

SUSPECTS = 6
"""Of how many times as many of the most like candidates the edit of the cause is made."""
_KEPT = ("x_l0", "y_l0", "logit", "features", "is_other")


@dataclass(slots=True, kw_only=True)
class Shortlists:
    """What is kept of the stream: the most like each cause, the most uncertain, a fair draw.

    n_candidates: cells that could be asked about. n_known: left out because they were labelled or
        asked about before; n_edge: because their patch leaves the slide. n_other: taken for no
        tumour cells, and asked about by the fair draw alone.
    """

    of_cause: Mapping[str, Best]
    uncertain: Best
    drawn: Best
    n_candidates: int = 0
    n_known: int = 0
    n_edge: int = 0
    n_other: int = 0

    def all(self) -> list[Best]:
        """Every list, the fair draw last."""
        return [*self.of_cause.values(), self.uncertain, self.drawn]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What the stream of one triage is judged by; seed: of this round.

    tumour: the network that tells other cells, None where the run has none.
    """

    study: Study
    network: "PatchNetwork"
    temperature: float
    tumour: TumourNetwork | None
    exemplars: Exemplars
    infos: Sequence[SlideInfo]
    known: Mapping[SlideId, np.ndarray]
    settings: TriageSettings
    seed: int


def shares_of(settings: TriageSettings) -> RoundShares:
    """Return the shares of a round.

    Raises:
        SettingsError: They do not add up to 1.
    """
    try:
        return RoundShares(
            cause=settings.cause_share,
            uncertain=settings.uncertain_share,
            random=settings.random_share,
        )
    except ValueError as error:
        raise SettingsError(f"triage: {error}; change study.toml") from error


def empty_shortlists(search: Search) -> Shortlists:
    """Return room for each kind: more than it needs, so that slides and features can be spread."""
    n = search.settings.n_cells
    counts = shares_of(search.settings).counts(n)
    confirmed = search.exemplars.n_of_cause
    a_slide = POOL * max(ceil(n * search.settings.slide_share), ceil(n / len(search.infos)))
    return Shortlists(
        of_cause={
            cause: Best(
                n_most=max(POOL, ceil(SUSPECTS * counts["cause"] * count / len(search.exemplars))),
                n_a_slide=a_slide,
            )
            for cause, count in confirmed.items()
        },
        uncertain=Best(n_most=POOL * POOL * n, n_a_slide=a_slide),
        drawn=Best(n_most=n, n_a_slide=n),
    )


def chosen_cells(search: Search, found: Shortlists) -> tuple[list[RoundCell], Selection]:
    """Return the cells of the round in the order in which they are read, and why each is there."""
    choices, places = _choices(search, found)
    selection = chosen_round(
        choices,
        n=search.settings.n_cells,
        seed=search.seed,
        shares=shares_of(search.settings),
        weight_of_cause=search.exemplars.n_of_cause,
        largest_slide_share=search.settings.slide_share,
    )
    score_of_share = {
        "cause": choices.cause_score,
        "uncertain": choices.uncertainty,
        "random": np.zeros(len(choices)),
    }
    cells = [
        RoundCell(
            cell=Cell.at_place(
                search.infos[int(choices.slide[row])].slide_id, *places[row, :2].tolist()
            ),
            share=share,
            cause=str(choices.cause[row]) if share == "cause" else "",
            score=float(score_of_share[share][row]),
            logit=float(places[row, 2]),
        )
        for row, share in zip(selection.rows.tolist(), selection.share.tolist(), strict=True)
    ]
    return cells, selection


def _choices(search: Search, found: Shortlists) -> tuple[Shortlist, np.ndarray]:
    """Return every cell of the shortlists once, and x, y and logit of each."""
    scored = {cause: _scores_of(search, cause, best) for cause, best in found.of_cause.items()}
    kept = [best for best in found.all() if len(best)]
    columns = {name: np.concatenate([best.columns[name] for best in kept]) for name in _KEPT}
    slide = np.concatenate([best.slide for best in kept])
    score, cause = np.zeros(len(slide)), np.full(len(slide), "", dtype="U32")
    start = 0
    for name, values in scored.items():
        part = slice(start, start + len(values))
        score[part], cause[part] = values, name
        start += len(values)
    is_drawn = np.arange(len(slide)) >= len(slide) - len(found.drawn)
    place = np.column_stack([columns["x_l0"], columns["y_l0"], columns["logit"]])
    rows, is_drawn = _each_once(np.column_stack([slide, place[:, :2]]), score, is_drawn=is_drawn)
    undecided = uncertainty_of(probability(place[rows, 2], temperature=search.temperature))
    choices = Shortlist(
        cause_score=score[rows],
        cause=cause[rows],
        # A fair draw holds other cells too; 0 leaves them to the random share.
        uncertainty=np.where(columns["is_other"][rows], 0.0, undecided),
        features=columns["features"][rows],
        slide=slide[rows],
        is_drawn=is_drawn,
    )
    return choices, place[rows]


def _each_once(
    place: np.ndarray, score: np.ndarray, *, is_drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different cells, of one in several shortlists the row with the best cause score.

    Returns:
        The rows, and for each whether the cell is in the fair draw.
    """
    order = np.argsort(-score, kind="stable")
    _, first, number = np.unique(place[order], axis=0, return_index=True, return_inverse=True)
    drawn = np.zeros(len(first), dtype=bool)
    np.logical_or.at(drawn, number.reshape(-1), is_drawn[order])
    by_score = np.argsort(first)
    return order[first[by_score]], drawn[by_score]


def _scores_of(search: Search, cause: str, best: Best) -> np.ndarray:
    """What the edit of the cause tells of its shortlist."""
    if not len(best):
        return np.empty(0)
    white = np.array([info.white for info in search.infos], dtype=np.float32)
    suspects = Suspects(
        patches=best.columns["patches"],
        slide=best.slide,
        white=white[best.slide],
        logits=best.columns["logit"],
        alike=best.score,
    )
    settings = search.study.settings
    return cause_scores(
        suspects,
        CauseName(cause),
        search.network,
        patch=settings.patch,
        stains=stain_matrix(settings.stain),
        seed=search.seed,
    )
