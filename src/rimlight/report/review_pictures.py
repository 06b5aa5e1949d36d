"""Pictures of the cells of a review as PNG: the pixels and the lines that the report draws."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from rimlight.errors import RunError
from rimlight.explain.colour import colour_bar, overlay
from rimlight.io.runs import Run
from rimlight.report.cause_cells import CauseCells, read_cause_cells
from rimlight.report.contents import read_contents
from rimlight.report.gallery import read_gallery
from rimlight.report.panels import gate_words
from rimlight.report.scorecard import stamp_of_run

What = Literal["patch", "map", "edited"]
FILES = (
    "causes.csv", "cause_trials.csv", "cells.csv", "metrics.json", "run.json",
    "causes/manifest.json", "gallery/manifest.json",
)  # fmt: skip
"""Files of a run that pictures are made from; as long as they stay, so do the pictures."""
ZOOM = 6
"""Screen pixels of a patch pixel in a map, so that lines are thinner than pixels."""
_INK, _HALO = (16, 24, 32), (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLegend:
    """What a heat map needs beside it.

    scale: logits per pixel at full colour. low, zero, high: colours as ``#rrggbb``.
    stamp: why maps of this run must not be trusted, "" where nothing speaks against them.
    patch_um: width of a picture in micrometres.
    """

    scale: float
    low: str
    zero: str
    high: str
    stamp: str
    patch_um: float


def pictures_of(run: Run) -> CauseCells | None:
    """Return the pictures that a run keeps of its causes, on the scale of its report.

    Raises:
        RunError: A table or an array is damaged, or they do not belong together.
    """
    contents = read_contents(run)
    gallery = read_gallery(run.folder / "gallery", stamp=stamp_of_run(contents))
    return read_cause_cells(contents, scale=None if gallery is None else gallery.scale)


def legend_of(cells: CauseCells) -> MapLegend:
    """Return what stands beside the maps."""
    bar = colour_bar()
    low, zero, high = (f"#{r:02x}{g:02x}{b:02x}" for r, g, b in (bar[0], bar[127], bar[254]))
    return MapLegend(
        scale=cells.scale,
        low=low,
        zero=zero,
        high=high,
        stamp=gate_words(cells.gate) if cells.gate else "",
        patch_um=float(cells.arrays["patches"].shape[2] * cells.mpp),
    )


def picture_png(cells: CauseCells, number: int, what: What) -> bytes:
    """Return a picture of the cell in a row of ``causes.csv``.

    The map has the own cell outlined with a thin line and what the edit changed with a thick one.

    Raises:
        RunError: There is no such row.
    """
    if not 0 <= number < len(cells.rows):
        raise RunError(f"picture {number}: the run keeps {len(cells.rows)} of them; open it anew")
    patch = cells.arrays["patches"][number]
    if what == "patch":
        return _png(patch)
    if what == "edited":
        return _png(cells.arrays["edited"][number])
    values = cells.arrays["maps"][number].astype(np.float32)
    large = _enlarged(overlay(patch, values, scale=cells.scale))
    for mask, reach in ((cells.own_cell(number), 0), (cells.zone(number), 1)):
        _draw_border(large, mask, reach)
    return _png(large)


def _enlarged(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def _draw_border(large: np.ndarray, mask: np.ndarray, reach: int) -> None:
    """Draw the border of a mask along pixel edges: dark, with a light line on both sides."""
    big = _enlarged(mask)
    inner = big & ~_shrunk(big, 1 + 2 * reach)
    halo = (_shrunk(~big, 1) ^ ~big) | (_shrunk(big, 1 + 2 * reach) & ~_shrunk(big, 2 + 2 * reach))
    large[halo] = _HALO
    large[inner] = _INK


def _shrunk(mask: np.ndarray, n_px: int) -> np.ndarray:
    """A mask without what lies within so many pixels of its border; the picture's edge is none."""
    kept = mask
    for _ in range(n_px):
        padded = np.pad(kept, 1, mode="edge")
        kept = (
            padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2]
            & padded[1:-1, 2:]
        )  # fmt: skip
    return kept


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
