"""Which cells to ask about next: like confirmed causes, uncertain and spread, and at random.

Everything works on a shortlist in memory and is the same for the same seed.  A reader is not told
why a cell is asked about, so the cells of a round come in a shuffled order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64, Shaped

SHARES = ("cause", "uncertain", "random")
POOL = 4
"""Of how many times as many of the best cells a spread choice is made."""
LARGEST_SLIDE_SHARE = 0.25
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundShares:
    """Shares of a round, 0..1, that add up to 1."""

    cause: float = 0.5
    uncertain: float = 0.3
    random: float = 0.2

    def __post_init__(self) -> None:
        parts = (self.cause, self.uncertain, self.random)
        if min(parts) < 0 or abs(sum(parts) - 1) > 1e-6:
            raise ValueError(f"shares must be 0 or more and add up to 1, got {parts}")

    def counts(self, n: int) -> dict[str, int]:
        """Return how many of n cells each share asks for; they add up to n.

        >>> RoundShares().counts(25)
        {'cause': 13, 'uncertain': 7, 'random': 5}
        """
        return _apportioned(n, {name: getattr(self, name) for name in SHARES})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shortlist:
    """What is known of the cells that a round may take, one row each.

    cause_score: 0..1, how surely the call falls to a confirmed cause; 0: out of that share.
    cause: which cause that is; the share is divided among causes.
    uncertainty: 0 sure to 1 undecided, see :func:`uncertainty_of`.
    features: what the last layer weighs.
    slide: where the cell lies; one slide cannot take a round.
    is_drawn: rows that a uniform draw from ALL candidates gave, whatever their scores; only these
        can serve the random share.  A shortlist that is everything has True throughout.
    """

    cause_score: Float[np.ndarray, " n"]
    cause: Shaped[np.ndarray, " n"]
    uncertainty: Float[np.ndarray, " n"]
    features: Float[np.ndarray, "n f"]
    slide: Shaped[np.ndarray, " n"]
    is_drawn: Bool[np.ndarray, " n"]

    def __post_init__(self) -> None:
        scores = np.concatenate([self.cause_score, self.uncertainty, self.features.ravel()])
        if not np.isfinite(scores).all():
            raise ValueError("a shortlist needs finite scores and features")

    def __len__(self) -> int:
        return len(self.cause_score)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Cells of a round in the order in which they are read.

    rows: rows of the shortlist, no row twice. share: why each is there, a name of ``SHARES``.
    n_asked: cells that each share was to give; n_given: cells that it gave.
    notes: sentences on shares that could not be filled.
    """

    rows: Int64[np.ndarray, " k"]
    share: Shaped[np.ndarray, " k"]
    n_asked: Mapping[str, int]
    n_given: Mapping[str, int]
    notes: tuple[str, ...] = ()


