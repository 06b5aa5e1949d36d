"""One call for any network: references by name or tensor, methods as functions, one record."""

import pytest
import torch
from networks import (
    FiveChannelsOneOfFour,
    conv_norm_pool,
    items,
    linear,
    made,
    relu,
    signal,
    two_channels,
    volume,
)
from torch import nn

from rimlight import explain
from rimlight.explain.named_references import blurred

IMAGES = items((3, 12, 12), 3)


def classifier():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 4)
    ).double().eval()  # fmt: skip


def test_a_named_reference_is_the_tensor_of_that_name():
    network = made(conv_norm_pool)
    named = explain.explanation_of(network, IMAGES, references="blur")
    by_hand = explain.attributions(
        network, IMAGES, references=blurred(IMAGES, sigma_px=1.5)[:, None], reference_name="blur"
    )
    torch.testing.assert_close(named.values, by_hand.values)
    torch.testing.assert_close(named.attributions.gap, named.gap)
    assert named.reference_name == "blur"
    assert named.references.shape == (3, 1, 3, 12, 12)


@pytest.mark.parametrize(
    ("kind", "shape", "name"),
    [
        (signal, (2, 30), "blur"),
        (two_channels, (2, 9, 7), "white"),
        (FiveChannelsOneOfFour, (5, 8, 8), "no_signal"),
        (volume, (1, 6, 7, 8), "blur"),
        (linear, (40,), "no_signal"),
    ],
)
def test_the_sum_holds_for_images_of_any_shape_and_named_references(kind, shape, name):
    network, images = made(kind), items(shape, 3)
    found = explain.explanation_of(network, images, references=name)
    rise = network(images) - network(found.references[:, 0])
    torch.testing.assert_close(found.rise, rise.detach())
    assert found.is_converged.all()
    total = found.pooled.flatten(1).sum(1) if len(shape) > 1 else found.values.sum(1)
    torch.testing.assert_close(total, found.rise + found.gap)


def test_a_reference_of_all_images_is_recorded_for_each():
    shared = items((3, 12, 12), 2, seed=4)
    found = explain.explanation_of(
        made(conv_norm_pool), IMAGES, references=shared, reference_name="2 others"
    )
    assert found.references.shape == (3, 2, 3, 12, 12)
    torch.testing.assert_close(found.references[2], shared)
    assert found.reference_sd.shape == IMAGES.shape
    alone = explain.explanation_of(
        made(conv_norm_pool), IMAGES, references=shared[:1], reference_name="other"
    )
    assert alone.reference_sd is None


def test_a_network_of_several_outputs_is_told_to_choose():
    with pytest.raises(ValueError, match="returns 4 numbers an item; say which"):
        explain.explanation_of(classifier(), IMAGES, references="white")
    response = explain.response_of(classifier(), class_index=2)
    found = explain.explanation_of(response, IMAGES, references="white")
    assert found.response_name == "log-odds of class 2"
    torch.testing.assert_close(found.response_of_image, response(IMAGES).detach())


def test_methods_stand_behind_one_call_with_one_record():
    network = classifier()
    response = explain.response_of(network, class_index=1)
    head = explain.response_of(network[2:], class_index=1)
    path = explain.explanation_of(response, IMAGES, references="white", method=explain.by_path())
    assert path.stamps(0) == ()
    others = [
        explain.by_gradient(),
        explain.by_gradient_times_input(),
        explain.by_occlusion(window_px=4, step_px=2),
        explain.by_grad_cam(network[:2], head),
    ]
    for method in others:
        found = explain.explanation_of(response, IMAGES, references="white", method=method)
        assert found.pooled.shape == (3, 12, 12)
        torch.testing.assert_close(found.rise, path.rise)
        assert found.gap.isnan().all()
        assert not found.is_converged.any()
        assert found.stamps(1) == (f"not complete: {method.name}",)
        assert found.attributions is None
        assert not any(module._forward_hooks or module._backward_hooks for module in network)


