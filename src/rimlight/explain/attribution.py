"""Integrated Gradients of any differentiable response, refined until complete or marked.

    A_i = (x_i - x'_i) x mean gradient on the straight path      sum_i A_i = F(x) - F(x') = rise

A map is blind to the colour of its reference: A_i is 0 wherever x_i = x'_i.  So a reference is
always named.  Items have any shape: signals, images, volumes.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from rimlight.explain.path_points import PathPoints, Spacing, path_points, rungs_for
from rimlight.explain.references import check_reference, check_tensors
from rimlight.explain.responses import (
    Response,
    check_items_are_independent,
    check_modules,
    modules_of,
    parameters_at_rest,
)
from rimlight.explain.stream import Stream, plain_arithmetic

__all__ = ["Attributions", "PathSettings", "Response", "attributions"]

_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """How finely a path is walked, and when it is fine enough.

    rungs: points on the path to one reference, each three times the last; several references
        share them, but each has at least 8.
    tolerance: gap that ends the refinement of an image, as a share of its rise.
    tolerance_absolute: gap that always suffices, in units of the response.
    spacing: ``ends`` crowds points at both ends; ``even`` is for comparison only.
    chunk: path points in one pass; halved when memory runs out. On processors 16 to 32 is fastest,
        since a pass then stays in the cache; on a graphics card take more.
    fewest_rungs: 2 walks one rung more than completeness asks for, to measure ``map_change``.
    small_rise: rise below which shares of the rise mean nothing, in units of the response.
    """

    rungs: tuple[int, ...] = (32, 96, 288)
    tolerance: float = 0.01
    tolerance_absolute: float = 0.05
    spacing: Spacing = "ends"
    chunk: int = 32
    fewest_rungs: int = 1
    small_rise: float = 0.5

    def __post_init__(self) -> None:
        triples = [self.rungs[0] * 3**step for step in range(len(self.rungs))] if self.rungs else []
        if list(self.rungs) != triples or not triples or triples[0] < 1:
            raise ValueError(f"rungs: each must be three times the last, got {self.rungs}")
        if not (self.tolerance >= 0 and self.tolerance_absolute >= 0 and self.chunk >= 1):
            raise ValueError(f"tolerances must be 0 or more and chunk 1 or more, got {self}")
        if not 1 <= self.fewest_rungs <= len(self.rungs):
            raise ValueError(f"fewest_rungs: must be 1 to {len(self.rungs)}, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attributions:
    """What each input value added to the response on the way from reference to image.

    values: signed, in units of the response; a mean over the references.
    rise: response(image) - mean response(references).
    gap: sum of the values minus the rise.
    n_gradients: gradients spent on the image, over all references.
    is_converged: whether the gap is within tolerance; where not, stamp the map.
    map_change: L1 distance of the last two rungs' maps over the L1 of the last; NaN after one.
    is_small_rise: shares of the rise mean nothing here.
    reference_sd: SD of the map over references; None for one reference.
    is_forced: whether a reference that is normally refused was forced; stamp the map.
    """

    values: Float[Tensor, "n *shape"]
    rise: Float64[Tensor, "n"]
    gap: Float64[Tensor, "n"]
    n_gradients: Int64[Tensor, "n"]
    is_converged: Bool[Tensor, "n"]
    map_change: Float64[Tensor, "n"]
    is_small_rise: Bool[Tensor, "n"]
    response_of_image: Float64[Tensor, "n"]
    response_of_references: Float64[Tensor, "n r"]
    gap_of_references: Float64[Tensor, "n r"]
    reference_sd: Float[Tensor, "n *shape"] | None
    reference_name: str
    is_forced: bool = False


def attributions(
    response: Response,
    images: Float[Tensor, "n *shape"],
    *,
    references: Float[Tensor, "n r *shape"] | Float[Tensor, "r *shape"],
    reference_name: str,
    settings: PathSettings | None = None,
    forced: bool = False,
) -> Attributions:
    """Return how much each input value moved the response, for a batch of images.

    Each image climbs rungs of three times as many points until its gap is within tolerance, and
    is marked where the last rung was not enough.  Memory does not depend on the points.  Several
    references give the mean map and its SD.

    Args:
        response: Maps (n, ...) to (n,), each item by itself: for us the logit, in evaluation mode.
        images: float32 or float64; any shape after n.
        references: Where the paths start: (n, r, ...) for r an image, or (r, ...) for all.
        reference_name: What the references are, see ``references.py``; always given.
        forced: Accept a reference that is normally refused (black, zero, noise, the image
            itself); the result is then marked.

    Raises:
        ValueError: NaN or infinity in images, references, response or gradient; shapes, types or
            devices that do not agree; training mode; items that influence each other; a response
            without gradient; a reference refused.  The sentence names the tensor and the remedy.
        MemoryError: Not even one path point fits into memory.

    Source:
        Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks, eq. 1;
        quadrature and refinement: own definition, docs/method.md.
    """
    settings = settings or PathSettings()
    images, references = images.detach(), references.detach()
    check_tensors(images, references)
    check_reference(reference_name, images, references, forced=forced)
    check_modules(response, device=images.device)
    stream = Stream(response=response, chunk=settings.chunk)
    with plain_arithmetic(), parameters_at_rest(modules_of(response)):
        start = references if references.ndim == images.ndim else references.flatten(0, 1)
        check_items_are_independent(response, images[0], start[-1])
        walk = _Walk(
            stream=stream,
            settings=settings,
            images=images,
            start=start,
            is_shared=references.ndim == images.ndim,
            response_of_image=stream.responses(images),
            response_of_start=stream.responses(start),
        )
        blocks = [_climbed(walk, block) for block in walk.blocks()]
    return _joined(blocks, walk, reference_name=reference_name, is_forced=forced)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walk:
    stream: Stream
    settings: PathSettings
    images: Tensor
    start: Tensor
    is_shared: bool
    response_of_image: Tensor
    response_of_start: Tensor

    @property
    def n_references(self) -> int:
        return len(self.start) if self.is_shared else len(self.start) // len(self.images)

    def start_of(self, image: Tensor) -> Tensor:
        """Numbers of the references of each image, (n, r)."""
        own = torch.arange(self.n_references, device=image.device).expand(len(image), -1)
        return own if self.is_shared else own + image[:, None] * self.n_references

    def blocks(self) -> tuple[Tensor, ...]:
        """Images that are walked together; running sums of one block fit into memory."""
        bytes_an_image = self.images[0].numel() * self.images.element_size() * self.n_references
        size = max(1, min(self.settings.chunk * 4, _BLOCK_BYTES // max(bytes_an_image, 1)))
        return _parts(torch.arange(len(self.images), device=self.images.device), size)


class _Block(NamedTuple):
    values: Tensor
    gap: Tensor
    n_gradients: Tensor
    is_converged: Tensor
    map_change: Tensor
    gap_of_references: Tensor
    reference_sd: Tensor


def _climbed(walk: _Walk, image: Tensor) -> _Block:
    block = _empty_block(walk, image)
    settings, r = walk.settings, walk.n_references
    sums = torch.zeros(
        (len(image), r, *walk.images.shape[1:]), dtype=walk.images.dtype, device=image.device
    )
    left = torch.arange(len(image), device=image.device)
    for number, n_points in enumerate(rungs_for(settings.rungs, n_references=r)):
        points = path_points(n_points, spacing=settings.spacing, is_first=number == 0)
        _add_gradients(walk, image, left, sums=sums, points=points)
        for part in _parts(left, max(1, walk.settings.chunk // r)):
            _measure(walk, image, part, block=block, sums=sums, points=points, number=number)
        if number + 1 >= settings.fewest_rungs:
            left = left[~block.is_converged[left]]
        if not len(left):
            break
    return block


def _empty_block(walk: _Walk, image: Tensor) -> _Block:
    n, r, device = len(image), walk.n_references, image.device
    values = torch.zeros_like(walk.images[image])
    return _Block(
        values=values,
        gap=torch.zeros(n, dtype=torch.float64, device=device),
        n_gradients=torch.zeros(n, dtype=torch.int64, device=device),
        is_converged=torch.zeros(n, dtype=torch.bool, device=device),
        map_change=torch.full((n,), torch.nan, dtype=torch.float64, device=device),
        gap_of_references=torch.zeros((n, r), dtype=torch.float64, device=device),
        reference_sd=torch.zeros_like(values) if r > 1 else values[:0],
    )


def _add_gradients(
    walk: _Walk, image: Tensor, left: Tensor, *, sums: Tensor, points: PathPoints
) -> None:
    """Add factor x gradient of every point of this rung to the running sums, chunk by chunk."""
    r, m = walk.n_references, len(points.position)
    row_of_pair = (left[:, None] * r + torch.arange(r, device=left.device)).flatten()
    image_of_pair = image[left].repeat_interleave(r)
    start_of_pair = walk.start_of(image[left]).flatten()
    position = points.position.to(device=image.device, dtype=sums.dtype)
    factor = points.factor.to(device=image.device, dtype=sums.dtype)
    flat = sums.flatten(0, 1)

    def work(first: int, last: int) -> None:
        place = torch.arange(first, last, device=image.device)
        pair, point = place // m, place % m
        a = position[point].view(-1, *[1] * (sums.ndim - 2))
        begin = walk.start[start_of_pair[pair]]
        path = begin + a * (walk.images[image_of_pair[pair]] - begin)
        weight = factor[point].view_as(a)
        flat.index_add_(0, row_of_pair[pair], weight * walk.stream.gradients(path))

    walk.stream.in_chunks(len(row_of_pair) * m, work)


def _measure(
    walk: _Walk,
    image: Tensor,
    left: Tensor,
    *,
    block: _Block,
    sums: Tensor,
    points: PathPoints,
    number: int,
) -> None:
    """Turn running sums into maps and gaps of the images ``left``, and judge them."""
    settings, start = walk.settings, walk.start_of(image[left])
    way = walk.images[image[left]][:, None] - walk.start[start]
    maps = way * sums[left] * points.scale
    rise = walk.response_of_image[image[left]][:, None] - walk.response_of_start[start]
    gaps = maps.flatten(2).sum(2, dtype=torch.float64) - rise
    values, gap = maps.mean(1), gaps.mean(1)
    if number:
        moved = (values - block.values[left]).abs().flatten(1).sum(1, dtype=torch.float64)
        size = values.abs().flatten(1).sum(1, dtype=torch.float64)
        block.map_change[left] = torch.where(moved == 0, 0.0, moved / size)
    allowed = (settings.tolerance * rise.mean(1).abs()).clamp(min=settings.tolerance_absolute)
    block.values[left], block.gap[left] = values, gap
    block.gap_of_references[left] = gaps
    block.is_converged[left] = gap.abs() <= allowed
    block.n_gradients[left] = points.n_points * walk.n_references
    if walk.n_references > 1:
        block.reference_sd[left] = maps.std(1)


def _joined(
    blocks: list[_Block], walk: _Walk, *, reference_name: str, is_forced: bool
) -> Attributions:
    whole = _Block(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))
    start = walk.start_of(torch.arange(len(walk.images), device=walk.images.device))
    rise = walk.response_of_image - walk.response_of_start[start].mean(1)
    return Attributions(
        values=whole.values,
        rise=rise,
        gap=whole.gap,
        n_gradients=whole.n_gradients,
        is_converged=whole.is_converged,
        map_change=whole.map_change,
        is_small_rise=rise.abs() < walk.settings.small_rise,
        response_of_image=walk.response_of_image,
        response_of_references=walk.response_of_start[start],
        gap_of_references=whole.gap_of_references,
        reference_sd=whole.reference_sd if walk.n_references > 1 else None,
        reference_name=reference_name,
        is_forced=is_forced,
    )


def _parts(numbers: Tensor, size: int) -> tuple[Tensor, ...]:
    return tuple(numbers[first : first + size] for first in range(0, len(numbers), size))
