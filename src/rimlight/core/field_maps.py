"""Cells of a slide to maps on its frame.

A map pixel covers ``step_l0`` x ``step_l0`` level-0 pixels; the first one has its outer corner at
(0, 0) of level 0, and row 0 is the topmost.
"""

from math import ceil

import numpy as np
from jaxtyping import Float, Float64


def field_counts(
    x_l0: Float[np.ndarray, " n"],
    y_l0: Float[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"],
    *,
    width_l0: float,
    height_l0: float,
    field_l0: float,
) -> Float64[np.ndarray, "rows columns"]:
    """Return the sum of the weights of the cells in each square field of a slide.

    Args:
        x_l0: Cells; those off the slide are in no field.
        y_l0: Likewise.
        weight: 1 for each cell counts them; 0 leaves a cell out.
        width_l0: Of the slide.
        height_l0: Likewise.
        field_l0: Side of a field; the last ones may reach beyond the slide.

    Returns:
        Row 0 at the top.

    Raises:
        ValueError: A side is not above 0.

    >>> cells = np.array([5.0, 15.0, 15.0]), np.array([5.0, 5.0, 25.0])
    >>> field_counts(*cells, np.ones(3), width_l0=20, height_l0=30, field_l0=10).tolist()
    [[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]
    """
    rows, columns = map_shape(width_l0=width_l0, height_l0=height_l0, step_l0=field_l0)
    is_on = (x_l0 >= 0) & (x_l0 < width_l0) & (y_l0 >= 0) & (y_l0 < height_l0)
    row = (y_l0[is_on] / field_l0).astype(np.int64)
    column = (x_l0[is_on] / field_l0).astype(np.int64)
    sums = np.bincount(row * columns + column, weights=weight[is_on], minlength=rows * columns)
    return sums.reshape(rows, columns).astype(np.float64)


def map_shape(*, width_l0: float, height_l0: float, step_l0: float) -> tuple[int, int]:
    """Return rows and columns of a map whose pixels cover a slide, the last ones in part.

    Raises:
        ValueError: A side is not above 0.
    """
    if not (width_l0 > 0 and height_l0 > 0 and step_l0 > 0):
        raise ValueError(f"sides must be above 0, got {width_l0}, {height_l0}, {step_l0}")
    return ceil(height_l0 / step_l0), ceil(width_l0 / step_l0)
