"""Centres given by other programs, kept in a study beside its labels: ``candidates/SLIDE``.

A slide has one set of them at most. They are no labels: nobody said anything of these cells.
"""

import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import RimlightError, SlideError, StudyError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.files import inside, read_json, sha256_of, storage_error, write_json
from rimlight.records import SlideId, SlideInfo

FOLDER_NAME = "candidates"
_ARRAY = "places_l0"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSet:
    """Which candidates a slide was given.

    slide_hash: fingerprint of the slide they were placed on.
    tool: the program that found them, as the user names it.
    places_sha256: of the stored centres; what is made from them names it.
    made_at: UTC, ISO 8601.
    """

    slide: str
    slide_hash: str
    file: str
    tool: str
    content_hash: str
    made_at: str
    n_cells: int = 0
    places_sha256: str = ""


def put_given(folder: Path, found: GivenSet, places_l0: np.ndarray) -> GivenSet:
    """Store the candidates of a slide in place of those it had; return the record as stored.

    Args:
        folder: Of the study.
        found: What is known of them; number and hash of the centres are filled in.
        places_l0: x and y of each in level-0 pixels, (n, 2) float64.

    Raises:
        StorageError: The disk refuses.
    """
    home = Path(folder) / FOLDER_NAME
    try:
        home.mkdir(exist_ok=True)
        _record(folder, found.slide).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(home, error) from error
    made = write_arrays(home, found.slide, {_ARRAY: places_l0})
    facts: dict[str, Any] = asdict(found) | {
        "n_cells": len(places_l0),
        "places_sha256": sha256_of(made / f"{_ARRAY}.npy"),
    }
    write_json(_record(folder, found.slide), facts)
    return GivenSet(**facts)


def given_set(folder: Path, slide_id: SlideId) -> GivenSet | None:
    """Return which candidates a slide was given; None if none.

    Raises:
        StudyError: The record is damaged.
    """
    path = _record(folder, slide_id)
    if not path.is_file():
        return None
    data = read_json(path)
    if not isinstance(data, dict) or set(data) != {item.name for item in fields(GivenSet)}:
        raise StudyError(f"{path}: is no record of candidates; import them again")
    return GivenSet(**data)


def given_places(folder: Path, info: SlideInfo) -> np.ndarray | None:
    """Return x and y of the candidates a slide was given, (n, 2) float64 level-0 px; None if none.

    Raises:
        SlideError: They are damaged, or were placed on another content of the slide.
    """
    found = given_set(folder, info.slide_id)
    if found is None:
        return None
    if found.slide_hash != info.fingerprint:
        raise SlideError(
            f"slide {info.slide_id}: its candidates from {found.file} were placed on another file; "
            "import them again, or remove them with rimlight candidates --remove"
        )
    try:
        places = read_arrays(Path(folder) / FOLDER_NAME, found.slide, [_ARRAY])[_ARRAY]
    except RimlightError as error:
        raise SlideError(
            f"slide {info.slide_id}: its candidates from {found.file} are damaged; import them "
            "again, or remove them with rimlight candidates --remove"
        ) from error
    return places


def remove_given(folder: Path, slide_id: SlideId) -> bool:
    """Forget the candidates of a slide; return whether it had any.

    Raises:
        StorageError: The disk refuses.
    """
    record = _record(folder, slide_id)
    home = inside(Path(folder) / FOLDER_NAME, slide_id)
    was_there = record.is_file()
    try:
        record.unlink(missing_ok=True)
        if home.is_dir():
            shutil.rmtree(home)
    except OSError as error:
        raise storage_error(record, error) from error
    return was_there


def _record(folder: Path, slide_id: str) -> Path:
    return inside(Path(folder) / FOLDER_NAME, f"{slide_id}.json")
