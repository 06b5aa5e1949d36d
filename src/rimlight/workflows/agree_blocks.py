"""Blocks of the result of ``rimlight agree``: pairs of readers, means over them, groups."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from rimlight.core.clustered import Statistic, one_cluster
from rimlight.core.intervals import Sampled, sampled
from rimlight.core.ratings import Ratings, Scale
from rimlight.core.reader_agreement import (
    LevelPairs,
    fleiss_kappa_of,
    rated_by_all,
)
from rimlight.core.reader_means import mean_over
from rimlight.core.variance_components import ICC_FORMS, RatedItems
from rimlight.workflows.agree_figures import (
    DIRECTED,
    SIGNED,
    UNDEFINED,
    Draws,
    interval_block,
    pair_figures,
)

Pair = tuple[int, int]
Figures = dict[str, Sampled]


def figures_of_pairs(ratings: Ratings, scale: Scale, draws: Draws) -> dict[Pair, Figures]:
    """Return the figures of every two readers who rated an item in common.

    The row is the first of a pair: a model before a person, else the reader who comes first. Calls
    have both orders, since PPA and NPA take the column for the comparator.
    """
    found = {}
    for row, column in pairs_of(ratings):
        orders = [(row, column), (column, row)] if scale.is_call else [(row, column)]
        for pair in orders:
            a, b = scale.ratings[:, pair[0]], scale.ratings[:, pair[1]]
            if (~np.isnan(a) & ~np.isnan(b)).any():
                found[pair] = pair_figures(scale, a, b, clusters=draws.clusters, draws=draws)
    return found


def pairs_of(ratings: Ratings) -> Iterator[Pair]:
    """Yield the columns of every two readers: a model before a person, else in their order."""
    for i, j in combinations(range(len(ratings.readers)), 2):
        yield (j, i) if ratings.is_model[j] and not ratings.is_model[i] else (i, j)


def pairs_block(
    ratings: Ratings, scale: Scale, figures_of_pair: Mapping[Pair, Figures], draws: Draws
) -> list[dict[str, Any]]:
    """Return every pair with its figures and how often which levels met."""
    return [
        {
            "row": ratings.readers[pair[0]],
            "column": ratings.readers[pair[1]],
            "has_model": ratings.is_model[pair[0]] or ratings.is_model[pair[1]],
            **figures_block(
                figures, *(scale.ratings[:, i] for i in pair), code=draws.clusters.code
            ),
            "counts": counts_of(scale, *(scale.ratings[:, i] for i in pair)),
        }
        for pair, figures in figures_of_pair.items()
    ]


def figures_block(
    figures: Figures, a: np.ndarray, b: np.ndarray, *, code: np.ndarray
) -> dict[str, Any]:
    """Return figures with their intervals and why some have none; ``a`` in rows, ``b`` columns.

    code: the case of each item.
    """
    first = next(iter(figures.values()))
    blocks = {
        name: interval_block(name, found, below=below_of(name, a, b, code=code))
        for name, found in figures.items()
    }
    return {
        "n_items": first.n_cells,
        "n_cases": first.n_cases,
        "figures": blocks,
        "undefined": {
            name: UNDEFINED.get(name, "no item of that level")
            for name, block in blocks.items()
            if block["value"] is None
        },
    }


def below_of(
    figure: str, a: np.ndarray, b: np.ndarray, *, code: np.ndarray
) -> tuple[int, int] | None:
    """Return of how many items and cases PPA or NPA is a share; None for other figures."""
    if figure not in DIRECTED:
        return None
    counted = ~np.isnan(a) & (b == (figure == "ppa"))
    return int(counted.sum()), len(np.unique(code[counted]))


def counts_of(scale: Scale, a: np.ndarray, b: np.ndarray) -> list[list[int]] | None:
    """Return how often which levels met, ``a`` in the rows; None for numbers."""
    if scale.kind == "numbers":
        return None
    both = ~np.isnan(a) & ~np.isnan(b)
    x, y = (part[both].astype(np.int64) for part in (a, b))
    pairs = LevelPairs(x, y, one_cluster(len(x)), n_levels=len(scale.names))
    table = pairs.counts(np.ones((1, 1)))
    return [[int(n) for n in row] for row in table[0]]


def means_block(
    ratings: Ratings, scale: Scale, found: Mapping[Pair, Figures], draws: Draws
) -> list[dict[str, Any]]:
    """Return, for each figure, the mean over pairs of readers and over readers with each model.

    With a model, readers are compared on the items that it rated, and the difference, model minus
    readers, is paired. PPA and NPA are means over both orders of readers; with a model, the
    readers are comparators. Limits and mean differences have a sign, so they have no mean here.
    """
    people = _among_people(ratings, found)
    beside = {
        model: _among_people(ratings, found, _on_items_of(ratings, scale, model, draws))
        for model in models_of(ratings, scale)
    }
    rows = []
    for name in dict.fromkeys(name for figures in found.values() for name in figures):
        if name in SIGNED:
            continue
        among = _one_figure(name, people)
        mean = mean_over(among, draws.readers)
        rows.append(
            {
                "figure": name,
                "n_pairs": len(among),
                "n_undefined_pairs": _n_undefined(among),
                "reader_reader": None if mean is None else interval_block("mean", mean),
                "models": [
                    _model_row(
                        ratings.readers[model],
                        _with_model(name, ratings, found, model),
                        _one_figure(name, own),
                        draws,
                    )
                    for model, own in beside.items()
                ],
            }
        )
    return rows


def models_of(ratings: Ratings, scale: Scale) -> list[int]:
    """Return the columns of the models that rated anything on a scale."""
    has_rated = ~np.isnan(scale.ratings).all(axis=0)
    return [i for i, is_model in enumerate(ratings.is_model) if is_model and has_rated[i]]


def _among_people(
    ratings: Ratings,
    found: Mapping[Pair, Figures],
    instead: Mapping[Pair, Figures] | None = None,
) -> Mapping[Pair, Figures]:
    chosen = found if instead is None else instead
    return {pair: it for pair, it in chosen.items() if not any(ratings.is_model[i] for i in pair)}


def _on_items_of(
    ratings: Ratings, scale: Scale, model: int, draws: Draws
) -> Mapping[Pair, Figures] | None:
    """Figures of the readers on the items that the model rated; None where those are all."""
    without = np.isnan(scale.ratings[:, model])
    people = [i for i, is_model in enumerate(ratings.is_model) if not is_model]
    if not (~np.isnan(scale.ratings[without][:, people])).any():
        return None
    known = np.where(without[:, None], np.nan, scale.ratings)[:, people]
    only = replace(
        ratings,
        readers=tuple(ratings.readers[i] for i in people),
        is_model=(False,) * len(people),
    )
    return figures_of_pairs(only, replace(scale, ratings=known), draws)


def _one_figure(name: str, found: Mapping[Pair, Figures]) -> dict[Pair, Sampled]:
    return {pair: it[name] for pair, it in found.items() if _is_wanted(name, pair)}


def _with_model(
    name: str, ratings: Ratings, found: Mapping[Pair, Figures], model: int
) -> dict[Pair, Sampled]:
    return {
        (pair[1], pair[1]): it[name]
        for pair, it in found.items()
        if pair[0] == model and not ratings.is_model[pair[1]]
    }


def _is_wanted(name: str, pair: Pair) -> bool:
    """Of calls both orders are there; a figure that is the same both ways counts one of them."""
    return name in DIRECTED or pair[0] < pair[1]


def _model_row(
    model: str, own: Mapping[Pair, Sampled], among: Mapping[Pair, Sampled], draws: Draws
) -> dict[str, Any]:
    people, with_model = mean_over(among, draws.readers), mean_over(own, draws.readers)
    sides = {"reader_reader": people, "reader_model": with_model, "difference": None}
    if people is not None and with_model is not None:
        sides["difference"] = with_model - people
    return {
        "model": model,
        "n_readers": len(own),
        "n_undefined_readers": _n_undefined(own),
        **{of: side and interval_block("mean", side) for of, side in sides.items()},
    }


def _n_undefined(found: Mapping[Pair, Sampled]) -> int:
    return int(sum(np.isnan(one.value) for one in found.values()))


def groups_block(ratings: Ratings, scale: Scale, draws: Draws) -> list[dict[str, Any]]:
    """Return figures of all readers at once, and of readers with each model, on complete items."""
    has_rated = ~np.isnan(scale.ratings).all(axis=0)
    people = [i for i, it in enumerate(ratings.is_model) if not it and has_rated[i]]
    groups = [("readers", people)] + [
        (f"readers and {ratings.readers[i]}", [*people, i]) for i in models_of(ratings, scale)
    ]
    return [_group(name, scale, members, draws) for name, members in groups if len(members) > 1]


def _group(name: str, scale: Scale, members: list[int], draws: Draws) -> dict[str, Any]:
    chosen = scale.ratings[:, members]
    complete = rated_by_all(chosen)
    within, rated = draws.clusters.only(complete), chosen[complete]
    statistics: dict[str, Statistic]
    if scale.kind == "numbers":
        items = RatedItems(rated, within)
        statistics = {form: items.icc(form) for form in ICC_FORMS}
    else:
        levels = rated.astype(np.int64)
        statistics = {"fleiss": fleiss_kappa_of(levels, within, n_levels=len(scale.names))}
    found = {name: sampled(it, within, times=draws.times) for name, it in statistics.items()}
    return {
        "group": name,
        "n_readers": len(members),
        "n_complete": int(complete.sum()),
        "n_left_out": int((~complete & ~np.isnan(chosen).all(axis=1)).sum()),
        "figures": {name: interval_block(name, one) for name, one in found.items()},
    }
