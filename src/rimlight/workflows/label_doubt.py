"""The doubt of every label of a fold, as its network, its training cells and the stain see it."""

import numpy as np

from rimlight.core.density import optical_density
from rimlight.core.label_doubt import Doubts, doubts_of
from rimlight.core.stains import unmix
from rimlight.core.zones import zones_of
from rimlight.model.prediction import centre
from rimlight.workflows.own_membranes import padding_of
from rimlight.workflows.patches import Progress, no_progress
from rimlight.workflows.walks import ExplainedFold, Grounds


def doubts_of_fold(fold: ExplainedFold, *, progress: Progress = no_progress) -> Doubts:
    """Return the doubt of each label; training cells of the fold are witnesses of the others.

    Zones and density need a patch each; of 8,000 cells that takes about half a minute.
    """
    from rimlight.model.prediction import features_of

    table, cells = fold.grounds.table, fold.grounds.cells
    logits, features = features_of(
        fold.model.network, cells.patches, size_px=cells.settings.size_px
    )
    return doubts_of(
        level=table.level,
        logit_calibrated=logits / fold.model.temperature,
        features=features,
        case=table.case,
        is_reference=table.part == "train",
        own_ring_od=_own_ring_od(fold.grounds, progress),
    )


def _own_ring_od(grounds: Grounds, progress: Progress) -> np.ndarray:
    """Mean DAB on the own ring of each cell, OD; half of a shared membrane; NaN without a ring."""
    cells, found = grounds.cells, []
    patches = centre(cells.patches, size_px=cells.settings.size_px)
    for row, patch in enumerate(patches):
        maps = unmix(optical_density(patch, white=cells.white[row]), stains=cells.stains)
        zones = zones_of(maps[..., 0], mpp=cells.settings.mpp, is_padding=padding_of(grounds, row))
        weight = zones.weight_own
        total = float(weight.sum())
        found.append(float((maps[..., 1] * weight).sum()) / total if total else np.nan)
        if row % 256 == 255 or row + 1 == len(patches):
            progress("doubting labels", row + 1, len(patches))
    return np.array(found)
