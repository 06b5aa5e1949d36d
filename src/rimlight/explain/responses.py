"""What is explained: a differentiable number for each item, and whether it is fit to be explained.

A response maps (n, ...) to (n,): each item to one number, on its own, the same every time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from threading import RLock
from types import CodeType, FunctionType, MethodType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

Response = Callable[[Tensor], Tensor]

_DEPTH, _WIDTH = 6, 100
_WITHOUT_MODE = (nn.Identity, nn.Sequential, nn.ModuleList, nn.ModuleDict)  # only their parts
_FLAGS = RLock()  # two threads must not both save and restore the flags of one module
_RELATIVE, _ABSOLUTE = 1e-3, 1e-4


def log_odds(logits: Float[Tensor, "n k"], *, index: int) -> Float[Tensor, "n"]:
    """Return the log-odds of one class against all others: logit - logsumexp(other logits).

    So the units of a many-class network agree with those of a single logit.

    >>> log_odds(torch.tensor([[0.0, 3.0]]), index=1)
    tensor([3.])
    """
    others = [column for column in range(logits.shape[1]) if column != index % logits.shape[1]]
    return logits[:, index] - logits[:, others].logsumexp(1)


def modules_of(response: object) -> list[nn.Module]:
    """Return the torch modules that a callable is, holds, is bound to, or closes over."""
    found: dict[int, nn.Module] = {}
    _collect(response, found, set(), _DEPTH)
    return list(found.values())


def _collect(thing: object, found: dict[int, nn.Module], seen: set[int], depth: int) -> None:
    if depth == 0 or id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, nn.Module):
        found[id(thing)] = thing
        return
    for part in _parts(thing):
        _collect(part, found, seen, depth - 1)


def _parts(thing: object) -> Iterator[object]:
    if isinstance(thing, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif isinstance(thing, FunctionType):
        yield from thing.__defaults__ or ()
        yield from (thing.__kwdefaults__ or {}).values()
        for cell in thing.__closure__ or ():
            yield from _contents(cell)
        yield from (thing.__globals__.get(name) for name in _names(thing.__code__))
    elif isinstance(thing, list | tuple):
        yield from islice(thing, _WIDTH)
    elif isinstance(thing, dict):
        yield from islice(thing.values(), _WIDTH)
    elif callable(thing) and not isinstance(thing, type):
        yield from vars(thing).values() if hasattr(thing, "__dict__") else ()
        slots = getattr(type(thing), "__slots__", ())
        yield from (getattr(thing, name, None) for name in slots)


def _contents(cell: Any) -> Iterator[object]:
    try:
        yield cell.cell_contents
    except ValueError:  # a closure whose variable is not set yet
        return


def _names(code: CodeType) -> set[str]:
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    return set(code.co_names).union(*(_names(part) for part in inner))


def check_modules(response: Response, *, device: torch.device) -> None:
    """Refuse a response whose modules train or rest on another device.

    Raises:
        ValueError: A module, or a module inside it, is in training mode or elsewhere.
    """
    for module in modules_of(response):
        for name, part in module.named_modules():
            if part.training and type(part) not in _WITHOUT_MODE:
                raise ValueError(
                    f"response: module {name or type(module).__name__!r} is in training mode, so "
                    "items of a batch influence each other or chance does; call .eval() first"
                )
        for name, part in [*module.named_parameters(), *module.named_buffers()]:
            if part.device != device:
                raise ValueError(
                    f"response: parameter {name!r} is on {part.device}, the images on "
                    f"{device}; move one of them with .to({str(device)!r})"
                )


@contextmanager
def parameters_at_rest(modules: list[nn.Module]) -> Iterator[None]:
    """Let no parameter ask for a gradient inside; give every flag back, also after an error.

    Only the flags change, and only for the time being: a tenth to a fifth less work.
    """
    with _FLAGS:
        asking = [p for module in modules for p in module.parameters() if p.requires_grad]
        try:
            for parameter in asking:
                parameter.requires_grad_(False)
            yield
        finally:
            for parameter in asking:
                parameter.requires_grad_(True)


def check_items_are_independent(
    response: Response, image: Float[Tensor, "*shape"], companion: Float[Tensor, "*shape"]
) -> None:
    """Refuse a response that depends on chance or on the other items of its batch.

    Raises:
        ValueError: The response fails on an image; two calls on one image differ; a companion in
            the batch changes it.
    """
    with torch.no_grad():
        alone = _first_call(response, image[None].clone())
        again = responses_to(response, image[None].clone())
        paired = responses_to(response, torch.stack([companion, image]))[1:]
    if not _agree(alone, again):
        raise ValueError(
            f"response: gives {alone.item():.6g} and then {again.item():.6g} for one image; "
            "switch off dropout and other chance, or call .eval()"
        )
    if not _agree(alone, paired):
        raise ValueError(
            f"response: items of a batch influence each other, {alone.item():.6g} alone and "
            f"{paired.item():.6g} beside another; call .eval() or normalise each item by itself"
        )


def _first_call(response: Response, image: Float[Tensor, "1 *shape"]) -> Float[Tensor, "1"]:
    """Return the response to one image; what torch says of a wrong image becomes a sentence."""
    try:
        return responses_to(response, image)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"images: the response fails on one image of shape {tuple(image.shape)} and type "
            f"{image.dtype}: {reason}; hand in images of the shape and type that it was made for"
        ) from error


def responses_to(response: Response, inputs: Float[Tensor, "m *shape"]) -> Float[Tensor, "m"]:
    """Return the response to each item, checked.

    Raises:
        ValueError: The response is no tensor of shape (m,), or holds NaN or infinity.
    """
    found = response(inputs)
    if not isinstance(found, Tensor) or found.shape != inputs.shape[:1]:
        came = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"response: must return one number an item, shape ({len(inputs)},), got {came}; "
            "pick it with response_of(model) for (n, 1), response_of(model, class_index=...) for "
            "(n, k), response_of(model, scalar=lambda output: ...) for anything else"
        )
    if not found.is_floating_point():
        raise ValueError(
            f"response: must return floating-point numbers, got {found.dtype}; leave out argmax, "
            "rounding and comparison, and explain the logit before them"
        )
    if not bool(torch.isfinite(found).all()):
        raise ValueError(
            f"response: returns NaN or infinity; {_damaged_weight(response)}look for a division by "
            "0 or a logarithm of 0 inside it"
        )
    return found


def _damaged_weight(response: Response) -> str:
    for module in modules_of(response):
        for name, part in [*module.named_parameters(), *module.named_buffers()]:
            if not bool(torch.isfinite(part).all()):
                return f"its parameter {name!r} holds some, so load other weights; else "
    return ""


def _agree(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one.double(), other.double(), rtol=_RELATIVE, atol=_ABSOLUTE))
