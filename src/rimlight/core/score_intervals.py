"""The interval of a slide's score: other fields of the slide, and a network that errs.

A slide shows some fields of a tumour, so its fields are drawn with replacement. The calls err on
each case in their own way, so each draw takes the errors of one held-out case, and asks which
true counts would have been called the drawn ones (Rogan and Gladen 1978, for two classes or
three). The score itself is never corrected; only its interval knows of the errors.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, Int64, Shaped

FEWEST_FIELDS = 10
FEWEST_CASES = 5
LEAST_CELLS_OF_A_CLASS = 20
PERCENTILES = (2.5, 97.5)
_PRIOR_CELLS = 10.0
"""Cells with which the pooled rates are added to a case's own. Own definition."""
_LEAST_CELLS = 0.5
_LEAST_DETERMINANT = 0.05
_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseErrors:
    """Calls of held-out cells against their labels.

    n_cells: by case, label, call; the classes are positive, negative, and other where cells can
        be called so.
    """

    n_cells: Int64[np.ndarray, "c k k"]

    @property
    def n_cases(self) -> int:
        return len(self.n_cells)

    @property
    def is_enough(self) -> bool:
        """Whether the rates can be told: cells of each class, and cases for their spread."""
        of_class = self.n_cells.sum(axis=(0, 2))
        return self.n_cases >= 2 and bool((of_class >= LEAST_CELLS_OF_A_CLASS).all())

    @property
    def rates(self) -> Float64[np.ndarray, "k k"]:
        """Share of the cells of a label that is called so, pooled; nan without a cell."""
        pooled = self.n_cells.sum(axis=0).astype(np.float64)
        of_class = pooled.sum(axis=1, keepdims=True)
        rates = np.full(pooled.shape, np.nan)
        np.divide(pooled, of_class, out=rates, where=of_class > 0)
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreInterval:
    """A score with its 95 % interval; low and high are None where none can be given.

    n_fields: with a cell that counts. n_error_cases: held-out cases whose errors entered; 0: the
    errors of the network are not in it. is_reliable: ten fields and five such cases at least.
    """

    low: float | None
    high: float | None
    n_fields: int
    n_error_cases: int
    n_resamples: int
    is_reliable: bool


def case_errors(
    case: Shaped[np.ndarray, " n"],
    label: Int[np.ndarray, " n"],
    call: Int[np.ndarray, " n"],
    *,
    n_classes: int = 2,
) -> CaseErrors:
    """Return how the calls of held-out cells stand to their labels, case by case.

    Args:
        case: Of each cell.
        label: 0 positive, 1 negative, 2 other.
        call: The same.
        n_classes: 2, or 3 with other.

    >>> found = case_errors(np.array(["a", "a", "b"]), np.array([0, 1, 0]), np.array([0, 0, 1]))
    >>> found.n_cells.tolist()
    [[[1, 0], [1, 0]], [[0, 1], [0, 0]]]
    """
    names, code = np.unique(case, return_inverse=True)
    place = (code.reshape(-1) * n_classes + label) * n_classes + call
    counts = np.bincount(place, minlength=len(names) * n_classes**2).astype(np.int64)
    return CaseErrors(n_cells=counts.reshape(len(names), n_classes, n_classes))


def share_interval(
    counts: Int[np.ndarray, "f k"], errors: CaseErrors, *, n_resamples: int, seed: int
) -> ScoreInterval:
    """Return the interval of positive cells in per cent of positive and negative ones.

    It is widened to hold the value itself, where that is biased.

    Args:
        counts: Cells of each field called positive, negative and, with three classes, other.
        errors: Of held-out cases, the slide's own left out.
        n_resamples: Draws.
        seed: Of the draws.

    Raises:
        ValueError: No cell counts, or the classes differ.

    Source:
        Own definition, see docs/method.md, Scores.
    """
    if counts.shape[1] != errors.n_cells.shape[1] or not counts[:, :2].sum():
        raise ValueError(f"counts {counts.shape} do not fit errors {errors.n_cells.shape}")
    has_cells = counts.sum(axis=1) > 0
    n_fields, n_cases = int(has_cells.sum()), errors.n_cases if errors.is_enough else 0
    if n_fields < 2 and not n_cases:
        return _none(n_fields, n_resamples)
    rng = np.random.default_rng(seed)
    sums = _field_sums(counts[has_cells].astype(np.float64), n_resamples=n_resamples, rng=rng)
    if n_cases:
        sums = _true_counts(sums, errors, rng=rng)
    n_tumour = sums[:, :2].sum(axis=1)
    share = np.full(n_resamples, np.nan)
    np.divide(sums[:, 0], n_tumour, out=share, where=n_tumour > 0)
    # Calls hardly better than chance tell nothing: any share may be true.
    unknown = np.isnan(share)
    share[unknown] = rng.uniform(size=int(unknown.sum()))
    value = float(counts[:, 0].sum() / counts[:, :2].sum())
    return _interval(100 * share, value=100 * value, n_fields=n_fields, n_cases=n_cases)


