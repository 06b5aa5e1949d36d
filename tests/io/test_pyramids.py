"""Pyramids: what we write, OpenSlide sees; what others write, we read."""

import hashlib

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile

from rimlight.errors import SlideError, StorageError
from rimlight.io.pyramids import open_tiff_raster, write_pyramid, write_pyramid_rows
from rimlight.io.rasters import PixelWindow
from scenes import blank, halves, spots, write_ome

WHITE = np.float32([240, 236, 228])


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(raster, index, left, top, width, height):
    window = PixelWindow(left_px=left, top_px=top, width_px=width, height_px=height)
    return raster.read(index, window, white=WHITE)


@pytest.mark.parametrize("size", [(1, 1), (256, 256), (257, 100), (5, 1500), (1001, 701)])
def test_openslide_sees_every_level_and_the_mpp(tmp_path, size):
    path = tmp_path / "a.tiff"
    write_pyramid(path, blank(*size), mpp=0.499)
    with openslide.OpenSlide(path) as slide:
        assert slide.dimensions == size
        assert max(slide.level_dimensions[-1]) <= 256
        for upper, lower in zip(slide.level_dimensions, slide.level_dimensions[1:], strict=False):
            assert lower == tuple(-(-side // 2) for side in upper)
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.499, rel=1e-6)
        assert float(slide.properties["openslide.mpp-y"]) == pytest.approx(0.499, rel=1e-6)


def test_each_level_states_its_own_resolution(tmp_path):
    write_pyramid(tmp_path / "a.tiff", blank(1000, 600), mpp=0.5)
    with tifffile.TiffFile(tmp_path / "a.tiff") as tiff:
        across = [page.tags.valueof(282) for page in tiff.pages]
    assert [1e4 * below / above for above, below in across] == pytest.approx([0.5, 1.0, 2.0])


def test_levels_show_the_picture_and_its_means(tmp_path):
    picture = spots(700, 500, [(100.5, 60.5), (600.2, 400.7)], sigma_px=20)
    write_pyramid(tmp_path / "a.tiff", picture, mpp=0.5, quality=95)
    with openslide.OpenSlide(tmp_path / "a.tiff") as slide:
        for index, level in enumerate(halves(picture, 2)):
            seen = slide.read_region((0, 0), index, slide.level_dimensions[index]).convert("RGB")
            np.testing.assert_allclose(np.asarray(seen), level, atol=6)


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    picture = spots(600, 300, [(100, 60)])
    for name in ("a.tiff", "b.tiff"):
        write_pyramid(tmp_path / name, picture, mpp=0.25)
    assert digest(tmp_path / "a.tiff") == digest(tmp_path / "b.tiff")


def test_bands_of_any_height_give_the_same_bytes_as_the_whole(tmp_path):
    picture = spots(600, 1100, [(100, 60), (400, 900)])
    write_pyramid(tmp_path / "whole.tiff", picture, mpp=0.25)
    bands = (picture[top : top + 77] for top in range(0, 1100, 77))
    write_pyramid_rows(tmp_path / "bands.tiff", bands, width_px=600, height_px=1100, mpp=0.25)
    assert digest(tmp_path / "bands.tiff") == digest(tmp_path / "whole.tiff")


@pytest.mark.parametrize("n_rows", [255, 256, 299, 301, 600])
def test_too_few_or_too_many_rows_leave_nothing_behind(tmp_path, n_rows):
    with pytest.raises(ValueError, match="300 rows together"):
        write_pyramid_rows(
            tmp_path / "a.tiff", [blank(100, n_rows)], width_px=100, height_px=300, mpp=0.25
        )
    assert list(tmp_path.iterdir()) == []


def test_a_pyramid_is_not_written_into_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match="make the folder first"):
        write_pyramid(tmp_path / "none" / "a.tiff", blank(10, 10), mpp=0.25)


@pytest.mark.parametrize("mpp", [0.0, -0.25, float("nan")])
def test_a_pyramid_needs_an_mpp(tmp_path, mpp):
    with pytest.raises(ValueError, match="mpp must be above 0"):
        write_pyramid(tmp_path / "a.tiff", blank(10, 10), mpp=mpp)


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "zstd"},
        {"compression": None},
        {"compression": "jpeg", "compressionargs": {"level": 98}},
        {"compression": "jpeg2000"},
        {"compression": "zlib", "tile": None, "rowsperstrip": 50},
    ],
    ids=str,
)
def test_every_level_of_an_ome_tiff_is_read_whatever_its_compression(tmp_path, how):
    picture = spots(500, 340, [(100.5, 60.5), (430, 300)], sigma_px=12)
    levels = halves(picture, 3)
    write_ome(tmp_path / "a.ome.tiff", levels, mpp=0.3, **how)
    with open_tiff_raster(tmp_path / "a.ome.tiff") as raster:
        assert raster.mpp == pytest.approx((0.3, 0.3))
        assert [(level.width_px, level.height_px) for level in raster.levels] == [
            (500, 340),
            (250, 170),
            (125, 85),
        ]
        for index, level in enumerate(levels):
            height, width = level.shape[:2]
            seen = read(raster, index, 0, 0, width, height).pixels
            np.testing.assert_allclose(seen, level, atol=10 if how["compression"] == "jpeg" else 0)


