"""Integrated Gradients of any differentiable response, refined until complete or marked.

    A_i = (x_i - x'_i) x mean gradient on the straight path      sum_i A_i = F(x) - F(x') = rise

A map is blind to the colour of its reference: A_i is 0 wherever x_i = x'_i.  So a reference is
always named.  Items have any shape: signals, images, volumes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from rimlight.explain.references import check_reference, check_tensors
from rimlight.explain.refinement import Finished, Paths, PathSettings, refined
from rimlight.explain.responses import (
    Response,
    check_items_are_independent,
    check_modules,
    modules_of,
    parameters_at_rest,
)
from rimlight.explain.stream import Stream, plain_arithmetic

__all__ = ["Attributions", "PathSettings", "Response", "attributions"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attributions:
    """What each input value added to the response on the way from reference to image.

    values: signed, in units of the response; a mean over the references.
    rise: response(image) - mean response(references).
    gap: sum of the values minus the rise.
    n_gradients: gradients spent on the image, over all references.
    is_converged: whether gap and spread are within tolerance; where not, stamp the map.
    map_change: L1 distance to the map of a third of the points, over the L1 of this one; NaN where
        ``settings.is_checked`` did not ask for it.
    spread: sum of the absolute errors along the path; far above the gap where errors cancel.
    is_small_rise: shares of the rise mean nothing here.
    reference_sd: SD of the map over references; None for one reference.
    is_forced: whether a reference that is normally refused was forced; stamp the map.
    """

    values: Float[Tensor, "n *shape"]
    rise: Float64[Tensor, "n"]
    gap: Float64[Tensor, "n"]
    n_gradients: Int64[Tensor, "n"]
    is_converged: Bool[Tensor, "n"]
    map_change: Float64[Tensor, "n"]
    spread: Float64[Tensor, "n"]
    is_small_rise: Bool[Tensor, "n"]
    response_of_image: Float64[Tensor, "n"]
    response_of_references: Float64[Tensor, "n r"]
    gap_of_references: Float64[Tensor, "n r"]
    reference_sd: Float[Tensor, "n *shape"] | None
    reference_name: str
    is_forced: bool = False


def attributions(
    response: Response,
    images: Float[Tensor, "n *shape"],
    *,
    references: Float[Tensor, "n r *shape"] | Float[Tensor, "r *shape"],
    reference_name: str,
    settings: PathSettings | None = None,
    forced: bool = False,
) -> Attributions:
    """Return how much each input value moved the response, for a batch of images.

    Each path is cut finer where the rule errs most until the gap of its image is within tolerance;
    an image is marked where the most gradients were not enough.  Memory does not depend on the
    points.  Several references give the mean map and its SD.

    Args:
        response: Maps (n, ...) to (n,), each item by itself: for us the logit, in evaluation mode.
        images: float32 or float64; any shape after n.
        references: Where the paths start: (n, r, ...) for r an image, or (r, ...) for all.
        reference_name: What the references are, see ``references.py``; always given.
        forced: Accept a reference that is normally refused (black, zero, noise, the image
            itself); the result is then marked.

    Raises:
        ValueError: NaN or infinity in images, references, response or gradient; shapes, types or
            devices that do not agree; training mode; items that influence each other; a response
            without gradient; a reference refused.  The sentence names the tensor and the remedy.
        MemoryError: Not even one path point fits into memory.

    Source:
        Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks, eq. 1;
        quadrature and refinement: own definition, docs/method.md.
    """
    settings = settings or PathSettings()
    images, references = images.detach(), references.detach()
    check_tensors(images, references)
    check_reference(reference_name, images, references, forced=forced)
    check_modules(response, device=images.device)
    stream = Stream(response=response, chunk=settings.chunk, n_workers=settings.n_workers)
    with plain_arithmetic(), parameters_at_rest(modules_of(response)):
        is_shared = references.ndim == images.ndim
        start = references if is_shared else references.flatten(0, 1)
        check_items_are_independent(response, images[0], start[-1])
        paths = Paths(
            images=images,
            start=start,
            is_shared=is_shared,
            response_of_image=stream.responses(images),
            response_of_start=stream.responses(start),
        )
        blocks = [
            refined(paths, block, stream=stream, settings=settings)
            for block in paths.blocks(settings.n_at_first(paths.n_references))
        ]
    return _joined(
        blocks, paths, name=reference_name, small_rise=settings.small_rise, is_forced=forced
    )


def _joined(
    blocks: list[Finished], paths: Paths, *, name: str, small_rise: float, is_forced: bool
) -> Attributions:
    whole = {
        part: torch.cat([getattr(block, part) for block in blocks]) for part in Finished.__slots__
    }
    start = paths.start_of(torch.arange(len(paths.images), device=paths.images.device))
    rise = paths.response_of_image - paths.response_of_start[start].mean(1)
    reference_sd = whole.pop("reference_sd")
    return Attributions(
        **whole,
        rise=rise,
        is_small_rise=rise.abs() < small_rise,
        response_of_image=paths.response_of_image,
        response_of_references=paths.response_of_start[start],
        reference_sd=reference_sd if paths.n_references > 1 else None,
        reference_name=name,
        is_forced=is_forced,
    )
