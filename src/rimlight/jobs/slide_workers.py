"""The pixels of slides for the workbench, read by child processes that may crash.

Each thread of the pool has one child, started when it is first needed. A child that crashes,
hangs or needs too much memory is ended and a new one started; a slide that did so three times
is set aside until the server starts again or the slide is registered anew.
"""

import contextlib
import json
import signal
import subprocess
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from rimlight.core.display import Tile, Way
from rimlight.errors import JobError, SlideError
from rimlight.jobs.children import child_environment, module_command
from rimlight.records import SlideInfo

MOST_CRASHES = 3
READY = b"ready\n"
"""The first line of a child."""
_Answer = TypeVar("_Answer")
_TIMEOUT_S = 20.0
_START_S = 60.0
_CACHE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideFacts:
    """What a viewer must know of a slide before its first tile.

    min_level, max_level: Deep Zoom levels that there are; the last is level 0 of the slide.
    notices: what the reader should know, one sentence each, without paths.
    ways: of colour that differ; ``srgb`` alone where the slide has no profile.
    """

    tile_px: int
    min_level: int
    max_level: int
    notices: tuple[str, ...]
    ways: tuple[Way, ...]


class SlidePool:
    """Child processes that open slides, and the pictures they made last."""

    def __init__(self, *, n_workers: int = 2, timeout_s: float = _TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(n_workers, thread_name_prefix="slides")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._n_crashes: Counter[tuple[str, str]] = Counter()
        self._kept = _Kept(_CACHE_BYTES)
        self._is_closed = False

    @property
    def process_ids(self) -> list[int]:
        """The ids of the children that are there now."""
        with self._lock:
            return [child.pid for child in self._children]

    def facts(self, info: SlideInfo) -> SlideFacts:
        """Return what a viewer must know of a slide.

        Raises:
            SlideError: The slide is missing, another file, damaged, or set aside.
        """
        header, _ = self._submitted(lambda: self._answer(info, {"do": "facts"})).result()
        return SlideFacts(
            tile_px=header["tile_px"],
            min_level=header["min_level"],
            max_level=header["max_level"],
            notices=tuple(header["notices"]),
            ways=tuple(header["ways"]),
        )

    def tile(self, info: SlideInfo, tile: Tile, *, colour: Way = "srgb") -> bytes:
        """Return a Deep Zoom tile as JPEG.

        Raises:
            SlideError: As ``facts``; or this tile cannot be decoded.
        """
        return self.tile_later(info, tile, colour=colour).result()

    def tile_later(self, info: SlideInfo, tile: Tile, *, colour: Way) -> Future[bytes]:
        """As ``tile``, without waiting for it."""
        return self._picture(
            info, do="tile", level=tile.level, column=tile.column, row=tile.row, colour=colour
        )

    def overview(self, info: SlideInfo, *, px: int, colour: Way = "srgb") -> bytes:
        """Return the whole slide as JPEG, no side longer than ``px``.

        Raises:
            SlideError: As ``facts``.
        """
        return self.overview_later(info, px=px, colour=colour).result()

    def overview_later(self, info: SlideInfo, *, px: int, colour: Way) -> Future[bytes]:
        """As ``overview``, without waiting for it."""
        return self._picture(info, do="overview", px=px, colour=colour)

    def patch(
        self, info: SlideInfo, *, x_l0: float, y_l0: float, um: float, px: int, colour: Way = "srgb"
    ) -> bytes:
        """Return the square of ``um`` micrometres around a point as PNG of ``px`` pixels a side.

        What lies beyond the slide has the slide's white.

        Raises:
            SlideError: As ``facts``.
        """
        return self.patch_later(info, x_l0=x_l0, y_l0=y_l0, um=um, px=px, colour=colour).result()

    def patch_later(
        self, info: SlideInfo, *, x_l0: float, y_l0: float, um: float, px: int, colour: Way
    ) -> Future[bytes]:
        """As ``patch``, without waiting for it."""
        return self._picture(info, do="patch", x_l0=x_l0, y_l0=y_l0, um=um, px=px, colour=colour)

    def close(self) -> None:
        """End the children; what still waits is refused."""
        with self._lock:
            self._is_closed = True
            children = list(self._children)
        for child in children:
            child.kill()
        self._threads.shutdown(cancel_futures=True)
        for child in children:
            _ended(child)

    def _picture(self, info: SlideInfo, **request: Any) -> "Future[bytes]":
        key = json.dumps([info.slide_id, info.fingerprint, request], sort_keys=True)
        kept = self._kept.get(key)
        if kept is not None:
            known: Future[bytes] = Future()
            known.set_result(kept)
            return known

        def made() -> bytes:
            _, picture = self._answer(info, request)
            self._kept.put(key, picture)
            return picture

        return self._submitted(made)

    def _submitted(self, run: Callable[[], _Answer]) -> "Future[_Answer]":
        try:
            return self._threads.submit(run)
        except RuntimeError as error:  # closed
            raise JobError("the workbench is being closed; start it again") from error

    def _answer(self, info: SlideInfo, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Ask the child of this thread; runs in a thread of the pool only."""
        key = (str(info.slide_id), info.fingerprint)
        if self._n_crashes[key] >= MOST_CRASHES:
            raise SlideError(
                f"slide {info.slide_id}: set aside, since reading it crashed {MOST_CRASHES} "
                "times; copy it again or convert it to OME-TIFF, then start the workbench again"
            )
        slide = {
            "slide_id": info.slide_id, "path": info.path, "fingerprint": info.fingerprint,
            "mpp": info.mpp, "white": info.white,
        }  # fmt: skip
        child = self._child()
        found, fault = _exchange(child, {**request, "slide": slide}, timeout_s=self._timeout_s)
        if found is None:
            self._forget(child)
            self._n_crashes[key] += 1
            raise SlideError(f"slide {info.slide_id}: {fault}")
        header, picture = found
        if header.pop("is_crash", False):
            self._forget(child)
            self._n_crashes[key] += 1
        if "error" in header:
            raise SlideError(header["error"])
        return header, picture

    def _child(self) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] | None = getattr(self._own, "child", None)
        if child is not None and child.poll() is not None:  # ended by somebody else
            self._forget(child)
            child = None
        if child is None:
            with self._lock:
                if self._is_closed:
                    raise JobError("the workbench is being closed; start it again")
                child = _started()
                self._children.add(child)
            self._own.child = child
            if not _is_ready(child):
                self._forget(child)
                raise JobError(
                    "the program that reads slides does not start; try again, and look with "
                    "rimlight doctor what is missing"
                )
        return child

    def _forget(self, child: subprocess.Popen[bytes]) -> None:
        self._own.child = None
        with self._lock:
            self._children.discard(child)
        child.kill()
        _ended(child)


class _Kept:
    """Pictures made last, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._n_bytes = most_bytes, 0
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def put(self, key: str, picture: bytes) -> None:
        with self._lock:
            self._n_bytes += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._n_bytes > self._most_bytes:
                self._n_bytes -= len(self._pictures.popitem(last=False)[1])


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own program
        module_command("rimlight.jobs.slide_reading"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(n_threads=1),
    )


def _is_ready(child: subprocess.Popen[bytes]) -> bool:
    assert child.stdout is not None
    with _ended_after(child, _START_S):
        return child.stdout.readline() == READY


def _exchange(
    child: subprocess.Popen[bytes], request: Mapping[str, Any], *, timeout_s: float
) -> tuple[tuple[dict[str, Any], bytes] | None, str]:
    """Return header and bytes of an answer; or None, and what became of the child."""
    assert child.stdin is not None
    assert child.stdout is not None
    with _ended_after(child, timeout_s) as is_late, contextlib.suppress(OSError, ValueError):
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
        line = child.stdout.readline()
        if line.endswith(b"\n"):
            header: dict[str, Any] = json.loads(line)
            n_bytes = header.pop("n_bytes")
            picture = child.stdout.read(n_bytes)
            if len(picture) == n_bytes:
                return (header, picture), ""
    if is_late.is_set():
        return None, f"reading it took more than {timeout_s:.0f} s; convert it to OME-TIFF"
    child.kill()
    return None, _crash_words(child.wait())


@contextlib.contextmanager
def _ended_after(child: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """End a child that keeps its caller waiting for longer; the event tells that it did."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        child.kill()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()


def _crash_words(code: int) -> str:
    ending = f"exit code {code}"
    if code < 0:
        ending = f"signal {signal.Signals(-code).name}" if -code in set(signal.Signals) else ending
    return f"the image library crashed on this part ({ending}); copy it again or convert it"


def _ended(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    child.wait()
