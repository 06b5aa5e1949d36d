"""What the network must beat: DAB optical density around the click, no network at all."""

import numpy as np
from jaxtyping import Bool, Float64

from rimlight.core.measurement import Ring, best_ring, mean_od
from rimlight.core.zones import disc, ring
from rimlight.settings import EvaluateSettings
from rimlight.workflows.patches import CellPatches

FIXED = ("od_centre", "od_disc", "od_ring", "od_patch", "od_neighbours")


def rival_densities(
    cells: CellPatches, settings: EvaluateSettings
) -> dict[str, Float64[np.ndarray, " n"]]:
    """Return the mean DAB density of every cell in each fixed zone, by column name.

    Returns:
        ``od_centre``, ``od_disc``, ``od_ring``, ``od_patch`` and ``od_neighbours``, the annulus
        that tells discordant neighbours (own definition, docs/statistics.md); OD, no unit.
    """
    size_px, mpp = cells.settings.size_px, cells.settings.mpp
    zones = {
        "od_centre": disc(size_px, mpp=mpp, radius_um=settings.centre_um),
        "od_disc": disc(size_px, mpp=mpp, radius_um=settings.disc_um),
        "od_ring": ring(
            size_px, mpp=mpp, inner_um=settings.ring_inner_um, outer_um=settings.ring_outer_um
        ),
        "od_patch": np.ones((size_px, size_px), dtype=bool),
        "od_neighbours": ring(
            size_px,
            mpp=mpp,
            inner_um=settings.discordant_inner_um,
            outer_um=settings.discordant_outer_um,
        ),
    }
    dab = cells.dab()
    return {name: mean_od(dab, zone) for name, zone in zones.items()}


def best_ring_densities(
    cells: CellPatches, is_fitted_on: Bool[np.ndarray, " n"]
) -> tuple[Ring, Float64[np.ndarray, " n"]]:
    """Return the ring with the best F1 on the cells named, and every cell's density in it."""
    dab = cells.dab()
    found = best_ring(dab[is_fitted_on], cells.level[is_fitted_on] > 0, mpp=cells.settings.mpp)
    zone = ring(
        cells.settings.size_px,
        mpp=cells.settings.mpp,
        inner_um=found.inner_um,
        outer_um=found.outer_um,
    )
    return found, mean_od(dab, zone)
