"""Regions that a reader draws over a slide: put, changed and withdrawn, each by its own rules."""

from collections.abc import Sequence
from dataclasses import dataclass

from rimlight.core.regions import sound_polygons
from rimlight.errors import RimlightError, StudyError
from rimlight.io.database import writing
from rimlight.io.formats.points import plain_text
from rimlight.io.regions import current_regions, put_regions, withdraw_regions
from rimlight.io.study import Study
from rimlight.records import Polygon, ReaderId, Region, RegionId, RegionKind, SlideInfo

SOURCE = "workbench"
_WORD = {RegionKind.INCLUDE: "Region", RegionKind.EXCLUDE: "Excluded"}


class DrawingError(RimlightError):
    """A region cannot stand as it was drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """Who draws, and whether they may change what others drew."""

    reader: ReaderId
    is_owner: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A region as it was drawn; name None for one that the program makes up."""

    region_id: RegionId
    kind: RegionKind
    polygons: Sequence[Polygon]
    name: str | None = None


def draw_region(
    study: Study, info: SlideInfo, drawing: Drawing, *, pen: Pen
) -> tuple[Region, str | None]:
    """Put a region, or change the one of its id, and return it with what was repaired.

    Sending it again changes nothing. Only who drew a region, or an owner, changes it.

    Raises:
        DrawingError: It has no area, lies outside the slide, or its name is taken or no text.
        StudyError: It is of another reader, or a core.
        StorageError: The disk refuses; nothing was put.
    """
    label = f"region {drawing.name!r}" if drawing.name else "the region"
    if drawing.kind not in _WORD:
        raise DrawingError(f"{label}: cores are found by rimlight dearray, not drawn; include it")
    try:
        polygons, note = sound_polygons(
            drawing.polygons, width_l0=info.width_l0, height_l0=info.height_l0
        )
        name = plain_text(drawing.name, what="name")
    except ValueError as error:
        raise DrawingError(f"{label}: {error}; draw it again") from error
    with writing(study.engine) as transaction:
        standing = current_regions(transaction, info.slide_id)
        before = next((each for each in standing if each.region_id == drawing.region_id), None)
        if before is not None:
            _refuse_others([before], pen)
        taken = {each.name for each in standing if each is not before}
        if name in taken:
            raise DrawingError(f"region {name!r}: the slide has one of that name; choose another")
        region = Region(
            region_id=drawing.region_id,
            slide_id=info.slide_id,
            name=name or (before.name if before else _new_name(drawing.kind, taken)),
            kind=drawing.kind,
            polygons=polygons,
            reader=pen.reader,
            source=SOURCE,
        )
        put_regions(transaction, [region])
    return region, note


def withdraw_region(study: Study, info: SlideInfo, region_id: RegionId, *, pen: Pen) -> int:
    """Withdraw a region and return how many stood: 1, or 0 where it was withdrawn before.

    Raises:
        StudyError: It is of another reader, or a core.
        StorageError: The disk refuses; it stands.
    """
    with writing(study.engine) as transaction:
        standing = current_regions(transaction, info.slide_id)
        found = [each for each in standing if each.region_id == region_id]
        _refuse_others(found, pen)
        return withdraw_regions(transaction, found, reader=pen.reader)


def may_change(region: Region, pen: Pen) -> bool:
    """Return whether a reader may change a region: their own, or any but a core as an owner."""
    return region.kind in _WORD and (pen.is_owner or region.reader == pen.reader)


def _refuse_others(regions: Sequence[Region], pen: Pen) -> None:
    for region in regions:
        if not may_change(region, pen):
            whose = f"of {region.reader}" if region.kind in _WORD else "a core"
            raise StudyError(
                f"region {region.name!r}: is {whose}, not yours to change; ask an owner"
            )


def _new_name(kind: RegionKind, taken: set[str]) -> str:
    number = 1
    while f"{_WORD[kind]} {number}" in taken:
        number += 1
    return f"{_WORD[kind]} {number}"
