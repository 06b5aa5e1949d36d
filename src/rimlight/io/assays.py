"""Assay profiles: TOML files that come with rimlight, and those that a user puts in a study."""

import re
import tomllib
from dataclasses import fields
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from rimlight.core.scores import AssayProfile
from rimlight.errors import SettingsError
from rimlight.io.files import inside

RESEARCH = "research"
FOLDER_NAME = "assays"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*", re.ASCII)
_FIELD_OF_KEY = {"id": "profile_id", "min_viable_tumour_cells": "least_cells"}
_MAY_BE_ABSENT = ("least_cells",)


def profile_ids(study_folder: Path | None = None) -> list[str]:
    """Return the ids of all profiles, a study's own among them, by name."""
    names = {item.name for item in _shipped().iterdir()}
    if study_folder is not None and (study_folder / FOLDER_NAME).is_dir():
        names |= {path.name for path in (study_folder / FOLDER_NAME).iterdir()}
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_profile(profile_id: str, *, study_folder: Path | None = None) -> AssayProfile:
    """Return a profile; one in the study's folder ``assays`` goes before the one shipped.

    Raises:
        SettingsError: There is none of that name, or its file is not usable.
    """
    if _NAME.fullmatch(profile_id):
        for place in _places(profile_id, study_folder):
            if place.is_file():
                return profile_from_toml(place.read_bytes(), name=profile_id, origin=str(place))
    known = ", ".join(profile_ids(study_folder))
    raise SettingsError(
        f"assay {profile_id!r}: there is no such profile; known are {known}; add your own as "
        f"{FOLDER_NAME}/ID.toml in the study"
    )


def profile_from_toml(content: bytes, *, name: str, origin: str) -> AssayProfile:
    """Return the profile that a file holds; every field is named, none is unknown.

    Raises:
        SettingsError: Not TOML, a field is missing, unknown or of another type, or cut-offs and
            bands do not fit.
    """
    try:
        found = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{origin}: not valid TOML: {error}; correct that line") from error
    values = {_FIELD_OF_KEY.get(key, key): value for key, value in found.items()}
    known = {item.name: item.type for item in fields(AssayProfile)}
    missing = sorted(set(known) - set(values) - set(_MAY_BE_ABSENT))
    if missing or not set(values) <= set(known):
        wrong = f"lacks {missing[0]}" if missing else f"has {min(set(values) - set(known))}"
        raise SettingsError(f"{origin}: {wrong}; fields are {', '.join(known)}")
    if values["profile_id"] != name:
        raise SettingsError(f"{origin}: its id is {values['profile_id']!r}; name the file so")
    checked = {key: _value(key, value, origin) for key, value in values.items()}
    try:
        return AssayProfile(**{"least_cells": None, **checked})
    except ValueError as error:
        raise SettingsError(f"{origin}: {error}; correct the profile") from error


def _value(key: str, value: Any, origin: str) -> Any:
    if key == "cut_offs" and _is_list_of(value, (int, float)):
        return tuple(float(part) for part in value)
    if key == "bands" and _is_list_of(value, (str,)):
        return tuple(value)
    kind = int if key == "least_cells" else str
    if key not in ("cut_offs", "bands") and type(value) is kind:
        return value
    raise SettingsError(f"{origin}: {key} has another type than it must have, got {value!r}")


def _is_list_of(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(
        isinstance(part, kinds) and not isinstance(part, bool) for part in value
    )


def _shipped() -> Traversable:
    return files("rimlight") / FOLDER_NAME


def _places(profile_id: str, study_folder: Path | None) -> list[Traversable]:
    name = f"{profile_id}.toml"
    own: list[Traversable] = []
    if study_folder is not None and (study_folder / FOLDER_NAME).is_dir():
        own.append(inside(study_folder / FOLDER_NAME, name))
    return [*own, _shipped() / name]
