"""The same image a little changed: does its map change with it, and no more?

Maps are compared as they are, signed and without scaling, by rank and by structure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """Images after a change, and the way back for their maps.

    references: of each image, (n, r, ...), changed alike where the plane moved.
    back: maps (n, ...) of the changed images to the plane of the images.
    margin_px: border that is left out of the comparison, since it moved in or out.
    is_judged: whether a map must follow; no network without built-in symmetry has the same map of a
        flipped image, so that flips and turns are printed only.
    """

    name: str
    images: Float[Tensor, "n *shape"]
    references: Float[Tensor, "n r *shape"]
    back: Callable[[np.ndarray], np.ndarray]
    margin_px: int = 0
    is_judged: bool = True

    def compared(
        self, maps: Float[np.ndarray, "n *space"], of_changed: Float[np.ndarray, "n *space"]
    ) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
        """Return rank correlation and structural similarity of each map with its changed one."""
        returned = self.back(of_changed)
        inner = slice(self.margin_px, -self.margin_px or None)
        place = (slice(None), *[inner] * (maps.ndim - 1))
        one, other = maps[place], returned[place]
        return rank_correlation(one, other), structural_similarity(one, other)


def plane_changes(
    images: Float[Tensor, "n c h w"], references: Float[Tensor, "n r c h w"]
) -> list[Change]:
    """Return images flipped, turned (where square) and shifted by one pixel, references alike."""
    moves: list[_Move] = [
        _Move("flipped", lambda x: x.flip(-1), lambda maps: maps[..., ::-1], 0),
        _Move("shifted by 1 px", _shifted, lambda maps: np.roll(maps, -1, axis=-1), 1),
    ]
    if images.shape[-1] == images.shape[-2]:
        back = partial(np.rot90, k=-1, axes=(-2, -1))
        moves.insert(1, _Move("turned", _turned, back, 0))
    return [
        Change(
            name=move.name,
            images=move.there(images),
            references=move.there(references),
            back=move.back,
            margin_px=move.margin_px,
            is_judged=move.there is _shifted,
        )
        for move in moves
    ]


class _Move(NamedTuple):
    name: str
    there: Callable[[Tensor], Tensor]
    back: Callable[[np.ndarray], np.ndarray]
    margin_px: int


def same_plane(name: str, images: Tensor, references: Tensor) -> Change:
    """Return a change that moves no pixel: light, colour, a file saved again."""
    return Change(name=name, images=images, references=references, back=lambda maps: maps)


def rank_correlation(
    one: Float[np.ndarray, "n *space"], other: Float[np.ndarray, "n *space"]
) -> Float64[np.ndarray, " n"]:
    """Return Spearman's correlation over the pixels of each pair; NaN for a map that is constant.

    >>> rank_correlation(np.array([[1.0, 2, 30]]), np.array([[-1.0, 5, 6]]))
    array([1.])
    """
    from scipy.stats import rankdata

    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (one, other)]
    first, second = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    size = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = np.where(size > 0, (first * second).sum(1) / size, np.nan)
    return found


def structural_similarity(
    one: Float[np.ndarray, "n *space"], other: Float[np.ndarray, "n *space"]
) -> Float64[np.ndarray, " n"]:
    """Return the mean structural similarity of each pair, Gaussian windows of sigma 1.5 px.

    The range is that of both maps together; NaN where both are constant.

    Source:
        Wang et al. (2004), IEEE Trans. Image Process. 13, eq. 13; constants 0.01 and 0.03.
    """
    from scipy.ndimage import gaussian_filter

    def smooth(maps: np.ndarray) -> np.ndarray:
        found: np.ndarray = gaussian_filter(maps, (0, *[1.5] * (maps.ndim - 1)), truncate=3.5)
        return found

    x, y = one.astype(np.float64), other.astype(np.float64)
    axes = tuple(range(1, x.ndim))
    span = np.maximum(x.max(axes), y.max(axes)) - np.minimum(x.min(axes), y.min(axes))
    wide = span.reshape(-1, *[1] * len(axes))
    c1, c2 = (0.01 * wide) ** 2, (0.03 * wide) ** 2
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    both = smooth(x * y) - mean_x * mean_y
    with np.errstate(invalid="ignore", divide="ignore"):
        similar = (2 * mean_x * mean_y + c1) * (2 * both + c2)
        similar = similar / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    found: np.ndarray = np.where(span > 0, similar.mean(axes), np.nan)
    return found


def _turned(planes: Tensor) -> Tensor:
    return torch.rot90(planes, 1, (-2, -1))


def _shifted(planes: Tensor) -> Tensor:
    """One pixel to the right; the first column appears twice."""
    moved = planes.roll(1, -1)
    moved[..., 0] = planes[..., 0]
    return moved
