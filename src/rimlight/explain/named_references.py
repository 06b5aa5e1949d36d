"""References made by their name, for images of any shape: (n, c, ...) to one or more each.

    white       1 everywhere: clear glass, an empty page; values must be 0..1
    blur        the image under a Gaussian: what fine detail adds; not for thin lines
    no_signal   0 everywhere, where 0 means that nothing was there: fluorescence, a CT in air
    black       0 everywhere, as a colour; refused unless forced
    zeros       0 everywhere, of unknown meaning; refused unless forced

Real items of another class are the better reference where there are any: hand in the tensor.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

ReferenceName = Literal["white", "blur", "no_signal", "black", "zeros"]
_BLUR_SHARE = 1 / 8


def reference_named(
    name: ReferenceName, images: Float[Tensor, "n *shape"], *, sigma_px: float | None = None
) -> Float[Tensor, "n 1 *shape"]:
    """Return one reference of this name for each image.

    Args:
        sigma_px: Of ``blur``; an eighth of the shorter side where it is not given.

    Raises:
        ValueError: A name that stands for nothing; a blur of images without a side to blur along.
    """
    if name not in get_args(ReferenceName):
        raise ValueError(
            f"references: {name!r} is no name of a reference, those are "
            f"{', '.join(get_args(ReferenceName))}; hand in a tensor and reference_name=... for "
            "one of your own"
        )
    if name == "white":
        return torch.ones_like(images)[:, None]
    if name != "blur":
        return torch.zeros_like(images)[:, None]
    if images.ndim < 3:
        raise ValueError(
            f"references: blur needs images of shape (n, channels, ...), got "
            f"{tuple(images.shape)}; take another reference"
        )
    return blurred(images, sigma_px=sigma_px or max(1.0, min(images.shape[2:]) * _BLUR_SHARE))[
        :, None
    ]


def blurred(images: Float[Tensor, "n c *shape"], *, sigma_px: float) -> Float[Tensor, "n c *shape"]:
    """Return signals, images or volumes under a Gaussian of the same width along every axis.

    Borders are reflected.

    Raises:
        ValueError: ``sigma_px`` is not above 0.
    """
    if not sigma_px > 0:
        raise ValueError(f"sigma_px: must be above 0, got {sigma_px}")
    found = images
    for axis in range(2, images.ndim):
        found = _blurred_along(found, axis, sigma_px)
    return found


def _blurred_along(images: Tensor, axis: int, sigma_px: float) -> Tensor:
    radius = max(1, min(int(4 * sigma_px + 0.5), images.shape[axis] - 1))
    if images.shape[axis] == 1:
        return images
    place = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (place / sigma_px) ** 2)
    moved = images.movedim(axis, -1)
    lines = moved.reshape(-1, 1, moved.shape[-1])
    padded = torch.nn.functional.pad(lines, (radius, radius), mode="reflect")
    smooth = torch.nn.functional.conv1d(padded, (kernel / kernel.sum())[None, None])
    return smooth.reshape(moved.shape).movedim(-1, axis)
