"""Causes are proposed where the evidence lies, and confirmed only by what an edit does."""

from dataclasses import replace

import numpy as np
import pytest
from test_cause_edits import scene, stains_of

from rimlight.explain.cause_edits import DAB, HAEMATOXYLIN
from rimlight.explain.causes import (
    Case,
    evidence_of,
    examined,
    proposals,
    tried_on_right_calls,
)
from rimlight.records import CauseName


def evidence_at(of, mask, *, stain, value=1.0, is_positive_right=False):
    values = np.zeros((3, *mask.shape))
    values[stain][mask] = value
    return evidence_of(values, of, is_positive_right=is_positive_right)


def brown_beyond(of):
    """A network that adds up the brown beyond the border of the cell, less five."""

    def response(patches):
        beyond = of.beyond_um > 0
        return np.array([stains_of(patch)[..., DAB][beyond].sum() / 10 - 5 for patch in patches])

    return response


def brown_anywhere(patches):
    """A network that adds up all brown, so that no place counts more than another."""
    return np.array([stains_of(patch)[..., DAB].clip(min=0).sum() / 10 - 37 for patch in patches])


def case_of(of, response, *, is_positive_right=False, **kinds):
    logit = float(response(of.patch[None])[0])
    beyond = (of.beyond_um > 0) & (of.maps[..., DAB] > 0.2)
    found = evidence_at(of, beyond, stain=DAB, is_positive_right=is_positive_right)
    return Case(scene=of, evidence=found, logit=logit, is_positive_right=is_positive_right, **kinds)


def test_evidence_is_summed_by_zone_and_stain():
    of = scene()
    found = evidence_at(of, of.zones.neighbour_nuclei, stain=HAEMATOXYLIN, value=0.5)
    n = of.zones.neighbour_nuclei.sum()
    assert found.sums[2, 0] == pytest.approx(0.5 * n)
    assert np.abs(found.sums).sum() == pytest.approx(0.5 * n)


def test_evidence_is_never_counted_twice_where_a_membrane_is_shared():
    of = scene(other_at=(20, 0))
    values = np.random.default_rng(0).normal(size=(3, *of.beyond_um.shape))
    found = evidence_of(values, of, is_positive_right=False)
    np.testing.assert_allclose(found.sums.sum(0), values.sum((1, 2)), atol=1e-6)


@pytest.mark.parametrize("is_positive_right", [True, False])
def test_only_evidence_on_the_wrong_side_proposes(is_positive_right):
    of = scene()
    sign = -1.0 if is_positive_right else 1.0
    for value, is_any in ((sign, True), (-sign, False)):
        found = evidence_at(
            of, of.zones.neighbour_nuclei, stain=HAEMATOXYLIN, value=value,
            is_positive_right=is_positive_right,
        )  # fmt: skip
        case = Case(scene=of, evidence=found, logit=1.0, is_positive_right=is_positive_right)
        assert bool(proposals(case)) == is_any


def test_dark_neighbouring_nuclei_are_proposed_for_wrong_negatives_only():
    of = scene()
    for is_positive_right in (True, False):
        found = evidence_at(
            of, of.zones.neighbour_nuclei, stain=HAEMATOXYLIN,
            value=-1.0 if is_positive_right else 1.0, is_positive_right=is_positive_right,
        )  # fmt: skip
        case = Case(scene=of, evidence=found, logit=1.0, is_positive_right=is_positive_right)
        names = [cause for cause, _ in proposals(case)]
        assert (CauseName.NEIGHBOUR_NUCLEUS in names) == is_positive_right


def test_a_neighbours_membrane_is_confirmed_where_it_alone_made_the_call():
    of = scene(own_dab=0.0, other_dab=1.2)
    response = brown_beyond(of)
    case = case_of(of, response)
    assert case.logit > 0
    (found,) = examined([case], response, seed=1)
    assert (found.status, found.cause) == ("confirmed", CauseName.NEIGHBOUR_MEMBRANE)
    trial = found.trials[0]
    assert trial.logit_before == pytest.approx(case.logit)
    assert trial.logit_after < 0 < trial.logit_before
    assert trial.recovered == pytest.approx(
        (trial.logit_after - trial.logit_before) / -trial.logit_before
    )
    assert (found.edited != of.patch).any()


def test_a_network_that_counts_brown_anywhere_is_not_told_by_place():
    of = scene(own_dab=0.9, other_dab=0.9, blush=0.6)
    case = case_of(of, brown_anywhere)
    assert case.logit > 0
    (found,) = examined([case], brown_anywhere, seed=1)
    tried = {trial.cause: trial for trial in found.trials}[CauseName.NEIGHBOUR_MEMBRANE]
    assert tried.recovered > 0.5
    assert tried.placebo_recovered > 0.5 * tried.recovered
    assert not tried.is_confirmed


