"""Cells of a slide to maps on its frame.

A map pixel covers ``step_l0`` x ``step_l0`` level-0 pixels; the first one has its outer corner at
(0, 0) of level 0, and row 0 is the topmost.
"""

from collections.abc import Iterator
from math import ceil, pi

import numpy as np
from jaxtyping import Float, Float32, Float64


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


def smoothed_share(
    part: Float[np.ndarray, "rows columns"],
    whole: Float[np.ndarray, "rows columns"],
    *,
    sigma_px: float,
    least: float,
    near_px: int = 1,
) -> Float32[np.ndarray, "rows columns"]:
    """Return the share 0..1 of ``part`` in ``whole`` around each field, by Gaussian weights.

    Both are smoothed before they are divided, so that each cell counts alike. The weight is 1 in
    the field itself and falls with distance; beyond the map there are no cells.

    Args:
        part: Cells a field that have what is asked, as positive ones.
        whole: All cells a field.
        sigma_px: Of the Gaussian, in fields.
        least: Weight of cells below which a share would mean little: nan.
        near_px: A field with no cell so near, in fields, is nan too: the map ends with the tissue.

    Raises:
        ValueError: sigma_px is not above 0.
    """
    from scipy.ndimage import gaussian_filter, maximum_filter

    if not sigma_px > 0:
        raise ValueError(f"sigma_px must be above 0, got {sigma_px}")
    one_in_the_middle = 2 * pi * sigma_px**2
    n_part, n_whole = (
        one_in_the_middle * gaussian_filter(counts, sigma_px, mode="constant", truncate=3)
        for counts in (part, whole)
    )
    share: np.ndarray = np.full(whole.shape, np.nan)
    is_near = maximum_filter(whole > 0, 2 * near_px + 1, mode="constant")
    np.divide(n_part, n_whole, out=share, where=is_near & (n_whole >= max(least, 1e-9)))
    return share.clip(0, 1).astype(np.float32)


def disc_rows(
    x_px: Float[np.ndarray, " n"],
    y_px: Float[np.ndarray, " n"],
    value: Float[np.ndarray, " n"],
    *,
    shape: tuple[int, int],
    radius_px: float,
    band_px: int = 256,
) -> Iterator[Float32[np.ndarray, "rows columns"]]:
    """Yield a map in bands of rows from the top: each cell a disc of its value, nan elsewhere.

    A pixel has the value of the cell nearest to its middle, where one lies within the radius.

    Args:
        x_px: Cells in map pixels, from the outer corner of the first pixel.
        y_px: Likewise.
        value: nan leaves a cell out.
        shape: Rows and columns of the map.
        radius_px: Of a disc; the pixel that holds the cell is painted in any case.
        band_px: Rows of a band; it changes memory, never what is painted.
    """
    known = np.flatnonzero(~np.isnan(value))
    known = known[np.argsort(y_px[known], kind="stable")]
    x_px, y_px, value = x_px[known], y_px[known], value[known]
    offsets = _disc_offsets(radius_px)
    reach = radius_px + 2
    for top in range(0, shape[0], band_px):
        n_rows = min(band_px, shape[0] - top)
        first, end = np.searchsorted(y_px, [top - reach, top + n_rows + reach])
        yield _painted(
            x_px[first:end],
            y_px[first:end] - top,
            value[first:end],
            shape=(n_rows, shape[1]),
            offsets=offsets,
            radius_px=radius_px,
        )


def _disc_offsets(radius_px: float) -> Float64[np.ndarray, "k 2"]:
    """Rows and columns, from the pixel of a cell, of all pixels that its disc may reach."""
    side = np.arange(-ceil(radius_px + 0.5), ceil(radius_px + 0.5) + 1, dtype=np.float64)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    near: np.ndarray = grid[np.hypot(*grid.T) <= radius_px + 0.75]
    return near


def _painted(
    x_px: Float[np.ndarray, " n"],
    y_px: Float[np.ndarray, " n"],
    value: Float[np.ndarray, " n"],
    *,
    shape: tuple[int, int],
    offsets: Float64[np.ndarray, "k 2"],
    radius_px: float,
) -> Float32[np.ndarray, "rows columns"]:
    row = np.floor(y_px)[:, None] + offsets[:, 0]
    column = np.floor(x_px)[:, None] + offsets[:, 1]
    distance = np.hypot(row + 0.5 - y_px[:, None], column + 0.5 - x_px[:, None])
    is_own = (offsets == 0).all(axis=1)
    is_painted = (distance <= radius_px) | is_own
    is_painted &= (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    cell, _ = np.nonzero(is_painted)
    place = (row[is_painted] * shape[1] + column[is_painted]).astype(np.int64)
    far_first = np.argsort(-distance[is_painted], kind="stable")  # the last one written stays
    flat = np.full(shape[0] * shape[1], np.nan, dtype=np.float32)
    flat[place[far_first]] = value[cell[far_first]]
    return flat.reshape(shape)
