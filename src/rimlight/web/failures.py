"""The one place where errors become replies: one sentence each, and never what was sent."""

import logging
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
)
from rimlight.web.workbench import ForbiddenError, UnknownError

_log = logging.getLogger("rimlight")
_STATUS: tuple[tuple[type[RimlightError], int], ...] = (
    (ForbiddenError, 403),
    (UnknownError, 404),
    (SlideError, 422),
    (RunError, 404),
    (StudyError, 409),
    (JobError, 503),
)
_WORDS = {401: "not signed in; open the link that rimlight serve printed, or sign in again"}
FULL, LATER = 507, 503


def add_failures(app: FastAPI) -> None:
    """Let an application answer every error with ``{"sentence": ...}``."""
    app.add_exception_handler(RimlightError, _handler(_of_rimlight))
    app.add_exception_handler(RequestValidationError, _handler(_of_request))
    app.add_exception_handler(HTTPException, _handler(_of_http))
    app.add_exception_handler(Exception, _handler(_of_bug))


def failure(status: int, sentence: str) -> JSONResponse:
    """Return the reply to a request that failed."""
    return JSONResponse({"sentence": sentence}, status_code=status)


def _handler(
    answer: Callable[[Exception], JSONResponse],
) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def handle(_request: Request, error: Exception) -> JSONResponse:
        return answer(error)

    return handle


def _of_rimlight(error: Exception) -> JSONResponse:
    sentence = " ".join(str(error).split())
    if isinstance(error, StorageError):
        return failure(FULL if "disk is full" in sentence else LATER, sentence)
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
    return failure(status, sentence)


def _of_request(error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return failure(422, f"{where}: {first['msg']}; correct it and send it again")


def _of_http(error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return failure(error.status_code, _WORDS.get(error.status_code, f"{error.detail}"))


def _of_bug(error: Exception) -> JSONResponse:
    number = secrets.token_hex(4)
    _log.error("error %s", number, exc_info=error)
    return failure(500, f"error {number}: the server failed; its log has the details")
