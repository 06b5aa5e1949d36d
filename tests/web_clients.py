"""Clients of the workbench in-process: signed in by a link, by a password, or not at all."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from fastapi.testclient import TestClient

from rimlight.io.study import Study
from rimlight.web.app import create_app
from rimlight.web.security import Door
from rimlight.web.workbench import Workbench
from rimlight.workflows.sign_in import SignIns

HOST = "127.0.0.1:8411"
ORIGIN = f"http://{HOST}"
TOKEN = "t" * 24
PASSWORD = "correct horse battery"
WRITES = {"origin": ORIGIN, "content-type": "application/json"}


class Clock:
    """Seconds that pass only when a test says so."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def link_door(**changes) -> Door:
    """The door of one person at this computer, anna."""
    facts = {"names": frozenset((HOST,)), "key": "k" * 32, "token": TOKEN, "reader": "anna"}
    return Door(**(facts | changes))


def team_door(study: Study, **changes) -> Door:
    """The door of a team; its accounts are in the study."""
    clock = changes.pop("clock", None)
    sign_ins = SignIns(study=study, **({"clock": clock} if clock else {}))
    return Door(**({"names": frozenset((HOST,)), "key": "k" * 32, "sign_ins": sign_ins} | changes))


@contextmanager
def client_of(
    study: Study, door: Door, *, page=None, base: str = ORIGIN, bench=None
) -> Iterator[TestClient]:
    """A browser before it signed in; what the server holds open is closed at the end."""
    workbench = bench or Workbench(study=study)
    app = create_app(workbench, door=door, page=page)
    with (
        closing(workbench.slides),
        closing(workbench.errands),
        TestClient(app, base_url=base, follow_redirects=False) as client,
    ):
        yield client


@contextmanager
def reader_client(study: Study, *, reader: str = "anna", bench=None) -> Iterator[TestClient]:
    """The page of a reader who came in by the link, an owner at this computer."""
    with client_of(study, link_door(reader=reader), bench=bench) as client:
        client.headers["origin"] = ORIGIN
        enter(client)
        yield client


def enter(client: TestClient, token: str = TOKEN) -> None:
    """Sign in by the link."""
    assert client.get("/api/enter", params={"token": token}).status_code == 303


def sign_in(client: TestClient, name: str, password: str = PASSWORD):
    """Sign in by a password; return the reply."""
    given = {"name": name, "password": password}
    return client.post("/api/sign-in", json=given, headers=WRITES)
