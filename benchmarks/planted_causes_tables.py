"""Tables of ``planted_causes.py``: what was true of each cell, what was said of it, and counts."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from rimlight.core.clustered import clusters_of, share_of
from rimlight.core.intervals import case_times, sampled
from rimlight.explain.cause_edits import EDITED
from rimlight.explain.causes import Finding
from rimlight.records import CauseName
from rimlight.synthetic.planting import CAUSES, Planting

LEAST_RIGHT, MOST_FALSE = 0.85, 0.05
N_RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Test:
    """The test cells of one seed and what is true of them.

    is_without: per cell and cause of ``CAUSES``, whether the call is right without the cause.
    """

    cells: dict[str, np.ndarray]
    logit: np.ndarray
    is_without: np.ndarray

    @property
    def is_called(self) -> np.ndarray:
        return self.logit > 0

    @property
    def is_wrong(self) -> np.ndarray:
        """The call is not what the label says."""
        return self.is_called != (self.cells["level"] > 0)

    def true_causes(self, row: int) -> set[CauseName]:
        """Causes without which the call of one cell would not be wrong."""
        if not self.is_wrong[row]:
            return set()
        if self.cells["planting"][row] == Planting.WRONG_LABEL:
            return {CauseName.DOUBTFUL_LABEL}
        found = {cause for cause, is_so in zip(CAUSES, self.is_without[row], strict=True) if is_so}
        around = {
            CauseName.NEIGHBOUR_MEMBRANE,
            CauseName.NEIGHBOUR_NUCLEUS,
            CauseName.MACROPHAGE,
        }
        return found | {CauseName.SURROUNDINGS} if found & around else found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What the tool said of the errors and of the right calls of one seed."""

    seed: int
    test: Test
    wrong: np.ndarray
    right: np.ndarray
    of_wrong: list[Finding]
    of_right: list[Finding]
    is_contradicted: list[bool]
    turned: dict[CauseName, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cell that was asked about, in the plain facts that tables count."""

    case: str
    planting: str
    true: frozenset[CauseName]
    finding: Finding

    @property
    def is_confirmed(self) -> bool:
        return self.finding.status == "confirmed"

    @property
    def is_right(self) -> bool:
        """Confirmed, and the main cause is a true one."""
        return self.is_confirmed and self.finding.cause in self.true


def rows_of(outcomes: list[Outcome], *, wrong: bool) -> list[Row]:
    """The cells of all seeds; cases of different seeds are different cases."""
    found = []
    for it in outcomes:
        cells = (
            zip(it.wrong, it.of_wrong, strict=True)
            if wrong
            else zip(it.right, it.of_right, strict=True)
        )
        for row, finding in cells:
            found.append(
                Row(
                    case=f"{it.seed}/{it.test.cells['case'][row]}",
                    planting=str(it.test.cells["planting"][row]),
                    true=frozenset(it.test.true_causes(row)),
                    finding=finding,
                )
            )
    return found


def share(rows: list[Row], is_so: list[bool], among: list[bool]) -> tuple[float, str]:
    """A share with its interval from resampled cases, and n."""
    clusters = clusters_of(np.array([row.case for row in rows]))
    times = case_times(clusters.n_cases, n_resamples=N_RESAMPLES, seed=0)
    statistic = share_of(np.array(is_so), np.array(among), clusters)
    got = sampled(statistic, clusters, times=times).interval
    n = sum(among)
    k = sum(so and one for so, one in zip(is_so, among, strict=True))
    if got.value is None:
        return float("nan"), f"none of {n}"
    ends = "" if got.low is None else f" [{100 * got.low:.1f}, {100 * got.high:.1f}]"
    return got.value, f"{100 * got.value:.1f} %{ends}  {k}/{n}"


def show(outcomes: list[Outcome]) -> bool:
    """Print the tables; return whether both targets hold."""
    wrong, right = rows_of(outcomes, wrong=True), rows_of(outcomes, wrong=False)
    confirmed = [row.is_confirmed for row in wrong]
    is_right = [row.is_right for row in wrong]
    named = [row.is_confirmed and row.finding.cause is not CauseName.SURROUNDINGS for row in wrong]
    has_cause = [bool(row.true - {CauseName.DOUBTFUL_LABEL}) for row in wrong]
    every = [True] * len(wrong)
    value, text = share(wrong, is_right, confirmed)
    print(f"confirmed causes that are right            {text}")
    print(f"  of these with a name                     {share(wrong, is_right, named)[1]}")
    for kind in Planting:
        of_kind = [row.is_confirmed and row.planting == kind for row in wrong]
        print(f"  planted: {kind:<32}{share(wrong, is_right, of_kind)[1]}")
    print(f"errors with a true cause, confirmed right  {share(wrong, is_right, has_cause)[1]}")
    for kind in Planting:
        of_kind = [one and row.planting == kind for one, row in zip(has_cause, wrong, strict=True)]
        print(f"  planted: {kind:<32}{share(wrong, is_right, of_kind)[1]}")
    for status in ("map_only", "unexplained"):
        is_so = [row.finding.status == status for row in wrong]
        print(f"errors left {status:<31}{share(wrong, is_so, every)[1]}")
    no_cause = [not row.true for row in wrong]
    print(f"errors without any true cause              {share(wrong, no_cause, every)[1]}")
    false = [row.is_confirmed for row in right]
    worst, text = share(right, false, [True] * len(right))
    print(f"right calls with a confirmed cause         {text}")
    for cause, n in Counter(row.finding.cause for row in right if row.is_confirmed).most_common():
        print(f"  {cause.value:<41}{n}")
    _show_labels(outcomes, wrong)
    _show_turned(outcomes)
    _show_confusion(wrong)
    return value >= LEAST_RIGHT and worst <= MOST_FALSE


def _show_labels(outcomes: list[Outcome], wrong: list[Row]) -> None:
    contradicted = [one for it in outcomes for one in it.is_contradicted]
    is_label = [row.planting == Planting.WRONG_LABEL for row in wrong]
    is_call = [not one for one in is_label]
    print("errors whose cell looks other than its label, so that nothing is confirmed")
    print(f"  the label is wrong                       {share(wrong, contradicted, is_label)[1]}")
    print(f"  the call is wrong                        {share(wrong, contradicted, is_call)[1]}")


def _show_turned(outcomes: list[Outcome]) -> None:
    print("right calls that an edit turns")
    for cause in EDITED:
        counts = [it.turned.get(cause, (0, 0)) for it in outcomes]
        n, turned = (sum(part) for part in zip(*counts, strict=True))
        if n:
            print(f"  {cause.value:<41}{100 * turned / n:.1f} %  {turned}/{n}")


def _show_confusion(rows: list[Row]) -> None:
    print("main confirmed cause (down), true causes (across; a cell may have several)")
    across = [*CAUSES, CauseName.DOUBTFUL_LABEL]
    print(f"{'':<20}" + "".join(f"{cause.value[:11]:>12}" for cause in across) + "        none")
    for cause in [*EDITED, None]:
        some = [row for row in rows if (row.finding.cause if row.is_confirmed else None) is cause]
        if some:
            counts = [sum(true in row.true for row in some) for true in across]
            counts.append(sum(not row.true for row in some))
            name = "not confirmed" if cause is None else cause.value
            print(f"{name:<20}" + "".join(f"{n:>12}" for n in counts) + f"   of {len(some)}")
