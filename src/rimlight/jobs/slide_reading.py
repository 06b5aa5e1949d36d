"""A child process that opens slides for the workbench; a crash or a bomb costs only this one.

It is told in lines of JSON what to read, and answers with a line of JSON and the bytes of a
picture. What libraries print goes nowhere, and its memory has a ceiling.
"""

import contextlib
import json
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rimlight.core.display import TILE_PX, Tile, max_level
from rimlight.errors import SlideError
from rimlight.io.colour_profiles import Colours
from rimlight.io.deep_zoom import DeepZoom
from rimlight.io.inspection import fingerprint
from rimlight.io.rasters import Light
from rimlight.io.slides import Slide, open_slide
from rimlight.jobs.slide_workers import READY
from rimlight.records import Box

MEMORY_BYTES = 1536 * 2**20
_MOST_OPEN = 4
_State = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    slide: Slide
    zoom: DeepZoom
    colours: Colours
    white: Light
    state: _State
    closing: contextlib.ExitStack


class Shelf:
    """The slides that are open, those used last; a file that changed is opened anew."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def slide(self, asked: Mapping[str, Any]) -> _Open:
        """Return an open slide.

        Raises:
            SlideError: Its file is missing, another one, or cannot be opened.
        """
        key = json.dumps(asked, sort_keys=True)
        state = _state(asked)
        found = self._open.get(key)
        if found is not None and found.state == state:
            self._open.move_to_end(key)
            return found
        if found is not None:
            self._open.pop(key).closing.close()
        while len(self._open) >= _MOST_OPEN:
            self._open.popitem(last=False)[1].closing.close()
        self._open[key] = _opened(asked, state)
        return self._open[key]

    def drop(self, asked: Mapping[str, Any]) -> None:
        """Close a slide whose pixels could not be read, so that nothing of it is kept."""
        found = self._open.pop(json.dumps(asked, sort_keys=True), None)
        if found is not None:
            found.closing.close()


def answer(shelf: Shelf, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the header and the bytes that answer a request; a refusal has an ``error``."""
    asked = request["slide"]
    try:
        return _DOES[request["do"]](shelf.slide(asked), request)
    except SlideError as error:
        shelf.drop(asked)
        return {"error": _without_path(str(error), asked)}, b""
    except MemoryError:
        shelf.drop(asked)
        gib = MEMORY_BYTES / 2**30
        words = f"needs more than {gib:.1f} GiB of memory here; convert it to a pyramidal OME-TIFF"
        return {"error": f"slide {asked['slide_id']}: {words}", "is_crash": True}, b""


def _state(asked: Mapping[str, Any]) -> _State:
    try:
        found = Path(asked["path"]).stat()
    except OSError as error:
        raise SlideError(
            f"{asked['path']}: its file is missing; put it back where it was, or register it "
            "where it is now"
        ) from error
    return found.st_mtime_ns, found.st_size


def _opened(asked: Mapping[str, Any], state: _State) -> _Open:
    path = Path(asked["path"])
    if fingerprint(path) != asked["fingerprint"]:
        raise SlideError(
            f"{path}: its file is another one than the one that was registered; put the old "
            "file back, or register this one under a new name"
        )
    with contextlib.ExitStack() as stack:
        slide = stack.enter_context(open_slide(path, mpp=asked["mpp"]))
        white = np.asarray(asked["white"], dtype=np.float32)
        return _Open(
            slide=slide,
            zoom=DeepZoom(slide, white=white),
            colours=Colours(slide.profile),
            white=white,
            state=state,
            closing=stack.pop_all(),
        )


def _facts(opened: _Open, _request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    slide, colours = opened.slide, opened.colours
    notices = [*slide.notices, *([colours.fault] if colours.fault else [])]
    return {
        "tile_px": TILE_PX,
        "min_level": 0,
        "max_level": max_level(slide.width_l0, slide.height_l0),
        "notices": [notice.removeprefix(f"{slide.path}: ") for notice in notices],
        "ways": list(colours.ways),
    }, b""


def _tile(opened: _Open, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    tile = Tile(level=request["level"], column=request["column"], row=request["row"])
    return {}, opened.colours.jpeg(opened.zoom.read(tile), request["colour"])


def _overview(opened: _Open, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    pixels = opened.slide.overview(request["px"])
    return {}, opened.colours.jpeg(pixels, request["colour"])


def _patch(opened: _Open, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    side_l0 = request["um"] / opened.slide.mpp
    box = Box(
        left_l0=request["x_l0"] - side_l0 / 2,
        top_l0=request["y_l0"] - side_l0 / 2,
        width_l0=side_l0,
        height_l0=side_l0,
    )
    pixels = opened.slide.read_patch(
        box, size_px=request["px"], white=[float(value) for value in opened.white]
    )
    return {}, opened.colours.png(pixels, request["colour"])


_DOES: dict[str, Callable[[_Open, Mapping[str, Any]], tuple[dict[str, Any], bytes]]] = {
    "facts": _facts,
    "tile": _tile,
    "overview": _overview,
    "patch": _patch,
}


def _without_path(sentence: str, asked: Mapping[str, Any]) -> str:
    """Name the slide where a sentence names its file: paths are not for everybody."""
    path = Path(asked["path"])
    words = " ".join(sentence.split()).replace(str(path), f"slide {asked['slide_id']}")
    return words.replace(f"{path.parent}{os.sep}", "")


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    shelf = Shelf()
    answers.write(READY)
    answers.flush()
    for line in requests:
        header, payload = answer(shelf, json.loads(line))
        header["n_bytes"] = len(payload)
        answers.write(json.dumps(header).encode() + b"\n" + payload)
        answers.flush()
        if header.get("is_crash"):
            return


def main() -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; who started us decides
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(os.dup(1), "wb") as answers, contextlib.suppress(BrokenPipeError):
        os.dup2(2, 1)  # what a native library prints must not reach the parent
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
