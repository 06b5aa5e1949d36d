import numpy as np
import pytest

from rimlight.core.label_doubt import N_NEAREST, doubts_of, nearest_rows

N_CASES, N_OF_CASE = 6, 20


def study(seed=1):
    """Cells of six cases whose label shows in logit, features and density; three cases train."""
    rng = np.random.default_rng(seed)
    n = N_CASES * N_OF_CASE
    level = rng.integers(0, 4, n)
    sign = np.where(level > 0, 1.0, -1.0)
    case = np.repeat([f"case-{at}" for at in range(N_CASES)], N_OF_CASE)
    return {
        "level": level,
        "logit_calibrated": 3 * sign + rng.normal(0, 0.5, n),
        "features": sign[:, None] + rng.normal(0, 0.3, (n, 4)),
        "case": case,
        "is_reference": np.isin(case, ["case-0", "case-1", "case-2"]),
        "own_ring_od": 0.1 + 0.2 * level + rng.normal(0, 0.03, n),
    }


def held_out(facts):
    return np.flatnonzero(~facts["is_reference"])


@pytest.mark.parametrize("seed", range(4))
def test_wrong_labels_that_were_planted_are_doubted_most(seed):
    facts = study(seed)
    wrong = np.random.default_rng(seed).permutation(len(facts["level"]))[:8]
    level = facts["level"].copy()
    level[wrong] = np.where(level[wrong] > 0, 0, 2)
    found = doubts_of(**{**facts, "level": level})
    assert set(np.argsort(-found.score)[:8]) == set(wrong)
    assert found.score[wrong].min() > 0.5
    assert np.delete(found.score, wrong).max() < 0.1


@pytest.mark.parametrize("level", [0, 3])
def test_each_witness_that_contradicts_the_label_raises_the_doubt(level):
    facts = study()
    row = held_out(facts)[0]
    facts["level"][row] = level
    sign = 1 if level else -1
    agreeing = {
        "logit_calibrated": 0.4 * sign,
        "features": np.full(4, float(sign)),
        "own_ring_od": 0.7 if level else 0.1,
    }
    against = {
        "logit_calibrated": -0.4 * sign,
        "features": np.full(4, -float(sign)),
        "own_ring_od": 0.1 if level else 0.7,
    }
    for name, value in agreeing.items():
        facts[name][row] = value
    before = doubts_of(**facts).score[row]
    for name, value in against.items():
        changed = {**facts, name: facts[name].copy()}
        changed[name][row] = value
        assert doubts_of(**changed).score[row] > before + 0.005, name


def test_a_label_is_never_changed():
    facts = study()
    before = {name: value.copy() for name, value in facts.items()}
    doubts_of(**facts)
    for name, value in before.items():
        np.testing.assert_array_equal(facts[name], value)


def test_no_cell_of_the_own_case_is_a_witness_and_none_but_training_cells():
    facts = study()
    found = doubts_of(**facts)
    assert facts["is_reference"][found.nearest].all()
    assert (facts["case"][found.nearest] != facts["case"][:, None]).all()


def test_the_nearest_come_first_and_each_feature_counts_by_its_spread():
    features = np.array([[0, 0], [0, 1], [0, 2], [900, 0], [2000, 0.0]])
    case = np.array(["a", "b", "c", "d", "e"])
    found = nearest_rows(features, case, np.array([False, True, True, True, True]))
    assert found[0].tolist() == [3, 1, 2, 4] + [-1] * 6
    assert found.shape[1] == N_NEAREST


def test_too_few_training_cells_leave_places_empty_and_are_not_counted():
    facts = study()
    few = np.zeros(len(facts["case"]), dtype=bool)
    few[[0, 1]] = True
    facts["is_reference"] = few
    facts["level"][[0, 1]] = 0
    found = doubts_of(**facts)
    row = held_out(facts)[-1]
    assert (found.nearest[row] >= 0).sum() == 2
    assert any(
        "2 training cells" in words and "2 negative" in words for words in found.reasons[row]
    )
    positive = facts["level"][row] > 0
    assert found.evidence.neighbours[row] == pytest.approx(np.log(3) * (1 if positive else -1))
    assert (found.nearest[0] == -1).all()
    assert found.evidence.neighbours[0] == 0


def test_agreement_with_a_label_that_the_network_saw_counts_half_and_disagreement_in_full():
    facts = study()
    facts["level"][:] = 1
    facts["logit_calibrated"][:] = np.tile([-2.0, 2.0], len(facts["level"]) // 2)
    network = doubts_of(**facts).evidence.network
    seen = facts["is_reference"]
    assert set(network[seen]) == {2.0, -1.0}
    assert set(network[~seen]) == {2.0, -2.0}


def test_a_cell_without_a_ring_is_judged_by_the_others_and_nothing_is_said_of_its_stain():
    facts = study()
    row = held_out(facts)[0]
    facts["own_ring_od"][row] = np.nan
    found = doubts_of(**facts)
    assert found.evidence.density[row] == 0
    assert not any("ring" in words for words in found.reasons[row])
    assert np.isfinite(found.score).all()


def test_density_of_one_class_alone_says_nothing():
    facts = study()
    facts["level"][facts["is_reference"]] = 2
    assert (doubts_of(**facts).evidence.density == 0).all()


def test_what_speaks_against_a_label_is_said_first_and_what_speaks_for_it_is_marked():
    facts = study()
    row = held_out(facts)[0]
    facts["level"][row], facts["own_ring_od"][row] = 0, 0.7
    facts["logit_calibrated"][row] = 4
    facts["features"][row] = -1
    reasons = doubts_of(**facts).reasons[row]
    assert reasons[0] == (
        "The network, which never saw this cell, gives positive a probability of 98 %."
    )
    assert reasons[1].startswith("DAB on its own ring is 0.70 OD; nine in ten training cells")
    assert "labelled negative lie between 0.0" in reasons[1]
    assert reasons[2].startswith("For the label: the 10 training cells of other cases most like")
    assert "10 negative" in reasons[2]


def test_a_short_name_keeps_its_capitals_and_no_probability_is_called_0_or_100():
    facts = study()
    row = held_out(facts)[0]
    facts["level"][row], facts["own_ring_od"][row] = 0, 0.1
    facts["logit_calibrated"][row] = -9
    reasons = " ".join(doubts_of(**facts).reasons[row])
    assert "For the label: DAB on its own ring" in reasons
    assert "For the label: the network" in reasons
    assert "of under 1 %" in reasons
    facts["logit_calibrated"][row] = 9
    assert "of over 99 %" in " ".join(doubts_of(**facts).reasons[row])


def test_it_is_said_that_a_network_saw_the_label():
    facts = study()
    row = np.flatnonzero(facts["is_reference"])[0]
    assert any("fitted on this very label" in words for words in doubts_of(**facts).reasons[row])


def test_levels_among_positive_cells_move_no_doubt_but_by_words():
    facts = study()
    facts["own_ring_od"][:] = 0.3
    first = doubts_of(**facts)
    facts["level"] = np.where(facts["level"] > 0, 1, 0)
    np.testing.assert_allclose(first.score, doubts_of(**facts).score)


@pytest.mark.usefixtures("wrong_types")
def test_arrays_of_other_lengths_are_refused():
    facts = study()
    with pytest.raises(ValueError, match="one row a cell"):
        doubts_of(**{**facts, "case": facts["case"][:-1]})


def test_levels_and_numbers_that_are_none_are_refused():
    facts = study()
    with pytest.raises(ValueError, match="0 negative to 3 strong"):
        doubts_of(**{**facts, "level": facts["level"] - 1})
    facts["features"][0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        doubts_of(**facts)
