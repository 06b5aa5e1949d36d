"""Averaging over flips and turns: whose sum it is, and that every map comes back to its place."""

import pytest
import torch
from networks import conv_norm_pool, items, made

from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.turning import TURNS, turned, turned_attributions, turned_back


def of(response, images, references, **settings):
    return turned_attributions(
        response,
        images,
        references=references,
        reference_name="own",
        settings=PathSettings(**settings),
    )


def test_the_eight_turns_are_different_and_can_be_undone():
    image = items((1, 4, 4), 1)
    seen = {tuple(turned(image, turn).flatten().tolist()) for turn in TURNS}
    assert len(seen) == 8
    for turn in TURNS:
        torch.testing.assert_close(turned_back(turned(image, turn), turn), image)


def test_a_response_that_reads_one_place_gets_evidence_from_all_places_it_is_turned_to():
    image = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3).double()
    found = of(lambda x: 8 * x[:, 0, 0, 1], image, torch.zeros(1, 1, 3, 3).double())
    # The middle of an edge comes from the four edges, twice each: 8 x value x 2 / 8.
    expected = torch.tensor([[0.0, 4, 0], [8, 0, 12], [0, 16, 0]]).double()
    torch.testing.assert_close(found.averaged.values[0, 0], expected)
    assert found.averaged.response_of_image.item() == pytest.approx(8 * 5)
    assert found.plain_response.item() == pytest.approx(8 * 2)
    assert found.shift.item() == pytest.approx(24)


def test_a_response_that_does_not_mind_turns_has_its_plain_map():
    images, reference = items((1, 6, 6), 2), items((1, 6, 6), 1, seed=2)

    def response(x):
        return 9 * (x - x.mean((1, 2, 3), keepdim=True)).relu().square().sum((1, 2, 3))

    plain = attributions(
        response,
        images,
        references=reference,
        reference_name="own",
        settings=PathSettings(tolerance=0.1),
    )
    found = of(response, images, reference)
    torch.testing.assert_close(found.averaged.values, plain.values)
    assert found.shift.max() < 1e-9
    assert (found.averaged.n_gradients == 8 * plain.n_gradients).all()


@pytest.mark.parametrize("is_shared", [True, False])
def test_the_sum_holds_against_the_averaged_response(is_shared):
    network, images = made(conv_norm_pool), items((3, 12, 12), 3)
    references = items((3, 12, 12), 6, seed=2)
    references = references[:2] if is_shared else references.reshape(3, 2, 3, 12, 12)
    found = of(network, images, references, tolerance_absolute=1e-3).averaged
    averaged = torch.stack([network(turned(images, turn)) for turn in TURNS]).mean(0)
    torch.testing.assert_close(found.response_of_image, averaged.detach())
    torch.testing.assert_close(found.values.flatten(1).sum(1), found.rise + found.gap)
    assert found.is_converged.all()
    assert (found.gap.abs() <= (0.1 * found.rise.abs()).clamp(min=1e-3)).all()
    turned_images = torch.cat([turned(images, turn) for turn in TURNS])
    assert (found.n_gradients >= 8 * 2).all()
    assert len(turned_images) == 24


def test_a_mean_that_is_not_within_ten_percent_is_marked():
    network, images = made(conv_norm_pool), items((3, 12, 12), 3)
    found = of(
        lambda x: (8 * network(x)).sin() * 5,
        images,
        items((3, 12, 12), 1, seed=2),
        n_first=1,
        n_most=1,
        spacing="even",
        tolerance_absolute=0.0,
    ).averaged
    share = (found.gap / found.rise).abs()
    assert (found.is_converged == (share <= 0.1)).all()
    assert not found.is_converged.all()


def test_what_is_not_square_is_refused(wrong_types):
    with pytest.raises(ValueError, match=r"images: must be square.*got \(2, 3, 12, 9\)"):
        of(made(conv_norm_pool), items((3, 12, 9), 2), items((3, 12, 9), 1, seed=2))
