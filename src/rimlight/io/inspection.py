"""A slide looked over once, when it is registered: what it is, its white, and whether it reads."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rimlight.core.tissue import brightfield_fault, white_point
from rimlight.errors import SlideError
from rimlight.io.rasters import Level, PixelWindow
from rimlight.io.slides import Slide, file_start, open_slide
from rimlight.records import CaseId, SlideId, SlideInfo

_MEBIBYTE = 2**20
_OVERVIEW_PX = 1024
_PROBE_PX = 64
_PROBES_ACROSS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found.

    series: the DICOM series, whose every file opens this slide; empty for other formats.
    notices: what the user should know, one sentence each.
    """

    info: SlideInfo
    series: str
    notices: tuple[str, ...]


def slide_info(
    path: Path,
    *,
    slide_id: SlideId,
    case_id: CaseId,
    assay: str,
    scanner: str | None = None,
    mpp: float | None = None,
) -> Inspection:
    """Look a slide over: overview, white point, and pixels of every level here and there.

    A native library may crash on a damaged file; ``io.isolation`` runs this in a process of
    its own.

    Args:
        path: The file, kept in the record as an absolute path.
        slide_id: Its name in the study.
        case_id: The specimen it comes from.
        assay: Antibody, platform and cut-offs.
        scanner: None for what the file says.
        mpp: Micrometres per level-0 pixel, as ``open_slide`` takes it.

    Raises:
        SlideError: The slide is absent, of another kind, damaged, or not brightfield.
        MissingMppError: Neither the file nor the caller says a plausible mpp.
    """
    path = Path(path)
    with open_slide(path, mpp=mpp) as slide:
        overview = slide.overview(_OVERVIEW_PX)
        fault = brightfield_fault(overview)
        if fault is not None:
            raise SlideError(f"{path}: {fault}; register only stained slides in transmitted light")
        _probe(slide)
        glass = white_point(overview)
        info = SlideInfo(
            slide_id=slide_id,
            case_id=case_id,
            path=str(path.absolute()),
            fingerprint=fingerprint(path),
            format=slide.format,
            width_l0=slide.width_l0,
            height_l0=slide.height_l0,
            mpp=slide.mpp,
            mpp_source=slide.mpp_source,
            assay=assay,
            scanner=slide.scanner if scanner is None else scanner,
            white=glass.white,
            is_white_estimated=glass.is_estimated,
            bounds=slide.bounds,
        )
        series, notices = slide.series, slide.notices
    if not glass.is_estimated:
        notices += (f"{path}: no clear glass is in view, so 255 is taken as its white",)
    return Inspection(info=info, series=series, notices=notices)


def fingerprint(path: Path) -> str:
    """Return the sha256 of a file's length in bytes and of its first and last mebibyte.

    Raises:
        SlideError: The file is absent, no plain file, empty, or cannot be read.
    """
    file_start(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            first = file.read(_MEBIBYTE)
            file.seek(max(0, size - _MEBIBYTE))
            last = file.read(_MEBIBYTE)
    except OSError as error:
        raise SlideError(
            f"{path}: cannot be read: {error.strerror}; put it back or register it where it is now"
        ) from error
    return hashlib.sha256(size.to_bytes(8, "big") + first + last).hexdigest()


def check_unchanged(path: Path, info: SlideInfo) -> None:
    """Make sure that a file is still the one that was registered.

    Raises:
        SlideError: It cannot be read, or it is another file.
    """
    if fingerprint(path) != info.fingerprint:
        raise SlideError(
            f"{info.slide_id}: {path} is another file than the one registered under this name; "
            "put the old file back"
        )


def _probe(slide: Slide) -> None:
    """Decode pixels all over level 0 and in the middle of each other level."""
    white = np.full(3, 255, dtype=np.float32)
    for index, level in enumerate(slide.raster.levels):
        for window in _probes(level, _PROBES_ACROSS if index == 0 else 1):
            slide.raster.read(index, window, white=white)


def _probes(level: Level, n_across: int) -> Iterator[PixelWindow]:
    for row in range(n_across):
        for column in range(n_across):
            yield PixelWindow(
                left_px=int((column + 0.5) / n_across * max(0, level.width_px - _PROBE_PX)),
                top_px=int((row + 0.5) / n_across * max(0, level.height_px - _PROBE_PX)),
                width_px=_PROBE_PX,
                height_px=_PROBE_PX,
            )
