"""CSV in and out: dialects, numbers and formula cells are settled here once.

Written: UTF-8, commas, decimal points, ``\\n``; None and NaN are empty cells; truth values are
1 and 0. Text that a spreadsheet would take for a formula gets an apostrophe in front, which
reading takes off again.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import LabelFileError, RimlightError, RunError
from rimlight.io.files import whole_file

MAX_TABLE_BYTES = 64 * 2**20
MAX_ROWS = 1_000_000
_EMPTY = '""'  # a line without anything would be passed over
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_SPECIAL = re.compile('[,;\t\r\n"]')
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row of a foreign table.

    line: the line of the file on which the row ends, counted from 1.
    cells: as many as the header has, or more or fewer where the row is faulty.
    """

    line: int
    cells: tuple[str, ...]


def write_table(
    path: Path, columns: Mapping[str, Sequence[Any] | np.ndarray], *, n_digits: int | None = 9
) -> None:
    """Write columns of equal length as CSV, whole or not at all.

    Args:
        path: The file; an old one of that name is replaced.
        columns: Sequences or arrays of text, numbers, truth values or None, by column name.
        n_digits: Significant digits of floats; None for as many as tell each float apart.

    Raises:
        StorageError: The disk refuses.
        ValueError: Columns differ in length.

    >>> write_table(Path("/dev/null/x"), {"a": [1], "b": []})
    Traceback (most recent call last):
    ValueError: columns differ in length: {'a': 1, 'b': 0}
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")
    write_rows(path, list(columns), zip(*columns.values(), strict=True), n_digits=n_digits)


def write_rows(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], *, n_digits: int | None = 9
) -> None:
    """Write rows as CSV as they come, whole or not at all.

    Raises:
        StorageError: The disk refuses.
    """
    with whole_file(path) as handle:
        for line in csv_lines(header, rows, n_digits=n_digits):
            handle.write(line.encode())


def csv_lines(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, n_digits: int | None = 9
) -> Iterator[str]:
    """Yield the lines of a CSV, formula cells neutralised.

    >>> "".join(csv_lines(["a", "b"], [("=1+1", None), (0.5, True)]))
    "a,b\\n'=1+1,\\n0.5,1\\n"
    """
    for row in chain([header], rows):
        line = ",".join(quoted(cell_text(value, n_digits=n_digits)) for value in row)
        yield f"{line or _EMPTY}\n"


def read_table(path: Path, *, refusal: type[RimlightError] = RunError) -> dict[str, list[str]]:
    """Return the columns of a CSV with a header, as text.

    Args:
        path: The file.
        refusal: What to raise, since the table may be of a run, a split or something else.

    Raises:
        RunError: Or ``refusal``: the file is absent or no table, or a row is too long or short.
    """
    header, rows = read_rows(path, refusal=refusal)
    columns: dict[str, list[str]] = {name: [] for name in header}
    for row in rows:
        if len(row.cells) != len(header):
            raise refusal(
                f"{path}: line {row.line} has {len(row.cells)} cells under {len(header)} headings; "
                "correct that line"
            )
        for name, cell in zip(header, row.cells, strict=True):
            columns[name].append(cell)
    return columns


def read_rows(
    path: Path, *, refusal: type[RimlightError] = LabelFileError
) -> tuple[list[str], list[TableRow]]:
    """Return the headings and rows of a CSV; comma, semicolon or tab is told from the header.

    Empty lines are left out. Headings come stripped, and each stands once.

    Raises:
        LabelFileError: Or ``refusal``: the file is absent, too large, empty or no CSV in UTF-8.
    """
    found = _found(Path(path), refusal, MAX_ROWS + 1)
    if not found:
        raise refusal(f"{path}: the file is empty; it needs a header and rows")
    return header_of_row(found[0], path, refusal), found[1:]


def header_of_row(row: TableRow, path: Path, refusal: type[RimlightError]) -> list[str]:
    """Return the headings, stripped; raise ``refusal`` if one stands twice."""
    header = [cell.strip() for cell in row.cells]
    doubled = sorted(name for name, n_times in Counter(header).items() if n_times > 1)
    if doubled:
        raise refusal(f"{path}: the heading {doubled[0]!r} stands twice; rename one")
    return header


def _found(path: Path, refusal: type[RimlightError], n_most: int) -> list[TableRow]:
    text = _text_of(path, refusal)
    try:
        found = list(islice(_rows_of(text), n_most + 1))
    except ValueError as error:
        raise refusal(f"{path}: {error}") from error
    if len(found) > n_most:
        raise refusal(f"{path}: has more than {MAX_ROWS} rows; split the file")
    return found


def _rows_of(text: str) -> Iterator[TableRow]:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    return rows_of_lines(io.StringIO(text, newline=""), delimiter_of(first))


def rows_of_lines(lines: Iterable[str], delimiter: str) -> Iterator[TableRow]:
    """Yield the rows that lines hold, but for empty ones.

    Raises:
        ValueError: A line is not CSV; the message is a clause.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells and not (len(cells) == 1 and cells[0].isspace()):
                yield TableRow(line=reader.line_num, cells=tuple(map(_plain, cells)))
    except csv.Error as error:
        raise ValueError(
            f"line {reader.line_num} is not CSV: {error}; correct that line"
        ) from error


def cell_text(value: Any, *, n_digits: int | None = 9) -> str:
    """Return what one value is in a CSV of ours.

    >>> [cell_text(value) for value in (None, True, 0.1, -2, "=1+1", "a")]
    ['', '1', '0.1', '-2', "'=1+1", 'a']
    """
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else str(value)
    if hasattr(value, "item"):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return repr(value) if n_digits is None else f"{value:.{n_digits}g}"
    if isinstance(value, int):
        return str(value)
    return cell_text(str(value))


def quoted(text: str) -> str:
    """Return the text of a cell in quotes where a comma, a quote or an end of line needs them."""
    # The csv module leaves a lone carriage return unquoted, and then cannot read it.
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def number_of(text: str) -> float:
    """Return the number that a cell states, with a decimal point and nothing else around it.

    Raises:
        ValueError: It is no finite decimal number; the message is a clause about the text.
    """
    stripped = text.strip()
    if re.fullmatch(r"[+-]?\d+,\d+", stripped, re.ASCII):
        raise ValueError(f"{stripped[:40]!r} has a decimal comma; write a decimal point")
    if not _NUMBER.fullmatch(stripped):
        raise ValueError(f"{stripped[:40]!r} is no number")
    number = float(stripped)
    if not math.isfinite(number):
        raise ValueError(f"{stripped[:40]!r} is too large a number")
    return number


def _text_of(path: Path, refusal: type[RimlightError]) -> str:
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        raise refusal(
            f"{path}: cannot be read: {error.strerror}; give the path of a CSV file"
        ) from error
    if len(content) > MAX_TABLE_BYTES:
        raise refusal(f"{path}: larger than {MAX_TABLE_BYTES // 2**20} MiB; split the file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(f"{path}: is not UTF-8 text; save it as CSV in UTF-8") from error
    if "\0" in text:
        raise refusal(f"{path}: holds a NUL byte, so it is no CSV; save it as CSV in UTF-8")
    return text


def delimiter_of(header: str) -> str:
    """Return which of comma, semicolon and tab parts the first row of a table."""
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=unquoted.count)


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
