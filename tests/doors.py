"""Clients of the workbench in tests, each signed in as a reader of their choice."""

from contextlib import contextmanager

from fastapi.testclient import TestClient

from rimlight.web.app import create_app
from rimlight.web.security import Door
from rimlight.web.workbench import Workbench

HOST = "127.0.0.1:8411"
TOKEN = "t" * 24


@contextmanager
def client_of(study, *, reader="anna", bench=None):
    """The in-process client of a reader of the study, who is an owner on this computer."""
    door = Door(names=frozenset((HOST,)), key="k" * 32, token=TOKEN, reader=reader)
    app = create_app(bench or Workbench(study=study), door=door)
    headers = {"origin": f"http://{HOST}"}
    with TestClient(app, base_url=f"http://{HOST}", headers=headers) as client:
        client.get("/api/enter", params={"token": TOKEN}, follow_redirects=False)
        yield client