def uncertainty_of(probability: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return 1 where positive is as probable as negative, 0 where the call is sure.

    >>> uncertainty_of(np.array([0.5, 0.9, 0.0])).round(3).tolist()
    [1.0, 0.2, 0.0]
    """
    undecided: np.ndarray = 1 - np.abs(2 * probability.astype(np.float64) - 1)
    return undecided


def feature_scale(features: Float[np.ndarray, "n f"]) -> Float64[np.ndarray, " f"]:
    """Return the spread of each feature, 1 where it does not vary."""
    spread = features.astype(np.float64).std(axis=0)
    scale: np.ndarray = np.where(spread > 0, spread, 1.0)
    return scale


def nearest_exemplar(
    features: Float[np.ndarray, "n f"],
    exemplars: Float[np.ndarray, "m f"],
    *,
    scale: Float[np.ndarray, " f"],
) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Return the row of each cell's nearest exemplar and the likeness to it, see likeness.

    Raises:
        ValueError: No exemplar, or a scale that is not above 0.
    """
    if not len(exemplars):
        raise ValueError("likeness needs at least one exemplar")
    if not (scale > 0).all():
        raise ValueError(f"scale must be above 0, got {scale.min()}")
    weight = 1 / (scale.astype(np.float64) * np.sqrt(len(scale)))
    known = exemplars.astype(np.float64) * weight
    rows = np.empty(len(features), dtype=np.int64)
    alike = np.empty(len(features), dtype=np.float64)
    for start in range(0, len(features), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        squared = _squared_distance(features[part].astype(np.float64) * weight, known)
        rows[part] = squared.argmin(axis=1)
        alike[part] = np.exp(-squared.min(axis=1) / 2)
    return rows, alike


def likeness(
    features: Float[np.ndarray, "n f"],
    exemplars: Float[np.ndarray, "m f"],
    *,
    scale: Float[np.ndarray, " f"],
) -> Float64[np.ndarray, " n"]:
    """Return how near each cell lies to the nearest exemplar: 1 at it, towards 0 far away.

    exp(-d2 / 2) with d2 the mean over features of the squared difference in units of ``scale``;
    two cells that have nothing to do with each other have d2 of about 2 and a likeness of 0.37.

    Raises:
        ValueError: See :func:`nearest_exemplar`.

    Source:
        Own definition, see docs/decisions/0012.

    >>> likeness(np.array([[1.0], [3.0]]), np.array([[1.0]]), scale=np.array([2.0])).round(3)
    array([1.   , 0.607])
    """
    return nearest_exemplar(features, exemplars, scale=scale)[1]


def diverse(
    features: Float[np.ndarray, "n f"],
    scores: Float[np.ndarray, " n"],
    n: int,
    *,
    pool: int = POOL,
) -> Int64[np.ndarray, " k"]:
    """Return up to n rows with a high score that lie far from each other.

    Of the ``pool * n`` best rows above 0 the best comes first; then always the row whose distance
    to the nearest one chosen, times its score, is largest (greedy k-centre).

    Source:
        Gonzalez (1985), Theor. Comput. Sci. 38, 293-306; Sener and Savarese (2018), Active
        learning for convolutional neural networks: a core-set approach.
    """
    room = _Room(slide=np.zeros(len(scores), dtype=int), most=max(n, 1))
    return np.array(_spread(features, scores, n, room, pool=pool), dtype=np.int64)


def chosen_round(
    shortlist: Shortlist,
    *,
    n: int,
    seed: int,
    shares: RoundShares | None = None,
    weight_of_cause: Mapping[str, float] | None = None,
    largest_slide_share: float = LARGEST_SLIDE_SHARE,
) -> Selection:
    """Return the cells of a round: by cause, by uncertainty, and at random.

    The random cells are drawn first, from ``is_drawn`` alone, so that no score touches them and
    no slide limit either: they are a fair sample of all candidates.  Then the cause share, divided
    among the causes by weight, then the uncertain share, both spread over the features.  What a
    share cannot give goes to the next one (cause, uncertain, random) and is told.

    Args:
        n: Cells wanted.
        shares: None: one half, three tenths, two tenths.
        weight_of_cause: How often each cause was confirmed; none: all alike.
        largest_slide_share: Largest part of the round that cause and uncertain share together
            take from one slide; more where there are too few slides for that.

    Raises:
        ValueError: n below 1 or a share of a slide outside 0..1.
    """
    if n < 1 or not 0 < largest_slide_share <= 1:
        raise ValueError(f"a round needs n >= 1 and 0 < share <= 1, got {n}, {largest_slide_share}")
    asked = (shares or RoundShares()).counts(n)
    chooser = _Chooser(shortlist, n=n, seed=seed, largest_slide_share=largest_slide_share)
    chooser.draw(asked["random"])
    lacking = asked["cause"] - chooser.by_cause(asked["cause"], weight_of_cause or {})
    wanted = asked["uncertain"] + lacking
    lacking = wanted - chooser.by_uncertainty(wanted)
    chooser.draw(asked["random"] + lacking - chooser.n_given["random"])
    return chooser.selection(asked)


@dataclass(slots=True)
class _Room:
    """How many more cells each slide may give."""

    slide: Shaped[np.ndarray, " n"]
    most: int
    taken: dict[object, int] = field(default_factory=dict)

    def has(self, rows: Int[np.ndarray, " k"]) -> Bool[np.ndarray, " k"]:
        full = [slide for slide, count in self.taken.items() if count >= self.most]
        free: np.ndarray = ~np.isin(self.slide[rows], np.array(full, dtype=self.slide.dtype))
        return free

    def take(self, row: int) -> None:
        slide = self.slide[row].item()
        self.taken[slide] = self.taken.get(slide, 0) + 1


class _Chooser:
    """One round under way: what is taken, and by which share."""

    def __init__(
        self, shortlist: Shortlist, *, n: int, seed: int, largest_slide_share: float
    ) -> None:
        self.list = shortlist
        self.random = np.random.default_rng(seed)
        n_slides = max(1, len(np.unique(shortlist.slide)))
        most = max(int(np.ceil(n * largest_slide_share)), int(np.ceil(n / n_slides)))
        self.room = _Room(slide=shortlist.slide, most=most)
        self.rows: list[int] = []
        self.share: list[str] = []
        self.n_given = dict.fromkeys(SHARES, 0)

    def draw(self, n: int) -> int:
        """Take up to n rows of the uniform draw."""
        free = self.list.is_drawn.copy()
        free[self.rows] = False
        rows = self.random.permutation(np.flatnonzero(free))[: max(n, 0)]
        return self._add(rows.tolist(), "random")

    def by_cause(self, n: int, weights: Mapping[str, float]) -> int:
        """Take up to n rows by cause; a cause with too few leaves its place to the others."""
        found = 0
        while found < n:
            scores = self._open(self.list.cause_score)
            left = {name: weights.get(name, 1.0) for name in self._causes(scores)}
            took = 0
            for name, count in _apportioned(n - found, left).items():
                mine = np.where(self.list.cause == name, scores, 0.0)
                took += self._add(_spread(self.list.features, mine, count, self.room), "cause")
            if not took:
                break
            found += took
        return found

    def _causes(self, scores: Float[np.ndarray, " n"]) -> list[str]:
        is_open = scores > 0
        is_open &= self.room.has(np.arange(len(scores)))
        return [str(name) for name in np.unique(self.list.cause[is_open])]

    def by_uncertainty(self, n: int) -> int:
        """Take up to n uncertain rows."""
        scores = self._open(self.list.uncertainty)
        return self._add(_spread(self.list.features, scores, n, self.room), "uncertain")

    def _open(self, scores: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        left = scores.astype(np.float64)
        left[self.rows] = 0.0
        return left

    def _add(self, rows: list[int], share: str) -> int:
        self.rows += rows
        self.share += [share] * len(rows)
        self.n_given[share] += len(rows)
        return len(rows)

    def selection(self, asked: Mapping[str, int]) -> Selection:
        """Return the round, shuffled."""
        order = self.random.permutation(len(self.rows))
        return Selection(
            rows=np.array(self.rows, dtype=np.int64)[order],
            share=np.array(self.share, dtype="U9")[order],
            n_asked=dict(asked),
            n_given=dict(self.n_given),
            notes=_notes(asked, self.n_given),
        )


def _spread(
    features: Float[np.ndarray, "n f"],
    scores: Float[np.ndarray, " n"],
    n: int,
    room: _Room,
    *,
    pool: int = POOL,
) -> list[int]:
    """Rows of :func:`diverse`, each slide within its room; rows that score 0 are out."""
    ranked = np.argsort(-scores, kind="stable")
    ranked = ranked[(scores[ranked] > 0) & room.has(ranked)]
    best, others = ranked[: pool * n], ranked[pool * n :]
    weight = 1 / (feature_scale(features) * np.sqrt(features.shape[1]))
    far = np.full(len(best), np.inf)
    chosen: list[int] = []
    while len(chosen) < n:
        value = np.where(np.isfinite(far), np.sqrt(far), 1.0) * scores[best]
        value[np.isin(best, chosen) | ~room.has(best)] = -1.0
        if not len(best) or value.max() < 0:
            if not len(others):
                break
            best, others = others, others[:0]  # slides are full: look further down
            far = np.full(len(best), np.inf)
            continue
        row = int(best[value.argmax()])
        chosen.append(row)
        room.take(row)
        step = (features[best].astype(np.float64) - features[row].astype(np.float64)) * weight
        far = np.minimum(far, (step**2).sum(axis=1))
    return chosen


def _squared_distance(
    one: Float64[np.ndarray, "n f"], other: Float64[np.ndarray, "m f"]
) -> Float64[np.ndarray, "n m"]:
    squared = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    away: np.ndarray = squared.clip(min=0)
    return away


def _apportioned(n: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Whole parts of n in proportion to weights, by largest remainder; ties to the first."""
    total = sum(weights.values())
    if not total > 0:
        return dict.fromkeys(weights, 0)
    exact = {name: n * weight / total for name, weight in weights.items()}
    counts = {name: int(part + 1e-9) for name, part in exact.items()}
    by_rest = sorted(exact, key=lambda name: counts[name] - round(exact[name], 9))
    for name in by_rest[: n - sum(counts.values())]:
        counts[name] += 1
    return counts


def _notes(asked: Mapping[str, int], given: Mapping[str, int]) -> tuple[str, ...]:
    notes = [
        f"{name}: {asked[name]} cells were asked for, {given[name]} were found; "
        "their places went to the next share"
        for name in SHARES[:2]
        if given[name] < asked[name]
    ]
    n, found = sum(asked.values()), sum(given.values())
    if found < n:
        notes.append(f"{n} cells were asked for and {found} candidates are left")
    return tuple(notes)
