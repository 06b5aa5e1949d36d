"""Maps of a slide of many cells: seconds of one core, and the largest memory.

    python benchmarks/slide_maps.py                       1,000,000 cells on 20 x 12 mm
    python benchmarks/slide_maps.py --cells 100000

Cells are made up, at random over the slide; there is no slide behind them, so that no picture is
drawn. Seconds are of the processor, so that other work on the computer hardly moves them.
"""

import argparse
import gzip
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from rimlight.io.runs import Run, create_run
from rimlight.io.store import put_slides
from rimlight.io.study import create_study
from rimlight.records import CaseId, SlideId, SlideInfo
from rimlight.workflows.slide_maps import FOLDER, slide_maps

WIDTH_L0, HEIGHT_L0, MPP = 80_000, 48_000, 0.25


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slide-maps-") as folder:
        run = made_up_run(Path(folder) / "study", n_cells=given.cells)
        before_mb, started = largest_mb(), time.process_time()
        slide_maps(run)
        seconds = time.process_time() - started
        files = list((run.folder / FOLDER).glob("*.tiff"))
        size_mb = sum(path.stat().st_size for path in files) / 2**20
        print(
            f"{given.cells:,} cells on {WIDTH_L0 * MPP / 1000:g} x {HEIGHT_L0 * MPP / 1000:g} mm: "
            f"{len(files)} maps, {seconds:.1f} s of one core, {size_mb:.0f} MiB of files, "
            f"largest memory {largest_mb():.0f} MiB ({before_mb:.0f} before)"
        )


def made_up_run(folder: Path, *, n_cells: int) -> Run:
    """Return a run with one slide that is said to be scored."""
    info = SlideInfo(
        slide_id=SlideId("s1"),
        case_id=CaseId("c1"),
        path="none.tiff",
        fingerprint="none",
        format="tiff",
        width_l0=WIDTH_L0,
        height_l0=HEIGHT_L0,
        mpp=MPP,
        mpp_source="user",
        assay="research",
        scanner="",
        white=(240.0, 240.0, 240.0),
        is_white_estimated=False,
    )
    study = create_study(folder)
    put_slides(study.engine, [info])
    run = create_run(study, command="benchmarks/slide_maps.py")
    (run.folder / "scores").mkdir()
    write_cells(run.folder / "scores" / "s1.csv.gz", n_cells=n_cells)
    score = {"is_evaluable": False, "score": "TPS", "words": "made up"}
    record = {"made_from": "made up", "score": score}
    (run.folder / "scores" / "s1.json").write_text(json.dumps(record), encoding="utf-8")
    return run


def write_cells(path: Path, *, n_cells: int) -> None:
    """Write a table of cells at random places, with random calls."""
    rng = np.random.default_rng(0)
    x_l0, y_l0 = rng.integers(0, WIDTH_L0, n_cells), rng.integers(0, HEIGHT_L0, n_cells)
    probability, od = rng.random((2, n_cells))
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        file.write("x_l0,y_l0,logit,probability,call,level,od_ring,excluded\n")
        for x, y, p, d in zip(x_l0, y_l0, probability, od, strict=True):
            call = int(p > 0.5)
            file.write(f"{x},{y},{p - 0.5:.4f},{p:.4f},{call},{call},{d:.4f},\n")


def largest_mb() -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
