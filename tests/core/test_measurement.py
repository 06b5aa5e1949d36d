import numpy as np
import pytest

from rimlight.core.measurement import (
    Ring,
    best_cut,
    best_ring,
    level_cuts,
    levels_from,
    mean_od,
    saturated_share,
    separating_cut,
    top_share,
)
from rimlight.core.zones import ring

YES, NO = True, False


def test_mean_od_takes_each_patch_its_own_mask_and_is_nan_where_the_mask_is_empty():
    dab = np.array([[[1.0, 2.0], [3.0, 4.0]]] * 2, dtype=np.float32)
    masks = np.array([[[YES, NO], [NO, YES]], [[NO, NO], [NO, NO]]])
    assert mean_od(dab, masks)[0] == 2.5
    assert np.isnan(mean_od(dab, masks)[1])
    one_for_all = np.array([[NO, YES], [NO, NO]])
    assert mean_od(dab, one_for_all).tolist() == [2.0, 2.0]


def test_the_top_share_is_signed_and_takes_equally_many_pixels_of_every_map():
    maps = np.array([[[-9.0, 0.0], [0.5, -1.0]], [[-3.0, -2.0], [-9.0, -8.0]]])
    assert top_share(maps, share=0.5).tolist() == [
        [[False, True], [True, False]],
        [[True, True], [False, False]],
    ]


def test_ties_at_the_border_of_the_top_share_go_by_place_and_the_count_is_exact():
    flat = np.zeros((3, 7, 7), dtype=np.float32)
    taken = top_share(flat, share=0.1)
    assert taken.sum(axis=(1, 2)).tolist() == [5, 5, 5]  # 4.9 rounded
    assert taken.reshape(3, -1)[:, :5].all()
    assert top_share(np.zeros((1, 1, 5)), share=0.5).sum() == 3  # 2.5: a half goes up


def test_a_map_that_is_not_finite_has_no_top_share():
    with pytest.raises(ValueError, match="finite"):
        top_share(np.array([[[np.nan, 1.0]]]), share=0.5)


def test_a_pixel_is_saturated_by_density_or_by_one_dark_channel():
    rgb = np.full((1, 2, 2, 3), 90, dtype=np.uint8)
    rgb[0, 0, 0, 2] = 2
    dab = np.full((1, 2, 2), 1.0, dtype=np.float32)
    dab[0, 1, 1] = 2.6
    assert saturated_share(rgb, dab, max_od=2.5).tolist() == [0.5]


def test_the_best_cut_has_the_best_f1_by_trying_every_cut():
    random = np.random.default_rng(3)
    for _ in range(20):
        value = random.integers(0, 9, 30) / 8
        label = random.random(30) < 0.2 + 0.6 * value

        def f1(cut, value=value, label=label):
            call = value > cut
            return 2 * (call & label).sum() / max(call.sum() + label.sum(), 1)

        middles = (np.arange(10) - 0.5) / 8
        assert f1(best_cut(value, label)) == pytest.approx(max(f1(cut) for cut in middles))


def test_of_equal_cuts_the_one_in_the_widest_gap_is_taken():
    value = np.array([0.0, 0.1, 0.2, 0.3, 3.0, 3.1, 3.2])
    label = np.array([NO, YES, NO, NO, YES, NO, YES])
    # above 0.05: 3 of 3 and 3 wrong; above 1.65: 2 of 3 and 1 wrong; F1 2/3 both
    assert best_cut(value, label) == pytest.approx(1.65)


def test_a_cut_that_calls_everything_lies_just_below_the_lowest_value():
    value = np.array([0.3, 0.3, 0.3])
    cut = best_cut(value, np.array([YES, NO, YES]))
    assert (value > cut).all()
    assert cut == pytest.approx(0.3)


