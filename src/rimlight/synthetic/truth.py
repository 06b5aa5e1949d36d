"""Cutting truth images to patches: which membrane is the cell's own, and which a neighbour's."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Integer

from rimlight.records import Box
from rimlight.synthetic.settings import MPP, TRUTH_MPP

_STEP_L0 = TRUTH_MPP / MPP


@dataclass(frozen=True, slots=True, kw_only=True)
class MembraneMasks:
    """Membranes of one patch; a pixel belongs to the cell that put most stain there."""

    own: Bool[np.ndarray, "s s"]
    neighbour: Bool[np.ndarray, "s s"]


def truth_patch(
    image: Integer[np.ndarray, "h w"], *, box: Box, size_px: int
) -> Int32[np.ndarray, "s s"]:
    """Return the truth at the pixel centres of a patch; 0 beyond the slide.

    Args:
        image: A truth image of a slide, at ``TRUTH_MPP``.
        box: The patch in level-0 pixels, as ``core.planes.patch_box`` gives it.
        size_px: Side of the patch.
    """
    centre = (np.arange(size_px) + 0.5) / size_px
    columns = np.floor((box.left_l0 + centre * box.width_l0) / _STEP_L0).astype(int)
    rows = np.floor((box.top_l0 + centre * box.height_l0) / _STEP_L0).astype(int)
    is_row, is_column = (
        (index >= 0) & (index < size)
        for index, size in zip((rows, columns), image.shape, strict=True)
    )
    found = image[rows.clip(0, image.shape[0] - 1)][:, columns.clip(0, image.shape[1] - 1)]
    return np.where(is_row[:, None] & is_column, found, 0).astype(np.int32)


def membrane_masks(
    owner: Integer[np.ndarray, "h w"], *, name: int, box: Box, size_px: int
) -> MembraneMasks:
    """Return own and neighbour membranes of one cell's patch.

    Args:
        owner: Membrane ownership of the slide, at ``TRUTH_MPP``.
        name: The cell's number in ``owner``.
        box: The patch in level-0 pixels.
        size_px: Side of the patch.
    """
    found = truth_patch(owner, box=box, size_px=size_px)
    return MembraneMasks(own=found == name, neighbour=(found > 0) & (found != name))
