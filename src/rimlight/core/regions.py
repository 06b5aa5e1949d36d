"""Regions of a slide: which cells lie in them, which tiles they reach, and whether they are sound.

Where a slide has regions to include, a cell counts inside them alone; where it has none but cores
of a tissue array, inside the cores alone; and never inside a region to exclude.
"""

from collections.abc import Callable, Iterable, Sequence
from math import cos, pi, sin
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from rimlight.records import Polygon, Region, RegionKind, Ring

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

IsWanted = Callable[[float, float, float, float], bool]
_LEAST_AREA_PX = 1.0
_SAME_AREA = 0.01  # of the area; a repair that changes less is not worth a note
_MOST_CORNERS, _MOST_CROSSINGS, _SIDES_AT_ONCE = 50_000, 2_000, 100
"""Of an outline that is repaired; more crossings are no slip of the hand, and cost minutes."""
CIRCLE_CORNERS = 72


def is_inside(
    region: Region, x_l0: Float[np.ndarray, " n"], y_l0: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Return which points lie in a region; in a hole of it is outside.

    >>> from rimlight.records import ReaderId, RegionId, SlideId
    >>> square = ((0.0, 0.0), (9.0, 0.0), (9.0, 5.0), (0.0, 5.0))
    >>> region = Region(region_id=RegionId("r"), slide_id=SlideId("s"), name="1",
    ...     kind=RegionKind.INCLUDE, polygons=((square,),), reader=ReaderId(""), source="")
    >>> is_inside(region, np.array([8.0, 4.0]), np.array([4.0, 8.0])).tolist()
    [True, False]
    """
    return _contained(_geometry([region]), x_l0, y_l0)


def counts(
    regions: Sequence[Region], x_l0: Float[np.ndarray, " n"], y_l0: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Return which points count by the regions of their slide; all of them without regions."""
    inside = np.ones(len(x_l0), dtype=bool)
    chosen = _counted_in(regions)
    if chosen:
        inside = _contained(_geometry(chosen), x_l0, y_l0)
    left_out = [each for each in regions if each.kind is RegionKind.EXCLUDE]
    if left_out:
        inside &= ~_contained(_geometry(left_out), x_l0, y_l0)
    return inside


def is_wanted(regions: Sequence[Region]) -> IsWanted | None:
    """Return what tells whether a box may hold a cell that counts; None where every box may.

    The box is left, top, right, bottom in level-0 pixels. Cores that hold too little tissue are
    not wanted.
    """
    import shapely

    if not regions:
        return None
    chosen = [each for each in _counted_in(regions) if not each.is_missing]
    left_out = [each for each in regions if each.kind is RegionKind.EXCLUDE]
    inside = _geometry(chosen) if _counted_in(regions) else None
    outside = _geometry(left_out) if left_out else None
    for geometry in (inside, outside):
        if geometry is not None:
            shapely.prepare(geometry)

    def wanted(left_l0: float, top_l0: float, right_l0: float, bottom_l0: float) -> bool:
        box = shapely.box(left_l0, top_l0, right_l0, bottom_l0)
        if inside is not None and not inside.intersects(box):
            return False
        return outside is None or not outside.contains(box)

    return wanted


def sound_polygons(
    polygons: Sequence[Polygon], *, width_l0: float, height_l0: float
) -> tuple[tuple[Polygon, ...], str | None]:
    """Return polygons that are valid and apart from each other, and what was repaired.

    Lines that cross are cut where they cross, as a bow tie into two triangles; holes that leave
    their polygon are cut to it. What reaches beyond the slide stays as drawn.

    Returns:
        The polygons, and a clause that says what was changed; None where nothing was.

    Raises:
        ValueError: Nothing with an area is left, or nothing lies on the slide; the message is a
            clause.
    """
    import shapely

    drawn = shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in polygons])
    sound = drawn if drawn.is_valid else _repaired(drawn)
    if sound.area < _LEAST_AREA_PX:
        raise ValueError("has no area")
    slide = shapely.box(0, 0, width_l0, height_l0)
    share = sound.intersection(slide).area / sound.area
    if share == 0:
        turned = shapely.transform(sound, lambda points: points[:, ::-1])
        hint = ", and would lie on it with x and y exchanged" if slide.covers(turned) else ""
        raise ValueError(f"lies outside the slide of {width_l0:g} x {height_l0:g} px{hint}")
    notes = []
    if sound is not drawn:
        notes.append(f"its outline crosses itself or a hole; {_parts(sound)} kept")
    if share < 1 - _SAME_AREA:
        notes.append(f"{1 - share:.0%} of it lies outside the slide")
    kept = polygons if sound is drawn else [_polygon_of(part) for part in sound.geoms]
    return tuple(kept), "; ".join(notes) or None


