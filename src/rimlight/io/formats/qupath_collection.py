"""The frame of a GeoJSON file for QuPath: one feature a line, a header that names the slide."""

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from rimlight.io.formats.packing import packed_file
from rimlight.io.formats.points import Frame
from rimlight.records import SlideInfo

NAMESPACE = UUID("0f2f5a0c-5f6b-5c59-9a39-6a1d3c1e7b10")
_HEADER_VERSION = 1
_LINES_AT_ONCE = 1024


def write_collection(
    path: Path, features: Iterable[dict[str, Any]], *, slide: SlideInfo, frame: Frame
) -> int:
    """Write the features of one slide, whole or not at all, and return how many.

    Args:
        path: The file; a name that ends in ``.gz`` is compressed.
        features: Taken one at a time.
        slide: Its fingerprint, mpp and bounds go into the header.
        frame: Where the coordinates of the features count from.

    Raises:
        StorageError: The disk refuses.
    """
    lines = (_json_text(feature) for feature in features)
    return write_collection_lines(path, lines, slide=slide, frame=frame)


def write_collection_lines(
    path: Path, lines: Iterable[str], *, slide: SlideInfo, frame: Frame
) -> int:
    """Write features that are text already, one a line, and return how many.

    Raises:
        StorageError: The disk refuses.
    """
    n_lines = 0
    rest = iter(lines)
    with packed_file(path) as packed:
        header = _json_text(header_of(slide, frame))
        packed.write(f'{{"type":"FeatureCollection",\n"rimlight":{header},\n"features":['.encode())
        while some := list(islice(rest, _LINES_AT_ONCE)):
            before = ",\n" if n_lines else "\n"
            packed.write((before + ",\n".join(some)).encode())
            n_lines += len(some)
        packed.write(b"\n]}\n")
    return n_lines


def frame_of(slide: SlideInfo) -> Frame:
    """Return where QuPath counts from: it crops to the bounds of a slide that has any."""
    return "bounds" if slide.bounds else "level0"


def origin_of(slide: SlideInfo, frame: Frame) -> tuple[float, float]:
    """Return x and y of a frame's origin, in level-0 pixels."""
    if slide.bounds is None or frame != "bounds":
        return 0.0, 0.0
    return slide.bounds.left_l0, slide.bounds.top_l0


def object_id(name: str) -> str:
    """Return the id that an object of this name has in every file."""
    return str(uuid5(NAMESPACE, name))


def header_of(slide: SlideInfo, frame: Frame) -> dict[str, Any]:
    """Return what a file of one slide says of itself, for any format that has room for it."""
    bounds = slide.bounds
    return {
        "version": _HEADER_VERSION,
        "slide": slide.slide_id,
        "slide_hash": slide.fingerprint,
        "mpp": slide.mpp,
        "frame": frame,
        "bounds": bounds and [bounds.left_l0, bounds.top_l0, bounds.width_l0, bounds.height_l0],
        "research_use_only": True,
    }


def _json_text(data: object) -> str:
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
