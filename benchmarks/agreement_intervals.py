"""How often the intervals of agreement hold the true figure, on simulated readers.

Cases have a true score that is spread like TPS (beta 0.4, 0.6); four readers have an offset and an
error that is largest in the middle of the scale; the fourth stands for a model. The true figure is
that of 400,000 cases. Simulated studies of 10 to 100 cases, one slide a case or three; the share of
intervals that hold the true figure should be 95 %. In brackets: studies in % for which no interval
was given, since no resample differed. Synthetic numbers; no reader took part.

    python benchmarks/agreement_intervals.py [--studies 400]
"""

import argparse
from collections.abc import Mapping

import numpy as np

from rimlight.core.clustered import Clusters, Statistic, clusters_of
from rimlight.core.intervals import Sampled, case_times, sampled
from rimlight.core.ratings import band_of
from rimlight.core.reader_agreement import LIMIT_SDS, LevelPairs, NumberPairs
from rimlight.core.reader_means import mean_over
from rimlight.core.variance_components import RatedItems
from rimlight.workflows.agree_blocks import below_of
from rimlight.workflows.agree_figures import interval_block

OFFSETS = np.array([0.0, 4.0, -3.0, 1.0])
ERROR_SD = np.array([8.0, 10.0, 8.0, 7.0])
SEEDS = (201, 202, 203, 204, 205)
SIZES = (10, 20, 50, 100)
N_RESAMPLES = 1000
CUTS = (1.0, 50.0)
PPA = "PPA at 50, pair, as printed"
NOT_USED = "PPA at 50, pair, percentiles"


def ratings_of(
    n_cases: int, n_slides: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of four readers, and the case of each slide."""
    of_case = rng.beta(0.4, 0.6, n_cases)
    case = np.repeat(np.arange(n_cases), n_slides)
    spread = 0.0 if n_slides == 1 else 0.1
    truth = np.clip(of_case[case] + spread * rng.normal(size=len(case)), 0, 1)
    widest = np.sqrt(truth * (1 - truth))[:, None] * 2
    error = OFFSETS + ERROR_SD * rng.normal(size=(len(case), 4))
    return np.clip(np.rint(100 * truth[:, None] + widest * error), 0, 100), case


def _calls(ratings: np.ndarray) -> np.ndarray:
    return band_of(ratings, CUTS[1:]).astype(int)


def interval_of(name: str, found: Sampled, ratings: np.ndarray, case: np.ndarray):
    """Return the two ends as rimlight agree prints them; PPA by its own rule, or by resamples."""
    if name == NOT_USED:
        return found.interval.low, found.interval.high
    if name != PPA:
        block = interval_block("mean", found)
    else:
        a, b = _calls(ratings)[:, [3, 0]].astype(float).T
        block = interval_block("ppa", found, below=below_of("ppa", a, b, code=case))
    return block["low"], block["high"]


def statistics_of(ratings: np.ndarray, clusters: Clusters) -> Mapping[str, Statistic]:
    """Return one of each kind of figure."""
    a, b = ratings[:, 0], ratings[:, 3]
    bands = band_of(ratings, CUTS).astype(int)
    band_pairs = LevelPairs(bands[:, 0], bands[:, 3], clusters, n_levels=3)
    calls = _calls(ratings)
    call_pairs = LevelPairs(calls[:, 3], calls[:, 0], clusters, n_levels=2)
    numbers = NumberPairs(a, b, clusters)
    return {
        "ICC(2,1), 3 readers": RatedItems(ratings[:, :3], clusters).icc("icc_2_1"),
        "Lin's CCC, pair": numbers.concordance(),
        "upper limit of agreement, pair": numbers.difference(LIMIT_SDS),
        "kappa quadratic on bands, pair": band_pairs.kappa("quadratic"),
        NOT_USED: call_pairs.agreement_given(1),
        PPA: call_pairs.agreement_given(1),
    }


def difference_of_means(ratings: np.ndarray, clusters: Clusters, times: np.ndarray):
    """Return the mean CCC of readers with the fourth minus that among readers."""

    def one(i: int, j: int):
        pairs = NumberPairs(ratings[:, i], ratings[:, j], clusters)
        return sampled(pairs.concordance(), clusters, times=times)

    people = mean_over({(i, j): one(i, j) for i in range(3) for j in range(i)})
    model = mean_over({(i, i): one(3, i) for i in range(3)})
    return model - people


def figures_of(ratings: np.ndarray, case: np.ndarray, seed: int, n_resamples: int):
    """Return every figure with its resamples."""
    clusters = clusters_of(case)
    times = case_times(clusters.n_cases, n_resamples=n_resamples, seed=seed)
    found = {
        name: sampled(statistic, clusters, times=times)
        for name, statistic in statistics_of(ratings, clusters).items()
    }
    return found | {
        "CCC, model minus readers, paired": difference_of_means(ratings, clusters, times)
    }


def _words(found: list[tuple[bool, bool]]) -> str:
    """Share of the intervals that hold the truth; in brackets the share of studies without one."""
    is_held, is_none = np.array(found).T
    share = f"{100 * is_held[~is_none].mean():.1f}" if (~is_none).any() else "-"
    none = f" ({100 * is_none.mean():.0f})" if is_none.any() else ""
    return f"{share + none:>12}"


def main() -> None:
    """Print the share of intervals that hold the true figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400, help="simulated studies a size")
    n_studies = parser.parse_args().studies // len(SEEDS)
    for n_slides in (1, 3):
        big, case = ratings_of(400_000 // n_slides, n_slides, np.random.default_rng(1))
        one = np.zeros(len(case))
        truth = {name: found.value for name, found in figures_of(big, one, 0, 1).items()}
        print(f"\n{n_slides} slide(s) a case; {n_studies * len(SEEDS)} studies a size, ", end="")
        print(f"{N_RESAMPLES} resamples; 95 % intervals that hold the true figure, %")
        held: dict[str, dict[int, list[tuple[bool, bool]]]] = {
            name: {n: [] for n in SIZES} for name in truth
        }
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            for n_cases in SIZES:
                for _ in range(n_studies):
                    ratings, case = ratings_of(n_cases, n_slides, rng)
                    for name, found in figures_of(ratings, case, seed, N_RESAMPLES).items():
                        low, high = interval_of(name, found, ratings, case)
                        is_held = low is not None and low <= truth[name] <= high
                        held[name][n_cases].append((is_held, low is None))
        print(f"{'figure':36}{'true':>8}" + "".join(f"{n:>6} cases" for n in SIZES))
        for name, of_size in held.items():
            print(f"{name:36}{truth[name]:>8.3f}" + "".join(map(_words, of_size.values())))


if __name__ == "__main__":
    main()
