"""Random textures: smooth fields from a grid of splines, and fine grain from a bank."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter

_BANK_PX = 1024
_BANK_SEED = 7
_SPLINE_VARIANCE = 151 / 315  # mean over a cell of the sum of squared cubic B-spline weights


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], *, step_px: float
) -> Float32[np.ndarray, "h w"]:
    """Return smooth noise of mean 0 and standard deviation about 1.

    Cubic B-splines on a grid of independent normal numbers.

    Args:
        rng: Where the numbers come from.
        shape: Height and width in pixels.
        step_px: Distance of grid points; neighbouring hills are about twice as far apart.
    """
    down, across = (_spline_matrix(size, step_px) for size in shape)
    grid = rng.standard_normal((down.shape[1], across.shape[1]), dtype=np.float32)
    noise: Float32[np.ndarray, "h w"] = (down @ grid @ across.T) / np.float32(_SPLINE_VARIANCE)
    return noise


def grain(
    rng: np.random.Generator, shape: tuple[int, int], *, sigma_px: float, along: float = 1.0
) -> Float32[np.ndarray, "h w"]:
    """Return fine noise of mean 0 and standard deviation 1, cut at random from a periodic bank.

    Args:
        rng: Chooses where to cut.
        shape: Height and width in pixels.
        sigma_px: Gaussian size of a grain.
        along: How many times longer grains are in x than in y.
    """
    tile = grain_tile(sigma_px, along)
    top, left = rng.integers(0, _BANK_PX, size=2)
    rows = (np.arange(shape[0]) + top) % _BANK_PX
    columns = (np.arange(shape[1]) + left) % _BANK_PX
    cut: Float32[np.ndarray, "h w"] = tile.take(rows, axis=0).take(columns, axis=1)
    return cut


@lru_cache(maxsize=16)
def grain_tile(sigma_px: float, along: float = 1.0) -> Float32[np.ndarray, "1024 1024"]:
    """Return one periodic square of grain; the same for every seed and process."""
    rng = np.random.default_rng([_BANK_SEED, round(sigma_px * 100), round(along * 100)])
    noise = rng.standard_normal((_BANK_PX, _BANK_PX), dtype=np.float32)
    tile: Float32[np.ndarray, "1024 1024"] = gaussian_filter(
        noise, (sigma_px, sigma_px * along), mode="wrap"
    )
    tile /= tile.std()
    tile.flags.writeable = False
    return tile


def doubled(field: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w2"]:
    """Return the field at twice the resolution, each old pixel becoming four, then smoothed."""
    return _stretched(_stretched(field).T).T


def _stretched(field: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w"]:
    above = np.concatenate([field[:1], field[:-1]])
    below = np.concatenate([field[1:], field[-1:]])
    wide = np.empty((2 * len(field), field.shape[1]), dtype=np.float32)
    wide[0::2] = 0.75 * field + 0.25 * above
    wide[1::2] = 0.75 * field + 0.25 * below
    return wide


@lru_cache(maxsize=64)
def _spline_matrix(size: int, step_px: float) -> Float32[np.ndarray, "size points"]:
    where = (np.arange(size) + 0.5) / step_px + 1.5
    first = np.floor(where).astype(int)
    t = where - first
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
    )
    matrix = np.zeros((size, int(first[-1]) + 3), dtype=np.float32)
    np.put_along_axis(matrix, first[:, None] + np.arange(-1, 3), weights / 6, axis=1)
    return matrix
