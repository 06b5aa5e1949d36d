"""Time and memory of writing and reading many labels or scored cells, each in its own process.

    python benchmarks/exchange_speed.py --labels 1000000
    python benchmarks/exchange_speed.py --scores 1000000

Memory is the peak of the process, the labels that are written and the points that are read in it.
Scored cells go to ``.geojson.gz`` for QuPath and back; beside them, in the same run, the json
module does the same: ``json.dumps`` of each feature into gzip of the same level, ``json.load`` of
the file.
"""

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rimlight.io.formats.candidate_files import read_candidates
from rimlight.io.formats.label_formats import WRITERS_OF_SLIDE, read_labels, write_study
from rimlight.io.formats.packing import LEVEL
from rimlight.io.formats.qupath_collection import object_id
from rimlight.io.formats.qupath_scores import (
    ScoredCells,
    read_qupath_scores,
    write_qupath_scores,
)
from rimlight.records import Cell, Expression, Label, SlideInfo

ENDINGS = {"qupath": ".geojson", "csv": ".csv", "parquet": ".parquet", "coco": ".json",
           "dsa": ".json", "asap": ".xml", "imagescope": ".xml"}  # fmt: skip
SLIDE = SlideInfo(
    slide_id="s1",
    case_id="p1",
    path="/slides/s1.svs",
    fingerprint="none",
    format="svs",
    width_l0=200_000,
    height_l0=150_000,
    mpp=0.25,
    mpp_source="file",
    assay="22c3-nsclc",
    scanner="",
    white=(255.0, 255.0, 255.0),
    is_white_estimated=True,
)


def labels_of(n_labels: int) -> list[Label]:
    """Return labels on a jittered grid, ids as long as those of an import."""
    levels = list(Expression)
    return [
        Label(
            label_id=f"5d6d2c54-39a7-5b0b-8e7c-{number:012d}",
            cell=Cell(
                cell_id=f"s1@{number % 1000 * 150 + 0.5:.1f}_{number // 1000 * 140 + 0.3:.1f}",
                slide_id="s1",
                x_l0=number % 1000 * 150 + number % 7 / 7,
                y_l0=number // 1000 * 140 + number % 11 / 11,
            ),
            reader="anna" if number % 3 else "björn",
            expression=levels[number % 5],
            made_at="2026-03-01T10:00:00.123456Z",
            source="grid.csv",
        )
        for number in range(n_labels)
    ]


ACTS_OF_SCORES = ("write", "json.dumps", "read", "candidates", "json.load")
PLAIN = {"write": "json.dumps", "read": "json.load", "candidates": "json.load"}


def cells_of(n_cells: int) -> ScoredCells:
    """Return synthetic scored cells: places on a 200,000 x 150,000 px slide, all levels."""
    draw = np.random.default_rng(1)
    logit = draw.normal(0, 3, n_cells)
    density = np.where(draw.random(n_cells) < 0.02, np.nan, draw.gamma(2, 0.1, n_cells))
    return ScoredCells(
        x_l0=draw.integers(0, 400_000, n_cells) / 2,
        y_l0=draw.integers(0, 300_000, n_cells) / 2,
        logit=logit.astype(np.float32).astype(np.float64),
        probability=1 / (1 + np.exp(-logit)),
        od_ring=density,
        level=np.where(logit > 0, draw.integers(1, 4, n_cells), 0),
        reason=np.where(draw.random(n_cells) < 0.3, 1, 0),
        reasons=("", "called_other"),
        has_levels=True,
    )


def plain_json(path: Path, cells: ScoredCells) -> int:
    """Write the same features by the json module."""
    classes = [{"names": ["Tumor", name], "color": [1, 2, 3]} for name in ("-", "1+", "2+", "3+")]
    rows = zip(*(getattr(cells, name).tolist() for name in
                 ("x_l0", "y_l0", "logit", "probability", "od_ring", "level", "reason")),
               strict=True)  # fmt: skip
    with gzip.open(path, "wt", compresslevel=LEVEL) as packed:
        packed.write('{"type":"FeatureCollection","features":[')
        for number, (x, y, logit, probability, od, level, reason) in enumerate(rows):
            measured = {"rimlight: probability": round(probability, 6), "rimlight: logit": logit}
            measured |= {"rimlight: ring DAB OD": round(od, 6)} if od == od else {}
            properties = {"objectType": "detection", "classification": classes[level],
                          "measurements": measured}  # fmt: skip
            properties |= {"metadata": {"rimlight.reason": "called_other"}} if reason else {}
            feature = {
                "type": "Feature",
                "id": object_id(f"score/none/{x:.2f}/{y:.2f}"),
                "geometry": {"type": "Point", "coordinates": [round(x, 6), round(y, 6)]},
                "properties": properties,
            }
            packed.write((",\n" if number else "\n") + json.dumps(feature, separators=(",", ":")))
        packed.write("]}")
    return len(cells)


