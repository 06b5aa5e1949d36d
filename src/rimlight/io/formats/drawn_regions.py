"""Regions as a foreign file states them, and what the classes of such files mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from rimlight.errors import LabelFileError
from rimlight.io.formats.gathering import pixels
from rimlight.io.formats.points import Fault, Frame, PointFile, text_or_none
from rimlight.records import Polygon, RegionKind, Ring

MAX_REGIONS = 100_000
MAX_CORNERS = 5_000_000
KIND_OF_CLASS = {
    "region": RegionKind.INCLUDE,
    "roi": RegionKind.INCLUDE,
    "tumor": RegionKind.INCLUDE,
    "tumour": RegionKind.INCLUDE,
    "ignore": RegionKind.EXCLUDE,
    "exclude": RegionKind.EXCLUDE,
    "artefact": RegionKind.EXCLUDE,
    "artifact": RegionKind.EXCLUDE,
    "immune cells": RegionKind.EXCLUDE,
    "necrosis": RegionKind.EXCLUDE,
    "other": RegionKind.EXCLUDE,
    "stroma": RegionKind.EXCLUDE,
}
"""What a class of a drawn region means: in any case, with or without QuPath's asterisk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRegion:
    """One region in the words of its file; corners count from the origin of the file's frame.

    place: ``feature 3``. uuid: the file's own id, where it is a UUID. class_name: None where it
    has no class. is_core: a core of a tissue array; then its class means nothing.
    """

    place: str
    polygons: tuple[Polygon, ...]
    uuid: str | None = None
    name: str | None = None
    class_name: str | None = None
    reader: str | None = None
    case: str | None = None
    is_core: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFile:
    """The regions of one file, and what cannot be taken, in the order of the file.

    about: which slide the file says it is of, and where it counts from; it holds no points.
    notes: what was left out because it is no region, one sentence each.
    """

    items: tuple[DrawnRegion | Fault, ...]
    about: PointFile
    notes: tuple[str, ...] = ()


def kind_of_class(name: str) -> RegionKind | None:
    """Return what a class means; None where nobody said it.

    >>> kind_of_class("Region*"), kind_of_class("NECROSIS"), kind_of_class("Lymph node")
    (<RegionKind.INCLUDE: 'include'>, <RegionKind.EXCLUDE: 'exclude'>, None)
    """
    return KIND_OF_CLASS.get(folded(name))


def folded(name: str) -> str:
    """Return a class name as it is looked up."""
    return " ".join(name.casefold().rstrip("* ").split())


def about_file(header: Any, content_hash: str) -> PointFile:
    """Return what the header of a file of ours says; of another file, nothing."""
    said = header if isinstance(header, dict) else {}
    frame = said.get("frame")
    return PointFile(
        items=(),
        content_hash=content_hash,
        frame=cast(Frame, frame) if frame in ("level0", "bounds") else None,
        slide=text_or_none(said.get("slide")),
        slide_hash=text_or_none(said.get("slide_hash")),
    )


def uuid_or_none(value: object) -> str | None:
    """Return a UUID in its usual form; None for anything else."""
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def ring_of(corners: Iterable[Any]) -> Ring:
    """Return a ring, its last corner not repeated.

    Raises:
        ValueError: It has fewer than three corners, or one is no place; a clause.
    """
    ring = []
    for corner in corners:
        if not isinstance(corner, Sequence) or len(corner) < 2:
            raise ValueError(f"a corner needs two numbers, x and y, got {corner!r:.60}")
        ring.append((pixels(corner[0], "x"), pixels(corner[1], "y")))
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    if len(ring) < 3:
        raise ValueError(f"has a ring of {len(ring)} corners; an area needs 3")
    return tuple(ring)


def refuse_too_many(n_regions: int, n_corners: int, path: object) -> None:
    """Raise LabelFileError above the limits."""
    if n_regions > MAX_REGIONS or n_corners > MAX_CORNERS:
        raise LabelFileError(
            f"{path}: holds more than {MAX_REGIONS} regions or {MAX_CORNERS} corners; split it"
        )
