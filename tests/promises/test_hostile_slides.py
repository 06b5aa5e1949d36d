"""Promise: whatever file is named as a slide, it ends in one sentence, soon, and in bounds.

The files of the shared folder are real ones that have broken readers before; the others are
made here. Each is looked over in a process of its own, as registration does it, so that a
crash of a native library costs that process alone.
"""

import os
import struct
import time
import zlib

import numpy as np
import pytest

from rimlight.errors import SlideError
from rimlight.io.inspection import fingerprint
from rimlight.io.isolation import inspector
from rimlight.io.pyramids import write_pyramid
from rimlight.io.store import slides
from rimlight.io.study import create_study
from rimlight.workflows.register import SlideEntry, register_slides
from scenes import stained
from surroundings import SHARED, needs_shared, peak_bytes

FACTS = {"slide_id": "s", "case_id": "c", "assay": "a"}
MOST_SECONDS = 20
MOST_BYTES = 2 * 2**30


def refusal(path, *, mpp=None, looker=None):
    """The sentence with which a file is refused, and the seconds it took."""
    start = time.monotonic()
    with inspector(timeout_s=MOST_SECONDS) as own, pytest.raises(SlideError) as caught:
        (looker or own).inspect(path, mpp=mpp, **FACTS)
    return str(caught.value), time.monotonic() - start


def answer(looker, path, *, mpp):
    """The sentence of a refusal; empty where the file is taken."""
    try:
        looker.inspect(path, mpp=mpp, **FACTS)
    except SlideError as error:
        return str(error)
    return ""


def is_one_sentence(sentence, path):
    return sentence.startswith(f"{path}: ") and "\n" not in sentence and "Traceback" not in sentence


# files made here


def truncated(path):
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    write_pyramid(path, noise, mpp=0.5)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def tiff_of_one_tile(path, *, side_px, compression, data, next_directory=0):
    """A TIFF with one directory and one tile, written by hand."""
    tags = {
        256: side_px, 257: side_px, 258: 8, 259: compression, 262: 2, 277: 3,
        322: side_px, 323: side_px, 324: 300, 325: len(data),
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", next_directory)
    path.write_bytes(head.ljust(300, b"\0") + data)


def loop(path):
    tiff_of_one_tile(path, side_px=64, compression=1, data=bytes(64 * 64 * 3), next_directory=8)


def zeros(n_mebibytes):
    """Deflated zeros: one full block, repeated, for the whole would take seconds to make."""
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = block.compress(bytes(1 << 20)) + block.flush(zlib.Z_FULL_FLUSH)
    check = (n_mebibytes * (1 << 20) % 65521) << 16 | 1
    return b"\x78\xda" + one * n_mebibytes + b"\x03\x00" + struct.pack(">I", check)


def declared_bomb(path):
    tiff_of_one_tile(path, side_px=18_912, compression=8, data=zeros(1024))


def hidden_bomb(path):
    tiff_of_one_tile(path, side_px=64, compression=8, data=zeros(300))


def text(path):
    path.write_text("This is not a slide.\n" * 100)


def empty(path):
    path.touch()


def folder(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


def dark(path):
    write_pyramid(path, np.full((300, 400, 3), (1, 2, 30), dtype=np.uint8), mpp=0.5)


def png_bomb(path):
    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))


