"""Two workers against one, by each engine that is here: seconds, ratio, and the same digits.

    python benchmarks/job_speed.py STUDY              the slides of a trained study
    python benchmarks/job_speed.py STUDY --slides 12  fewer of them
    python benchmarks/job_speed.py STUDY --engines local ray

Each measurement scores the same slides of a fresh copy of the latest run, without kept candidates
or scores, with one torch thread a worker. What the plan prepares for all workers (rules) is made
before and not timed; the start of workers, of jobs and of Ray is. The digest is of ``scores.csv``,
of each slide's files and of the section ``scores``; one process without workers comes first.
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from rimlight.errors import JobError
from rimlight.io.runs import Run, open_run, read_metrics
from rimlight.io.study import open_study
from rimlight.jobs.engines import engine_of
from rimlight.settings import EngineSettings
from rimlight.workflows.score import score
from rimlight.workflows.score_job import score_in_turn
from rimlight.workflows.score_plan import score_plan
from rimlight.workflows.train import use_threads

ENGINES = ("local", "slurm", "ray")


def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--slides", type=int, help="so many of the study; else all")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="job-speed-") as folder:
        home = copied(given.study, Path(folder) / "prepared")
        plan = score_plan(open_run(open_study(home)))
        slides = [str(info.slide_id) for info in plan.every][: given.slides]
        plan.prepare(plan.chosen(slides))
        print(f"{len(slides)} slides, load {os.getloadavg()[0]:.1f}")
        alone_s, digest = measured(home, slides, None)
        print(f"in process           {alone_s:7.1f} s   {digest}")
        for name in given.engines:
            try:
                seconds = [measured(home, slides, how(name, n)) for n in (1, 2)]
            except JobError as error:
                print(f"{name}: not measured: {error}")
                continue
            for n, (taken_s, found) in enumerate(seconds, start=1):
                ratio = f"{seconds[0][0] / taken_s:5.2f}" if n > 1 else "     "
                print(f"{name:6} {n} workers    {taken_s:7.1f} s   {found}  {ratio}")
            if {found for _, found in seconds} != {digest}:
                raise SystemExit(f"{name}: other digits than in one process")


def how(name: str, n_workers: int) -> EngineSettings:
    """Return an engine of so many workers, with one thread each."""
    return EngineSettings(name=name, n_workers=n_workers, n_cpus=1, slides_a_job=4, memory_gb=3.0)


def copied(study: Path, folder: Path) -> Path:
    """Copy a study and its latest run without scores; slides stay where they are."""
    latest = max((study / "runs").glob("[0-9]*/run.json")).parent
    (folder / "runs").mkdir(parents=True)
    (folder / "cache").mkdir()
    for path in study.iterdir():
        if path.name not in ("runs", "cache"):
            place = folder / path.name
            place.symlink_to(path.resolve()) if path.is_dir() else shutil.copy(path, place)
    shutil.copytree(
        latest, folder / "runs" / latest.name, ignore=shutil.ignore_patterns("scores", "jobs")
    )
    return folder


def measured(home: Path, slides: list[str], engine: EngineSettings | None) -> tuple[float, str]:
    """Return the seconds that engine takes for slides, and the digest of what it wrote."""
    with tempfile.TemporaryDirectory(prefix="job-speed-", dir=home.parent) as folder:
        place = Path(folder) / "study"
        shutil.copytree(home, place, symlinks=True, ignore=shutil.ignore_patterns("candidates-*"))
        run = open_run(open_study(place))
        use_threads(1)
        start = time.perf_counter()
        score(run, slides=slides, by=score_in_turn if engine is None else engine_of(engine))
        return time.perf_counter() - start, digest_of(run)


def digest_of(run: Run) -> str:
    """Return twelve characters of the hash of all that was written of the scores."""
    files = [run.folder / "scores.csv"]
    files += sorted(path for path in (run.folder / "scores").iterdir() if path.is_file())
    found = hashlib.sha256()
    for path in files:
        found.update(path.name.encode() + path.read_bytes())
    found.update(json.dumps(read_metrics(run)["scores"], sort_keys=True).encode())
    return found.hexdigest()[:12]


if __name__ == "__main__":
    main()
