"""Captum as an outside oracle, and its known defect pinned down."""

import pytest
import torch
from captum.attr import IntegratedGradients
from networks import SHAPE_OF_NETWORK, items, linear, made

from rimlight.explain.attribution import PathSettings, attributions


def ours(network, images, reference, *, n_points):
    return attributions(
        network,
        images,
        references=reference,
        reference_name="own",
        settings=PathSettings(n_first=n_points, n_most=n_points, spacing="even"),
    ).values


def theirs(network, images, reference, *, n_points, method):
    # Captum fails on a network that changes its input in place; a copy is fair.
    return IntegratedGradients(lambda x: network(x.clone())).attribute(
        images, reference.expand_as(images), n_steps=n_points, method=method
    )


@pytest.mark.parametrize("n_points", [5, 50])
@pytest.mark.parametrize("kind", SHAPE_OF_NETWORK, ids=lambda kind: kind.__name__)
def test_even_spacing_is_the_midpoint_rule_of_captum(kind, n_points):
    network, shape = made(kind), SHAPE_OF_NETWORK[kind]
    images, reference = items(shape, 3), items(shape, 1, seed=2)
    expected = theirs(network, images, reference, n_points=n_points, method="riemann_middle")
    found = ours(network, images, reference, n_points=n_points)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_the_trapezoid_of_captum_loses_one_share_in_n():
    network = made(linear)
    images, reference = items((40,), 2), items((40,), 1, seed=2)
    found = theirs(network, images, reference, n_points=50, method="riemann_trapezoid")
    exact = ours(network, images, reference, n_points=50)
    torch.testing.assert_close(found, exact * 49 / 50)
