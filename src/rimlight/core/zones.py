"""Parts of a patch: discs and rings around the click, and zones around its nuclei.

The click is at the exact middle of the patch, which is (size_px - 1) / 2 in pixel centres.
A ring leaves out its inner border and takes its outer one, so that a disc and the ring around it
fill the larger disc without a pixel missing or counted twice.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int32

from rimlight.core.nuclei import nuclei

OWN_NUCLEUS_UM = 4.0
"""How far the click may lie from the nearest pixel of its own nucleus."""
RING_INNER_UM, RING_OUTER_UM = 1.0, 4.0
UNSEEN_NUCLEUS_UM = 2.0
"""Radius given to a nucleus that is not found: its ring lies 3 to 8 um around the click."""
UNSEEN_RING_OUTER_UM = 6.0
SHARED_UM = 1.0
"""A pixel is shared if its distances to two nuclei differ by at most this: a band 1 um wide."""


def disc(size_px: int, *, mpp: float, radius_um: float) -> Bool[np.ndarray, "s s"]:
    """Return the pixels whose centre lies within ``radius_um`` of the middle of the patch.

    Raises:
        ValueError: A size, pixel size or radius that is not positive.

    Source:
        Own definition, see docs/statistics.md.

    >>> int(disc(5, mpp=0.5, radius_um=0.5).sum())  # the middle pixel and its four neighbours
    5
    """
    if radius_um <= 0:
        raise ValueError(f"radius_um must be positive, got {radius_um}")
    return distance_um(size_px, mpp=mpp) <= radius_um


def ring(size_px: int, *, mpp: float, inner_um: float, outer_um: float) -> Bool[np.ndarray, "s s"]:
    """Return the pixels farther than ``inner_um`` and at most ``outer_um`` from the middle.

    Raises:
        ValueError: The radii are not 0 <= inner < outer.

    >>> int(ring(5, mpp=0.5, inner_um=0.5, outer_um=0.75).sum())  # the four diagonal neighbours
    4
    """
    if not 0 <= inner_um < outer_um:
        raise ValueError(f"a ring needs 0 <= inner < outer, got {inner_um} and {outer_um}")
    far = distance_um(size_px, mpp=mpp)
    return (far > inner_um) & (far <= outer_um)


def distance_um(size_px: int, *, mpp: float) -> Float64[np.ndarray, "s s"]:
    """Return how far each pixel's centre lies from the middle of the patch.

    >>> distance_um(3, mpp=0.5)[1].tolist()
    [0.5, 0.0, 0.5]
    """
    if size_px < 1 or not mpp > 0:
        raise ValueError(f"a patch needs size_px >= 1 and mpp > 0, got {size_px} and {mpp}")
    along = np.arange(size_px) - (size_px - 1) / 2
    # Rounded, so that a radius given in decimals meets the pixel that lies exactly on it.
    far: np.ndarray = np.round(np.hypot(along[:, None], along[None, :]) * mpp, 9)
    return far


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Zones:
    """Where the parts of a clicked cell and of its neighbours lie in one patch.

    own_ring, neighbour_rings: overlap in the band between two nuclei, where a membrane is shared.
    weight_own, weight_neighbour: 1 in the ring, 1/2 where both rings claim the pixel, else 0.
    is_nucleus_found: False where the ring is drawn around the click instead.
    centre_px: x, y of the own nucleus, or of the click; centre of the first pixel at 0, 0.
    """

    own_nucleus: Bool[np.ndarray, "h w"]
    own_ring: Bool[np.ndarray, "h w"]
    neighbour_nuclei: Bool[np.ndarray, "h w"]
    neighbour_rings: Bool[np.ndarray, "h w"]
    padding: Bool[np.ndarray, "h w"]
    weight_own: Float32[np.ndarray, "h w"]
    weight_neighbour: Float32[np.ndarray, "h w"]
    is_nucleus_found: bool
    centre_px: tuple[float, float]


def zones_of(
    haematoxylin_od: Float[np.ndarray, "h w"],
    *,
    mpp: float,
    is_padding: Bool[np.ndarray, "h w"] | None = None,
) -> Zones:
    """Return the zones of the cell in the middle of a patch, from its haematoxylin alone.

    A ring lies 1 to 4 um outside the edge of its nucleus and ends at the line half way to the
    other nuclei.  No nucleus within 4 um of the click: the ring lies 3 to 8 um around the click.

    Args:
        haematoxylin_od: Density of haematoxylin.
        mpp: Micrometres that one pixel covers.
        is_padding: Pixels beyond the slide; they are in no other zone.

    Raises:
        ValueError: See :func:`rimlight.core.nuclei.nuclei`.

    Source:
        Own definition, see docs/method.md.
    """
    parts = nuclei(haematoxylin_od, mpp=mpp, is_padding=is_padding)
    padding = np.zeros(parts.shape, dtype=bool) if is_padding is None else is_padding.copy()
    number = _own_number(parts, mpp=mpp)
    own, others = (parts == number) & (number > 0), (parts > 0) & (parts != number)
    outer_um = RING_OUTER_UM if number else UNSEEN_RING_OUTER_UM
    far_own, far_others = _own_um(own, mpp=mpp), _outside_um(others, mpp=mpp)
    free = ~padding & ~own & ~others
    own_ring = free & _in_ring(far_own, outer_um) & (far_own <= far_others + SHARED_UM)
    rings = free & _in_ring(far_others, RING_OUTER_UM) & (far_others <= far_own + SHARED_UM)
    return Zones(
        own_nucleus=own,
        own_ring=own_ring,
        neighbour_nuclei=others,
        neighbour_rings=rings,
        padding=padding,
        weight_own=_weight(own_ring, rings),
        weight_neighbour=_weight(rings, own_ring),
        is_nucleus_found=number > 0,
        centre_px=_centre_px(own),
    )


def beyond_border_um(zones: Zones, *, mpp: float) -> Float64[np.ndarray, "h w"]:
    """Return how far each pixel lies beyond the line half way to the neighbours' nuclei.

    Above 0 on the neighbours' side, below 0 on the cell's own; minus infinity without neighbours.
    Half the difference of the distances to both edges, which near the line is the distance to it.

    Source:
        Own definition, see docs/method.md.
    """
    far_others = _outside_um(zones.neighbour_nuclei, mpp=mpp)
    beyond: np.ndarray = (_own_um(zones.own_nucleus, mpp=mpp) - far_others) / 2
    return beyond


def _own_um(own: Bool[np.ndarray, "h w"], *, mpp: float) -> Float64[np.ndarray, "h w"]:
    """How far each pixel lies from the own nucleus, or from a disc where none was found."""
    if own.any():
        return _outside_um(own, mpp=mpp)
    return (_from_click_um(own.shape, mpp=mpp) - UNSEEN_NUCLEUS_UM).clip(min=0)


def _own_number(parts: Int32[np.ndarray, "h w"], *, mpp: float) -> int:
    """The nucleus nearest the click; of two at one distance the one whose middle is nearer."""
    far = _from_click_um(parts.shape, mpp=mpp)
    found = []
    for number in range(1, int(parts.max()) + 1):
        is_here = parts == number
        edge_um = float(far[is_here].min())
        if edge_um <= OWN_NUCLEUS_UM:
            x_px, y_px = _centre_px(is_here)
            row, column = (parts.shape[0] - 1) / 2, (parts.shape[1] - 1) / 2
            found.append((max(edge_um, mpp), np.hypot(x_px - column, y_px - row), number))
    return min(found)[2] if found else 0


def _from_click_um(shape: tuple[int, ...], *, mpp: float) -> Float64[np.ndarray, "h w"]:
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in shape)
    far: np.ndarray = np.hypot(rows[:, None], columns[None, :]) * mpp
    return far


def _outside_um(mask: Bool[np.ndarray, "h w"], *, mpp: float) -> Float64[np.ndarray, "h w"]:
    """How far each pixel lies from the mask's edge, half a pixel before the nearest one's centre.

    Infinity everywhere for an empty mask.
    """
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return np.full(mask.shape, np.inf)
    far: np.ndarray = (distance_transform_edt(~mask) - 0.5).clip(min=0) * mpp
    return far


def _in_ring(far_um: Float64[np.ndarray, "h w"], outer_um: float) -> Bool[np.ndarray, "h w"]:
    inside: np.ndarray = (far_um > RING_INNER_UM) & (far_um <= outer_um)
    return inside


def _weight(
    ring_here: Bool[np.ndarray, "h w"], other: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    weight: np.ndarray = np.where(ring_here, np.where(other, 0.5, 1.0), 0.0).astype(np.float32)
    return weight


def _centre_px(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    """The middle of a mask as x, y; of the patch where it is empty."""
    if not mask.any():
        return (mask.shape[1] - 1) / 2, (mask.shape[0] - 1) / 2
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())
