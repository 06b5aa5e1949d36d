"""A shortlist keeps the best of a stream, whatever the order, and draws fairly."""

import numpy as np
import pytest
from scipy import stats

from rimlight.core.shortlists import Best, fair_number, far_from, rank_within


def streamed(score, slide, *, parts, **sizes):
    best = Best(**sizes)
    name = np.arange(len(score))
    for part in parts:
        for one in np.unique(slide[part]):
            rows = part[slide[part] == one]
            best.add(score[rows], {"name": name[rows], "twice": 2 * name[rows]}, slide=int(one))
    return best


def best_of(score, slide, *, n_most, n_a_slide):
    kept = []
    for row in np.argsort(-score):
        if sum(slide[k] == slide[row] for k in kept) < n_a_slide and len(kept) < n_most:
            kept.append(int(row))
    return kept


@pytest.mark.parametrize("n_parts", [1, 7, 60])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_are_kept_whatever_the_order_and_the_parts(n_parts, seed):
    random = np.random.default_rng(seed)
    score, slide = random.random(300), random.integers(0, 5, 300)
    parts = np.array_split(random.permutation(300), n_parts)
    best = streamed(score, slide, parts=parts, n_most=25, n_a_slide=6)
    expected = best_of(score, slide, n_most=25, n_a_slide=6)
    assert best.columns["name"].tolist() == expected
    assert (best.columns["twice"] == 2 * best.columns["name"]).all()
    assert best.score.tolist() == score[expected].tolist()
    assert best.slide.tolist() == slide[expected].tolist()


def test_one_slide_cannot_fill_a_shortlist():
    score = np.linspace(0, 1, 100)
    slide = np.where(score > 0.5, 1, 2)
    best = streamed(score, slide, parts=[np.arange(100)], n_most=20, n_a_slide=5)
    assert np.bincount(best.slide).tolist() == [0, 5, 5]


def test_cells_without_a_score_are_never_kept():
    best = Best(n_most=5, n_a_slide=5)
    best.add(np.array([-np.inf, np.nan, 0.2]), {"name": np.arange(3)}, slide=0)
    assert best.columns["name"].tolist() == [2]


def test_memory_holds_no_more_than_was_asked_for():
    best = Best(n_most=10, n_a_slide=10)
    for number in range(50):
        best.add(np.full(100, float(number)), {"patch": np.zeros((100, 8))}, slide=number)
        assert len(best) <= 10
        assert best.columns["patch"].base is None


def test_places_within_a_group_count_from_nought():
    group = np.random.default_rng(0).integers(0, 6, 200)
    expected = [int((group[:i] == group[i]).sum()) for i in range(200)]
    assert rank_within(group).tolist() == expected
    assert rank_within(np.empty(0, dtype=int)).tolist() == []


def test_fair_numbers_are_spread_evenly_and_know_x_from_y():
    x, y = (part.ravel() for part in np.mgrid[0:200, 0:100])
    number = fair_number(x, y, slide="s1", seed=1)
    assert stats.kstest(number, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(number, x)[0, 1]) < 0.02
    assert abs(np.corrcoef(number, y)[0, 1]) < 0.02
    for other in (
        fair_number(y, x, slide="s1", seed=1),
        fair_number(x, y, slide="s2", seed=1),
        fair_number(x, y, slide="s1", seed=2),
    ):
        assert abs(np.corrcoef(number, other)[0, 1]) < 0.02
    assert (fair_number(x[::-1], y[::-1], slide="s1", seed=1) == number[::-1]).all()


def test_points_near_a_known_one_are_told_with_the_radius_itself():
    x, y = np.array([0.0, 4.0, 4.1, 3.0]), np.array([0.0, 0.0, 0.0, 3.0])
    known = np.array([[0.0, 0.0], [100.0, 100.0]])
    assert far_from(x, y, known, radius=4.0).tolist() == [False, False, True, True]
    assert far_from(x, y, np.empty((0, 2)), radius=4.0).all()
