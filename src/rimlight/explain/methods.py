"""Ways to make a map, each a function argument of :func:`explanation_of`, never a name in a string.

``by_path`` is the method of this package.  The others are familiar and not complete: what they add
up to means nothing.  They stand beside a path attribution, never in place of one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rimlight.explain.attribution import PathSettings
from rimlight.explain.comparators import grad_cam, gradient, gradient_times_input, occlusion
from rimlight.explain.responses import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPath:
    """Path attribution: complete, or marked.

    settings: How finely the path is walked.
    """

    settings: PathSettings | None = None
    name: str = "path attribution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparator:
    """A simpler way to a map, not complete.

    maps: Response, images and references (n, r, ...) to maps (n, ...).
    name: For captions.
    uses_references: Whether the references have a say.
    unit: Of a value, after the word response.
    """

    maps: Callable[[Response, Tensor, Tensor], Tensor]
    name: str
    uses_references: bool = False
    unit: str = "response"


Method = ByPath | Comparator


def by_path(settings: PathSettings | None = None) -> ByPath:
    """Return the path attribution of :func:`rimlight.explain.attributions`."""
    return ByPath(settings=settings)


def by_gradient(*, chunk: int = 64) -> Comparator:
    """Return the gradient at the image: what a small change would do, not what the pixel did."""

    def maps(response: Response, images: Tensor, _references: Tensor) -> Tensor:
        return gradient(response, images, chunk=chunk)

    return Comparator(maps=maps, name="gradient", unit="response per unit of input")


def by_gradient_times_input(*, chunk: int = 64) -> Comparator:
    """Return gradient x input; a path attribution from zero where the response is linear."""

    def maps(response: Response, images: Tensor, _references: Tensor) -> Tensor:
        return gradient_times_input(response, images, chunk=chunk)

    return Comparator(maps=maps, name="gradient x input")


def by_occlusion(*, window_px: int, step_px: int = 1, chunk: int = 64) -> Comparator:
    """Return the fall of the response when a window shows the reference; the mean over several.

    In stain space, see :func:`rimlight.explain.stain_removal`, it is an occlusion of stain alone.

    Args:
        window_px: Side of the window along every axis.
        step_px: Distance of neighbouring windows.
    """

    def maps(response: Response, images: Tensor, references: Tensor) -> Tensor:
        each = [
            occlusion(
                response,
                images,
                filled=references[:, number],
                window_px=window_px,
                step_px=step_px,
                chunk=chunk,
            )
            for number in range(references.shape[1])
        ]
        return torch.stack(each).mean(0)

    return Comparator(maps=maps, name=f"occlusion, window {window_px} px", uses_references=True)


def by_grad_cam(
    trunk: Callable[[Tensor], Tensor], head: Callable[[Tensor], Tensor], *, chunk: int = 64
) -> Comparator:
    """Return Grad-CAM of a network cut in two: images to feature maps, feature maps to the number.

    Raises:
        ValueError: When called: head after trunk is not the response that is explained.
    """

    def maps(response: Response, images: Tensor, _references: Tensor) -> Tensor:
        found = grad_cam(trunk, head, images, chunk=chunk)
        _check_parts(response, images[:1], trunk=trunk, head=head)
        return found

    return Comparator(maps=maps, name="Grad-CAM", unit="weighed features")


def _check_parts(
    response: Response,
    image: Float[Tensor, "1 *shape"],
    *,
    trunk: Callable[[Tensor], Tensor],
    head: Callable[[Tensor], Tensor],
) -> None:
    with torch.no_grad():
        whole, parts = response(image.clone()), head(trunk(image.clone()))
    if not torch.allclose(whole, parts, rtol=1e-3, atol=1e-4):
        raise ValueError(
            f"head: after trunk it gives {parts.item():.6g} where the response gives "
            f"{whole.item():.6g}; cut the same network, and take the same class of both"
        )
