"""Tiles a second over HTTP, and the time to a first view, from ``rimlight serve`` as it is.

    python benchmarks/tile_speed.py SLIDE [--mpp 0.25] [--repeat 3]

A study is made of the slide and served on loopback in a process of its own. Two measurements, each
with a server started anew, so that nothing is kept from before:

- first view: the time from asking what the slide is until all tiles of a view of 1280 x 800 px
  are there, the whole slide and the middle at level 0, by 6 connections as a browser opens.
- speed: every tile of the three finest levels once, in random order, by 6 clients with a
  connection each; tiles a second of all together, and how long one client waited for one tile.

What a browser draws is not in these times.
"""

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from math import ceil
from pathlib import Path
from threading import local
from urllib.parse import quote, urlsplit

N_CLIENTS = 6
VIEW_PX = (1280, 800)
MOST_TILES = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server: where it is, and the cookie that opens it."""

    place: str
    cookie: str

    def connection(self) -> HTTPConnection:
        return HTTPConnection(self.place, timeout=60)

    def get(self, connection: HTTPConnection, path: str) -> bytes:
        connection.request("GET", path, headers={"Cookie": self.cookie})
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise SystemExit(f"{path}: {reply.status} {body[:200]!r}")
        return body


def rimlight(*words: str) -> list[str]:
    return [sys.executable, "-m", "rimlight.cli.main", *words]


@contextmanager
def served(study: Path) -> Iterator[Served]:
    """Serve a study on a free port."""
    server = subprocess.Popen(
        rimlight("serve", str(study), "--no-open", "--port", "0"), stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        found = re.search(r"http\S+", server.stdout.readline())
        assert found is not None
        link = urlsplit(found.group())
        connection = HTTPConnection(link.netloc, timeout=60)
        connection.request("GET", f"{link.path}?{link.query}")
        reply = connection.getresponse()
        reply.read()
        cookie = (reply.getheader("set-cookie") or "").split(";")[0]
        yield Served(place=link.netloc, cookie=cookie)
    finally:
        server.terminate()
        server.wait(20)


def all_at_once(at: Served, paths: Sequence[str]) -> list[float]:
    """Return the seconds each path took, asked for by clients with a connection each."""
    own = local()

    def timed(path: str) -> float:
        if not hasattr(own, "connection"):
            own.connection = at.connection()
        start = time.perf_counter()
        at.get(own.connection, path)
        return time.perf_counter() - start

    with ThreadPoolExecutor(N_CLIENTS) as clients:
        return list(clients.map(timed, paths))


def tile_paths(slide: dict, level: int, *, left: int = 0, top: int = 0, view=None) -> list[str]:
    """Return the tiles of a level, or those that a view of it needs, its corner in its pixels."""
    step = 2 ** (slide["max_level"] - level)
    width, height = (ceil(slide[key] / step) for key in ("width_l0", "height_l0"))
    right, bottom = (width, height) if view is None else (left + view[0], top + view[1])
    side = slide["tile_px"]
    return [
        f"/api/slides/{quote(slide['slide_id'])}/tiles/{level}/{column}_{row}.jpg"
        f"?v={slide['version']}"
        for row in range(top // side, ceil(min(bottom, height) / side))
        for column in range(left // side, ceil(min(right, width) / side))
    ]


def first_view(study: Path, name: str, *, is_whole: bool) -> tuple[float, int]:
    """Return the seconds to a first view, and its number of tiles."""

    with served(study) as at:
        start = time.perf_counter()
        slide = json.loads(at.get(at.connection(), f"/api/slides/{quote(name)}"))
        level = slide["max_level"]
        while is_whole and any(
            slide[key] / 2 ** (slide["max_level"] - level) > px
            for key, px in zip(("width_l0", "height_l0"), VIEW_PX, strict=True)
        ):
            level -= 1
        # A viewer shows a level that is at least as fine as the screen.
        level = min(level + 1, slide["max_level"]) if is_whole else level
        middle = [
            0 if is_whole else max(0, (slide[key] - px) // 2)
            for key, px in zip(("width_l0", "height_l0"), VIEW_PX, strict=True)
        ]
        paths = tile_paths(
            slide, level, left=middle[0], top=middle[1], view=None if is_whole else VIEW_PX
        )
        all_at_once(at, paths)
        return time.perf_counter() - start, len(paths)


def speed(study: Path, name: str, *, seed: int) -> tuple[float, list[float]]:
    """Return the seconds that all tiles took together, and each of them."""

    with served(study) as at:
        slide = json.loads(at.get(at.connection(), f"/api/slides/{quote(name)}"))
        last = slide["max_level"]
        paths = [path for level in (last, last - 1, last - 2) for path in tile_paths(slide, level)]
        random.Random(seed).shuffle(paths)
        paths = paths[:MOST_TILES]
        start = time.perf_counter()
        each = all_at_once(at, paths)
        return time.perf_counter() - start, each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("--mpp", type=float)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        subprocess.run(rimlight("init", str(study)), check=True, capture_output=True)
        words = ["--mpp", str(asked.mpp)] if asked.mpp else []
        subprocess.run(
            rimlight("add", str(study), str(asked.slide.resolve()), *words),
            check=True, capture_output=True,
        )  # fmt: skip
        name = asked.slide.name.split(".")[0]
        print(f"{asked.slide.name}, {N_CLIENTS} clients, median of {asked.repeat} servers")
        for is_whole, words in ((True, "the whole slide"), (False, "the middle at level 0")):
            found = [first_view(study, name, is_whole=is_whole) for _ in range(asked.repeat)]
            seconds = sorted(second for second, _ in found)
            print(
                f"first view, {words}: {statistics.median(seconds):.2f} s "
                f"({seconds[0]:.2f} to {seconds[-1]:.2f}), {found[0][1]} tiles"
            )
        rates, waits = [], []
        for seed in range(asked.repeat):
            seconds, each = speed(study, name, seed=seed)
            rates.append(len(each) / seconds)
            waits += each
        waits.sort()
        print(
            f"speed: {statistics.median(rates):.0f} tiles a second "
            f"({min(rates):.0f} to {max(rates):.0f}), n = {len(each)} tiles each; one tile: "
            f"median {1e3 * statistics.median(waits):.0f} ms, "
            f"p95 {1e3 * waits[int(0.95 * len(waits))]:.0f} ms, longest {1e3 * waits[-1]:.0f} ms"
        )


if __name__ == "__main__":
    main()
