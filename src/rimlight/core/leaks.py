"""Patches that show the same tissue on two sides of a split, whatever their case is called.

A split by case cannot see that one slide was registered under two cases, or that a patch was
copied, turned or shifted. Here tissue itself is compared: dark and bright spots of every patch are
described so that neither place nor turn matters, alike spots on two sides are aligned, and what
the two patches share is correlated pixel by pixel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float32, Int64, Shaped, UInt8

LEAST_CORRELATION = 0.9
"""Of two aligned patches; benchmarks/near_duplicates.py prints what distinct tissue reaches."""
LEAST_SHARED_PX = 28
"""Side that two patches must share to be compared."""
CORNER_CORRELATION = 0.95
"""Of patches that share less than half of each side: a corner of one membrane is like another."""

_FINE_PX, _COARSE_PX = 1.5, 3.5
_SPOT_PX = 10
_N_SPOTS = 8
_RADII_PX = (2.5, 4.5, 6.5, 8.5, 10.0)
_N_ANGLES = 16
_N_WAVES = 6
_FARTHEST = 2.9
_LEAST_WINDOW_CORRELATION = 0.7
_WORTH_REFINING = 0.5
_FLATTEST = 1.5
_CHUNK = 2048
_SQUARES = np.arange(256, dtype=np.uint16) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SameTissue:
    """Two patches on different sides that show the same tissue.

    first, second: indices of the patches, the lower first.
    correlation: of what they share, without slow changes of brightness; 1 for equal bytes.
    turn: how the second is turned to lie like the first, as in ``core/edits.py``.
    shift_x_px, shift_y_px: where the turned second lies in the first.
    """

    first: int
    second: int
    correlation: float
    turn: int
    shift_x_px: int
    shift_y_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spots:
    """Spots of all patches: patch, row and column, a description and a small window of each."""

    patch: Int64[np.ndarray, " s"]
    row: Int64[np.ndarray, " s"]
    column: Int64[np.ndarray, " s"]
    description: Float32[np.ndarray, "s d"]


def near_duplicates(
    patches: UInt8[np.ndarray, "n h h 3"],
    case: Shaped[np.ndarray, " n"],
    part: Shaped[np.ndarray, " n"],
) -> list[SameTissue]:
    """Return the pairs of patches on different sides that show the same tissue.

    Found are equal patches, their turns and flips, JPEG copies, and patches cut from one place
    with a shift, as far as they share ``LEAST_SHARED_PX`` and a spot. Plain patches without a
    spot are only found if their bytes are equal but for a turn.

    Args:
        case: Patches of one case are not compared.
        part: The side of each patch; patches on one side are not compared.

    Returns:
        One entry a pair, in the order of first and second.

    Raises:
        ValueError: Patches are not square, or too small to share enough.
    """
    if patches.shape[1] != patches.shape[2] or patches.shape[1] < LEAST_SHARED_PX:
        raise ValueError(
            f"patches must be square, at least {LEAST_SHARED_PX} px, got {patches.shape}"
        )
    if len(patches) < 2:
        return []
    found = {(pair.first, pair.second): pair for pair in _equal(patches, case, part)}
    detail, spots = _spots(patches)
    windows = _windows(detail, spots)
    sides = [np.flatnonzero(part[spots.patch] == side) for side in np.unique(part)]
    for here, there in combinations(sides, 2):
        for one, other in _alike(spots, here, there):
            apart = case[spots.patch[one]] != case[spots.patch[other]]
            one, other = one[apart], other[apart]
            turn, likeness = _best_turns(windows, one, other)
            for k in np.flatnonzero(likeness >= _LEAST_WINDOW_CORRELATION):
                pair = _aligned(detail, spots, int(one[k]), int(other[k]), turn=int(turn[k]))
                key = (pair.first, pair.second)
                if pair.correlation >= _needed(pair, len(detail[0])) and (
                    key not in found or found[key].correlation < pair.correlation
                ):
                    found[key] = pair
    return [found[key] for key in sorted(found)]


def _needed(pair: SameTissue, size_px: int) -> float:
    """The correlation from which a pair counts, by how much the two share."""
    is_corner = max(abs(pair.shift_x_px), abs(pair.shift_y_px)) > size_px / 2
    return CORNER_CORRELATION if is_corner else LEAST_CORRELATION


def _equal(
    patches: UInt8[np.ndarray, "n h h 3"],
    case: Shaped[np.ndarray, " n"],
    part: Shaped[np.ndarray, " n"],
) -> Iterator[SameTissue]:
    """Patches with the same bytes but for a turn; patches of one colour are left out."""
    n_px = patches.shape[1] ** 2
    flat = patches.reshape(len(patches), n_px, 3)
    sums = np.concatenate(
        [flat.sum(axis=1, dtype=np.int64), _SQUARES[flat].sum(axis=1, dtype=np.int64)], axis=1
    )
    variance = sums[:, 3:] / n_px - (sums[:, :3] / n_px) ** 2
    is_plain = variance.max(axis=1) < _FLATTEST**2
    _, group = np.unique(sums, axis=0, return_inverse=True)
    order = np.argsort(group.reshape(-1), kind="stable")
    borders = np.flatnonzero(np.diff(group.reshape(-1)[order])) + 1
    for members in np.split(order, borders):
        for i, j in combinations(np.sort(members[~is_plain[members]]), 2):
            if part[i] == part[j] or case[i] == case[j]:
                continue
            for turn in range(8):
                if np.array_equal(patches[i], _turned(patches[j], turn)):
                    yield SameTissue(
                        first=int(i), second=int(j), correlation=1.0, turn=turn,
                        shift_x_px=0, shift_y_px=0,
                    )  # fmt: skip
                    break


def _spots(patches: UInt8[np.ndarray, "n h h 3"]) -> tuple[Float32[np.ndarray, "n h h"], _Spots]:
    """Detail (brightness between two scales) of every patch, and its strongest extremes."""
    from scipy.ndimage import gaussian_filter1d, maximum_filter

    size_px = patches.shape[1]
    one = np.eye(size_px, dtype=np.float32)
    fine, coarse = (gaussian_filter1d(one, sigma, axis=0) for sigma in (_FINE_PX, _COARSE_PX))
    inside = np.zeros((size_px, size_px), dtype=bool)
    inside[_SPOT_PX : size_px - _SPOT_PX, _SPOT_PX : size_px - _SPOT_PX] = True
    details, found = [], []
    for start in range(0, len(patches), _CHUNK):
        grey = patches[start : start + _CHUNK].mean(axis=-1, dtype=np.float32)
        detail = fine @ grey @ fine.T - coarse @ grey @ coarse.T
        details.append(detail)
        strength = np.abs(detail)
        is_peak = (strength == maximum_filter(strength, (1, 7, 7))) & (strength > _FLATTEST)
        patch, row, column = np.nonzero(is_peak & inside)
        order = np.lexsort((-strength[patch, row, column], patch))
        patch, row, column = patch[order], row[order], column[order]
        keep = np.arange(len(patch)) - np.searchsorted(patch, patch) < _N_SPOTS
        found.append(np.stack([patch[keep] + start, row[keep], column[keep]]))
    detail = np.concatenate(details)
    patch, row, column = np.concatenate(found, axis=1)
    circles = _circles(detail, patch, row, column)
    return detail, _Spots(patch=patch, row=row, column=column, description=_described(circles))


def _circles(
    detail: Float32[np.ndarray, "n h h"],
    patch: Int64[np.ndarray, " s"],
    row: Int64[np.ndarray, " s"],
    column: Int64[np.ndarray, " s"],
) -> Float32[np.ndarray, "s radii angles"]:
    """Detail along circles around each spot, of one strength for all spots."""
    from scipy.ndimage import map_coordinates

    angle = 2 * np.pi * np.arange(_N_ANGLES) / _N_ANGLES
    radius = np.array(_RADII_PX)[:, None]
    shape = (len(patch), len(_RADII_PX), _N_ANGLES)
    at = [
        np.broadcast_to(patch[:, None, None], shape),
        row[:, None, None] + radius * np.sin(angle),
        column[:, None, None] + radius * np.cos(angle),
    ]
    circles = map_coordinates(detail, np.array(at), order=1, mode="nearest")
    strength = np.sqrt((circles**2).mean(axis=(1, 2), keepdims=True))
    scaled: np.ndarray = circles / np.maximum(strength, 1e-3)
    return scaled


def _described(circles: Float32[np.ndarray, "s radii angles"]) -> Float32[np.ndarray, "s d"]:
    """Waves along each circle without their phase, which a turn or a flip leaves as they are.

    The descriptions are made to vary equally in all directions, so that a distance between them
    says how unlikely it is by chance.
    """
    waves = np.fft.rfft(circles, axis=2)[:, :, :_N_WAVES]
    plain = np.concatenate([waves[:, :, :1].real, np.abs(waves[:, :, 1:])], axis=2)
    plain = plain.reshape(len(plain), len(_RADII_PX) * _N_WAVES)
    if len(plain) < 2:
        return plain.astype(np.float32)
    centred = plain - plain.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(centred.T))
    even: np.ndarray = centred @ (axes / np.sqrt(variance + 0.05 * variance.mean() + 1e-9))
    return even.astype(np.float32)


def _windows(
    detail: Float32[np.ndarray, "n h h"], spots: _Spots
) -> Float32[np.ndarray, "s side side"]:
    """The square around each spot, mean 0 and length 1."""
    steps = np.arange(-_SPOT_PX, _SPOT_PX + 1)
    rows = (spots.row[:, None] + steps).clip(0, detail.shape[1] - 1)
    columns = (spots.column[:, None] + steps).clip(0, detail.shape[2] - 1)
    windows: np.ndarray = detail[spots.patch[:, None, None], rows[:, :, None], columns[:, None, :]]
    windows -= windows.mean(axis=(1, 2), keepdims=True)
    windows /= np.maximum(np.sqrt((windows**2).sum(axis=(1, 2), keepdims=True)), 1e-9)
    return windows


def _alike(
    spots: _Spots, here: Int64[np.ndarray, " a"], there: Int64[np.ndarray, " b"]
) -> Iterator[tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]]:
    """Spots on two sides whose descriptions are close."""
    others = spots.description[there]
    half = (others**2).sum(axis=1) / 2
    for start in range(0, len(here), _CHUNK):
        some = here[start : start + _CHUNK]
        mine = spots.description[some]
        least = ((mine**2).sum(axis=1) - _FARTHEST**2) / 2
        nearness = mine @ others.T
        nearness -= half
        i, j = np.nonzero(nearness >= least[:, None])
        yield some[i], there[j]


def _best_turns(
    windows: Float32[np.ndarray, "s side side"],
    one: Int64[np.ndarray, " k"],
    other: Int64[np.ndarray, " k"],
) -> tuple[Int64[np.ndarray, " k"], Float32[np.ndarray, " k"]]:
    """Which turn of the other window is most like the one, and how much."""
    best, likeness = np.zeros(len(one), dtype=int), np.full(len(one), -1, dtype=np.float32)
    for start in range(0, len(one), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        a, b = windows[one[chunk]], windows[other[chunk]]
        for turn in range(8):
            like = np.einsum("kij,kij->k", a, _turned(b, turn, axes=(1, 2)))
            better = like > likeness[chunk]
            best[chunk][better], likeness[chunk][better] = turn, like[better]
    return best, likeness


def _aligned(
    detail: Float32[np.ndarray, "n h h"], spots: _Spots, one: int, other: int, *, turn: int
) -> SameTissue:
    """The pair of two spots, laid over each other as well as a pixel or two allow."""
    first = detail[spots.patch[one]]
    second = _turned(detail[spots.patch[other]], turn)
    size_px = len(first)
    marked = np.zeros((size_px, size_px), dtype=bool)
    marked[spots.row[other], spots.column[other]] = True
    row, column = np.argwhere(_turned(marked, turn))[0]
    x, y = int(spots.column[one] - column), int(spots.row[one] - row)
    best = (_correlation(first, second, x, y), x, y)
    if best[0] >= _WORTH_REFINING:
        near = [(x + right, y + down) for down in range(-2, 3) for right in range(-2, 3)]
        best = max((_correlation(first, second, *at), *at) for at in near)
    pair = (int(spots.patch[one]), int(spots.patch[other]))
    correlation, x, y = best
    if pair[0] > pair[1]:
        return _seen_from_second(pair, correlation, turn=turn, shift=(x, y))
    return SameTissue(
        first=pair[0], second=pair[1], correlation=correlation, turn=turn,
        shift_x_px=x, shift_y_px=y,
    )  # fmt: skip


def _seen_from_second(
    pair: tuple[int, int], correlation: float, *, turn: int, shift: tuple[int, int]
) -> SameTissue:
    """The same pair with the roles changed: the turn undone, the shift turned back."""
    undone = turn if turn >= 4 else (4 - turn) % 4
    x, y = -shift[0], -shift[1]
    if undone >= 4:
        x = -x
    for _ in range(undone % 4):
        x, y = y, -x
    return SameTissue(
        first=pair[1], second=pair[0], correlation=correlation, turn=undone,
        shift_x_px=x, shift_y_px=y,
    )  # fmt: skip


def _correlation(
    first: Float32[np.ndarray, "h h"], second: Float32[np.ndarray, "h h"], x: int, y: int
) -> float:
    """Correlation of what two patches share when the second lies at x, y in the first."""
    size_px = len(first)
    if size_px - abs(x) < LEAST_SHARED_PX or size_px - abs(y) < LEAST_SHARED_PX:
        return -1.0
    a = first[max(y, 0) : size_px + min(y, 0), max(x, 0) : size_px + min(x, 0)]
    b = second[max(-y, 0) : size_px + min(-y, 0), max(-x, 0) : size_px + min(-x, 0)]
    length = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return min(float((a * b).sum()) / length, 1.0) if length > 0 else -1.0


def _turned(
    image: Shaped[np.ndarray, "..."], turn: int, *, axes: tuple[int, int] = (0, 1)
) -> Shaped[np.ndarray, "..."]:
    flipped = np.flip(image, axis=axes[1]) if turn >= 4 else image
    return np.rot90(flipped, k=turn % 4, axes=axes)
