"""What a request may look like before any route sees it: its path, its query, its body.

The traps of JSON end here: NaN, infinite numbers, a key twice, deep nesting, half characters.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.types import Message, Receive, Scope

from rimlight.io.files import strict_json

MAX_BODY_BYTES = 2 * 2**20
MAX_QUERY_BYTES = 8192
BODY_WITHIN_S = 30.0
_PASSED_OVER_S = 0.5
METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
READS = frozenset(("GET", "HEAD", "OPTIONS"))
_LARGEST = 2**63
_CLAUSES = (
    "is not",
    "is nested",
    "holds NaN",
    "holds Infinity",
    "holds -Infinity",
    "holds a character",
    "holds a number",
    "begins",
)
_STEP = re.compile(r"(?:^|[/\\])\.\.?(?:[/\\]|$)")


class RefusedBodyError(Exception):
    """A body that no route may see; ``status`` and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def odd_address(scope: Scope) -> tuple[int, str] | None:
    """Return why a path or a query is refused, or None."""
    path, query = scope["path"], scope.get("query_string", b"")
    if scope["method"] not in METHODS:
        return 405, "this server does not know that method"
    if len(query) > MAX_QUERY_BYTES:
        return 414, "the address is too long; ask for less at once"
    if _STEP.search(path) or "\\" in path or not _is_plain(path):
        return 404, "nothing is found at that address"
    if b"%00" in query:
        return 400, "the address holds a character that no name has"
    return None


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether a body says that it is JSON, which no form of another page can."""
    return headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def is_said_too_large(headers: Mapping[str, str]) -> bool:
    """Whether a body says that it is larger than any route takes."""
    said = headers.get("content-length", "0")
    return not said.isdecimal() or int(said[:20]) > MAX_BODY_BYTES


async def body_of(receive: Receive) -> bytes:
    """Return the whole body of a request; reading ends where it becomes too large.

    Raises:
        RefusedBodyError: It is too large, came too slowly, or its sender went away.
    """
    parts, n_bytes = [], 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise RefusedBodyError(400, "the request broke off")
                part = message.get("body", b"")
                n_bytes += len(part)
                if n_bytes > MAX_BODY_BYTES:
                    await _pass_over(receive, message)
                    raise RefusedBodyError(413, too_large())
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as error:
        raise RefusedBodyError(408, "the request came too slowly; send it again") from error


async def _pass_over(receive: Receive, message: Message) -> None:
    """Drop what follows for a moment, and no more than as much again.

    A connection that is closed with bytes unread is reset, and the answer is lost with it.
    """
    n_left = MAX_BODY_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_PASSED_OVER_S):
            while message.get("more_body", False) and n_left > 0:
                message = await receive()
                n_left -= len(message.get("body", b""))


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives a body that was read already, then what follows it."""
    is_given = False

    async def receiving() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def check_json(body: bytes) -> None:
    """Check that a body is JSON that means one thing, in numbers and text that can be kept.

    Raises:
        RefusedBodyError: It is not; what came is not repeated.
    """
    if not body:
        return
    try:
        if body.startswith(b"\xef\xbb\xbf"):
            raise ValueError("begins with a byte-order mark")
        _check_values(strict_json(body))
    except (ValueError, RecursionError) as error:
        raise RefusedBodyError(422, f"the request {_clause(error)}; correct it") from error


def too_large() -> str:
    """Return the sentence for a body that is too large."""
    return f"the request is larger than {MAX_BODY_BYTES} bytes; send less at once"


def _check_values(data: Any) -> None:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str) and not _is_plain(value):
            raise ValueError("holds a character that no text has")
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise ValueError("holds a number that is too large")


def _is_plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= part <= "\udfff" for part in text)


def _clause(error: Exception) -> str:
    told = str(error)
    if told.startswith("holds the key"):
        return "holds a key twice in one object"
    return told if told.startswith(_CLAUSES) else "holds a number that is too large"