def circle(x_l0: float, y_l0: float, *, diameter_l0: float) -> Polygon:
    """Return a circle as a polygon of ``CIRCLE_CORNERS`` corners around it, without holes."""
    radius = diameter_l0 / 2
    turns = [2 * pi * n / CIRCLE_CORNERS for n in range(CIRCLE_CORNERS)]
    ring = [(x_l0 + radius * cos(turn), y_l0 + radius * sin(turn)) for turn in turns]
    return (tuple((round(x, 3), round(y, 3)) for x, y in ring),)


def area_l0(region: Region) -> float:
    """Return the area of a region in square level-0 pixels, without its holes."""
    return float(_geometry([region]).area)


def _counted_in(regions: Sequence[Region]) -> list[Region]:
    """Return the regions in which alone cells count; none where they count everywhere."""
    chosen = [each for each in regions if each.kind is RegionKind.INCLUDE]
    return chosen or [each for each in regions if each.kind is RegionKind.CORE]


def _geometry(regions: Sequence[Region]) -> "BaseGeometry":
    import shapely

    parts = [
        shapely.Polygon(polygon[0], polygon[1:])
        for region in regions
        for polygon in region.polygons
    ]
    return shapely.union_all(parts)


def _contained(
    geometry: "BaseGeometry", x_l0: Float[np.ndarray, " n"], y_l0: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    import shapely

    inside = np.zeros(len(x_l0), dtype=bool)
    left, top, right, bottom = geometry.bounds
    near = (x_l0 >= left) & (x_l0 <= right) & (y_l0 >= top) & (y_l0 <= bottom)
    shapely.prepare(geometry)
    inside[near] = shapely.contains_xy(geometry, x_l0[near], y_l0[near])
    return inside


def _repaired(drawn: "BaseGeometry") -> "BaseGeometry":
    """Return the areas of an outline that crosses itself; one that does so all over is refused."""
    import shapely

    corners = shapely.get_coordinates(drawn)
    if len(corners) > _MOST_CORNERS or _crosses_often(drawn):
        raise ValueError(
            f"its outline of {len(corners)} corners crosses itself too often to be repaired; draw "
            "it again"
        )
    return _areas_of(shapely.make_valid(drawn, method="structure", keep_collapsed=False))


def _crosses_often(drawn: "BaseGeometry") -> bool:
    """Return whether more pairs of its sides touch than those of neighbours and some crossings."""
    import shapely

    rings = [ring.coords for part in drawn.geoms for ring in (part.exterior, *part.interiors)]
    sides = shapely.linestrings(
        np.concatenate(
            [np.stack([np.array(ring)[:-1], np.array(ring)[1:]], axis=1) for ring in rings]
        )
    )
    tree = shapely.STRtree(sides)
    n_pairs = 0
    for start in range(0, len(sides), _SIDES_AT_ONCE):
        some = sides[start : start + _SIDES_AT_ONCE]
        n_pairs += tree.query(some, predicate="intersects").shape[1] - 3 * len(some)
        if n_pairs > 2 * _MOST_CROSSINGS:
            return True
    return False


def _areas_of(geometry: "BaseGeometry") -> "BaseGeometry":
    """Return the polygons of a repaired geometry; its lines and points are let go."""
    import shapely

    parts = shapely.get_parts(shapely.get_parts(geometry))  # a multipolygon within a collection
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def _polygon_of(part: "BaseGeometry") -> Polygon:
    rings = [part.exterior, *part.interiors]
    return tuple(_ring_of(ring.coords) for ring in rings)


def _ring_of(corners: Iterable[tuple[float, float]]) -> Ring:
    return tuple((float(x), float(y)) for x, y in corners)[:-1]


def _parts(geometry: "BaseGeometry") -> str:
    n_parts = len(geometry.geoms)
    return "1 part is" if n_parts == 1 else f"{n_parts} parts are"
