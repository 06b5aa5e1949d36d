"""Maps of numbers: what is written, tifffile reads back, level by level."""

import hashlib
import re
from itertools import pairwise

import numpy as np
import pytest
import tifffile

from rimlight.errors import StorageError
from rimlight.io.value_pyramids import write_ome_pyramid

CHANNEL = "ring DAB optical density [log10]"


def noise(rows, columns):
    return np.random.default_rng(3).normal(size=(rows, columns)).astype(np.float32)


def written(path, values, *, step=100, **facts):
    bands = (values[top : top + step] for top in range(0, len(values), step))
    given = {"shape": values.shape, "mpp": 2.0, "channel": CHANNEL} | facts
    write_ome_pyramid(path, bands, **given)
    return path


def levels_of(path):
    with tifffile.TiffFile(path) as tiff:
        return [level.asarray() for level in tiff.series[0].levels]


@pytest.mark.parametrize("shape", [(1, 1), (256, 256), (100, 257), (701, 1001), (1500, 5)])
def test_every_value_comes_back_from_every_size(tmp_path, shape):
    values = noise(*shape)
    levels = levels_of(written(tmp_path / "a.ome.tiff", values))
    np.testing.assert_array_equal(levels[0], values)
    for upper, lower in pairwise(levels):
        assert lower.shape == tuple(-(-side // 2) for side in upper.shape)
    assert max(levels[-1].shape) <= 256


def test_a_smaller_level_is_the_mean_of_those_that_have_a_value(tmp_path):
    values = np.full((2, 300), np.nan, np.float32)
    values[:, :4] = [[1, 2, np.nan, 7], [3, np.nan, np.nan, np.nan]]
    half = levels_of(written(tmp_path / "a.ome.tiff", values))[1]
    np.testing.assert_array_equal(half[0, :3], np.float32([2, 7, np.nan]))


def test_an_odd_last_row_and_column_are_not_mixed_with_nothing(tmp_path):
    values = np.ones((257, 259), np.float32)
    values[-1], values[:, -1], values[-1, -1] = 3, 5, 9
    half = levels_of(written(tmp_path / "a.ome.tiff", values))[1]
    assert half.shape == (129, 130)
    assert (half[0, -1], half[-1, 0], half[-1, -1]) == (5, 3, 9)


def test_negative_values_keep_their_sign_in_every_level(tmp_path):
    for level in levels_of(written(tmp_path / "a.ome.tiff", np.full((900, 600), -0.25, "<f4"))):
        assert (level == -0.25).all()


def test_rows_and_columns_are_not_exchanged(tmp_path):
    values = np.zeros((300, 700), np.float32)
    values[20, 600] = 8
    half = levels_of(written(tmp_path / "a.ome.tiff", values))[1]
    assert np.argwhere(half).tolist() == [[10, 300]]


def test_how_it_is_cut_into_bands_changes_no_byte(tmp_path):
    values, digests = noise(600, 300), set()
    for n, step in enumerate((1, 256, 600)):
        (tmp_path / str(n)).mkdir()
        path = written(tmp_path / str(n) / "a.ome.tiff", values, step=step)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_file_says_scale_unit_and_origin(tmp_path):
    path = written(
        tmp_path / "a.ome.tiff", noise(600, 300), origin_um=(12.5, 40.0), description="nan: no cell"
    )
    with tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata
        across = [page.tags.valueof(282) for page in (tiff.pages[0], *tiff.pages[0].pages)]
    facts = dict(re.findall(r'(\w+)="([^"]*)"', xml))
    assert facts["Name"] == CHANNEL  # the channel stands after the image
    assert (facts["PhysicalSizeX"], facts["PhysicalSizeY"]) == ("2.0", "2.0")
    assert (facts["PositionX"], facts["PositionY"]) == ("12.5", "40.0")
    assert (facts["SizeX"], facts["SizeY"], facts["Type"]) == ("300", "600", "float")
    assert "nan: no cell" in xml
    assert [1e4 * below / above for above, below in across] == pytest.approx([2, 4, 8])


def test_no_predictor_is_used_which_bio_formats_could_not_undo(tmp_path):
    with tifffile.TiffFile(written(tmp_path / "a.ome.tiff", noise(600, 300))) as tiff:
        pages = [tiff.pages[0], *tiff.pages[0].pages]
        assert [page.predictor for page in pages] == [1] * 3
        assert [int(page.compression) for page in pages] == [8] * 3
        assert all(page.is_tiled for page in pages)


@pytest.mark.parametrize("n_rows", [299, 301])
def test_too_few_or_too_many_rows_leave_no_file(tmp_path, n_rows):
    with pytest.raises(ValueError, match="300 rows together"):
        written(tmp_path / "a.ome.tiff", noise(n_rows, 40), shape=(300, 40))
    assert not list(tmp_path.iterdir())


def test_bands_of_another_type_are_refused(tmp_path):
    with pytest.raises(ValueError, match="float32"):
        written(tmp_path / "a.ome.tiff", noise(10, 10).astype(np.float64))


def test_a_folder_that_is_not_there_is_one_clear_sentence(tmp_path):
    with pytest.raises(StorageError, match="none"):
        written(tmp_path / "none" / "a.ome.tiff", noise(10, 10))
