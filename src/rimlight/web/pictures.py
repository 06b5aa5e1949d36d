"""Tiles, overviews and patches of slides as pictures, which browsers keep.

These routes wait for a worker without holding a thread of the server, so that labels never wait
behind tiles.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import FiniteFloat
from starlette.concurrency import run_in_threadpool

from rimlight.core.display import Tile, Way, tile_place
from rimlight.records import SlideInfo
from rimlight.web.slides import SlideKey, slide_of, version_of
from rimlight.web.workbench import UnknownError, workbench_of

router = APIRouter(tags=["pictures"])
Version = Annotated[str, Query(max_length=64, description="the slide's version, for caches")]
Place = Annotated[FiniteFloat, Query(ge=-1e7, le=1e7)]
_KEPT = "private, max-age=31536000, immutable"
_ASKED_AGAIN = "private, no-cache"
_JPEG, _PNG = "image/jpeg", "image/png"


@router.get("/slides/{slide_id}/tiles/{level}/{column}_{row}.jpg", response_class=Response)
async def tile(
    request: Request, slide_id: SlideKey, level: int, column: int,
    *, row: int, colour: Way = "srgb", v: Version = "",
) -> Response:  # fmt: skip
    """Return a Deep Zoom tile of 256 px without overlap; the last of a row is narrower."""
    info = await _info(request, slide_id)
    wanted = Tile(level=level, column=column, row=row)
    if tile_place(wanted, width_l0=info.width_l0, height_l0=info.height_l0) is None:
        raise UnknownError(f"slide {slide_id}: has no such tile")
    pool = workbench_of(request).slides
    return await _Asked(request, info, v).picture(
        _JPEG, lambda: pool.tile_later(info, wanted, colour=colour)
    )


@router.get("/slides/{slide_id}/overview.jpg", response_class=Response)
async def overview(
    request: Request, slide_id: SlideKey, px: Annotated[int, Query(ge=16, le=4096)] = 512,
    *, colour: Way = "srgb", v: Version = "",
) -> Response:  # fmt: skip
    """Return the whole slide, no side longer than ``px``."""
    info = await _info(request, slide_id)
    pool = workbench_of(request).slides
    return await _Asked(request, info, v).picture(
        _JPEG, lambda: pool.overview_later(info, px=px, colour=colour)
    )


@router.get("/slides/{slide_id}/patch.png", response_class=Response)
async def patch(
    request: Request, slide_id: SlideKey, x_l0: Place, y_l0: Place,
    *, um: Annotated[FiniteFloat, Query(ge=1, le=2000)] = 48.0,
    px: Annotated[int, Query(ge=16, le=1024)] = 192, colour: Way = "srgb", v: Version = "",
) -> Response:  # fmt: skip
    """Return the square of ``um`` micrometres around a point; white beyond the slide."""
    info = await _info(request, slide_id)
    pool = workbench_of(request).slides
    return await _Asked(request, info, v).picture(
        _PNG,
        lambda: pool.patch_later(info, x_l0=x_l0, y_l0=y_l0, um=um, px=px, colour=colour),
    )


async def _info(request: Request, slide_id: str) -> SlideInfo:
    return await run_in_threadpool(slide_of, workbench_of(request), slide_id)


class _Asked:
    """A picture that was asked for by a version of its slide, perhaps by one that is old."""

    def __init__(self, request: Request, info: SlideInfo, v: str) -> None:
        self._request = request
        version = version_of(info)
        facts = [version, request.url.path, sorted(request.query_params.multi_items())]
        self._tag = f'"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}"'
        self._headers = {
            "etag": self._tag,
            "cache-control": _KEPT if v == version else _ASKED_AGAIN,
        }

    async def picture(self, kind: str, make: Callable[[], "Future[bytes]"]) -> Response:
        """Return it, or that the browser has it already."""
        known = self._request.headers.get("if-none-match", "")
        if self._tag in known:
            return Response(status_code=304, headers=self._headers)
        made = await asyncio.wrap_future(make())
        return Response(made, media_type=kind, headers=self._headers)
