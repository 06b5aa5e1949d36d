"""Tables of any length, one row at a time, as strictly as short ones; also gzipped."""

import codecs
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from rimlight.errors import LabelFileError
from rimlight.io.formats.packing import ForeignFile, opened
from rimlight.io.formats.tables import TableRow, delimiter_of, header_of_row, rows_of_lines

MAX_LINE_CHARACTERS = 2**20
_CHUNK_BYTES = 2**20


class RowStream:
    """The rows of a table as they come; empty lines are left out.

    Args:
        file: Read forward once.
        has_header: Whether the first row names the columns.
        max_rows: More are refused.

    Raises:
        LabelFileError: There is no header, or two headings are the same.
    """

    def __init__(self, file: ForeignFile, *, has_header: bool, max_rows: int) -> None:
        self.path = file.path
        self.header: list[str] = []
        self._max_rows = max_rows
        self._hash = hashlib.sha256()
        self._rows = self._sound(file)
        if has_header:
            first = next(self._rows, None)
            if first is None:
                raise LabelFileError(f"{self.path}: the file is empty; it needs a header and rows")
            self.header = header_of_row(first, self.path, LabelFileError)

    def __iter__(self) -> Iterator[TableRow]:
        """Yield the rows.

        Raises:
            LabelFileError: The file is too large, no CSV in UTF-8, or has too many rows.
        """
        self._hash.update(f"({self.header!r}, [".encode(errors="backslashreplace"))
        for number, row in enumerate(self._rows, start=1):
            if number > self._max_rows:
                raise LabelFileError(
                    f"{self.path}: has more than {self._max_rows} rows; split the file"
                )
            before = ", " if number > 1 else ""
            self._hash.update(f"{before}{row!r}".encode(errors="backslashreplace"))
            yield row
        self._hash.update(b"])")

    def content_hash(self) -> str:
        """Return the sha256 of headings and rows, once all have come."""
        return self._hash.hexdigest()

    def _sound(self, file: ForeignFile) -> Iterator[TableRow]:
        lines = _lines(file)
        try:
            passed, first = [], ""
            for line in lines:
                passed.append(line)
                if first := line.strip("\r\n"):
                    break
            yield from rows_of_lines(chain(passed, lines), delimiter_of(first))
        except UnicodeDecodeError as error:
            raise LabelFileError(
                f"{self.path}: is not UTF-8 text; save it as CSV in UTF-8"
            ) from error
        except ValueError as error:
            raise LabelFileError(f"{self.path}: {error}") from error


@contextmanager
def streamed_rows(
    path: Path, *, has_header: bool = True, max_rows: int, max_bytes: int | None = None
) -> Iterator[RowStream]:
    """Open a table for reading row by row.

    Raises:
        LabelFileError: The file is absent, unreadable, or has no header.
    """
    with opened(path, max_bytes=max_bytes) as file:
        yield RowStream(file, has_header=has_header, max_rows=max_rows)


def _lines(file: ForeignFile) -> Iterator[str]:
    """Yield the lines of a file with their ends, as they stand."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest, is_at_end = "", False
    while not is_at_end:
        content = file.read(_CHUNK_BYTES)
        is_at_end = not content
        text = rest + decoder.decode(content, final=is_at_end)
        if "\0" in text:
            raise ValueError("holds a NUL byte, so it is no CSV; save it as CSV in UTF-8")
        lines = list(io.StringIO(text, newline=""))
        # "\r" may be half of an end.
        rest = lines.pop() if lines and not (is_at_end or lines[-1].endswith("\n")) else ""
        if len(rest) > MAX_LINE_CHARACTERS:
            raise ValueError(
                f"has a line of more than {MAX_LINE_CHARACTERS} characters; save it as CSV in UTF-8"
            )
        yield from lines
