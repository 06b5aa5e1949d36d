"""Slides over HTTP: tiles, overviews, patches, what browsers may keep, and plain sentences."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rimlight.io.inspection import fingerprint
from rimlight.io.journal import append_labels
from rimlight.jobs.slide_workers import SlidePool
from rimlight.web.workbench import Workbench
from scenes import GLASS, stained, write_as
from small_studies import label_of, slide_info, study_of
from web_clients import client_of, link_door, reader_client

TILE = "/api/slides/s1/tiles/9/0_0.jpg"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def study(folder):
    path = write_as("png", folder / "patient-smith", stained(300, 200))
    there = slide_info("s1", path=str(path), fingerprint=fingerprint(path), width_l0=300,
                       height_l0=200, white=GLASS)  # fmt: skip
    gone = slide_info("s2", case_id="a case before", path=str(folder / "patient-doe.svs"))
    study = study_of(folder / "study", there, gone)
    append_labels(study.engine, [label_of(1), label_of(2), label_of(1, "strong", "boris")])
    return study


@pytest.fixture(scope="module")
def client(study):
    bench = Workbench(study=study, slides=SlidePool(n_workers=1))
    with reader_client(study, bench=bench) as client:
        yield client


def pixels(reply):
    assert reply.status_code == 200, reply.text
    return np.asarray(Image.open(io.BytesIO(reply.content)))


def test_slides_are_listed_by_case_with_own_labels_and_what_is_missing(client):
    slides = client.get("/api/slides").json()
    assert [slide["slide_id"] for slide in slides] == ["s2", "s1"]
    assert [slide["is_missing"] for slide in slides] == [True, False]
    assert [slide["n_labels"] for slide in slides] == [0, 2]


def test_no_reply_holds_a_path(client, folder):
    for path in ("/api/slides", "/api/slides/s1", "/api/slides/s2", TILE.replace("s1", "s2")):
        text = client.get(path).text
        assert str(folder) not in text
        assert "patient" not in text


def test_one_slide_says_what_a_viewer_must_know(client):
    slide = client.get("/api/slides/s1").json()
    assert (slide["tile_px"], slide["min_level"], slide["max_level"]) == (256, 0, 9)
    assert slide["ways"] == ["srgb"]
    assert slide["n_labels"] == 2


def test_a_missing_slide_is_a_sentence_that_says_what_to_do(client):
    for path in ("", "/tiles/9/0_0.jpg", "/overview.jpg", "/patch.png?x_l0=1&y_l0=1"):
        reply = client.get(f"/api/slides/s2{path}")
        assert reply.status_code == 422
        assert reply.json()["sentence"].startswith("slide s2: its file is missing; put it back")


def test_tiles_overview_and_patch_are_the_slide(client):
    assert pixels(client.get(TILE)).shape == (200, 256, 3)
    assert pixels(client.get("/api/slides/s1/overview.jpg?px=150")).shape == (100, 150, 3)
    patch = pixels(client.get("/api/slides/s1/patch.png?x_l0=150&y_l0=100&um=12&px=48"))
    assert (patch == stained(300, 200)[76:124, 126:174]).all()


def test_a_browser_keeps_what_it_asked_for_by_version(client):
    version = client.get("/api/slides/s1").json()["version"]
    first = client.get(TILE, params={"v": version})
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = client.get(
        TILE, params={"v": version}, headers={"if-none-match": first.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.content == b""
    old = client.get(TILE, params={"v": "of before"})
    assert old.headers["cache-control"] == "private, no-cache"
    other = client.get(TILE.replace("0_0", "1_0"), params={"v": version})
    assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tiles/99/0_0.jpg", 404),
        ("tiles/-1/0_0.jpg", 404),
        ("tiles/9/-1_0.jpg", 404),
        ("tiles/9/0_1.jpg", 404),
        (f"tiles/9/{10**9}_0.jpg", 404),
        (f"tiles/{10**40}/0_0.jpg", 404),
        ("tiles/9/0.5_0.jpg", 422),
        ("tiles/9/" + "9" * 5000 + "_0.jpg", 422),
        ("tiles/9/0_0.jpg?colour=sepia", 422),
        ("overview.jpg?px=0", 422),
        ("overview.jpg?px=100000", 422),
        ("patch.png?x_l0=nan&y_l0=0", 422),
        ("patch.png?x_l0=1e999&y_l0=0", 422),
        ("patch.png?x_l0=1&y_l0=1&um=0", 422),
        ("patch.png?x_l0=1&y_l0=1&um=1e7", 422),
        ("patch.png?x_l0=1&y_l0=1&px=100000", 422),
        ("patch.png", 422),
        ("label.jpg", 404),
        ("macro.jpg", 404),
    ],
)
def test_absurd_numbers_are_refused_with_a_sentence(client, path, status):
    reply = client.get(f"/api/slides/s1/{path}")
    assert reply.status_code == status
    assert set(reply.json()) == {"sentence"}


@pytest.mark.parametrize(
    "key", ["s9", "..%2f..%2fetc%2fpasswd", "%252e%252e", "C:%5Cwindows", "/etc/passwd", "s1%00"]
)
def test_an_id_is_never_a_path(client, key):
    for path in ("", "/overview.jpg", "/tiles/0/0_0.jpg"):
        assert client.get(f"/api/slides/{key}{path}").status_code == 404


def test_a_get_changes_nothing(client, study):
    def state():
        return {p: p.read_bytes() for p in Path(study.folder).rglob("*") if p.is_file()}

    before = state()
    for path in ("/api/slides", "/api/slides/s1", TILE, "/api/slides/s1/overview.jpg"):
        assert client.get(path).status_code == 200
    assert state() == before


def test_pictures_are_for_those_who_are_signed_in(study):
    with client_of(study, link_door()) as stranger:
        for path in (TILE, "/api/slides/s1/overview.jpg", "/api/slides/s1/patch.png"):
            assert stranger.get(path).status_code == 401
