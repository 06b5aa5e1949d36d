"""How readers agree with each other, with a model, and with themselves: ``rimlight agree``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.core.clustered import clusters_of
from rimlight.core.intervals import FEWEST_RELIABLE_CASES, case_times
from rimlight.core.ratings import Ratings, Scale
from rimlight.core.reader_means import reader_times
from rimlight.errors import NotEnoughDataError
from rimlight.io.files import make_folder, write_json
from rimlight.io.runs import json_ready
from rimlight.workflows.agree_beside import consensus_block, limits_by_band, repeats_block
from rimlight.workflows.agree_blocks import (
    figures_of_pairs,
    groups_block,
    means_block,
    pairs_block,
)
from rimlight.workflows.agree_figures import Draws, definition_of, kind_of, title_of
from rimlight.workflows.agree_tables import write_agreement_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeSettings:
    """What ``agree`` computes.

    n_resamples: of the cases. with_readers: draw readers too, so that means speak for others.
    cuts: of numbers, for bands; the calls at them are scales of the ratings already.
    comparator: the reader against whom PPA and NPA are shown first; None for every reader in turn.
    """

    n_resamples: int = 2000
    seed: int = 0
    with_readers: bool = False
    cuts: tuple[float, ...] = ()
    comparator: str | None = None

    def __post_init__(self) -> None:
        if self.n_resamples < 1:
            raise ValueError(f"n_resamples must be 1 or more, got {self.n_resamples}")


def agree(ratings: Ratings, settings: AgreeSettings, *, source: str) -> dict[str, Any]:
    """Return every figure of agreement; docs/reference/agreement.md defines each key.

    Args:
        ratings: What was rated by whom.
        settings: What to compute.
        source: Where the ratings come from, in words.

    Raises:
        NotEnoughDataError: No two readers rated an item in common and none rated one twice, or the
            comparator is no reader.
    """
    if settings.comparator is not None and settings.comparator not in ratings.readers:
        raise NotEnoughDataError(
            f"{source}: has no reader {settings.comparator!r} to compare with; its readers are "
            f"{', '.join(ratings.readers)[:300]}"
        )
    draws = _draws(ratings, settings)
    scales = [_scale_block(ratings, scale, settings, draws) for scale in ratings.scales]
    if not any(block["pairs"] or block["repeats"] for block in scales):
        raise NotEnoughDataError(
            f"{source}: no two readers rated an item in common and no reader rated one twice; "
            f"readers are {', '.join(ratings.readers)[:200]}"
        )
    n_cases = draws.clusters.n_cases
    section: dict[str, Any] = json_ready(
        {
            "source": source,
            "item_word": ratings.item_word,
            "is_synthetic": ratings.is_synthetic,
            "n_items": len(ratings.item),
            "n_cases": n_cases,
            "is_reliable": n_cases >= FEWEST_RELIABLE_CASES,
            "readers": _readers(ratings),
            "n_resamples": settings.n_resamples,
            "seed": settings.seed,
            "readers_drawn": settings.with_readers,
            "cuts": settings.cuts,
            "comparator": settings.comparator,
            "scales": scales,
            "notes": ratings.notes,
        },
        where="agreement",
    )
    return section


def write_agreement(folder: Path, section: dict[str, Any], ratings: Ratings) -> None:
    """Write ``agreement.json`` and the tables of a result into a folder, made if it is not there.

    Raises:
        StorageError: The disk refuses.
    """
    make_folder(folder, parents=True)
    write_json(folder / "agreement.json", section)
    write_agreement_tables(folder, section, ratings)


def _draws(ratings: Ratings, settings: AgreeSettings) -> Draws:
    clusters = clusters_of(ratings.case)
    n, seed = settings.n_resamples, settings.seed
    n_people = ratings.is_model.count(False)
    return Draws(
        clusters=clusters,
        times=case_times(clusters.n_cases, n_resamples=n, seed=seed),
        readers=reader_times(n_people, n_resamples=n, seed=seed) if settings.with_readers else None,
        seed=seed,
    )


def _scale_block(
    ratings: Ratings, scale: Scale, settings: AgreeSettings, draws: Draws
) -> dict[str, Any]:
    found = figures_of_pairs(ratings, scale, draws)
    repeats = repeats_block(ratings, scale, draws)
    groups = groups_block(ratings, scale, draws)
    names = dict.fromkeys(
        name for block in (*found.values(), *(part["figures"] for part in (*groups, *repeats)))
        for name in block
    )  # fmt: skip
    return {
        "key": scale.key,
        "what": scale.what,
        "kind": kind_of(scale),
        "levels": list(scale.names),
        "cut": scale.cut,
        "n_per_level": _per_level(ratings, scale),
        "figures": {
            name: {"title": title_of(name, scale), "definition": definition_of(name)}
            for name in names
        },
        "pairs": pairs_block(ratings, scale, found, draws),
        "means": means_block(ratings, scale, found, draws),
        "groups": groups,
        "consensus": consensus_block(ratings, scale, draws),
        "limits_by_band": limits_by_band(ratings, scale, settings.cuts, draws),
        "repeats": repeats,
    }


def _readers(ratings: Ratings) -> list[dict[str, Any]]:
    return [
        {"reader": reader, "is_model": is_model, "n_missing": n_missing,
         "n_rated": len(ratings.item) - n_missing}
        for reader, is_model, n_missing in zip(
            ratings.readers, ratings.is_model, ratings.n_missing, strict=True
        )
    ]  # fmt: skip


def _per_level(ratings: Ratings, scale: Scale) -> dict[str, list[int]] | None:
    """How often each reader gave each level; kappa depends on it."""
    if scale.kind == "numbers":
        return None
    return {
        reader: [int((scale.ratings[:, i] == level).sum()) for level in range(len(scale.names))]
        for i, reader in enumerate(ratings.readers)
    }


def differences(ratings: Ratings, scale: Scale, row: str, column: str) -> np.ndarray:
    """Return mean of the two and row minus column of each item that both rated, as columns."""
    a, b = (scale.ratings[:, ratings.readers.index(name)] for name in (row, column))
    both = ~np.isnan(a) & ~np.isnan(b)
    return np.column_stack([(a[both] + b[both]) / 2, a[both] - b[both]])
