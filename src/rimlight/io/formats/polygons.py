"""Outlines in foreign files: their points as numbers, their width, and the centre of their area."""

from collections.abc import Sequence
from math import fsum
from reprlib import repr as short
from typing import Any

from rimlight.io.formats.gathering import pixels

Point = tuple[float, float]
Ring = Sequence[Point]


def points_of_ring(places: Any) -> list[Point]:
    """Return points of JSON as numbers.

    Raises:
        ValueError: One is no pair of numbers; the message is a clause.
    """
    if not isinstance(places, list):
        raise ValueError(f"its coordinates are no list, got {short(places)}")  # noqa: TRY004
    points = []
    for place in places:
        if not isinstance(place, list) or len(place) != 2:
            raise ValueError(f"needs two coordinates, x and y, got {short(place)}")
        points.append((pixels(place[0], "x"), pixels(place[1], "y")))
    return points


def width_of(ring: Ring) -> float:
    """Return the longer side of the upright box around a ring.

    >>> width_of([(0, 0), (3, 0), (3, 7)])
    7.0
    """
    columns, rows = zip(*ring, strict=True)
    sides = max(columns) - min(columns), max(rows) - min(rows)
    return float(max(sides))


def area_centroid(polygons: Sequence[Sequence[Ring]]) -> Point:
    """Return the centre of the area of polygons, each an outer ring and its holes.

    The mean of the points stands in where the area is 0.

    >>> area_centroid([[[(0, 0), (4, 0), (4, 2), (0, 2), (0, 0)]]])
    (2.0, 1.0)
    """
    first = polygons[0][0][0]  # near 0 the products lose no digits
    areas: list[float] = []
    sums_x: list[float] = []
    sums_y: list[float] = []
    for rings in polygons:
        for number, ring in enumerate(rings):
            area, sum_x, sum_y = _moments(ring, first)
            sign = -1 if (area < 0) != (number > 0) else 1
            areas.append(sign * area)
            sums_x.append(sign * sum_x)
            sums_y.append(sign * sum_y)
    total = fsum(areas)
    if total <= 0:
        points = [point for rings in polygons for point in rings[0]]
        return fsum(x for x, _ in points) / len(points), fsum(y for _, y in points) / len(points)
    return first[0] + fsum(sums_x) / (3 * total), first[1] + fsum(sums_y) / (3 * total)


def _moments(ring: Ring, origin: Point) -> tuple[float, float, float]:
    """Return twice the signed area of a ring, closed or not, and its first moments by six."""
    area = sum_x = sum_y = 0.0
    left, top = origin
    x0, y0 = ring[-1][0] - left, ring[-1][1] - top
    for x, y in ring:
        x1, y1 = x - left, y - top
        cross = x0 * y1 - x1 * y0
        area += cross
        sum_x += (x0 + x1) * cross
        sum_y += (y0 + y1) * cross
        x0, y0 = x1, y1
    return area, sum_x, sum_y
