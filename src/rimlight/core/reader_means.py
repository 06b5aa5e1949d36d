"""Means of a figure over pairs of readers, for the readers at hand or for readers in general.

With resampled cases alone, an interval speaks for these readers on other cases. With readers
drawn as well, it speaks for other readers too. A reader drawn twice makes no pair with himself:
he would agree with himself perfectly, which is no agreement between readers.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from rimlight.core.clustered import ratio
from rimlight.core.intervals import Sampled

ReaderTimes = Float64[np.ndarray, "r k"]


def reader_times(n_readers: int, *, n_resamples: int, seed: int) -> ReaderTimes:
    """Return how many times each reader is drawn in each resample; every row sums to n_readers."""
    drawn = np.random.default_rng([seed, n_readers]).integers(
        0, max(n_readers, 1), size=(n_resamples, n_readers)
    )
    counts: np.ndarray = (drawn[:, :, None] == np.arange(n_readers)).sum(axis=1).astype(np.float64)
    return counts


def mean_over(
    figure_of_pair: Mapping[tuple[int, int], Sampled], drawn: ReaderTimes | None = None
) -> Sampled | None:
    """Return the mean of a figure over pairs of readers; None where it is defined for no pair.

    Pairs for which the figure is undefined in the sample are left out. A resample in which one of
    the others is undefined is undefined.

    Args:
        figure_of_pair: By the columns of the two readers in ``drawn``; with one reader and the
            model the reader's column stands twice.
        drawn: How many times each reader was drawn; None for each reader once.
    """
    known = {pair: found for pair, found in figure_of_pair.items() if not np.isnan(found.value)}
    if not known:
        return None
    values = np.column_stack([found.resamples for found in known.values()])
    weights = np.ones(values.shape) if drawn is None else _pair_weights(list(known), drawn)
    total = np.where(weights > 0, weights * values, 0.0).sum(axis=1)
    return Sampled(
        value=float(np.mean([found.value for found in known.values()])),
        resamples=ratio(total, weights.sum(axis=1)),
        n_cells=max(found.n_cells for found in known.values()),
        n_cases=max(found.n_cases for found in known.values()),
    )


def _pair_weights(
    pairs: Sequence[tuple[int, int]], drawn: ReaderTimes
) -> Float64[np.ndarray, "r p"]:
    return np.column_stack([drawn[:, i] if i == j else drawn[:, i] * drawn[:, j] for i, j in pairs])
