"""What was read from files, kept in memory until one of the files changes."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
Print = tuple[tuple[int, int, int] | None, ...]


@dataclass(slots=True, kw_only=True)
class Remembered:
    """A few values, each beside the fingerprint of what it was made from.

    n_most: values kept; the one asked for longest ago goes first.
    """

    n_most: int = 12
    _kept: OrderedDict[tuple[str, ...], tuple[Any, Any]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def kept(self, name: tuple[str, ...], fingerprint: Any, make: Callable[[], T]) -> T:
        """Return the value of a name, made again where its fingerprint has changed."""
        with self._lock:
            found = self._kept.get(name)
            if found is None or found[0] != fingerprint:
                self._kept[name] = found = (fingerprint, make())
                while len(self._kept) > self.n_most:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(name)
            value: T = found[1]
            return value


def print_of(paths: Iterable[Path]) -> Print:
    """Return time, length and number of each file, None for one that is not there."""
    found: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)
