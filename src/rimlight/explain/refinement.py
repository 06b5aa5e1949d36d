"""Paths walked until complete: gradients where they are needed, added up as they come.

Running sums hold width x gradient of every stretch.  Cutting a stretch takes two thirds of its
gradient out of the sum again; so gradients of open paths are kept while a fixed budget of memory
lasts, and taken once more where it does not.  Memory does not depend on the number of points.
"""

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
    unmeasured,
    worst,
)

_KEPT_BYTES = 128 * 2**20
_MOST_KEPT = 64  # gradients of a path, on average over a block
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
        how far the response goes up and down; it bounds what a lucky gap hides.
    spacing: of the first points; ``even`` is for comparison with other tools.
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
    tolerance_absolute: float = 0.05
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
        size = max(1, min(128, _KEPT_BYTES // max(2 * bytes_a_point * n_points, 1)))
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
    walk = _Walk(paths, image, stream=stream)
    n_first = settings.n_at_first(paths.n_references)
    walk.open(borders(n_first, spacing=settings.spacing))
    allowed = np.maximum(settings.tolerance * np.abs(walk.rise), settings.tolerance_absolute)
    is_open = np.ones(len(image), dtype=bool)
    while True:
        errors = walk.errors()
        is_open &= ~_is_enough(walk, errors, allowed=allowed, settings=settings)
        n_free = np.where(is_open, (settings.n_most - walk.n_gradients) // 2, 0).clip(min=0)
        chosen = worst(errors.of_stretch, walk.image_of_stretch, n_free=n_free)
        if not chosen.any():
            break
        walk.cut(chosen)
    change = torch.full((len(image),), torch.nan, dtype=torch.float64, device=image.device)
    if settings.is_checked:
        coarse = walk.maps().mean(1)
        walk.cut(np.ones(len(walk.stretches.path), dtype=bool))
        errors, change = walk.errors(), _change(coarse, walk.maps().mean(1))
    is_enough = _is_enough(walk, errors, allowed=allowed, settings=settings)
    return walk.finished(errors, allowed=np.where(is_enough, allowed, -1), change=change)


def _is_enough(
    walk: "_Walk", errors: PathErrors, *, allowed: np.ndarray, settings: PathSettings
) -> np.ndarray:
    gap, spread = walk.of_image(errors.gap_of_path), walk.of_image(errors.spread_of_path)
    allowed_spread = settings.tolerance_spread * walk.of_image(errors.climb_of_path)
    is_enough: np.ndarray = (np.abs(gap) <= _SLACK * allowed) & (
        spread <= np.maximum(allowed_spread, allowed)
    )
    return is_enough


class _Walk:
    """The open book of one block of images."""

    def __init__(self, paths: Paths, image: Tensor, *, stream: Stream) -> None:
        self.paths, self.image, self.stream = paths, image, stream
        r, shape = paths.n_references, paths.images.shape[1:]
        n_paths = len(image) * r
        self.start_of_path = paths.start_of(image).flatten()
        self.image_of_path = image.repeat_interleave(r)
        self.sums = paths.images.new_zeros((n_paths, *shape))
        self.from_response = paths.response_of_start[self.start_of_path].cpu().numpy()
        self.to_response = paths.response_of_image[self.image_of_path].cpu().numpy()
        self.rise = (self.to_response - self.from_response).reshape(-1, r).mean(1)
        self.n_gradients = np.zeros(len(image), dtype=np.int64)
        size = max(self.sums[0].numel() * self.sums.element_size(), 1)
        n_slots = min(_KEPT_BYTES // size, n_paths * _MOST_KEPT)
        self.kept = self.sums.new_empty((max(1, n_slots), *shape))
        self.n_kept = 0

    @property
    def image_of_stretch(self) -> np.ndarray:
        numbers: np.ndarray = self.stretches.path // self.paths.n_references
        return numbers

    def open(self, at: np.ndarray) -> None:
        n_paths, n = len(self.sums), len(at) - 1
        path = np.repeat(np.arange(n_paths), n)
        first = unmeasured(path, np.tile(at[:-1], n_paths), np.tile(np.diff(at), n_paths))
        self.stretches = self._measured(first, weight=first.width)

    def errors(self) -> PathErrors:
        return path_errors(self.stretches, start=self.from_response, end=self.to_response)

    def of_image(self, of_path: np.ndarray) -> np.ndarray:
        """Return the mean over the paths of each image."""
        mean: np.ndarray = of_path.reshape(-1, self.paths.n_references).mean(1)
        return mean

    def cut(self, chosen: np.ndarray) -> None:
        """Cut the chosen stretches into three; the sums follow."""
        old = self.stretches.only(chosen)
        middle, outer = cut(old)
        surplus = middle.width - old.width
        is_kept = old.slot >= 0
        self._add_kept(old.only(is_kept), surplus[is_kept])
        lost = middle.only(~is_kept)
        self._measured(lost, weight=surplus[~is_kept])
        measured = self._measured(outer, weight=outer.width)
        self.stretches = self.stretches.only(~chosen).joined(middle.joined(measured))

    def _add_kept(self, old: Stretches, weight: np.ndarray) -> None:
        slot, path, factor = self._tensor(old.slot), self._tensor(old.path), self._tensor(weight)
        for first in range(0, len(slot), self.stream.chunk):
            part = slice(first, first + self.stream.chunk)
            self._add(path[part], factor[part], self.kept[slot[part]])

    def _add(self, path: Tensor, factor: Tensor, gradient: Tensor) -> None:
        shaped = factor.to(gradient.dtype).view(-1, *[1] * (gradient.ndim - 1))
        self.sums.index_add_(0, path, shaped * gradient)

    def _measured(self, todo: Stretches, *, weight: np.ndarray) -> Stretches:
        """Take the gradients in the middles, add weight x gradient to the sums, keep what fits."""
        n, device = len(todo.path), self.sums.device
        slot = self._new_slots(n)
        place, path, factor = (self._tensor(part) for part in (todo.middle, todo.path, weight))
        response = torch.zeros(n, dtype=torch.float64, device=device)
        slope = torch.zeros_like(response)

        def compute(first: int, last: int) -> tuple[Tensor, Tensor, Tensor]:
            own = path[first:last]
            begin = self.paths.start[self.start_of_path[own]]
            way = self.paths.images[self.image_of_path[own]] - begin
            a = place[first:last].to(way.dtype).view(-1, *[1] * (way.ndim - 1))
            found, gradient = self.stream.gradients(begin + a * way)
            return found, (gradient * way).flatten(1).sum(1, dtype=torch.float64), gradient

        def take(first: int, last: int, part: tuple[Tensor, Tensor, Tensor]) -> None:
            response[first:last], slope[first:last], gradient = part
            n_kept = int((slot[first:last] >= 0).sum())
            self.kept[self._tensor(slot[first : first + n_kept])] = gradient[:n_kept]
            self._add(path[first:last], factor[first:last], gradient)

        self.stream.in_chunks(n, compute, take)
        np.add.at(self.n_gradients, todo.path // self.paths.n_references, 1)
        return replace(todo, response=response.cpu().numpy(), slope=slope.cpu().numpy(), slot=slot)

    def _new_slots(self, n: int) -> np.ndarray:
        """Return places for gradients; -1 once the budget is spent."""
        slot = self.n_kept + np.arange(n)
        self.n_kept = min(len(self.kept), self.n_kept + n)
        return np.where(slot < len(self.kept), slot, -1)

    def _tensor(self, numbers: np.ndarray) -> Tensor:
        return torch.from_numpy(numbers).to(self.sums.device)

    def maps(self) -> Tensor:
        """Return the map of every path, (n, r, ...)."""
        r, shape = self.paths.n_references, self.sums.shape[1:]
        images = self.paths.images[self.image]
        maps = torch.empty((len(images), r, *shape), dtype=self.sums.dtype, device=images.device)
        sums, start = self.sums.view_as(maps), self.start_of_path.view(-1, r)
        for number in range(len(images)):
            maps[number] = (images[number] - self.paths.start[start[number]]) * sums[number]
        return maps

    def finished(self, errors: PathErrors, *, allowed: np.ndarray, change: Tensor) -> Finished:
        maps, r = self.maps(), self.paths.n_references
        rise = self._tensor(self.to_response - self.from_response).view(-1, r)
        gaps = maps.flatten(2).sum(2, dtype=torch.float64) - rise
        gap = gaps.mean(1)
        return Finished(
            values=maps.mean(1),
            gap=gap,
            n_gradients=self._tensor(self.n_gradients),
            is_converged=gap.abs() <= self._tensor(allowed),
            map_change=change,
            spread=self._tensor(errors.spread_of_path).view(-1, r).mean(1),
            gap_of_references=gaps,
            reference_sd=maps.std(1) if r > 1 else maps[:0, 0],
        )


def _change(coarse: Tensor, fine: Tensor) -> Tensor:
    """L1 distance of two maps over the L1 of the second; 0 where nothing moved."""
    moved = (fine - coarse).abs().flatten(1).sum(1, dtype=torch.float64)
    size = fine.abs().flatten(1).sum(1, dtype=torch.float64)
    return torch.where(moved == 0, 0.0, moved / size)
