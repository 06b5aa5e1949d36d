"""Who scores the slides of a command: this process, workers of this computer, Slurm or Ray."""

from collections.abc import Sequence
from dataclasses import asdict

from rimlight.errors import SettingsError
from rimlight.settings import EngineSettings, settings_from_dict
from rimlight.workflows.score import ScoredBy


def engine_of(settings: EngineSettings) -> ScoredBy | None:
    """Return who scores slides; None for this process alone.

    Raises:
        JobError: The engine is not installed, or not on this computer.
    """
    if settings.name == "slurm":
        from rimlight.jobs.slurm import slurm_engine

        return slurm_engine(settings)
    if settings.name == "ray":
        from rimlight.jobs.ray import ray_engine

        return ray_engine(settings)
    if not settings.n_workers:
        return None
    from rimlight.jobs.local import local_engine

    return local_engine(settings)


def engine_settings(
    settings: EngineSettings,
    *,
    name: str | None = None,
    n_workers: int | None = None,
    options: Sequence[str] = (),
) -> EngineSettings:
    """Return settings changed by what a command says.

    Args:
        settings: Of the study.
        name: local, slurm or ray; None leaves it.
        n_workers: At work at once; None leaves it.
        options: ``KEY=VALUE``, keys of the table ``[engine]``.

    Raises:
        SettingsError: An unknown key, or a value of another type.
    """
    table = asdict(settings)
    for option in options:
        key, separator, text = option.partition("=")
        if not separator:
            raise SettingsError(f"--engine-option {option!r}: write it as KEY=VALUE")
        table[key] = _value(key, text, table)
    if name is not None:
        table["name"] = name
    if n_workers is not None:
        table["n_workers"] = n_workers
    found = settings_from_dict({"engine": table}, origin="the engine").engine
    for key, least in (("n_workers", 0), ("n_cpus", 0), ("attempts", 1), ("slides_a_job", 1)):
        if getattr(found, key) < least:
            raise SettingsError(f"engine.{key}: must be {least} at least, got {table[key]}")
    return found


def _value(key: str, text: str, table: dict[str, object]) -> object:
    kind = type(table.get(key, ""))
    try:
        return float(text) if kind is float else int(text) if kind is int else text
    except ValueError as error:
        raise SettingsError(
            f"--engine-option {key}: must be {kind.__name__}, got {text!r}"
        ) from error
