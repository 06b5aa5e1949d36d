"""The quadrature: weights, nesting, and numbers worked out by hand."""

import pytest
import torch

from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.path_points import path_points, rungs_for


@pytest.mark.parametrize("spacing", ["ends", "even"])
@pytest.mark.parametrize("n_points", [1, 2, 8, 32, 96, 288])
def test_weights_sum_to_one(spacing, n_points):
    points = path_points(n_points, spacing=spacing)
    assert float(points.factor.sum() * points.scale) == pytest.approx(1, abs=1e-14)
    assert len(points.position) == n_points


@pytest.mark.parametrize("spacing", ["ends", "even"])
def test_tripling_keeps_every_old_point_and_its_factor(spacing):
    old, new = path_points(32, spacing=spacing), path_points(96, spacing=spacing)
    torch.testing.assert_close(new.position[1::3], old.position, rtol=0, atol=1e-15)
    torch.testing.assert_close(new.factor[1::3], old.factor, rtol=0, atol=1e-14)
    added = path_points(96, spacing=spacing, is_first=False)
    both = torch.cat([old.position, added.position]).sort().values
    torch.testing.assert_close(both, new.position.sort().values, rtol=0, atol=1e-15)


def test_points_crowd_at_both_ends_and_are_symmetric():
    position = path_points(32).position
    torch.testing.assert_close(position + position.flip(0), torch.ones(32).double())
    assert position[1] - position[0] < (position[16] - position[15]) / 5


def attribution_of_power(power, *, n_points, spacing):
    found = attributions(
        lambda x: x[:, 0] ** power,
        torch.ones(1, 1).double(),
        references=torch.zeros(1, 1).double(),
        reference_name="nought",
        settings=PathSettings(rungs=(n_points,), spacing=spacing),
    )
    return float(found.values.sum())


@pytest.mark.parametrize("spacing", ["ends", "even"])
@pytest.mark.parametrize("n_points", [2, 5, 32])
def test_a_square_has_no_gap(spacing, n_points):
    found = attribution_of_power(2, n_points=n_points, spacing=spacing)
    assert found == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(
    ("n_points", "spacing", "expected"),
    [(2, "even", 0.9375), (2, "ends", 1.125), (32, "even", 0.999756), (32, "ends", 1.000201)],
)
def test_a_cube_has_the_gap_worked_out_by_hand(n_points, spacing, expected):
    found = attribution_of_power(3, n_points=n_points, spacing=spacing)
    assert found == pytest.approx(expected, abs=5e-7)


def test_several_references_share_the_points():
    assert rungs_for((32, 96, 288), n_references=1) == (32, 96, 288)
    assert rungs_for((32, 96, 288), n_references=2) == (16, 48, 144)
    assert rungs_for((32, 96, 288), n_references=8) == (8, 24, 72)
    assert rungs_for((32, 96, 288), n_references=50) == (8, 24, 72)
    assert rungs_for((2, 6), n_references=4) == (2, 6)


def test_rungs_that_do_not_triple_are_refused():
    for rungs in [(32, 64), (), (0, 0), (32, 96, 300)]:
        with pytest.raises(ValueError, match="three times the last"):
            PathSettings(rungs=rungs)
    with pytest.raises(ValueError, match="tripled after the first"):
        path_points(32, is_first=False)
