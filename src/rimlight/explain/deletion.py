"""Removal curves: does the response follow the pixels that a map says it rests on?

Pixels are replaced by those of a fill, which must look natural: the image without its stain, a
real image of the other class.  Maps are ranked as they are, since smoothing earns a better curve
without a better map (arXiv 2304.13836).
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from rimlight.explain.stream import Stream, plain_arithmetic


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Removal:
    """What is left of each rise while pixels go, in units of the response.

    most_first, least_first: rise over the fill, signed so that it starts at or above 0, after each
        step; the last step has replaced every pixel and leaves 0.
    """

    most_first: Float64[np.ndarray, "n steps"]
    least_first: Float64[np.ndarray, "n steps"]

    @property
    def area(self) -> Float64[np.ndarray, " n"]:
        """Mean height between the two curves (trapezoids); 0 for an order that says nothing."""
        between = self.least_first - self.most_first
        area: np.ndarray = (between[:, :-1] + between[:, 1:]).mean(1) / 2
        return area


def removal(
    images: Float[Tensor, "n c *space"],
    *,
    fill: Float[Tensor, "n c *space"],
    order: Float[np.ndarray, "n *space"],
    stream: Stream,
    n_steps: int = 20,
) -> Removal:
    """Return the curves of removing pixels in the order of a map, highest first and lowest first.

    Only pixels that the fill would change are ranked.  Where the fill raises the response, the map
    is read with the other sign.

    Args:
        stream: The response, and how many images it is given at once.
        fill: What a removed pixel shows instead.
        order: One value a pixel, in the sense of an attribution towards the image.
        n_steps: Steps from nothing removed to everything removed.

    Raises:
        ValueError: Shapes do not agree, or ``n_steps`` is below 1.
    """
    if fill.shape != images.shape or order.shape != (len(images), *images.shape[2:]):
        raise ValueError(
            f"fill and order: must fit images {tuple(images.shape)}, got {tuple(fill.shape)} and "
            f"{order.shape}; order has one value a pixel, without channels"
        )
    if n_steps < 1:
        raise ValueError(f"n_steps: must be at least 1, got {n_steps}")
    with plain_arithmetic():
        whole, empty = stream.responses(images), stream.responses(fill)
        direction = torch.where(whole >= empty, 1.0, -1.0).numpy()
        curves = [
            _curves(stream, image, other, values * sign, n_steps=n_steps)
            for image, other, values, sign in zip(images, fill, order, direction, strict=True)
        ]
    signed = direction[:, None] * (np.array(curves) - empty.numpy()[:, None, None]).swapaxes(0, 1)
    return Removal(most_first=signed[0], least_first=signed[1])


def _curves(
    stream: Stream, image: Tensor, fill: Tensor, values: np.ndarray, *, n_steps: int
) -> Float64[np.ndarray, "2 steps"]:
    changed = (image != fill).any(0).numpy()
    n_changed = int(changed.sum())
    counts = np.rint(np.linspace(0, n_changed, n_steps + 1)).astype(int)
    found = []
    for ranks in (_ranks(-values, changed), _ranks(values, changed)):
        is_gone = torch.from_numpy(ranks < counts.reshape(-1, *[1] * ranks.ndim))
        found.append(stream.responses(torch.where(is_gone[:, None], fill, image)).numpy())
    return np.stack(found)


def _ranks(values: np.ndarray, changed: np.ndarray) -> Int64[np.ndarray, "*space"]:
    """Place of each changed pixel from the lowest value, 0 first; beyond all for the others."""
    ranks = np.full(changed.shape, changed.size, dtype=np.int64)
    at = np.argsort(values[changed], kind="stable")
    place = np.empty(len(at), dtype=np.int64)
    place[at] = np.arange(len(at))
    ranks[changed] = place
    return ranks
