"""Patches to logits and calibrated probabilities, in batches."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from rimlight.model.network import PatchNetwork

BATCH = 32
"""Patches at a time: planes of so many stay in a processor's cache; 256 take a third longer."""


def light_tensor(patches: UInt8[np.ndarray, "n h w 3"]) -> Float[Tensor, "n 3 h w"]:
    """Return light 0..1 as a channels-last tensor."""
    tensor = torch.from_numpy(np.ascontiguousarray(patches)).permute(0, 3, 1, 2)
    return tensor.to(torch.float32).div_(255).contiguous(memory_format=torch.channels_last)


def centre(patches: UInt8[np.ndarray, "n wide wide 3"], *, size_px: int) -> np.ndarray:
    """Return the middle ``size_px`` of patches that carry a margin."""
    edge = (patches.shape[1] - size_px) // 2
    return patches[:, edge : edge + size_px, edge : edge + size_px]


def logits_of(
    network: nn.Module, patches: UInt8[np.ndarray, "n wide wide 3"], *, size_px: int
) -> Float[np.ndarray, " n"]:
    """Return the logit of each patch before calibration, positive above 0.

    Args:
        network: In evaluation mode; anything that maps (n, 3, h, w) light 0..1 to (n,).
        patches: Light 0..255, with or without a margin.
        size_px: Side that the network takes.

    Raises:
        ValueError: The network is in training mode, or a logit is not finite.
    """
    _refuse_training(network)
    found = np.empty(len(patches), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(patches), BATCH):
            part = centre(patches[start : start + BATCH], size_px=size_px)
            found[start : start + BATCH] = network(light_tensor(part)).numpy()
    _refuse_damaged(found)
    return found


def features_of(
    network: PatchNetwork, patches: UInt8[np.ndarray, "n wide wide 3"], *, size_px: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n f"]]:
    """Return the logit of each patch and the features that the last layer weighs, in one pass.

    Raises:
        ValueError: The network is in training mode, or a logit is not finite.
    """
    _refuse_training(network)
    logits = np.empty(len(patches), dtype=np.float32)
    features = np.empty((len(patches), network.settings.channels[-1]), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(patches), BATCH):
            part = centre(patches[start : start + BATCH], size_px=size_px)
            found = network.features(light_tensor(part))
            features[start : start + BATCH] = found.numpy()
            logits[start : start + BATCH] = network.head(found).squeeze(1).numpy()
    _refuse_damaged(logits)
    return logits, features


def _refuse_training(network: nn.Module) -> None:
    if network.training:
        raise ValueError("network is in training mode; call network.eval() first")


def _refuse_damaged(logits: np.ndarray) -> None:
    if not np.isfinite(logits).all():
        raise ValueError("network gave a logit that is not finite; its weights are damaged")


def probability(logits: Float[np.ndarray, " n"], *, temperature: float) -> np.ndarray:
    """Return calibrated probabilities of positive, 0..1.

    >>> probability(np.array([0.0, 2.0]), temperature=2.0).round(3)
    array([0.5  , 0.731])
    """
    from scipy.special import expit

    return np.asarray(expit(logits.astype(np.float64) / temperature))


def fitted_temperature(
    logits: Float[np.ndarray, " n"],
    is_positive: np.ndarray,
    *,
    limits: tuple[float, float] = (0.5, 5),
) -> float:
    """Return the temperature with the lowest cross-entropy on validation cells.

    Bounded, so that a validation part without errors does not make every call certain.

    Source:
        Guo et al. (2017), On calibration of modern neural networks, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    signed = np.where(is_positive, logits, -logits).astype(np.float64)
    found = minimize_scalar(
        lambda log_t: np.logaddexp(0, -signed / np.exp(log_t)).mean(),
        bounds=(np.log(limits[0]), np.log(limits[1])),
        method="bounded",
    )
    return float(np.exp(found.x))
