"""How long why and what if take over HTTP: a server of its own, a warm child, one client.

Usage: python benchmarks/what_if_speed.py STUDY [--reader NAME] [--n 200]

The reader must have labelled cells of a trained study (or the study must not be blind).  Prints
JSON: seconds from request to parsed reply, pictures of the reply not fetched.
"""

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, Request, build_opener

import numpy as np

from rimlight.io.journal import current_labels
from rimlight.io.study import open_study


class Client:
    """Signed in by the link of a server."""

    def __init__(self, link: str) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._home = link.split("/api/")[0]
        self._opener.open(link).read()

    def post(self, path: str, sent: dict[str, Any]) -> tuple[dict[str, Any], float]:
        headers = {"content-type": "application/json", "origin": self._home}
        request = Request(self._home + path, json.dumps(sent).encode(), headers)
        started = time.perf_counter()
        with self._opener.open(request) as reply:
            found = json.loads(reply.read())
        return found, time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    options = _options()
    labels = current_labels(open_study(options.study).engine)
    reader = options.reader or labels[0].reader
    cells = [label.cell for label in labels if label.reader == reader]
    chosen = [cells[at] for at in np.random.default_rng(0).permutation(len(cells))[: options.cells]]
    command = [
        sys.executable, "-m", "rimlight.cli.main", "serve", str(options.study), "--no-open",
        "--port", "0", "--reader", reader, "--json",
    ]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        client = Client(json.loads(server.stdout.readline())["link"])
        print(json.dumps(_measured(client, chosen, n=options.n), indent=1))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        server.stdout.close()


def _measured(client: Client, cells: list[Any], *, n: int) -> dict[str, Any]:
    asked = [
        {"slide_id": c.slide_id, "cell_id": c.cell_id, "x_l0": c.x_l0, "y_l0": c.y_l0}
        for c in cells
    ]
    first = client.post("/api/why", asked[0])[1]
    whys = [client.post("/api/why", cell)[1] for cell in asked[1:]]
    again = [client.post("/api/why", cell)[1] for cell in asked[1:]]
    new_cells = [client.post("/api/what-if", cell | {"dab_own": 0.5})[1] for cell in asked]
    edits = itertools.cycle(
        {"dab_own": own, "dab_neighbours": near, "lighten_nuclei": own, "dx_um": move}
        for own, near, move in itertools.product((0.0, 0.3, 1.0), (0.0, 0.7), (-2.0, 0.0, 1.5))
    )
    sliders = [
        client.post("/api/what-if", asked[at % len(asked)] | next(edits))[1] for at in range(n)
    ]
    return {
        "why_first_with_start_of_the_child_s": round(first, 3),
        "why_s": _summary(whys),
        "why_again_s": _summary(again),
        "what_if_first_of_a_cell_s": _summary(new_cells),
        "what_if_s": _summary(sliders),
        "n_cpus": os.cpu_count(),
    }


def _summary(seconds: list[float]) -> dict[str, float]:
    low, middle, high = np.quantile(seconds, [0, 0.5, 0.95])
    return {
        "n": len(seconds),
        "least": round(float(low), 4),
        "median": round(float(middle), 4),
        "p95": round(float(high), 4),
        "most": round(max(seconds), 4),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--reader", help="whose labels open the cells; else the first reader")
    parser.add_argument("--cells", type=int, default=40, help="how many cells are asked about")
    parser.add_argument("--n", type=int, default=200, help="how many edits are asked for")
    return parser.parse_args()


if __name__ == "__main__":
    main()
