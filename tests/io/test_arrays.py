"""Arrays come back as they were, or are refused; nothing in them can run."""

import json

import numpy as np
import pytest

from rimlight.errors import RunError, StorageError, StudyError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.files import sha256_of


@pytest.fixture
def arrays():
    return {
        "patches": np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3),
        "map-white": np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 2, 2),
        "mask": np.array([[True, False]]),
    }


def test_arrays_come_back_with_values_types_and_shapes(tmp_path, arrays):
    assert write_arrays(tmp_path, "maps", arrays) == tmp_path.resolve() / "maps"
    found = read_arrays(tmp_path, "maps")
    assert set(found) == set(arrays)
    for key, array in arrays.items():
        np.testing.assert_array_equal(found[key], array, strict=True)
    assert set(read_arrays(tmp_path, "maps", ["mask"])) == {"mask"}


def test_columns_of_a_larger_array_come_back_in_order(tmp_path):
    whole = np.arange(12.0).reshape(3, 4)
    write_arrays(tmp_path, "maps", {"part": whole[:, ::2].T})
    np.testing.assert_array_equal(read_arrays(tmp_path, "maps")["part"], whole[:, ::2].T)


def test_writing_again_replaces_all_arrays_of_that_name(tmp_path, arrays):
    write_arrays(tmp_path, "maps", arrays)
    write_arrays(tmp_path, "maps", {"mask": ~arrays["mask"]})
    assert set(read_arrays(tmp_path, "maps")) == {"mask"}
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]


def test_an_array_of_objects_is_never_written_and_the_old_ones_stay(tmp_path, arrays):
    write_arrays(tmp_path, "maps", arrays)
    with pytest.raises(ValueError, match="Python objects"):
        write_arrays(tmp_path, "maps", {"bad": np.array([object()])})
    assert set(read_arrays(tmp_path, "maps")) == set(arrays)
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]


def test_a_changed_byte_is_noticed(tmp_path, arrays):
    path = write_arrays(tmp_path, "maps", arrays) / "map-white.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"map-white.npy: is missing or was changed"):
        read_arrays(tmp_path, "maps")
    assert set(read_arrays(tmp_path, "maps", ["mask"])) == {"mask"}


def test_an_array_that_could_run_code_is_refused_even_with_the_right_hash(tmp_path, arrays):
    folder = write_arrays(tmp_path, "maps", arrays)
    np.save(folder / "mask.npy", np.array([{}], dtype=object))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["arrays"]["mask"]["sha256"] = sha256_of(folder / "mask.npy")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match="no array of numbers"):
        read_arrays(tmp_path, "maps", ["mask"])


@pytest.mark.parametrize("manifest", ["{}", "[]", '{"arrays": []}', '{"arrays": {"a": {}}}', "{"])
def test_a_damaged_manifest_is_refused(tmp_path, arrays, manifest):
    (write_arrays(tmp_path, "maps", arrays) / "manifest.json").write_text(manifest)
    with pytest.raises(RunError, match="manifest"):
        read_arrays(tmp_path, "maps")


def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path, arrays):
    path = write_arrays(tmp_path, "maps", arrays) / "manifest.json"
    path.write_text(path.read_text().replace('"mask"', '"../mask"'))
    with pytest.raises(StudyError, match="leads out of"):
        read_arrays(tmp_path, "maps")


def test_what_is_not_there_is_said(tmp_path, arrays):
    with pytest.raises(RunError, match="no readable manifest"):
        read_arrays(tmp_path, "maps")
    write_arrays(tmp_path, "maps", arrays)
    with pytest.raises(RunError, match="has no array 'map-blur'; it holds map-white, mask"):
        read_arrays(tmp_path, "maps", ["map-blur"])
    with pytest.raises(StorageError, match="no such folder"):
        write_arrays(tmp_path / "absent", "maps", arrays)
