"""What a reader does on a synthetic slide: picks cells, clicks beside their centre, errs."""

import numpy as np
from jaxtyping import Int64

from rimlight.errors import SettingsError
from rimlight.synthetic.field import CellTable, Field
from rimlight.synthetic.settings import CLICK_GRID_L0, MPP, SynthSettings

_WORST_CLICK_UM = 2.0


def chosen_cells(
    field: Field, n: int, *, border_l0: float, rng: np.random.Generator
) -> Int64[np.ndarray, " n"]:
    """Return the rows of n tumour cells, drawn at random away from the field's border.

    Raises:
        SettingsError: The field has fewer such cells.
    """
    rows = free_cells(field, border_l0=border_l0)
    if len(rows) < n:
        raise SettingsError(
            f"synthetic slide: {len(rows)} tumour cells lie away from the border, {n} are to be "
            "labelled; ask for fewer cells, more slides or larger ones"
        )
    return np.sort(rng.permutation(rows)[:n])


def free_cells(field: Field, *, border_l0: float) -> Int64[np.ndarray, " n"]:
    """Return the rows of the tumour cells that no click puts nearer to the border than this."""
    height, width = field.rgb.shape[:2]
    cells, border_l0 = field.cells, border_l0 + _WORST_CLICK_UM / MPP + CLICK_GRID_L0
    is_free = cells.is_tumour & (cells.x_l0 > border_l0) & (cells.x_l0 < width - border_l0)
    is_free &= (cells.y_l0 > border_l0) & (cells.y_l0 < height - border_l0)
    return np.flatnonzero(is_free)


def clicks(
    cells: CellTable,
    rows: Int64[np.ndarray, " n"],
    *,
    settings: SynthSettings,
    rng: np.random.Generator,
) -> Int64[np.ndarray, "n 2"]:
    """Return where a reader clicked, x and y in level-0 pixels, on the click grid."""
    true_l0 = np.stack([cells.x_l0[rows], cells.y_l0[rows]], axis=1)
    scatter_l0 = rng.normal(0, settings.click_sigma_um / MPP, true_l0.shape)
    limit_l0 = _WORST_CLICK_UM / MPP
    missed = true_l0 + scatter_l0.clip(-limit_l0, limit_l0)
    on_grid: Int64[np.ndarray, "n 2"] = CLICK_GRID_L0 * np.rint(missed / CLICK_GRID_L0).astype(
        np.int64
    )
    return on_grid


def read_levels(
    level: Int64[np.ndarray, " n"], *, settings: SynthSettings, rng: np.random.Generator
) -> Int64[np.ndarray, " n"]:
    """Return the levels as a reader gives them: a few are off by one."""
    is_off = rng.random(len(level)) < settings.label_noise
    step = np.where(level == 0, 1, np.where(level == 3, -1, rng.choice([-1, 1], len(level))))
    return np.where(is_off, level + step, level)
