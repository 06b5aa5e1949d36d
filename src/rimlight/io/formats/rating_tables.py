"""Tables of ratings in: a row a case with a column a reader, or a row a rating."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rimlight.errors import LabelFileError
from rimlight.io.formats.points import plain_text
from rimlight.io.formats.tables import TableRow, number_of, read_rows

_CASE = ("case", "case_id", "patient", "patient_id")
_ITEM = ("item", "slide", "slide_id", "image", "file", "core", "core_id", "cell", "cell_id")
_READER = ("reader", "rater", "pathologist", "observer")
_VALUE = ("value", "rating", "label", "score", "tps", "expression", "class")
_ROUND = ("round", "reading", "session", "time_point")
_DAY = ("day", "date", "read_at", "made_at", "time")
MAX_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingColumns:
    """Which columns hold what; None or empty: told by their names.

    item: columns that name what was rated, together: slide, cell, ...
    readers: columns of the readers of a wide table.
    """

    case: str | None = None
    item: tuple[str, ...] = ()
    reader: str | None = None
    value: str | None = None
    round: str | None = None
    day: str | None = None
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one reader said of one item once.

    value: as written, without blanks around it; may be empty.
    round: name of the round; empty where the table has none.
    day: days since 1970-01-01, or the number that the table gives; None where it has none.
    """

    case: str
    item: str
    reader: str
    value: str
    round: str
    day: float | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingTable:
    """The readings of a table in its order; readers in the order in which they come.

    item_word: what was rated. case_word: what was taken for a case; ``case`` if the table has one.
    """

    readings: tuple[Reading, ...]
    readers: tuple[str, ...]
    item_word: str
    case_word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Places of the columns; a wide table has readers, a long one reader and value."""

    case: int | None
    item: tuple[int, ...]
    reader: int | None
    value: int | None
    round: int | None
    day: int | None
    readers: tuple[int, ...]


def read_ratings(path: Path, columns: RatingColumns) -> RatingTable:
    """Return the readings of a table.

    It is long if it has a column of the reader and one of the value, else wide.

    Raises:
        LabelFileError: The file is no table, a column is missing, or rows are at fault; each is
            named by its line.
    """
    header, rows = read_rows(path)
    for name in header:
        try:
            plain_text(name, what="heading")
        except ValueError as error:
            raise LabelFileError(f"{path}: {error}; correct the first line") from error
    layout = _layout(path, header, columns)
    faults: list[str] = []
    readings: list[Reading] = []
    for row in rows:
        try:
            readings += list(_readings_of(row, layout, header))
        except ValueError as error:
            faults.append(f"line {row.line}: {error}")
    _refuse_two_cases(path, readings)
    faults += _doubled(readings)
    if faults:
        raise LabelFileError(
            f"{path}: {len(faults)} rows are at fault, first {faults[0]}; correct the table",
            tuple(faults[:MAX_FAULTS]),
        )
    if not readings:
        raise LabelFileError(f"{path}: holds no rating under its headings; give a table with rows")
    words = [header[place].removesuffix("_id").casefold() for place in layout.item]
    return RatingTable(
        readings=tuple(readings),
        readers=tuple(dict.fromkeys(reading.reader for reading in readings)),
        item_word=words[-1] if words else "case",
        case_word="case" if layout.case is not None else words[0],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The headings of a table, asked for by name or told by what they usually are."""

    path: Path
    names: Sequence[str]

    def place(self, given: str) -> int:
        if given not in self.names:
            raise LabelFileError(
                f"{self.path}: has no column {given[:80]!r}; its headings are {self.words}; "
                "name one of them"
            )
        return self.names.index(given)

    def told(self, given: str | None, usual: Sequence[str]) -> int | None:
        if given is not None:
            return self.place(given)
        folded = [name.casefold() for name in self.names]
        return next((folded.index(name) for name in usual if name in folded), None)

    @property
    def words(self) -> str:
        return ", ".join(self.names)[:300]


