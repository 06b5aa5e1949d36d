"""Positive cells to weak, moderate and strong: by density alone, or by an ordinal head.

Both are fitted on training and validation cells and compared there, case by case; the better one
is used. What they are worth is told on held-out cells, which choose nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rimlight.core.clustered import mean_of, weighted_kappa_of
from rimlight.core.measurement import Ring, level_cuts, levels_from
from rimlight.core.ordinal import OrdinalHead, ordinal_head
from rimlight.records import Interval
from rimlight.workflows.blocks import bootstrap

LEAST_CELLS_OF_A_LEVEL = 10
N_PARTS = 5
N_RESAMPLES = 1000
CUT_OFFS, ORDINAL = "calibrated cut-offs", "ordinal head"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelCells:
    """Labelled cells as levels are fitted and judged on; one entry each.

    level: 0..3. call: of the network. od: mean DAB density in the ring. features: of the network.
    """

    case: np.ndarray
    level: np.ndarray
    call: np.ndarray
    od: np.ndarray
    features: np.ndarray

    def only(self, chosen: np.ndarray) -> "LevelCells":
        """Return some of the cells, by mask."""
        names = ("case", "level", "call", "od", "features")
        return LevelCells(**{name: getattr(self, name)[chosen] for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelAgreement:
    """How levels, 0 where the network calls negative, agree with the reader's on held-out cells.

    Intervals resample cases; their values are None where undefined.
    """

    kappa: Interval
    share_exact: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How positive cells are told weak, moderate, strong.

    way: ``CUT_OFFS`` or ``ORDINAL``: what is used. cuts_od: between weak and moderate, moderate and
    strong. head: on density and features of the network. n_fitted: positive training and
    validation cells. errors: mean squared error of the level there, each case judged by fits
    without it, of both ways; None with too few cases. held: agreement of both ways, empty without
    held-out cells.
    """

    way: str
    ring: Ring
    cuts_od: tuple[float, float]
    head: OrdinalHead | None
    n_fitted: int
    errors: dict[str, float] | None
    held: dict[str, LevelAgreement]

    def of(self, od: np.ndarray, call: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return level 0..3: 0 where the network calls negative, else 1 to 3."""
        return self._of(self.way, od, call, features)

    def _of(self, way: str, od: np.ndarray, call: np.ndarray, features: np.ndarray) -> np.ndarray:
        if way == ORDINAL and self.head is not None:
            graded = self.head.levels(_columns(od, features))
        else:
            graded = levels_from(od, (-np.inf, *self.cuts_od))
        level: np.ndarray = np.where(call, graded, 0)
        return level

    @property
    def words(self) -> str:
        """Say how levels are told, and what that is worth beside the other way."""
        return _words(self)


def fitted_levels(fitted: LevelCells, held: LevelCells, *, ring: Ring, seed: int) -> Levels | None:
    """Return how levels are told; None where a level has fewer than ten positive fitted cells.

    Args:
        fitted: Of training and validation cases; only true positives among them count.
        held: Of held-out cases; they judge and choose nothing.
        ring: In which density was measured.
        seed: Of the parts of cases and the resamples.
    """
    mine = fitted.only((fitted.level > 0) & fitted.call)
    if np.bincount(mine.level, minlength=4)[1:].min() < LEAST_CELLS_OF_A_LEVEL:
        return None
    errors = _errors(mine, seed=seed)
    head = ordinal_head(_columns(mine.od, mine.features), mine.level)
    found = Levels(
        way=CUT_OFFS if errors is None or errors[CUT_OFFS] <= errors[ORDINAL] else ORDINAL,
        ring=ring,
        cuts_od=_cuts(mine),
        head=head,
        n_fitted=len(mine.level),
        errors=errors,
        held={},
    )
    return _judged(found, held, seed=seed)


def levels_as_dict(levels: Levels) -> dict[str, Any]:
    """Return plain numbers for JSON; ``levels_from_dict`` is the way back."""
    head = levels.head
    return {
        **asdict(levels),
        "head": head and {"weights": head.weights.tolist(), "cuts": head.cuts.tolist()},
    }


def levels_from_dict(stored: Mapping[str, Any]) -> Levels:
    """Return levels as ``levels_as_dict`` told them.

    Raises:
        KeyError, TypeError, ValueError: They were told otherwise.
    """
    moderate, strong = stored["cuts_od"]
    head = stored["head"]
    return Levels(
        way=str(stored["way"]),
        ring=Ring(**stored["ring"]),
        cuts_od=(moderate, strong),
        head=head and OrdinalHead(**{name: np.array(head[name]) for name in ("weights", "cuts")}),
        n_fitted=int(stored["n_fitted"]),
        errors=stored["errors"],
        held={
            way: LevelAgreement(**{name: Interval(**found[name]) for name in found})
            for way, found in stored["held"].items()
        },
    )


def _judged(levels: Levels, held: LevelCells, *, seed: int) -> Levels:
    if not len(held.level):
        return levels
    draws = bootstrap(held.case, n_resamples=N_RESAMPLES, seed=seed)
    every = np.ones(len(held.level), dtype=bool)
    found = {}
    for way in (CUT_OFFS, ORDINAL):
        level = levels._of(way, held.od, held.call, held.features)
        is_exact = (level == held.level).astype(np.float64)
        kappa = weighted_kappa_of(held.level, level, draws.clusters)
        found[way] = LevelAgreement(
            kappa=draws.sample(kappa, every).interval,
            share_exact=draws.sample(mean_of(is_exact, draws.clusters), every).interval,
        )
    return Levels(
        way=levels.way,
        ring=levels.ring,
        cuts_od=levels.cuts_od,
        head=levels.head,
        n_fitted=levels.n_fitted,
        errors=levels.errors,
        held=found,
    )


def _errors(cells: LevelCells, *, seed: int) -> dict[str, float] | None:
    """Return the mean squared error of both ways over parts of cases, each left out once."""
    names = np.unique(cells.case)
    n_parts = min(N_PARTS, len(names))
    if n_parts < 2:
        return None
    order = np.random.default_rng(seed).permutation(names)
    squares: dict[str, list[np.ndarray]] = {CUT_OFFS: [], ORDINAL: []}
    for part in np.array_split(order, n_parts):
        out = np.isin(cells.case, part)
        rest, left = cells.only(~out), cells.only(out)
        if not np.bincount(rest.level, minlength=4)[1:].all():
            return None
        for way, tell in _fits(rest).items():
            squares[way].append((tell(left) - left.level) ** 2)
    return {way: float(np.concatenate(found).mean()) for way, found in squares.items()}


def _fits(cells: LevelCells) -> dict[str, Callable[[LevelCells], np.ndarray]]:
    cuts, head = _cuts(cells), ordinal_head(_columns(cells.od, cells.features), cells.level)
    return {
        CUT_OFFS: lambda left: levels_from(left.od, (-np.inf, *cuts)),
        ORDINAL: lambda left: head.levels(_columns(left.od, left.features)),
    }


def _cuts(cells: LevelCells) -> tuple[float, float]:
    _, moderate, strong = level_cuts(cells.od, cells.level)
    return moderate, strong


def _columns(od: np.ndarray, features: np.ndarray) -> np.ndarray:
    return np.column_stack([od, features])


def _words(levels: Levels) -> str:
    ring = (
        f"mean DAB density in the ring of {levels.ring.inner_um:g} to {levels.ring.outer_um:g} um"
    )
    how = {
        CUT_OFFS: f"{ring} around the centre, weak up to {levels.cuts_od[0]:.3f} OD, strong above "
        f"{levels.cuts_od[1]:.3f} OD",
        ORDINAL: f"ordinal logistic regression on the features of the network and the {ring}",
    }
    told = (
        f"Levels by {levels.way}: of cells that the network calls positive, {how[levels.way]}, "
        f"fitted on {levels.n_fitted} positive training cells"
    )
    other = ORDINAL if levels.way == CUT_OFFS else CUT_OFFS
    if levels.errors is None:
        told += f"; too few cases to compare with the {other}"
    if not levels.held:
        return f"{told}; not measured on held-out cells."
    n_held = levels.held[levels.way].kappa.n_cells
    return (
        f"{told}; on {n_held} held-out cells {_worth(levels.held[levels.way])}; by "
        f"{other} {_worth(levels.held[other])}."
    )


def _worth(found: LevelAgreement) -> str:
    return (
        f"{_shown(found.share_exact, 100, '.0f')} % have the reader's level, quadratic-weighted "
        f"kappa {_shown(found.kappa, 1, '.2f')}"
    )


def _shown(interval: Interval, times: float, form: str) -> str:
    if interval.value is None:
        return "undefined"
    value = format(times * interval.value, form)
    if interval.low is None or interval.high is None:
        return value
    return f"{value} [{format(times * interval.low, form)}, {format(times * interval.high, form)}]"
