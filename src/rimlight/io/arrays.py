"""Named arrays on disk: one ``.npy`` each and a manifest with the hash of every file."""

import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import RunError, StudyError
from rimlight.io.files import (
    inside,
    read_json,
    sha256_of,
    storage_error,
    sync_folder,
    whole_file,
    write_json,
)

MANIFEST_NAME = "manifest.json"


def write_arrays(folder: Path, name: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Path:
    """Write arrays as ``folder/name/<array>.npy`` with a manifest, all of them or none.

    Args:
        folder: A folder that is there.
        name: The folder made in it; an old one of that name is replaced.
        arrays: Arrays of numbers or truth values, by a plain name such as ``map-white``.

    Returns:
        The folder made.

    Raises:
        StorageError: The disk refuses; the old folder stays.
        ValueError: An array holds Python objects.
    """
    target = inside(Path(folder), name)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        draft.mkdir()
        entries = {key: _write_array(draft, key, array) for key, array in arrays.items()}
        write_json(draft / MANIFEST_NAME, {"arrays": entries})
        _swap(draft, target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def read_arrays(
    folder: Path, name: str, keys: Sequence[str] | None = None
) -> dict[str, np.ndarray[Any, Any]]:
    """Return arrays by name; nothing in the files can run code.

    Args:
        folder: The folder given when they were written.
        name: The name given when they were written.
        keys: Which arrays; None for all.

    Raises:
        RunError: The folder, its manifest or an array is missing, changed or damaged.
    """
    home = inside(Path(folder), name)
    entries = _entries(home)
    for key in keys or ():
        if key not in entries:
            raise RunError(f"{home}: has no array {key!r}; it holds {', '.join(sorted(entries))}")
    return {key: _read_array(home, key, entries[key]) for key in keys or entries}


def _write_array(folder: Path, key: str, array: np.ndarray[Any, Any]) -> dict[str, Any]:
    if array.dtype.hasobject:
        raise ValueError(f"{key}: holds Python objects, which are never written")
    path = inside(folder, f"{key}.npy")
    with whole_file(path) as handle:
        np.save(handle, np.ascontiguousarray(array), allow_pickle=False)
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": sha256_of(path)}


def _swap(draft: Path, target: Path) -> None:
    aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.old")
    with suppress(FileNotFoundError):
        target.rename(aside)
    try:
        draft.rename(target)
    except OSError:
        with suppress(OSError):
            aside.rename(target)
        raise
    sync_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _entries(home: Path) -> dict[str, dict[str, Any]]:
    try:
        manifest = read_json(home / MANIFEST_NAME)
        entries = manifest["arrays"]
        is_whole = all({"dtype", "shape", "sha256"} <= set(entry) for entry in entries.values())
    except (StudyError, TypeError, KeyError, AttributeError) as error:
        raise RunError(f"{home}: has no readable manifest; run the step that makes it") from error
    if not is_whole:
        raise RunError(f"{home}: its manifest is damaged; run the step that makes it")
    return dict(entries)


def _read_array(home: Path, key: str, entry: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    path = inside(home, f"{key}.npy")
    if not path.is_file() or sha256_of(path) != entry["sha256"]:
        raise RunError(f"{path}: is missing or was changed; run the step that makes it")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise RunError(f"{path}: is no array of numbers; run the step that makes it") from error
    if not isinstance(array, np.ndarray) or list(array.shape) != entry["shape"]:
        raise RunError(f"{path}: differs from its manifest; run the step that makes it")
    return array