def _layout(path: Path, names: Sequence[str], columns: RatingColumns) -> _Layout:
    header = _Header(path=path, names=names)
    case = header.told(columns.case, _CASE)
    item = tuple(header.place(name) for name in columns.item) or tuple(
        i for i, name in enumerate(names) if name.casefold() in _ITEM and i != case
    )
    found = {
        "round": header.told(columns.round, _ROUND),
        "day": header.told(columns.day, _DAY),
    }
    if case is None and not item:
        raise LabelFileError(
            f"{path}: has no column of the case, slide or cell; its headings are {header.words}; "
            "name it with --case or --item"
        )
    reader = None if columns.readers else header.told(columns.reader, _READER)
    if reader is not None:
        value = header.told(columns.value, _VALUE)
        if value is None:
            raise LabelFileError(
                f"{path}: has a column of the reader but none of the rating; its headings are "
                f"{header.words}; name it with --value"
            )
        return _Layout(case=case, item=item, reader=reader, value=value, readers=(), **found)
    known = {case, *item, *found.values()}
    readers = tuple(header.place(name) for name in columns.readers) or tuple(
        i for i in range(len(names)) if i not in known
    )
    if len(readers) < 2 and found["round"] is None:
        raise LabelFileError(
            f"{path}: needs the columns of two readers or more, or of reader and value; its "
            f"headings are {header.words}"
        )
    return _Layout(case=case, item=item, reader=None, value=None, readers=readers, **found)


def _readings_of(row: TableRow, layout: _Layout, names: Sequence[str]) -> Iterator[Reading]:
    if len(row.cells) != len(names):
        raise ValueError(f"has {len(row.cells)} cells under {len(names)} headings")
    cells = [plain_text(cell, what=name) or "" for cell, name in zip(row.cells, names, strict=True)]
    item = " / ".join(cells[place] for place in layout.item)
    case = cells[layout.item[0] if layout.case is None else layout.case]
    item = item or case
    if not case or not item.strip(" /"):
        raise ValueError("names no case or no item")
    about = {
        "case": case,
        "item": item,
        "round": "" if layout.round is None else cells[layout.round],
        "day": None if layout.day is None else day_of(cells[layout.day]),
        "line": row.line,
    }
    if layout.reader is None or layout.value is None:
        for place in layout.readers:
            yield Reading(reader=names[place], value=cells[place], **about)  # type: ignore[arg-type]
    elif not cells[layout.reader]:
        raise ValueError("names no reader")
    else:
        reader, value = cells[layout.reader], cells[layout.value]
        yield Reading(reader=reader, value=value, **about)  # type: ignore[arg-type]


def day_of(text: str) -> float | None:
    """Return a day as a number: as it stands, or days since 1970 of an ISO 8601 date or time.

    Raises:
        ValueError: It is neither.

    >>> day_of("1970-01-02T12:00:00Z"), day_of("14"), day_of("")
    (1.5, 14.0, None)
    """
    if not text:
        return None
    try:
        return number_of(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{text[:40]!r} is no day; write a number or a date like 2026-03-01"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() / 86_400


def _doubled(readings: Sequence[Reading]) -> list[str]:
    """One reader, one item, one round or day: one reading."""
    seen: dict[tuple[object, ...], int] = {}
    faults = []
    for reading in readings:
        key = (reading.reader, reading.item, reading.round, reading.day)
        if key in seen:
            faults.append(
                f"line {reading.line}: {reading.reader} rated {reading.item} in line {seen[key]} "
                "already (name a column of the round or the day if it was read again)"
            )
        seen.setdefault(key, reading.line)
    return faults


def _refuse_two_cases(path: Path, readings: Sequence[Reading]) -> None:
    case_of_item: dict[str, str] = {}
    for reading in readings:
        known = case_of_item.setdefault(reading.item, reading.case)
        if known != reading.case:
            raise LabelFileError(
                f"{path}: line {reading.line}: {reading.item} is of case {known} above and of case "
                f"{reading.case} here; correct the table, or give both columns with --item"
            )