def measured_scores(act: str, path: Path, n_cells: int) -> dict[str, float | str]:
    """Return seconds, peak memory and file size of one act on scored cells, in this process."""
    is_writing = act in ("write", "json.dumps")
    cells = cells_of(n_cells if is_writing else 0)
    start, cpu_start = time.perf_counter(), time.process_time()
    if act == "write":
        n_done = write_qupath_scores(path, cells, slide=SLIDE)
    elif act == "json.dumps":
        path = path.with_name("plain.geojson.gz")
        n_done = plain_json(path, cells)
    elif act == "read":
        n_done = len(read_qupath_scores(path)[0])
    elif act == "candidates":
        n_done = len(read_candidates(path))
    else:
        with gzip.open(path) as packed:
            n_done = len(json.load(packed)["features"])
    return figures(n_done, n_cells, path, (start, cpu_start))


def figures(
    n_done: int, n_wanted: int, path: Path, since: tuple[float, float]
) -> dict[str, float | str]:
    """Return what the process has used since, once all was done."""
    seconds, cpu_s = time.perf_counter() - since[0], time.process_time() - since[1]
    assert n_done == n_wanted, n_done
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu_s, 1),
        "peak_mib": round(peak_mib),
        "file_mib": round(path.stat().st_size / 2**20),
    }


def compare_scores(n_cells: int) -> None:
    """Print each way of scored cells beside the json module, with the ratio of processor time."""
    print(f"{n_cells} scored cells\nact           seconds  of CPU  peak MiB  file MiB")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.geojson.gz"
        for act in ACTS_OF_SCORES:
            row = found[act] = in_own_process(["--scores", str(n_cells)], act, "scores", path)
            print(f"{act:<14}{row['seconds']:>7}{row['cpu_s']:>8}{row['peak_mib']:>10}"
                  f"{row['file_mib']:>10}", flush=True)  # fmt: skip
    for act, plain in PLAIN.items():
        share = found[act]["cpu_s"] / found[plain]["cpu_s"]
        print(f"{act}: {share:.2f} of the processor time of {plain}")


def in_own_process(count: list[str], act: str, file_format: str, path: Path) -> dict[str, float]:
    """Return the figures of one act, done in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, *count, "--one", act, file_format, str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def measured(act: str, file_format: str, path: Path, n_labels: int) -> dict[str, float | str]:
    """Return seconds, peak memory and file size of one act, done in this process."""
    labels = labels_of(n_labels) if act == "write" else []
    start, cpu_start = time.perf_counter(), time.process_time()
    if act == "read":
        n_done = len(read_labels(path, file_format).items)
    elif file_format in WRITERS_OF_SLIDE:
        n_done = WRITERS_OF_SLIDE[file_format](path, labels, slide=SLIDE, frame=None)
    else:
        n_done = write_study(
            path, labels, slides={"s1": SLIDE}, file_format=file_format, frame=None
        )
    return figures(n_done, n_labels, path, (start, cpu_start))


def main() -> None:
    """Measure each format in processes of their own, so that no peak hides another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--scores", type=int, help="Scored cells instead of labels.")
    parser.add_argument("--formats", nargs="+", default=list(ENDINGS))
    parser.add_argument("--one", nargs=3, metavar=("ACT", "FORMAT", "PATH"))
    given = parser.parse_args()
    if given.one:
        act, file_format, path = given.one
        if file_format == "scores":
            print(json.dumps(measured_scores(act, Path(path), given.scores)))
        else:
            print(json.dumps(measured(act, file_format, Path(path), given.labels)))
        return
    if given.scores:
        compare_scores(given.scores)
        return
    print(f"{given.labels} labels\nformat      act    seconds  of CPU  peak MiB  file MiB")
    with tempfile.TemporaryDirectory() as folder:
        for file_format in given.formats:
            path = Path(folder) / f"labels{ENDINGS[file_format]}"
            for act in ("write", "read"):
                row = in_own_process(["--labels", str(given.labels)], act, file_format, path)
                print(f"{file_format:<12}{act:<7}{row['seconds']:>7}{row['cpu_s']:>8}{row['peak_mib']:>10}"
                      f"{row['file_mib']:>10}", flush=True)  # fmt: skip
            path.unlink()


if __name__ == "__main__":
    main()
