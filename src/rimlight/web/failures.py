"""The one place where errors become replies: one sentence each, and never what was sent.

Nor where things lie on the server: of a path the last name is told, for a reader elsewhere.
"""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rimlight.errors import (
    JobError,
    RimlightError,
    RunError,
    SlideError,
    StorageError,
    StudyError,
    TooManyJobsError,
)
from rimlight.web.workbench import ForbiddenError, UnknownError
from rimlight.workflows.assignments import UnknownAssignmentError
from rimlight.workflows.sign_in import SignInError, SlowDownError

_log = logging.getLogger("rimlight")
_STATUS: tuple[tuple[type[RimlightError], int], ...] = (
    (ForbiddenError, 403),
    (UnknownError, 404),
    (UnknownAssignmentError, 404),
    (SignInError, 401),
    (SlowDownError, 429),
    (SlideError, 422),
    (RunError, 404),
    (StudyError, 409),
    (TooManyJobsError, 429),
    (JobError, 503),
)
_WORDS = {
    401: "not signed in; open the link that rimlight serve printed, or sign in again",
    404: "nothing is found at that address",
    405: "that address does not take this kind of request",
}
FULL, LATER = 507, 503
_NAME = re.compile(r"[A-Za-z0-9_]{1,40}")
_PATH = re.compile(r"(?<![\w.:/])(?:/|[A-Za-z]:\\)(?:[^\s/\\:;,\"']+[/\\])+")


def add_failures(app: FastAPI) -> None:
    """Let an application answer every error with ``{"sentence": ...}``."""
    for kind in (RimlightError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _handler(failure_of))


def failure(status: int, sentence: str) -> JSONResponse:
    """Return the reply to a request that failed."""
    text = sentence.encode("utf-8", "replace").decode()
    return JSONResponse({"sentence": text}, status_code=status)


def failure_of(error: Exception) -> JSONResponse:
    """Return the reply to an error; what nobody foresaw is logged under a number."""
    if isinstance(error, RimlightError):
        return _of_rimlight(error)
    if isinstance(error, RequestValidationError):
        return _of_request(error)
    if isinstance(error, HTTPException):
        return failure(error.status_code, _WORDS.get(error.status_code, f"{error.detail}"))
    number = secrets.token_hex(4)
    _log.error("error %s", number, exc_info=error)
    return failure(500, f"error {number}: the server failed; its log has the details")


def without_folders(sentence: str) -> str:
    """Return a sentence with the last name in place of each path.

    >>> without_folders("/home/anna/study/rimlight.db: the disk is full")
    'rimlight.db: the disk is full'
    """
    return _PATH.sub("", sentence)


def _handler(
    answer: Callable[[Exception], JSONResponse],
) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def handle(_request: Request, error: Exception) -> JSONResponse:
        return answer(error)

    return handle


def _of_rimlight(error: RimlightError) -> JSONResponse:
    sentence = without_folders(" ".join(str(error).split()))
    if isinstance(error, StorageError):
        return failure(FULL if "disk is full" in sentence else LATER, sentence)
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
    reply = failure(status, sentence)
    if isinstance(error, SlowDownError):
        reply.headers["retry-after"] = str(int(error.wait_s) + 1)
    return reply


def _of_request(error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(_part(part) for part in first["loc"])
    said, given = first["msg"], first.get("input")
    if isinstance(given, str) and len(given) > 2 and given in said:
        said = "is not as it should be"
    return failure(422, f"{where}: {said}; correct it and send it again")


def _part(part: object) -> str:
    """Return where a fault is; a name that was made up by the sender is not repeated."""
    text = str(part)
    return text if _NAME.fullmatch(text) else "(name)"
