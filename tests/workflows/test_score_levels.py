"""Levels: the better way is used, fitted cells choose it, and held-out cells only judge it."""

from dataclasses import replace

import numpy as np
import pytest

from rimlight.core.measurement import Ring
from rimlight.workflows.score_levels import (
    CUT_OFFS,
    ORDINAL,
    LevelCells,
    Levels,
    fitted_levels,
    levels_as_dict,
    levels_from_dict,
)

RING = Ring(inner_um=3.0, outer_um=8.0)


def cells(*, n=400, seed=0, od_noise=0.02, feature_noise=0.02, n_features=3):
    random = np.random.default_rng(seed)
    level = random.integers(0, 4, n)
    features = random.normal(size=(n, n_features))
    features[:, 0] = level + random.normal(size=n) * feature_noise
    return LevelCells(
        case=np.array([f"case{i % 8}" for i in range(n)]),
        level=level,
        call=level > 0,
        od=0.2 * level + random.normal(size=n) * od_noise,
        features=features,
    )


def test_cut_offs_are_used_where_density_tells_levels_and_features_do_not():
    fit = cells(feature_noise=50.0, n_features=40, n=160)
    found = fitted_levels(fit, cells(feature_noise=50.0, n_features=40, seed=1), ring=RING, seed=0)
    assert found.way == CUT_OFFS
    assert found.cuts_od == pytest.approx((0.3, 0.5), abs=0.05)
    assert found.words.startswith("Levels by calibrated cut-offs")


def test_the_ordinal_head_is_used_where_features_tell_more_than_density():
    fit, held = cells(od_noise=0.3), cells(od_noise=0.3, seed=1)
    found = fitted_levels(fit, held, ring=RING, seed=0)
    assert found.way == ORDINAL
    assert found.errors[ORDINAL] < found.errors[CUT_OFFS]
    assert found.held[ORDINAL].kappa.value > 0.95 > found.held[CUT_OFFS].kappa.value
    assert found.held[ORDINAL].kappa.n_cases == 8
    assert found.words.startswith("Levels by ordinal head")
    assert "calibrated cut-offs" in found.words
    assert (found.of(held.od, held.call, held.features) == held.level).mean() > 0.95


def test_held_out_cells_neither_fit_nor_choose():
    fit, held = cells(od_noise=0.2, feature_noise=0.2), cells(od_noise=0.2, seed=1)
    there = fitted_levels(fit, held, ring=RING, seed=0)
    turned = replace(held, level=3 - held.level, features=-held.features)
    other = fitted_levels(fit, turned, ring=RING, seed=0)
    assert (there.way, there.cuts_od, there.errors) == (other.way, other.cuts_od, other.errors)
    assert (there.head.weights == other.head.weights).all()
    assert other.held[there.way].kappa.value < 0 < there.held[there.way].kappa.value


def test_a_call_decides_between_negative_and_a_level_and_density_only_between_levels():
    levels = Levels(
        way=CUT_OFFS,
        ring=RING,
        cuts_od=(0.2, 0.4),
        head=None,
        n_fitted=9,
        errors=None,
        held={},
    )
    od, call = np.array([0.9, 0.0, 0.2, 0.3, 0.9]), np.array([0, 1, 1, 1, 1]) > 0
    assert levels.of(od, call, np.zeros((5, 2))).tolist() == [0, 1, 1, 2, 3]
    assert levels.words.endswith("not measured on held-out cells.")


def test_a_level_with_few_cells_gives_no_levels():
    fit = cells()
    few = fit.only((fit.level != 3) | (np.cumsum(fit.level == 3) < 10))
    assert fitted_levels(few, cells(seed=1), ring=RING, seed=0) is None


def test_cells_that_the_network_missed_fit_no_level():
    fit = cells()
    missed = replace(fit, call=fit.call & (np.arange(400) % 3 > 0), od=fit.od.copy())
    missed.od[~missed.call] = 99.0
    found = fitted_levels(missed, cells(seed=1), ring=RING, seed=0)
    assert found.n_fitted == (missed.call & (missed.level > 0)).sum()
    assert found.cuts_od == pytest.approx((0.3, 0.5), abs=0.05)


def test_levels_come_back_from_plain_numbers_as_they_were():
    held = cells(od_noise=0.3, seed=1)
    found = fitted_levels(cells(od_noise=0.3), held, ring=RING, seed=0)
    back = levels_from_dict(levels_as_dict(found))
    assert (back.way, back.cuts_od, back.held, back.words) == (
        found.way,
        found.cuts_od,
        found.held,
        found.words,
    )
    told = [each.of(held.od, held.call, held.features).tolist() for each in (found, back)]
    assert told[0] == told[1]
