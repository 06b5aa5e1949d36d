"""Regions over HTTP: drawn, changed, withdrawn, and refused in one sentence."""

import pytest

from rimlight.io.regions import put_regions, region_events
from small_studies import region_of, slide_info, study_of
from web_clients import reader_client

FIRST = "0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a01"
DRAWN = {
    "region_id": FIRST, "kind": "exclude",
    "polygons": [[[[200, 50], [600, 50], [600, 150], [200, 150]]]],
}  # fmt: skip


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))


@pytest.fixture
def client(study):
    with reader_client(study) as client:
        yield client


def post(client, path="/api/slides/s1/regions", json=DRAWN):
    return client.post(path, json=json)


def test_a_region_is_drawn_seen_on_its_slide_alone_and_withdrawn(client):
    drawn = post(client).json()
    assert drawn["note"] is None
    assert (drawn["region"]["name"], drawn["region"]["may_change"]) == ("Excluded 1", True)
    assert client.get("/api/slides/s1/regions").json() == [drawn["region"]]
    assert client.get("/api/slides/s2/regions").json() == []
    for number in (1, 0):
        gone = post(client, f"/api/slides/s1/regions/{FIRST}/withdraw", {})
        assert gone.json() == {"n_withdrawn": number}
    assert client.get("/api/slides/s1/regions").json() == []


def test_cores_and_regions_of_files_are_shown_as_they_stand(client, study):
    put_regions(study.engine, [region_of("s1", "core", reader="")])
    (shown,) = client.get("/api/slides/s1/regions").json()
    assert (shown["kind"], shown["may_change"]) == ("core", False)
    refused = post(client, f"/api/slides/s1/regions/{shown['region_id']}/withdraw", {})
    assert refused.status_code == 409


@pytest.mark.parametrize(
    "changes",
    [
        {"region_id": "7"},
        {"polygons": []},
        {"polygons": [[]]},
        {"kind": "core"},
        {"kind": "other"},
        {"name": "x" * 201},
        {"name": "bell\x07"},
        {"polygons": [[[[1, 1], [2, 2]]]]},
        {"polygons": [[[[1, 1], [2, 2], [3, 3]]]]},
        {"polygons": [[[[1, 1], [2, 2], [1e9, 3]]]]},
        {"polygons": [[[[1, 1], [2, 2], ["NaN", 3]]]]},
        {"polygons": [[[[9001, 1], [9002, 1], [9002, 5]]]]},
        {"polygons": [[[[1, 1]] * 20_001]]},
    ],
)
def test_a_bad_region_is_one_sentence_and_no_event(client, study, changes):
    reply = post(client, json=DRAWN | changes)
    assert reply.status_code == 422
    assert set(reply.json()) == {"sentence"}
    assert region_events(study.engine) == []


@pytest.mark.parametrize("path", ["/api/slides/none/regions", "/api/slides/..%2Fs1/regions"])
def test_a_slide_that_is_not_there_has_no_regions(client, path):
    assert client.get(path).status_code == 404
    assert post(client, path).status_code == 404
