"""What if the stain were another one: a cell's patch edited by hand, and what the network says.

The edits are those that confirm causes (``explain/cause_edits``), in any strength and together.
An edit shows what the network responds to, not what is true of the cell.
"""

from dataclasses import dataclass, replace

import numpy as np

from rimlight.core.edits import cropped
from rimlight.errors import RimlightError
from rimlight.explain.cause_edits import HandEdit, Scene, hand_edited
from rimlight.model.prediction import logits_of, probability
from rimlight.workflows.cause_scenes import scenes_of
from rimlight.workflows.patches import cut_patches
from rimlight.workflows.why_cells import Placed, ReadyRun

MOST_MOVED_UM = 6.0
"""How far a click may be moved along x or y; as far as a cause may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What is changed: stain by hand, and how far the click moves right and down."""

    stain: HandEdit
    dx_um: float = 0.0
    dy_um: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changed:
    """The patch after the edit, light 0..255, and what the network says before and after.

    edited_share: share of the pixels that the stain edit changed, 0..1.
    """

    patch: np.ndarray
    logit_before: float
    logit: float
    probability_before: float
    probability: float
    edited_share: float


def what_if_scene(cells: ReadyRun, asked: Placed) -> Scene:
    """Return the scene of one cell with room to move the click.

    Raises:
        SlideError: The slide is missing, changed or damaged.
    """
    settings = cells.study.settings
    margin_um = max(MOST_MOVED_UM, settings.causes.margin_um, settings.patch.margin_um)
    patch = replace(settings.patch, margin_um=margin_um)
    wider = replace(cells.study, settings=replace(settings, patch=patch))
    grounds = asked.fold.grounds
    wide = cut_patches(wider, [grounds.cells.cells[asked.row]], [asked.info])
    return scenes_of(asked.fold, asked.rows, wide=wide)[0]


def what_if(asked: Placed, scene: Scene, change: WhatIf) -> Changed:
    """Return what the network says of an edited cell.

    Stain is taken where the zones of the unmoved cell lie, within its patch; then the click moves,
    by whole pixels of the patch.

    Raises:
        RimlightError: The click would move too far.
    """
    if max(abs(change.dx_um), abs(change.dy_um)) > MOST_MOVED_UM:
        raise RimlightError(
            f"click: can be moved by at most {MOST_MOVED_UM:g} um along each side, got "
            f"{change.dx_um:g} and {change.dy_um:g}; choose the cell there instead"
        )
    size_px = scene.patch.shape[0]
    edited = hand_edited(scene, change.stain)
    edge = (scene.wide.shape[0] - size_px) // 2
    wide = scene.wide.copy()
    wide[edge : edge + size_px, edge : edge + size_px] = edited
    moved = np.rint(np.array([[change.dx_um, change.dy_um]]) / scene.mpp).astype(int)
    patch = cropped(wide[None], size_px=size_px, offset_px=moved)[0]
    logits = logits_of(asked.network, np.stack([scene.patch, patch]), size_px=size_px)
    if (patch == scene.patch).all():  # the last digit may differ with the place in a batch
        logits[1] = logits[0]
    shares = probability(logits, temperature=asked.fold.model.temperature)
    return Changed(
        patch=patch,
        logit_before=float(logits[0]),
        logit=float(logits[1]),
        probability_before=float(shares[0]),
        probability=float(shares[1]),
        edited_share=float((edited != scene.patch).any(axis=2).mean()),
    )
