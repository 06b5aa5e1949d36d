"""Responses and gradients of many items in chunks, each halved when memory runs out.

No hooks, no state between calls; the caller's tensors are never written to.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from rimlight.explain.responses import Response, responses_to

_CPU_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def plain_arithmetic() -> Iterator[None]:
    """Compute in the precision of the tensors: no autocast, no TF32, gradients allowed."""
    matmul, cudnn = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul
        torch.backends.cudnn.allow_tf32 = cudnn


@dataclass(slots=True, kw_only=True)
class Stream:
    """A response and how many items it is given at once; the chunk shrinks, never grows."""

    response: Response
    chunk: int

    def in_chunks(self, n_items: int, work: Callable[[int, int], None]) -> None:
        """Call ``work(first, last)`` over all items; a chunk that does not fit is halved.

        Raises:
            MemoryError: One item alone does not fit.
        """
        first = 0
        while first < n_items:
            last = min(first + self.chunk, n_items)
            try:
                work(first, last)
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve(last - first, error)
            else:
                first = last

    def _halve(self, size: int, error: BaseException) -> None:
        if size == 1:
            raise MemoryError(
                "response: memory runs out with one item at a time; use a smaller image or model"
            ) from error
        self.chunk = size // 2

    def responses(self, inputs: Float[Tensor, "n *shape"]) -> Float64[Tensor, "n"]:
        """Return the response to each item in fp64."""
        found = torch.zeros(len(inputs), dtype=torch.float64, device=inputs.device)

        def work(first: int, last: int) -> None:
            part = _laid_out(inputs[first:last].clone())
            found[first:last] = responses_to(self.response, part).double()

        with torch.no_grad():
            self.in_chunks(len(inputs), work)
        return found

    def gradients(self, inputs: Float[Tensor, "m *shape"]) -> Float[Tensor, "m *shape"]:
        """Return the gradient of each item's response.

        Raises:
            ValueError: The response has no gradient, or NaN or infinity in it.
        """
        leaf = _laid_out(inputs).detach().requires_grad_()
        # A copy, so that a response may change its input in place.
        found = responses_to(self.response, leaf.clone())
        if not found.requires_grad:
            raise ValueError(_WITHOUT_GRADIENT)
        (gradient,) = torch.autograd.grad(found.sum(), leaf, allow_unused=True)
        if gradient is None:
            raise ValueError(_WITHOUT_GRADIENT)
        if not bool(torch.isfinite(gradient).all()):
            raise ValueError(
                "gradient of the response: holds NaN or infinity on the path; look for a square "
                "root or logarithm at 0, or a division by 0 inside the response"
            )
        return gradient


_WITHOUT_GRADIENT = (
    "response: its output does not depend on the image by differentiable steps; "
    "leave out .detach(), no_grad, rounding, argmax and conversion to numpy"
)


def _laid_out(inputs: Tensor) -> Tensor:
    if inputs.ndim == 4:
        return inputs.contiguous(memory_format=torch.channels_last)
    return inputs.contiguous()


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error) for words in _CPU_OUT_OF_MEMORY)
