"""In which order cells stand in the grid: by doubt, by stain, by cause, by likeness, at random."""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from rimlight.core.selection import uncertainty_of
from rimlight.core.shortlists import fair_number

Sort = Literal["doubt", "od", "cause", "likeness", "random", "place"]
SORTS: tuple[Sort, ...] = get_args(Sort)
WORDS: Mapping[Sort, str] = {
    "doubt": "most doubtful first",
    "od": "darkest ring first (DAB density)",
    "cause": "by cause of the error",
    "likeness": "most alike first",
    "random": "in an order drawn at random",
    "place": "in the order of the assignment",
}


def by_doubt(probability: Float32[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return rows from the least to the most certain call; of equal ones the first first.

    >>> by_doubt(np.array([0.9, 0.5, 0.2], dtype=np.float32)).tolist()
    [1, 2, 0]
    """
    return np.argsort(-uncertainty_of(probability), kind="stable")


def by_density(od_ring: Float32[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return rows from the highest to the lowest density; those not measured come last.

    >>> by_density(np.array([0.1, np.nan, 0.4], dtype=np.float32)).tolist()
    [2, 0, 1]
    """
    return np.argsort(np.where(np.isnan(od_ring), np.inf, -od_ring), kind="stable")


def by_cause(cause: Shaped[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return rows by the name of their cause; those without one are left out.

    >>> by_cause(np.array(["pigment", "", "faint_stain"])).tolist()
    [2, 0]
    """
    order = np.argsort(cause, kind="stable")
    return np.asarray(order[cause[order] != ""])


def at_random(
    x_l0: Shaped[np.ndarray, " n"], y_l0: Shaped[np.ndarray, " n"], *, slide: str, seed: int
) -> Int64[np.ndarray, " n"]:
    """Return rows in an order that places and seed decide, the same however the cells come."""
    tenths = ((10 * place).round().astype(np.int64) for place in (x_l0, y_l0))
    return np.argsort(fair_number(*tenths, slide=slide, seed=seed), kind="stable")
