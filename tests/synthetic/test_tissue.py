from dataclasses import replace

import numpy as np
import pytest

from rimlight.synthetic.appearance import case_look
from rimlight.synthetic.settings import DEMO
from rimlight.synthetic.tissue import Kind, bisectors, ground, points, positive_surround

SHAPE = (1000, 1000)


def _look(shares=(0.5, 0.2, 0.2, 0.1)):
    return replace(case_look(DEMO, 0), shares=shares, tumour_share=0.9)


def _points(agreement, look=None):
    look = look or _look()
    settings = replace(DEMO, neighbour_agreement=agreement)
    where = ground(look, SHAPE, rng=np.random.default_rng(1), has_glass=False)
    return points(look, settings, where, rng=np.random.default_rng(2))


def _discordant_share(cells):
    chosen = np.flatnonzero(cells.kind == Kind.TUMOUR)
    around = positive_surround(cells, chosen, reach_um=11)
    return ((cells.level[chosen] > 0) != (around >= 0.5)).mean()


def test_neighbours_that_agree_leave_few_discordant_cells():
    none, half, all_ = (_discordant_share(_points(share)) for share in (0.0, 0.5, 1.0))
    assert none > 0.38
    assert none - 0.05 > half > all_ + 0.08


def test_by_default_a_good_share_of_the_cells_disagrees_with_its_neighbours():
    shares = [
        _discordant_share(_points(DEMO.neighbour_agreement, case_look(DEMO, case)))
        for case in range(DEMO.n_cases)
    ]
    assert 0.2 < np.mean(shares) < 0.4


@pytest.mark.parametrize("agreement", [0.0, 1.0])
def test_agreement_does_not_change_how_many_cells_are_positive(agreement):
    cells = _points(agreement)
    level = cells.level[cells.kind == Kind.TUMOUR]
    np.testing.assert_allclose(np.bincount(level) / len(level), [0.5, 0.2, 0.2, 0.1], atol=0.06)


def test_only_tumour_cells_have_a_level():
    cells = _points(0.5, look=replace(_look((0.0, 0.2, 0.3, 0.5)), macrophage_share=0.1))
    assert set(cells.kind) == set(Kind)
    assert (cells.level[cells.kind != Kind.TUMOUR] == 0).all()
    assert (cells.level[cells.kind == Kind.TUMOUR] > 0).all()


def test_cells_lie_apart_as_cells_do():
    cells, look = _points(0.5), _look()
    nearest = cells.neighbours[:, 0]
    distance = np.hypot(cells.x_um - cells.x_um[nearest], cells.y_um - cells.y_um[nearest])
    assert 0.5 * look.cell_um < np.median(distance) < look.cell_um
    assert (distance < 0.25 * look.cell_um).mean() < 0.03


def test_a_border_lies_halfway_between_two_cells_of_one_size():
    cells = _points(0.5)
    even = replace(cells, weight_um2=np.zeros_like(cells.weight_um2))
    a, b, c = bisectors(even, np.array([7]))[0, 0]
    other = even.neighbours[7, 0]
    du, dv = even.u_um[other] - even.u_um[7], even.v_um[other] - even.v_um[7]
    assert a * du / 2 + b * dv / 2 + c == pytest.approx(0, abs=1e-9)
    assert c == pytest.approx(np.hypot(du, dv) / 2)


def test_a_cell_among_positive_cells_is_touched_by_them_all_around():
    cells = _points(0.5)
    middle = (abs(cells.x_um - 125) < 80) & (abs(cells.y_um - 125) < 80)
    chosen = np.flatnonzero((cells.kind == Kind.TUMOUR) & middle)
    everywhere = replace(cells, level=np.full_like(cells.level, 3))
    nowhere = replace(cells, level=np.zeros_like(cells.level))
    assert (positive_surround(everywhere, chosen, reach_um=1e9) == 1).all()
    assert (positive_surround(nowhere, chosen, reach_um=1e9) == 0).all()


def test_few_cases_are_nearly_all_negative_or_positive_and_the_rest_is_between():
    settings = replace(DEMO, n_cases=48, n_slides=48)
    positive = np.array([1 - case_look(settings, case).shares[0] for case in range(48)])
    assert 2 <= (positive < 0.05).sum() <= 6
    assert 2 <= (positive > 0.95).sum() <= 6
    assert np.median(positive) == pytest.approx(0.5, abs=0.1)
