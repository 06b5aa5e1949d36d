"""Where on the path from reference (0) to image (1) the gradient is taken, and its weights.

The midpoint rule in u, with points crowded at both ends (``ends``) or even (``even``):

    u_k = (k + 1/2) / n     a_k = sin^2(pi u_k / 2)     w_k = sin(pi u_k) sin(pi / 2n)

Tripling n keeps every old point (it becomes number 3k + 1) and its factor sin(pi u_k), so one
running sum of factor x gradient serves every rung; ``scale`` comes last.
"""

from dataclasses import dataclass
from math import pi, sin
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

Spacing = Literal["ends", "even"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoints:
    """The points that one rung adds to those of the rung before.

    position: 0 at the reference, 1 at the image.
    factor: what a gradient counts in the running sum.
    scale: what the whole running sum is multiplied by; factor x scale over all points is 1.
    n_points: points of this rung and all before it.
    """

    position: Float64[Tensor, "m"]
    factor: Float64[Tensor, "m"]
    scale: float
    n_points: int


def path_points(n_points: int, *, spacing: Spacing = "ends", is_first: bool = True) -> PathPoints:
    """Return the points of a rung; all of them, or the two thirds that its tripling added.

    Raises:
        ValueError: ``n_points`` is below 1, or a later rung is no multiple of 3.

    Source:
        Midpoint rule after the substitution a = sin^2(pi u / 2); own choice, see
        docs/decisions/0004-path-points-crowd-at-both-ends.md.

    >>> path_points(2).position
    tensor([0.1464, 0.8536], dtype=torch.float64)
    """
    if n_points < 1 or (not is_first and n_points % 3):
        raise ValueError(
            f"n_points: must be at least 1, and tripled after the first, got {n_points}"
        )
    number = torch.arange(n_points)
    if not is_first:
        number = number[number % 3 != 1]
    u = (number.double() + 0.5) / n_points
    if spacing == "even":
        return PathPoints(
            position=u, factor=torch.ones_like(u), scale=1 / n_points, n_points=n_points
        )
    return PathPoints(
        position=torch.sin(pi * u / 2) ** 2,
        factor=torch.sin(pi * u),
        scale=sin(pi / (2 * n_points)),
        n_points=n_points,
    )


def rungs_for(rungs: tuple[int, ...], *, n_references: int, fewest: int = 8) -> tuple[int, ...]:
    """Return the points per reference of each rung; several references share the gradients.

    >>> rungs_for((32, 96, 288), n_references=1), rungs_for((32, 96, 288), n_references=8)
    ((32, 96, 288), (8, 24, 72))
    """
    first = max(min(fewest, rungs[0]), -(-rungs[0] // n_references))
    return tuple(first * 3**number for number in range(len(rungs)))
