"""Which cells to ask about next."""

from dataclasses import replace

import numpy as np
import pytest

from rimlight.core.selection import (
    RoundShares,
    Shortlist,
    chosen_round,
    diverse,
    feature_scale,
    likeness,
    nearest_exemplar,
    uncertainty_of,
)


def shortlist(n=400, n_slides=8, seed=0):
    random = np.random.default_rng(seed)
    return Shortlist(
        cause_score=np.where(random.random(n) < 0.5, random.random(n), 0.0),
        cause=np.where(random.random(n) < 0.3, "pigment", "neighbour_membrane"),
        uncertainty=random.random(n),
        features=random.normal(size=(n, 5)),
        slide=random.integers(0, n_slides, n),
        is_drawn=np.ones(n, dtype=bool),
    )


def of(found, share):
    return found.rows[found.share == share]


def test_counts_of_the_shares_add_up_to_the_round():
    for n in range(1, 60):
        assert sum(RoundShares().counts(n).values()) == n
    assert RoundShares().counts(10) == {"cause": 5, "uncertain": 3, "random": 2}


def test_shares_that_are_no_shares_are_refused():
    with pytest.raises(ValueError, match="add up to 1"):
        RoundShares(cause=0.5, uncertain=0.5, random=0.5)
    with pytest.raises(ValueError, match="0 or more"):
        RoundShares(cause=1.5, uncertain=-0.5, random=0.0)


def test_a_round_asks_for_no_cell_twice_and_gives_each_share_its_cells():
    found = chosen_round(shortlist(), n=50, seed=3)
    assert len(set(found.rows.tolist())) == 50
    assert dict(found.n_given) == {"cause": 25, "uncertain": 15, "random": 10}
    assert [len(of(found, name)) for name in ("cause", "uncertain", "random")] == [25, 15, 10]
    assert not found.notes


def test_the_same_seed_gives_the_same_round_and_another_seed_another():
    rounds = [chosen_round(shortlist(), n=50, seed=seed) for seed in (3, 3, 4)]
    assert np.array_equal(rounds[0].rows, rounds[1].rows)
    assert np.array_equal(rounds[0].share, rounds[1].share)
    assert not np.array_equal(rounds[0].rows, rounds[2].rows)


def test_the_random_share_does_not_know_the_scores():
    cells = shortlist()
    turned = replace(cells, cause_score=1 - cells.cause_score, uncertainty=1 - cells.uncertainty)
    one, other = chosen_round(cells, n=50, seed=3), chosen_round(turned, n=50, seed=3)
    assert set(of(one, "random")) == set(of(other, "random"))
    assert set(of(one, "cause")) != set(of(other, "cause"))


def test_the_random_share_comes_from_the_uniform_draw_alone():
    cells = shortlist()
    drawn = np.zeros(len(cells), dtype=bool)
    drawn[:12] = True
    found = chosen_round(replace(cells, is_drawn=drawn), n=50, seed=3)
    assert set(of(found, "random").tolist()) <= set(range(12))


def test_every_cell_has_the_same_chance_in_the_random_share():
    cells = shortlist(40)
    drawn = [of(chosen_round(cells, n=20, seed=seed), "random") for seed in range(400)]
    counts = np.bincount(np.concatenate(drawn), minlength=40)
    assert np.abs(counts - 40).max() < 30  # 40 each; six standard deviations are 36


def test_cells_of_the_cause_share_have_a_cause_and_cells_without_are_left_out():
    cells = shortlist()
    found = chosen_round(cells, n=50, seed=3)
    assert (cells.cause_score[of(found, "cause")] > 0).all()
    assert cells.cause_score[of(found, "cause")].mean() > 0.7
    assert cells.uncertainty[of(found, "uncertain")].mean() > 0.75


def test_the_cause_share_is_divided_among_causes_by_weight():
    cells, shares = shortlist(), RoundShares(cause=1.0, uncertain=0.0, random=0.0)
    weights = {"pigment": 1.0, "neighbour_membrane": 3.0}
    found = chosen_round(cells, n=40, seed=3, shares=shares, weight_of_cause=weights)
    assert (cells.cause[found.rows] == "pigment").sum() == 10
    even = chosen_round(cells, n=40, seed=3, shares=shares)
    assert (cells.cause[even.rows] == "pigment").sum() == 20


def test_a_rare_cause_leaves_its_places_to_the_other_causes():
    cells, shares = shortlist(), RoundShares(cause=1.0, uncertain=0.0, random=0.0)
    rare = np.full(len(cells), "neighbour_membrane")
    rare[np.flatnonzero(cells.cause_score > 0)[:3]] = "pigment"
    found = chosen_round(replace(cells, cause=rare), n=40, seed=3, shares=shares)
    assert (rare[found.rows] == "pigment").sum() == 3
    assert found.n_given["cause"] == 40


