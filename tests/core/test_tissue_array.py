"""Cores of synthetic arrays are found where they lie and named right, turned and incomplete."""

import numpy as np
import pytest

from rimlight.core.tissue_array import core_diameter_px, find_cores, row_letters
from tissue_arrays import D, array_mask


def wrong_cores(mask, truth, **how):
    """Cores with tissue that are absent, far off or called missing, by name."""
    found = {core.name: core for core in find_cores(mask, **({"diameter_px": D} | how)).cores}
    wrong = {}
    for name, (x, y, kind) in truth.items():
        core = found.get(name)
        if kind == "missing":
            continue
        if core is None or core.is_missing or np.hypot(core.x_px - x, core.y_px - y) > D / 3:
            wrong[name] = (kind, core)
    assert len(found) == len(truth)
    return wrong


@pytest.mark.parametrize("turn_deg", [-5, -2, 0, 3, 5])
@pytest.mark.parametrize("pitch", [(1.2, 1.2), (1.8, 1.4)])
def test_every_core_is_found_and_named_turned_and_with_a_seventh_missing(turn_deg, pitch):
    for seed in (1, 2, 3):
        size = {"n_rows": 4 + seed, "n_columns": 6 + 2 * seed}
        mask, truth = array_mask(seed, turn_deg=turn_deg, pitch=pitch, **size)
        assert wrong_cores(mask, truth) == {}


def test_the_turn_of_the_rows_is_told_with_its_sign():
    for turn_deg in (-4.0, 4.0):
        mask, _ = array_mask(5, turn_deg=turn_deg)
        assert find_cores(mask, diameter_px=D).turn_deg == pytest.approx(turn_deg, abs=0.5)


def test_rows_are_letters_downwards_and_columns_numbers_to_the_right():
    mask, truth = array_mask(6, n_rows=3, n_columns=5, missing=0, jitter=0)
    found = find_cores(mask, diameter_px=D)
    assert (found.n_rows, found.n_columns) == (3, 5)
    assert [core.name for core in found.cores[:6]] == ["A-1", "A-2", "A-3", "A-4", "A-5", "B-1"]
    for core in found.cores:
        x, y, _ = truth[core.name]
        assert (core.x_px, core.y_px) == pytest.approx((x, y), abs=D / 3)
    assert [row_letters(n) for n in (0, 25, 26, 27)] == ["A", "Z", "AA", "AB"]


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_the_diameter_need_not_be_exact(factor):
    mask, truth = array_mask(7, turn_deg=2)
    assert wrong_cores(mask, truth, diameter_px=factor * D) == {}


def test_much_may_be_missing_broken_or_dirty():
    for shares in ({"missing": 0.4}, {"broken": 0.4}, {"n_debris": 60}):
        mask, truth = array_mask(8, turn_deg=3, **shares)
        assert wrong_cores(mask, truth) == {}


def test_a_missing_core_keeps_its_name_and_says_that_it_is_missing():
    mask, truth = array_mask(9, n_debris=0, broken=0)
    found = {core.name: core for core in find_cores(mask, diameter_px=D).cores}
    assert any(kind == "missing" for *_, kind in truth.values())
    for name, (*_, kind) in truth.items():
        assert found[name].is_missing is (kind == "missing")
        assert (found[name].tissue_share > 0.5) is (kind != "missing")


def test_an_empty_row_at_the_rim_is_counted_when_it_is_asked_for():
    mask, truth = array_mask(10, n_rows=5, n_columns=6, missing=0, n_debris=0)
    mask[: int(truth["A-1"][1] + 0.62 * D)] = False
    assert find_cores(mask, diameter_px=D).n_rows == 4
    found = find_cores(mask, diameter_px=D, n_rows=5, n_columns=6)
    assert (found.n_rows, found.n_columns) == (5, 6)


def test_a_marker_core_beside_the_grid_moves_no_name_when_the_size_is_told():
    mask, truth = array_mask(11, n_rows=4, n_columns=6, missing=0, n_debris=0, jitter=0.02)
    mask = np.pad(mask, ((0, 0), (100, 0)))
    rows, columns = np.indices(mask.shape)
    x, y, _ = truth["B-1"]
    mask |= np.hypot(columns - (100 + x - 1.35 * D), rows - y) < D / 2
    assert find_cores(mask, diameter_px=D).n_columns == 7
    moved = {name: (x + 100, y, kind) for name, (x, y, kind) in truth.items()}
    assert wrong_cores(mask, moved, n_columns=6) == {}


@pytest.mark.parametrize("size", [(1, 5), (5, 1), (2, 3), (1, 1)])
def test_a_small_array_is_one_too(size):
    how = {"missing": 0, "broken": 0, "n_debris": 0, "jitter": 0.02}
    mask, truth = array_mask(12, n_rows=size[0], n_columns=size[1], **how)
    assert wrong_cores(mask, truth) == {}


def test_the_diameter_is_measured_on_round_pieces_alone():
    mask, _ = array_mask(13, n_debris=30, broken=0.3)
    assert core_diameter_px(mask) == pytest.approx(D, rel=0.06)
    mask, _ = array_mask(13, n_rows=1, n_columns=3, missing=0, n_debris=0)
    with pytest.raises(ValueError, match="3 round pieces of tissue are found, needed 4"):
        core_diameter_px(mask)


def test_without_a_core_it_says_so():
    with pytest.raises(ValueError, match="no round core"):
        find_cores(np.zeros((200, 300), dtype=bool), diameter_px=D)
    with pytest.raises(ValueError, match="6 px wide"):
        find_cores(np.zeros((200, 300), dtype=bool), diameter_px=3)
