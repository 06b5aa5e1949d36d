"""Blocks of the result of ``rimlight agree``: against a consensus, by band, and by repeats."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rimlight.core.clustered import Clusters
from rimlight.core.intervals import sampled
from rimlight.core.ratings import Ratings, Scale, ScaleKind, band_names, band_of
from rimlight.core.reader_agreement import LIMIT_SDS, NumberPairs, Rule, consensus_without
from rimlight.core.reader_means import mean_over
from rimlight.workflows.agree_blocks import (
    Figures,
    below_of,
    counts_of,
    figures_block,
    models_of,
    pairs_of,
)
from rimlight.workflows.agree_figures import (
    MAIN,
    Draws,
    interval_block,
    kind_of,
    pair_figures,
)

FEWEST_FOR_CONSENSUS = 3
_RULE_OF_KIND: Mapping[ScaleKind, Rule] = {
    "numbers": "median",
    "ordered": "lower median",
    "named": "majority",
}


def consensus_block(ratings: Ratings, scale: Scale, draws: Draws) -> dict[str, Any] | None:
    """Return each reader, and each model, against the same consensus of the other readers."""
    people = [i for i, is_model in enumerate(ratings.is_model) if not is_model]
    if len(people) < FEWEST_FOR_CONSENSUS:
        return None
    rule = "majority" if scale.is_call else _RULE_OF_KIND[scale.kind]
    models: list[int | None] = [*models_of(ratings, scale)]
    blocks = [_beside_consensus(ratings, scale, (rule, model), draws) for model in models or [None]]
    return {"rule": rule, "blocks": blocks}


def _beside_consensus(
    ratings: Ratings, scale: Scale, chosen: tuple[Rule, int | None], draws: Draws
) -> dict[str, Any]:
    rule, model = chosen
    people = [i for i, is_model in enumerate(ratings.is_model) if not is_model]
    rows: list[dict[str, Any]] = []
    tested: dict[int, Figures] = {}
    of_model: dict[int, Figures] = {}
    for place, reader in enumerate(people):
        own = scale.ratings[:, reader].copy()
        if model is not None:
            own[np.isnan(scale.ratings[:, model])] = np.nan
        consensus = consensus_without(scale.ratings[:, people], place, rule)
        consensus[np.isnan(own)] = np.nan
        if np.isnan(consensus).all():
            continue
        sides = [(own, consensus)]
        sides += [] if model is None else [(scale.ratings[:, model], consensus)]
        both = [_against(scale, pair, draws) for pair in sides]
        tested[place] = both[0]
        if model is not None:
            of_model[place] = both[1]
        n_without = int((~np.isnan(own) & np.isnan(consensus)).sum())
        row = _consensus_row(ratings.readers[reader], both, sides, draws)
        rows.append(row | {"n_without_consensus": n_without})
    return {
        "model": None if model is None else ratings.readers[model],
        "rows": rows,
        "mean": _mean_row(tested, of_model, draws),
    }


def _against(scale: Scale, pair: tuple[np.ndarray, np.ndarray], draws: Draws) -> Figures:
    found = pair_figures(scale, *pair, clusters=draws.clusters, draws=draws)
    return {name: found[name] for name in MAIN[kind_of(scale)]}


def _consensus_row(
    reader: str,
    found: Sequence[Figures],
    sides: Sequence[tuple[np.ndarray, np.ndarray]],
    draws: Draws,
) -> dict[str, Any]:
    """The reader, then the model, both against one consensus."""
    row: dict[str, Any] = {"without": reader, "n_items": next(iter(found[0].values())).n_cells}
    for of, figures, pair in zip(("reader", "model"), found, sides, strict=False):
        row[of] = {
            name: interval_block(name, it, below=below_of(name, *pair, code=draws.clusters.code))
            for name, it in figures.items()
        }
    if len(found) > 1:
        own, model = found
        row["difference"] = {name: interval_block("mean", model[name] - own[name]) for name in own}
    return row


def _mean_row(
    own: Mapping[int, Figures], model: Mapping[int, Figures], draws: Draws
) -> dict[str, Any]:
    """Means over the readers for whom a figure is defined, with a model for both."""
    row: dict[str, Any] = {"reader": {}, "model": {}, "difference": {}}
    for name in next(iter(own.values()), {}):
        sides = [own, model] if model else [own]
        usable = [i for i in own if not any(np.isnan(side[i][name].value) for side in sides)]
        of_reader = mean_over({(i, i): own[i][name] for i in usable}, draws.readers)
        if of_reader is None:
            continue
        row["reader"][name] = interval_block("mean", of_reader)
        of_model = (
            mean_over({(i, i): model[i][name] for i in usable}, draws.readers) if model else None
        )
        if of_model is not None:
            row["model"][name] = interval_block("mean", of_model)
            row["difference"][name] = interval_block("mean", of_model - of_reader)
    return row


def limits_by_band(
    ratings: Ratings, scale: Scale, cuts: tuple[float, ...], draws: Draws
) -> list[dict[str, Any]]:
    """Return mean difference and limits of every pair by band of the mean of the two."""
    if scale.kind != "numbers" or not cuts:
        return []
    rows = []
    for row, column in pairs_of(ratings):
        a, b = scale.ratings[:, row], scale.ratings[:, column]
        band = band_of((a + b) / 2, cuts)
        for number, name in enumerate(band_names(cuts)):
            chosen = band == number
            within = draws.clusters.only(chosen)
            pairs = NumberPairs(a[chosen], b[chosen], within)
            figures = {
                "bias": pairs.difference(),
                "limit_low": pairs.difference(-LIMIT_SDS),
                "limit_high": pairs.difference(LIMIT_SDS),
            }
            rows.append(
                {
                    "row": ratings.readers[row],
                    "column": ratings.readers[column],
                    "band": name,
                    "n_items": int(chosen.sum()),
                    "figures": {
                        key: interval_block(key, sampled(it, within, times=draws.times))
                        for key, it in figures.items()
                    },
                }
            )
    return rows


def repeats_block(ratings: Ratings, scale: Scale, draws: Draws) -> list[dict[str, Any]]:
    """Return how each reader agrees with himself, and the days between the two readings."""
    known = ~np.isnan(scale.repeats).any(axis=1)
    names = np.unique(ratings.case)
    rows = []
    for number, reader in enumerate(ratings.readers):
        mine = known & (ratings.repeats.reader == number)
        if not mine.any():
            continue
        code = np.searchsorted(names, ratings.repeats.case[mine])
        clusters = Clusters(code=code, n_cases=len(names))
        first, second = scale.repeats[mine].T
        figures = pair_figures(scale, second, first, clusters=clusters, draws=draws)
        days = ratings.repeats.days[mine]
        known_days = days[~np.isnan(days)]
        rows.append(
            {
                "reader": reader,
                **figures_block(figures, second, first, code=code),
                "days": {
                    "median": float(np.median(known_days)) if len(known_days) else None,
                    "least": float(known_days.min()) if len(known_days) else None,
                    "most": float(known_days.max()) if len(known_days) else None,
                    "n_unknown": int(np.isnan(days).sum()),
                },
                "counts": counts_of(scale, second, first),
            }
        )
    return rows
