"""What programs made of a study's slides; never touches the journal of labels."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from rimlight.io.database import reading, writing
from rimlight.io.schema import slides_table
from rimlight.records import Box, CaseId, SlideId, SlideInfo


def put_slides(target: Engine | Connection, slides: Sequence[SlideInfo]) -> int:
    """Store slides by their id, all or none; a slide known by that id takes the new record.

    Returns:
        How many slides are new.

    Raises:
        StorageError: The disk refuses; nothing was stored.
    """
    with writing(target) as connection:
        known = set(connection.scalars(select(slides_table.c.slide_id)))
        n_new = 0
        for slide in slides:
            row = _row_of(slide)
            if slide.slide_id in known:
                connection.execute(
                    update(slides_table)
                    .where(slides_table.c.slide_id == slide.slide_id)
                    .values(row)
                )
            else:
                connection.execute(insert(slides_table).values(row))
                known.add(slide.slide_id)
                n_new += 1
        return n_new


def slides(target: Engine | Connection) -> list[SlideInfo]:
    """Return the slides of a study, ordered by id."""
    with reading(target) as connection:
        rows = connection.execute(select(slides_table).order_by(slides_table.c.slide_id))
        return [_slide_of(row) for row in rows]


def slide(target: Engine | Connection, slide_id: str) -> SlideInfo | None:
    """Return the slide of an id; None where the study has none."""
    with reading(target) as connection:
        row = connection.execute(
            select(slides_table).where(slides_table.c.slide_id == slide_id)
        ).one_or_none()
        return None if row is None else _slide_of(row)


def _row_of(slide: SlideInfo) -> dict[str, Any]:
    bounds = slide.bounds
    return {
        "slide_id": slide.slide_id,
        "case_id": slide.case_id,
        "path": slide.path,
        "fingerprint": slide.fingerprint,
        "format": slide.format,
        "width_l0": slide.width_l0,
        "height_l0": slide.height_l0,
        "mpp": slide.mpp,
        "mpp_source": slide.mpp_source,
        "assay": slide.assay,
        "scanner": slide.scanner,
        "white_red": slide.white[0],
        "white_green": slide.white[1],
        "white_blue": slide.white[2],
        "is_white_estimated": slide.is_white_estimated,
        "bounds_left_l0": bounds and bounds.left_l0,
        "bounds_top_l0": bounds and bounds.top_l0,
        "bounds_width_l0": bounds and bounds.width_l0,
        "bounds_height_l0": bounds and bounds.height_l0,
    }


def _slide_of(row: Row[Any]) -> SlideInfo:
    bounds = None
    if row.bounds_width_l0 is not None:
        bounds = Box(
            left_l0=row.bounds_left_l0,
            top_l0=row.bounds_top_l0,
            width_l0=row.bounds_width_l0,
            height_l0=row.bounds_height_l0,
        )
    return SlideInfo(
        slide_id=SlideId(row.slide_id),
        case_id=CaseId(row.case_id),
        path=row.path,
        fingerprint=row.fingerprint,
        format=row.format,
        width_l0=row.width_l0,
        height_l0=row.height_l0,
        mpp=row.mpp,
        mpp_source=row.mpp_source,
        assay=row.assay,
        scanner=row.scanner,
        white=(row.white_red, row.white_green, row.white_blue),
        is_white_estimated=row.is_white_estimated,
        bounds=bounds,
    )
