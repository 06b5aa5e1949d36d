"""Who asks, by which name, from which page: the gate before every route."""

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rimlight.io.session_keys import session_key
from rimlight.web.door import COOKIE, Door
from rimlight.web.failures import failure, failure_of
from rimlight.web.requests import (
    READS,
    RefusedBodyError,
    body_of,
    check_json,
    is_json,
    is_said_too_large,
    odd_address,
    replayed,
    too_large,
)
from rimlight.web.workbench import Session

__all__ = ["COOKIE", "OPEN_PATHS", "Door", "Gate", "session_key"]

OPEN_PATHS = frozenset(("/api/health", "/api/enter", "/api/ways-in", "/api/sign-in", "/api/leave"))
_OPENED_FROM_OUTSIDE = frozenset(("/api/enter",))
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Gate:
    """Middleware that lets a request through, or answers it with the reason why not."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        told = _Telling(send, scope, is_https=self._door.is_https)
        try:
            receive = await self._let_in(scope, receive)
            await self._app(scope, receive, told.send)
        except RefusedBodyError as error:
            await failure(error.status, str(error))(scope, receive, told.send)
        except Exception as error:
            if told.is_begun:
                raise
            await failure_of(error)(scope, receive, told.send)

    async def _let_in(self, scope: Scope, receive: Receive) -> Receive:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None and _is_for_members(scope["path"]):
            session = await self._session(headers)
            if session is None:
                refusal = 401, self._invitation()
            scope.setdefault("state", {})["session"] = session
        if refusal is not None:
            raise RefusedBodyError(*refusal)
        if scope["method"] in READS:
            return receive
        body = await body_of(receive)
        await run_in_threadpool(check_json, body)
        return replayed(body, receive)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        host, path = headers.get("host", "").lower(), scope["path"]
        if host not in self._door.names:
            return 421, "this server is not called by that name; open the link it printed"
        odd = odd_address(scope)
        if odd is not None:
            return odd
        is_outside = headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")
        if is_outside and path.startswith("/api/") and path not in _OPENED_FROM_OUTSIDE:
            return 403, "asked from another page; use the workbench itself"
        if scope["method"] in READS:
            return None
        origin = f"{'https' if self._door.is_https else 'http'}://{host}"
        if headers.get("origin", "").lower() != origin:
            return 403, "sent from another page; use the workbench itself"
        if not is_json(headers):
            return 415, "send JSON: content-type application/json"
        return (413, too_large()) if is_said_too_large(headers) else None

    async def _session(self, headers: Mapping[str, str]) -> Session | None:
        cookie = cookie_parser(headers.get("cookie", "")).get(self._door.cookie_name, "")
        if not cookie:
            return None
        found = self._door.session_for(cookie, asks_database=False)
        if found is None and self._door.sign_ins is not None:
            found = await run_in_threadpool(self._door.session_for, cookie)
        return found

    def _invitation(self) -> str:
        if self._door.sign_ins is None:
            return "not signed in; open the link that rimlight serve printed"
        return "not signed in; sign in by your name and password"


class _Telling:
    """The way back to the browser, on which every reply gets its headers."""

    def __init__(self, send: Send, scope: Scope, *, is_https: bool) -> None:
        self._send = send
        self._is_api = scope["path"].startswith("/api/")
        self._is_https = is_https
        self.is_begun = False

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one is given the headers."""
        if message["type"] == "http.response.start":
            self.is_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if self._is_api:
                headers.setdefault("cache-control", "no-store")
            if self._is_https:
                headers["strict-transport-security"] = "max-age=31536000"
        await self._send(message)


def _is_for_members(path: str) -> bool:
    return path.startswith("/api/") and path not in OPEN_PATHS
