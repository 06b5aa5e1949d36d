"""Directories of a TIFF, looked at before any library decodes a byte."""

import struct
import time

import numpy as np
import pytest
import tifffile

from rimlight.errors import SlideError
from rimlight.io.pyramids import write_pyramid
from rimlight.io.tiff_directories import check_tiff
from scenes import halves, stained, write_ome


def directory(next_offset=0, **tags):
    """One directory of a classic little-endian TIFF; each tag is one LONG."""
    entries = b"".join(
        struct.pack("<HHII", int(code.removeprefix("t")), 4, 1, value)
        for code, value in sorted(tags.items())
    )
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_offset)


def image(**more):
    return {"t256": 64, "t257": 64, "t258": 8, "t277": 3} | more


def tiff_of(path, *directories):
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + b"".join(directories))
    return path


@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_sizes_are_read_in_every_dialect_of_tiff(tmp_path, is_big, order):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stained(300, 200), bigtiff=is_big, byteorder=order, tile=(64, 128))
    (found,) = check_tiff(path)
    assert (found.width_px, found.height_px) == (300, 200)
    assert (found.n_samples, found.n_bits, found.photometric) == (3, 8, 2)
    assert found.segment_bytes == 64 * 128 * 3
    assert found.n_segments == 4 * 3
    assert not found.is_child


def test_children_are_found_and_told_apart(tmp_path):
    write_ome(tmp_path / "a.ome.tiff", halves(stained(512, 256), 3))
    found = check_tiff(tmp_path / "a.ome.tiff")
    assert [(one.width_px, one.is_child) for one in found] == [
        (512, False),
        (256, True),
        (128, True),
    ]
    assert "<OME" in found[0].description


def test_a_directory_that_follows_itself_is_a_loop(tmp_path):
    path = tiff_of(tmp_path / "a.tif", directory(8, **image()))
    with pytest.raises(SlideError, match="run in a loop"):
        check_tiff(path)


def test_a_child_that_is_its_own_parent_is_a_loop(tmp_path):
    path = tiff_of(tmp_path / "a.tif", directory(0, **image(t330=8)))
    with pytest.raises(SlideError, match="run in a loop"):
        check_tiff(path)


def test_far_too_many_directories_are_refused_at_once(tmp_path):
    length = len(directory(0, **image()))
    chain = [directory(8 + length * (at + 1), **image()) for at in range(100_000)]
    path = tiff_of(tmp_path / "a.tif", *chain)
    start = time.monotonic()
    with pytest.raises(SlideError, match="more than 2000 directories"):
        check_tiff(path)
    assert time.monotonic() - start < 2


def test_a_tile_that_decodes_to_a_gigabyte_is_refused_at_once(tmp_path):
    giant = image(t256=20000, t257=20000, t322=20000, t323=20000)
    path = tiff_of(tmp_path / "a.tif", directory(0, **giant))
    with pytest.raises(SlideError, match="decodes to 1144 MB, more than 256"):
        check_tiff(path)


def test_a_strip_counts_like_a_tile(tmp_path):
    path = tiff_of(tmp_path / "a.tif", directory(0, **image(t256=20000, t257=20000)))
    with pytest.raises(SlideError, match="decodes to 1144 MB"):
        check_tiff(path)


def test_tiles_that_end_beyond_the_file_are_counted(tmp_path):
    tile = image(t322=64, t323=64, t324=200, t325=64 * 64 * 3)
    path = tiff_of(tmp_path / "a.tif", directory(0, **tile))
    path.write_bytes(path.read_bytes().ljust(200 + 64 * 64 * 3 - 1, b"\0"))
    with pytest.raises(SlideError, match="1 of 1 tiles"):
        check_tiff(path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert check_tiff(path)[0].n_cut_off == 0


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_slide_is_damaged(tmp_path, share):
    path = tmp_path / "a.tiff"
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    write_pyramid(path, noise, mpp=0.5)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(SlideError, match="beyond the end of the file"):
        check_tiff(path)


def test_a_directory_in_the_wild_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<I", 1 << 30))
    with pytest.raises(SlideError, match="beyond the end"):
        check_tiff(path)


def test_a_tiff_without_an_image_is_refused(tmp_path):
    path = tiff_of(tmp_path / "a.tif", directory(0, t254=0))
    with pytest.raises(SlideError, match="without an image"):
        check_tiff(path)
