"""Which real cells serve as references: every clause of the rule, and no leak."""

from dataclasses import replace

import numpy as np
import pytest

from rimlight.explain.reference_pools import (
    PoolTable,
    check_pool,
    fixed_negatives_pool,
    opposite_pool,
)


def table(n_cases=24, n_a_case=40, seed=0):
    """A training part and a hold-out part; two scanners; some calls wrong."""
    rng = np.random.default_rng(seed)
    n = n_cases * n_a_case
    level = rng.integers(0, 4, n)
    number = np.repeat(np.arange(n_cases), n_a_case)
    logit = 3.0 * (level > 0) - 1.5 + rng.normal(size=n)
    return PoolTable(
        cell=np.array([f"cell-{index:04d}" for index in range(n)]),
        case=np.array([f"case-{index:02d}" for index in number]),
        slide=np.array([f"slide-{2 * index + rng.integers(2):02d}" for index in number]),
        scanner=np.where(number % 2, "A", "B"),
        part=np.where(number % 4 == 3, "hold-out", "train"),
        level=level,
        is_called_positive=logit > 0,
        logit=logit,
    )


TABLE = table()


def opposite(cells=TABLE, *, is_called_positive=True, case="case-03", scanner="A", **more):
    return opposite_pool(
        cells, is_called_positive=is_called_positive, case=case, scanner=scanner, **more
    )


@pytest.mark.parametrize("is_called_positive", [True, False])
def test_a_pool_holds_every_clause_of_the_rule(is_called_positive):
    pool = opposite(is_called_positive=is_called_positive, scanner="B", case="case-00")
    rows = pool.rows
    wants_positive = not is_called_positive
    assert len(rows) == 8
    assert pool.notice == ""
    assert ((TABLE.level[rows] > 0) == wants_positive).all()
    assert (TABLE.is_called_positive[rows] == wants_positive).all()
    assert (TABLE.part[rows] == "train").all()
    assert (TABLE.scanner[rows] == "B").all()
    assert len(set(TABLE.case[rows])) == 8
    assert "case-00" not in TABLE.case[rows]
    right = (TABLE.part == "train") & ((TABLE.level > 0) == wants_positive)
    right &= TABLE.is_called_positive == wants_positive
    low, high = np.quantile(TABLE.logit[right], [0.25, 0.75])
    assert ((TABLE.logit[rows] >= low) & (TABLE.logit[rows] <= high)).all()


def test_a_cell_called_wrong_is_no_reference_whatever_its_logit():
    rows = opposite(case="x").rows
    called = TABLE.is_called_positive.copy()
    called[rows] = True
    without = opposite(replace(TABLE, is_called_positive=called), case="x").rows
    assert not set(rows) & set(without)
    assert len(without) == 8


def test_positive_references_are_strong_where_enough_are():
    pool = opposite(is_called_positive=False, scanner="B", case="x")
    assert (TABLE.level[pool.rows] == 3).all()
    weak = replace(TABLE, level=np.minimum(TABLE.level, 1))
    assert len(opposite(weak, is_called_positive=False, scanner="B", case="x").rows) == 8


def test_a_pool_does_not_depend_on_the_order_of_the_rows():
    order = np.random.default_rng(1).permutation(len(TABLE.cell))
    shuffled = PoolTable(**{name: getattr(TABLE, name)[order] for name in TABLE.__slots__})
    ours = TABLE.cell[opposite().rows].tolist()
    assert shuffled.cell[opposite(shuffled).rows].tolist() == ours
    assert TABLE.cell[opposite(seed=1).rows].tolist() != ours


def test_leaving_out_another_case_keeps_the_other_references():
    rows = opposite(case="none").rows
    without = opposite(case=TABLE.case[rows[0]]).rows
    assert set(rows[1:]) <= set(without)
    assert rows[0] not in without


def test_fixed_negatives_do_not_depend_on_the_call_or_scanner():
    pool = fixed_negatives_pool(TABLE, excluded_cases={"case-03", "case-07"})
    assert len(pool.rows) == 8
    assert not TABLE.level[pool.rows].any()
    assert set(TABLE.scanner[pool.rows]) == {"A", "B"}


def test_another_scanner_serves_where_the_own_has_too_few_and_it_is_said():
    pool = opposite(scanner="C")
    assert len(pool.rows) == 8
    assert "too few references from scanner C" in pool.notice


def test_too_few_cases_give_one_a_slide_and_a_notice():
    few = table(n_cases=6, n_a_case=60)
    pool = opposite(few, case="case-00")
    assert len(set(few.slide[pool.rows])) == len(pool.rows)
    assert len(pool.rows) == 8
    assert "4 cases have a fitting negative reference, 8 are wanted" in pool.notice


def test_no_fitting_cell_gives_an_empty_pool_and_a_notice():
    pool = opposite(replace(TABLE, level=np.full(len(TABLE.cell), 2)))
    assert not len(pool.rows)
    assert "0 cells" in pool.notice


def test_test_cells_and_cells_of_the_explained_case_are_refused():
    hold_out = np.flatnonzero(TABLE.part == "hold-out")[:1]
    with pytest.raises(ValueError, match="is in part 'hold-out'; references are training cells"):
        check_pool(TABLE, hold_out, excluded_cases=set())
    train = np.flatnonzero(TABLE.part == "train")[:1]
    with pytest.raises(ValueError, match="is from case case-00, which is explained"):
        check_pool(TABLE, train, excluded_cases={"case-00"})
    check_pool(TABLE, opposite().rows, excluded_cases={"case-03"})


def test_columns_of_unequal_length_are_refused(wrong_types):
    with pytest.raises(ValueError, match="columns must be of one length"):
        replace(TABLE, logit=TABLE.logit[:-1])
