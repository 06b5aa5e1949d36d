"""Messages between a server and its own child: a header of JSON, then bytes; never objects.

On the wire: length of the header and number of blobs, 4 bytes each, then the length of every blob,
the header, and the blobs.  Whoever reads bounds what it takes.
"""

import json
import struct
from collections.abc import Sequence
from typing import IO, Any

MOST_HEADER_BYTES = 64 * 2**20
MOST_BLOBS = 4096
MOST_BLOB_BYTES = 256 * 2**20


class BrokenFrameError(Exception):
    """What came is no message of ours, or ends in the middle of one."""


def write_frame(stream: IO[bytes], header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Write one message and flush it."""
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    sizes = struct.pack(f"<{2 + len(blobs)}I", len(text), len(blobs), *map(len, blobs))
    stream.write(b"".join((sizes, text, *blobs)))
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], list[bytes]] | None:
    """Return the next message, or None at the end of the stream.

    Raises:
        BrokenFrameError: It ends in the middle of a message, or what came is none.
    """
    start = stream.read(8)
    if not start:
        return None
    if len(start) < 8:
        raise BrokenFrameError("the stream ends within a message")
    n_header, n_blobs = struct.unpack("<2I", start)
    if n_header > MOST_HEADER_BYTES or n_blobs > MOST_BLOBS:
        raise BrokenFrameError(
            f"a message of {n_header} bytes with {n_blobs} parts is none of ours"
        )
    sizes = struct.unpack(f"<{n_blobs}I", _exactly(stream, 4 * n_blobs))
    if any(size > MOST_BLOB_BYTES for size in sizes):
        raise BrokenFrameError(f"a part of {max(sizes)} bytes is none of ours")
    try:
        header = json.loads(_exactly(stream, n_header))
    except ValueError as error:
        raise BrokenFrameError("a header is no JSON") from error
    if not isinstance(header, dict):
        raise BrokenFrameError("a header is no object")
    return header, [_exactly(stream, size) for size in sizes]


def _exactly(stream: IO[bytes], n_bytes: int) -> bytes:
    found = stream.read(n_bytes) if n_bytes else b""
    if len(found) < n_bytes:
        raise BrokenFrameError("the stream ends within a message")
    return found
