"""Folds that never split a case: training, validation and hold-out parts.

A case is whole: all its slides and cells are in one part of a fold. The split depends on the cells
and the seed, never on the order in which cells come.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from rimlight.errors import NotEnoughDataError, SplitError
from rimlight.records import CaseId, LabelledCell, SlideInfo
from rimlight.settings import SplitSettings

PARTS = ("train", "validation", "hold-out")
FEWEST_CASES = 3
N_TRIALS = 2000
"""Random divisions tried, of which the best balanced is kept (own definition)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Which cases train, which stop the training, and which are looked at only in the end."""

    train: frozenset[CaseId]
    validation: frozenset[CaseId]
    hold_out: frozenset[CaseId]

    @property
    def part_of_case(self) -> dict[CaseId, str]:
        """``train``, ``validation`` or ``hold-out`` of each case, in the order of case names."""
        sides = zip(PARTS, (self.train, self.validation, self.hold_out), strict=True)
        return dict(sorted((case, part) for part, cases in sides for case in cases))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSplit:
    """One fold, or several that hold out each case exactly once."""

    folds: tuple[Fold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cases:
    """The cases in the order of their names, and what a fair division shares out evenly.

    amounts: per case the share of all cells of each level, of all cells and of each group's cases.
    """

    names: tuple[CaseId, ...]
    n_negative: Int64[np.ndarray, " c"]
    n_positive: Int64[np.ndarray, " c"]
    amounts: Float64[np.ndarray, "c features"]

    def only(self, chosen: Int64[np.ndarray, " k"]) -> "_Cases":
        return replace(
            self,
            names=tuple(self.names[i] for i in chosen),
            n_negative=self.n_negative[chosen],
            n_positive=self.n_positive[chosen],
            amounts=self.amounts[chosen],
        )


def split_cases(
    cells: Sequence[LabelledCell],
    settings: SplitSettings,
    *,
    seed: int,
    group_of_case: Mapping[CaseId, str] | None = None,
    given: Iterable[tuple[str, str]] = (),
    locked: Mapping[CaseId, str] | None = None,
) -> CaseSplit:
    """Return a split by case, stratified on levels, number of cells and group.

    Args:
        cells: Labelled cells; those without a level (``other``) are left out of account.
        group_of_case: What else is to be spread evenly: a case's scanner, for instance.
        given: Rows (case, part) for ``method = given``.
        locked: Cases that keep their part, for ``method = hold-out``; all others train. Empty or
            None: the seed decides.

    Raises:
        NotEnoughDataError: Under three cases, one class only, or a class in too few cases.
        SplitError: A given split that is unusable, or shares that leave a part empty.
    """
    scored = [cell for cell in cells if cell.expression.level is not None]
    cases = _cases_of(scored, group_of_case or {})
    _refuse_what_cannot_be_split(cases)
    if settings.method == "given":
        return CaseSplit(folds=(_given_fold(cases, given),))
    if settings.method == "hold-out" and locked:
        rows = [(case, locked.get(case, "train")) for case in cases.names]
        return CaseSplit(folds=(_given_fold(cases, rows, what="the split locked by a round"),))
    _refuse_impossible_shares(settings)
    rng = np.random.default_rng(seed)
    n_cases = len(cases.names)
    if settings.method == "hold-out":
        n_held = _n_of(settings.hold_out_share, n_cases, spare=2)
        held_out = [_smallest_with_both(cases, n_held, rng=rng, n_rest=2)]
    else:
        n_folds = min(settings.n_folds, n_cases)
        sizes = [len(part) for part in np.array_split(np.arange(n_cases), n_folds)]
        held_out = _balanced(cases, sizes, rng=rng) or []
    return CaseSplit(
        folds=tuple(_fold(cases, held, settings.validation_share, rng=rng) for held in held_out)
    )


def check_split(split: CaseSplit, *, slides: Iterable[SlideInfo] = ()) -> None:
    """Do nothing if the split keeps cases and slides apart; else say what it shares.

    Args:
        slides: With these, two slides of different cases with one fingerprint, which are one file
            under two names, must be on one side too.

    Raises:
        SplitError: A case on two sides, a case held out twice, a part without a case, or one slide
            file on two sides.
    """
    slides = tuple(slides)
    for number, fold in enumerate(split.folds):
        _refuse_shared_cases(fold, number)
        _refuse_shared_files(fold, slides)
    times_held_out = Counter(case for fold in split.folds for case in fold.hold_out)
    for case, times in sorted(times_held_out.items()):
        if times > 1:
            raise SplitError(
                f"case {case}: held out in {times} folds; hold out each case once, so that each "
                "cell is counted once"
            )


def _cases_of(cells: Sequence[LabelledCell], group_of_case: Mapping[CaseId, str]) -> _Cases:
    counts = Counter((cell.case_id, cell.expression.level) for cell in cells)
    names = tuple(sorted({case for case, _ in counts}))
    levels = np.array(
        [[counts[case, level] for level in range(4)] for case in names], dtype=np.int64
    ).reshape(len(names), 4)
    groups = sorted({group_of_case.get(case, "") for case in names})
    member = np.array(
        [[group_of_case.get(case, "") == group for group in groups] for case in names]
    )
    shared = np.column_stack([levels, levels.sum(axis=1), member.reshape(len(names), len(groups))])
    total = np.maximum(shared.sum(axis=0), 1)
    return _Cases(
        names=names,
        n_negative=levels[:, 0],
        n_positive=levels[:, 1:].sum(axis=1),
        amounts=shared / total,
    )


def _refuse_what_cannot_be_split(cases: _Cases) -> None:
    n_positive, n_negative = int(cases.n_positive.sum()), int(cases.n_negative.sum())
    n_cells, n_cases = n_positive + n_negative, len(cases.names)
    if not n_cells:
        raise NotEnoughDataError("the study: no cell has a level; import labels first")
    if not n_positive or not n_negative:
        missing = "positive" if not n_positive else "negative"
        raise NotEnoughDataError(
            f"the study: no {missing} cell among {n_cells} labelled cells of {n_cases} cases; "
            f"label {missing} cells in at least {FEWEST_CASES} cases"
        )
    if n_cases < FEWEST_CASES:
        whose = ", ".join(cases.names)
        raise NotEnoughDataError(
            f"the study: {n_cells} labelled cells of {n_cases} case(s) only ({whose}); training, "
            f"validation and hold-out need at least {FEWEST_CASES} cases"
        )


def _refuse_impossible_shares(settings: SplitSettings) -> None:
    for name in ("hold_out_share", "validation_share"):
        share = getattr(settings, name)
        if not 0 < share < 1:
            raise SplitError(
                f"split.{name}: must be above 0 and below 1, got {share}; change study.toml"
            )
    if settings.method == "folds" and settings.n_folds < 2:
        raise SplitError(
            f"split.n_folds: must be at least 2, got {settings.n_folds}; change study.toml"
        )


def _fold(
    cases: _Cases, held: Int64[np.ndarray, " k"], share: float, *, rng: np.random.Generator
) -> Fold:
    rest = cases.only(np.setdiff1d(np.arange(len(cases.names)), held))
    n_validation = _n_of(share, len(rest.names), spare=1)
    validation = _smallest_with_both(rest, n_validation, rng=rng, n_rest=1)
    stops = frozenset(rest.names[i] for i in validation)
    return Fold(
        train=frozenset(rest.names) - stops,
        validation=stops,
        hold_out=frozenset(cases.names[i] for i in held),
    )


def _smallest_with_both(
    cases: _Cases, n_wanted: int, *, rng: np.random.Generator, n_rest: int
) -> Int64[np.ndarray, " k"]:
    """A balanced part of ``n_wanted`` cases, or of as many more as both classes need.

    n_rest: How many of the other cases must hold each class.
    """
    for n in range(n_wanted, len(cases.names) - n_rest + 1):
        parts = _balanced(cases, [n], rng=rng, n_with_each_class=(1, n_rest))
        if parts:
            return parts[0]
    n_positive, n_negative = int((cases.n_positive > 0).sum()), int((cases.n_negative > 0).sum())
    raise NotEnoughDataError(
        f"the split: of {len(cases.names)} cases to divide, {n_positive} hold positive and "
        f"{n_negative} hold negative cells, too few for both classes in every part; "
        "label both classes in more cases"
    )


def _balanced(
    cases: _Cases,
    sizes: list[int],
    *,
    rng: np.random.Generator,
    n_with_each_class: tuple[int, ...] = (),
) -> list[Int64[np.ndarray, " k"]] | None:
    """Parts of these sizes, the best balanced of many random ones; None where none will do.

    n_with_each_class: How many cases with positive cells, and with negative ones, each part needs,
        and last those left over; empty: any.
    """
    n_cases = len(cases.names)
    parts = np.arange(len(sizes) + 1)[:, None]
    part_of_place = np.repeat(parts[:, 0], [*sizes, n_cases - sum(sizes)])
    wanted = (part_of_place == parts).mean(axis=1, keepdims=True)
    weight = 1 / np.maximum(wanted, 1 / n_cases)
    classes = np.column_stack([cases.n_positive > 0, cases.n_negative > 0]).astype(int)
    needed = np.array(n_with_each_class or [0] * len(parts))
    best, least = None, np.inf
    for _ in range(N_TRIALS):
        part = rng.permutation(part_of_place)
        member = (part == parts).astype(int)
        imbalance = float(((member @ cases.amounts - wanted) ** 2 * weight).sum())
        if imbalance < least - 1e-12 and ((member @ classes).min(axis=1) >= needed).all():
            best, least = part, imbalance
    return None if best is None else [np.flatnonzero(best == i) for i in range(len(sizes))]


def _n_of(share: float, n: int, *, spare: int) -> int:
    return min(max(int(share * n + 0.5), 1), n - spare)


def _given_fold(
    cases: _Cases, given: Iterable[tuple[str, str]], *, what: str = "the given split"
) -> Fold:
    part_of_case: dict[str, str] = {}
    for case, part in given:
        if part not in PARTS:
            raise SplitError(
                f"case {case}: part must be one of {', '.join(PARTS)}, got {part!r}; "
                "correct the split file"
            )
        if part_of_case.setdefault(case, part) != part:
            raise SplitError(
                f"case {case}: given as {part_of_case[case]} and as {part}; a case has one side"
            )
    for case in cases.names:
        if case not in part_of_case:
            raise SplitError(
                f"case {case}: has labelled cells but no part; add it to the split file"
            )
    sides = {part: frozenset(c for c in cases.names if part_of_case[c] == part) for part in PARTS}
    for part, members in sides.items():
        which = np.array([case in members for case in cases.names])
        n_positive, n_negative = cases.n_positive[which].sum(), cases.n_negative[which].sum()
        if not members or (part != "hold-out" and not (n_positive and n_negative)):
            raise SplitError(
                f"{what}: {part} has {len(members)} cases with {n_positive} positive and "
                f"{n_negative} negative cells; it needs both classes"
            )
    return Fold(train=sides["train"], validation=sides["validation"], hold_out=sides["hold-out"])


def _refuse_shared_cases(fold: Fold, number: int) -> None:
    sides = dict(zip(PARTS, (fold.train, fold.validation, fold.hold_out), strict=True))
    for part, cases in sides.items():
        if not cases:
            raise SplitError(f"fold {number}: no case in {part}; give each part at least one case")
    for i, one in enumerate(PARTS):
        for other in PARTS[i + 1 :]:
            for case in sorted(sides[one] & sides[other]):
                raise SplitError(
                    f"case {case}: in {one} and in {other} of fold {number}; a case has one side"
                )


def _refuse_shared_files(fold: Fold, slides: Sequence[SlideInfo]) -> None:
    part_of_case = fold.part_of_case
    first_of_file: dict[str, SlideInfo] = {}
    for slide in sorted(slides, key=lambda slide: slide.slide_id):
        if slide.case_id not in part_of_case:
            continue
        first = first_of_file.setdefault(slide.fingerprint, slide)
        if part_of_case[first.case_id] != part_of_case[slide.case_id]:
            raise SplitError(
                f"slides {first.slide_id} and {slide.slide_id}: one file under cases "
                f"{first.case_id} ({part_of_case[first.case_id]}) and {slide.case_id} "
                f"({part_of_case[slide.case_id]}); remove one of them"
            )