def test_colours_stored_apart_are_put_together(tmp_path):
    picture = spots(300, 200, [(100, 60)], sigma_px=12)
    tifffile.imwrite(
        tmp_path / "a.tiff",
        np.moveaxis(picture, 2, 0),
        photometric="rgb",
        planarconfig="separate",
        tile=(64, 64),
        compression="zlib",
    )
    with open_tiff_raster(tmp_path / "a.tiff") as raster:
        np.testing.assert_array_equal(read(raster, 0, 0, 0, 300, 200).pixels, picture)


def test_a_window_across_tiles_and_the_edge_is_filled_with_white(tmp_path):
    picture = spots(300, 200, [(290, 190)], sigma_px=12)
    write_ome(tmp_path / "a.ome.tiff", [picture], mpp=0.3)
    with open_tiff_raster(tmp_path / "a.ome.tiff") as raster:
        piece = read(raster, 0, 250, -10, 70, 230)
    assert (piece.left_px, piece.top_px) == (250, -10)
    np.testing.assert_array_equal(piece.pixels[10:210, :50], picture[:, 250:])
    np.testing.assert_array_equal(piece.pixels[:10], np.broadcast_to(WHITE, (10, 70, 3)))
    np.testing.assert_array_equal(piece.pixels[:, 50:], np.broadcast_to(WHITE, (230, 20, 3)))


@pytest.mark.parametrize(("unit", "per_unit"), [("CENTIMETER", 1e4 / 0.25), ("INCH", 25400 / 0.25)])
def test_the_resolution_of_a_plain_tiff_becomes_its_mpp(tmp_path, unit, per_unit):
    tifffile.imwrite(
        tmp_path / "a.tiff", blank(64, 64), resolution=(per_unit,) * 2, resolutionunit=unit
    )
    with open_tiff_raster(tmp_path / "a.tiff") as raster:
        assert raster.mpp == pytest.approx((0.25, 0.25), rel=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1000), ("mm", 0.001), ("µm", 1)])
def test_the_unit_of_a_physical_size_is_heeded(tmp_path, unit, factor):
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.25 * factor, "PhysicalSizeXUnit": unit}
    metadata |= {"PhysicalSizeY": 0.5 * factor, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tiff", blank(64, 64), photometric="rgb", metadata=metadata)
    with open_tiff_raster(tmp_path / "a.ome.tiff") as raster:
        assert raster.mpp == pytest.approx((0.25, 0.5))


@pytest.mark.parametrize(
    ("shape", "axes", "kind", "reason"),
    [
        ((3, 32, 32), "TYX", np.uint8, "series of 3 time points"),
        ((4, 32, 32, 3), "ZYXS", np.uint8, "series of 4 focal planes"),
        ((2, 32, 32), "CYX", np.uint16, "not brightfield"),
        ((3, 32, 32), "CYX", np.uint8, "not brightfield"),
        ((32, 32), "YX", np.uint8, "not brightfield"),
        ((32, 32, 3), "YXS", np.uint16, "not brightfield"),
    ],
    ids=str,
)
def test_what_is_no_brightfield_plane_is_refused_with_the_reason(
    tmp_path, shape, axes, kind, reason
):
    path = tmp_path / "a.ome.tiff"
    photometric = "rgb" if axes.endswith("S") else "minisblack"
    values = np.full(shape, 9, dtype=kind)
    tifffile.imwrite(path, values, photometric=photometric, metadata={"axes": axes})
    with pytest.raises(SlideError, match=reason), open_tiff_raster(path):
        pass


def test_ome_xml_that_declares_an_entity_is_refused(tmp_path):
    xml = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><OME xmlns="x">&b;</OME>'
    path = tmp_path / "a.ome.tiff"
    tifffile.imwrite(path, blank(64, 64), photometric="rgb", description=xml, metadata=None)
    with pytest.raises(SlideError, match=r"a\.ome\.tiff"), open_tiff_raster(path):
        pass


def test_a_tile_that_inflates_beyond_its_size_is_refused(tmp_path):
    path = tmp_path / "a.ome.tiff"
    bomb = imagecodecs.zlib_encode(bytes(50 << 20), level=9)
    with tifffile.TiffWriter(path) as out:
        out.write(
            iter([bomb]),
            shape=(64, 64, 3),
            dtype=np.uint8,
            tile=(64, 64),
            photometric="rgb",
            compression="zlib",
            metadata=None,
        )
    with open_tiff_raster(path) as raster, pytest.raises(SlideError, match="tile 0 of the level"):
        read(raster, 0, 0, 0, 64, 64)


def test_a_jpeg_tile_that_declares_a_giant_size_is_refused(tmp_path):
    path = tmp_path / "a.tiff"
    write_pyramid(path, blank(64, 64), mpp=0.5)
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xff\xdc\xff\xdc"  # 65,500 x 65,500
    path.write_bytes(data)
    with open_tiff_raster(path) as raster, pytest.raises(SlideError, match="65500"):
        read(raster, 0, 0, 0, 64, 64)
