"""Point labels as a foreign file states them, before they are placed on slides and cells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from reprlib import repr as short
from typing import Literal

Frame = Literal["level0", "bounds"]
WrittenFormat = Literal["qupath", "csv", "parquet", "coco", "asap", "imagescope", "dsa", "dicom"]
ReadFormat = Literal[
    "qupath",
    "csv",
    "parquet",
    "coco",
    "asap",
    "imagescope",
    "dsa",
    "dicom",
    "cellvit",
    "patchsorter",
]
ScoreFormat = Literal["qupath", "csv", "parquet", "h5ad", "dicom"]
CandidateFormat = Literal["qupath", "csv", "dicom"]
MAX_TEXT = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why one row, feature or point of a file cannot be taken.

    place: ``line 4`` or ``feature 3, point 2``, counted from 1.
    """

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRecord:
    """One point label in the words of its file.

    x, y: pixels of the slide's full resolution, counted from the origin of the file's frame.
    time: UTC, ISO 8601; None where the file does not say when the label was given.
    label_id: only in files that rimlight wrote.
    """

    place: str
    x: float
    y: float
    class_name: str
    slide: str | None = None
    cell: str | None = None
    reader: str | None = None
    time: str | None = None
    label_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFile:
    """The points of one file, and what cannot be taken, in the order of the file.

    frame: where the coordinates count from: ``level0`` or the slide's ``bounds``; None where
        the file does not say.
    slide, slide_hash: the one slide the whole file is of, by name and fingerprint, if it says so.
    content_hash: sha256 of the text, the same whether it came compressed or not.
    notes: what was left out because it is no point label, and what the format cannot say, one
        sentence each.
    sizes: width and height in pixels of the picture that was labelled, by the slide's name in
        the file, where the file says it.
    """

    items: tuple[PointRecord | Fault, ...]
    content_hash: str
    frame: Frame | None = None
    slide: str | None = None
    slide_hash: str | None = None
    notes: tuple[str, ...] = ()
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def text_or_none(value: object) -> str | None:
    """Return a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def plain_text(value: object, *, what: str) -> str | None:
    """Return a name from a file, stripped; None where it is empty or absent.

    Raises:
        ValueError: It is no text, too long, or holds control characters or half a character.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"the {what} must be text, got {short(value)}")  # noqa: TRY004
    text = value.strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"the {what} is longer than {MAX_TEXT} characters")
    if _CONTROL.search(text):
        raise ValueError(f"the {what} {text[:40]!r} holds a character that cannot be written")
    return text or None


def utc_time(text: str | None) -> str | None:
    """Return an ISO 8601 time in UTC; a time without a zone is taken as UTC.

    Raises:
        ValueError: It is no such time; the message is a clause about the text.

    >>> utc_time("2026-03-01T10:30:00+02:00")
    '2026-03-01T08:30:00Z'
    """
    if text is None:
        return None
    try:
        stated = datetime.fromisoformat(text)
        stated = stated.replace(tzinfo=UTC) if stated.tzinfo is None else stated.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"the time {text[:40]!r} is not like 2026-03-01T10:30:00Z (ISO 8601)"
        ) from error
    return stated.isoformat().replace("+00:00", "Z")
