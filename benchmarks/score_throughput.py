"""Time the score of synthetic slides of 10,000 to 1,000,000 cells, stage by stage, with memory.

    python benchmarks/score_throughput.py WORK                      the whole
    python benchmarks/score_throughput.py WORK --cells 20000        quick
    python benchmarks/score_throughput.py WORK --paint              only write what is scored

Trains a small synthetic study with labels `other` and a network of the default size, and scores
mosaics of synthetic fields, each in a process of its own, by `rimlight.workflows.score` with all
that it writes and without any cache of candidates. Every candidate is a cell that is judged. WORK
keeps study and slides. Compared with what a plain loop over patches takes for the same calls, and
with the time that the processor's matrix product takes for the same multiplications.

The exit code is 1 if the largest slide takes longer than 15 minutes for 1,000,000 cells, or 3 GiB.
Speed depends on the machine and on what else it does: the load is printed.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = (10_000, 100_000, 1_000_000)
SECONDS_A_CELL = 900 / 1_000_000
LARGEST_MIB = 3 * 1024
LEAN = 0.97
"""Fields of a small slide hold a little more candidates than those of a large one."""
_LOCK = threading.Lock()
INSIDE = {
    "reading": ("rimlight.workflows.slide_planes", "SlidePlane.read"),
    "searching": ("rimlight.workflows.candidates", "_searched"),
    "cutting": ("rimlight.workflows.candidates", "_cut"),
    "network": ("rimlight.model.prediction", "features_of"),
    "tumour or other": ("rimlight.workflows.score_rules", "Rules.judged"),
    "ring and focus": ("rimlight.workflows.score_slide", "_judged"),
}
"""What is done of a tile, in several threads at once: by the processor time of the thread. The
fifth holds the fourth, and the sixth the fifth; what is printed is the difference."""
ONE_BY_ONE = {
    "tiles": ("rimlight.workflows.score_job", "judged_cells"),
    "interval": ("rimlight.workflows.score_job", "slide_score"),
    "table": ("rimlight.workflows.score_job", "_write_cells"),
    "QuPath": ("rimlight.workflows.score_job", "write_qupath_scores"),
    "slide": ("rimlight.workflows.score_job", "_scored"),
}
"""What is done one after another, by the clock; the last holds the others."""


def main() -> None:
    """Print a table a size, and the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--cells", type=int, default=SIZES[-1], help="of the largest slide")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--paint", action="store_true", help="write study and slides, then end")
    parser.add_argument("--only", action="store_true", help="the largest slide alone")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(measured(given.work, given.child, n_threads=given.threads)))
        return
    sys.exit(race(given))


def race(given: argparse.Namespace) -> int:
    """Print what each size takes; return the exit code."""
    from large_slides import candidates_a_field, large_slide, trained_study

    sizes = sorted({min(size, given.cells) for size in SIZES})
    study = trained_study(given.work, n_epochs=given.epochs, n_threads=given.threads)
    first = large_slide(study, sizes[0])
    a_field = LEAN * candidates_a_field(study, first)
    names = [str(large_slide(study, size, a_field=a_field).slide_id) for size in sizes[1:]]
    names = [str(first.slide_id), *names]
    study.engine.dispose()
    if given.paint:
        return 0
    found = []
    for name in names[-1:] if given.only else names:
        found.append(in_own_process(given, name))
        print_one(found[-1])
    print_flatness(found)
    return int(not is_reached(found[-1]))


def is_reached(largest: dict[str, Any]) -> bool:
    """Return whether time and memory are within what was asked for."""
    is_quick = largest["total_s"] <= SECONDS_A_CELL * max(largest["n_cells"], 50_000)
    return is_quick and largest["peak_mib"] <= LARGEST_MIB


