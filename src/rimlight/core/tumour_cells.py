"""Tumour cells told from other candidates: stain around a centre, and a rule learned from labels.

The network was trained on tumour cells alone and knows no others. Its features and the stain in
rings around the centre are weighed anew, by logistic regression, where readers said ``other``.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Shaped, UInt8

from rimlight.core.density import White, optical_density
from rimlight.core.stains import StainMatrix, unmix
from rimlight.core.zones import distance_um

RADII_UM = (0.0, 1.5, 3.0, 4.5, 6.0, 8.0, 11.0, 15.0)
LEAST_OTHERS = 20
LEAST_CASES = 2
_STRENGTH = 0.1
"""Inverse strength of the ridge penalty, on standardised columns; own choice, docs/method.md."""
_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRule:
    """A logistic rule: other where the weighed columns exceed 0.

    n_others, n_tumour: labelled cells it was fitted on; n_cases: with a cell labelled other.
    """

    weights: Float64[np.ndarray, " k"]
    offset: float
    n_others: int
    n_tumour: int
    n_cases: int

    def is_other(self, columns: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, " n"]:
        """Return which cells are taken for no tumour cells."""
        found: np.ndarray = columns.astype(np.float64) @ self.weights + self.offset > 0
        return found


def ring_profiles(
    rgb: UInt8[np.ndarray, "n h w 3"], *, white: White, mpp: float, stains: StainMatrix
) -> Float32[np.ndarray, "n k"]:
    """Return mean and spread of each stain in seven rings around the middle of square patches.

    Args:
        rgb: Light 0..255.
        white: I0 of all patches, or one a patch.
        mpp: Micrometres a patch pixel covers; rings beyond the patch are left out.
        stains: To unmix with; spread and mean in OD.
    """
    far = distance_um(rgb.shape[1], mpp=mpp).ravel()
    zones = [(far >= inner) & (far < outer) for inner, outer in pairwise(RADII_UM)]
    weights = np.column_stack([zone / zone.sum() for zone in zones if zone.any()])
    whites = np.broadcast_to(np.asarray(white, dtype=np.float64), (len(rgb), 3))
    parts = [np.empty((0, 6 * weights.shape[1]), dtype=np.float32)]
    for start in range(0, len(rgb), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        density = optical_density(rgb[some], white=whites[some, None, None, :])
        stained = unmix(density, stains=stains).reshape(len(density), -1, 3).transpose(0, 2, 1)
        mean = stained @ weights.astype(np.float32)
        square = (stained**2) @ weights.astype(np.float32)
        spread = np.sqrt(np.clip(square - mean**2, 0, None))
        parts.append(np.concatenate([mean, spread], axis=1).reshape(len(density), -1))
    return np.concatenate(parts)


def other_rule(
    columns: Float[np.ndarray, "n k"],
    is_other: Bool[np.ndarray, " n"],
    case: Shaped[np.ndarray, " n"],
) -> OtherRule | None:
    """Return the rule fitted on labelled cells; None with fewer than 20 others of two cases.

    Both classes weigh the same, whatever their numbers: labels are not drawn as cells occur.

    Args:
        columns: What is known of each cell.
        is_other: Whether readers said that it is no tumour cell.
        case: Of each cell.

    Source:
        Ridge-penalised logistic regression, scikit-learn.
    """
    n_others, n_cases = int(is_other.sum()), len(np.unique(case[is_other]))
    if n_others < LEAST_OTHERS or n_cases < LEAST_CASES or is_other.all():
        return None
    from sklearn.linear_model import LogisticRegression

    x = columns.astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=2000)
    model.fit((x - mean) / scale, is_other)
    weights: np.ndarray = model.coef_[0] / scale
    return OtherRule(
        weights=weights,
        offset=float(model.intercept_[0] - mean @ weights),
        n_others=n_others,
        n_tumour=int((~is_other).sum()),
        n_cases=n_cases,
    )
