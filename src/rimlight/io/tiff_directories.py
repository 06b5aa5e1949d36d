"""A bounded look at the directories of a TIFF, before any library may decode a byte of it.

Loops, far too many directories, tiles that would decode to gigabytes and tiles beyond the end
of the file are found here, in plain Python, within milliseconds.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rimlight.errors import SlideError

MAX_SEGMENT_BYTES = 256 * 2**20  # one tile or strip, decoded
_MAX_DIRECTORIES = 2000
_MAX_ENTRIES = 1000
_MAX_VALUES = 2**24  # a slide of a million px square in 256-px tiles; a description of 16 MB
_CLASSIC_END = 2**32
_NDPI_TAG = 65420
_TYPE_CODES = {1: "u1", 2: "u1", 3: "u2", 4: "u4", 7: "u1", 13: "u4", 16: "u8", 18: "u8"}
_WANTED = {
    254: "subfile", 256: "width", 257: "height", 258: "bits", 259: "compression",
    262: "photometric", 270: "description", 273: "offsets", 277: "samples", 278: "strip_rows",
    279: "counts", 284: "planar", 322: "tile_width", 323: "tile_height", 324: "offsets",
    325: "counts", 330: "children", _NDPI_TAG: "ndpi",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """What one directory says of its image; sizes in pixels of that image.

    segment_bytes: what one tile or strip decodes to.
    n_cut_off: tiles or strips that lie wholly or in part beyond the end of the file.
    """

    width_px: int
    height_px: int
    n_samples: int
    n_bits: int
    photometric: int
    is_child: bool
    is_ndpi: bool
    segment_bytes: int
    n_segments: int
    n_cut_off: int
    description: str


def is_tiff(start: bytes) -> bool:
    """Whether a file that starts so is a TIFF or BigTIFF.

    >>> is_tiff(b"II*\\0"), is_tiff(b"MM\\0+"), is_tiff(b"GIF8")
    (True, True, False)
    """
    return start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def check_tiff(path: Path) -> list[Directory]:
    """Return the directories of a TIFF that is safe to hand to a library, largest image first.

    Empty for a classic TIFF above 4 GB: that is Hamamatsu's own variant, which OpenSlide knows.

    Raises:
        SlideError: The directories are damaged, run in a loop, or are too many; a tile would
            decode to more than 256 MB; or tiles lie beyond the end of the file.
    """
    try:
        with path.open("rb") as file:
            walk = _Walk(file, path)
            if walk.is_oversized_classic:
                return []
            found = [directory for directory in walk.directories() if directory.width_px]
    except OSError as error:
        raise SlideError(f"{path}: cannot be read: {error.strerror}; copy it again") from error
    if not found:
        raise SlideError(f"{path}: a TIFF without an image in it; copy it again")
    found.sort(key=lambda directory: -directory.width_px * directory.height_px)
    for directory in found:
        _check(directory, path)
    return found


def _check(directory: Directory, path: Path) -> None:
    size = f"{directory.width_px} x {directory.height_px} px"
    if directory.segment_bytes > MAX_SEGMENT_BYTES and not directory.is_ndpi:
        raise SlideError(
            f"{path}: one tile of its image of {size} decodes to "
            f"{directory.segment_bytes / 2**20:.0f} MB, more than {MAX_SEGMENT_BYTES >> 20}; "
            "convert it to a TIFF with small tiles"
        )
    if directory.n_cut_off:
        raise SlideError(
            f"{path}: damaged: {directory.n_cut_off} of {directory.n_segments} tiles of its image "
            f"of {size} lie beyond the end of the file; copy it again"
        )


class _Walk:
    """One pass over the directories of one open file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._size = path.stat().st_size
        start = self._bytes(0, 16)
        self._order = "<" if start[:2] == b"II" else ">"
        self._is_big = start[2:4] in (b"+\0", b"\0+")
        self._first = self._number(start[8:16] if self._is_big else start[4:8])
        self._seen: set[int] = set()
        self._children: set[int] = set()

    @property
    def is_oversized_classic(self) -> bool:
        return not self._is_big and self._size > _CLASSIC_END

    def directories(self) -> Iterator[Directory]:
        """Yield every directory once, each followed by its children."""
        yield from self._chain(self._first, is_child=False)

    def _chain(self, offset: int, *, is_child: bool) -> Iterator[Directory]:
        while offset:
            if is_child and offset in self._children:
                return  # a child is often both listed and linked from the one before
            if offset in self._seen:
                raise self._fault("its directories run in a loop")
            if len(self._seen) == _MAX_DIRECTORIES:
                raise self._fault(f"it has more than {_MAX_DIRECTORIES} directories")
            self._seen.add(offset)
            if is_child:
                self._children.add(offset)
            values, offset = self._entries(offset)
            yield self._directory(values, is_child=is_child)
            if "children" in values and is_child:
                raise self._fault("its directories are nested more than two deep")
            for child in values.get("children", ()):
                yield from self._chain(int(child), is_child=True)

    def _entries(self, offset: int) -> tuple[dict[str, np.ndarray], int]:
        """Return the wanted values of the directory at ``offset``, and where the next one is."""
        count_size, entry_size, word = (8, 20, 8) if self._is_big else (2, 12, 4)
        n_entries = self._number(self._bytes(offset, count_size))
        if not 0 < n_entries <= _MAX_ENTRIES:
            raise self._fault(f"a directory has {n_entries} entries")
        table = self._bytes(offset + count_size, n_entries * entry_size + word)
        values: dict[str, np.ndarray] = {}
        for at in range(0, n_entries * entry_size, entry_size):
            entry = table[at : at + entry_size]
            name = _WANTED.get(self._number(entry[:2]))
            if name:
                values[name] = self._values(entry, word)
        return values, self._number(table[-word:])

    def _values(self, entry: bytes, word: int) -> np.ndarray:
        code = _TYPE_CODES.get(self._number(entry[2:4]))
        n_values = self._number(entry[4 : 4 + word])
        if code is None or not 0 < n_values <= _MAX_VALUES:
            raise self._fault(f"tag {self._number(entry[:2])} has {n_values} unreadable values")
        kind = np.dtype(code).newbyteorder(self._order)  # type: ignore[arg-type]
        length = n_values * kind.itemsize
        data = entry[4 + word :]
        if length > word:
            data = self._bytes(self._number(data), length)
        return np.frombuffer(data[:length], dtype=kind)

    def _directory(self, values: dict[str, np.ndarray], *, is_child: bool) -> Directory:
        def first(name: str, default: int) -> int:
            return int(values[name][0]) if name in values else default

        width, height = first("width", 0), first("height", 0)
        n_samples, n_bits = first("samples", 1), first("bits", 1)
        n_together = 1 if first("planar", 1) == 2 else n_samples
        columns = first("tile_width", width)
        rows = first("tile_height", min(first("strip_rows", height), height))
        offsets, counts = values.get("offsets"), values.get("counts")
        is_ndpi = "ndpi" in values
        return Directory(
            width_px=width,
            height_px=height,
            n_samples=n_samples,
            n_bits=n_bits,
            photometric=first("photometric", -1),
            is_child=is_child,
            is_ndpi=is_ndpi,
            segment_bytes=columns * rows * n_together * n_bits // 8,
            n_segments=0 if offsets is None else len(offsets),
            n_cut_off=0 if is_ndpi else self._n_cut_off(offsets, counts),
            description=values["description"].tobytes().rstrip(b"\0").decode("utf-8", "replace")
            if "description" in values
            else "",
        )

    def _n_cut_off(self, offsets: np.ndarray | None, counts: np.ndarray | None) -> int:
        if offsets is None or counts is None or len(offsets) != len(counts):
            return 0
        ends = offsets.astype(np.float64) + counts.astype(np.float64)
        return int((ends > self._size).sum())

    def _bytes(self, offset: int, length: int) -> bytes:
        if offset + length > self._size:
            raise self._fault("a directory lies beyond the end of the file")
        self._file.seek(offset)
        return self._file.read(length)

    def _number(self, data: bytes) -> int:
        code = {2: "H", 4: "I", 8: "Q"}[len(data)]
        return int(struct.unpack(self._order + code, data)[0])

    def _fault(self, what: str) -> SlideError:
        return SlideError(f"{self._path}: a damaged TIFF: {what}; copy it again")
