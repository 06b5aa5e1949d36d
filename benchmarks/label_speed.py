"""How long saving a label takes, and opening a slide's labels, as the journal of a slide grows.

Prints one row a journal size: milliseconds to save one label (median and 95th percentile, through
the route, in process), to open the labels of the slide, and to open the study.

Run: python benchmarks/label_speed.py [--sizes 0,1000,100000] [--n 200]
"""

import argparse
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
from fastapi.testclient import TestClient

from rimlight.io.journal import append_labels
from rimlight.io.store import put_slides
from rimlight.io.study import Study, create_study, open_study
from rimlight.records import Cell, Expression, Label, SlideInfo
from rimlight.web.app import create_app
from rimlight.web.security import Door
from rimlight.web.workbench import Workbench

HOST = "127.0.0.1:8411"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="0,1000,10000,100000")
    parser.add_argument("--n", type=int, default=200, help="labels saved at each size")
    asked = parser.parse_args()
    print(f"labels saved at each size: {asked.n}; one a request, one slide, one reader")
    print("events   save ms: median   p95   slide's labels ms   history ms   open study ms")
    with tempfile.TemporaryDirectory() as folder:
        study = _study(Path(folder) / "study")
        n_events = 0
        for size in map(int, asked.sizes.split(",")):
            _fill(study, n_events, size)
            n_events = size + asked.n
            print(_row(study, size, asked.n), flush=True)


def _row(study: Study, size: int, n: int) -> str:
    start = time.perf_counter()
    study = open_study(study.folder)
    opening = time.perf_counter() - start
    door = Door(names=frozenset((HOST,)), key="k" * 32, token="t" * 24, reader="anna")
    app = create_app(Workbench(study=study), door=door)
    with TestClient(app, base_url=f"http://{HOST}", headers={"origin": f"http://{HOST}"}) as client:
        client.get("/api/enter", params={"token": "t" * 24}, follow_redirects=False)
        saves = [_timed(lambda place=place: _save(client, size + place)) for place in range(n)]
        slide = _timed(lambda: client.get("/api/slides/s1/labels"))
        past = _timed(lambda: client.get("/api/history"))
    ms = np.array(saves[1:]) * 1000  # the first counts the reader's answers once
    median, late = np.median(ms), np.percentile(ms, 95)
    return (
        f"{size:7,}   {median:15.1f} {late:5.1f} {slide * 1000:19.0f} {past * 1000:12.0f} "
        f"{opening * 1000:15.0f}   (first save {saves[0] * 1000:.0f} ms)"
    )


def _timed(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _save(client: TestClient, number: int) -> None:
    label = {
        "label_id": str(uuid4()), "cell_id": f"new-{number}", "slide_id": "s1",
        "x_l0": number % 50_000, "y_l0": number // 50_000, "expression": "weak",
        "made_at": "2026-11-24T10:00:00Z", "mode": "slide", "act_id": str(uuid4()),
    }  # fmt: skip
    reply = client.post("/api/labels", json={"labels": [label]})
    assert reply.status_code == 200, reply.text


def _study(folder: Path) -> Study:
    study = create_study(folder)
    slide = SlideInfo(
        slide_id="s1", case_id="k1", path="s1.svs", fingerprint="f", format="svs",
        width_l0=100_000, height_l0=100_000, mpp=0.25, mpp_source="file", assay="research",
        scanner="", white=(255.0, 255.0, 255.0), is_white_estimated=False,
    )  # fmt: skip
    put_slides(study.engine, [slide])
    return study


def _fill(study: Study, start: int, stop: int) -> None:
    for first in range(start, stop, 5000):
        labels = [
            Label(
                label_id=str(uuid4()),
                cell=Cell(cell_id=f"c{n}", slide_id="s1", x_l0=n % 50_000, y_l0=1e4 + n // 50_000),
                reader="anna",
                expression=Expression.WEAK,
                made_at="2026-11-24T10:00:00Z",
                source=f"workbench mode=slide act={uuid4()}",
            )
            for n in range(first, min(first + 5000, stop))
        ]
        append_labels(study.engine, labels)


if __name__ == "__main__":
    main()
