"""Responses and gradients of many items in chunks, each halved when memory runs out.

No hooks, no state between calls; the caller's tensors are never written to.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from rimlight.explain.responses import Response, responses_to

Found = TypeVar("Found")

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


_CHUNKS_A_WORKER = 4


@dataclass(slots=True, kw_only=True)
class Stream:
    """A response and how many items it is given at once; the chunk shrinks, never grows.

    n_workers: threads that each compute whole chunks with one thread of torch; more than 1 needs a
        response that may be called from several threads. Numbers do not depend on it.
    """

    response: Response
    chunk: int
    n_workers: int = 1

    def in_chunks(
        self,
        n_items: int,
        compute: Callable[[int, int], Found],
        take: Callable[[int, int, Found], None],
    ) -> None:
        """Compute ``(first, last)`` over all items and take what came, always in the same order.

        A chunk that does not fit is halved; what was computed with it is thrown away.

        Raises:
            MemoryError: One item alone does not fit.
        """
        first = 0
        with self._workers() as computed:
            while first < n_items:
                stop = min(n_items, first + self.chunk * self._n_together)
                parts = [(a, min(a + self.chunk, stop)) for a in range(first, stop, self.chunk)]
                try:
                    found = list(computed(lambda part: compute(*part), parts))
                except (RuntimeError, MemoryError) as error:
                    if not _is_out_of_memory(error):
                        raise
                    self._halve(parts[0][1] - first, error)
                else:
                    for part, result in zip(parts, found, strict=True):
                        take(*part, result)
                    first = stop

    @property
    def _n_together(self) -> int:
        return self.n_workers * _CHUNKS_A_WORKER if self.n_workers > 1 else 1

    @contextmanager
    def _workers(self) -> Iterator[Callable[..., Iterable[Any]]]:
        if self.n_workers == 1:
            yield map
            return
        n_threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(self.n_workers, initializer=_one_thread) as pool:
                yield pool.map
        finally:
            torch.set_num_threads(n_threads)

    def _halve(self, size: int, error: BaseException) -> None:
        if size == 1:
            raise MemoryError(
                "response: memory runs out with one item at a time; use a smaller image or model"
            ) from error
        self.chunk = size // 2

    def responses(self, inputs: Float[Tensor, "n *shape"]) -> Float64[Tensor, "n"]:
        """Return the response to each item in fp64."""
        found = torch.zeros(len(inputs), dtype=torch.float64, device=inputs.device)

        def compute(first: int, last: int) -> Tensor:
            with torch.no_grad():
                return responses_to(self.response, _laid_out(inputs[first:last].clone()))

        def take(first: int, last: int, part: Tensor) -> None:
            found[first:last] = part.double()

        self.in_chunks(len(inputs), compute, take)
        return found

    def gradients(
        self, inputs: Float[Tensor, "m *shape"]
    ) -> tuple[Float64[Tensor, "m"], Float[Tensor, "m *shape"]]:
        """Return the response to each item, and its gradient.

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
        return found.detach().double(), gradient


def _one_thread() -> None:
    torch.set_num_threads(1)


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