def test_values_that_are_nan_are_left_out_and_without_positive_cells_there_is_no_cut():
    value = np.array([np.nan, 0.1, 0.5, np.nan])
    assert best_cut(value, np.array([YES, NO, YES, NO])) == pytest.approx(0.3)
    assert np.isnan(best_cut(value, np.array([YES, NO, NO, YES])))
    assert np.isnan(separating_cut(value, np.array([YES, YES, YES, NO])))


def test_the_separating_cut_does_not_lean_to_the_larger_class_as_f1_does():
    value = np.array([0.0, 0.0, 0.2, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3])
    label = np.array([NO, NO, NO, YES, YES, YES, YES, YES, YES])
    # above 0.05: 6/6 and 2/3 right; above 0.25: 3/6 and 3/3 right
    assert separating_cut(value, label) == pytest.approx(0.05)
    weak = np.array([0.0, 0.1, 0.3, 0.0, 0.1, 0.3, 0.3, 0.3])
    label = np.array([NO, NO, NO, YES, YES, YES, YES, YES])
    assert (weak > best_cut(weak, label)).all()  # F1 calls everything
    assert separating_cut(weak, label) == pytest.approx(0.2)  # 1/3 against 2/5 missed


def test_level_cuts_have_the_least_squared_error_of_all_cuts():
    random = np.random.default_rng(5)
    for _ in range(10):
        level = random.integers(0, 4, 14)
        value = np.round(level + random.normal(0, 1.2, 14), 1)

        def error(cuts, value=value, level=level):
            return ((levels_from(value, cuts) - level) ** 2).sum()

        edges = np.unique(value)
        middles = [edges[0] - 1, *(edges[1:] + edges[:-1]) / 2, edges[-1] + 1]
        best = min(
            error((a, b, c)) for a in middles for b in middles if b >= a for c in middles if c >= b
        )
        cuts = level_cuts(value, level)
        assert list(cuts) == sorted(cuts)
        assert error(cuts) == best


def test_a_level_that_no_cell_has_is_left_between_two_equal_cuts():
    value, level = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 0, 3, 3])
    cuts = level_cuts(value, level)
    assert levels_from(value, cuts).tolist() == [0, 0, 3, 3]
    assert np.isnan(level_cuts(np.array([np.nan]), np.array([1]))).all()


def test_a_value_without_a_number_has_no_level():
    with pytest.raises(ValueError, match="nan"):
        levels_from(np.array([np.nan]), (0.1, 0.2, 0.3))


def test_the_ring_that_tells_the_cells_apart_is_found():
    random = np.random.default_rng(0)
    label = random.random(400) < 0.5
    dab = random.normal(0.2, 3.0, (400, 41, 41)).astype(np.float32)
    dab[:, ring(41, mpp=0.5, inner_um=0.0, outer_um=4.0)] += random.random((400, 1))
    own = ring(41, mpp=0.5, inner_um=4.0, outer_um=6.0)
    dab[:, own] += 0.5 * label[:, None]
    dab[:, ring(41, mpp=0.5, inner_um=6.0, outer_um=10.0)] += random.random((400, 1))
    assert best_ring(dab, label, mpp=0.5) == Ring(inner_um=4.0, outer_um=6.0)


def test_ring_means_are_those_of_the_zone():
    dab = np.random.default_rng(1).random((3, 21, 21), dtype=np.float32)
    from rimlight.core.measurement import _ring_means

    means = _ring_means(dab, mpp=0.5, radii_um=np.array([0.0, 1.5, 4.0]))
    assert [(inner, outer) for inner, outer, _ in means] == [(0, 1.5), (0, 4.0), (1.5, 4.0)]
    zone = ring(21, mpp=0.5, inner_um=1.5, outer_um=4.0)  # pixels lie on both radii
    np.testing.assert_allclose(means[2][2], mean_od(dab, zone), rtol=1e-5)


def test_no_ring_is_fitted_without_a_positive_cell():
    with pytest.raises(ValueError, match="no positive"):
        best_ring(np.zeros((2, 9, 9), dtype=np.float32), np.array([NO, NO]), mpp=0.5)