def cut_jpeg(path):
    from PIL import Image

    Image.fromarray(stained(800, 600)).save(path, format="JPEG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (truncated, "damaged"),
        (loop, "loop"),
        (declared_bomb, "decodes to 1023 MB"),
        (hidden_bomb, "not brightfield"),  # black, and never inflated beyond its tile
        (text, "not of a slide format"),
        (empty, "empty file"),
        (folder, "is a folder"),
        (pipe, "no plain file"),
        (dark, "not brightfield"),
        (png_bomb, "more than 80,000,000"),
        (cut_jpeg, "damaged"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_hostile_file_ends_in_one_sentence_with_the_reason(tmp_path, make, reason):
    path = tmp_path / "slide.svs"
    make(path)
    study = create_study(tmp_path / "study")
    (refused,) = register_slides(study, [SlideEntry(path=path, mpp=0.5)]).refused
    with inspector(timeout_s=MOST_SECONDS) as looker:
        sentence, seconds = refusal(path, mpp=0.5, looker=looker)
        assert refused == sentence
        assert reason in sentence
        assert is_one_sentence(sentence, path)
        assert seconds < MOST_SECONDS
        if looker.process_id is not None:
            assert peak_bytes(looker.process_id) < 300 << 20


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_file_without_the_right_to_read_it_says_so(tmp_path, closed):
    path = tmp_path / "scans" / "slide.svs"
    path.parent.mkdir()
    write_pyramid(path, stained(300, 200), mpp=0.5)
    shut = path if closed == "file" else path.parent
    shut.chmod(0)
    try:
        if os.access(shut, os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(SlideError, match="right to read"):
            fingerprint(path)
        assert "right to read" in refusal(path)[0]
    finally:
        shut.chmod(0o755)


def test_a_hostile_file_among_good_ones_costs_only_itself(tmp_path):
    write_pyramid(tmp_path / "a.tiff", stained(320, 256), mpp=0.5)
    declared_bomb(tmp_path / "b.tiff")
    write_pyramid(tmp_path / "c.tiff", stained(256, 320), mpp=0.5)
    study = create_study(tmp_path / "study")
    entries = [SlideEntry(path=tmp_path / f"{name}.tiff", case="p") for name in "abc"]
    result = register_slides(study, entries)
    assert result.added == ("a", "c")
    assert len(result.refused) == 1
    assert [info.slide_id for info in slides(study.engine)] == ["a", "c"]


# files that have broken readers before


@needs_shared
@pytest.mark.parametrize("mpp", [None, 0.5])
def test_every_file_that_broke_a_reader_ends_in_one_sentence_or_opens(mpp):
    files = sorted((SHARED / "hostile").iterdir())
    assert len(files) > 150
    with inspector(timeout_s=MOST_SECONDS) as looker:
        for path in files:
            start = time.monotonic()
            sentence = answer(looker, path, mpp=mpp)
            assert is_one_sentence(sentence, path) or (sentence == "" and mpp is not None)
            assert time.monotonic() - start < MOST_SECONDS, path.name
            if looker.process_id is not None:
                assert peak_bytes(looker.process_id) < MOST_BYTES, path.name


EXPECTED = {
    "4D-series.ome.tiff": "series of 7 time points",
    "boxes.tiff": "says 352.8 um a pixel",
    "boxes_0.dcm": None,
    "boxes_1.dcm": None,
    "broken.svs": "not of a slide format",
    "cmu-1-small-region.svs": None,
    "fluorescence-dapi.ndpi": "not brightfield",
    "sm_annotations.dcm": "without a slide image",
    "sm_image.dcm": None,
    "small.svs": None,
    "tcga-cr-7395-01a-01-ts1.svs": "give it with --mpp",
    "unreadable.svs": "damaged",
}


@needs_shared
@pytest.mark.parametrize("name", EXPECTED)
def test_files_of_real_vendors_are_taken_or_refused_as_they_should(name):
    path = SHARED / "slides" / name
    if EXPECTED[name] is None:
        with inspector() as looker:
            info = looker.inspect(path, **FACTS).info
        assert (info.mpp, info.mpp_source) == (0.499, "file")
        assert info.format.startswith("openslide/")
    else:
        sentence, _ = refusal(path)
        assert EXPECTED[name] in sentence


@needs_shared
def test_a_dicom_series_without_its_full_resolution_is_incomplete(tmp_path):
    data = (SHARED / "slides/boxes_0.dcm").read_bytes()
    old = b"DERIVED\\PRIMARY\\VOLUME\\NONE "
    new = b"DERIVED\\PRIMARY\\VOLUME\\RESAMPLED "
    tag = b"\x08\x00\x08\x00CS"
    before = tag + struct.pack("<H", len(old)) + old
    assert data.count(before) == 1
    path = tmp_path / "level.dcm"
    path.write_bytes(data.replace(before, tag + struct.pack("<H", len(new)) + new))
    sentence, _ = refusal(path)
    assert "incomplete DICOM series" in sentence


@needs_shared
def test_files_of_one_dicom_series_are_one_slide(tmp_path):
    study = create_study(tmp_path / "study")
    files = [SHARED / "slides" / name for name in ("boxes_0.dcm", "boxes_1.dcm")]
    result = register_slides(study, [SlideEntry(path=path) for path in files])
    assert result.added == ("boxes_0",)
    assert result.refused == ()
    assert "nothing was added" in result.notices[0]
    other_case = register_slides(study, [SlideEntry(path=files[1], case="p2")])
    assert "one slide is of one case" in other_case.refused[0]
    assert len(slides(study.engine)) == 1


@needs_shared
def test_a_real_slide_without_mpp_is_read_with_the_mpp_of_the_user():
    with inspector() as looker:
        info = looker.inspect(SHARED / "slides/tcga-cr-7395-01a-01-ts1.svs", mpp=0.25, **FACTS).info
    assert (info.width_l0, info.height_l0, info.mpp_source) == (4443, 3567, "user")
    assert info.is_white_estimated


@needs_shared
def test_a_real_core_of_30_megapixels_is_read_and_its_glass_found():
    image = sorted((SHARED / "her2_cores/images").glob("*.jpg"))[0]
    with inspector() as looker:
        info = looker.inspect(image, mpp=0.24, **FACTS).info
    assert (info.width_l0, info.height_l0) == (5468, 5468)
    np.testing.assert_allclose(info.white, (234, 233, 242), atol=1)
