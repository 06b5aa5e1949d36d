"""Stain space: the torch twin of the numpy numbers, and the theorems of its paths."""

import json
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import conv_norm_pool, items, made
from torch import nn

from rimlight.core.density import optical_density
from rimlight.core.stains import HDAB, matrix_of, unmix
from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.stain_space import (
    round_trip_change,
    share_above_one,
    stain_parts,
    stain_removed_attributions,
    stain_removed_reference,
    stain_space,
)

TABLE = Path(__file__).parents[1] / "core" / "stain_vectors.json"
ROWS = json.loads(TABLE.read_text())["rows"]
WHITES = torch.tensor([[240.0, 243.0, 245.0], [255.0, 255.0, 255.0], [230.0, 250.0, 235.0]])
SPACE = stain_space(HDAB, white=WHITES)
FINE = PathSettings(tolerance=1e-3, tolerance_absolute=1e-6)


def eight_bit(shape, n, *, seed=1):
    """Return colours as stored: whole grey levels, none 0."""
    return (items(shape, n, seed=seed) * 254 + 1).round() / 255


IMAGES = eight_bit((3, 12, 12), 3)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["rgb"]))
def test_the_twin_gives_the_tabulated_numbers(row):
    image = torch.tensor(row["rgb"], dtype=torch.float32).view(1, 3, 1, 1) / 255
    maps = stain_space(HDAB, white=torch.full((3,), 255.0)).maps_of(image)
    torch.testing.assert_close(maps.flatten(), torch.tensor(row["stains"]), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "stains", [HDAB, matrix_of((0.6, 0.75, 0.3), (0.2, 0.5, 0.8), source="own")]
)
def test_torch_and_numpy_agree(stains):
    maps = stain_space(stains, white=WHITES).maps_of(IMAGES.float())
    rgb = (IMAGES * 255).round().byte().permute(0, 2, 3, 1).numpy()
    density = optical_density(rgb, white=WHITES[:, None, None].numpy())
    expected = unmix(density, stains=stains).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(maps.numpy(), expected, atol=1e-6)


def test_there_and_back_is_the_same_image():
    for images, allowed in [(IMAGES, 1e-13), (IMAGES.float(), 1e-6)]:
        back = SPACE.images_of(SPACE.maps_of(images))
        torch.testing.assert_close(back, images, rtol=0, atol=allowed)


def test_a_channel_of_zero_is_read_as_one_grey_level():
    back = SPACE.images_of(SPACE.maps_of(torch.zeros(3, 3, 2, 2)))
    torch.testing.assert_close(back, torch.full_like(back, 1 / 255))


def test_the_gradient_of_mixing_is_that_of_beer_and_lambert():
    maps = SPACE.maps_of(IMAGES).requires_grad_()
    light = SPACE.images_of(maps)
    (gradient,) = torch.autograd.grad(light[:, 2].sum(), maps)
    expected = -log(10) * HDAB.rows[1, 2] * light[:, 2]
    torch.testing.assert_close(gradient[:, 1], expected.detach())
    maps = maps[:, :, :2, :2].detach().requires_grad_()
    assert torch.autograd.gradcheck(SPACE.images_of, (maps,))


def test_removing_stain_never_adds_any():
    maps = SPACE.maps_of(IMAGES)
    background = torch.tensor([0.0, 0.3, 5.0])
    removed = stain_removed_reference(maps, background_od=background)[:, 0]
    assert (removed[:, 1] <= maps[:, 1]).all()
    assert torch.equal(removed[2], maps[2])
    assert torch.equal(removed[:, [0, 2]], maps[:, [0, 2]])
    assert removed[1, 1].max() == pytest.approx(0.3)


def test_only_stained_pixels_have_evidence_and_it_sums_to_what_removal_costs():
    network = made(conv_norm_pool)
    found = stain_removed_attributions(
        network, IMAGES, space=SPACE, background_od=0.2, settings=FINE
    )
    maps = SPACE.maps_of(IMAGES)
    removed = SPACE.images_of(stain_removed_reference(maps, background_od=0.2)[:, 0])
    cost = (network(IMAGES) - network(removed)).detach()
    torch.testing.assert_close(found.rise, cost, rtol=0, atol=1e-10)
    torch.testing.assert_close(found.values.flatten(1).sum(1), cost, rtol=0.02, atol=1e-3)
    assert cost.abs().min() > 0.01
    assert not found.values[:, [0, 2]].any()
    assert not found.values[:, 1][maps[:, 1] <= 0.2].any()
    assert found.reference_name == "stain_removed"


