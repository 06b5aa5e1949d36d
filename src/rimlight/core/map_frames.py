"""Where a map lies on its slide: the one place that turns level-0 pixels into map pixels.

In both planes x grows to the right and y downwards, and (0, 0) is the outer corner of the first
pixel.
"""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from jaxtyping import Float, Float64

from rimlight.records import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFrame:
    """A raster of map pixels on a slide.

    left_l0, top_l0: outer corner of the first map pixel, on level 0.
    step_l0: level-0 pixels that a map pixel covers, across and down.
    rows, columns: of the map.
    slide_mpp: micrometres per level-0 pixel.
    """

    left_l0: float
    top_l0: float
    step_l0: float
    rows: int
    columns: int
    slide_mpp: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def mpp(self) -> float:
        """Micrometres per map pixel."""
        return self.step_l0 * self.slide_mpp

    def x_px(self, x_l0: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Return where points lie across the map, in map pixels."""
        across: np.ndarray = (x_l0.astype(np.float64) - self.left_l0) / self.step_l0
        return across

    def y_px(self, y_l0: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Return where points lie down the map, in map pixels."""
        down: np.ndarray = (y_l0.astype(np.float64) - self.top_l0) / self.step_l0
        return down


def map_frame(
    box: Box, *, step_l0: float, slide_mpp: float, is_on_slide_grid: bool = False
) -> MapFrame:
    """Return the raster that covers a box of level 0.

    Args:
        box: What is covered; the last row and column may reach beyond it.
        step_l0: Level-0 pixels that a map pixel covers.
        slide_mpp: Micrometres per level-0 pixel.
        is_on_slide_grid: Whether pixels lie on the grid that starts at (0, 0) of level 0, as
            patch pixels do; the first ones may then begin before the box.

    Raises:
        ValueError: A side or a step is not above 0.

    >>> box = Box(left_l0=10, top_l0=0, width_l0=25, height_l0=8)
    >>> map_frame(box, step_l0=4, slide_mpp=0.25).shape
    (2, 7)
    >>> map_frame(box, step_l0=4, slide_mpp=0.25, is_on_slide_grid=True).left_l0
    8
    """
    if not (box.width_l0 > 0 and box.height_l0 > 0 and step_l0 > 0 and slide_mpp > 0):
        raise ValueError(f"sides and steps must be above 0, got {box}, {step_l0}, {slide_mpp}")
    left_l0, top_l0 = box.left_l0, box.top_l0
    if is_on_slide_grid:
        left_l0, top_l0 = (floor(at / step_l0 + 1e-9) * step_l0 for at in (left_l0, top_l0))
    columns, rows = (
        ceil((end - start) / step_l0 - 1e-9)
        for start, end in (
            (left_l0, box.left_l0 + box.width_l0),
            (top_l0, box.top_l0 + box.height_l0),
        )
    )
    return MapFrame(
        left_l0=left_l0,
        top_l0=top_l0,
        step_l0=step_l0,
        rows=rows,
        columns=columns,
        slide_mpp=slide_mpp,
    )
