"""Who is signed in, and what the page must know before it asks anything else."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from rimlight.web.failures import failure
from rimlight.web.security import COOKIE, Door
from rimlight.web.workbench import Asker, Here, Role

router = APIRouter(tags=["session"])


class SessionOut(BaseModel):
    """Who is signed in to which study."""

    reader: str
    role: Role
    is_local: bool
    study: str
    research_use_only: bool = True


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
    """Exchange the token of the printed link for a cookie, and go to the page."""
    door: Door = request.app.state.door
    cookie = door.cookie_for(token)
    if cookie is None:
        return failure(401, "this link is not valid any more; open the one of rimlight serve")
    reply = RedirectResponse("/", status_code=303)
    reply.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
    return reply


@router.post("/leave", status_code=204)
def leave() -> Response:
    """Forget who was signed in on this browser."""
    reply = Response(status_code=204)
    reply.delete_cookie(COOKIE, path="/")
    return reply