def test_brown_of_the_own_ring_that_moves_the_call_as_well_speaks_against_the_neighbours():
    of = scene(own_dab=0.9, other_dab=0.9)

    def of_both(patches):
        own, around = of.zones.own_ring & (of.beyond_um <= 0), of.beyond_um > 0
        browns = [stains_of(patch)[..., DAB].clip(min=0) for patch in patches]
        return np.array([(brown[around].sum() + brown[own].sum()) / 10 for brown in browns])

    whole = float(of_both(of.patch[None])[0])

    def response(patches):
        return of_both(patches) - whole + 0.5

    case = case_of(of, response)
    (found,) = examined([case], response, seed=1)
    tried = {trial.cause: trial for trial in found.trials}[CauseName.NEIGHBOUR_MEMBRANE]
    assert tried.recovered >= 1
    assert tried.placebo_recovered > 0.5 * tried.recovered
    assert not tried.is_confirmed


def test_an_edit_that_does_not_turn_the_call_confirms_nothing():
    of = scene(own_dab=0.0, other_dab=1.2)
    response = brown_beyond(of)
    case = case_of(of, response)
    taken = case.logit - examined([case], response, seed=1)[0].trials[0].logit_after
    lifted = case.logit + taken / 4  # the edit now recovers less than all of the way
    (found,) = examined(
        [replace(case, logit=lifted + taken)],
        lambda patches: response(patches) + lifted + taken - case.logit,
        seed=1,
    )
    assert 0.4 < found.trials[0].recovered < 1
    assert found.status != "confirmed"


def test_of_a_cell_that_does_not_look_as_its_label_says_no_edit_confirms_a_cause():
    of = scene(own_dab=0.0, other_dab=1.2)
    response = brown_beyond(of)
    case = replace(case_of(of, response), look="otherwise")
    (found,) = examined([case], response, seed=1)
    assert found.trials[0].recovered >= 1
    assert found.status == "map_only"
    assert found.cause is not CauseName.DOUBTFUL_LABEL  # the line alone is too weak a witness


def test_a_faint_stain_is_told_and_never_confirmed():
    of = scene(own_dab=0.3, other_dab=0.0)
    own = of.own_side

    def response(patches):
        return np.array([stains_of(patch)[..., DAB][own].sum() / 10 - 6 for patch in patches])

    values = evidence_at(of, of.zones.own_ring, stain=HAEMATOXYLIN, value=-1.0,
                         is_positive_right=True)  # fmt: skip
    logit = float(response(of.patch[None])[0])
    assert logit < 0
    case = Case(scene=of, evidence=values, logit=logit, is_positive_right=True)
    (found,) = examined([case], response, seed=1)
    tried = {trial.cause: trial for trial in found.trials}[CauseName.FAINT_STAIN]
    assert tried.recovered >= 1
    assert (found.status, found.cause) == ("map_only", CauseName.FAINT_STAIN)


def test_a_network_that_ignores_the_edit_leaves_the_error_unexplained():
    of = scene(other_dab=1.2)
    case = replace(case_of(of, brown_beyond(of)), logit=2.0)
    (found,) = examined([case], lambda patches: np.full(len(patches), 2.0), seed=1)
    assert found.status != "confirmed"
    np.testing.assert_array_equal(found.edited, of.patch)


def test_what_moves_the_logit_the_wrong_way_is_never_confirmed():
    of = scene(other_dab=1.2)
    case = replace(case_of(of, brown_beyond(of)), logit=2.0)
    (found,) = examined([case], lambda patches: np.full(len(patches), 9.0), seed=1)
    assert found.status != "confirmed"
    assert all(trial.recovered < 0 for trial in found.trials)


def test_a_doubtful_label_is_told_where_no_edit_helps():
    of = scene(other_dab=1.2)
    case = replace(case_of(of, brown_beyond(of)), logit=2.0, is_doubtful=True)
    (found,) = examined([case], lambda patches: np.full(len(patches), 2.0), seed=1)
    assert (found.status, found.cause) == ("map_only", CauseName.DOUBTFUL_LABEL)


def test_edits_are_told_apart_by_cell():
    """The answers of one batch go back to the cells that they belong to."""
    first = scene(other_dab=1.2, blush=0.1)
    second = scene(other_dab=1.2, blush=0.1, other_at=(0, 30))
    one, two = brown_beyond(first), brown_beyond(second)
    cases = [case_of(first, one), case_of(second, two)]

    def both(patches):
        is_first = np.abs(patches[:, 50:].astype(int) - first.patch[50:]).sum((1, 2, 3)) < np.abs(
            patches[:, 50:].astype(int) - second.patch[50:]
        ).sum((1, 2, 3))
        return np.where(is_first, one(patches), two(patches))

    for found, case in zip(examined(cases, both, seed=1), cases, strict=True):
        assert found.status == "confirmed"
        (main,) = (trial for trial in found.trials if trial.cause is found.cause)
        assert main.logit_before == pytest.approx(case.logit)
        assert main.logit_after == pytest.approx(both(found.edited[None])[0])
        assert (found.edited != case.scene.patch).any(axis=2).mean() < 0.2


def test_right_calls_are_counted_where_an_edit_turns_them():
    of = scene(other_dab=1.2)
    response = brown_beyond(of)
    counts = tried_on_right_calls([of, of], response, response(np.stack([of.patch] * 2)), seed=1)
    assert counts[CauseName.NEIGHBOUR_MEMBRANE] == (2, 2)
    same = tried_on_right_calls([of], lambda p: np.ones(len(p)), np.ones(1), seed=1)
    assert all(turned == 0 for _, turned in same.values())
