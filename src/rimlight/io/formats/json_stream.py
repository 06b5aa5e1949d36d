"""JSON of any length, one value at a time: read strictly, and written an item a line."""

import codecs
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from rimlight.errors import LabelFileError
from rimlight.io.files import MAX_DEPTH, nests_deeper, strict_decoder
from rimlight.io.formats.packing import ForeignFile, packed_file

MAX_VALUE_CHARACTERS = 4 * 2**20
MAX_OBJECTS = 4_000_000
MAX_KEYS = 10_000
_CHUNK_BYTES = 2**20
_LOOK_AHEAD = 4  # a number may go on as "e+12" behind what was read
_SPACE = " \t\r\n"

KeyPath = tuple[str, ...]


class Entered(Enum):
    """Stands for an object or a list whose values come one by one."""

    OBJECT = "{"
    LIST = "["


def json_values(
    file: ForeignFile,
    *,
    entered: Collection[KeyPath],
    keys_allowed_twice: Sequence[str] = (),
    max_characters: int | None = None,
) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values of a JSON file with their paths, without holding the file.

    A path is the keys that lead to a value, ``*`` for any place in a list. Values at the paths
    of ``entered`` are not read whole: ``Entered`` is yielded for them, then what they hold.

    Args:
        file: Read forward once.
        entered: Paths of objects and lists that are gone through.
        keys_allowed_twice: Keys that may stand twice in one object if both values are equal.
        max_characters: How long a value may be; None for ``MAX_VALUE_CHARACTERS``.

    Raises:
        LabelFileError: The text is no strict JSON in UTF-8, or one value is too long.

    NaN and infinite numbers come through, for a caller that looks at each.
    """
    values = strict_decoder(keys_allowed_twice=keys_allowed_twice, keeps_nan=True)
    limit = MAX_VALUE_CHARACTERS if max_characters is None else max_characters
    text = _Text(file, values, max_characters=limit)
    try:
        yield from _values(text, (), entered)
        if text.next_character():
            raise ValueError("holds more than one value")
    except UnicodeDecodeError as error:
        raise LabelFileError(f"{file.path}: is not UTF-8 text; export it again") from error
    except RecursionError as error:
        raise LabelFileError(f"{file.path}: is nested too deep; export it again") from error
    except json.JSONDecodeError as error:
        line = text.n_lines_gone + error.lineno
        raise LabelFileError(
            f"{file.path}: is not JSON: {error.msg} in line {line}; export it again"
        ) from error
    except ValueError as error:
        raise LabelFileError(f"{file.path}: {error}; export it again") from error


def write_json_items(
    path: Path, head: Mapping[str, Any], key: str, items: Iterable[Mapping[str, Any]]
) -> int:
    """Write an object whose last key holds a list, one item a line, and return how many.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        head: The keys before the list, one a line.
        key: The key of the list.
        items: Taken one at a time.

    Raises:
        StorageError: The disk refuses.
    """
    n_items = 0
    with packed_file(path) as handle:
        handle.write(b"{")
        for name, value in head.items():
            handle.write(_bytes_of(name) + b":" + _bytes_of(value) + b",\n")
        handle.write(_bytes_of(key) + b":[")
        for item in items:
            handle.write((b",\n" if n_items else b"\n") + _bytes_of(item))
            n_items += 1
        handle.write(b"\n]}\n")
    return n_items


def _bytes_of(data: object) -> bytes:
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


class _Text:
    """The text of a file as far as it is read; ``place`` is the next character of ``buffer``."""

    def __init__(self, file: ForeignFile, values: json.JSONDecoder, *, max_characters: int) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._values = values
        self._max_characters = max_characters
        self.buffer = ""
        self.place = 0
        self.is_at_end = False
        self.n_lines_gone = 0

    def fill(self) -> None:
        """Read on, and let go of what lies behind."""
        # At least as much as is held, so that a long value is not tried again for each chunk.
        content = self._file.read(max(_CHUNK_BYTES, len(self.buffer) - self.place))
        self.n_lines_gone += self.buffer.count("\n", 0, self.place)
        self.buffer = self.buffer[self.place :] + self._decoder.decode(content, final=not content)
        self.place = 0
        self.is_at_end = not content

    def line(self) -> int:
        """Return the line of the next character, counted from 1."""
        return self.n_lines_gone + self.buffer.count("\n", 0, self.place) + 1

    def next_character(self) -> str:
        """Return the next character that is no space, without taking it; empty at the end."""
        while True:
            rest = self.buffer
            while self.place < len(rest) and rest[self.place] in _SPACE:
                self.place += 1
            if self.place < len(rest) or self.is_at_end:
                return rest[self.place : self.place + 1]
            self.fill()

    def take(self, wanted: str) -> str:
        """Take the next character, which must be one of these."""
        found = self.next_character()
        if not found or found not in wanted:
            raise json.JSONDecodeError(f"Expecting {' or '.join(wanted)}", self.buffer, self.place)
        self.place += 1
        return found

    def value(self) -> Any:
        """Take one whole value."""
        self.next_character()
        while True:
            try:
                data, end = self._values.raw_decode(self.buffer, self.place)
                if self.is_at_end or end + _LOOK_AHEAD <= len(self.buffer):
                    break
            except json.JSONDecodeError:
                if self.is_at_end:
                    raise
            if len(self.buffer) - self.place > self._max_characters:
                raise ValueError(
                    f"holds a value of more than {self._max_characters} characters, or one that "
                    f"is not JSON, in line {self.line()}"
                )
            self.fill()
            if self.buffer.count("{", self.place) > MAX_OBJECTS:
                raise ValueError(f"holds a value of more than {MAX_OBJECTS} objects")
        self.place = end
        if isinstance(data, dict | list) and nests_deeper(data, MAX_DEPTH):
            raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
        return data


def _values(
    text: _Text, path: KeyPath, entered: Collection[KeyPath]
) -> Iterator[tuple[KeyPath, Any]]:
    kind = text.next_character()
    if path not in entered or kind not in ("{", "["):
        yield path, text.value()
        return
    yield path, Entered(kind)
    text.take(kind)
    if kind == "{":
        yield from _members(text, path, entered)
    else:
        yield from _elements(text, path, entered)


def _members(
    text: _Text, path: KeyPath, entered: Collection[KeyPath]
) -> Iterator[tuple[KeyPath, Any]]:
    keys: set[str] = set()
    if text.next_character() == "}":
        text.take("}")
        return
    while True:
        if text.next_character() != '"':
            text.take('"')
        key = text.value()
        if key in keys:
            raise ValueError(f"holds the key {key[:80]!r} twice in one object")
        keys.add(key)
        if len(keys) > MAX_KEYS:
            raise ValueError(f"holds more than {MAX_KEYS} keys in one object")
        text.take(":")
        yield from _values(text, (*path, key), entered)
        if text.take(",}") == "}":
            return


def _elements(
    text: _Text, path: KeyPath, entered: Collection[KeyPath]
) -> Iterator[tuple[KeyPath, Any]]:
    if text.next_character() == "]":
        text.take("]")
        return
    while True:
        yield from _values(text, (*path, "*"), entered)
        if text.take(",]") == "]":
            return
