"""Simpler maps behind the same kind of call, to hold a path attribution against.

None is complete: their sums mean nothing.  They are for comparison, never for a report alone.
"""

from collections.abc import Callable
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from rimlight.explain.references import check_tensors
from rimlight.explain.responses import Response, check_modules, modules_of, parameters_at_rest
from rimlight.explain.stream import Stream, plain_arithmetic

_ENLARGED_BY = {1: "linear", 2: "bilinear", 3: "trilinear"}


def gradient(
    response: Response, images: Float[Tensor, "n *shape"], *, chunk: int = 64
) -> Float[Tensor, "n *shape"]:
    """Return the gradient of the response at each image, in units of response per unit of input.

    Raises:
        ValueError: What :func:`attributions` refuses in images and response.

    Source:
        Simonyan, Vedaldi and Zisserman (2013), arXiv 1312.6034; signed, no absolute value.
    """
    images = images.detach()
    check_tensors(images, images)
    check_modules(response, device=images.device)
    stream, found = Stream(response=response, chunk=chunk), torch.zeros_like(images)

    def compute(first: int, last: int) -> Tensor:
        return stream.gradients(images[first:last])[1]

    def take(first: int, last: int, part: Tensor) -> None:
        found[first:last] = part

    with plain_arithmetic(), parameters_at_rest(modules_of(response)):
        stream.in_chunks(len(images), compute, take)
    return found


def gradient_times_input(
    response: Response, images: Float[Tensor, "n *shape"], *, chunk: int = 64
) -> Float[Tensor, "n *shape"]:
    """Return gradient times input: a path attribution from zero of a response that is linear.

    Raises:
        ValueError: See :func:`gradient`.
    """
    return images.detach() * gradient(response, images, chunk=chunk)


def occlusion(
    response: Response,
    images: Float[Tensor, "n c *shape"],
    *,
    filled: Float[Tensor, "n c *shape"],
    window_px: int,
    step_px: int = 1,
    chunk: int = 64,
) -> Float[Tensor, "n *shape"]:
    """Return how much the response falls when a window around a pixel shows ``filled``.

    Every pixel gets the mean over the windows that cover it.  With stain maps as images and the
    stain-removed maps as ``filled`` it is an occlusion of stain alone.

    Args:
        images: Signals, images or volumes; a window covers all channels.
        filled: What a window shows instead: a reference of the image's shape.
        window_px: Side of the window, the same along every axis.
        step_px: Distance of neighbouring windows; the last one touches the border.

    Raises:
        ValueError: See :func:`gradient`; or a window that does not fit.

    Source:
        Zeiler and Fergus (2014), ECCV, 818-833.
    """
    images, filled = images.detach(), filled.detach()
    check_tensors(images, filled[:, None])
    check_modules(response, device=images.device)
    shape = images.shape[2:]
    if not shape or not 1 <= window_px <= min(shape) or step_px < 1:
        fits = " x ".join(str(size) for size in shape) or "no axis"
        raise ValueError(f"window_px: must fit into {fits}, got {window_px}, step {step_px}")
    stream = Stream(response=response, chunk=chunk)
    total, count = images.new_zeros(len(images), *shape), images.new_zeros(shape)
    with plain_arithmetic():
        whole = stream.responses(images)
        for corner in product(*(_places(size, window_px, step_px) for size in shape)):
            sides = tuple(slice(first, first + window_px) for first in corner)
            window = (slice(None), slice(None), *sides)
            changed = images.clone()
            changed[window] = filled[window]
            fall = (whole - stream.responses(changed)).to(images.dtype)
            total[window[1:]] += fall.view(-1, *[1] * len(shape))
            count[sides] += 1
    return total / count


def _places(size: int, window: int, step: int) -> list[int]:
    return sorted({*range(0, size - window + 1, step), size - window})


def grad_cam(
    trunk: Callable[[Tensor], Tensor],
    head: Callable[[Tensor], Tensor],
    images: Float[Tensor, "n c *shape"],
    *,
    chunk: int = 64,
) -> Float[Tensor, "n *shape"]:
    """Return the coarse map of Grad-CAM, enlarged to the image, 0 or more.

    Hook-free: the caller says where to look by handing in the network in two parts.

    Args:
        images: Signals, images or volumes.
        trunk: Images to the feature maps (n, k, h', w') that are weighed.
        head: Those features to one number an image.

    Raises:
        ValueError: See :func:`gradient`; or features that have other axes than the images.

    Source:
        Selvaraju et al. (2017), ICCV, 618-626.
    """
    images = images.detach()
    check_tensors(images, images)
    check_modules(trunk, device=images.device)
    with plain_arithmetic(), torch.no_grad():
        starts = range(0, len(images), chunk)
        features = torch.cat([trunk(images[first : first + chunk]) for first in starts])
    if features.ndim != images.ndim or features.ndim - 2 not in _ENLARGED_BY:
        raise ValueError(
            f"trunk: must return feature maps (n, k, ...) with the axes of the images, "
            f"{tuple(images.shape)}, got {tuple(features.shape)}; cut the network before it "
            "pools or flattens"
        )
    axes = tuple(range(2, features.ndim))
    weights = gradient(head, features, chunk=chunk).mean(axes, keepdim=True)
    coarse = (weights * features).sum(1, keepdim=True).relu()
    enlarged = torch.nn.functional.interpolate(
        coarse, size=images.shape[2:], mode=_ENLARGED_BY[len(axes)], align_corners=False
    )
    return enlarged[:, 0]
