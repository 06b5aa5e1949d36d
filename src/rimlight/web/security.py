"""Who asks, by which name, from which page: the gate before every route.

The one-time token of the printed link becomes a signed cookie. Its key is kept in the study
folder, readable by its owner only, so that a browser stays signed in when the server starts anew.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rimlight.io.files import write_whole
from rimlight.records import ReaderId
from rimlight.web.failures import failure
from rimlight.web.workbench import Session

COOKIE = "rimlight-session"
MAX_AGE_S = 14 * 24 * 3600
OPEN_PATHS = frozenset(("/api/health", "/api/enter"))
MAX_BODY_BYTES = 2 * 2**20
_READS = frozenset(("GET", "HEAD", "OPTIONS"))
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who may come in.

    names: values of the Host header that are this server's. key: signs cookies.
    token: of the printed link. reader: who comes by it.
    """

    names: frozenset[str]
    key: str
    token: str
    reader: ReaderId

    def cookie_for(self, token: str) -> str | None:
        """Return the cookie that a token is worth, or None."""
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        return str(self._signer.dumps({"reader": self.reader}))

    def session_for(self, cookie: str) -> Session | None:
        """Return the session of a cookie, or None where it is not ours or too old."""
        try:
            said = self._signer.loads(cookie, max_age=MAX_AGE_S)
        except BadSignature:
            return None
        return Session(reader=ReaderId(said["reader"]), role="owner", is_local=True)

    @property
    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt="rimlight session")


def session_key(folder: Path) -> str:
    """Return the key that signs the cookies of a study, made at the first call."""
    path = folder / ".session-key"
    if not path.exists():
        write_whole(path, secrets.token_urlsafe(32))
        path.chmod(0o600)
    return path.read_text(encoding="utf-8")


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
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await failure(*refusal)(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        host, method, path = headers.get("host", ""), scope["method"], scope["path"]
        if host not in self._door.names:
            return 421, "this server is not called by that name; open the link it printed"
        origin = headers.get("origin")
        if method not in _READS and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "sent from another page; use the workbench itself"
        if method not in _READS and not _is_json(headers):
            return 415, "send JSON: content-type application/json"
        if not path.startswith("/api/") or path in OPEN_PATHS:
            return None
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        session = self._door.session_for(cookie)
        if session is None:
            return 401, "not signed in; open the link that rimlight serve printed"
        scope.setdefault("state", {})["session"] = session
        return None


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").split(";")[0].strip() == "application/json"


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