def in_own_process(given: argparse.Namespace, slide: str) -> dict[str, Any]:
    """Return what the score of a slide in a new process tells of itself, and its peak memory."""
    command = [sys.executable, __file__, str(given.work), "--child", slide]
    load = os.getloadavg()[0]
    child = subprocess.Popen(
        [*command, "--threads", str(given.threads)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = child.stdout.read()
    if child.wait():
        sys.exit(f"scoring {slide} failed")
    return {**json.loads(told.splitlines()[-1]), "load": load}


def measured(work: Path, slide: str, *, n_threads: int) -> dict[str, Any]:
    """Score one slide anew, with a clock at every stage."""
    import shutil

    from plain_calls import matrix_product, plain_loop

    from rimlight.io.runs import open_run
    from rimlight.io.store import slides
    from rimlight.io.study import open_study

    study = open_study(work / "study")
    for path in study.cache.glob("candidates-*"):
        shutil.rmtree(path)
    for path in (work / "study" / "runs" / "0001" / "scores").glob(f"{slide}.*"):
        path.unlink()
    info = next(info for info in slides(study.engine) if info.slide_id == slide)
    watch = Watch()
    seconds = scored(open_run(study, "0001"), slide, watch=watch)
    with_extras = {
        "mpx": info.width_l0 * info.height_l0 / 1e6,
        "peak_mib": watch.peak_mib(),
        "early_mib": watch.early_mib,
        **matrix_product(study, n_threads=n_threads),
        **plain_loop(study, slide),
    }
    return {**seconds, **with_extras}


def scored(run: Any, slide: str, *, watch: "Watch") -> dict[str, Any]:
    """Score a slide by the product's own path; return seconds, a stage each, and cells."""
    import torch

    import rimlight.model.prediction
    import rimlight.workflows.score
    import rimlight.workflows.score_plan

    started = time.perf_counter()
    plan = rimlight.workflows.score_plan.score_plan(run)
    plan.prepare(plan.chosen([slide]))  # once a run, and kept
    rules_s = time.perf_counter() - started
    seconds = dict.fromkeys([*INSIDE, *ONE_BY_ONE, "read by the clock", "waited for reading"], 0.0)
    for stage, place in ONE_BY_ONE.items():
        put_clock(stage, *place, seconds=seconds)
    put_clock("read by the clock", *INSIDE["reading"], seconds=seconds)
    for stage, place in INSIDE.items():
        put_clock(stage, *place, seconds=seconds, clock=time.thread_time)
    time_waiting(seconds)
    started, used = time.perf_counter(), time.process_time()
    section = rimlight.workflows.score.score(run, slides=[slide], progress=watch)
    total = time.perf_counter() - started
    row = next(row for row in section["slides"] if row["slide"] == slide)
    seconds["ring and focus"] -= seconds["tumour or other"]
    seconds["tumour or other"] -= seconds["network"]
    return {
        "total_s": total,
        "rules_s": rules_s,
        "processor_s": time.process_time() - used,
        "n_cells": count_of(run.folder / "scores" / f"{slide}.csv.gz"),
        "value": row["value"],
        "seconds": seconds,
        "n_threads": torch.get_num_threads(),
    }


def time_waiting(seconds: dict[str, float]) -> None:
    """Count the seconds in which the search waits for a tile that is still read."""
    from rimlight.workflows import candidates

    inner = candidates.read_ahead

    def timed(*given: Any) -> Any:
        tiles = inner(*given)
        while True:
            started = time.perf_counter()
            tile = next(tiles, None)
            seconds["waited for reading"] += time.perf_counter() - started
            if tile is None:
                return
            yield tile

    candidates.read_ahead = timed


def count_of(table: Path) -> int:
    """Return how many cells a table holds."""
    import gzip

    with gzip.open(table) as handle:
        return sum(1 for _ in handle) - 1


class Watch:
    """The largest resident memory of this process and of those that it started."""

    def __init__(self) -> None:
        self.early_mib = 0.0
        self._children_kib: dict[str, int] = {}
        threading.Thread(target=self._look, daemon=True).start()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what.startswith("score ") and done <= total / 5:
            self.early_mib = self.peak_mib()

    def peak_mib(self) -> float:
        return (highest_kib("self") + sum(self._children_kib.values())) / 1024

    def _look(self) -> None:
        while True:
            for task in Path("/proc/self/task").iterdir():
                for child in (task / "children").read_text(encoding="ascii").split():
                    self._children_kib[child] = highest_kib(child)
            time.sleep(0.5)


def highest_kib(process: str) -> int:
    """Return the largest resident memory of a process, as Linux tells it; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        return 0


def put_clock(
    stage: str,
    module: str,
    name: str,
    *,
    seconds: dict[str, float],
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Count the seconds that calls of a function take, in whatever thread."""
    import importlib

    owner: Any = importlib.import_module(module)
    *parents, last = name.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    inner: Callable[..., Any] = getattr(owner, last)

    def timed(*given: Any, **named: Any) -> Any:
        started = clock()
        try:
            return inner(*given, **named)
        finally:
            took = clock() - started
            with _LOCK:
                seconds[stage] += took

    setattr(owner, last, timed)


def print_one(found: dict[str, Any]) -> None:
    """Print the score of one slide."""
    n, total, seconds = found["n_cells"], found["total_s"], found["seconds"]
    print(
        f"{n} cells, {found['mpx']:.0f} Mpx, {found['n_threads']} threads: {total:.1f} s "
        f"({found['processor_s']:.1f} s of processor time), {n / total:.0f} cells a second, peak "
        f"{found['peak_mib']:.0f} MiB ({found['early_mib']:.0f} after a fifth of the tiles); "
        f"score {found['value']:.2f}; load before {found['load']:.1f}; "
        f"rules, once a run: {found['rules_s']:.1f} s"
    )
    for stage in INSIDE:
        share = seconds[stage] / found["processor_s"]
        print(f"  {stage:<18}{seconds[stage]:8.1f} s, {100 * share:5.1f} % of the processor time")
    for stage in ONE_BY_ONE:
        print(f"  {stage:<18}{seconds[stage]:8.1f} s by the clock")
    read, waited = seconds["read by the clock"], seconds["waited for reading"]
    print(
        f"  reading took {read:.1f} s by the clock in its own thread; the search waited for it "
        f"{waited:.1f} s"
    )
    least_s = n * 2 * found["million_products"] * 1e6 / found["matrix_gflops"] / 1e9
    print(
        f"  a patch takes {found['million_products']:.1f} million multiplications; a matrix "
        f"product reaches {found['matrix_gflops']:.0f} GFLOP/s, the network "
        f"{found['network_gflops']:.0f} and, with 256 patches at a time, "
        f"{found['large_batch_gflops']:.0f}; at the first the same takes {least_s:.1f} s, "
        f"{100 * least_s / total:.0f} % of the time"
    )
    print(
        f"  a plain loop over patches: {found['plain_per_s']:.0f} cells a second, "
        f"{100 * found['plain_reading']:.0f} % of it reading; the score is "
        f"{n / total / found['plain_per_s']:.2f} times as fast",
        flush=True,
    )


def cell_us(found: dict[str, Any]) -> float:
    """Return microseconds a cell, without fitting or reading the rules, which is once a run."""
    return 1e6 * found["seconds"]["slide"] / found["n_cells"]


def print_flatness(found: list[dict[str, Any]]) -> None:
    """Print what a cell costs on slides of each size."""
    parts = [f"{cell_us(one):.0f} us of {one['n_cells']}" for one in found]
    print(
        f"a cell, without fitting rules: {'; '.join(parts)}; the last is "
        f"{cell_us(found[-1]) / cell_us(found[0]):.2f} times the first"
    )


if __name__ == "__main__":
    main()
