"""The settings of a study: one frozen record a workflow, every default with its unit.

``study.toml`` is written with every default in view and read strictly: an unknown key or a
value of another type is refused with its name.
"""

import tomllib
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin

from rimlight.errors import SettingsError


def _setting(default: Any, unit: str, meaning: str) -> Any:
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """What the study is about."""

    name: str = _setting("study", "-", "name shown in the report")
    assay: str = _setting("research", "-", "assay of slides that name none, e.g. 22c3-nsclc")
    seed: int = _setting(20261124, "-", "seed of split, training, bootstrap and examples")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSettings:
    """The square image cut around each cell."""

    size_px: int = _setting(64, "px", "side of a patch at the working mpp")
    mpp: float = _setting(0.5, "um/px", "working pixel size; patches are resampled to it once")
    margin_um: float = _setting(2.0, "um", "extra border that training may shift into")


@dataclass(frozen=True, slots=True, kw_only=True)
class StainSettings:
    """Stain vectors as optical densities of red, green, blue; made unit length on use."""

    haematoxylin: tuple[float, ...] = _setting((0.65, 0.70, 0.29), "OD", "haematoxylin vector")
    dab: tuple[float, ...] = _setting((0.27, 0.57, 0.78), "OD", "DAB vector")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings:
    """How cases are kept apart; a case is never on two sides."""

    method: Literal["hold-out", "folds", "given"] = _setting(
        "hold-out", "-", "hold-out: one locked part; folds: every case held out once; given: file"
    )
    hold_out_share: float = _setting(0.25, "0..1", "share of cases held out")
    validation_share: float = _setting(0.15, "0..1", "share of the other cases that stop training")
    n_folds: int = _setting(5, "folds", "number of folds; at least the number of cases: one out")
    file: str = _setting("", "-", "CSV with case,part (train, validation, hold-out) for given")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The network and how it is fitted."""

    width: int = _setting(16, "channels", "channels of the first stage; later stages have more")
    initial: str = _setting("", "-", "model folder whose weights training starts from; empty: none")
    n_epochs: int = _setting(20, "epochs", "passes over the training cells at the most")
    least_steps: int = _setting(30, "steps", "steps of an epoch at least; few cells repeat")
    patience: int = _setting(6, "epochs", "epochs without a better validation loss before stopping")
    batch_size: int = _setting(64, "patches", "patches in a step")
    learning_rate: float = _setting(3e-3, "-", "peak of the one-cycle schedule")
    weight_decay: float = _setting(0.02, "-", "AdamW weight decay")
    shift_um: float = _setting(1.0, "um", "largest random shift of the click")
    stain_jitter: float = _setting(0.15, "share", "random scaling of each stain's density")
    white_jitter: float = _setting(0.02, "OD", "random offset of each channel's density")
    blur_um: float = _setting(0.35, "um", "largest sigma of random blur")
    jpeg_share: float = _setting(0.2, "0..1", "share of patches saved as JPEG and read again")
    surround_swap: float = _setting(
        0.0, "0..1", "share of patches set into the surround of another training cell; 0: off"
    )
    round_share: float = _setting(
        0.0, "0..1", "share of training to which cells of rounds are repeated; 0: all count alike"
    )
    n_threads: int = _setting(2, "threads", "torch threads; part of what makes a run repeatable")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """Intervals and the subset whose neighbours disagree."""

    n_resamples: int = _setting(2000, "resamples", "bootstrap resamples of cases")
    discordant_inner_um: float = _setting(10.0, "um", "inner radius of the neighbour annulus")
    discordant_outer_um: float = _setting(15.0, "um", "outer radius of the neighbour annulus")
    ring_inner_um: float = _setting(3.0, "um", "inner radius of the ring rival")
    ring_outer_um: float = _setting(8.0, "um", "outer radius of the ring rival")
    centre_um: float = _setting(1.5, "um", "radius of the centre rival")
    disc_um: float = _setting(8.0, "um", "radius of the disc rival")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings:
    """Path attributions, contributing pixels and their validation."""

    n_cells: int = _setting(300, "cells", "hold-out cells explained, drawn at random; 0: all")
    n_references: int = _setting(8, "cells", "real cells in a reference pool")
    tolerance: float = _setting(0.01, "share of rise", "completeness error that ends refinement")
    tolerance_spread: float = _setting(
        0.1, "share of climb", "errors along a path that may cancel; bounds the error of a map"
    )
    tolerance_logits: float = _setting(0.01, "logits", "completeness error that always suffices")
    sigma_um: float = _setting(1.75, "um", "smoothing of the map before contributing pixels")
    top_share: float = _setting(0.02, "0..1", "share of pixels taken in the OD validation")
    max_od: float = _setting(2.5, "OD", "DAB density above which a pixel counts as saturated")
    saturated_share: float = _setting(0.2, "0..1", "saturated share that keeps a cell out")
    n_random_networks: int = _setting(2, "networks", "untrained networks used as control")


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySettings:
    """How much work the quality gate does."""

    n_cells: int = _setting(48, "cells", "held-out cells judged, half labelled positive; 0: all")
    n_random_networks: int = _setting(3, "networks", "networks with random weights, for E3")
    n_stages: int = _setting(4, "stages", "stages of the randomisation cascade, the full one last")
    n_shuffled_networks: int = _setting(
        2, "networks", "networks trained on shuffled labels, for E4; 0: not run"
    )
    shuffled_cells: int = _setting(600, "cells", "training cells of such a network at the most")
    shuffled_epochs: int = _setting(3, "epochs", "epochs that such a network is trained")
    n_steps: int = _setting(20, "steps", "steps of a removal curve, for E5")
    sigma_um: float = _setting(1.0, "um", "smoothing of maps and controls alike, for E5 and E8")
    n_checked: int = _setting(16, "cells", "maps made once more at three times the points, for E1")
    n_resamples: int = _setting(1000, "resamples", "bootstrap resamples of cases")


@dataclass(frozen=True, slots=True, kw_only=True)
class CausesSettings:
    """Which calls are asked why, and what counts as uncertain or doubtful."""

    n_cells: int = _setting(400, "cells", "calls examined, the wrong ones first; 0: all")
    uncertain: float = _setting(
        0.75, "0..1", "a right call with a calibrated probability below this is uncertain"
    )
    doubtful: float = _setting(0.5, "0..1", "label doubt from which a label counts as doubtful")
    n_right: int = _setting(100, "cells", "right held-out calls that the edits are tried on")
    margin_um: float = _setting(6.0, "um", "border around a patch, to centre it anew")
    out_of_focus: float = _setting(0.5, "share", "sharpness against the slide's median: soft below")


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageSettings:
    """Which cells a round asks about; the three shares add up to 1."""

    n_cells: int = _setting(100, "cells", "cells in a round")
    cause_share: float = _setting(0.5, "0..1", "share of the round like the confirmed causes")
    uncertain_share: float = _setting(0.3, "0..1", "share that is uncertain and diverse")
    random_share: float = _setting(0.2, "0..1", "share drawn at random from all candidates")
    slide_share: float = _setting(
        0.25, "0..1", "largest part of the round, but for the random share, from one slide"
    )
    apart_um: float = _setting(4.0, "um", "candidates this near a labelled cell are that cell")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSettings:
    """How slides are scored: assay profile, adequacy, and the fields of the interval."""

    assay: str = _setting(
        "", "-", "profile for all slides; empty: that of each slide's assay, else research"
    )
    least_cells: int = _setting(
        100, "cells", "tumour cells needed where the profile names no number"
    )
    field_um: float = _setting(128.0, "um", "side of the fields that the interval resamples")
    n_resamples: int = _setting(2000, "resamples", "draws of fields and of held-out cases")
    least_sharpness: float = _setting(
        0.1, "-", "variance of the Laplacian over that of grey at 1 um/px; below: out of focus"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Who scores slides: processes of this computer, or jobs of Slurm or Ray."""

    name: Literal["local", "slurm", "ray"] = _setting("local", "-", "local, slurm or ray")
    n_workers: int = _setting(
        0, "workers", "at work at once; 0: local: this process alone; slurm, ray: as many as fit"
    )
    attempts: int = _setting(3, "workers", "that may die of one slide before it is given up")
    slides_a_job: int = _setting(8, "slides", "that one job of Slurm scores at the most")
    n_cpus: int = _setting(
        0,
        "processors",
        "and torch threads of a worker; 0: local: train.n_threads shared out; slurm, ray: 1",
    )
    memory_gb: float = _setting(4.0, "GB", "memory of a job of Slurm")
    time_min: int = _setting(240, "min", "time limit of a job of Slurm")
    partition: str = _setting("", "-", "partition of Slurm; empty: its default")
    account: str = _setting("", "-", "account of Slurm; empty: its default")
    sbatch: str = _setting("", "-", "more options of sbatch, as qos=short,constraint=avx2")
    address: str = _setting("", "-", "address of a Ray cluster; empty: one on this computer")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchSettings:
    """How readers label in the browser, and what they are shown."""

    blind: bool = _setting(
        True, "-", "a cell's prediction is hidden until its reader has labelled it; false: never"
    )
    repeat_distance: int = _setting(
        20, "cells", "least distance of a blinded repeat from the first look, as far as it fits"
    )
    idle_s: float = _setting(60.0, "s", "longer gaps between labels do not count as work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a study, one table of ``study.toml`` each."""

    study: StudySettings = StudySettings()
    patch: PatchSettings = PatchSettings()
    stain: StainSettings = StainSettings()
    split: SplitSettings = SplitSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    explain: ExplainSettings = ExplainSettings()
    quality: QualitySettings = QualitySettings()
    causes: CausesSettings = CausesSettings()
    triage: TriageSettings = TriageSettings()
    score: ScoreSettings = ScoreSettings()
    engine: EngineSettings = EngineSettings()
    workbench: WorkbenchSettings = WorkbenchSettings()


_TABLE_OF_NAME = {item.name: item.type for item in fields(Settings)}


def settings_from_toml(text: str, *, origin: str) -> Settings:
    """Return settings from TOML text; keys left out keep their defaults.

    Args:
        text: The whole file.
        origin: Name of the file, for the sentence of an error.

    Raises:
        SettingsError: Not TOML, an unknown table or key, or a value of another type.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{origin}: not valid TOML: {error}; correct that line") from error
    return settings_from_dict(tables, origin=origin)


def settings_from_dict(tables: dict[str, Any], *, origin: str) -> Settings:
    """Return settings from plain tables, as in TOML or JSON; the way back of settings_as_dict.

    Raises:
        SettingsError: An unknown table or key, or a value of another type.
    """
    unknown = sorted(set(tables) - set(_TABLE_OF_NAME))
    if unknown:
        raise SettingsError(
            f"{origin}: unknown table [{unknown[0]}]; known are {', '.join(_TABLE_OF_NAME)}"
        )
    records = {
        name: _record(_TABLE_OF_NAME[name], table, origin, name) for name, table in tables.items()
    }
    return Settings(**records)


def settings_to_toml(settings: Settings) -> str:
    """Return TOML that names every setting with its unit; reading it gives the same settings."""
    lines = ["# Settings of a rimlight study. Every default is shown with its unit.", ""]
    for table in fields(settings):
        record = getattr(settings, table.name)
        lines.append(f"[{table.name}]")
        for item in fields(record):
            note = f"{item.metadata['meaning']} [{item.metadata['unit']}]"
            lines.append(f"{item.name} = {_toml(getattr(record, item.name))}  # {note}")
        lines.append("")
    return "\n".join(lines)


def settings_as_dict(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return plain tables for JSON."""
    return {
        table.name: {
            item.name: getattr(getattr(settings, table.name), item.name)
            for item in fields(getattr(settings, table.name))
        }
        for table in fields(settings)
    }


def _record(kind: Any, table: Any, origin: str, name: str) -> Any:
    if not isinstance(table, dict):
        raise SettingsError(f"{origin}: {name} must be a table, write it as [{name}]")
    known = {item.name: item for item in fields(kind)}
    for key in table:
        if key not in known:
            raise SettingsError(f"{origin}: unknown key {name}.{key}; known are {', '.join(known)}")
    values = {
        key: _value(known[key], value, f"{origin}: {name}.{key}") for key, value in table.items()
    }
    return kind(**values)


def _value(item: Field[Any], value: Any, where: str) -> Any:
    kind = item.type
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise SettingsError(f"{where}: must be one of {get_args(kind)}, got {value!r}")
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(_is_number(part) for part in value):
            raise SettingsError(f"{where}: must be a list of numbers, got {value!r}")
        return tuple(float(part) for part in value)
    if kind is float and _is_number(value):
        return float(value)
    if type(value) is not kind:
        name = getattr(kind, "__name__", str(kind))
        raise SettingsError(f"{where}: must be {name}, got {value!r}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return repr(value)
