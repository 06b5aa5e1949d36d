"""More than the last layer weighs: what every stage of the network saw in and around the middle.

The network was trained to tell positive from negative tumour cells and may forget on its way what
tells a tumour cell from a stroma cell. Its earlier stages still know; one pass gives both.
"""

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from rimlight.model.network import PatchNetwork
from rimlight.model.prediction import BATCH, centre, light_tensor


def context_of(
    network: PatchNetwork, patches: UInt8[np.ndarray, "n wide wide 3"], *, size_px: int
) -> tuple[Float32[np.ndarray, " n"], Float32[np.ndarray, "n k"]]:
    """Return the logit of each patch, and the stages' means with the features and the logit.

    After each halving, and at the end, every channel's mean over the middle quarter, the middle
    half and the whole of the plane (as lengths).

    Raises:
        ValueError: The network is in training mode, or a logit is not finite.
    """
    if network.training:
        raise ValueError("network is in training mode; call network.eval() first")
    parts = []
    with torch.no_grad():
        for start in range(0, max(len(patches), 1), BATCH):
            part = centre(patches[start : start + BATCH], size_px=size_px)
            parts.append(_columns(network, light_tensor(part)).numpy())
    columns = np.concatenate(parts)
    if not np.isfinite(columns).all():
        raise ValueError("network gave a number that is not finite; its weights are damaged")
    return columns[:, 0], columns


def _columns(network: PatchNetwork, light: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
    plane = (light - network.mean) / network.spread
    seen = []
    last = len(network.trunk) - 1
    for number, module in enumerate(network.trunk):
        plane = module(plane)
        if isinstance(module, nn.AvgPool2d) or number == last:
            seen += _means(plane)
    features = network.place(plane).flatten(1)
    return torch.cat([network.head(features), features, *seen], dim=1)


def _means(plane: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n c"]]:
    half = plane.shape[-1] // 2
    reaches = (max(1, half // 4), max(1, half // 2), half)
    return [
        plane[:, :, half - reach : half + reach, half - reach : half + reach].mean(dim=(2, 3))
        for reach in reaches
    ]
