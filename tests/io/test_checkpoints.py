"""Model folders and training states: whole, checked, and never executed."""

import json
import pickle

import numpy as np
import pytest

from rimlight.errors import ModelError
from rimlight.io.checkpoints import read_model, read_state, weights_hash, write_model, write_state

ARRAYS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([7], dtype=np.int64)}


@pytest.fixture
def folder(tmp_path):
    write_model(tmp_path / "model", ARRAYS, manifest={"name": "m"}, card="# card\n")
    return tmp_path / "model"


def test_a_model_comes_back_as_it_was_written(folder):
    arrays, manifest = read_model(folder)
    assert manifest["name"] == "m"
    assert sorted(arrays) == ["a", "b"]
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    assert weights_hash(folder) == manifest["files"]["weights.safetensors"]


def test_the_same_arrays_give_the_same_hash_whatever_their_order(folder, tmp_path):
    turned = dict(reversed(ARRAYS.items()))
    write_model(tmp_path / "again", turned, manifest={"name": "n"}, card="")
    assert weights_hash(tmp_path / "again") == weights_hash(folder)


@pytest.mark.parametrize("place", [3, 60, -1])
def test_a_flipped_byte_in_the_weights_is_refused(folder, place):
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="changed or damaged"):
        read_model(folder)


def test_a_pickle_in_place_of_the_weights_is_refused_and_never_run(folder, tmp_path):
    tripwire = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (tripwire.touch, ())

    data = pickle.dumps(Trap())
    (folder / "weights.safetensors").write_bytes(data)
    manifest = json.loads((folder / "model.json").read_text())
    import hashlib

    manifest["files"]["weights.safetensors"] = "sha256:" + hashlib.sha256(data).hexdigest()
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="not a safetensors file"):
        read_model(folder)
    assert not tripwire.exists()


def test_a_folder_without_a_manifest_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no model\.json"):
        read_model(tmp_path)


def test_another_schema_is_refused(folder):
    (folder / "model.json").write_text('{"schema": "other/1"}')
    with pytest.raises(ModelError, match="rimlight-model/1"):
        read_model(folder)


def test_a_state_comes_back_with_its_numbers(tmp_path):
    path = tmp_path / "state.safetensors"
    write_state(path, ARRAYS, numbers={"n_epochs_done": 3, "best_loss": 0.25})
    arrays, numbers = read_state(path)
    assert numbers == {"n_epochs_done": 3, "best_loss": 0.25}
    np.testing.assert_array_equal(arrays["b"], ARRAYS["b"])


def test_a_torn_state_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    write_state(path, ARRAYS, numbers={})
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelError, match="delete it to train from the start"):
        read_state(path)
