"""How much of the evidence for a response lies where it should: inside a mask that is known."""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from rimlight.explain.zone_mass import mass_share


def share_inside(
    values: Float[Tensor, "n *space"], masks: Bool[Tensor, "n *space"]
) -> Float64[Tensor, "n"]:
    """Return the share of the positive part of each map that lies inside its mask, 0..1.

    NaN for a map without a positive part.  Print the share of the area beside it: a map that is
    the same everywhere has that share.

    Args:
        values: One signed value a pixel, channels pooled; ``Explanation.pooled``.
        masks: Where the evidence should be.

    Raises:
        ValueError: A mask that is empty, no mask of truth values, or of another shape.

    Source:
        Arras, Osman and Samek (2022), Information Fusion 81, 14-40: relevance mass accuracy.

    >>> share_inside(torch.tensor([[3.0, 1.0, -2.0]]), torch.tensor([[True, False, True]]))
    tensor([0.7500], dtype=torch.float64)
    """
    if masks.dtype != torch.bool:
        raise ValueError(f"masks: must be true or false, got {masks.dtype}; compare with > 0")
    if masks.shape != values.shape:
        raise ValueError(
            f"masks: must have the shape of the maps, {tuple(values.shape)}, got "
            f"{tuple(masks.shape)}; pool channels first and give one mask an image"
        )
    is_empty = ~masks.flatten(1).any(1)
    if bool(is_empty.any()):
        raise ValueError(
            f"masks: mask {int(is_empty.nonzero()[0, 0])} is empty, so no share of it can be "
            "inside; leave that image out"
        )
    shares = mass_share(values.detach().cpu().numpy(), masks.cpu().double().numpy())
    return torch.from_numpy(shares).to(values.device)
