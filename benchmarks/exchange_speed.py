"""Time and memory of writing and reading many labels, format by format, each in its own process.

    python benchmarks/exchange_speed.py --labels 1000000

Memory is the peak of the process, the labels that are written and the points that are read in it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rimlight.io.formats.label_formats import WRITERS_OF_SLIDE, read_labels, write_study
from rimlight.records import Cell, Expression, Label, SlideInfo

ENDINGS = {"csv": ".csv", "parquet": ".parquet", "coco": ".json", "dsa": ".json", "asap": ".xml",
           "imagescope": ".xml"}  # fmt: skip
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
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    assert n_done == n_labels, n_done
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu_s, 1),
        "peak_mib": round(peak_mib),
        "file_mib": round(path.stat().st_size / 2**20),
    }


def main() -> None:
    """Measure each format in processes of their own, so that no peak hides another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", default=list(ENDINGS))
    parser.add_argument("--one", nargs=3, metavar=("ACT", "FORMAT", "PATH"))
    given = parser.parse_args()
    if given.one:
        act, file_format, path = given.one
        print(json.dumps(measured(act, file_format, Path(path), given.labels)))
        return
    print(f"{given.labels} labels\nformat      act    seconds  of CPU  peak MiB  file MiB")
    with tempfile.TemporaryDirectory() as folder:
        for file_format in given.formats:
            path = Path(folder) / f"labels{ENDINGS[file_format]}"
            for act in ("write", "read"):
                command = [sys.executable, __file__, "--labels", str(given.labels)]
                done = subprocess.run(
                    [*command, "--one", act, file_format, str(path)],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                row = json.loads(done.stdout)
                print(f"{file_format:<12}{act:<7}{row['seconds']:>7}{row['cpu_s']:>8}{row['peak_mib']:>10}"
                      f"{row['file_mib']:>10}", flush=True)  # fmt: skip
            path.unlink()


if __name__ == "__main__":
    main()
