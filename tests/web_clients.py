"""A client of the application in-process, signed in as an owner at this computer."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi.testclient import TestClient

from rimlight.io.study import Study
from rimlight.web.app import create_app
from rimlight.web.security import Door
from rimlight.web.workbench import Workbench

HOST = "127.0.0.1:8411"


@contextmanager
def client_of(study: Study, *, reader: str = "anna") -> Iterator[TestClient]:
    """A browser that came in by the printed link."""
    door = Door(names=frozenset((HOST,)), key="k" * 32, token="t" * 24, reader=reader)
    workbench = Workbench(study=study)
    origin = {"origin": f"http://{HOST}"}
    app = create_app(workbench, door=door)
    with TestClient(app, base_url=f"http://{HOST}", headers=origin) as client:
        client.get("/api/enter", params={"token": "t" * 24}, follow_redirects=False)
        yield client
    workbench.errands.close()
    workbench.slides.close()
