"""A mask as polygons, along the edges of its pixels, and polygons drawn back to a mask.

The outer corner of the first pixel is 0, 0 and its centre 0.5, 0.5; x grows to the right and y
downwards.  Outer rings run so that their area in x, y is positive, holes the other way.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

if TYPE_CHECKING:
    from shapely import Polygon

MOST_MOVED_PX = (0.5, 0.35, 0.2)
"""By how much corners may be smoothed away; tried in turn, the stairs themselves come last."""
MOST_AREA_CHANGE = 0.02


def outlines(mask: Bool[np.ndarray, "h w"]) -> "tuple[Polygon, ...]":
    """Return the polygons of a mask, the largest first; none for an empty mask.

    Pixels that touch by a corner only are apart.  Corners are smoothed by at most half a pixel
    where the area changes by at most 2 % and the polygon drawn back still gives the same pixels.

    Raises:
        ValueError: The mask is no image (h, w) of truth values.
    """
    if mask.ndim != 2 or mask.dtype != bool:
        raise ValueError(f"mask: must be bool of shape (h, w), got {mask.dtype} of {mask.shape}")
    parts = [_smoothed(part, mask.shape) for part in _stairs(mask)]
    return tuple(sorted(parts, key=lambda part: (-part.area, part.bounds)))


def drawn(polygons: "tuple[Polygon, ...]", *, shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Return the pixels whose centre lies inside a polygon; the way back from ``outlines``.

    >>> import shapely
    >>> drawn((shapely.box(1, 0, 3, 1),), shape=(2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    import shapely

    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, dtype=bool)
    for polygon in polygons:
        inside |= np.asarray(shapely.contains_xy(polygon, columns + 0.5, rows + 0.5))
    return inside


def _stairs(mask: Bool[np.ndarray, "h w"]) -> "list[Polygon]":
    """The exact polygons along pixel edges: runs of each row, joined."""
    import shapely

    step = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, left = np.nonzero(step == 1)
    right = np.nonzero(step == -1)[1]
    joined = shapely.union_all(shapely.box(left, row, right, row + 1))
    return [part for part in shapely.get_parts(joined) if part.geom_type == "Polygon"]


def _smoothed(polygon: "Polygon", shape: tuple[int, int]) -> "Polygon":
    from shapely.geometry.polygon import orient

    exact = polygon.simplify(0)  # leaves out points on straight edges
    pixels = drawn((exact,), shape=shape)
    for moved_px in MOST_MOVED_PX:
        tried = polygon.simplify(moved_px)
        is_near = abs(tried.area - exact.area) <= MOST_AREA_CHANGE * exact.area
        if tried.is_valid and is_near and np.array_equal(drawn((tried,), shape=shape), pixels):
            return orient(tried)
    return orient(exact)
