"""Who is signed in, and what the page must know before it asks anything else."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from rimlight.io.accounts import MAX_NAME, MOST_PASSWORD
from rimlight.records import Role
from rimlight.web.door import KNOWN_S, Door
from rimlight.web.failures import failure
from rimlight.web.workbench import Asker, ForbiddenError, Here

router = APIRouter(tags=["session"])
_USED = "this link was used already, or is not of this server; open the one it printed last"


class SessionOut(BaseModel):
    """Who is signed in to which study.

    is_local: the one person at this computer, who came by a link and needs no password.
    """

    reader: str
    role: Role
    is_local: bool
    study: str
    research_use_only: bool = True


class WaysIn(BaseModel):
    """How somebody comes in: by a name and a password, or by the printed link."""

    has_accounts: bool


class SignInIn(BaseModel):
    """A name and its password."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    password: Annotated[str, Field(min_length=1, max_length=MOST_PASSWORD)]


class LinkOut(BaseModel):
    """A link that opens the workbench in one more browser of this computer, once."""

    link: str


def door_of(request: Request) -> Door:
    """Return the door of the server that a request reached."""
    door: Door = request.app.state.door
    return door


@router.get("/health")
def health() -> dict[str, bool]:
    """Say that the server runs, and nothing else."""
    return {"is_up": True}


@router.get("/session")
def session(here: Here, asker: Asker) -> SessionOut:
    """Return who is signed in."""
    return SessionOut(
        reader=asker.reader,
        role=asker.role,
        is_local=asker.is_local,
        study=here.study.settings.study.name,
    )


@router.get("/enter", response_class=RedirectResponse, status_code=303)
def enter(request: Request, token: Annotated[str, Query(max_length=200)]) -> Response:
    """Exchange the token of the printed link for a cookie, once, and go to the page."""
    door = door_of(request)
    cookie = door.cookie_for(token)
    if cookie is None:
        if door.session_for(request.cookies.get(door.cookie_name, "")) is not None:
            return RedirectResponse("/", status_code=303)
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(f"<!doctype html><title>rimlight</title><p>{_USED}.", 401)
        return failure(401, _USED)
    reply = RedirectResponse("/", status_code=303)
    keep_cookie(reply, door, cookie)
    return reply


@router.post("/link")
def link(request: Request, asker: Asker) -> LinkOut:
    """Return one more link of this computer.

    Raises:
        ForbiddenError: Who asks signed in by a password.
    """
    door = door_of(request)
    if not asker.is_local or door.n_links > 20:
        raise ForbiddenError("a link is for the person at this computer; sign in by your name")
    host = request.headers["host"]
    return LinkOut(link=f"http://{host}/api/enter?token={door.new_token()}")


@router.get("/ways-in")
def ways_in(request: Request) -> WaysIn:
    """Say how somebody comes in; answered to everybody."""
    return WaysIn(has_accounts=door_of(request).sign_ins is not None)


@router.post("/sign-in")
def sign_in(request: Request, reply: Response, here: Here, given: SignInIn) -> SessionOut:
    """Exchange a name and its password for a cookie.

    Raises:
        ForbiddenError: This server has no accounts.
        SignInError: They do not fit.
        SlowDownError: Too many tries lately.
    """
    door = door_of(request)
    if door.sign_ins is None:
        raise ForbiddenError("this server has no accounts; open the link it printed")
    known = request.cookies.get(door.known_name, "")
    account = door.sign_ins.sign_in(
        given.name, given.password, browser=door.browser_of(known, given.name)
    )
    keep_cookie(reply, door, door.cookie_of(account))
    _set(reply, door, (door.known_name, door.known_for(account.name), KNOWN_S))
    return SessionOut(
        reader=account.name,
        role=account.role,
        is_local=False,
        study=here.study.settings.study.name,
    )


@router.post("/leave", status_code=204)
def leave(request: Request) -> Response:
    """Forget who was signed in on this browser."""
    door = door_of(request)
    door.leave(request.cookies.get(door.cookie_name, ""))
    reply = Response(status_code=204)
    reply.delete_cookie(
        door.cookie_name, path="/", secure=door.is_https, httponly=True, samesite="strict"
    )
    return reply


def keep_cookie(reply: Response, door: Door, cookie: str) -> None:
    """Let the browser keep the cookie of a session, where no script can read it."""
    _set(reply, door, (door.cookie_name, cookie, None))


def _set(reply: Response, door: Door, named: tuple[str, str, int | None]) -> None:
    name, value, max_age_s = named
    reply.set_cookie(
        name, value, max_age=max_age_s, path="/", secure=door.is_https, httponly=True,
        samesite="strict",
    )  # fmt: skip
