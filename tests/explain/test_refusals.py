"""What the engine refuses: the sentence names the tensor and the remedy."""

from dataclasses import dataclass
from functools import partial

import pytest
import torch
from networks import conv_norm_pool, items, made, relu
from torch import nn

from rimlight.explain.attribution import attributions
from rimlight.explain.responses import log_odds, modules_of

SHAPE = (3, 8, 8)


def explained(response=None, images=None, references=None, *, name="own", **more):
    return attributions(
        made(relu) if response is None else response,
        items(SHAPE, 3) if images is None else images,
        references=items(SHAPE, 2, seed=2) if references is None else references,
        reference_name=name,
        **more,
    )


def damaged(tensor, value):
    tensor = tensor.clone()
    tensor[1, 0, 2, 3] = value
    return tensor


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_damaged_image_or_reference_is_named(value):
    with pytest.raises(ValueError, match="images: hold NaN or infinity"):
        explained(images=damaged(items(SHAPE, 3), value))
    with pytest.raises(ValueError, match="references: hold NaN or infinity"):
        explained(references=damaged(items(SHAPE, 2, seed=2), value))


def test_a_response_of_nan_is_named():
    with pytest.raises(ValueError, match="response: returns NaN or infinity"):
        explained(lambda x: x.sum((1, 2, 3)) / 0)


def test_a_response_that_is_nan_only_on_the_way_is_named():
    images, references = torch.ones(1, 4), torch.zeros(1, 4)

    def response(x):
        y = x.sum(1)
        return torch.where((y > 1) & (y < 3), torch.nan, y)

    with pytest.raises(ValueError, match="response: returns NaN or infinity"):
        explained(response, images, references)


def test_a_gradient_of_infinity_is_named():
    with pytest.raises(ValueError, match="gradient of the response: holds NaN or infinity"):
        explained(lambda x: (x.sum((1, 2, 3)) * 0).sqrt())


def test_a_network_in_training_mode_is_refused_however_it_is_wrapped():
    network = made(conv_norm_pool)
    network.layers[1].train()

    @dataclass
    class Wrapped:
        inner: nn.Module

        def __call__(self, x):
            return self.inner(x)

        def logit(self, x):
            return self.inner(x)

    images, references = items((3, 12, 12), 3), items((3, 12, 12), 1, seed=2)
    ways = [
        network,
        lambda x: network(x),
        partial(torch.nn.Module.__call__, network),
        network.forward,
        Wrapped(network),
        Wrapped(network).logit,
        lambda x, held=(network,): held[0](x),
        lambda x: (lambda y: network(y))(x),
    ]
    for response in ways:
        with pytest.raises(ValueError, match=r"'layers.1' is in training mode.*call .eval\(\)"):
            explained(response, images, references)


def test_a_placeholder_that_does_nothing_may_be_in_training_mode():
    network = made(conv_norm_pool)
    network.layers[1] = nn.Identity()
    assert network.layers[1].training
    explained(network, items((3, 12, 12), 3), items((3, 12, 12), 1, seed=2))


GLOBAL_NETWORK = made(relu)


def test_a_network_of_the_enclosing_file_is_found():
    assert modules_of(lambda x: GLOBAL_NETWORK(x)) == [GLOBAL_NETWORK]
    assert modules_of(torch.sigmoid) == []


def test_chance_in_the_response_is_refused():
    with pytest.raises(ValueError, match="switch off dropout"):
        explained(lambda x: nn.functional.dropout(x, 0.5).sum((1, 2, 3)))


def test_items_that_influence_each_other_are_refused():
    def response(x):
        return nn.functional.batch_norm(x, None, None, training=True).square().sum((1, 2, 3))

    with pytest.raises(ValueError, match="items of a batch influence each other"):
        explained(lambda x: response(x * x.mean((1, 2, 3), keepdim=True)) + x.sum((1, 2, 3)))
    with pytest.raises(ValueError, match="items of a batch influence each other"):
        explained(lambda x: x.sum((1, 2, 3)) - x.sum((1, 2, 3)).mean())


def test_a_response_that_does_not_depend_on_the_image_is_refused():
    network = made(relu)
    flat = torch.ones(3 * 8 * 8, requires_grad=True).double()
    for response in [
        lambda x: network(x.detach()),
        lambda x: network(x).round().detach(),
        lambda x: (flat * 2).sum().expand(len(x)),
    ]:
        with pytest.raises(ValueError, match="does not depend on the image by differentiable"):
            explained(response)


def test_a_response_of_another_shape_is_refused_with_the_shape():
    with pytest.raises(ValueError, match=r"one number an item, shape \(1,\), got \(1, 1\)"):
        explained(lambda x: x.sum((1, 2, 3))[:, None])
    with pytest.raises(ValueError, match=r"shape \(1,\), got \(\)"):
        explained(lambda x: x.sum())
    with pytest.raises(ValueError, match="got float"):
        explained(lambda x: 1.0)


