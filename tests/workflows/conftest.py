"""A tiny synthetic study, trained and explained once for all tests of workflows."""

import shutil
from dataclasses import replace

import pytest

from rimlight.io.study import create_study, open_study
from rimlight.settings import Settings
from rimlight.synthetic.settings import SynthSettings
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.register import entries_of_manifest, register_slides
from rimlight.workflows.synth import write_synthetic_study

TINY = SynthSettings(n_cases=8, n_slides=9, n_cells=150, width_um=220, height_um=200)


def tiny_settings() -> Settings:
    """Settings that make a run in seconds; far too little for a good network."""
    start = Settings()
    return replace(
        start,
        study=replace(start.study, name="tiny synthetic", assay="synthetic"),
        train=replace(start.train, width=4, n_epochs=3, least_steps=1, n_threads=1),
        explain=replace(start.explain, n_cells=12, n_references=3, n_random_networks=1),
        evaluate=replace(start.evaluate, n_resamples=50),
    )


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory):
    """The files of a tiny synthetic study: slides, labels, manifest, truth."""
    folder = tmp_path_factory.mktemp("tiny") / "synthetic"
    write_synthetic_study(folder, TINY)
    return folder


@pytest.fixture(scope="session")
def _study_folder(synthetic_folder):
    study = create_study(synthetic_folder.parent / "study", tiny_settings())
    register_slides(study, entries_of_manifest(synthetic_folder / "cases.csv"))
    for file in sorted((synthetic_folder / "labels").glob("*.geojson")):
        import_labels(study, file, reader=None, slide=None, class_names=None)
    study.engine.dispose()
    return study.folder


@pytest.fixture
def study(_study_folder, tmp_path):
    """A copy of the tiny study, without runs, that a test may change."""
    shutil.copytree(_study_folder, tmp_path / "study", ignore=shutil.ignore_patterns("runs"))
    return open_study(tmp_path / "study")


@pytest.fixture(scope="session")
def shared_study(_study_folder):
    """The tiny study itself; tests only add runs."""
    return open_study(_study_folder)


@pytest.fixture(scope="session")
def trained(shared_study):
    """A run of the shared study that was trained."""
    from rimlight.workflows.train import train

    return train(shared_study, command="rimlight train")


@pytest.fixture(scope="session")
def explained(trained):
    """The same run, evaluated and explained too."""
    from rimlight.workflows.evaluate import evaluate
    from rimlight.workflows.explain import explain
    from rimlight.workflows.validate import validate

    evaluate(trained)
    explain(trained)
    validate(trained)
    return trained


@pytest.fixture(scope="session")
def scored_folder(_study_folder, tmp_path_factory):
    """A tiny study with a run that calls some cells positive, and two of its slides scored."""
    from rimlight.io.runs import open_run
    from rimlight.io.store import slides
    from rimlight.workflows.score import score
    from rimlight.workflows.train import train

    folder = tmp_path_factory.mktemp("scored") / "study"
    shutil.copytree(_study_folder, folder, ignore=shutil.ignore_patterns("runs"))
    (folder / "runs").mkdir()
    study = open_study(folder)
    better = replace(study.settings.train, n_epochs=4, least_steps=15)
    train(replace(study, settings=replace(study.settings, train=better)), command="rimlight train")
    score(open_run(study), slides=[str(info.slide_id) for info in slides(study.engine)[:2]])
    return folder
