"""A tiny synthetic study, trained, whose slides are scored by each engine; workers are watched."""

import hashlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from other_labels import with_others

from rimlight.io.runs import Run, open_run, read_metrics
from rimlight.io.study import create_study, open_study
from rimlight.settings import ScoreSettings, Settings
from rimlight.synthetic.settings import SynthSettings
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.register import entries_of_manifest, register_slides
from rimlight.workflows.score import score
from rimlight.workflows.synth import write_synthetic_study
from rimlight.workflows.train import train

TINY = SynthSettings(n_cases=4, n_slides=4, n_cells=110, width_um=190, height_um=170)
WATCHING = Path(__file__).parent / "watching"


def settings() -> Settings:
    start = Settings()
    return replace(
        start,
        study=replace(start.study, name="tiny synthetic", assay="synthetic"),
        train=replace(start.train, width=4, n_epochs=2, least_steps=1, n_threads=2),
        score=ScoreSettings(least_cells=20, field_um=50.0, n_resamples=200),
    )


@pytest.fixture(scope="session")
def _scored_folder(tmp_path_factory):
    """A study with labels of other cells, trained, and scored in this process."""
    home = tmp_path_factory.mktemp("jobs")
    write_synthetic_study(home / "synthetic", TINY)
    study = create_study(home / "study", settings())
    register_slides(study, entries_of_manifest(home / "synthetic" / "cases.csv"))
    for file in sorted((home / "synthetic" / "labels").glob("*.geojson")):
        import_labels(study, file, reader=None, slide=None, class_names=None)
    with_others(study, home / "synthetic")
    train(study, command="rimlight train")
    run = open_run(study)
    shutil.copytree(study.folder, home / "trained")
    score(run)
    study.engine.dispose()
    return home


@pytest.fixture(scope="session")
def expected(_scored_folder):
    """What scoring in one process gives."""
    return digest_of(open_run(open_study(_scored_folder / "study")))


@pytest.fixture(scope="session")
def digest():
    """Return the digest of what a run's slides were scored as."""
    return digest_of


@pytest.fixture
def run(_scored_folder, tmp_path) -> Run:
    """A run of a copy of the study, of which nothing is scored."""
    shutil.copytree(_scored_folder / "trained", tmp_path / "study")
    return open_run(open_study(tmp_path / "study"))


@pytest.fixture
def slide_ids(run) -> list[str]:
    """The slides of the study."""
    return [f"synthetic-{n:02d}-1" for n in range(1, 5)]


def digest_of(run: Run) -> dict[str, str]:
    """Every file of the scores by its hash, and the section of the metrics."""
    files = [run.folder / "scores.csv", *sorted((run.folder / "scores").iterdir())]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return found | {"section": json.dumps(read_metrics(run)["scores"], sort_keys=True)}


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is seen of workers, and what befalls them; see ``watching/sitecustomize.py``."""

    folder: Path

    def kill(self, slide: str, number: int, *, n_times: int) -> None:
        """Let a process die of a signal whenever it has half written a slide."""
        (self.folder / f"die-{slide}").write_text(f"{int(number)} {n_times}")

    def hold(self, slide: str) -> None:
        """Let a process stand still when it has half written a slide."""
        (self.folder / f"hold-{slide}").touch()

    @property
    def log(self) -> list[tuple[str, int]]:
        """Slides whose cells were written to a draft, and by which process."""
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[0], int(line.split()[1])) for line in lines]

    @property
    def n_times(self) -> Counter[str]:
        """How often each slide was written to a draft."""
        return Counter(slide for slide, _ in self.log)


@pytest.fixture
def watch(tmp_path, monkeypatch) -> Watch:
    """Watch the workers that this process, or one started by it, starts."""
    folder = tmp_path / "watched"
    folder.mkdir()
    monkeypatch.setenv("WATCHED", str(folder))
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(WATCHING), before])))
    monkeypatch.syspath_prepend(WATCHING)
    return Watch(folder=folder)
