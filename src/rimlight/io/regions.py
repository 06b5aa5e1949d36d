"""Regions and cores of slides: put and withdrawn, append-only, on disk before acknowledged.

A region is changed by putting it again; it is withdrawn, never removed. What stands is a view of
the events. Each event holds the hash of the one before it, as the events of labels do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, func, select

from rimlight.io.database import reading, writing
from rimlight.io.event_chain import EventChain
from rimlight.io.schema import region_events_table as events_table
from rimlight.io.schema import region_head_table as head_table
from rimlight.records import CaseId, ReaderId, Region, RegionId, RegionKind, SlideId

Action = Literal["put", "withdraw"]
_CHAIN = EventChain(kind="region", events=events_table, head=head_table)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionEvent:
    """One act on a region, as it is kept for good.

    seq: its place among the events, from 1 without a hole.
    region: as it was put; of a withdrawal, as it stood before, with who withdrew it.
    recorded_at: UTC, ISO 8601.
    hash: sha256 of ``previous_hash`` and of every other field.
    """

    seq: int
    action: Action
    region: Region
    recorded_at: str
    previous_hash: str
    hash: str


def put_regions(target: Engine | Connection, regions: Sequence[Region]) -> int:
    """Append the regions that do not stand already just as they are, all of them or none.

    A region of the same id on the same slide takes the place of what stood. Who drew a region
    and where it came from do not make it another one.

    Returns:
        How many were new or changed; they are on disk when this returns, unless ``target`` is a
        connection, then when its transaction ends.

    Raises:
        StorageError: The disk refuses; nothing was appended.
        StudyError: A slide is not in the study, or the database is damaged.
        ValueError: Two regions of a slide would have one name.
    """
    with writing(target) as connection:
        standing = {_key(region): region for region in current_regions(connection)}
        new: list[Region] = []
        for region in regions:
            before = standing.get(_key(region))
            if before is None or _content(before) != _content(region):
                new.append(region)
                standing[_key(region)] = region
        names = [(region.slide_id, region.name) for region in standing.values()]
        if len(set(names)) < len(names):
            twice = sorted(
                {f"{slide}: {name}" for slide, name in names if names.count((slide, name)) > 1}
            )
            raise ValueError(f"two regions of one name: {', '.join(twice)}")
        _CHAIN.append(connection, [_row_of("put", region) for region in new])
        return len(new)


def withdraw_regions(
    target: Engine | Connection, regions: Sequence[Region], *, reader: ReaderId
) -> int:
    """Withdraw regions that stand, all of them or none, and return how many stood.

    Raises:
        StorageError: The disk refuses; nothing was withdrawn.
    """
    with writing(target) as connection:
        standing = {_key(region): region for region in current_regions(connection)}
        keys = dict.fromkeys(_key(region) for region in regions)
        found = [standing[key] for key in keys if key in standing]
        _CHAIN.append(
            connection, [_row_of("withdraw", replace(each, reader=reader)) for each in found]
        )
        return len(found)


def current_regions(target: Engine | Connection, slide_id: SlideId | None = None) -> list[Region]:
    """Return the regions that stand, of one slide or of all, in the order of their first event."""
    with reading(target) as connection:
        table = events_table
        latest = (
            select(func.max(table.c.seq).label("seq"), func.min(table.c.seq).label("first"))
            .group_by(table.c.slide_id, table.c.region_id)
            .subquery()
        )
        asked = (
            select(table)
            .join(latest, table.c.seq == latest.c.seq)
            .where(table.c.action == "put")
            .order_by(latest.c.first)
        )
        if slide_id is not None:
            asked = asked.where(table.c.slide_id == slide_id)
        return [_region_of(row) for row in connection.execute(asked)]


def region_events(target: Engine | Connection) -> list[RegionEvent]:
    """Return every event of regions, the oldest first."""
    with reading(target) as connection:
        rows = connection.execute(select(events_table).order_by(events_table.c.seq))
        return [
            RegionEvent(
                seq=row.seq,
                action=row.action,
                region=_region_of(row),
                recorded_at=row.recorded_at,
                previous_hash=row.previous_hash,
                hash=row.hash,
            )
            for row in rows
        ]


def verify_regions(target: Engine | Connection) -> int:
    """Check every event of regions against its hash and its place, and return how many there are.

    Raises:
        StudyError: An event was changed, removed or moved; the first bad one is named.
    """
    return _CHAIN.verify(target)


def _key(region: Region) -> tuple[SlideId, RegionId]:
    return region.slide_id, region.region_id


def _content(region: Region) -> tuple[object, ...]:
    return region.name, region.kind, region.polygons, region.case_id, region.is_missing


def _row_of(action: Action, region: Region) -> dict[str, Any]:
    return {
        "action": action,
        "region_id": str(region.region_id),
        "slide_id": str(region.slide_id),
        "name": region.name,
        "kind": region.kind.value,
        "polygons": json.dumps(region.polygons, allow_nan=False, separators=(",", ":")),
        "reader": str(region.reader),
        "source": region.source,
        "case_id": None if region.case_id is None else str(region.case_id),
        "is_missing": bool(region.is_missing),
    }


def _region_of(row: Row[Any]) -> Region:
    return Region(
        region_id=RegionId(row.region_id),
        slide_id=SlideId(row.slide_id),
        name=row.name,
        kind=RegionKind(row.kind),
        polygons=tuple(
            tuple(tuple((float(x), float(y)) for x, y in ring) for ring in polygon)
            for polygon in json.loads(row.polygons)
        ),
        reader=ReaderId(row.reader),
        source=row.source,
        case_id=None if row.case_id is None else CaseId(row.case_id),
        is_missing=row.is_missing,
    )
