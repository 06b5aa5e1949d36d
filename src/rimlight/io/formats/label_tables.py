"""Labels as CSV: one row a label, columns found by their headings in any order."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rimlight.errors import LabelFileError
from rimlight.io.formats.points import Fault, Frame, PointFile, PointRecord, plain_text, utc_time
from rimlight.io.formats.row_stream import streamed_rows
from rimlight.io.formats.tables import MAX_ROWS, TableRow, number_of, write_rows
from rimlight.records import CaseId, Label, SlideId

# What a column may be called; the first is what we write.
_HEADINGS = {
    "slide": ("slide", "slide_id", "image", "file"),
    "cell": ("cell", "cell_id"),
    "x": ("x_l0", "x_px", "x"),
    "y": ("y_l0", "y_px", "y"),
    "label": ("label", "expression", "class"),
    "reader": ("reader",),
    "time": ("time", "made_at"),
    "label_id": ("label_id",),
}
_NEEDED = ("x", "y", "label")
HEADER = ("case", "slide", "cell", "x_l0", "y_l0", "label", "reader", "time", "label_id")


def read_label_table(path: Path) -> PointFile:
    """Read point labels from a CSV with a header.

    Columns ``x_l0`` and ``y_l0`` count from the corner of level 0; ``x_px``, ``y_px``, ``x``
    and ``y`` leave open whether they count from the slide's bounds.

    Raises:
        LabelFileError: The file is absent or no table, or lacks a column it needs.
    """
    with streamed_rows(path, max_rows=MAX_ROWS) as rows:
        column_of = label_columns(rows.header, path)
        items = [
            _point_of(row, column_of, len(rows.header))
            for row in rows
            if any(cell.strip() for cell in row.cells)
        ]
    return PointFile(
        items=tuple(items),
        content_hash=rows.content_hash(),
        frame=frame_of_headings(rows.header, column_of),
    )


def write_label_table(
    path: Path, labels: Iterable[Label], *, case_of_slide: Mapping[SlideId, CaseId]
) -> int:
    """Write labels as CSV, whole or not at all, and return how many there were.

    Raises:
        StorageError: The disk refuses.
    """
    rows = [row_of(label, case_of_slide) for label in labels]
    write_rows(path, HEADER, rows, n_digits=None)
    return len(rows)


def row_of(label: Label, case_of_slide: Mapping[SlideId, CaseId]) -> tuple[str | float, ...]:
    """Return a label in the order of ``HEADER``."""
    return (
        case_of_slide[label.cell.slide_id],
        label.cell.slide_id,
        label.cell.cell_id,
        label.cell.x_l0,
        label.cell.y_l0,
        label.expression.value,
        label.reader,
        label.made_at,
        label.label_id,
    )


def frame_of_headings(header: Sequence[str], column_of: Mapping[str, int]) -> Frame | None:
    """Return where x and y count from by the headings of their columns."""
    heading = header[column_of["x"]].casefold(), header[column_of["y"]].casefold()
    return "level0" if heading == ("x_l0", "y_l0") else None


def label_columns(header: Sequence[str], path: Path) -> dict[str, int]:
    """Return the place of each column by what it means.

    Raises:
        LabelFileError: A column that is needed is missing, or two may be the same.
    """
    folded = [name.casefold() for name in header]
    column_of = {}
    for field, names in _HEADINGS.items():
        found = [place for place, name in enumerate(folded) if name in names]
        if len(found) > 1:
            rivals = " and ".join(repr(header[place]) for place in found)
            raise LabelFileError(f"{path}: both {rivals} may be the {field}; remove one of them")
        if found:
            column_of[field] = found[0]
    missing = [_HEADINGS[field] for field in _NEEDED if field not in column_of]
    if missing:
        raise LabelFileError(
            f"{path}: has no column {', none '.join(' or '.join(names) for names in missing)}; "
            f"its headings are {', '.join(header)[:300]}; name the columns slide, x_px, y_px, "
            "label, reader"
        )
    return column_of


def _point_of(row: TableRow, column_of: Mapping[str, int], n_columns: int) -> PointRecord | Fault:
    place = f"line {row.line}"
    if len(row.cells) != n_columns:
        reason = f"has {len(row.cells)} cells under {n_columns} headings"
        return Fault(place=place, reason=f"{reason}; a decimal comma or an unquoted name?")
    cell_of = {field: row.cells[column] for field, column in column_of.items()}
    try:
        x, y = _coordinate(cell_of["x"], "x"), _coordinate(cell_of["y"], "y")
        return record_of(cell_of, place=place, x=x, y=y)
    except ValueError as error:
        return Fault(place=place, reason=str(error))


def record_of(said: Mapping[str, object], *, place: str, x: float, y: float) -> PointRecord:
    """Return a row as a point.

    Raises:
        ValueError: Something is no plain text, or the label is empty; the message is a clause.
    """
    text_of = {
        field: plain_text(said.get(field), what=field)
        for field in ("slide", "cell", "label", "reader", "time", "label_id")
    }
    if text_of["label"] is None:
        raise ValueError("the label is empty")
    return PointRecord(
        place=place,
        x=x,
        y=y,
        class_name=text_of["label"],
        slide=text_of["slide"],
        cell=text_of["cell"],
        reader=text_of["reader"],
        time=utc_time(text_of["time"]),
        label_id=text_of["label_id"],
    )


def _coordinate(text: str, axis: str) -> float:
    try:
        return number_of(text)
    except ValueError as error:
        raise ValueError(f"{axis} {error}") from error