def mean_interval(
    total: Int[np.ndarray, " f"],
    n_cells: Int[np.ndarray, " f"],
    differences: Float64[np.ndarray, " c"],
    *,
    n_resamples: int,
    seed: int,
) -> ScoreInterval:
    """Return the interval of an H-score: fields drawn, plus the error of a held-out case.

    Args:
        total: Sum of the levels of a field's cells.
        n_cells: Cells that count, by field.
        differences: H-score of the labels less that of the calls, of each held-out case, over
            the same labelled cells.
    """
    has_cells = n_cells > 0
    n_fields, n_cases = int(has_cells.sum()), len(differences) if len(differences) > 1 else 0
    if n_fields < 2 and not n_cases:
        return _none(n_fields, n_resamples)
    rng = np.random.default_rng(seed)
    counts = np.column_stack([total[has_cells], n_cells[has_cells]]).astype(np.float64)
    sums = _field_sums(counts, n_resamples=n_resamples, rng=rng)
    draws = 100 * sums[:, 0] / sums[:, 1]
    if n_cases:
        draws = np.clip(draws + rng.choice(differences, size=n_resamples), 0, 300)
    return _interval(
        draws,
        value=100 * float(total.sum() / n_cells.sum()),
        n_fields=n_fields,
        n_cases=n_cases,
    )


def _none(n_fields: int, n_resamples: int) -> ScoreInterval:
    return ScoreInterval(
        low=None,
        high=None,
        n_fields=n_fields,
        n_error_cases=0,
        n_resamples=n_resamples,
        is_reliable=False,
    )


def _interval(
    draws: Float64[np.ndarray, " r"], *, value: float, n_fields: int, n_cases: int
) -> ScoreInterval:
    low, high = np.percentile(draws, PERCENTILES)
    return ScoreInterval(
        low=float(min(low, value)),
        high=float(max(high, value)),
        n_fields=n_fields,
        n_error_cases=n_cases,
        n_resamples=len(draws),
        is_reliable=n_fields >= FEWEST_FIELDS and n_cases >= FEWEST_CASES,
    )


def _field_sums(
    counts: Float64[np.ndarray, "f k"], *, n_resamples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "r k"]:
    """Sums over fields drawn with replacement, as many as there are."""
    n_fields = len(counts)
    parts = [
        rng.multinomial(n_fields, np.full(n_fields, 1 / n_fields), size=n) @ counts
        for n in np.diff(np.r_[np.arange(0, n_resamples, _AT_ONCE), n_resamples])
    ]
    return np.concatenate(parts)


def _true_counts(
    sums: Float64[np.ndarray, "r k"], errors: CaseErrors, *, rng: np.random.Generator
) -> Float64[np.ndarray, "r k"]:
    """The true counts that would be called as drawn, with the errors of one drawn case each."""
    case = rng.integers(0, errors.n_cases, size=len(sums))
    alpha = errors.n_cells[case] + np.maximum(_PRIOR_CELLS * errors.rates, _LEAST_CELLS)
    drawn = rng.standard_gamma(alpha)
    rates = drawn / drawn.sum(axis=2, keepdims=True)
    told = np.linalg.det(rates) > _LEAST_DETERMINANT
    true = np.zeros_like(sums)
    of_call = rates[told].transpose(0, 2, 1)
    true[told] = np.linalg.solve(of_call, sums[told][..., None])[..., 0]
    counts: np.ndarray = np.clip(true, 0, None)
    return counts
