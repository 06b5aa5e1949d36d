"""The cores of a tissue array: found on an overview, fitted to their grid, and named.

Cores are round and of about one diameter, rows and columns about straight; the grid may be turned
by some degrees, cores may be missing, broken, moved or touched by debris.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, ceil, degrees, radians, tan

import numpy as np
from jaxtyping import Bool, Float64, Int64

# Own definitions, in diameters of a core unless said otherwise; docs/decisions/0018.
_GUARD_RING = (0.55, 0.70)  # radii around a core in which there should be glass
_GUARD_WEIGHT = 0.5
_LEAST_MATCH = 0.2
_APART = 0.8
_PITCHES = (0.9, 4.0)
_LARGEST_TURN_DEG = 12.0
_SAME_STEP = 0.15
_STEP_REACH = 0.35  # of a step between cores
_SOUND_SHARE = 0.6
_LEAST_OUTER_SHARE = 0.3
LEAST_TISSUE_SHARE = 0.1
"""Of a core's circle; a core with less is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A place of the grid, with or without tissue.

    row, column: from 0. x_px, y_px: its centre. tissue_share: of its circle, 0..1.
    """

    row: int
    column: int
    x_px: float
    y_px: float
    tissue_share: float

    @property
    def name(self) -> str:
        """Row and column as QuPath names them: ``A-1`` is the first core of the first row."""
        return f"{row_letters(self.row)}-{self.column + 1}"

    @property
    def is_missing(self) -> bool:
        """Whether it holds too little tissue."""
        return self.tissue_share < LEAST_TISSUE_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueArray:
    """The cores of an array, row by row; turn_deg: of its rows, clockwise on the picture."""

    cores: tuple[Core, ...]
    n_rows: int
    n_columns: int
    turn_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Nodes at ``start + column * across + row * down``, each x and y in pixels."""

    start: Float64[np.ndarray, " 2"]
    across: Float64[np.ndarray, " 2"]
    down: Float64[np.ndarray, " 2"]

    def nodes(self, places: Int64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Return x and y of nodes by column and row."""
        nodes: np.ndarray = self.start + places @ np.stack([self.across, self.down])
        return nodes

    def places(self, points: Float64[np.ndarray, "n 2"]) -> Int64[np.ndarray, "n 2"]:
        """Return column and row of the node nearest to each point."""
        steps = np.linalg.solve(np.column_stack([self.across, self.down]), (points - self.start).T)
        places: np.ndarray = np.rint(steps.T).astype(np.int64)
        return places

    @property
    def step_px(self) -> float:
        return float(min(np.hypot(*self.across), np.hypot(*self.down)))


def find_cores(
    mask: Bool[np.ndarray, "h w"],
    *,
    diameter_px: float,
    n_rows: int | None = None,
    n_columns: int | None = None,
) -> TissueArray:
    """Return the cores of a tissue array.

    A place of the grid between found cores is returned too, as missing. Rows and columns at the
    rim that hold no tissue cannot be seen; where the array has such, or cores beside the grid,
    say how many there are.

    Args:
        mask: Tissue on an overview.
        diameter_px: About the diameter of a core; some 40 px are enough.
        n_rows: Of the array; None for what is found.
        n_columns: Likewise.

    Raises:
        ValueError: No core is found, or the diameter is below 6 px; the message is a clause.

    Source:
        Own definition, see docs/decisions/0018-regions-and-tissue-arrays.md.
    """
    if diameter_px < 6:
        raise ValueError(f"needs an overview on which a core is 6 px wide, got {diameter_px:.1f}")
    match = _match(mask, diameter_px)
    peaks = _peaks(match, diameter_px)
    if not len(peaks):
        raise ValueError("no round core of this diameter is found")
    grid, peak_of_place = _fitted(peaks, diameter_px)
    shares = _Shares.of(mask, diameter_px)
    area = _area(peaks, peak_of_place, shares, n_rows=n_rows, n_columns=n_columns)
    cores = []
    for row in range(area[1], area[3]):
        for column in range(area[0], area[2]):
            node = grid.nodes(np.array([[column, row]]))[0]
            found = peak_of_place.get((column, row))
            x, y = _centre(node, None if found is None else peaks[found], shares)
            cores.append(
                Core(
                    row=row - area[1],
                    column=column - area[0],
                    x_px=float(x),
                    y_px=float(y),
                    tissue_share=shares.at(x, y),
                )
            )
    return TissueArray(
        cores=tuple(cores),
        n_rows=area[3] - area[1],
        n_columns=area[2] - area[0],
        turn_deg=degrees(atan2(grid.across[1], grid.across[0])),
    )


def core_diameter_px(mask: Bool[np.ndarray, "h w"]) -> float:
    """Return the usual diameter of round pieces of tissue, in pixels.

    Raises:
        ValueError: Fewer than four pieces are round; the message is a clause.
    """
    from scipy.ndimage import find_objects, label

    marks, _ = label(mask)
    diameters = []
    for number, (rows, columns) in enumerate(find_objects(marks), start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        filled = (marks[rows, columns] == number).mean() / (np.pi / 4)
        if min(height, width) >= 8 and min(height, width) > 0.85 * max(height, width):
            diameters += [(height + width) / 2] if filled > 0.85 else []
    if len(diameters) < 4:
        raise ValueError(f"{len(diameters)} round pieces of tissue are found, needed 4")
    return float(np.median(diameters))


def row_letters(row: int) -> str:
    """Return the letters of a row, counted from 0.

    >>> [row_letters(row) for row in (0, 25, 26, 53)]
    ['A', 'Z', 'AA', 'BB']
    """
    letters = ""
    number = row + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _disc(radius_px: float, inner_px: float = 0.0) -> Float64[np.ndarray, "k k"]:
    """Return a disc or a ring whose values add up to 1."""
    reach = ceil(radius_px)
    away = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    disc = ((away <= radius_px) & (away >= inner_px)).astype(np.float64)
    kernel: np.ndarray = disc / disc.sum()
    return kernel


def _match(mask: Bool[np.ndarray, "h w"], diameter_px: float) -> Float64[np.ndarray, "h w"]:
    """Return how well a core fits everywhere: tissue within, less half of that around."""
    from scipy.signal import fftconvolve

    tissue = mask.astype(np.float64)
    inside = fftconvolve(tissue, _disc(diameter_px / 2), mode="same")
    inner, outer = (radius * diameter_px for radius in _GUARD_RING)
    around = fftconvolve(tissue, _disc(outer, inner), mode="same")
    match: np.ndarray = inside - _GUARD_WEIGHT * around
    return match


def _peaks(match: Float64[np.ndarray, "h w"], diameter_px: float) -> Float64[np.ndarray, "n 2"]:
    """Return x and y of the best matches, the best first and none near a better one."""
    from scipy.ndimage import maximum_filter

    highest = maximum_filter(match, size=max(3, round(diameter_px / 4)))
    rows, columns = np.nonzero((match == highest) & (match > _LEAST_MATCH))
    order = np.argsort(-match[rows, columns], kind="stable")
    kept: list[np.ndarray] = []
    for x, y in np.column_stack([columns, rows])[order].astype(np.float64):
        if all(np.hypot(x - a, y - b) >= _APART * diameter_px for a, b in kept):
            kept.append(np.array([x, y]))
    return np.array(kept).reshape(-1, 2)


def _fitted(
    peaks: Float64[np.ndarray, "n 2"], diameter_px: float
) -> tuple[_Grid, dict[tuple[int, int], int]]:
    """Return the grid of the peaks, and which peak lies at which column and row."""
    across = _step(peaks, diameter_px)
    turned = _step(peaks[:, ::-1], diameter_px)
    down = None if turned is None else turned[::-1]
    if across is None:
        across = (
            np.array([1.5 * diameter_px, 0.0]) if down is None else np.array([down[1], -down[0]])
        )
    if down is None:
        down = np.array([-across[1], across[0]])
    neighbours = [_near(peaks, peak, across, down) for peak in peaks]
    seed = int(np.argmax([len(found) for found in neighbours]))
    place_of = {seed: (0, 0)}
    waiting = [seed]
    while waiting:
        at = waiting.pop(0)
        for peak, (column, row) in neighbours[at]:
            if peak not in place_of:
                place_of[peak] = (place_of[at][0] + column, place_of[at][1] + row)
                waiting.append(peak)
    grid = _Grid(start=peaks[seed], across=across, down=down)
    for _ in range(4):
        grid = _least_squares(peaks, place_of, grid)
        place_of = _taken(peaks, grid)
    return grid, {place: peak for peak, place in place_of.items()}


def _step(peaks: Float64[np.ndarray, "n 2"], diameter_px: float) -> np.ndarray | None:
    """Return the usual step from a core to the next to its right; None without any.

    The shortest step that is nearly as frequent as the most frequent one.
    """
    from scipy.spatial import cKDTree

    steps = (peaks[None] - peaks[:, None]).reshape(-1, 2)
    length = np.hypot(*steps.T) / diameter_px
    is_across = (steps[:, 0] > 0) & (
        np.abs(steps[:, 1]) < tan(radians(_LARGEST_TURN_DEG)) * steps[:, 0]
    )
    steps = steps[is_across & (length > _PITCHES[0]) & (length < _PITCHES[1])]
    if not len(steps):
        return None
    near = cKDTree(steps).query_ball_point(steps, r=_SAME_STEP * diameter_px)
    count = np.array([len(found) for found in near])
    frequent = np.flatnonzero(count >= 0.6 * count.max())
    shortest = frequent[np.argmin(np.hypot(*steps[frequent].T))]
    best = max(near[shortest], key=lambda number: (count[number], -number))
    step: np.ndarray = steps[near[best]].mean(axis=0)
    return step


def _near(
    peaks: Float64[np.ndarray, "n 2"],
    peak: Float64[np.ndarray, " 2"],
    across: Float64[np.ndarray, " 2"],
    down: Float64[np.ndarray, " 2"],
) -> list[tuple[int, tuple[int, int]]]:
    """Return the peaks one step away, each with the step in columns and rows."""
    found = []
    reach = _STEP_REACH * min(np.hypot(*across), np.hypot(*down))
    for column, row in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        away = np.hypot(*(peaks - (peak + column * across + row * down)).T)
        nearest = int(np.argmin(away))
        if away[nearest] < reach:
            found.append((nearest, (column, row)))
    return found


def _least_squares(
    peaks: Float64[np.ndarray, "n 2"], place_of: dict[int, tuple[int, int]], before: _Grid
) -> _Grid:
    """Return the grid that fits the placed peaks best; unchanged with too few of them."""
    numbers = list(place_of)
    places = np.array([place_of[number] for number in numbers])
    if len(set(places[:, 0])) < 2 or len(set(places[:, 1])) < 2:
        return before
    terms = np.column_stack([np.ones(len(places)), places])
    (start, across, down), *_ = np.linalg.lstsq(terms, peaks[numbers], rcond=None)
    return _Grid(start=start, across=across, down=down)


def _taken(peaks: Float64[np.ndarray, "n 2"], grid: _Grid) -> dict[int, tuple[int, int]]:
    """Return the place of each peak that lies near a node; of two at one, the nearer."""
    places = grid.places(peaks)
    away = np.hypot(*(peaks - grid.nodes(places)).T)
    best: dict[tuple[int, int], int] = {}
    for number in np.argsort(away, kind="stable").tolist():
        if away[number] < _STEP_REACH * grid.step_px:
            best.setdefault((int(places[number, 0]), int(places[number, 1])), number)
    return {number: place for place, number in best.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """The share of tissue in the circle of a core around any place."""

    share: Float64[np.ndarray, "h w"]

    @classmethod
    def of(cls, mask: Bool[np.ndarray, "h w"], diameter_px: float) -> "_Shares":
        from scipy.signal import fftconvolve

        kernel = _disc(diameter_px / 2)
        return cls(share=fftconvolve(mask.astype(np.float64), kernel, mode="same").clip(0, 1))

    def at(self, x_px: float, y_px: float) -> float:
        row, column = round(float(y_px)), round(float(x_px))
        height, width = self.share.shape
        is_inside = 0 <= row < height and 0 <= column < width
        return float(self.share[row, column]) if is_inside else 0.0


def _centre(
    node: Float64[np.ndarray, " 2"], peak: Float64[np.ndarray, " 2"] | None, shares: _Shares
) -> Float64[np.ndarray, " 2"]:
    """Return where a core is taken to lie: where it fits best, but a broken one at its node."""
    if peak is None or shares.at(*peak) < _SOUND_SHARE:
        return node
    return peak


def _area(
    peaks: Float64[np.ndarray, "n 2"],
    peak_of_place: dict[tuple[int, int], int],
    shares: _Shares,
    *,
    n_rows: int | None,
    n_columns: int | None,
) -> tuple[int, int, int, int]:
    """Return first column, first row, and those after the last."""
    sure = {
        place: shares.at(*peaks[peak])
        for place, peak in peak_of_place.items()
        if shares.at(*peaks[peak]) >= _LEAST_OUTER_SHARE
    }
    sure = sure or dict.fromkeys(peak_of_place, 1.0)
    columns = _span([place[0] for place in sure], list(sure.values()), n_columns)
    rows = _span([place[1] for place in sure], list(sure.values()), n_rows)
    return columns[0], rows[0], columns[1], rows[1]


def _span(places: Sequence[int], shares: Sequence[float], n: int | None) -> tuple[int, int]:
    """Return the first place and the one after the last; of ``n`` those with the most tissue."""
    first, last = min(places), max(places)
    if n is None:
        return first, last + 1
    weight = np.bincount(np.array(places) - first, weights=np.array(shares))
    starts = range(min(first, last + 1 - n), max(first, last + 1 - n) + 1)
    inside = [weight[max(0, s - first) : max(0, s - first + n)].sum() for s in starts]
    start = starts[int(np.argmax(inside))]
    return start, start + n