@pytest.mark.parametrize(
    ("images", "references", "match"),
    [
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), None, "images: must be float32 or float64"),
        (torch.zeros(2, 3, 8, 8).half(), None, "images: must be float32 or float64"),
        (torch.zeros(4), None, r"images: must be \(n, ...\)"),
        (torch.zeros(0, 3, 8, 8), None, "at least one item"),
        (items(SHAPE, 3), items((3, 8, 9), 1), r"references: must be \(r, ...\)"),
        (items(SHAPE, 3), items(SHAPE, 1)[0], r"references: must be \(r, ...\)"),
        (items(SHAPE, 3), items(SHAPE, 2)[:, None], r"with n = 3 .* got \(2, 1, 3, 8, 8\)"),
        (items(SHAPE, 3), items(SHAPE, 3)[:0], r"references: must be \(r, ...\)"),
        (items(SHAPE, 3), items(SHAPE, 1).float(), "references: dtype is torch.float32"),
        (items(SHAPE, 3), items(SHAPE, 1).to("meta"), "references: device is meta"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(images, references, match, wrong_types):
    with pytest.raises(ValueError, match=match):
        explained(images=images, references=references)


def test_a_network_on_another_device_is_refused():
    with pytest.raises(ValueError, match=r"parameter .* is on meta, the images on cpu; move"):
        explained(made(relu).to("meta"))


def test_a_reference_without_a_name_is_refused():
    for name in ("", "  "):
        with pytest.raises(ValueError, match="reference_name: a reference must be named"):
            explained(name=name, forced=True)


@pytest.mark.parametrize("name", ["white", "opposite", "fixed_negatives", "blur"])
def test_colours_outside_0_to_1_are_refused_even_if_forced(name):
    for tensor in (items(SHAPE, 3) * 255, items(SHAPE, 3) - 0.5):
        with pytest.raises(ValueError, match=r"images: .* must be in 0\.\.1.*first layer"):
            explained(images=tensor, name=name, forced=True)
    with pytest.raises(ValueError, match=r"references: .* must be in 0\.\.1"):
        explained(references=items(SHAPE, 1) + 0.5, name=name)


def test_black_is_refused_unless_forced():
    black = torch.zeros(1, *SHAPE).double()
    for name in ("opposite", "images", "own"):
        with pytest.raises(ValueError, match="black is refused, it is the darkest stain"):
            explained(references=black + 1 / 255, name=name)
    assert explained(references=black, forced=True).is_forced


def test_zero_of_a_normalised_space_is_refused_unless_forced():
    normalised = items(SHAPE, 3) * 4 - 2
    zero = torch.zeros(1, *SHAPE).double()
    with pytest.raises(ValueError, match="zero is refused, in a normalised space"):
        explained(images=normalised, references=zero, name="images")
    assert explained(images=normalised, references=zero, name="images", forced=True).is_forced
    assert not explained(images=normalised, references=zero, name="no signal").is_forced


def test_noise_is_refused_unless_forced():
    for name in ("opposite", "images"):
        with pytest.raises(ValueError, match="noise is refused"):
            explained(references=items((3, 8, 8), 1, seed=5), name=name)
    for name in ("noise", "imagenet_mean", "black"):
        with pytest.raises(ValueError, match=f"'{name}' is refused"):
            explained(name=name)
    assert explained(name="noise", forced=True).reference_name == "noise"


def test_a_reference_that_is_the_image_is_refused_with_its_number():
    images = items(SHAPE, 3)
    with pytest.raises(ValueError, match="reference 1 is image 2 itself"):
        explained(images=images, references=torch.stack([items(SHAPE, 1, seed=9)[0], images[2]]))
    each = torch.stack([items(SHAPE, 3, seed=9), images], 1)
    with pytest.raises(ValueError, match="reference 1 is image 0 itself"):
        explained(images=images, references=each)


def test_memory_for_not_even_one_point_is_said():
    def greedy(x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    network = made(relu)

    def late(x):
        return greedy(x) if torch.is_grad_enabled() else network(x)

    with pytest.raises(MemoryError, match="one item at a time"):
        explained(late)


def test_log_odds_of_two_classes_are_the_difference_of_logits():
    logits = torch.tensor([[1.0, 3.5], [0.0, -2.0]])
    torch.testing.assert_close(log_odds(logits, index=1), torch.tensor([2.5, -2.0]))
    torch.testing.assert_close(log_odds(logits, index=-1), log_odds(logits, index=1))
    many = torch.tensor([[1.0, 2.0, 3.0]])
    torch.testing.assert_close(
        log_odds(many, index=0), torch.logit(torch.softmax(many, 1)[:, 0]), rtol=1e-5, atol=1e-5
    )
