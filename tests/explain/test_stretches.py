"""The quadrature: stretches, their known errors, and numbers worked out by hand."""

import numpy as np
import pytest
import torch

from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.stretches import borders, cut, path_errors, secant_weights, unmeasured, worst


def measured(at, response, slope, *, path=0):
    """Return the stretches of one path between borders, with response and slope as functions."""
    at = np.asarray(at, dtype=float)
    found = unmeasured(np.full(len(at) - 1, path), at[:-1], np.diff(at))
    middle = found.middle
    return type(found)(
        path=found.path,
        begin=found.begin,
        width=found.width,
        response=response(middle),
        slope=slope(middle),
        slot=found.slot,
    )


@pytest.mark.parametrize("spacing", ["ends", "even"])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 31, 96])
def test_stretches_cover_the_path_once(spacing, n):
    at = borders(n, spacing=spacing)
    assert at[0] == 0
    assert at[-1] == 1
    assert len(at) == n + 1
    assert (np.diff(at) > 0).all()
    np.testing.assert_allclose(at + at[::-1], 1, atol=1e-15)


def test_the_ends_are_finer_than_the_middle():
    width = np.diff(borders(8))
    assert width[0] < width[4] / 4
    assert width[0] == pytest.approx(np.sin(np.pi / 16) ** 2)


def test_no_stretch_at_all_is_refused():
    with pytest.raises(ValueError, match="n_stretches: must be at least 1, got 0"):
        borders(0)


def attribution_of_power(power, *, n_points, spacing):
    found = attributions(
        lambda x: x[:, 0] ** power,
        torch.ones(1, 1).double(),
        references=torch.zeros(1, 1).double(),
        reference_name="nought",
        settings=PathSettings(n_first=n_points, n_most=n_points, spacing=spacing),
    )
    assert found.n_gradients.item() == n_points
    return float(found.values.sum())


@pytest.mark.parametrize("spacing", ["ends", "even"])
@pytest.mark.parametrize("n_points", [2, 5, 32])
def test_a_square_has_no_gap(spacing, n_points):
    found = attribution_of_power(2, n_points=n_points, spacing=spacing)
    assert found == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(
    ("n_points", "spacing", "expected"),
    # of a cube a stretch of width h misses h^3 / 4
    [(2, "even", 0.9375), (32, "even", 0.999756), (4, "even", 1 - 1 / 64)],
)
def test_a_cube_has_the_gap_worked_out_by_hand(n_points, spacing, expected):
    found = attribution_of_power(3, n_points=n_points, spacing=spacing)
    assert found == pytest.approx(expected, abs=5e-7)


def test_errors_of_the_spans_are_those_worked_out_by_hand():
    # F = a^3 on stretches 0..0.5 and 0.5..1: middles 1/4 and 3/4, slopes 3/16 and 27/16.
    found = path_errors(
        measured([0, 0.5, 1], lambda a: a**3, lambda a: 3 * a**2),
        start=np.zeros(1),
        end=np.ones(1),
    )
    first, between, last = 1 / 64 - 3 / 64, 26 / 64 - 30 / 64, 37 / 64 - 27 / 64
    assert found.gap_of_path[0] == pytest.approx(-(first + between + last))
    assert found.gap_of_path[0] == pytest.approx(0.9375 - 1)
    assert found.spread_of_path[0] == pytest.approx(abs(first) + abs(between) + last)
    np.testing.assert_allclose(
        found.of_stretch, [abs(first) + abs(between) / 2, abs(between) / 2 + last]
    )
    assert found.climb_of_path[0] == pytest.approx(1)


def test_a_span_between_unequal_stretches_is_blamed_by_their_widths():
    wide_first = measured([0, 0.8, 1], lambda a: 0 * a + [0.0, 1.0], lambda a: 0 * a)
    found = path_errors(wide_first, start=np.zeros(1), end=np.ones(1))
    np.testing.assert_allclose(found.of_stretch, [0.8, 0.2])


