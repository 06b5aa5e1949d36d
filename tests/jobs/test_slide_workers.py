"""Slides read by child processes: pictures, plain sentences, and crashes that cost one child."""

import io
import os
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rimlight.core.display import Tile
from rimlight.errors import JobError, SlideError
from rimlight.io.inspection import fingerprint
from rimlight.jobs import slide_workers
from rimlight.jobs.slide_reading import MEMORY_BYTES, Shelf, answer
from rimlight.jobs.slide_workers import MOST_CRASHES, SlidePool
from scenes import GLASS, stained, write_as
from small_studies import slide_info

TILE = Tile(level=9, column=0, row=0)


@pytest.fixture
def pool():
    with closing(SlidePool(n_workers=1)) as pool:
        yield pool


def known(path, slide_id="s1", **changes):
    facts = {"path": str(path), "fingerprint": fingerprint(path), "width_l0": 300,
             "height_l0": 200, "white": GLASS}  # fmt: skip
    return slide_info(slide_id, **(facts | changes))


@pytest.fixture
def info(tmp_path):
    return known(write_as("png", tmp_path / "slide", stained(300, 200)))


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)))


def refusal(call):
    with pytest.raises(SlideError) as caught:
        call()
    return str(caught.value)


def test_no_child_is_started_before_a_slide_is_asked_for(pool, info):
    assert pool.process_ids == []
    pool.facts(info)
    assert len(pool.process_ids) == 1


def test_a_viewer_is_told_levels_and_ways_of_colour(pool, info):
    facts = pool.facts(info)
    assert (facts.tile_px, facts.min_level, facts.max_level) == (256, 0, 9)
    assert facts.ways == ("srgb",)
    assert facts.notices == ()


def test_tiles_overviews_and_patches_are_pictures_of_the_slide(pool, info):
    assert pixels(pool.tile(info, TILE)).shape == (200, 256, 3)
    assert pixels(pool.tile(info, Tile(level=9, column=1, row=0))).shape == (200, 44, 3)
    assert pixels(pool.overview(info, px=150)).shape == (100, 150, 3)
    patch = pixels(pool.patch(info, x_l0=150, y_l0=100, um=12, px=48))
    assert (patch == stained(300, 200)[76:124, 126:174]).all()


def test_a_patch_is_the_white_of_the_slide_beyond_the_slide(pool, info):
    patch = pixels(pool.patch(info, x_l0=-1000, y_l0=0, um=48, px=32))
    assert (patch == np.uint8(GLASS)).all()


def test_a_picture_made_before_is_given_again_without_a_child(pool, info):
    first = pool.tile(info, TILE)
    os.kill(pool.process_ids[0], signal.SIGKILL)
    os.waitid(os.P_PID, pool.process_ids[0], os.WEXITED | os.WNOWAIT)
    assert pool.tile(info, TILE) == first
    assert pool.tile(info, Tile(level=9, column=1, row=0)) != first


@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_costs_one_child_and_other_slides_go_on(pool, info, tmp_path, end, monkeypatch):
    pool.facts(info)
    (child,) = pool.process_ids
    exchange = slide_workers._exchange

    def crashing(child, *asked, **options):
        os.kill(child.pid, end)
        return exchange(child, *asked, **options)

    with monkeypatch.context() as patched:
        patched.setattr(slide_workers, "_exchange", crashing)
        said = refusal(lambda: pool.tile(info, TILE))
    assert said.startswith("slide s1: the image library crashed on this part (signal SIG")
    assert end.name in said
    other = known(write_as("png", tmp_path / "other", stained(300, 200)), "s2")
    assert pixels(pool.tile(other, TILE)).shape == (200, 256, 3)
    assert pixels(pool.tile(info, TILE)).shape == (200, 256, 3)
    assert pool.process_ids != [child]


def test_a_child_that_hangs_is_ended(pool, info):
    pool.facts(info)
    (child,) = pool.process_ids
    pool._timeout_s = 0.3
    os.kill(child, signal.SIGSTOP)
    assert "took more than" in refusal(lambda: pool.tile(info, TILE))
    assert pool.process_ids == []


