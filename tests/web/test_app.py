"""The application in-process: its first routes, and what it says when something is wrong."""

import pytest

from small_studies import slide_info, study_of
from web_clients import TOKEN, client_of, link_door


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2", case_id="k2"))


@pytest.fixture
def client(study):
    with client_of(study, link_door()) as client:
        yield client


def test_the_token_of_the_link_is_exchanged_for_a_cookie_that_opens_the_study(client):
    assert client.get("/api/session").status_code == 401
    assert client.get("/api/enter", params={"token": "wrong"}).status_code == 401
    entered = client.get("/api/enter", params={"token": TOKEN})
    assert entered.status_code == 303
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert client.get("/api/session").json()["reader"] == "anna"
    assert [slide["slide_id"] for slide in client.get("/api/slides").json()] == ["s1", "s2"]


def test_a_refusal_is_one_sentence(client):
    said = client.get("/api/slides").json()
    assert set(said) == {"sentence"}
    assert said["sentence"].startswith("not signed in")
