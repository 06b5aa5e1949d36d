"""The door of the workbench: what a link or a password is worth, and whom a cookie names.

Without accounts, the one person at this computer comes by the printed link. Its token is worth
one cookie; then another link is printed. With accounts, everybody signs in by name and password.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer

from rimlight.io.accounts import Account
from rimlight.records import ReaderId
from rimlight.web.workbench import Session
from rimlight.workflows.sign_in import SignIns

COOKIE = "rimlight-session"
NOBODY = ReaderId("")
MAX_AGE_S = 14 * 24 * 3600
SIGNED_IN_S = 12 * 3600
"""A person who signed in by a password signs in again the next day."""
KNOWN_S = 365 * 24 * 3600
_MAX_LEFT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who may come in.

    names: values of the Host header that are this server's. key: signs cookies.
    token: of the printed link; "" where accounts are asked for. reader: who comes by it.
    is_https: a proxy speaks https to the browsers. sign_ins: of the accounts; None without.
    tell: called with the next token when one was used.
    """

    names: frozenset[str]
    key: str
    token: str = ""
    reader: ReaderId = NOBODY
    is_https: bool = False
    sign_ins: SignIns | None = None
    tell: Callable[[str], None] | None = None
    _tokens: set[str] = field(default_factory=set)
    _left: dict[str, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Let the token of the printed link be used once."""
        if self.token and self.sign_ins is None:
            self._tokens.add(self.token)

    @property
    def cookie_name(self) -> str:
        """The name of the session's cookie; two studies on one computer have two."""
        mark = hashlib.sha256(self.key.encode()).hexdigest()[:8]
        return f"{'__Host-' if self.is_https else ''}{COOKIE}-{mark}"

    @property
    def known_name(self) -> str:
        """The name of the cookie by which a browser is known to have signed in before."""
        return f"{self.cookie_name}-known"

    @property
    def n_links(self) -> int:
        """How many links wait to be used."""
        return len(self._tokens)

    def new_token(self) -> str:
        """Return the token of one more link."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens.add(token)
        return token

    def cookie_for(self, token: str) -> str | None:
        """Return the cookie that a token is worth, once, or None."""
        with self._lock:
            found = [kept for kept in self._tokens if _is_same(kept, token)]
            if self.sign_ins is not None or not found:
                return None
            self._tokens.difference_update(found)
        if self.tell is not None:
            self.tell(self.new_token())
        return self._signed({"by": "link", "reader": self.reader})

    def cookie_of(self, account: Account) -> str:
        """Return the cookie of somebody who signed in."""
        return self._signed({"by": "password", "name": account.name, "n": account.session_number})

    def session_for(self, cookie: str, *, asks_database: bool = True) -> Session | None:
        """Return the session of a cookie, or None where it is not ours, too old or revoked.

        Args:
            asks_database: False answers from what was read a moment ago, or None.

        Raises:
            StorageError: The database does not answer.
        """
        said = self._read(cookie, MAX_AGE_S if self.sign_ins is None else SIGNED_IN_S)
        if said is None or said.get("id") in self._left:
            return None
        if self.sign_ins is None:
            if said.get("by") != "link":
                return None
            return Session(reader=ReaderId(said["reader"]), role="owner", is_local=True)
        if said.get("by") != "password":
            return None
        ask = self.sign_ins.account if asks_database else self.sign_ins.kept
        account = ask(said["name"])
        if account is None or account.session_number != said["n"]:
            return None
        return Session(reader=account.name, role=account.role, is_local=False)

    def leave(self, cookie: str) -> None:
        """Let a cookie be worth nothing any more while this server runs."""
        said = self._read(cookie, MAX_AGE_S)
        if said is not None:
            with self._lock:
                while len(self._left) >= _MAX_LEFT:
                    self._left.pop(next(iter(self._left)))
                self._left[said["id"]] = None

    def known_for(self, name: str) -> str:
        """Return the cookie of a browser in which an account signed in."""
        return self._signed({"by": "known", "name": name})

    def browser_of(self, cookie: str, name: str) -> str:
        """Return what tells a browser apart in which that account signed in before; "" else."""
        said = self._read(cookie, KNOWN_S)
        if said is None or said.get("by") != "known" or said.get("name") != name:
            return ""
        return str(said["id"])

    def _signed(self, said: dict[str, Any]) -> str:
        return str(self._signer.dumps({**said, "id": secrets.token_hex(8)}))

    def _read(self, cookie: str, max_age_s: int) -> dict[str, Any] | None:
        try:
            said = self._signer.loads(cookie, max_age=max_age_s)
        except BadSignature:
            return None
        return said if isinstance(said, dict) else None

    @property
    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt="rimlight session")


def _is_same(kept: str, token: str) -> bool:
    return secrets.compare_digest(kept.encode(), token.encode("utf-8", "replace"))
