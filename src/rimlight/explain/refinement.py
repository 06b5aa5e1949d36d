"""Paths walked until complete: gradients where they are needed, weighted when the walk is over.

The gradients of open paths are kept while a fixed budget of memory lasts; what does not fit is
taken once more at the end.  Memory does not depend on the number of points.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch
from torch import Tensor

from rimlight.explain.stream import Stream
from rimlight.explain.stretches import (
    PathErrors,
    Spacing,
    Stretches,
    borders,
    cut,
    path_errors,
    secant_weights,
    unmeasured,
    worst,
)

_KEPT_BYTES = 256 * 2**20
_MOST_KEPT = 64  # gradients of a path, on average over a block
_SPREAD_OF_GAP = 10  # spread that always suffices, in gaps that always suffice
_SLACK = 0.99  # so that rounding of the finished map does not lift its gap above the tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """How finely a path is walked, and when it is fine enough.

    n_first: points on a path before anything is known of it; several references share them, but
        each has at least 3.
    n_most: gradients of an image, over all its references, after which it is left unconverged.
    tolerance: gap that ends the refinement of an image, as a share of its rise.
    tolerance_absolute: gap that always suffices, in units of the response.
    tolerance_spread: errors along the paths that are allowed to cancel each other, as a share of
        how far the response goes up and down; it bounds what a lucky gap hides. Ten times
        ``tolerance_absolute`` always suffices.
    spacing: of the first points; ``even`` keeps their weights as they are, for comparison with
        other tools.
    chunk: path points in one pass; halved when memory runs out. On processors 16 is fastest,
        since a pass then stays in the cache; on a graphics card take more.
    n_workers: threads that compute chunks side by side; see :class:`Stream`.
    is_checked: whether every finished path is cut once more as a whole, at three times the cost,
        to measure ``map_change``.
    small_rise: rise below which shares of the rise mean nothing, in units of the response.
    """

    n_first: int = 8
    n_most: int = 600
    tolerance: float = 0.01
    tolerance_absolute: float = 0.01
    tolerance_spread: float = 0.1
    spacing: Spacing = "ends"
    chunk: int = 16
    n_workers: int = 1
    is_checked: bool = False
    small_rise: float = 0.5

    def __post_init__(self) -> None:
        if not (self.tolerance >= 0 and self.tolerance_absolute >= 0 and self.chunk >= 1):
            raise ValueError(f"tolerances must be 0 or more and chunk 1 or more, got {self}")
        if not 1 <= self.n_first <= self.n_most:
            raise ValueError(f"n_first: must be 1 to n_most, got {self.n_first}, {self.n_most}")

    def n_at_first(self, n_references: int) -> int:
        """Return the points on each path at first.

        >>> PathSettings().n_at_first(1), PathSettings().n_at_first(8)
        (8, 3)
        """
        return max(min(3, self.n_first), ceil(self.n_first / n_references))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """Straight ways from references to images, many at once.

    images: (n, ...); start: references (n x r, ...), or (r, ...) shared by all images.
    """

    images: Tensor
    start: Tensor
    is_shared: bool
    response_of_image: Tensor
    response_of_start: Tensor

    @property
    def n_references(self) -> int:
        """Paths that lead to one image."""
        return len(self.start) if self.is_shared else len(self.start) // len(self.images)

    def start_of(self, image: Tensor) -> Tensor:
        """Numbers of the references of each image, (n, r)."""
        own = torch.arange(self.n_references, device=image.device).expand(len(image), -1)
        return own if self.is_shared else own + image[:, None] * self.n_references

    def blocks(self, n_points: int) -> tuple[Tensor, ...]:
        """Images that are walked together: the gradients of their first points are kept."""
        n = len(self.images)
        numbers = torch.arange(n, device=self.images.device)
        bytes_a_point = self.images[0].numel() * self.images.element_size() * self.n_references
        size = max(1, min(64, _KEPT_BYTES // max(4 * bytes_a_point * n_points, 1)))
        return tuple(numbers[first : first + size] for first in range(0, n, size))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """What a block of images came to; see :class:`Attributions` for the meaning."""

    values: Tensor
    gap: Tensor
    n_gradients: Tensor
    is_converged: Tensor
    map_change: Tensor
    spread: Tensor
    gap_of_references: Tensor
    reference_sd: Tensor


def refined(paths: Paths, image: Tensor, *, stream: Stream, settings: PathSettings) -> Finished:
    """Return finished maps of the images with these numbers, each refined until complete.

    Raises:
        ValueError: NaN or infinity in a response or gradient, or no gradient at all.
        MemoryError: Not even one path point fits into memory.
    """
    walk = _Walk(paths, image, stream=stream, settings=settings)
    verdict = _judged(walk, settings)
    while True:
        n_free = np.where(verdict.is_enough, 0, (settings.n_most - walk.n_gradients) // 2)
        chosen = worst(verdict.errors.of_stretch, walk.image_of_stretch, n_free=n_free.clip(min=0))
        if not chosen.any():
            break
        walk.cut(chosen)
        verdict = _judged(walk, settings)
    change = torch.full((len(image),), torch.nan, dtype=torch.float64, device=image.device)
    if settings.is_checked:
        coarse = walk.maps(verdict.shift).mean(1)
        walk.cut(np.ones(len(walk.stretches.path), dtype=bool))
        verdict = _judged(walk, settings)
        change = _change(coarse, walk.maps(verdict.shift).mean(1))
    return walk.finished(verdict, change=change)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Verdict:
    """Of each image: whether its paths are fine enough, and how far its weights move, 0..1."""

    errors: PathErrors
    allowed: np.ndarray
    is_enough: np.ndarray
    shift: np.ndarray
    spread: np.ndarray


def _judged(walk: "_Walk", settings: PathSettings) -> _Verdict:
    errors = walk.errors()
    allowed = np.maximum(settings.tolerance * np.abs(walk.rise), settings.tolerance_absolute)
    gap, spread = walk.of_image(errors.gap_of_path), walk.of_image(errors.spread_of_path)
    shift = np.zeros_like(gap)
    if settings.spacing == "ends":
        shift = _shift(gap, walk.of_image(errors.secant_gap_of_path), aim=_SLACK * allowed)
        gap = gap + shift * (walk.of_image(errors.secant_gap_of_path) - gap)
    allowed_spread = settings.tolerance_spread * walk.of_image(errors.climb_of_path)
    least_spread = _SPREAD_OF_GAP * settings.tolerance_absolute
    is_complete = np.abs(gap) <= _SLACK * allowed * (1 + 1e-9)
    is_enough = is_complete & (spread <= np.maximum(allowed_spread, least_spread))
    return _Verdict(errors=errors, allowed=allowed, is_enough=is_enough, shift=shift, spread=spread)


def _shift(gap: np.ndarray, secant_gap: np.ndarray, *, aim: np.ndarray) -> np.ndarray:
    """Return how far weights must move from widths to secant weights for a gap within ``aim``."""
    way = gap - secant_gap
    needed = (gap - np.sign(gap) * aim) / np.where(way == 0, 1, way)
    is_needed = (np.abs(gap) > aim) & (way * gap > 0)
    return np.where(is_needed, needed, 0).clip(0, 1)


class _Walk:
    """The open book of one block of images."""

    def __init__(
        self, paths: Paths, image: Tensor, *, stream: Stream, settings: PathSettings
    ) -> None:
        self.paths, self.image, self.stream = paths, image, stream
        r, shape = paths.n_references, paths.images.shape[1:]
        n_paths = len(image) * r
        self.start_of_path = paths.start_of(image).flatten()
        self.image_of_path = image.repeat_interleave(r)
        self.from_response = paths.response_of_start[self.start_of_path].cpu().numpy()
        self.to_response = paths.response_of_image[self.image_of_path].cpu().numpy()
        self.rise = self.of_image(self.to_response - self.from_response)
        self.n_gradients = np.zeros(len(image), dtype=np.int64)
        size = max(paths.images[0].numel() * paths.images.element_size(), 1)
        n_slots = min(_KEPT_BYTES // size, n_paths * _MOST_KEPT)
        self.kept = paths.images.new_empty((max(1, n_slots), *shape))
        self.n_kept = 0
        at = borders(settings.n_at_first(r), spacing=settings.spacing)
        path = np.repeat(np.arange(n_paths), len(at) - 1)
        begin, width = np.tile(at[:-1], n_paths), np.tile(np.diff(at), n_paths)
        self.stretches = self._measured(unmeasured(path, begin, width))

    @property
    def image_of_stretch(self) -> np.ndarray:
        numbers: np.ndarray = self.stretches.path // self.paths.n_references
        return numbers

    def of_image(self, of_path: np.ndarray) -> np.ndarray:
        """Return the mean over the paths of each image."""
        mean: np.ndarray = of_path.reshape(-1, self.paths.n_references).mean(1)
        return mean

    def errors(self) -> PathErrors:
        return path_errors(self.stretches, start=self.from_response, end=self.to_response)

    def cut(self, chosen: np.ndarray) -> None:
        """Cut the chosen stretches into three."""
        middle, outer = cut(self.stretches.only(chosen))
        rest = self.stretches.only(~chosen)
        self.stretches = rest.joined(middle.joined(self._measured(outer)))

    def _measured(self, todo: Stretches) -> Stretches:
        """Take the gradients in the middles; keep what fits."""
        n = len(todo.path)
        slot = self._new_slots(n)
        response = torch.zeros(n, dtype=torch.float64, device=self.kept.device)
        slope = torch.zeros_like(response)

        def take(first: int, last: int, part: tuple[Tensor, Tensor, Tensor]) -> None:
            response[first:last], slope[first:last], gradient = part
            n_kept = int((slot[first:last] >= 0).sum())
            self.kept[self._tensor(slot[first : first + n_kept])] = gradient[:n_kept]

        self._with_gradients(todo, take)
        return replace(todo, response=response.cpu().numpy(), slope=slope.cpu().numpy(), slot=slot)

    def _with_gradients(
        self, todo: Stretches, take: Callable[[int, int, tuple[Tensor, Tensor, Tensor]], None]
    ) -> None:
        """Hand on response, slope and gradient in the middle of every stretch, chunk by chunk."""
        place, path = self._tensor(todo.middle), self._tensor(todo.path)

        def compute(first: int, last: int) -> tuple[Tensor, Tensor, Tensor]:
            own = path[first:last]
            begin = self.paths.start[self.start_of_path[own]]
            way = self.paths.images[self.image_of_path[own]] - begin
            a = place[first:last].to(way.dtype).view(-1, *[1] * (way.ndim - 1))
            found, gradient = self.stream.gradients(begin + a * way)
            return found, (gradient * way).flatten(1).sum(1, dtype=torch.float64), gradient

        self.stream.in_chunks(len(todo.path), compute, take)
        np.add.at(self.n_gradients, todo.path // self.paths.n_references, 1)

    def _new_slots(self, n: int) -> np.ndarray:
        """Return places for gradients; -1 once the budget is spent."""
        slot = self.n_kept + np.arange(n)
        self.n_kept = min(len(self.kept), self.n_kept + n)
        return np.where(slot < len(self.kept), slot, -1)

    def _tensor(self, numbers: np.ndarray) -> Tensor:
        return torch.from_numpy(numbers).to(self.kept.device)

    def maps(self, shift: np.ndarray) -> Tensor:
        """Return the map of every path, (n, r, ...), with weights moved as far as said."""
        r, shape = self.paths.n_references, self.kept.shape[1:]
        maps = self._mean_gradients(shift).view(len(self.image), r, *shape)
        start = self.start_of_path.view(-1, r)
        for number, image in enumerate(self.paths.images[self.image]):
            maps[number] *= image - self.paths.start[start[number]]
        return maps

    def _mean_gradients(self, shift: np.ndarray) -> Tensor:
        """Return the weighted mean of the gradients of each path; those not kept come again."""
        stretches = self.stretches
        secant = secant_weights(stretches, start=self.from_response, end=self.to_response)
        moved = shift[self.image_of_stretch] * (secant - stretches.width)
        weight = stretches.width + moved
        sums = self.kept.new_zeros((len(self.start_of_path), *self.kept.shape[1:]))

        def add(part: Stretches, factor: np.ndarray, gradient: Tensor) -> None:
            scale = self._tensor(factor).to(gradient.dtype).view(-1, *[1] * (gradient.ndim - 1))
            sums.index_add_(0, self._tensor(part.path), scale * gradient)

        is_kept = stretches.slot >= 0
        kept, factor = stretches.only(is_kept), weight[is_kept]
        for first in range(0, len(factor), self.stream.chunk):
            part = slice(first, first + self.stream.chunk)
            add(kept.only(part), factor[part], self.kept[self._tensor(kept.slot[part])])
        lost, missing = stretches.only(~is_kept), weight[~is_kept]

        def take(first: int, last: int, part: tuple[Tensor, Tensor, Tensor]) -> None:
            add(lost.only(slice(first, last)), missing[first:last], part[2])

        self._with_gradients(lost, take)
        return sums

    def finished(self, verdict: _Verdict, *, change: Tensor) -> Finished:
        maps, r = self.maps(verdict.shift), self.paths.n_references
        rise = self._tensor(self.to_response - self.from_response).view(-1, r)
        gaps = maps.flatten(2).sum(2, dtype=torch.float64) - rise
        gap = gaps.mean(1)
        return Finished(
            values=maps.mean(1),
            gap=gap,
            n_gradients=self._tensor(self.n_gradients),
            is_converged=(gap.abs() <= self._tensor(verdict.allowed))
            & self._tensor(verdict.is_enough),
            map_change=change,
            spread=self._tensor(verdict.spread),
            gap_of_references=gaps,
            reference_sd=maps.std(1) if r > 1 else maps[:0, 0],
        )


def _change(coarse: Tensor, fine: Tensor) -> Tensor:
    """L1 distance of two maps over the L1 of the second; 0 where nothing moved."""
    moved = (fine - coarse).abs().flatten(1).sum(1, dtype=torch.float64)
    size = fine.abs().flatten(1).sum(1, dtype=torch.float64)
    return torch.where(moved == 0, 0.0, moved / size)
