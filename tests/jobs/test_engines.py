"""Who scores: the study's settings, changed by what the command says, each refused by name."""

import pytest

from rimlight.errors import SettingsError
from rimlight.jobs.engines import engine_of, engine_settings
from rimlight.settings import EngineSettings


def test_the_command_goes_before_the_settings_of_the_study():
    study = EngineSettings(name="slurm", n_workers=4, partition="day", time_min=30)
    found = engine_settings(study, n_workers=9, options=["partition=night", "memory_gb=1.5"])
    assert (found.name, found.n_workers, found.partition) == ("slurm", 9, "night")
    assert (found.memory_gb, found.time_min) == (1.5, 30)
    assert engine_settings(study, name="ray").name == "ray"
    assert engine_settings(study) == study


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("partition", "KEY=VALUE"),
        ("colour=red", "engine.colour"),
        ("time_min=soon", "time_min: must be int"),
        ("attempts=0", "engine.attempts: must be 1 at least, got 0"),
        ("n_workers=-1", "engine.n_workers: must be 0 at least, got -1"),
        ("name=sge", "engine.name: must be one of"),
    ],
)
def test_an_option_that_is_none_is_refused_by_its_name(option, words):
    with pytest.raises(SettingsError, match=words):
        engine_settings(EngineSettings(), options=[option])


def test_without_workers_this_process_scores_alone():
    assert engine_of(EngineSettings()) is None
    assert engine_of(EngineSettings(n_workers=1)) is not None
