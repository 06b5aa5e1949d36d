"""A slide looked over: its facts, its white, its fingerprint; and what a crash costs."""

import hashlib
import os
import signal
import threading

import numpy as np
import pytest

from rimlight.errors import MissingMppError, SlideError
from rimlight.io.inspection import check_unchanged, fingerprint, slide_info
from rimlight.io.isolation import inspector
from rimlight.io.pyramids import write_pyramid
from scenes import GLASS, blank, stained, write_as

CRASH = (signal.SIGSEGV, signal.SIGCONT)
FACTS = {"slide_id": "s1", "case_id": "c1", "assay": "22c3-nsclc"}


@pytest.fixture
def slide_file(tmp_path):
    path = tmp_path / "a.tiff"
    write_pyramid(path, stained(700, 500), mpp=0.5)
    return path


def test_the_facts_of_a_slide_are_found(slide_file):
    info = slide_info(slide_file, **FACTS).info
    assert (info.slide_id, info.case_id, info.assay) == ("s1", "c1", "22c3-nsclc")
    assert (info.width_l0, info.height_l0) == (700, 500)
    assert (info.mpp, info.mpp_source) == (0.5, "file")
    assert info.path == str(slide_file)
    assert info.format == "openslide/generic-tiff"
    assert info.scanner == ""
    assert info.bounds is None


def test_the_white_is_that_of_the_glass(slide_file):
    info = slide_info(slide_file, **FACTS).info
    np.testing.assert_allclose(info.white, GLASS, atol=1)
    assert info.is_white_estimated


def test_without_glass_the_user_is_told(tmp_path):
    tissue = np.random.default_rng(0).integers(60, 160, (300, 400, 3), dtype=np.uint8)
    found = slide_info(write_as("png", tmp_path / "a", tissue), mpp=0.25, **FACTS)
    assert found.info.white == (255, 255, 255)
    assert not found.info.is_white_estimated
    assert "no clear glass" in found.notices[0]


def test_what_the_user_says_of_the_scanner_holds(slide_file):
    assert slide_info(slide_file, scanner="GT450", **FACTS).info.scanner == "GT450"


def test_fluorescence_is_refused_by_its_content(tmp_path):
    picture = blank(400, 300, (2, 3, 9))
    picture[100:140, 100:140] = (10, 20, 240)
    write_pyramid(tmp_path / "a.tiff", picture, mpp=0.25)
    with pytest.raises(SlideError, match=r"not brightfield.*fluorescence"):
        slide_info(tmp_path / "a.tiff", **FACTS)


def test_the_fingerprint_is_of_length_and_of_both_ends(tmp_path):
    data = os.urandom(3 << 20)
    path = tmp_path / "a"
    path.write_bytes(data)
    ends = data[: 1 << 20] + data[-(1 << 20) :]
    assert fingerprint(path) == hashlib.sha256(len(data).to_bytes(8, "big") + ends).hexdigest()


@pytest.mark.parametrize("change", [0, -1])
def test_a_changed_end_changes_the_fingerprint(tmp_path, change):
    data = bytearray(3 << 20)
    path = tmp_path / "a"
    path.write_bytes(data)
    before = fingerprint(path)
    data[change] ^= 1
    path.write_bytes(data)
    assert fingerprint(path) != before


def test_another_file_under_the_same_name_is_noticed(slide_file):
    info = slide_info(slide_file, **FACTS).info
    check_unchanged(slide_file, info)
    write_pyramid(slide_file, stained(300, 200), mpp=0.5)
    with pytest.raises(SlideError, match=r"s1: .* another file than the one registered"):
        check_unchanged(slide_file, info)
    slide_file.unlink()
    with pytest.raises(SlideError, match="put it back"):
        check_unchanged(slide_file, info)


def test_a_damaged_tile_anywhere_in_a_small_slide_is_found(tmp_path):
    path = tmp_path / "a.tiff"
    write_pyramid(path, stained(600, 500), mpp=0.5)
    data = bytearray(path.read_bytes())
    tables = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xc4"]
    data[tables[0] + 4 : tables[0] + 40] = bytes([255] * 36)  # its first Huffman table
    path.write_bytes(data)
    with pytest.raises(SlideError, match="damaged"):
        slide_info(path, **FACTS)


def test_a_child_finds_what_the_process_itself_finds(slide_file):
    with inspector() as looker:
        assert looker.inspect(slide_file, **FACTS) == slide_info(slide_file, **FACTS)


def test_one_child_serves_many_slides_and_is_ended(slide_file, tmp_path):
    with inspector() as looker:
        looker.inspect(slide_file, **FACTS)
        first = looker.process_id
        with pytest.raises(SlideError, match="no such file"):
            looker.inspect(tmp_path / "none.svs", **FACTS)
        with pytest.raises(MissingMppError):
            looker.inspect(write_as("png", tmp_path / "b", stained(90, 90)), **FACTS)
        assert looker.process_id == first
    assert looker.process_id is None


def test_a_crash_costs_only_the_slide_that_caused_it(slide_file):
    with inspector() as looker:
        looker.inspect(slide_file, **FACTS)
        child = looker.process_id
        os.kill(child, signal.SIGSTOP)
        crash = threading.Timer(0.2, lambda: [os.kill(child, s) for s in CRASH])
        crash.start()
        with pytest.raises(SlideError, match=r"crashed on it \(signal SIGSEGV\)"):
            looker.inspect(slide_file, **FACTS)
        crash.join()
        assert looker.inspect(slide_file, **FACTS).info.mpp == 0.5
        assert looker.process_id != child


def test_a_child_that_is_gone_before_it_is_asked_is_said_to_have_crashed(slide_file):
    with inspector() as looker:
        looker.inspect(slide_file, **FACTS)
        child = looker._child
        child.kill()
        child.wait()
        with pytest.raises(SlideError, match=r"crashed on it \(signal SIGKILL\)"):
            looker.inspect(slide_file, **FACTS)
        assert looker.inspect(slide_file, **FACTS).info.mpp == 0.5


def test_a_child_that_takes_too_long_is_ended(slide_file):
    with inspector(timeout_s=0.3) as looker:
        with pytest.raises(SlideError, match="took more than"):
            _stopped(looker, slide_file)
        assert looker.process_id is None


def _stopped(looker, path):
    """Look a slide over with a child that is stopped as soon as it is there."""
    watch = threading.Thread(target=_stop_when_there, args=(looker,))
    watch.start()
    try:
        looker.inspect(path, **FACTS)
    finally:
        watch.join()


def _stop_when_there(looker):
    pause = threading.Event()
    while looker.process_id is None:
        pause.wait(0.001)
    os.kill(looker.process_id, signal.SIGSTOP)
