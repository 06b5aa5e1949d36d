"""One table of what a caller can get wrong: each is refused and told which tensor, and what to do.

What is refused is refused by ``attributions``, by ``explanation_of``, and by every comparator.
"""

from dataclasses import dataclass, field

import pytest
import torch
from networks import conv_norm_pool, items, made, relu
from torch import nn

from rimlight import explain

SHAPE = (3, 8, 8)
IMAGES = items(SHAPE, 3)
REFERENCES = items(SHAPE, 2, seed=2)


def with_weight(value):
    network = made(relu)
    with torch.no_grad():
        network.layers[1].weight[2, 5] = value
    return network


def with_buffer_elsewhere():
    network = made(conv_norm_pool)
    network.layers[1].running_mean = network.layers[1].running_mean.to("meta")
    return network


def dropping():
    network = nn.Sequential(nn.Dropout(0.5), made(relu))
    network[0].train()
    return network


@dataclass(frozen=True)
class Wrong:
    """What is handed in, the tensor that the sentence begins with, and the remedy in it."""

    what: str
    names: str
    remedy: str
    response: object = field(default_factory=lambda: made(relu))
    images: torch.Tensor = IMAGES
    references: object = REFERENCES
    name: str | None = "own"
    error: type[Exception] = ValueError


def of_three(x):
    return torch.stack([x.sum((1, 2, 3))] * 3, 1)


BAD = [
    Wrong("training mode", "response: module", r"\.eval\(\)", response=made(relu).train()),
    Wrong("dropout left on", "response: module", r"\.eval\(\)", response=dropping()),
    Wrong("NaN weight", "response: returns NaN", "'layers.1.weight'.* load other weights",
          response=with_weight(torch.nan)),
    Wrong("infinite weight", "response: returns NaN", "load other weights",
          response=with_weight(torch.inf)),
    Wrong("NaN response", "response: returns NaN", "division by 0",
          response=lambda x: x.sum((1, 2, 3)) / 0),
    Wrong("NaN image", "images: hold NaN", "leave out those items",
          images=torch.full((3, *SHAPE), torch.nan).double()),
    Wrong("infinite reference", "references: hold NaN", "leave out those items",
          references=torch.full((1, *SHAPE), torch.inf).double()),
    Wrong("range 0..255", "images: .*must be in 0..1", "divide by 255",
          images=IMAGES * 255, references="white", name=None),
    Wrong("hidden normalisation", "images: .*must be in 0..1", "first layer",
          images=IMAGES * 4 - 2, references="white", name=None),
    Wrong("other height", r"images: the response fails .*\(1, 3, 8, 9\)", "shape and type",
          images=items((3, 8, 9), 3), references=items((3, 8, 9), 1, seed=2)),
    Wrong("grey for RGB", r"images: the response fails .*\(1, 1, 8, 8\)", "made for",
          images=items((1, 8, 8), 3), references=items((1, 8, 8), 1, seed=2)),
    Wrong("channels last", "images: the response fails", "made for",
          response=made(conv_norm_pool), images=items((8, 8, 3), 3),
          references=items((8, 8, 3), 1, seed=2)),
    Wrong("single precision for a double network", "images: the response fails .*float32",
          "type that it was made for", images=IMAGES.float(), references=REFERENCES.float()),
    Wrong("an array", "images: must be a tensor", "torch.from_numpy", images=IMAGES.numpy(),
          error=TypeError),
    Wrong("no first axis", r"images: must be \(n, ...\)", r"image\[None\]", images=torch.zeros(4)),
    Wrong("empty batch", "images: must be .* at least one item", "got", images=IMAGES[:0]),
    Wrong("bytes", "images: must be float32", r"\.float\(\)",
          images=torch.zeros((3, *SHAPE), dtype=torch.uint8)),
    Wrong("complex numbers", "images: must be float32", r"\.float\(\)",
          images=torch.zeros((3, *SHAPE), dtype=torch.complex64)),
    Wrong("reference of another shape", "references: must be", "got",
          references=items((3, 8, 9), 1)),
    Wrong("references for other images", "references: must be .* n = 3", "got",
          references=REFERENCES[:, None]),
    Wrong("no reference", "references: must be", "got", references=REFERENCES[:0]),
    Wrong("reference in single precision", "references: dtype", r"\.to\(",
          references=REFERENCES.float()),
    Wrong("reference elsewhere", "references: device is meta", r"\.to\(",
          references=REFERENCES.to("meta")),
    Wrong("reference is the image", "references: reference 0 is image 1 itself", "take another",
          references=IMAGES[1:2]),
    Wrong("black", "references: 'black' is refused", "forced=True", references="black", name=None),
    Wrong("zeros", "references: 'zeros' is refused", "forced=True", references="zeros", name=None),
    Wrong("unnamed reference", "reference_name: ", "reference_name='8 healthy", name=None),
    Wrong("blank name", "reference_name: ", "name it", name=" "),
    Wrong("name given twice", "reference_name: 'white' is the name already", "leave",
          references="white"),
    Wrong("module elsewhere", "response: parameter .* is on meta", r"\.to\('cpu'\)",
          response=made(relu).to("meta")),
    Wrong("buffer elsewhere", "response: parameter 'layers.1.running_mean' is on meta", r"\.to\(",
          response=with_buffer_elsewhere()),
    Wrong("twice as many numbers", r"response: must return one number an item, .*got \(2,\)",
          "response_of", response=lambda x: torch.cat([x.sum((1, 2, 3))] * 2)),
    Wrong("a column", r"response: .*got \(1, 1\)", r"response_of\(model\) for \(n, 1\)",
          response=lambda x: x.sum((1, 2, 3))[:, None]),
    Wrong("several classes", r"response: .*got \(1, 3\)", "class_index=", response=of_three),
    Wrong("a dictionary", "response: .*got dict", "scalar=lambda", response=lambda x: {"out": x}),
    Wrong("class number", "response: must return floating-point", "logit before",
          response=lambda x: x.sum((1, 2, 3)).long()),
    Wrong("chance", "response: gives", "dropout",
          response=lambda x: nn.functional.dropout(x, 0.5).sum((1, 2, 3))),
    Wrong("mixed items", "response: items of a batch influence each other", r"\.eval\(\)",
          response=lambda x: x.sum((1, 2, 3)) - x.sum((1, 2, 3)).mean()),
]  # fmt: skip
WITHOUT_GRADIENT = [
    lambda x: made(relu)(x.detach()),
    lambda x: (x.sum((1, 2, 3)) > 3).double(),
    lambda x: x.sum((1, 2, 3)).round().detach(),
    lambda x: torch.from_numpy(x.detach().numpy().sum((1, 2, 3))),
]


