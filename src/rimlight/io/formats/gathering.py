"""What the readers of point labels share: gathering points and faults, and numbers of pixels."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short
from typing import Any, cast

from rimlight.errors import LabelFileError
from rimlight.io.formats.points import (
    Fault,
    Frame,
    PointFile,
    PointRecord,
    plain_text,
    text_or_none,
    utc_time,
)
from rimlight.io.formats.qupath import MAX_COORDINATE, MAX_POINTS
from rimlight.io.formats.tables import number_of
from rimlight.records import Expression, Label

MAX_CELL_PX = 200.0  # 50 um at 0.25 um/px; what is wider is an area and no cell
COLOUR_OF_EXPRESSION = {  # QuPath's own
    Expression.NEGATIVE: (90, 90, 180),
    Expression.WEAK: (255, 215, 0),
    Expression.MODERATE: (225, 150, 50),
    Expression.STRONG: (200, 50, 50),
    Expression.OTHER: (255, 200, 0),
    Expression.CANNOT_JUDGE: (160, 160, 160),  # ours: QuPath has no such class
}


@dataclass(slots=True, kw_only=True)
class Gathered:
    """The points, faults and notes of a file that is being read, within the limit of points."""

    path: Path
    items: list[PointRecord | Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, item: PointRecord | Fault) -> None:
        """Add a point or a fault."""
        self.items.append(item)
        self.refuse_too_many()

    def fault(self, place: str, reason: object) -> None:
        """Add why something at that place cannot be taken."""
        self.take(Fault(place=place, reason=str(reason)))

    def note(self, sentence: str) -> None:
        """Add what was left out because it is no point label."""
        self.notes.append(sentence)
        self.refuse_too_many()

    def refuse_too_many(self, n_more: int = 0) -> None:
        """Raise LabelFileError above the limit."""
        if len(self.items) + len(self.notes) + n_more > MAX_POINTS:
            raise LabelFileError(
                f"{self.path}: holds more than {MAX_POINTS} points; split the file"
            )

    def file(self, content_hash: str, header: Mapping[str, Any]) -> PointFile:
        """Return what was gathered; the header of a file of ours says of which slide it is."""
        said = header
        frame = said.get("frame")
        return PointFile(
            items=tuple(self.items),
            content_hash=content_hash,
            frame=cast(Frame, frame) if frame in ("level0", "bounds") else None,
            slide=text_or_none(said.get("slide")),
            slide_hash=text_or_none(said.get("slide_hash")),
            notes=tuple(self.notes),
        )


def pixels(value: Any, axis: str) -> float:
    """Return a number of pixels that JSON states.

    Raises:
        ValueError: It is no number, not finite, or beyond any slide; the message is a clause.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value != value or abs(value) > MAX_COORDINATE:
        raise ValueError(f"{axis} is no number of pixels, got {short(value)}")
    return float(value)


def pixels_of_text(text: str | None, axis: str) -> float:
    """Return a number of pixels that text states, with a decimal point.

    Raises:
        ValueError: It is absent, no number, or beyond any slide; the message is a clause.
    """
    if text is None:
        raise ValueError(f"has no {axis}")
    try:
        number = number_of(text)
    except ValueError as error:
        raise ValueError(f"{axis} {error}") from error
    if abs(number) > MAX_COORDINATE:
        raise ValueError(f"{axis} is no number of pixels, got {text[:40]!r}")
    return number


def own_facts(said: Mapping[str, Any]) -> dict[str, str | None]:
    """Return cell, reader, time and label id where our own writers put them.

    Raises:
        ValueError: One is no plain text, or the time is none; the message is a clause.
    """
    facts = {key: plain_text(said.get(key), what=key) for key in ("cell", "reader", "label")}
    return {
        "cell": facts["cell"],
        "reader": facts["reader"],
        "time": utc_time(plain_text(said.get("time"), what="time")),
        "label_id": facts["label"],
    }


def facts_of(label: Label) -> dict[str, str]:
    """Return what our writers say of a label beside its place and class."""
    return {
        "cell": label.cell.cell_id,
        "reader": label.reader,
        "time": label.made_at,
        "label": label.label_id,
    }


def hex_colour(expression: Expression) -> str:
    """Return the colour of an expression as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*COLOUR_OF_EXPRESSION[expression])


def of_slide(labels: Iterable[Label], slide_id: str) -> Iterator[Label]:
    """Yield the labels, each of which must be of the slide.

    Raises:
        ValueError: One is of another slide.
    """
    for label in labels:
        if label.cell.slide_id != slide_id:
            raise ValueError(
                f"label {label.label_id} is of {label.cell.slide_id}, not of {slide_id}"
            )
        yield label
