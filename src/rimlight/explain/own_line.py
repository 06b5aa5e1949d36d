"""Does a cell look as its label says?  The brown line around it, measured without any network.

An edit shows what a network responds to, and never whether the label is right: a network that uses
neighbours errs on some cells and is right on others for the same reason.  So a cause is asked of a
wrong call only where the cell itself bears out its label.
"""

from math import isnan
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from rimlight.core.measurement import separating_cut
from rimlight.explain.cause_edits import DAB, TERRITORY_UM, Scene, diffuse_dab

Look = Literal["as_labelled", "otherwise", "unclear"]

N_DIRECTIONS = 24
CLOSED_SHARE = 0.6
"""A line counts as dark as it is in this share of the directions at least."""
BEYOND_UM = 0.5
"""How far beyond the border found from nuclei the cell's own line may lie."""
LEAST_NUCLEUS_UM2 = 20.0
"""A smaller nucleus, or none, says too little about where the cell ends: that no line was found
there is then no sign of a negative cell."""


def own_line_od(scene: Scene) -> float:
    """Return how dark the line around the cell is in most directions, DAB OD above background.

    The darkest pixel in each direction from the nucleus, up to the border; brown without a line and
    specks of pigment are left out.

    Source:
        Own definition, docs/decisions/0011.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    line = (scene.maps[..., DAB] - scene.background_od).clip(min=0) - diffuse_dab(scene)
    nucleus = scene.zones.own_nucleus
    near = scene.own_side
    if nucleus.any():
        near = distance_transform_edt(~nucleus) * scene.mpp <= TERRITORY_UM
    inside = near & (scene.beyond_um <= BEYOND_UM) & ~scene.zones.padding
    inside &= ~binary_dilation(scene.specks)
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return 0.0
    x_px, y_px = scene.zones.centre_px
    turn = np.arctan2(rows - y_px, columns - x_px) / (2 * np.pi) % 1
    darkest = np.full(N_DIRECTIONS, -np.inf)
    np.maximum.at(darkest, (turn * N_DIRECTIONS).astype(int) % N_DIRECTIONS, line[rows, columns])
    return float(np.quantile(darkest[np.isfinite(darkest)], 1 - CLOSED_SHARE))


def line_cut_od(line_od: Float[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]) -> float:
    """Return the line that parts positive from negative training cells best; nan if one lacks."""
    return separating_cut(line_od, is_positive)


def look_of(scene: Scene, *, is_positive: bool, cut_od: float) -> Look:
    """Return whether the cell looks as its label says.

    Args:
        is_positive: What the label says.
        cut_od: Line that parts positive from negative cells; nan: unknown, every cell passes.
    """
    if isnan(cut_od):
        return "as_labelled"
    if (own_line_od(scene) > cut_od) != is_positive:
        return "otherwise"
    nucleus_um2 = float(scene.zones.own_nucleus.sum()) * scene.mpp**2
    return "as_labelled" if is_positive or nucleus_um2 >= LEAST_NUCLEUS_UM2 else "unclear"