def explained(wrong, **more):
    return explain.explanation_of(
        wrong.response,
        wrong.images,
        references=wrong.references,
        reference_name=wrong.name,
        **more,
    )


@pytest.mark.parametrize("wrong", BAD, ids=lambda wrong: wrong.what)
def test_bad_input_is_refused_with_the_tensor_and_the_remedy(wrong, wrong_types):
    with pytest.raises(wrong.error, match=f"^{wrong.names}.*{wrong.remedy}") as caught:
        explained(wrong)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 330


@pytest.mark.parametrize("wrong", BAD, ids=lambda wrong: wrong.what)
@pytest.mark.parametrize(
    "method", [explain.by_gradient(), explain.by_occlusion(window_px=3)], ids=lambda way: way.name
)
def test_a_comparator_refuses_the_same(wrong, method, wrong_types):
    with pytest.raises(wrong.error, match=f"^{wrong.names}"):
        explained(wrong, method=method)


@pytest.mark.parametrize("response", WITHOUT_GRADIENT)
def test_a_response_without_gradient_is_refused(response):
    with pytest.raises(ValueError, match=r"^response: its output does not depend.*leave out"):
        explained(Wrong("", "", "", response=response))


def test_an_empty_mask_is_refused_with_its_number(wrong_types):
    maps, masks = torch.ones(3, 4, 4), torch.ones(3, 4, 4, dtype=torch.bool)
    masks[1] = False
    with pytest.raises(ValueError, match=r"^masks: mask 1 is empty.*leave that image out"):
        explain.share_inside(maps, masks)
    with pytest.raises(ValueError, match=r"^masks: must be true or false.*compare with > 0"):
        explain.share_inside(maps, masks.float())
    with pytest.raises(ValueError, match=r"^masks: must have the shape.*pool channels"):
        explain.share_inside(maps, masks[:, :3])
