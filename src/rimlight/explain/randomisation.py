"""Networks with random weights in place of learned ones: a map must not survive them.

Layers get random weights from the head down; normalisation statistics of those layers are taken
anew from given images, so that responses vary as much as those of a trained network.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rimlight.explain.responses import Response, modules_of


def layers_of(response: Response) -> list[nn.Module]:
    """Return the layers that hold parameters themselves, each once, in the order they were made."""
    found: dict[int, nn.Module] = {}
    for module in modules_of(response):
        for part in module.modules():
            if next(part.parameters(recurse=False), None) is not None:
                found[id(part)] = part
    return list(found.values())


@contextmanager
def randomised(
    response: Response, images: Float[Tensor, "n *shape"], *, n_layers: int, seed: int
) -> Iterator[None]:
    """Give the last ``n_layers`` layers random weights while the context is open.

    The modules themselves are changed, since a response may close over them; every parameter and
    statistic is given back at the end, also after an error.  Nothing else may use them meanwhile.

    Args:
        images: From which batch normalisations among these layers take their statistics.

    Raises:
        ValueError: The response has no layers, or fewer than ``n_layers``.
    """
    layers = layers_of(response)
    if not 1 <= n_layers <= len(layers):
        raise ValueError(
            f"n_layers: must be 1 to {len(layers)}, the layers with parameters that the response "
            f"holds, got {n_layers}"
        )
    chosen = layers[-n_layers:]
    saved = [_own_tensors(layer) for layer in chosen]
    kept = [[tensor.detach().clone() for tensor in tensors] for tensors in saved]
    try:
        _randomise(chosen, seed=seed)
        _calibrate(chosen, response, images)
        yield
    finally:
        with torch.no_grad():
            for tensors, values in zip(saved, kept, strict=True):
                for tensor, value in zip(tensors, values, strict=True):
                    tensor.copy_(value)


def stages(n_layers: int, *, n_stages: int) -> list[int]:
    """Return how many layers from the head are random at each stage, all of them last.

    >>> stages(10, n_stages=4), stages(2, n_stages=4)
    ([1, 4, 7, 10], [1, 2])
    """
    step = (n_layers - 1) / max(1, n_stages - 1)
    return sorted({round(1 + step * stage) for stage in range(n_stages)} | {n_layers})


def _own_tensors(layer: nn.Module) -> list[Tensor]:
    return [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]


def _randomise(layers: Sequence[nn.Module], *, seed: int) -> None:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in layers:
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
                continue
            for parameter in layer.parameters(recurse=False):
                scale = float(parameter.std()) if parameter.numel() > 1 else 1.0
                parameter.normal_(float(parameter.mean()), scale or 1.0)


def _calibrate(layers: Sequence[nn.Module], response: Response, images: Tensor) -> None:
    norms = [layer for layer in layers if isinstance(layer, _BatchNorm)]
    norms = [norm for norm in norms if norm.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    if not norms:
        return
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all that comes
            norm.train()
        with torch.no_grad():
            response(images.clone())
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum
