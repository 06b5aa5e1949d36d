"""The door to slides: which reader, which mpp, and patches whose middle is where it must be."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from rimlight.core.planes import patch_box
from rimlight.errors import MissingMppError, SlideError
from rimlight.io.pyramids import write_pyramid
from rimlight.io.slides import open_slide
from rimlight.records import Box, Cell
from scenes import GLASS, blank, centroid, halves, spots, stained, write_as, write_ome

KINDS = ("tiff", "ome", "png")
SPOTS = [(150.25, 101.5), (850.6, 120.3), (930.7, 640.9), (60.1, 655.45)]  # of 1001 x 701 px


def box_around(x_l0, y_l0, *, size_px=64, patch_mpp=0.25, slide_mpp=0.25):
    cell = Cell(cell_id="c", slide_id="s", x_l0=x_l0, y_l0=y_l0)
    return patch_box(cell, size_px=size_px, patch_mpp=patch_mpp, slide_mpp=slide_mpp)


def box(left, top, width, height):
    return Box(left_l0=left, top_l0=top, width_l0=width, height_l0=height)


@pytest.fixture(scope="module", params=KINDS)
def spotted(request, tmp_path_factory):
    """A slide of odd size with four dark spots, as each kind of file."""
    path = tmp_path_factory.mktemp("slides") / "spots"
    picture = spots(1001, 701, SPOTS, sigma_px=6)
    return write_as(request.param, path, picture, mpp=0.25)


@pytest.fixture
def slide(spotted):
    with open_slide(spotted, mpp=0.25) as opened:
        yield opened


@pytest.mark.parametrize("spot", SPOTS, ids=str)
@pytest.mark.parametrize("patch_mpp", [0.2, 0.25, 0.3, 0.5, 0.52, 1.0])
def test_the_cell_lands_in_the_middle_of_its_patch(slide, spot, patch_mpp):
    size_px = round(24 / patch_mpp)
    patch = slide.read_patch(
        box_around(*spot, size_px=size_px, patch_mpp=patch_mpp), size_px=size_px, white=GLASS
    )
    assert centroid(patch) == pytest.approx((size_px / 2, size_px / 2), abs=0.05)


@pytest.mark.parametrize("patch_mpp", [0.25, 0.5])
def test_a_spot_right_of_and_below_the_middle_is_seen_there(slide, patch_mpp):
    moved = box_around(SPOTS[1][0] - 8, SPOTS[1][1] - 3, patch_mpp=patch_mpp)
    seen = centroid(slide.read_patch(moved, size_px=64, white=GLASS))
    scale = 0.25 / patch_mpp
    assert seen == pytest.approx((32 + 8 * scale, 32 + 3 * scale), abs=0.05)


def test_colours_are_red_green_blue(slide):
    patch = slide.read_patch(box_around(*SPOTS[0]), size_px=64, white=GLASS)
    assert patch[31, 31].tolist() == pytest.approx([180, 116, 48], abs=5)


def test_beyond_the_slide_is_the_white_of_the_slide(slide):
    white = (201.0, 202.0, 203.0)
    corner = slide.read_patch(box(-40, -24, 64, 64), size_px=64, white=white)
    assert (corner[:24] == (201, 202, 203)).all()
    assert (corner[:, :40] == (201, 202, 203)).all()
    np.testing.assert_allclose(corner[24:, 40:], np.broadcast_to(GLASS, (40, 24, 3)), atol=3)
    end = slide.read_patch(box(1001 - 24, 701 - 40, 64, 64), size_px=64, white=white)
    assert (end[40:] == (201, 202, 203)).all()
    assert (end[:, 24:] == (201, 202, 203)).all()


def test_a_patch_with_its_corner_between_pixels_beyond_the_slide_is_in_place(slide):
    # half the spot's patch lies left of the slide, at a part of a pixel
    patch = slide.read_patch(
        box_around(SPOTS[3][0], SPOTS[3][1], size_px=160), size_px=160, white=GLASS
    )
    assert centroid(patch) == pytest.approx((80, 80), abs=0.05)


@pytest.mark.parametrize("corner", [(-500, 10), (10, -500), (5000, 10), (10, 5000), (-1e12, 1e12)])
def test_a_patch_far_from_the_slide_is_all_white(slide, corner):
    patch = slide.read_patch(box(*corner, 64, 64), size_px=32, white=GLASS)
    assert (patch == np.uint8(GLASS)).all()


def test_many_patches_come_in_the_order_of_their_boxes(slide):
    boxes = [box_around(*spot) for spot in (SPOTS[2], SPOTS[0], SPOTS[3], SPOTS[1])]
    boxes.append(box(-900, -900, 64, 64))
    together = slide.read_patches(boxes, size_px=64, white=GLASS)
    for one, patch in zip(boxes, together, strict=True):
        np.testing.assert_array_equal(slide.read_patch(one, size_px=64, white=GLASS), patch)
    assert slide.read_patches([], size_px=64).shape == (0, 64, 64, 3)


def test_an_overview_is_the_whole_slide(slide):
    overview = slide.overview(200)
    assert max(overview.shape[:2]) <= 200
    assert overview.shape[1] / overview.shape[0] == pytest.approx(1001 / 701, rel=0.02)
    scale = 1001 / overview.shape[1]
    row, column = np.unravel_index(overview[..., 2].argmin(), overview.shape[:2])
    nearest = min(abs(x / scale - column) + abs(y / scale - row) for x, y in SPOTS)
    assert nearest < 2


def test_an_overview_never_enlarges(tmp_path):
    path = write_as("png", tmp_path / "a", blank(30, 20))
    with open_slide(path, mpp=0.25) as slide:
        assert slide.overview(1024).shape == (20, 30, 3)


@pytest.mark.parametrize("wrong", [box(0, 0, 0, 5), box(0, 0, 5, -1), box(np.nan, 0, 5, 5)])
def test_an_empty_box_is_a_mistake_of_the_caller(slide, wrong):
    with pytest.raises(ValueError, match="finite box"):
        slide.read_patch(wrong, size_px=8)


@pytest.mark.parametrize("kind", ["tiff", "ome"])
@pytest.mark.parametrize(
    ("patch_mpp", "level"), [(0.25, 0), (0.49, 0), (0.5, 1), (0.9, 1), (1.0, 2), (3.0, 3)]
)
def test_the_coarsest_level_that_is_fine_enough_is_read(tmp_path, kind, patch_mpp, level):
    tints = [(200, 50, 50), (50, 200, 50), (50, 50, 200), (120, 120, 40)]
    sizes = [(1600, 1200), (800, 600), (400, 300), (200, 150)]
    levels = [blank(*size, tint) for size, tint in zip(sizes, tints, strict=True)]
    path = tmp_path / f"a.{kind}"
    if kind == "ome":
        write_ome(path, levels, mpp=0.25)
    else:
        with tifffile.TiffWriter(path) as out:
            for index, picture in enumerate(levels):
                out.write(
                    picture, photometric="rgb", tile=(128, 128), compression="zlib",
                    subfiletype=1 if index else 0, metadata=None,
                )  # fmt: skip
    with open_slide(path, mpp=0.25) as slide:
        patch = slide.read_patch(
            box_around(800, 600, size_px=16, patch_mpp=patch_mpp), size_px=16, white=GLASS
        )
    assert (patch == tints[level]).all()


@pytest.mark.parametrize(
    ("kind", "reader"), [("tiff", "openslide/generic-tiff"), ("ome", "tifffile"), ("png", "image")]
)
def test_each_kind_has_its_reader_whatever_the_name_of_the_file(tmp_path, kind, reader):
    path = write_as(kind, tmp_path / "a", stained(300, 200))
    renamed = path.rename(tmp_path / "slide.svs")
    with open_slide(renamed, mpp=0.25) as slide:
        assert slide.format == reader
        assert (slide.width_l0, slide.height_l0) == (300, 200)


def test_a_tiff_in_strips_that_openslide_refuses_is_read(tmp_path):
    picture = spots(300, 200, [(100.25, 60.75)])
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", rowsperstrip=16)
    with open_slide(tmp_path / "a.tif", mpp=0.25) as slide:
        assert slide.format == "tifffile"
        patch = slide.read_patch(box_around(100.25, 60.75), size_px=64, white=GLASS)
    assert centroid(patch) == pytest.approx((32, 32), abs=0.05)


def test_levels_that_openslide_does_not_see_are_found(tmp_path):
    levels = halves(stained(1024, 512), 3)
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        shared = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib"}
        out.write(levels[0], subifds=2, metadata=None, **shared)
        for level in levels[1:]:
            out.write(level, subfiletype=1, metadata=None, **shared)
    with open_slide(tmp_path / "a.tif", mpp=0.25) as slide:
        assert len(slide.raster.levels) == 3


def test_a_jpeg_with_a_turned_orientation_is_taken_as_stored(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(stained(300, 200)).save(tmp_path / "a.jpg", exif=exif)
    with open_slide(tmp_path / "a.jpg", mpp=0.25) as slide:
        assert (slide.width_l0, slide.height_l0) == (300, 200)


def test_transparent_pixels_of_an_image_are_white_not_black(tmp_path):
    rgba = np.zeros((20, 30, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    with open_slide(tmp_path / "a.png", mpp=0.25) as slide:
        assert (slide.overview(100) == 255).all()


def test_a_tile_that_was_left_out_becomes_white_not_black(tmp_path):
    path = tmp_path / "a.tiff"
    with tifffile.TiffWriter(path) as out:
        first = stained(128, 128)
        out.write(
            iter([first, None, None, None]), shape=(256, 256, 3), dtype=np.uint8,
            tile=(128, 128), photometric="rgb", metadata=None, compression="zlib",
        )  # fmt: skip
    with open_slide(path, mpp=0.25) as slide:
        assert slide.format.startswith("openslide")
        patch = slide.read_patch(box(140, 140, 64, 64), size_px=64, white=GLASS)
    assert (patch == np.uint8(GLASS)).all()


# mpp


def test_the_mpp_of_the_file_is_taken(tmp_path):
    write_pyramid(tmp_path / "a.tiff", stained(300, 200), mpp=0.31)
    with open_slide(tmp_path / "a.tiff") as slide:
        assert slide.mpp == pytest.approx(0.31)
        assert slide.mpp_source == "file"
        assert slide.notices == ()


@pytest.mark.parametrize("mpp", [352.8, 0.05, 1.3])
def test_an_mpp_that_no_scanner_makes_counts_as_missing(tmp_path, mpp):
    write_pyramid(tmp_path / "a.tiff", stained(300, 200), mpp=mpp)
    with (
        pytest.raises(MissingMppError, match=r"--mpp 0\.25.*manifest"),
        open_slide(tmp_path / "a.tiff"),
    ):
        pass


@pytest.mark.parametrize("kind", ["png", "ome"])
def test_a_slide_without_mpp_is_refused_with_the_way_out(tmp_path, kind):
    path = write_as(kind, tmp_path / "a", stained(300, 200), mpp=None)
    with pytest.raises(MissingMppError, match=r"give it with --mpp"), open_slide(path):
        pass
    with open_slide(path, mpp=0.24) as slide:
        assert (slide.mpp, slide.mpp_source) == (0.24, "user")


def test_what_the_user_says_holds_and_a_difference_is_told(tmp_path):
    write_pyramid(tmp_path / "a.tiff", stained(300, 200), mpp=0.5)
    with open_slide(tmp_path / "a.tiff", mpp=0.25) as slide:
        assert (slide.mpp, slide.mpp_source) == (0.25, "user")
        (notice,) = slide.notices
        assert "0.5" in notice
        assert "0.25" in notice
    with open_slide(tmp_path / "a.tiff", mpp=0.51) as slide:
        assert slide.mpp == 0.51
        assert slide.notices == ()


@pytest.mark.parametrize("mpp", [0.0, -0.25, float("nan"), float("inf"), 25.0])
def test_an_mpp_that_cannot_be_is_refused(tmp_path, mpp):
    write_pyramid(tmp_path / "a.tiff", stained(300, 200), mpp=0.5)
    with (
        pytest.raises(SlideError, match=r"between 0\.05 and 2\.0"),
        open_slide(tmp_path / "a.tiff", mpp=mpp),
    ):
        pass


def test_pixels_that_are_not_square_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    resolution = (1e4 / 0.25, 1e4 / 0.5)
    tifffile.imwrite(path, stained(300, 200), resolution=resolution, resolutionunit="CENTIMETER")
    with pytest.raises(SlideError, match="square pixels"), open_slide(path):
        pass


# what is refused


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.full((64, 64), 200, np.uint8), "not brightfield"),
        (np.full((64, 64, 3), 200, np.uint16), "not brightfield"),
        (np.full((64, 64, 2), 200, np.uint8), "not brightfield"),
    ],
    ids=["grey", "16 bits", "two channels"],
)
def test_a_tiff_that_is_not_rgb_of_8_bits_is_refused(tmp_path, picture, reason):
    tifffile.imwrite(tmp_path / "a.tif", picture)
    with pytest.raises(SlideError, match=reason), open_slide(tmp_path / "a.tif", mpp=0.25):
        pass


@pytest.mark.parametrize("mode", ["L", "I;16", "CMYK", "1"])
def test_an_image_that_is_not_rgb_is_refused(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new(mode, (40, 30)).save(path)
    with pytest.raises(SlideError, match="export it as RGB"), open_slide(path, mpp=0.25):
        pass


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    Image.new("RGB", (9100, 9000)).save(tmp_path / "a.png")
    with (
        pytest.raises(SlideError, match=r"9100 x 9000 pixels.*pyramidal"),
        open_slide(tmp_path / "a.png", mpp=0.25),
    ):
        pass


def test_a_patch_that_needs_far_too_many_pixels_is_refused(tmp_path):
    write_pyramid(tmp_path / "a.tiff", blank(200, 200), mpp=0.5)
    with open_slide(tmp_path / "a.tiff") as slide, pytest.raises(SlideError, match="smaller box"):
        slide.read_patch(box(-1e6, -1e6, 2e6, 2e6), size_px=64)
