"""A second, small network: is the cell in the middle of a patch a tumour cell?

It sees the field of the classifier in larger pixels, which keep nuclei and their order and cost a
quarter of the classifier's products. It is a patch network like it, fitted alike; a logit above 0
means a tumour cell.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import nn

from rimlight.core.resampling import block_mean
from rimlight.core.stains import StainMatrix
from rimlight.model.augmentation import AugmentationSettings
from rimlight.model.network import NetworkSettings, PatchNetwork, new_network
from rimlight.model.prediction import BATCH, centre, logits_of
from rimlight.model.training import FitSettings, PatchSet, fit

COARSE_MPP = 1.0
_LEAST_SIDE_PX = 16
_N_EPOCHS = 8
_LEAST_STEPS = 40
_SHIFT_UM = 1.0
_BLUR_UM = 0.35


def coarse_block(size_px: int, *, mpp: float) -> int:
    """Return how many patch pixels a pixel of the small network spans, each way.

    >>> coarse_block(64, mpp=0.5), coarse_block(24, mpp=0.5)
    (2, 1)
    """
    return max(1, min(round(COARSE_MPP / mpp), size_px // _LEAST_SIDE_PX))


def tumour_settings(size_px: int, *, mpp: float, width: int) -> NetworkSettings:
    """Return the shape of the small network for patches of a classifier.

    Args:
        size_px: Side of the classifier's patches.
        mpp: Of theirs.
        width: Channels of the classifier's first stage; halved where pixels cannot be larger, so
            that products stay a quarter of the classifier's.
    """
    block = coarse_block(size_px, mpp=mpp)
    side = size_px // block // 8 * 8
    return NetworkSettings(size_px=side, width=max(4, round(width * min(1.0, block / 2))))


def coarse(
    patches: UInt8[np.ndarray, "n wide wide 3"], *, block: int
) -> UInt8[np.ndarray, "n small small 3"]:
    """Return patches in pixels of ``block`` x ``block`` old ones, with the same middle.

    Pixels at the edge that fill no block are left out on both sides.

    >>> coarse(np.full((1, 4, 4, 3), 7, dtype=np.uint8), block=2).shape
    (1, 2, 2, 3)
    """
    # An even number of blocks, as the sides of patches are even, keeps the middle.
    side = patches.shape[1] // block // 2 * 2
    return block_mean(centre(patches, size_px=side * block), side_px=block)


def fitted_tumour_network(
    train: PatchSet,
    validation: PatchSet,
    *,
    mpp: float,
    stains: StainMatrix,
    settings: NetworkSettings,
    seed: int,
) -> PatchNetwork:
    """Return the small network fitted on coarse patches; the same for the same patches and seed.

    Args:
        train: Coarse, with their margin; positive: a tumour cell.
        validation: Of other cases; they choose the epoch.
        mpp: Micrometres a coarse pixel covers.
        stains: In which patches are changed.
        settings: From ``tumour_settings``.
        seed: Of weights, order and changes.
    """
    how = FitSettings(
        n_epochs=_N_EPOCHS,
        least_steps=_LEAST_STEPS,
        patience=_N_EPOCHS,
        batch_size=64,
        learning_rate=3e-3,
        weight_decay=0.02,
        seed=seed,
        augmentation=AugmentationSettings(
            size_px=settings.size_px, shift_px=_SHIFT_UM / mpp, blur_px=_BLUR_UM / mpp
        ),
    )
    network = new_network(settings, seed=seed)
    for _ in fit(network, train, validation, stains=stains, settings=how):
        pass
    _weigh_alike(network, float(train.is_positive.mean()))
    return network


def _weigh_alike(network: PatchNetwork, share: float) -> None:
    """Move the logit so that both classes weigh the same, whatever share is labelled tumour cell.

    Fitting weighs them by the root of balanced weights, which leaves half of the log-odds.
    """
    bounded = np.clip(share, 0.02, 0.98)
    last = network.head[-1]
    if not isinstance(last, nn.Linear):
        raise TypeError("the head of a patch network must end in a linear layer")
    with torch.no_grad():
        last.bias.sub_(0.5 * float(np.log(bounded / (1 - bounded))))


def is_other(
    network: PatchNetwork, patches: UInt8[np.ndarray, "n wide wide 3"], *, block: int
) -> Bool[np.ndarray, " n"]:
    """Return which patches of a classifier show no tumour cell in their middle."""
    found: np.ndarray = tumour_logits(network, patches, block=block) <= 0
    return found


def tumour_logits(
    network: PatchNetwork, patches: UInt8[np.ndarray, "n wide wide 3"], *, block: int
) -> Float[np.ndarray, " n"]:
    """Return the logit of each patch of a classifier, above 0 for a tumour cell.

    Raises:
        ValueError: A logit is not finite.
    """
    parts = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(patches), BATCH):
        small = coarse(patches[start : start + BATCH], block=block)
        parts.append(logits_of(network, small, size_px=network.settings.size_px))
    return np.concatenate(parts)