def test_a_map_that_is_not_finished_and_a_forced_reference_are_stamped():
    settings = explain.PathSettings(
        n_first=1, n_most=1, spacing="even", tolerance=0, tolerance_absolute=0
    )
    found = explain.explanation_of(
        made(relu),
        items((3, 8, 8), 2),
        references="black",
        method=explain.by_path(settings),
        forced=True,
    )
    assert found.stamps(1) == ("not converged", "reference forced")


def test_occlusion_takes_the_mean_over_its_references():
    weights = items((4, 4), 1, seed=3)[0]
    images, references = items((1, 4, 4), 2), items((1, 4, 4), 3, seed=5)
    found = explain.explanation_of(
        lambda x: (x[:, 0] * weights).sum((1, 2)),
        images,
        references=references,
        reference_name="three",
        method=explain.by_occlusion(window_px=1),
    )
    torch.testing.assert_close(found.values, weights * (images - references.mean(0))[:, 0])


@pytest.mark.parametrize(("kind", "shape"), [(signal, (2, 30)), (volume, (1, 6, 7, 8))])
def test_occlusion_and_gradient_take_signals_and_volumes(kind, shape):
    images = items(shape, 2)
    for method in (explain.by_occlusion(window_px=3, step_px=2), explain.by_gradient()):
        found = explain.explanation_of(made(kind), images, references="blur", method=method)
        assert found.pooled.shape == (2, *shape[1:])
        assert found.values.any()


def test_grad_cam_of_a_volume_lights_the_place():
    image = torch.zeros(1, 1, 8, 8, 8).double()
    image[0, 0, 1, 6, 1] = 1
    trunk = nn.AvgPool3d(2).eval()
    found = explain.explanation_of(
        lambda x: trunk(x).sum((1, 2, 3, 4)),
        image,
        references="no_signal",
        method=explain.by_grad_cam(trunk, lambda maps: maps.sum((1, 2, 3, 4))),
    )
    z, y, x = (int(part) for part in (found.values[0] == found.values.max()).nonzero()[0])
    assert (z, y, x) in {(z, y, x) for z in (0, 1, 2) for y in (5, 6, 7) for x in (0, 1, 2)}


def test_grad_cam_of_another_network_is_refused():
    network, other = classifier(), classifier()
    with torch.no_grad():
        other[4].bias += 1
    response = explain.response_of(network, output_index=0)
    method = explain.by_grad_cam(network[:2], explain.response_of(other[2:], output_index=0))
    with pytest.raises(ValueError, match=r"head: after trunk it gives .*cut the same network"):
        explain.explanation_of(response, IMAGES, references="white", method=method)


def test_stain_can_be_taken_away_window_by_window():
    images = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0)).double()
    removal = explain.stain_removal(
        lambda x: -torch.log10(x[:, 2]).sum((1, 2)), images * 0.8 + 0.1, background_od=0.05
    )
    found = explain.explanation_of(
        removal.response,
        removal.images,
        references=removal.references,
        reference_name=removal.reference_name,
        method=explain.by_occlusion(window_px=1),
    )
    taken = removal.images[:, 1] - removal.references[:, 0, 1]
    assert removal.references[:, 0, 1].max().item() == pytest.approx(0.05)
    torch.testing.assert_close(removal.references[:, 0, [0, 2]], removal.images[:, [0, 2]])
    # Blue absorbs 0.7776 of a DAB density, see docs/method.md.
    torch.testing.assert_close(found.values, 0.7776 * taken, rtol=1e-3, atol=1e-6)
    path = explain.explanation_of(
        removal.response,
        removal.images,
        references=removal.references,
        reference_name=removal.reference_name,
    )
    torch.testing.assert_close(path.values[:, 1], found.values, rtol=1e-3, atol=1e-6)
    assert not path.values[:, [0, 2]].any()


def test_the_share_inside_a_mask_counts_the_positive_part_only():
    maps = torch.tensor([[[3.0, 1.0], [-5.0, 0.0]], [[-1.0, 0.0], [0.0, 0.0]]])
    masks = torch.tensor([[[True, False], [True, True]]] * 2)
    found = explain.share_inside(maps, masks)
    assert found[0] == 0.75
    assert found[1].isnan()
