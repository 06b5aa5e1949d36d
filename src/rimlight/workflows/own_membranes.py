"""The contributing pixels of a cell on its own membrane: the one way for tables and pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.density import optical_density
from rimlight.core.planes import patch_box
from rimlight.core.stains import unmix
from rimlight.core.zones import Zones, zones_of
from rimlight.explain.contributing import reason_without_mask, thresholded
from rimlight.explain.membranes import (
    MembraneSettings,
    drawn_path,
    joint_claim,
    membrane_evidence,
)
from rimlight.model.prediction import centre
from rimlight.settings import ExplainSettings
from rimlight.workflows.walks import Grounds, Walked, walked

if TYPE_CHECKING:
    from rimlight.explain.attribution import PathSettings
    from rimlight.model.network import PatchNetwork

MEMBRANE_REFERENCES = ("opposite", "white", "stain_removed")
"""References whose maps claim pixels together; one that no cell can serve as is left out."""
MIN_AREA_UM2 = 0.5
FLOOR_SDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Claims:
    """What maps of several references say together of some cells.

    values: joint claims, one map a cell; reasons: why a cell has no mask, empty where it has one.
    main: the walk whose rise and gap are told, by its name.
    """

    rows: np.ndarray
    values: np.ndarray
    reasons: tuple[str, ...]
    names: tuple[str, ...]
    main: Walked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tissue:
    """Stains of one cell's patch, what the maps are multiplied with, and where things lie.

    gate: DAB density above the slide's background, capped; floor: what it must exceed.
    """

    rgb: np.ndarray
    dab: np.ndarray
    gate: np.ndarray
    floor: float
    zones: Zones
    mpp: float
    middle_px: tuple[float, float]


def claims_of(
    network: "PatchNetwork", grounds: Grounds, rows: np.ndarray, *, path: "PathSettings"
) -> Claims:
    """Return the joint claims of cells, from a map with each reference."""
    return joint_claims(rows, membrane_walks(network, grounds, rows, path=path))


def membrane_walks(
    network: "PatchNetwork", grounds: Grounds, rows: np.ndarray, *, path: "PathSettings"
) -> dict[str, Walked]:
    """Return the maps that claim pixels together, by reference; without one that no cell can be."""
    return {
        name: found
        for name in MEMBRANE_REFERENCES
        if (found := walked(network, grounds, rows, name=name, path=path)) is not None
    }


def joint_claims(rows: np.ndarray, walks: dict[str, Walked]) -> Claims:
    """Return the joint claims of maps that are there, by name of their reference."""
    main = next(iter(walks.values()))
    values = [
        joint_claim(np.stack([found.values[at] for found in walks.values()]))
        for at in range(len(rows))
    ]
    reasons = [
        reason_without_mask(
            is_called_positive=bool(main.columns["logit"][at] > 0),
            is_converged=all(bool(found.columns["is_converged"][at]) for found in walks.values()),
            is_reference_valid=bool((main.reference_responses[at] < 0).mean() > 0.5),
        )
        for at in range(len(rows))
    ]
    return Claims(
        rows=rows, values=np.stack(values), reasons=tuple(reasons), names=tuple(walks), main=main
    )


def tissue_of(grounds: Grounds, row: int) -> Tissue:
    """Return the stains and zones of one cell's patch."""
    cells = grounds.cells
    size_px, mpp = cells.settings.size_px, cells.settings.mpp
    rgb = centre(cells.patches[[row]], size_px=size_px)[0]
    stains = unmix(optical_density(rgb, white=cells.white[row]), stains=cells.stains)
    background = grounds.background_of_slide[cells.slide_of_cell[row].slide_id]
    dab = stains[..., 1]
    return Tissue(
        rgb=rgb,
        dab=dab,
        gate=np.clip(dab - background.od, 0, grounds.settings.max_od),
        floor=FLOOR_SDS * background.sd_od,
        zones=zones_of(stains[..., 0], mpp=mpp, is_padding=padding_of(grounds, row)),
        mpp=mpp,
        middle_px=((size_px - 1) / 2, (size_px - 1) / 2),
    )


def padding_of(grounds: Grounds, row: int) -> np.ndarray:
    """Return which pixels of a cell's patch lie beyond the slide."""
    cells, size_px = grounds.cells, grounds.cells.settings.size_px
    info = cells.slide_of_cell[row]
    box = patch_box(
        cells.cells[row].cell,
        size_px=size_px,
        patch_mpp=cells.settings.mpp,
        slide_mpp=info.mpp,
    )
    along = (np.arange(size_px) + 0.5) / size_px
    x_l0, y_l0 = box.left_l0 + along * box.width_l0, box.top_l0 + along * box.height_l0
    is_column = (x_l0 >= 0) & (x_l0 < info.width_l0)
    is_row = (y_l0 >= 0) & (y_l0 < info.height_l0)
    outside: np.ndarray = ~(is_row[:, None] & is_column[None, :])
    return outside


def membrane_settings(settings: ExplainSettings) -> MembraneSettings:
    """Return how membranes are drawn in a study."""
    return MembraneSettings(sigma_um=settings.sigma_um)


def evidence_of(claim: np.ndarray, tissue: Tissue, *, settings: MembraneSettings) -> np.ndarray:
    """Return how strongly each pixel counts as the cell's own membrane."""
    return membrane_evidence(
        claim, gate=tissue.gate, centre_px=tissue.middle_px, mpp=tissue.mpp, settings=settings
    )


def mask_of(evidence: np.ndarray, tissue: Tissue) -> np.ndarray:
    """Return the contributing pixels of a map of evidence: Otsu, stained, no specks."""
    return thresholded(
        evidence,
        gate=tissue.gate,
        floor=tissue.floor,
        min_area_px=MIN_AREA_UM2 / tissue.mpp**2,
    )


def ring_of(claim: np.ndarray, tissue: Tissue, *, settings: MembraneSettings) -> np.ndarray:
    """Return where a cell's membrane could lie: its own ring, and 1 um about its path; no padding.

    Nuclei do not tell how wide a cell is, so that the ring alone misses wide cells.
    """
    drawn = drawn_path(
        claim, gate=tissue.gate, centre_px=tissue.middle_px, mpp=tissue.mpp, settings=settings
    )
    ring = tissue.zones.own_ring.copy()
    if drawn is not None:
        near = drawn.nearness(tissue.gate.shape, mpp=tissue.mpp, band_um=1.0)
        ring |= near >= np.exp(-0.5)
    open_ring: np.ndarray = ring & ~tissue.zones.padding
    return open_ring
