"""Colours for the eye: a profile is applied when it can be, and never changes what is measured."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from rimlight.io.colour_profiles import Colours
from rimlight.io.slides import open_slide
from scenes import stained

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = (120, 90, 60)


def swapped():
    """An sRGB profile in which red and blue have changed places."""
    data = bytearray(SRGB)
    table = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * data[131], 12)}
    red, blue = table[b"rXYZ"], table[b"bXYZ"]
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


def shown(colours, way, rgb=None):
    rgb = np.full((8, 8, 3), GREY, dtype=np.uint8) if rgb is None else rgb
    return np.asarray(Image.open(io.BytesIO(colours.png(rgb, way))))


def test_without_a_profile_every_way_shows_pixels_as_stored():
    colours = Colours(None)
    assert colours.ways == ("srgb",)
    assert (shown(colours, "srgb")[0, 0] == GREY).all()
    assert (shown(colours, "perceptual")[0, 0] == GREY).all()


def test_an_srgb_profile_changes_nothing_that_shows():
    assert np.abs(shown(Colours(SRGB), "srgb")[0, 0].astype(int) - GREY).max() <= 1


def test_a_profile_is_applied_unless_it_is_ignored_or_handed_on():
    colours = Colours(swapped())
    assert colours.fault is None
    assert len(colours.ways) == 6
    seen = shown(colours, "srgb")[0, 0]
    assert seen[2] > seen[0]
    for way in ("absolute", "perceptual", "saturation"):
        assert shown(colours, way)[0, 0, 2] > shown(colours, way)[0, 0, 0]
    for way in ("ignore", "embed"):
        assert (shown(colours, way)[0, 0] == GREY).all()
    rgb = np.full((8, 8, 3), GREY, dtype=np.uint8)
    assert Image.open(io.BytesIO(colours.jpeg(rgb, "embed"))).info["icc_profile"] == swapped()
    for way in ("srgb", "ignore"):
        assert "icc_profile" not in Image.open(io.BytesIO(colours.jpeg(rgb, way))).info


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        SRGB[:200],
        SRGB[:16] + b"CMYK" + SRGB[20:],
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        bytes(9 * 2**20),
    ],
    ids=["text", "cut", "cmyk", "lab", "huge"],
)
def test_a_profile_that_cannot_be_used_is_told_and_the_pixels_shown_as_stored(profile):
    colours = Colours(profile)
    assert "colours are shown as stored" in (colours.fault or "")
    assert colours.ways == ("srgb",)
    assert (shown(colours, "srgb")[0, 0] == GREY).all()


@pytest.mark.parametrize("kind", ["png", "tiff", "ome.tiff"])
def test_the_profile_of_a_slide_is_found_and_not_applied_to_its_pixels(tmp_path, kind):
    import tifffile

    path, picture = tmp_path / f"a.{kind}", stained(300, 200)
    if kind == "png":
        Image.fromarray(picture).save(path, icc_profile=swapped())
    else:
        tifffile.imwrite(
            path, picture, photometric="rgb", tile=(128, 128), iccprofile=swapped(),
            ome=kind.startswith("ome"), metadata={"axes": "YXS"} if "ome" in kind else None,
        )  # fmt: skip
    with open_slide(path, mpp=0.25) as slide:
        assert slide.profile is not None
        assert Colours(slide.profile).fault is None
        assert (slide.overview(300) == picture).all()


def test_a_slide_without_a_profile_says_so(tmp_path):
    Image.fromarray(stained(300, 200)).save(tmp_path / "a.png")
    with open_slide(tmp_path / "a.png", mpp=0.25) as slide:
        assert slide.profile is None
