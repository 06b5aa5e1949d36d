import numpy as np
import pytest

from rimlight.core.splits import CaseSplit, Fold, check_split, split_cases
from rimlight.errors import NotEnoughDataError, SplitError
from rimlight.records import Cell, Expression, LabelledCell, SlideInfo
from rimlight.settings import SplitSettings

LEVELS = (Expression.NEGATIVE, Expression.WEAK, Expression.MODERATE, Expression.STRONG)


def labelled(case, counts):
    """Cells of one case: so many of each level, and one that could not be judged."""
    expressions = [level for level, n in zip(LEVELS, counts, strict=True) for _ in range(n)]
    return [
        LabelledCell(
            cell=Cell(cell_id=f"{case}-{i}", slide_id=f"s-{case}", x_l0=0, y_l0=0),
            case_id=case,
            expression=expression,
            n_readers=1,
        )
        for i, expression in enumerate([*expressions, Expression.OTHER])
    ]


def study(n_cases=24, seed=0):
    random = np.random.default_rng(seed)
    cells = []
    for i in range(n_cases):
        n_positive = int(random.integers(5, 60))
        counts = (90 - n_positive, n_positive // 2, n_positive // 3, n_positive // 6)
        cells += labelled(f"case{i:02d}", counts)
    return cells


def share_of(cells, cases):
    mine = [c for c in cells if c.case_id in cases and c.expression is not Expression.OTHER]
    return sum(c.expression.is_positive for c in mine) / len(mine)


def test_a_hold_out_split_uses_every_case_once_in_the_asked_sizes():
    split = split_cases(study(24), SplitSettings(), seed=1)
    (fold,) = split.folds
    assert [len(side) for side in (fold.train, fold.validation, fold.hold_out)] == [15, 3, 6]
    assert len(fold.train | fold.validation | fold.hold_out) == 24
    check_split(split)


def test_parts_hold_nearly_the_same_share_of_positive_cells():
    cells = study(48, seed=4)
    (fold,) = split_cases(cells, SplitSettings(), seed=1).folds
    shares = [share_of(cells, side) for side in (fold.train, fold.validation, fold.hold_out)]
    assert max(shares) - min(shares) < 0.03


def test_scanners_are_spread_over_the_parts():
    cells = study(24)
    scanner = {f"case{i:02d}": "old" if i < 8 else "new" for i in range(24)}
    (fold,) = split_cases(cells, SplitSettings(), seed=1, group_of_case=scanner).folds
    assert sum(scanner[case] == "old" for case in fold.hold_out) == 2
    assert sum(scanner[case] == "old" for case in fold.validation) == 1


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_cells():
    cells = study(24)
    first = split_cases(cells, SplitSettings(), seed=1)
    assert split_cases(cells[::-1], SplitSettings(), seed=1) == first
    others = [split_cases(cells, SplitSettings(), seed=seed) for seed in range(2, 6)]
    assert any(other != first for other in others)


def test_folds_hold_every_case_out_exactly_once():
    split = split_cases(study(13), SplitSettings(method="folds", n_folds=5), seed=1)
    held = [case for fold in split.folds for case in fold.hold_out]
    assert sorted(held) == [f"case{i:02d}" for i in range(13)]
    assert sorted(len(fold.hold_out) for fold in split.folds) == [2, 2, 3, 3, 3]
    check_split(split)


def test_as_many_folds_as_cases_hold_one_out_at_a_time():
    split = split_cases(study(7), SplitSettings(method="folds", n_folds=50), seed=1)
    assert [len(fold.hold_out) for fold in split.folds] == [1] * 7


def test_every_part_holds_both_classes_even_if_few_cases_do():
    cells = [cell for i in range(9) for cell in labelled(f"n{i}", (30, 0, 0, 0))]
    for i in range(3):
        cells += labelled(f"p{i}", (0, 5, 3, 2))
    for seed in range(5):
        (fold,) = split_cases(cells, SplitSettings(), seed=seed).folds
        for side in (fold.train, fold.validation, fold.hold_out):
            assert {case[0] for case in side} == {"n", "p"}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "no cell has a level"),
        (labelled("only", (9, 3, 0, 0)), r"12 labelled cells of 1 case\(s\) only \(only\).*3"),
        (labelled("a", (9, 3, 0, 0)) + labelled("b", (9, 3, 0, 0)), r"2 case\(s\) only \(a, b\)"),
        (labelled("a", (9, 0, 0, 0)) + labelled("b", (7, 0, 0, 0)), "no positive cell among 16"),
        (labelled("a", (0, 9, 0, 0)) + labelled("b", (0, 0, 7, 0)), "no negative cell among 16"),
    ],
)
def test_a_study_that_cannot_be_split_is_refused_with_its_numbers(cells, words):
    with pytest.raises(NotEnoughDataError, match=words):
        split_cases(cells, SplitSettings(), seed=1)