def test_paths_do_not_mix():
    one = measured([0, 0.5, 1], lambda a: a**3, lambda a: 3 * a**2)
    other = measured([0, 0.3, 1], lambda a: 5 * a, lambda a: 0 * a + 5, path=1)
    both = path_errors(one.joined(other), start=np.zeros(2), end=np.array([1.0, 5.0]))
    alone = path_errors(one, start=np.zeros(1), end=np.ones(1))
    np.testing.assert_allclose(both.of_stretch[:2], alone.of_stretch)
    np.testing.assert_allclose(both.of_stretch[2:], 0, atol=1e-15)
    np.testing.assert_allclose(both.gap_of_path, [alone.gap_of_path[0], 0], atol=1e-15)
    np.testing.assert_allclose(both.climb_of_path, [1, 5])


def test_the_climb_counts_ways_up_and_down():
    found = path_errors(
        measured([0, 0.5, 1], lambda a: np.array([3.0, -1.0]), lambda a: 0 * a),
        start=np.zeros(1),
        end=np.ones(1),
    )
    assert found.climb_of_path[0] == 3 + 4 + 2


def test_where_the_response_bends_once_a_span_is_exact():
    # Slope 4 up to 0.3, then 1: the bend lies between the middles 1/4 and 3/4.
    def response(a):
        return np.where(a < 0.3, 4 * a, 1.2 + (a - 0.3))

    bent = measured([0, 0.5, 1], response, lambda a: np.where(a < 0.3, 4.0, 1.0))
    ends = {"start": np.zeros(1), "end": np.array([1.9])}
    np.testing.assert_allclose(secant_weights(bent, **ends), [0.3, 0.7])
    found = path_errors(bent, **ends)
    assert found.secant_gap_of_path[0] == pytest.approx(0, abs=1e-12)
    assert found.gap_of_path[0] == pytest.approx(2.5 - 1.9)
    assert found.spread_of_path[0] == pytest.approx(0.6)


def test_a_rise_that_two_slopes_cannot_make_takes_the_nearer_slope_and_leaves_a_gap():
    wild = measured([0, 0.5, 1], lambda a: np.array([0.0, 5.0]), lambda a: np.array([1.0, 2.0]))
    ends = {"start": np.zeros(1), "end": np.array([5.0])}
    np.testing.assert_allclose(secant_weights(wild, **ends), [0.25, 0.75])
    assert path_errors(wild, **ends).secant_gap_of_path[0] == pytest.approx(1.75 - 5)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_weights_of_every_path_sum_to_one(n):
    rng = np.random.default_rng(n)
    one = measured(borders(n), lambda a: rng.normal(size=len(a)), lambda a: rng.normal(size=len(a)))
    other = measured(borders(3), lambda a: 2 * a, lambda a: 0 * a + 2, path=1)
    found = secant_weights(one.joined(other), start=np.zeros(2), end=np.ones(2))
    assert (found >= 0).all()
    np.testing.assert_allclose(found[:n].sum(), 1)
    np.testing.assert_allclose(found[n:], np.diff(borders(3)))  # straight: nothing to share


def test_thirds_cover_what_was_cut_and_the_middle_keeps_its_gradient():
    old = measured([0, 0.3, 1], lambda a: a, lambda a: 2 * a)
    middle, outer = cut(old)
    whole = middle.joined(outer)
    np.testing.assert_allclose(whole.begin, [0, 0.1, 0.2, 0.3, 0.3 + 0.7 / 3, 0.3 + 1.4 / 3])
    np.testing.assert_allclose(middle.middle, old.middle)
    np.testing.assert_array_equal(middle.slope, old.slope)
    assert np.isnan(outer.slope).all()
    assert whole.width.sum() == pytest.approx(1)


def test_each_group_has_its_own_worst_within_its_budget():
    error = np.array([1.0, 0.6, 0.4, 100.0, 60.0, 10.0, 7.0])
    group = np.array([0, 0, 0, 1, 1, 1, 2])
    free = np.array([9, 1, 0])
    assert worst(error, group, n_free=free).tolist() == [True, True, False, True] + [False] * 3


def test_an_eighth_is_cut_even_where_one_error_towers():
    error = np.r_[100.0, np.linspace(1, 2, 31)]
    chosen = worst(error, np.zeros(32, dtype=int), n_free=np.array([99]))
    assert chosen.sum() == 4
    assert chosen[[0, 29, 30, 31]].all()
