"""Where maps lie on what QuPath shows of a slide, and their colours as an overlay for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rimlight.core.map_frames import MapFrame
from rimlight.io.files import whole_file
from rimlight.io.formats.qupath_collection import frame_of, origin_of
from rimlight.io.value_pyramids import read_ome_level
from rimlight.records import Box, SlideInfo

OVERLAY_PX = 4096
"""Longer side of an overlay at the most."""


def shown_box(info: SlideInfo) -> Box:
    """Return the part of a slide that QuPath shows: its bounds, or all of it."""
    left_l0, top_l0 = origin_of(info, frame_of(info))
    whole = info.bounds or Box(
        left_l0=0, top_l0=0, width_l0=info.width_l0, height_l0=info.height_l0
    )
    return Box(left_l0=left_l0, top_l0=top_l0, width_l0=whole.width_l0, height_l0=whole.height_l0)


def place_facts(frame: MapFrame, info: SlideInfo) -> dict[str, Any]:
    """Return where a map lies, for its record; the matrix takes map pixels to QuPath's pixels."""
    left_l0, top_l0 = origin_of(info, frame_of(info))
    step_l0 = frame.step_l0
    return {
        "left_l0": frame.left_l0,
        "top_l0": frame.top_l0,
        "step_l0": step_l0,
        "rows": frame.rows,
        "columns": frame.columns,
        "mpp": frame.mpp,
        "qupath_affine": [step_l0, 0, frame.left_l0 - left_l0, 0, step_l0, frame.top_l0 - top_l0],
    }


def origin_um(frame: MapFrame, info: SlideInfo) -> tuple[float, float]:
    """Return where a map starts on what QuPath shows of the slide, in micrometres."""
    left_l0, top_l0 = origin_of(info, frame_of(info))
    return (frame.left_l0 - left_l0) * info.mpp, (frame.top_l0 - top_l0) * info.mpp


def write_overlay(
    path: Path, frame: MapFrame, info: SlideInfo, *, colours: Callable[[np.ndarray], np.ndarray]
) -> dict[str, Any]:
    """Write the colours of a map beside it as a PNG that is transparent where it has no value.

    Args:
        path: The map, as OME-TIFF.
        frame: Where it lies.
        info: The slide.
        colours: Makes uint8 (h, w, 4) of values (h, w), nan among them.

    Returns:
        The name of the file, and the part of QuPath's pixels that it covers.

    Raises:
        StorageError: The disk refuses.
    """
    values, level = read_ome_level(path, most_px=OVERLAY_PX)
    target = path.with_name(path.name.removesuffix(".ome.tiff") + ".overlay.png")
    with whole_file(target) as file:
        Image.fromarray(colours(values)).save(file, format="PNG")
    left_l0, top_l0 = origin_of(info, frame_of(info))
    step_l0 = frame.step_l0 * 2**level
    return {
        "file": target.name,
        "x": frame.left_l0 - left_l0,
        "y": frame.top_l0 - top_l0,
        "width": values.shape[1] * step_l0,
        "height": values.shape[0] * step_l0,
    }
