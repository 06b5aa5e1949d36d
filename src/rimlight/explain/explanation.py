"""The call for any network: images, a reference by name or by tensor, one record for a figure.

    response = response_of(network, class_index=3)
    found = explanation_of(response, images, references="white")

The record holds what an honest figure needs: image, reference, map, gap, and the stamps.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor, nn

from rimlight.explain.attribution import Attributions, Response, attributions
from rimlight.explain.methods import ByPath, Comparator, Method
from rimlight.explain.model_responses import ModelResponse, response_of
from rimlight.explain.named_references import ReferenceName, reference_named
from rimlight.explain.references import check_reference, check_tensors
from rimlight.explain.responses import check_items_are_independent, check_modules
from rimlight.explain.stream import Stream, plain_arithmetic

_CHUNK = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """Maps of a batch of images, with all that their figure has to say.

    references: (n, r, ...), what the paths started from or the windows showed.
    values: signed; the shape of the images, or without channels for occlusion and Grad-CAM.
    rise: response(image) - mean response(references).
    gap: sum of the values minus the rise; NaN for a method that is not complete.
    is_converged: whether the gap is within tolerance; False for a method that is not complete.
    attributions: the whole record of the path attribution; None for another method.
    """

    images: Float[Tensor, "n *shape"]
    references: Float[Tensor, "n r *shape"]
    values: Float[Tensor, "n *mapped"]
    rise: Float64[Tensor, "n"]
    gap: Float64[Tensor, "n"]
    is_converged: Bool[Tensor, "n"]
    response_of_image: Float64[Tensor, "n"]
    response_of_references: Float64[Tensor, "n r"]
    response_name: str
    reference_name: str
    method: Method
    is_forced: bool
    attributions: Attributions | None

    @property
    def pooled(self) -> Float[Tensor, "n *space"]:
        """Values with channels pooled by their signed sum: one a pixel."""
        return self.values.sum(1) if self.values.ndim == self.images.ndim else self.values

    @property
    def reference_sd(self) -> Float[Tensor, "n *shape"] | None:
        """SD of the map over the references; None for one reference or another method."""
        return self.attributions.reference_sd if self.attributions is not None else None

    def stamps(self, number: int) -> tuple[str, ...]:
        """Return the warnings that belong on the figure of one image."""
        stamps = []
        if isinstance(self.method, Comparator):
            stamps.append(f"not complete: {self.method.name}")
        elif not bool(self.is_converged[number]):
            stamps.append("not converged")
        if self.is_forced:
            stamps.append("reference forced")
        return tuple(stamps)


def explanation_of(
    response: Response | nn.Module,
    images: Float[Tensor, "n *shape"],
    *,
    references: Tensor | ReferenceName,
    reference_name: str | None = None,
    method: Method | None = None,
    forced: bool = False,
) -> Explanation:
    """Return what moved the response to each image, away from a named reference.

    Args:
        response: Images (n, ...) to one number each, see :func:`response_of`; a module of one
            output may be handed in as it is.
        images: float32 or float64, in the range that the network was trained on; RGB is 0..1.
        references: A name, see :func:`reference_named`, or tensors: (r, ...) for all images or
            (n, r, ...) for each; several give the mean map and its SD.
        reference_name: What tensors are, for the caption; not given with a name.
        method: ``by_path()`` where it is not given; ``by_gradient()`` and others beside it.
        forced: Accept a reference that is normally refused; the figure is then stamped.

    Raises:
        ValueError: What :func:`attributions` refuses; a reference without a name.
        TypeError: Images that are no tensor.
        MemoryError: Not even one path point fits into memory.
    """
    if isinstance(response, nn.Module):
        response = response_of(response)
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images: must be a tensor (n, channels, ...), got {type(images).__name__}; convert "
            "with torch.from_numpy(...).float() and bring channels behind n"
        )
    images = images.detach()
    start, name = _named(references, images, reference_name)
    asked = _Asked(response=response, images=images, start=start, name=name, is_forced=forced)
    if isinstance(method, Comparator):
        return _compared(asked, method)
    return _walked(asked, method or ByPath())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What was asked; ``start`` holds references for all images or for each."""

    response: Response
    images: Tensor
    start: Tensor
    name: str
    is_forced: bool

    def answered(
        self, values: Tensor, *, whole: Tensor, from_references: Tensor, **more: Any
    ) -> Explanation:
        return Explanation(
            images=self.images,
            references=_of_each(self.start, self.images),
            values=values,
            rise=whole - from_references.mean(1),
            response_of_image=whole,
            response_of_references=from_references,
            response_name=_name_of(self.response),
            reference_name=self.name,
            is_forced=self.is_forced,
            **more,
        )


def _walked(asked: _Asked, method: ByPath) -> Explanation:
    found = attributions(
        asked.response,
        asked.images,
        references=asked.start,
        reference_name=asked.name,
        settings=method.settings,
        forced=asked.is_forced,
    )
    return asked.answered(
        found.values,
        whole=found.response_of_image,
        from_references=found.response_of_references,
        gap=found.gap,
        is_converged=found.is_converged,
        method=method,
        attributions=found,
    )


def _compared(asked: _Asked, method: Comparator) -> Explanation:
    whole, from_references = _responses(asked)
    maps = method.maps(asked.response, asked.images, _of_each(asked.start, asked.images))
    return asked.answered(
        maps,
        whole=whole,
        from_references=from_references,
        gap=torch.full_like(whole, torch.nan),
        is_converged=torch.zeros_like(whole, dtype=torch.bool),
        method=method,
        attributions=None,
    )


def _responses(asked: _Asked) -> tuple[Tensor, Tensor]:
    """Check as the path engine does, and return the responses to images and references."""
    images, start = asked.images, asked.start
    check_tensors(images, start)
    check_reference(asked.name, images, start, forced=asked.is_forced)
    check_modules(asked.response, device=images.device)
    is_shared = start.ndim == images.ndim
    flat = start if is_shared else start.flatten(0, 1)
    stream = Stream(response=asked.response, chunk=_CHUNK)
    with plain_arithmetic():
        check_items_are_independent(asked.response, images[0], flat[-1])
        whole, found = stream.responses(images), stream.responses(flat)
    return whole, found.expand(len(images), -1) if is_shared else found.view(len(images), -1)


def _named(
    references: Tensor | ReferenceName, images: Tensor, name: str | None
) -> tuple[Tensor, str]:
    if isinstance(references, Tensor):
        if name is None:
            raise ValueError(
                "reference_name: tensors handed in as references must be named, for example "
                "reference_name='8 healthy images'"
            )
        return references.detach(), name
    if name is not None:
        raise ValueError(
            f"reference_name: {references!r} is the name already; leave reference_name out"
        )
    check_tensors(images, images)
    return reference_named(references, images), references


def _name_of(response: Response) -> str:
    return response.name if isinstance(response, ModelResponse) else "response"


def _of_each(references: Tensor, images: Tensor) -> Tensor:
    if references.ndim == images.ndim:
        return references.expand(len(images), *references.shape)
    return references
