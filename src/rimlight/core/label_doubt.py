"""Which labels most probably are wrong, and what speaks for it; no label is ever changed.

Three witnesses are heard: the network's probability, the labels of the training cells that look
most alike to the network, and the stain on the cell's own ring.  A doubt ranks labels for a second
look.  It is no probability, and it says nothing of levels among positive cells: the network
and its features know two classes only.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Shaped

N_NEAREST = 10
AGREES_SEEN = 0.5
"""A network that agrees with a label it was fitted on counts half: it was told so.  One that
still disagrees counts in full."""
MOST_LOGIT, MOST_DENSITY = 6.0, 4.0
WEIGHTS = (1.0, 0.3, 0.15)
OFFSET = -3.0
"""Weights of network, neighbours and density in a logistic sum, see docs/decisions/0014."""
_LEAST_OF_LEVEL = 8
_LEVEL_NAMES = ("negative", "weak", "moderate", "strong")
_NO_CELL = -1
_UNIT_OD = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What each witness says against a label, positive where it speaks against it.

    network: log-odds of the other call, held within +-6; what speaks for a label that the network
        was fitted on is halved.
    neighbours: log-odds of the other call among the nearest training cells, one of each added.
    density: log-odds of the other call at the own ring's DAB, from a logistic curve through the
        training cells, held within +-4; 0 where unknown.
    """

    network: Float64[np.ndarray, " n"]
    neighbours: Float64[np.ndarray, " n"]
    density: Float64[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Doubts:
    """Doubt of each label, 0 to 1, for ranking.

    nearest: rows of the nearest training cells of other cases, nearest first; -1 where too few.
    reasons: sentences, what speaks against the label first, then what speaks for it.
    """

    score: Float64[np.ndarray, " n"]
    nearest: Int[np.ndarray, "n 10"]
    reasons: list[tuple[str, ...]]
    evidence: Evidence


def doubts_of(
    *,
    level: Int[np.ndarray, " n"],
    logit_calibrated: Float[np.ndarray, " n"],
    features: Float[np.ndarray, "n f"],
    case: Shaped[np.ndarray, " n"],
    is_reference: Bool[np.ndarray, " n"],
    own_ring_od: Float[np.ndarray, " n"],
) -> Doubts:
    """Return how much each label is to be doubted, and why, in words.

    Args:
        level: The label, 0 negative to 3 strong.
        logit_calibrated: Logit over temperature, positive above 0.
        features: What the network's last layer weighs.
        case: Case of each cell; a cell of the same case is never its witness.
        is_reference: Training cells: the network saw them, and they alone are witnesses.
        own_ring_od: Mean DAB density on the own ring, OD; nan where unknown.

    Raises:
        ValueError: Lengths differ, a level is none, or a logit or feature is not finite.

    Source:
        Own definition, see docs/decisions/0014.  Out-of-sample probability: Northcutt, Jiang and
        Chuang (2021), J. Artif. Intell. Res. 70, 1373-1411.  Neighbours: Wilson (1972), IEEE
        Trans. Syst. Man Cybern. 2, 408-421.
    """
    _refuse(level, logit_calibrated, features, case, is_reference, own_ring_od)
    nearest = nearest_rows(features, case, is_reference)
    spread = _spread(own_ring_od, level, is_reference)
    evidence = Evidence(
        network=_of_network(level, logit_calibrated, is_reference),
        neighbours=_of_neighbours(level, nearest),
        density=_of_density(level, own_ring_od, is_reference),
    )
    return Doubts(
        score=scored(evidence),
        nearest=nearest,
        reasons=[
            _reasons(
                evidence,
                row,
                network=_network_words(float(logit_calibrated[row]), bool(is_reference[row])),
                neighbours=_neighbour_words(level[nearest[row][nearest[row] != _NO_CELL]]),
                density=_density_words(
                    float(own_ring_od[row]), int(level[row]), spread[level[row]]
                ),
            )
            for row in range(len(level))
        ],
        evidence=evidence,
    )


def scored(evidence: Evidence) -> Float64[np.ndarray, " n"]:
    """Return the doubt that three witnesses make together, 0 to 1.

    >>> none = np.zeros(1)
    >>> bool(scored(Evidence(network=none, neighbours=none, density=none))[0] < 0.5)
    True
    """
    from scipy.special import expit

    parts = (evidence.network, evidence.neighbours, evidence.density)
    total = OFFSET + sum(weight * part for weight, part in zip(WEIGHTS, parts, strict=True))
    score: np.ndarray = expit(total)
    return score


def nearest_rows(
    features: Float[np.ndarray, "n f"],
    case: Shaped[np.ndarray, " n"],
    is_reference: Bool[np.ndarray, " n"],
) -> Int[np.ndarray, "n 10"]:
    """Return the rows of the 10 nearest reference cells of other cases, nearest first.

    Features are taken in units of their spread among the references; -1 where there are fewer.
    """
    from sklearn.neighbors import NearestNeighbors

    found = np.full((len(case), N_NEAREST), _NO_CELL)
    if not is_reference.any():
        return found
    scale = features[is_reference].std(axis=0)
    scaled = features / np.where(scale > 0, scale, 1)
    for name in np.unique(case):
        mine = np.flatnonzero(case == name)
        others = np.flatnonzero(is_reference & (case != name))
        n_near = min(N_NEAREST, len(others))
        if n_near:
            search = NearestNeighbors(n_neighbors=n_near, algorithm="brute").fit(scaled[others])
            found[mine, :n_near] = others[search.kneighbors(scaled[mine], return_distance=False)]
    return found


def _refuse(
    level: np.ndarray, logit: np.ndarray, features: np.ndarray, *others: np.ndarray
) -> None:
    lengths = {len(part) for part in (level, logit, features, *others)}
    if len(lengths) > 1:
        raise ValueError(f"every array must have one row a cell, got lengths {sorted(lengths)}")
    if not np.isin(level, range(4)).all():
        raise ValueError("level must be 0 negative to 3 strong; leave other cells out")
    if not (np.isfinite(logit).all() and np.isfinite(features).all()):
        raise ValueError("logits and features must be finite; the network is damaged")


def _against(level: np.ndarray) -> np.ndarray:
    """+1 where a pull towards positive speaks against the label, else -1."""
    return np.where(level > 0, -1.0, 1.0)


def _of_network(level: np.ndarray, logit: np.ndarray, is_seen: np.ndarray) -> np.ndarray:
    held = _against(level) * logit.astype(np.float64).clip(-MOST_LOGIT, MOST_LOGIT)
    of_network: np.ndarray = np.where(is_seen & (held < 0), AGREES_SEEN * held, held)
    return of_network


def _of_neighbours(level: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    is_there = nearest != _NO_CELL
    is_other = (level[nearest] > 0) != (level > 0)[:, None]
    n_other = (is_there & is_other).sum(axis=1)
    n_same = (is_there & ~is_other).sum(axis=1)
    odds: np.ndarray = np.log((n_other + 1) / (n_same + 1))
    return odds


def _of_density(level: np.ndarray, od: np.ndarray, is_reference: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    is_known = np.isfinite(od)
    fitted = is_known & is_reference
    of_density = np.zeros(len(od))
    n_each = np.bincount(level[fitted] > 0, minlength=2)
    if n_each.min() >= _LEAST_OF_LEVEL:
        in_units = od[:, None].astype(np.float64) / _UNIT_OD
        curve = LogisticRegression().fit(in_units[fitted], level[fitted] > 0)
        of_density[is_known] = curve.decision_function(in_units[is_known])
    held: np.ndarray = _against(level) * of_density.clip(-MOST_DENSITY, MOST_DENSITY)
    return held


def _spread(od: np.ndarray, level: np.ndarray, is_reference: np.ndarray) -> list[tuple[float, ...]]:
    """5th and 95th percentile of each level among training cells; nan where it has few."""
    found: list[tuple[float, ...]] = []
    for one in range(len(_LEVEL_NAMES)):
        known = od[(level == one) & is_reference & np.isfinite(od)]
        low, high = np.percentile(known, [5, 95]) if len(known) >= _LEAST_OF_LEVEL else [np.nan] * 2
        found.append((float(low), float(high)))
    return found


def _reasons(evidence: Evidence, row: int, **words: str) -> tuple[str, ...]:
    """Sentences against the label by weight, then those for it, marked so; silent ones left out."""
    parts = (evidence.network, evidence.neighbours, evidence.density)
    heard = sorted(
        (
            (float(weight * part[row]), sentence)
            for weight, part, sentence in zip(WEIGHTS, parts, words.values(), strict=True)
            if sentence
        ),
        reverse=True,
    )
    return tuple(
        sentence if pull > 0 else f"For the label: {_inside(sentence)}" for pull, sentence in heard
    )


def _inside(sentence: str) -> str:
    """A sentence as it stands after a colon; a short name keeps its capitals."""
    return sentence if sentence[1].isupper() else sentence[0].lower() + sentence[1:]


def _network_words(logit: float, is_seen: bool) -> str:
    from scipy.special import expit

    percent = 100 * float(expit(logit))
    shown = "under 1 %" if percent < 1 else "over 99 %" if percent > 99 else f"{percent:.0f} %"
    if is_seen:
        return (
            "The network was fitted on this very label and gives positive a probability of "
            f"{shown}; where it agrees, that counts half."
        )
    return f"The network, which never saw this cell, gives positive a probability of {shown}."


def _neighbour_words(level: np.ndarray) -> str:
    if not len(level):
        return ""
    n_of_level = np.bincount(level, minlength=len(_LEVEL_NAMES))
    each = ", ".join(f"{n} {name}" for n, name in zip(n_of_level, _LEVEL_NAMES, strict=True) if n)
    return f"The {len(level)} training cells of other cases most like it are labelled: {each}."


def _density_words(od: float, level: int, spread: tuple[float, ...]) -> str:
    if not np.isfinite([od, *spread]).all():
        return ""
    return (
        f"DAB on its own ring is {od:.2f} OD; nine in ten training cells labelled "
        f"{_LEVEL_NAMES[level]} lie between {spread[0]:.2f} and {spread[1]:.2f}."
    )
