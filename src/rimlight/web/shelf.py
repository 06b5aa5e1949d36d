"""Pictures made for one reader, kept for a while in memory and fetched by a key.

A key cannot be guessed and opens nothing for another reader.
"""

import hashlib
import secrets
from collections import OrderedDict
from threading import Lock

from rimlight.records import ReaderId

MOST_BYTES = 64 * 2**20


class Shelf:
    """The latest pictures, up to a number of bytes; used by any number of threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._n_bytes = most_bytes, 0
        self._secret = secrets.token_bytes(32)
        self._found: OrderedDict[str, tuple[ReaderId, bytes]] = OrderedDict()
        self._lock = Lock()

    def put(self, reader: ReaderId, picture: bytes) -> str:
        """Keep a picture for a reader, and return its key; the same picture has the same key."""
        told = self._secret + reader.encode() + b"\0" + picture
        key = hashlib.sha256(told).hexdigest()[:40]
        with self._lock:
            if key not in self._found:
                self._n_bytes += len(picture)
            self._found[key] = (reader, picture)
            self._found.move_to_end(key)
            while self._n_bytes > self._most_bytes and len(self._found) > 1:
                _, (_, oldest) = self._found.popitem(last=False)
                self._n_bytes -= len(oldest)
        return key

    def get(self, reader: ReaderId, key: str) -> bytes | None:
        """Return a picture that was made for this reader, or None."""
        with self._lock:
            owner, picture = self._found.get(key, (None, b""))
        return picture if owner == reader else None
