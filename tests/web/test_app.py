"""The application in-process: its first routes, and what it says when something is wrong."""

import pytest
from fastapi.testclient import TestClient

from rimlight.web.app import create_app
from rimlight.web.security import Door
from rimlight.web.workbench import Workbench
from small_studies import slide_info, study_of

HOST = "127.0.0.1:8411"


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2", case_id="k2"))


@pytest.fixture
def client(study):
    door = Door(names=frozenset((HOST,)), key="k" * 32, token="t" * 24, reader="anna")
    app = create_app(Workbench(study=study), door=door)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        yield client


def test_the_token_of_the_link_is_exchanged_for_a_cookie_that_opens_the_study(client):
    assert client.get("/api/session").status_code == 401
    assert client.get("/api/enter", params={"token": "wrong"}).status_code == 401
    entered = client.get("/api/enter", params={"token": "t" * 24}, follow_redirects=False)
    assert entered.status_code == 303
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert client.get("/api/session").json()["reader"] == "anna"
    assert [slide["slide_id"] for slide in client.get("/api/slides").json()] == ["s1", "s2"]


def test_a_refusal_is_one_sentence(client):
    said = client.get("/api/slides").json()
    assert set(said) == {"sentence"}
    assert said["sentence"].startswith("not signed in")