def test_a_share_that_cannot_be_filled_moves_on_and_is_told():
    cells = shortlist()
    found = chosen_round(replace(cells, cause_score=np.zeros(len(cells))), n=50, seed=3)
    assert dict(found.n_given) == {"cause": 0, "uncertain": 40, "random": 10}
    assert found.notes[0].startswith("cause: 25 cells were asked for, 0 were found")
    sure = replace(cells, cause_score=np.zeros(len(cells)), uncertainty=np.zeros(len(cells)))
    assert chosen_round(sure, n=50, seed=3).n_given["random"] == 50


def test_a_round_larger_than_the_shortlist_takes_all_once_and_says_so():
    found = chosen_round(shortlist(30), n=50, seed=3)
    assert sorted(found.rows.tolist()) == list(range(30))
    assert found.notes[-1] == "50 cells were asked for and 30 candidates are left"


def test_one_slide_cannot_take_the_round():
    cells = shortlist()
    on_one = np.where(cells.slide == 0, 1.0, 0.1)
    keen = replace(cells, cause_score=on_one, uncertainty=on_one)
    found = chosen_round(keen, n=80, seed=3)
    steered = found.rows[found.share != "random"]
    assert (cells.slide[steered] == 0).sum() == 20
    assert len(found.rows) == 80


def test_few_slides_do_not_make_a_round_shorter():
    cells = shortlist(n_slides=2)
    assert chosen_round(cells, n=80, seed=3).n_given["cause"] == 40


def test_the_order_of_a_round_does_not_tell_the_share():
    share = chosen_round(shortlist(), n=50, seed=3).share
    changes = (share[1:] != share[:-1]).sum()
    assert changes > 15  # three blocks would have two


def test_likeness_falls_with_the_distance_to_the_nearest_exemplar():
    features = np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [9.0, 9.0]])
    exemplars = np.array([[0.0, 0.0], [9.0, 8.0]])
    rows, alike = nearest_exemplar(features, exemplars, scale=np.ones(2))
    assert rows.tolist() == [0, 0, 0, 1]
    assert alike[0] == 1
    assert alike[0] > alike[1] > alike[2]
    assert alike[3] == pytest.approx(alike[1])
    assert alike[1] == pytest.approx(np.exp(-0.25))


def test_likeness_counts_each_feature_in_its_own_spread():
    features = np.array([[0.0, 10.0], [1.0, 0.0]])
    found = likeness(features, np.zeros((1, 2)), scale=np.array([1.0, 100.0]))
    assert found[0] > found[1]


def test_likeness_is_the_same_in_parts_as_at_once():
    features = np.random.default_rng(0).normal(size=(9000, 4))
    whole = likeness(features, features[:50], scale=feature_scale(features))
    part = likeness(features[8000:], features[:50], scale=feature_scale(features))
    assert np.allclose(whole[8000:], part)


def test_likeness_without_an_exemplar_or_a_scale_is_refused():
    with pytest.raises(ValueError, match="exemplar"):
        likeness(np.zeros((2, 2)), np.zeros((0, 2)), scale=np.ones(2))
    with pytest.raises(ValueError, match="scale"):
        likeness(np.zeros((2, 2)), np.zeros((1, 2)), scale=np.zeros(2))


def test_a_feature_that_does_not_vary_has_the_scale_one():
    assert feature_scale(np.array([[3.0, 1.0], [3.0, 5.0]])).tolist() == [1.0, 2.0]


def test_diverse_cells_are_uncertain_and_lie_apart():
    features = np.array([[0.0], [0.01], [0.02], [5.0], [9.0]])
    scores = np.array([1.0, 0.99, 0.98, 0.9, 0.0])
    assert diverse(features, scores, 2).tolist() == [0, 3]
    assert set(diverse(features, scores, 4).tolist()) == {0, 1, 2, 3}
    assert 4 not in diverse(features, scores, 5)


def test_a_cell_far_away_that_is_sure_is_outside_the_pool():
    features = np.array([[0.0], [0.5], [1.0], [1.5], [99.0]])
    scores = np.array([1.0, 0.9, 0.8, 0.7, 0.01])
    assert 4 not in diverse(features, scores, 2, pool=2)


def test_a_coin_is_the_least_certain_call():
    assert uncertainty_of(np.array([0.5, 0.25, 0.75, 1.0])).tolist() == [1.0, 0.5, 0.5, 0.0]


def test_a_shortlist_with_a_score_that_is_not_finite_is_refused():
    cells = shortlist(20)
    with pytest.raises(ValueError, match="finite"):
        replace(cells, cause_score=np.full(20, np.nan))