def test_a_child_that_ended_while_it_waited_is_no_fault_of_the_next_slide(pool, info):
    for _ in range(MOST_CRASHES + 1):
        pool.facts(info)
        os.kill(pool.process_ids[0], signal.SIGKILL)
        os.waitid(os.P_PID, pool.process_ids[0], os.WEXITED | os.WNOWAIT)
    assert pool.facts(info).max_level == 9


def test_a_slide_that_crashed_three_times_is_set_aside_and_no_other(pool, info, tmp_path):
    other = known(write_as("png", tmp_path / "other", stained(300, 200)), "s2")
    liar = replace(info, white=("no", "number", "at all"))  # a fault that no sentence foresees
    for _ in range(MOST_CRASHES):
        assert "crashed on this part" in refusal(lambda: pool.facts(liar))
    said = refusal(lambda: pool.tile(info, TILE))
    assert said.startswith("slide s1: set aside")
    assert "\n" not in said
    assert pool.facts(other).max_level == 9
    anew = replace(info, fingerprint="of a file registered anew")
    assert "set aside" not in refusal(lambda: pool.facts(anew))


def test_a_missing_file_is_named_by_its_slide_and_not_by_its_path(pool, info, tmp_path):
    pool.facts(info)
    path = Path(info.path)
    moved = path.rename(tmp_path / "moved.png")
    for call in (lambda: pool.facts(info), lambda: pool.patch(info, x_l0=9, y_l0=9, um=9, px=16)):
        said = refusal(call)
        assert said.startswith("slide s1: its file is missing; put it back")
        assert str(tmp_path) not in said
    moved.rename(path)
    assert pool.facts(info).max_level == 9


def test_another_file_under_the_same_name_is_refused(pool, info):
    pool.facts(info)
    picture = stained(300, 200)
    picture[0, 0] = 7
    Image.fromarray(picture).save(info.path)
    os.utime(info.path, ns=(1, 1))
    assert "another one than the one that was registered" in refusal(lambda: pool.facts(info))


def test_a_damaged_part_is_a_sentence_and_the_rest_is_shown(pool, tmp_path):
    path = write_as("ome", tmp_path / "a", np.random.default_rng(0).integers(
        0, 256, (1024, 1024, 3), dtype=np.uint8))  # fmt: skip
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 40_000] = bytes(40_000)
    path.write_bytes(data)
    info = known(path, width_l0=1024, height_l0=1024)
    seen = []
    for row in range(4):
        for column in range(4):
            try:
                pool.tile(info, Tile(level=10, column=column, row=row))
                seen.append("")
            except SlideError as error:
                seen.append(str(error))
    told = [words for words in seen if words]
    assert told
    assert len(told) < 16
    assert all(words.startswith("slide s1: ") and str(tmp_path) not in words for words in told)


def test_the_memory_of_a_child_has_a_ceiling(pool, info):
    pool.facts(info)
    limits = Path(f"/proc/{pool.process_ids[0]}/limits")
    if not limits.exists():
        pytest.skip("no /proc on this system")
    (line,) = (x for x in limits.read_text().splitlines() if x.startswith("Max address space"))
    assert int(line.split()[3]) == MEMORY_BYTES


def test_too_little_memory_is_a_sentence(info, monkeypatch):
    def starved(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr("rimlight.jobs.slide_reading.open_slide", starved)
    asked = {"slide_id": "s1", "path": info.path, "fingerprint": info.fingerprint,
             "mpp": 0.25, "white": GLASS}  # fmt: skip
    header, picture = answer(Shelf(), {"do": "facts", "slide": asked})
    assert header["is_crash"]
    assert header["error"].startswith("slide s1: needs more than 1.5 GiB")
    assert picture == b""


def test_few_slides_are_open_at_once(tmp_path):
    shelf = Shelf()
    for n in range(7):
        path = write_as("png", tmp_path / f"s{n}", stained(300, 200))
        asked = {"slide_id": f"s{n}", "path": str(path), "fingerprint": fingerprint(path),
                 "mpp": 0.25, "white": GLASS}  # fmt: skip
        assert "error" not in answer(shelf, {"do": "facts", "slide": asked})[0]
        assert len(shelf._open) <= 4


def test_children_end_with_the_pool(info):
    pool = SlidePool(n_workers=2)
    pool.facts(info)
    (child,) = pool.process_ids
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    with pytest.raises(JobError, match="being closed"):
        pool.facts(info)
