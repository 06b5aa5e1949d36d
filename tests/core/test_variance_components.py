"""Intraclass correlations: the table of Shrout and Fleiss, statsmodels, and what is no matter."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from rimlight.core.clustered import clusters_of, one_cluster
from rimlight.core.intervals import case_times
from rimlight.core.variance_components import ICC_FORMS, RatedItems

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
ONCE = np.ones((1, 1))


def icc(ratings, form) -> float:
    return float(RatedItems(ratings, one_cluster(len(ratings))).icc(form)(ONCE)[0])


@pytest.mark.parametrize(
    ("form", "printed"),
    [("icc_2_1", 0.290), ("icc_3_1", 0.715), ("icc_2_k", 0.620), ("icc_3_k", 0.909)],
)
def test_the_table_of_shrout_and_fleiss_gives_what_they_printed(form, printed):
    assert icc(SHROUT_FLEISS, form) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("seed", range(3))
def test_mean_squares_are_those_of_the_anova_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    ratings = rng.normal(50, 20, (12, 1)) + rng.normal(0, 5, (12, 4)) + rng.normal(0, 8, (1, 4))
    item, reader = np.indices(ratings.shape).reshape(2, -1)
    table = pd.DataFrame({"rating": ratings.ravel(), "item": item, "reader": reader})
    squares = anova_lm(ols("rating ~ C(item) + C(reader)", data=table).fit())["sum_sq"]
    msr, msc, mse = squares / [11, 3, 33]
    n, k = ratings.shape
    assert icc(ratings, "icc_2_1") == pytest.approx(
        (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    )
    assert icc(ratings, "icc_3_1") == pytest.approx((msr - mse) / (msr + (k - 1) * mse))
    assert icc(ratings, "icc_2_k") == pytest.approx((msr - mse) / (msr + (msc - mse) / n))
    assert icc(ratings, "icc_3_k") == pytest.approx((msr - mse) / msr)


def test_a_constant_offset_between_readers_lowers_agreement_and_not_consistency():
    x = np.array([1.0, 4.0, 2.0, 8.0])
    ratings = np.column_stack([x, x + 3])
    assert icc(ratings, "icc_3_1") == pytest.approx(1)
    assert icc(ratings, "icc_2_1") < 0.8


@pytest.mark.parametrize("form", ICC_FORMS)
def test_scale_and_origin_do_not_matter(form):
    assert icc(1e5 + 0.01 * SHROUT_FLEISS, form) == pytest.approx(icc(SHROUT_FLEISS, form))


@pytest.mark.parametrize("form", ICC_FORMS)
def test_where_nothing_varies_it_is_undefined(form):
    assert np.isnan(icc(np.full((5, 3), 0.1), form))
    assert np.isnan(icc(np.array([[1.0, 2.0]]), form))  # one item
    assert np.isnan(icc(np.tile([1.0, 2.0], (5, 1)), form))  # one number a reader


@pytest.mark.parametrize("form", ICC_FORMS)
def test_a_resample_equals_the_items_written_out(form):
    clusters = clusters_of(np.array(list("aabbcd")))
    times = case_times(4, n_resamples=6, seed=2)
    at_once = RatedItems(SHROUT_FLEISS, clusters).icc(form)(times)
    for row, value in zip(times.astype(int), at_once, strict=True):
        written_out = SHROUT_FLEISS[np.repeat(np.arange(6), row[clusters.code])]
        assert value == pytest.approx(icc(written_out, form), nan_ok=True)


def test_a_gap_is_refused():
    with pytest.raises(ValueError, match="no gap"):
        RatedItems(np.array([[1.0, np.nan]]), one_cluster(1))