def test_positive_cells_in_two_cases_are_too_few_for_three_parts():
    cells = [cell for i in range(5) for cell in labelled(f"n{i}", (9, 0, 0, 0))]
    cells += labelled("p0", (2, 3, 0, 0)) + labelled("p1", (2, 3, 0, 0))
    with pytest.raises(NotEnoughDataError, match="of 7 cases to divide, 2 hold positive"):
        split_cases(cells, SplitSettings(), seed=1)


@pytest.mark.parametrize(
    "settings",
    [
        SplitSettings(hold_out_share=0.0),
        SplitSettings(validation_share=1.0),
        SplitSettings(method="folds", n_folds=1),
    ],
)
def test_shares_that_leave_a_part_empty_are_refused(settings):
    with pytest.raises(SplitError, match=r"change study\.toml"):
        split_cases(study(6), settings, seed=1)


GIVEN = [("case00", "train"), ("case01", "validation"), ("case02", "hold-out")]


def test_a_given_split_is_taken_as_it_is():
    split = split_cases(study(3), SplitSettings(method="given"), seed=1, given=GIVEN)
    assert split.folds[0].part_of_case == dict(GIVEN)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*GIVEN, ("case01", "train")], "case case01: given as validation and as train"),
        (GIVEN[:2], "case case02: has labelled cells but no part"),
        ([*GIVEN[:2], ("case02", "test")], "case case02: part must be one of"),
        ([*GIVEN[:2], ("case02", "train")], "hold-out has 0 cases"),
    ],
)
def test_a_given_split_that_leaks_or_leaves_cases_out_is_refused(rows, words):
    with pytest.raises(SplitError, match=words):
        split_cases(study(3), SplitSettings(method="given"), seed=1, given=rows)


def fold(train, validation, hold_out):
    return Fold(
        train=frozenset(train), validation=frozenset(validation), hold_out=frozenset(hold_out)
    )


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        ([fold("ab", "c", "bd")], "case b: in train and in hold-out of fold 0"),
        ([fold("ab", "a", "d")], "case a: in train and in validation"),
        ([fold("ab", "c", "")], "no case in hold-out"),
        ([fold("ab", "c", "d"), fold("ac", "b", "d")], "case d: held out in 2 folds"),
    ],
)
def test_a_leaked_case_is_named(folds, words):
    with pytest.raises(SplitError, match=words):
        check_split(CaseSplit(folds=tuple(folds)))


def slide(slide_id, case_id, fingerprint):
    return SlideInfo(
        slide_id=slide_id, case_id=case_id, path="p", fingerprint=fingerprint, format="f",
        width_l0=9, height_l0=9, mpp=0.5, mpp_source="file", assay="a", scanner="s",
        white=(255.0, 255.0, 255.0), is_white_estimated=True,
    )  # fmt: skip


def test_one_file_registered_under_two_cases_on_two_sides_is_found():
    split = CaseSplit(folds=(fold("ab", "c", "d"),))
    clean = [slide("1", "a", "x"), slide("2", "b", "x"), slide("3", "d", "y"), slide("4", "?", "y")]
    check_split(split, slides=clean)
    with pytest.raises(SplitError, match=r"slides 3 and 5: one file under cases d .* and c"):
        check_split(split, slides=[*clean, slide("5", "c", "y")])


def test_locked_cases_keep_their_part_and_all_others_train_whatever_the_seed():
    cells = study(24)
    locked = {f"case{i:02d}": "hold-out" for i in range(5)}
    locked |= {f"case{i:02d}": "validation" for i in (7, 9)}
    locked["gone"] = "hold-out"  # a case whose labels were all withdrawn
    for seed in (1, 2):
        (fold,) = split_cases(cells, SplitSettings(), seed=seed, locked=locked).folds
        assert fold.hold_out == {f"case{i:02d}" for i in range(5)}
        assert fold.validation == {"case07", "case09"}
        assert len(fold.train) == 17


def test_a_lock_is_for_a_hold_out_split_alone():
    cells = study(24)
    locked = {f"case{i:02d}": "hold-out" for i in range(5)}
    folds = SplitSettings(method="folds", n_folds=4)
    assert split_cases(cells, folds, seed=1, locked=locked) == split_cases(cells, folds, seed=1)


def test_a_lock_that_leaves_nothing_to_train_on_is_refused():
    locked = {f"case{i:02d}": "hold-out" for i in range(24)}
    with pytest.raises(SplitError, match=r"the split locked by a round: train has 0 cases"):
        split_cases(study(24), SplitSettings(), seed=1, locked=locked)
