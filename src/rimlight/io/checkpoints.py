"""Models and training states on disk: safetensors for arrays, JSON for the rest, hashes checked.

A model folder holds ``weights.safetensors``, ``model.json`` and ``MODEL_CARD.md``.  Nothing in
it is ever executed: a pickle has no way in.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import ModelError
from rimlight.io.files import read_json, write_json, write_whole

SCHEMA = "rimlight-model/1"
WEIGHTS = "weights.safetensors"
MANIFEST = "model.json"
CARD = "MODEL_CARD.md"


def write_model(
    folder: Path, arrays: dict[str, np.ndarray], *, manifest: dict[str, Any], card: str
) -> None:
    """Write a model folder; the manifest comes last and names the hash of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = _packed(arrays)
    write_whole(folder / WEIGHTS, weights)
    write_whole(folder / CARD, card)
    files = {WEIGHTS: "sha256:" + hashlib.sha256(weights).hexdigest()}
    write_json(folder / MANIFEST, {**manifest, "schema": SCHEMA, "files": files})


def read_model(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays and manifest of a model folder.

    Raises:
        ModelError: A file is missing, foreign, damaged or changed since it was written.
    """
    if not (folder / MANIFEST).is_file():
        raise ModelError(f"{folder}: no {MANIFEST} in it; name a model folder that rimlight wrote")
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise ModelError(f"{folder / MANIFEST}: not of schema {SCHEMA}; train the model again")
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise ModelError(f"{folder / WEIGHTS}: cannot be read: {error.strerror}") from error
    files = manifest.get("files")
    expected = files.get(WEIGHTS) if isinstance(files, dict) else None
    found = "sha256:" + hashlib.sha256(weights).hexdigest()
    if expected != found:
        raise ModelError(
            f"{folder / WEIGHTS}: the weights are not those that {MANIFEST} names; "
            "the file was changed or damaged, copy the model again"
        )
    return _unpacked(weights, folder / WEIGHTS), manifest


def write_state(path: Path, arrays: dict[str, np.ndarray], *, numbers: dict[str, Any]) -> None:
    """Write a training state whole or not at all: arrays, and plain numbers in the header."""
    write_whole(path, _packed(arrays, {"numbers": json.dumps(numbers, sort_keys=True)}))


def read_state(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays and numbers of a training state.

    Raises:
        ModelError: The file is not a training state, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            numbers = json.loads((file.metadata() or {})["numbers"])
            return {name: file.get_tensor(name) for name in file.keys()}, numbers  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path}: not a training state, or damaged; delete it to train from the start"
        ) from error


def read_state_numbers(path: Path) -> dict[str, Any]:
    """Return the numbers of a training state alone, without its arrays.

    Raises:
        ModelError: The file is not a training state, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            numbers: dict[str, Any] = json.loads((file.metadata() or {})["numbers"])
            return numbers
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(f"{path}: not a training state, or damaged") from error


def weights_hash(folder: Path) -> str:
    """Return the hash of a model's weights as its manifest names it."""
    return str(read_model(folder)[1]["files"][WEIGHTS])


def _packed(arrays: dict[str, np.ndarray], header: dict[str, str] | None = None) -> bytes:
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    return bytes(save(whole, metadata=header))


def _unpacked(packed: bytes, path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(packed))
    except SafetensorError as error:
        raise ModelError(
            f"{path}: not a safetensors file: {error}; copy the model again"
        ) from error
