"""Foreign files as streams: plain or gzipped, within a size, with the hash of their content."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from rimlight.errors import LabelFileError
from rimlight.io.files import whole_file

MAX_BYTES = 2**30
LEVEL = 6  # of gzip; 9 takes twice as long and saves 2 %


class ForeignFile:
    """The unpacked bytes of a file, read forward once.

    Every refusal of the disk, of gzip or of the size limit is a LabelFileError.
    """

    def __init__(self, path: Path, stream: BinaryIO, *, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._stream = stream
        self._hash = hashlib.sha256()
        self._n_bytes = 0

    def read(self, n_bytes: int) -> bytes:
        """Return the next bytes, fewer at the end and none after it."""
        with _translated(self.path):
            content = self._stream.read(n_bytes)
        self._n_bytes += len(content)
        if self._n_bytes > self._max_bytes:
            raise LabelFileError(
                f"{self.path}: larger than {self._max_bytes // 2**20} MiB; split it"
            )
        self._hash.update(content)
        return content

    def content_hash(self) -> str:
        """Return the sha256 of the whole content, reading what is left of it."""
        while self.read(2**20):
            pass
        return self._hash.hexdigest()


@contextmanager
def opened(path: Path, *, max_bytes: int | None = None) -> Iterator[ForeignFile]:
    """Open a plain or gzipped file for reading; which it is, its first bytes say.

    Args:
        path: The file.
        max_bytes: How much it may unpack to; None for ``MAX_BYTES``.

    Raises:
        LabelFileError: The file is absent, unreadable or a zip archive.
    """
    path = Path(path)
    with _translated(path):
        handle = path.open("rb")
    with handle:
        with _translated(path):
            start = handle.read(2)
            handle.seek(0)
        if start == b"PK":
            raise LabelFileError(f"{path}: is a zip archive; unpack it and import the file inside")
        is_gzip = start == b"\x1f\x8b"
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=handle)) if is_gzip else handle
        yield ForeignFile(path, stream, max_bytes=MAX_BYTES if max_bytes is None else max_bytes)


@contextmanager
def packed_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing whole or not at all; a name that ends in ``.gz`` is compressed.

    Raises:
        StorageError: The disk refuses.
    """
    with whole_file(path) as handle:
        if Path(path).suffix != ".gz":
            yield handle
            return
        # No name and no time in the gzip header, so that equal labels give equal bytes.
        how: dict[str, Any] = {"compresslevel": LEVEL, "mtime": 0}
        with gzip.GzipFile("", "wb", fileobj=handle, **how) as packed:
            yield cast(BinaryIO, packed)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LabelFileError(f"{path}: the gzip file is damaged; copy it again") from error
    except OSError as error:
        raise LabelFileError(
            f"{path}: cannot be read: {error.strerror}; give the path of a label file"
        ) from error
