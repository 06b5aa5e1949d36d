"""Seeded changes to training patches that must not change the label."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from rimlight.core.edits import blurred, cropped, stain_scaled, turned
from rimlight.core.stains import StainMatrix

JPEG_QUALITIES = (40, 95)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSettings:
    """How far each change may go; 0 switches it off.

    shift_px: largest shift of the click, at the working mpp.
    stain_share: largest relative change of each stain's density.
    white_od: largest offset of each channel's density, as if the white point were off.
    blur_px: largest sigma of the blur; half of the patches stay sharp.
    jpeg_share: share of the patches that are saved as JPEG and read again.
    swap_share: share of the patches that come in the surround of another training cell; done
        before all other changes, by ``model.training``, which knows the other cells.
    """

    size_px: int
    shift_px: float = 2.0
    stain_share: float = 0.15
    white_od: float = 0.02
    blur_px: float = 0.7
    jpeg_share: float = 0.2
    swap_share: float = 0.0


def augmented(
    patches: UInt8[np.ndarray, "n wide wide 3"],
    *,
    white: Float[np.ndarray, "n 3"],
    stains: StainMatrix,
    settings: AugmentationSettings,
    random: np.random.Generator,
) -> UInt8[np.ndarray, "n size size 3"]:
    """Return changed patches of ``settings.size_px``, cut from wider ones.

    Args:
        patches: Light, with a margin of at least ``shift_px`` around the final patch.
        white: I0 of each patch's slide, 0..255.
        stains: The space in which densities are changed.
        settings: How far each change may go.
        random: Where the changes come from; the same state gives the same patches.
    """
    n = len(patches)
    reach = min(round(settings.shift_px), (patches.shape[1] - settings.size_px) // 2)
    shifts = random.integers(-reach, reach + 1, size=(n, 2))
    turns = random.integers(0, 8, size=n)
    factors = 1 + random.uniform(-1, 1, size=(n, 3)) * settings.stain_share
    offsets = random.uniform(-1, 1, size=(n, 3)) * settings.white_od
    sigmas = np.maximum(random.uniform(-1, 1, size=n), 0) * settings.blur_px
    is_jpeg = random.random(n) < settings.jpeg_share
    qualities = random.integers(*JPEG_QUALITIES, size=n)

    changed = turned(cropped(patches, size_px=settings.size_px, offset_px=shifts), turn=turns)
    changed = stain_scaled(
        changed, factors=factors, offsets_od=offsets, stains=stains, whites=white
    )
    changed = blurred(changed, sigma_px=sigmas)
    for index in np.flatnonzero(is_jpeg):
        changed[index] = _through_jpeg(changed[index], int(qualities[index]))
    return changed


def _through_jpeg(patch: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    buffer = io.BytesIO()
    Image.fromarray(patch).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
