"""Time a triage of many candidate cells, stage by stage, and print its peak memory.

    python benchmarks/triage_speed.py                       10,000 and 100,000 candidates
    python benchmarks/triage_speed.py --cells 2000 5000 --folder DIR    quick, kept in DIR

Makes a small synthetic study, trains it briefly, finds its causes, and adds unlabelled slides that
are rendered fields laid side by side, some turned over.  Each triage runs in a process of its own.
Speed depends on the machine and on what else it does; shares of the stages, and memory at ten
times the cells, are what to compare.  The exit code is 1 if memory grows by more than the bound or
the largest triage takes more than ten minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.io.pyramids import write_pyramid
from rimlight.io.runs import open_run
from rimlight.io.store import slides
from rimlight.io.study import Study, create_study, open_study
from rimlight.settings import Settings
from rimlight.synthetic.appearance import case_look
from rimlight.synthetic.field import render_field
from rimlight.synthetic.settings import MPP, SynthSettings
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.register import SlideEntry, entries_of_manifest, register_slides
from rimlight.workflows.synth import write_synthetic_study

SMALL = SynthSettings(seed=101, n_cases=10, n_slides=10, n_cells=600, width_um=300, height_um=300)
A_FIELD = 1500
"""Candidates that a field of the default size holds, about."""
FIELDS_A_SLIDE = (4, 4)
N_FIELDS = 6
BOUND_MIB = 64.0
BOUND_S = 600.0
STAGES = {
    "reading": ("rimlight.workflows.slide_planes", "SlidePlane.read"),
    "searching": ("rimlight.workflows.candidates", "candidate_centres"),
    "cutting": ("rimlight.workflows.candidates", "_cut"),
    "network": ("rimlight.workflows.triage", "features_of"),
    "shortlists": ("rimlight.core.shortlists", "Best.add"),
    "examples": ("rimlight.workflows.triage", "exemplars_of"),
    "edits": ("rimlight.workflows.choosing", "cause_scores"),
}


def main() -> None:
    """Print a line a size and the comparison of the smallest with the largest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(measured(given.child)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(race(given.folder or Path(temporary), sorted(given.cells), given.epochs))


def race(folder: Path, sizes: list[int], epochs: int) -> int:
    """Print what each size takes; return the exit code."""
    study = trained_study(folder, epochs=epochs)
    found = []
    for size in sizes:
        enlarge(study, size)
        before = os.getloadavg()[0]
        found.append(in_own_process(study.folder))
        print_one(found[-1], before)
    first, last = found[0], found[-1]
    growth = last["peak_mib"] - last["early_mib"]
    print(
        f"{last['n_candidates'] / first['n_candidates']:.1f} times the candidates: "
        f"{last['total_s'] / first['total_s']:.1f} times the time, "
        f"peak memory {last['peak_mib'] - first['peak_mib']:+.0f} MiB; within the largest triage "
        f"{growth:+.0f} MiB after the second tenth of its tiles (allowed {BOUND_MIB:.0f})"
    )
    return int(growth > BOUND_MIB or last["total_s"] > BOUND_S)


def trained_study(folder: Path, *, epochs: int) -> Study:
    """Return a small study with a run whose causes are known; made once in a folder."""
    place = folder / "study"
    if (place / "runs" / "0001" / "causes.csv").exists():
        return open_study(place)
    from rimlight.workflows.causes import causes
    from rimlight.workflows.train import train

    write_synthetic_study(folder / "synthetic", SMALL)
    start = Settings()
    settings = replace(
        start,
        train=replace(start.train, n_epochs=epochs, least_steps=10),
        causes=replace(start.causes, n_cells=60, n_right=0),
    )
    study = create_study(place, settings)
    register_slides(study, entries_of_manifest(folder / "synthetic" / "cases.csv"))
    for path in sorted((folder / "synthetic" / "labels").glob("*.geojson")):
        import_labels(study, path)
    causes(train(study, command="benchmark"))
    return open_study(place)


def enlarge(study: Study, n_candidates: int) -> None:
    """Add unlabelled slides until the study holds about so many candidates."""
    folder = study.folder.parent / "large"
    folder.mkdir(exist_ok=True)
    n_small = 10 * A_FIELD * (SMALL.width_um * SMALL.height_um) / (560 * 440)
    n_fields = max(1, round((n_candidates - n_small) / A_FIELD))
    known = {info.case_id for info in slides(study.engine)}
    per_slide = FIELDS_A_SLIDE[0] * FIELDS_A_SLIDE[1]
    number = 0
    while n_fields > 0:
        count = min(per_slide, n_fields)
        case = f"large-{number:02d}-{count}"
        path = folder / f"{case}.tiff"
        if case not in known:
            if not path.exists():
                write_pyramid(path, mosaic(number, count), mpp=MPP, quality=90)
            entry = SlideEntry(path=path, case=case, assay="synthetic", scanner=None, mpp=None)
            register_slides(study, [entry])
        n_fields -= count
        number += 1


_FIELDS: list[np.ndarray] = []


def mosaic(number: int, count: int) -> np.ndarray:
    """Return fields laid side by side, each turned over in its own way."""
    if not _FIELDS:
        settings = SynthSettings(seed=102, n_cases=N_FIELDS, n_slides=N_FIELDS)
        for case in range(N_FIELDS):
            look = case_look(settings, case)
            size_um = (settings.width_um, settings.height_um)
            seed = (settings.seed, 6, case, 1)
            _FIELDS.append(
                render_field(look, settings, size_um=size_um, seed=seed, has_glass=False).rgb
            )
    height, width, _ = _FIELDS[0].shape
    across = min(count, FIELDS_A_SLIDE[0])
    down = -(-count // across)
    whole = np.full((down * height, across * width, 3), 245, dtype=np.uint8)
    for at in range(count):
        turn = slice(None, None, 1 if (at + number) % 2 else -1)
        over = slice(None, None, 1 if (at // 2 + number) % 2 else -1)
        top, left = at // across * height, at % across * width
        field = _FIELDS[(at + number) % N_FIELDS]
        whole[top : top + height, left : left + width] = field[turn, over]
    return whole


def in_own_process(folder: Path) -> dict[str, Any]:
    """Return what a triage in a new process tells of itself."""
    command = [sys.executable, __file__, "--child", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measured(folder: Path) -> dict[str, Any]:
    """Do one triage without any cache of candidates, with a clock at every stage."""
    import shutil

    from rimlight.workflows.triage import triage

    study = open_study(folder)
    for path in study.cache.glob("candidates-*"):
        shutil.rmtree(path)
    seconds = dict.fromkeys(STAGES, 0.0)
    for stage, (module, name) in STAGES.items():
        put_clock(stage, module, name, seconds=seconds)
    run = open_run(study, "0001")
    early = [0.0]

    def watch(what: str, done: int, total: int) -> None:
        if what == "triage" and done <= total / 5:
            early[0] = peak_mib()

    started, used = time.perf_counter(), time.process_time()
    section = triage(run, progress=watch)
    return {
        "total_s": time.perf_counter() - started,
        "processor_s": time.process_time() - used,
        "peak_mib": peak_mib(),
        "early_mib": early[0],
        "n_candidates": section["n_candidates"] + section["n_known"] + section["n_edge"],
        "n_given": section["n_given"],
        "seconds": seconds,
    }


def peak_mib() -> float:
    """Return the largest resident memory of this process, as Linux tells it.

    Not that of getrusage, which begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def put_clock(stage: str, module: str, name: str, *, seconds: dict[str, float]) -> None:
    """Count the seconds that calls of a function take."""
    owner = sys.modules[module]
    *parents, last = name.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    inner: Callable[..., Any] = getattr(owner, last)

    def timed(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return inner(*given, **named)
        finally:
            seconds[stage] += time.perf_counter() - started

    setattr(owner, last, timed)


def print_one(found: dict[str, Any], load: float) -> None:
    """Print one triage."""
    n, total = found["n_candidates"], found["total_s"]
    print(
        f"{n} candidates: {total:.0f} s ({found['processor_s']:.0f} s of processor time), "
        f"{n / total:.0f} a second, peak {found['peak_mib']:.0f} MiB; load before {load:.1f}, "
        f"round {found['n_given']}"
    )
    for stage, value in found["seconds"].items():
        note = " (in its own thread)" if stage == "reading" else ""
        print(f"  {stage:<11}{value:7.1f} s, {100 * value / total:5.1f} % of the time{note}")


if __name__ == "__main__":
    main()
