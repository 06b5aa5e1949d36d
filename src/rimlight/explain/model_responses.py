"""From a network to the one number an item that is explained, with its name for the caption."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rimlight.explain.responses import log_odds

_SUM_SLACK = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelResponse:
    """A response made of a network and the number chosen from its output.

    name: What the number is, for the caption of a figure.
    """

    model: Callable[[Tensor], Any]
    choice: Callable[[Any], Tensor]
    name: str

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return one number an item."""
        return self.choice(self.model(inputs))


def response_of(
    model: Callable[[Tensor], Any],
    *,
    class_index: int | None = None,
    output_index: int | None = None,
    scalar: Callable[[Any], Tensor] | None = None,
    name: str | None = None,
) -> ModelResponse:
    """Return the response of a network: the number of each item that is to be explained.

    A network of one number an item, (n,) or (n, 1), needs nothing more.  Of several, say which.

    Args:
        model: Any torch module or callable, in evaluation mode.
        class_index: Explain the log-odds of this class; the model returns logits (n, k).
        output_index: Explain this column of (n, k) as it is: one of several regressions.
        scalar: For every other output (maps, dictionaries): output to (n,).
        name: What the number is called in captions; for example ``log-odds of cat``.

    Raises:
        ValueError: More than one choice; when called, an output that does not fit the choice, with
            a sentence that says what would.

    >>> import torch
    >>> one_of_three = response_of(torch.nn.Linear(4, 3).eval(), class_index=2)
    >>> one_of_three(torch.zeros(5, 4)).shape, one_of_three.name
    (torch.Size([5]), 'log-odds of class 2')
    """
    choices = [class_index, output_index, scalar]
    if sum(choice is not None for choice in choices) > 1:
        raise ValueError("response_of: give one of class_index, output_index and scalar, not more")
    if scalar is not None:
        return ModelResponse(model=model, choice=scalar, name=name or "response")
    if class_index is not None:
        chosen = partial(_class_log_odds, index=class_index)
        return ModelResponse(
            model=model, choice=chosen, name=name or f"log-odds of class {class_index}"
        )
    if output_index is not None:
        chosen = partial(_column, index=output_index, word="output_index")
        return ModelResponse(model=model, choice=chosen, name=name or f"output {output_index}")
    return ModelResponse(model=model, choice=_only_number, name=name or "output of the model")


def _only_number(output: Any) -> Tensor:
    found = _tensor(output)
    if found.ndim == 1:
        return found
    if found.ndim == 2 and found.shape[1] == 1:
        return found[:, 0]
    if found.ndim == 2:
        raise ValueError(
            f"response: the model returns {found.shape[1]} numbers an item; say which, "
            f"response_of(model, class_index=...) for a class 0..{found.shape[1] - 1}, "
            "output_index=... for a regression"
        )
    raise ValueError(_of_maps(found))


def _class_log_odds(output: Any, *, index: int) -> Float[Tensor, "n"]:
    _column(output, index=index, word="class_index")
    if output.shape[1] == 1:
        raise ValueError(
            "response: the model returns one number an item, and class_index asks for one of "
            "several; leave class_index out"
        )
    sums = output.detach().sum(1)
    if bool(((sums - 1).abs() < _SUM_SLACK).all()) and bool((output >= 0).all()):
        raise ValueError(
            "response: the model returns probabilities, which flatten where it is sure; hand in "
            "the model without its softmax, or explain log(p) with response_of(model, "
            f"scalar=lambda p: torch.logit(p[:, {index}], eps=1e-7))"
        )
    return log_odds(output, index=index)


def _column(output: Any, *, index: int, word: str) -> Float[Tensor, "n"]:
    found = _tensor(output)
    if found.ndim != 2:
        raise ValueError(_of_maps(found))
    if not -found.shape[1] <= index < found.shape[1]:
        raise ValueError(
            f"response: {word}={index}, but the model returns {found.shape[1]} numbers an item; "
            f"take one of 0..{found.shape[1] - 1}"
        )
    return found[:, index]


def _tensor(output: Any) -> Tensor:
    if isinstance(output, Tensor):
        return output
    raise ValueError(
        f"response: the model returns a {type(output).__name__}, not a tensor; pick the number "
        "from it with response_of(model, scalar=lambda output: ...), of shape (n,)"
    )


def _of_maps(found: Tensor) -> str:
    return (
        f"response: the model returns {tuple(found.shape)}, not one row an item; make it one "
        "number with response_of(model, scalar=lambda output: ...), for example the mean of one "
        "channel, output[:, 1].mean((1, 2))"
    )
