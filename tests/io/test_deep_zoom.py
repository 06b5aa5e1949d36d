"""Tiles hold the pixels of the slide at their place, on every level, to a part of a pixel."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from rimlight.core.display import Tile, max_level, tile_place
from rimlight.io import deep_zoom
from rimlight.io.deep_zoom import DeepZoom
from rimlight.io.slides import open_slide
from rimlight.records import Box
from scenes import GLASS, centroid, halves, spots, stained, write_as, write_ome

WHITE = np.float32(GLASS)
SIZES = [(1001, 701), (1000, 700), (513, 257), (255, 300), (257, 9)]


def mosaic(zoom, level, *, width, height):
    """A level put together from its tiles."""
    rows, row = [], 0
    while tile_place(Tile(level=level, column=0, row=row), width_l0=width, height_l0=height):
        tiles, column = [], 0
        while tile_place(
            Tile(level=level, column=column, row=row), width_l0=width, height_l0=height
        ):
            tiles.append(zoom.read(Tile(level=level, column=column, row=row)))
            column += 1
        rows.append(np.concatenate(tiles, axis=1))
        row += 1
    return np.concatenate(rows)


@contextmanager
def opened(path):
    with open_slide(path, mpp=0.25) as slide:
        yield DeepZoom(slide, white=WHITE), slide


def numbered(width, height):
    """A picture in which no two neighbours are alike, so that a shift by a pixel shows."""
    rng = np.random.default_rng(width)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["png", "ome"])
def test_the_last_level_is_the_slide_pixel_for_pixel(tmp_path, kind, size):
    picture = numbered(*size)
    with opened(write_as(kind, tmp_path / "a", picture)) as (zoom, _):
        found = mosaic(zoom, max_level(*size), width=size[0], height=size[1])
    assert (found == picture).all()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_each_level_has_half_as_many_pixels_each_the_mean_of_what_it_covers(tmp_path, size):
    width, height = size
    picture = numbered(*size)
    with opened(write_as("png", tmp_path / "a", picture)) as (zoom, _):
        for step in (4, 8, 16):
            level = max_level(*size) - int(np.log2(step))
            found = mosaic(zoom, level, width=width, height=height)
            assert found.shape == (-(-height // step), -(-width // step), 3)
            for row in range(found.shape[0]):
                for column in range(found.shape[1]):
                    covered = picture[
                        row * step : (row + 1) * step, column * step : (column + 1) * step
                    ]
                    assert np.abs(found[row, column] - covered.mean(axis=(0, 1))).max() <= 0.51


@pytest.mark.parametrize("kind", ["tiff", "ome", "png"])
@pytest.mark.parametrize("spot", [(150.25, 101.5), (850.6, 120.3), (930.7, 640.9)], ids=str)
def test_a_spot_lies_on_every_level_where_it_lies_on_the_slide(tmp_path, kind, spot):
    picture = spots(1001, 701, [spot], sigma_px=9)
    with opened(write_as(kind, tmp_path / "a", picture)) as (zoom, _):
        for step in (1, 2, 4):
            level = max_level(1001, 701) - int(np.log2(step))
            found = mosaic(zoom, level, width=1001, height=701)
            at = (spot[0] / step, spot[1] / step)
            assert centroid(found) == pytest.approx(at, abs=0.12)


def test_a_slide_with_one_small_level_is_shown_from_it(tmp_path):
    levels = halves(spots(1024, 512, [(601.5, 301.25)], sigma_px=12), 3)
    write_ome(tmp_path / "a.ome.tiff", levels, mpp=0.25)
    levels[2][:] = (200, 50, 50)
    write_ome(tmp_path / "b.ome.tiff", levels, mpp=0.25)
    with opened(tmp_path / "b.ome.tiff") as (zoom, _):
        assert (zoom.read(Tile(level=8, column=0, row=0)) == (200, 50, 50)).all()
        assert not (zoom.read(Tile(level=9, column=0, row=0)) == (200, 50, 50)).all()


def test_level_0_is_one_pixel_and_no_level_is_larger_than_it_should_be(tmp_path):
    with opened(write_as("tiff", tmp_path / "a", stained(1001, 701))) as (zoom, _):
        for level in range(max_level(1001, 701) + 1):
            step = 2 ** (max_level(1001, 701) - level)
            found = mosaic(zoom, level, width=1001, height=701)
            assert found.shape[:2] == (-(-701 // step), -(-1001 // step))


def test_bounds_move_no_tile_since_cells_are_in_the_plane_of_level_0(tmp_path):
    picture = numbered(600, 500)
    with open_slide(write_as("png", tmp_path / "a", picture), mpp=0.25) as slide:
        bounds = Box(left_l0=100, top_l0=200, width_l0=300, height_l0=250)
        zoom = DeepZoom(replace(slide, bounds=bounds), white=WHITE)
        tile = zoom.read(Tile(level=10, column=1, row=1))
    assert (tile == picture[256:500, 256:512]).all()


def test_what_the_scanner_left_out_is_white_not_black(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tiff") as out:
        first = stained(256, 256)
        out.write(
            iter([first, None, None, None]), shape=(512, 512, 3), dtype=np.uint8,
            tile=(256, 256), photometric="rgb", metadata=None, compression="zlib",
        )  # fmt: skip
    with opened(tmp_path / "a.tiff") as (zoom, slide):
        assert slide.format.startswith("openslide")
        assert (zoom.read(Tile(level=9, column=1, row=1)) == np.uint8(GLASS)).all()
        assert (zoom.read(Tile(level=9, column=0, row=0)) == first).all()


def test_the_edge_of_a_small_level_is_no_whiter_than_the_slide(tmp_path):
    picture = np.full((701, 1001, 3), 90, dtype=np.uint8)
    for kind in ("png", "ome"):
        with opened(write_as(kind, tmp_path / kind, picture)) as (zoom, _):
            for level in range(11):
                assert (mosaic(zoom, level, width=1001, height=701) == 90).all()


def test_a_large_slide_of_one_level_is_read_once_for_all_its_small_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(deep_zoom, "_MOST_PIXELS", 300 * 300)
    monkeypatch.setattr(deep_zoom, "_OVERVIEW_PX", 300)
    picture = spots(1000, 600, [(601.5, 301.25)], sigma_px=16)
    Image.fromarray(picture).save(tmp_path / "a.png")
    with opened(tmp_path / "a.png") as (zoom, slide):
        reads = []
        read = slide.raster.read
        monkeypatch.setattr(slide.raster, "read", lambda *a, **k: reads.append(a) or read(*a, **k))
        for _ in range(2):
            found = mosaic(zoom, 8, width=1000, height=600)
            assert centroid(found) == pytest.approx((601.5 / 4, 301.25 / 4), abs=0.26)
        assert len(reads) == 1


def test_a_tile_that_is_not_there_is_a_mistake_of_the_caller(tmp_path):
    with (
        opened(write_as("png", tmp_path / "a", stained(300, 200))) as (zoom, _),
        pytest.raises(ValueError, match="no such tile"),
    ):
        zoom.read(Tile(level=9, column=5, row=0))