def test_a_response_linear_in_density_gets_weight_times_removed_stain():
    weights = items((12, 12), 1, seed=3)[0]
    white = torch.tensor([250.0, 240.0, 245.0])
    space = stain_space(HDAB, white=white)

    def response(images):
        return (weights * space.maps_of(images)[:, 1]).sum((1, 2))

    found = stain_removed_attributions(response, IMAGES, space=space, background_od=0.1)
    excess = (space.maps_of(IMAGES)[:, 1] - 0.1).clamp(min=0)
    torch.testing.assert_close(found.values[:, 1], weights * excess)


def test_the_parts_of_all_stains_sum_to_the_rise_from_clear_glass():
    network = made(conv_norm_pool)
    parts = stain_parts(network, IMAGES, space=SPACE, settings=FINE)
    glass = (WHITES.double() / 255)[:, :, None, None].expand_as(IMAGES)
    rise = (network(IMAGES) - network(glass)).detach()
    total = parts.haematoxylin + parts.dab + parts.residual
    torch.testing.assert_close(parts.attributions.rise, rise, rtol=0, atol=1e-9)
    torch.testing.assert_close(total, rise + parts.attributions.gap, rtol=0, atol=1e-9)
    assert (parts.attributions.gap.abs() < 0.03 * rise.abs() + 1e-3).all()


def test_a_part_is_credited_to_its_own_stain():
    space = stain_space(HDAB, white=torch.full((3,), 240.0))

    def response(images):
        maps = space.maps_of(images).mean((2, 3))
        return 2 * maps[:, 0] + 5 * maps[:, 1]

    parts = stain_parts(response, IMAGES, space=space)
    means = space.maps_of(IMAGES).mean((2, 3))
    torch.testing.assert_close(parts.haematoxylin, 2 * means[:, 0])
    torch.testing.assert_close(parts.dab, 5 * means[:, 1])
    torch.testing.assert_close(parts.residual, torch.zeros(3).double(), rtol=0, atol=1e-9)


def test_an_image_without_stain_has_an_empty_map_and_no_error():
    glass = torch.full((1, 3, 8, 8), 240 / 255)
    space = stain_space(HDAB, white=torch.full((3,), 240.0))
    found = stain_removed_attributions(
        nn.Sequential(nn.Flatten(), nn.Linear(192, 1), nn.Flatten(0)).eval(),
        glass,
        space=space,
        background_od=0.05,
    )
    assert not found.values.any()
    assert found.is_small_rise.all()


def test_each_image_keeps_its_own_white_point():
    network = made(conv_norm_pool)
    together = stain_removed_attributions(network, IMAGES, space=SPACE, background_od=0.1)
    for number in range(3):
        alone = stain_removed_attributions(
            network,
            IMAGES[number : number + 1],
            space=stain_space(HDAB, white=WHITES[number]),
            background_od=0.1,
        )
        torch.testing.assert_close(together.values[number], alone.values[0])


def test_a_path_in_stain_space_and_one_in_rgb_have_the_same_rise():
    network = made(conv_norm_pool)
    glass = (WHITES.double() / 255)[:, None, :, None, None].expand(-1, 1, -1, 12, 12)
    straight = attributions(network, IMAGES, references=glass, reference_name="white")
    curved = stain_parts(network, IMAGES, space=SPACE).attributions
    torch.testing.assert_close(straight.rise, curved.rise, rtol=0, atol=1e-9)
    assert not torch.allclose(straight.values.sum(1), curved.values.sum(1), atol=1e-3)


def test_the_round_trip_hardly_moves_the_response():
    change = round_trip_change(made(conv_norm_pool), IMAGES, space=SPACE)
    assert change.max() < 1e-10
    dark = IMAGES.clone()
    dark[0, :, :4] = 0
    assert round_trip_change(made(conv_norm_pool), dark, space=SPACE)[0] > 1e-6


def test_values_brighter_than_any_colour_are_counted():
    images = torch.ones(2, 3, 2, 2)
    images[1, 0] = 1.1
    assert share_above_one(images).tolist() == [0, pytest.approx(1 / 3)]


@pytest.mark.parametrize(
    ("images", "white", "match"),
    [
        (IMAGES * 255, (255.0,) * 3, r"images: .* must be in 0\.\.1"),
        (IMAGES[:, :2], (255.0,) * 3, r"images: must be RGB"),
        (IMAGES, (1.0,) * 3, "white: must be three values above 1"),
        (IMAGES, [(240.0,) * 3] * 2, "2 white points for 3 images"),
    ],
)
def test_what_is_no_rgb_image_is_refused(images, white, match, wrong_types):
    with pytest.raises(ValueError, match=match):
        stain_removed_attributions(
            made(conv_norm_pool),
            images,
            space=stain_space(HDAB, white=torch.tensor(white)),
            background_od=0.1,
        )
