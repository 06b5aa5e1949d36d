import numpy as np
import pytest

from rimlight.core import agreement, clustered
from rimlight.core.clustered import Clusters, clusters_of

N_CASES = 7


def sample(seed=0, n=160):
    random = np.random.default_rng(seed)
    case = np.array([f"c{i}" for i in random.integers(0, N_CASES, n)])
    level = random.integers(0, 4, n)
    od = np.round(0.2 * level + random.normal(0, 0.2, n), 1)
    return case, level, od, np.round(od + random.normal(0, 0.2, n), 1)


def statistics(case, level, od, patch):
    """Name to the statistic for resamples, and the plain function on given cells."""
    clusters = clusters_of(case)
    label, call, p = level > 0, od > 0.3, 1 / (1 + np.exp(-5 * od))
    called = np.clip(np.round(od * 5), 0, 3).astype(int)
    score = level.astype(float)
    return {
        "f1": (
            clustered.figure_of("f1", label, call, clusters),
            lambda i: agreement.f1(label[i], call[i]),
        ),
        "npv": (
            clustered.figure_of("npv", label, call, clusters),
            lambda i: agreement.npv(label[i], call[i]),
        ),
        "auc": (clustered.auc_of(label, od, clusters), lambda i: agreement.auc(label[i], od[i])),
        "ece": (
            clustered.calibration_error_of(label, p, clusters),
            lambda i: agreement.expected_calibration_error(label[i], p[i]),
        ),
        "pearson": (
            clustered.pearson_of(od, score, clusters),
            lambda i: agreement.pearson(od[i], score[i]),
        ),
        "spearman": (
            clustered.spearman_of(od, score, clusters),
            lambda i: agreement.spearman(od[i], score[i]),
        ),
        "kendall": (
            clustered.kendall_of(od, score, clusters),
            lambda i: agreement.kendall(od[i], score[i]),
        ),
        "kappa": (
            clustered.weighted_kappa_of(called, level, clusters),
            lambda i: agreement.weighted_kappa(called[i], level[i]),
        ),
        "partial": (
            clustered.partial_pearson_of(od, score, patch, clusters),
            lambda i: agreement.partial_pearson(od[i], score[i], patch[i]),
        ),
        "within": (
            clustered.within_case_of(od, score, clusters),
            lambda i: agreement.within_case(od[i], score[i], case[i]),
        ),
        "share": (
            clustered.share_of(call, level == 1, clusters),
            lambda i: call[i][level[i] == 1].mean(),
        ),
    }


@pytest.mark.parametrize("name", list(statistics(*sample())))
def test_a_resample_equals_the_statistic_on_cells_written_out_as_often(name):
    case, level, od, patch = sample()
    statistic, plain = statistics(case, level, od, patch)[name]
    times = np.random.default_rng(1).multinomial(N_CASES, [1 / N_CASES] * N_CASES, size=6)
    code = clusters_of(case).code
    wanted = [plain(np.repeat(np.arange(len(case)), row[code])) for row in times]
    np.testing.assert_allclose(statistic(times.astype(float)), wanted, rtol=1e-9)


def test_a_statistic_of_some_cells_ignores_the_others():
    case, level, od, _ = sample()
    some = level != 2
    clusters = clusters_of(case).only(some)
    score = level.astype(float)
    found = clustered.spearman_of(od[some], score[some], clusters)(np.ones((1, N_CASES)))
    assert found[0] == pytest.approx(agreement.spearman(od[some], score[some]))


def test_cases_are_numbered_by_name_and_kept_in_a_subset():
    clusters = clusters_of(np.array(["b", "a", "c", "a"]))
    assert clusters.code.tolist() == [1, 0, 2, 0]
    assert clusters.only(np.array([0, 2])).n_cases == 3


def test_a_resample_without_a_class_is_undefined_there_alone():
    clusters = Clusters(code=np.array([0, 0, 1, 1]), n_cases=2)
    label = np.array([True, True, True, False])
    value = np.array([0.9, 0.8, 0.7, 0.1])
    times = np.array([[2.0, 0.0], [1.0, 1.0]])
    auc = clustered.auc_of(label, value, clusters)(times)
    assert np.isnan(auc[0])
    assert auc[1] == 1
