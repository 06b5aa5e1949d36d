"""Where the evidence of a map lies: inside a zone that is known, or on what is beside it.

Maps are (n, ...), one signed value a pixel.  A map without a positive part has no evidence to
place, so that its figures are NaN, never 0.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Zoned:
    """Weights 0..1 of each pixel: how far it belongs to the own zone, and to the neighbours'."""

    own: Float[np.ndarray, "n *space"]
    neighbour: Float[np.ndarray, "n *space"]

    def __post_init__(self) -> None:
        for name in ("own", "neighbour"):
            weight = getattr(self, name)
            if not ((weight >= 0) & (weight <= 1)).all():
                raise ValueError(
                    f"{name}: weights must be 0..1, got {weight.min()}..{weight.max()}"
                )
        if self.own.shape != self.neighbour.shape:
            raise ValueError(
                f"neighbour: shape {self.neighbour.shape} is not that of own, {self.own.shape}"
            )

    def only(self, chosen: np.ndarray | slice) -> "Zoned":
        """Return the zones of some items, by indices or mask."""
        return Zoned(own=self.own[chosen], neighbour=self.neighbour[chosen])


def mass_share(
    maps: Float[np.ndarray, "n *space"], weight: Float[np.ndarray, "n *space"]
) -> Float64[np.ndarray, " n"]:
    """Return the share of the positive part of each map that lies in the zone, 0..1.

    >>> mass_share(np.array([[3.0, 1.0, -2.0], [-1.0, 0, 0]]), np.array([[1.0, 0, 1], [1, 1, 1]]))
    array([0.75,  nan])
    """
    _check(maps, weight)
    positive = _flat(maps).clip(min=0)
    return _ratio((positive * _flat(weight)).sum(1), positive.sum(1))


def own_share(maps: Float[np.ndarray, "n *space"], zones: Zoned) -> Float64[np.ndarray, " n"]:
    """Return own / (own + neighbour) of the positive part, 0..1: whose evidence it is.

    NaN where neither zone holds any.
    """
    _check(maps, zones.own)
    positive = _flat(maps).clip(min=0)
    own = (positive * _flat(zones.own)).sum(1)
    return _ratio(own, own + (positive * _flat(zones.neighbour)).sum(1))


def rank_accuracy(
    maps: Float[np.ndarray, "n *space"], masks: Bool[np.ndarray, "n *space"]
) -> Float64[np.ndarray, " n"]:
    """Return the share of the k highest pixels that lie in the mask of k pixels, 0..1.

    Pixels tied at the k-th place count by the share of them that lie in the mask.

    Source:
        Arras, Osman and Samek (2022), Information Fusion 81, 14-40: relevance rank accuracy.

    >>> rank_accuracy(np.array([[4.0, 3, 2, 1]]), np.array([[True, False, True, False]]))
    array([0.5])
    """
    _check(maps, masks)
    found = np.full(len(maps), np.nan)
    for i, (values, inside) in enumerate(
        zip(_flat(maps), masks.reshape(len(masks), -1), strict=True)
    ):
        k = int(inside.sum())
        if k and values.max() > 0:
            limit = np.sort(values)[-k]
            above, tied = values > limit, values == limit
            n_left = k - int(above.sum())
            found[i] = (inside[above].sum() + n_left * inside[tied].mean()) / k
    return found


def area_under_curve(
    maps: Float[np.ndarray, "n *space"], masks: Bool[np.ndarray, "n *space"]
) -> Float64[np.ndarray, " n"]:
    """Return how often a pixel of the mask is above one outside it, ties half, 0..1.

    >>> area_under_curve(np.array([[4.0, 3, 2, 1]]), np.array([[True, False, True, False]]))
    array([0.75])
    """
    from scipy.stats import rankdata

    _check(maps, masks)
    found = np.full(len(maps), np.nan)
    for i, (values, inside) in enumerate(
        zip(_flat(maps), masks.reshape(len(masks), -1), strict=True)
    ):
        n_in, n_out = int(inside.sum()), int((~inside).sum())
        if n_in and n_out and values.max() > 0:
            rank_sum = rankdata(values)[inside].sum()
            found[i] = (rank_sum - n_in * (n_in + 1) / 2) / (n_in * n_out)
    return found


def pointing(
    maps: Float[np.ndarray, "n *space"],
    masks: Bool[np.ndarray, "n *space"],
    *,
    tolerance_px: float = 2.0,
) -> Float64[np.ndarray, " n"]:
    """Return whether the highest pixel lies in the mask or within the tolerance of it, 1 or 0.

    Of several highest pixels, the share that does.

    Source:
        Zhang et al. (2018), Top-down neural attention by excitation backprop: the pointing game;
        tolerance: own definition, docs/quality.md.

    >>> pointing(np.array([[0.0, 0, 0, 9]]), np.array([[True, False, False, False]]))
    array([0.])
    """
    from scipy.ndimage import distance_transform_edt

    _check(maps, masks)
    found = np.full(len(maps), np.nan)
    for i, (values, inside) in enumerate(zip(maps, masks, strict=True)):
        if inside.any() and values.max() > 0:
            far = distance_transform_edt(~inside)
            found[i] = (far[values == values.max()] <= tolerance_px).mean()
    return found


def centre_prior(shape: tuple[int, ...], *, sigma_px: float) -> Float64[np.ndarray, "*space"]:
    """Return a Gaussian around the middle: a map that knows only where the target is."""
    squared = np.zeros(shape)
    for axis, size in enumerate(shape):
        along = np.arange(size) - (size - 1) / 2
        squared += np.expand_dims(along**2, tuple(a for a in range(len(shape)) if a != axis))
    prior: np.ndarray = np.exp(-0.5 * squared / sigma_px**2)
    return prior


def _check(maps: np.ndarray, zone: np.ndarray) -> None:
    if maps.shape != zone.shape:
        raise ValueError(
            f"zones: must have the shape of the maps, {maps.shape}, got {zone.shape}; pool "
            "channels first and give one zone an image"
        )


def _flat(values: np.ndarray) -> Float64[np.ndarray, "n pixels"]:
    return values.reshape(len(values), -1).astype(np.float64)


def _ratio(part: np.ndarray, whole: np.ndarray) -> Float64[np.ndarray, " n"]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = np.where(whole > 0, part / whole, np.nan)
    return ratio
