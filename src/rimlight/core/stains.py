"""Stain vectors of haematoxylin and DAB, unmixing and mixing, and guarded estimation.

A concentration is the optical density (base 10) that a stain alone would have along its unit
vector; the third, ``residual``, is what neither stain explains.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from rimlight.core.density import White, optical_density
from rimlight.errors import SettingsError
from rimlight.settings import StainSettings

NAMES = ("haematoxylin", "DAB", "residual")
_ROWS_AT_ONCE = 2**18
_STAINED_OD = 0.15  # of the densest channel
SMALLEST_ANGLE_DEG = 10.0  # own definition: below, unmixing amplifies noise more than 8 times


@dataclass(frozen=True, slots=True, kw_only=True)
class StainMatrix:
    """Three unit vectors of optical density in R, G, B: haematoxylin, DAB, residual.

    names, vectors: in the order haematoxylin, DAB, residual; every vector has length 1.
    source: where the vectors come from, such as ``default``, ``settings`` or ``estimate``.
    """

    names: tuple[str, str, str]
    vectors: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
    source: str = "default"

    @property
    def rows(self) -> Float64[np.ndarray, "3 3"]:
        return np.array(self.vectors, dtype=np.float64)

    @property
    def inverse(self) -> Float64[np.ndarray, "3 3"]:
        return np.linalg.inv(self.rows)

    @property
    def angle_deg(self) -> float:
        """Angle between haematoxylin and DAB; 36.9 for the default vectors."""
        return _angle_deg(self.rows[0], self.rows[1])

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with a name or with the sixth digit of a vector."""
        text = json.dumps([self.names, [[f"{part:.6f}" for part in row] for row in self.vectors]])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def matrix_of(
    haematoxylin: tuple[float, ...], dab: tuple[float, ...], *, source: str
) -> StainMatrix:
    """Return the matrix of two stain vectors of any length; the residual is their cross product.

    Raises:
        SettingsError: A vector has not three finite values or no length, or the two are closer
            than 10 degrees.

    Source:
        Ruifrok and Johnston (2001); residual as in QuPath (Bankhead 2017, Sci. Rep. 7, 16878).
    """
    rows = [_unit(haematoxylin, "haematoxylin"), _unit(dab, "DAB")]
    angle_deg = _angle_deg(*rows)
    if angle_deg < SMALLEST_ANGLE_DEG:
        raise SettingsError(
            f"stain vectors: haematoxylin and DAB are {angle_deg:.1f} degrees apart, "
            f"at least {SMALLEST_ANGLE_DEG:.0f} are needed; give the vectors of two stains"
        )
    across = np.cross(rows[0], rows[1])
    vectors = [tuple(map(float, row)) for row in (*rows, across / np.linalg.norm(across))]
    return StainMatrix(names=NAMES, vectors=(vectors[0], vectors[1], vectors[2]), source=source)


def stain_matrix(settings: StainSettings) -> StainMatrix:
    """Return the stain matrix that a study's settings ask for.

    Raises:
        SettingsError: The vectors cannot be unmixed, see :func:`matrix_of`.

    >>> [round(part, 4) for part in stain_matrix(StainSettings()).vectors[1]]
    [0.2692, 0.5682, 0.7776]
    """
    source = "default" if settings == StainSettings() else "settings"
    return matrix_of(settings.haematoxylin, settings.dab, source=source)


def unmix(
    density: Float[np.ndarray, "*pixels 3"], *, stains: StainMatrix
) -> Float32[np.ndarray, "*pixels 3"]:
    """Return the concentrations [haematoxylin, DAB, residual] of optical densities [R, G, B].

    Not clipped: noise around glass gives values on both sides of 0.

    >>> print(unmix(np.float32([0.2692, 0.5682, 0.7776]), stains=HDAB).round(3) + 0.0)
    [0. 1. 0.]
    """
    return _times(density, stains.inverse)


def mix(
    concentrations: Float[np.ndarray, "*pixels 3"], *, stains: StainMatrix
) -> Float32[np.ndarray, "*pixels 3"]:
    """Return the optical densities [R, G, B] of stain concentrations; the way back of unmix."""
    return _times(concentrations, stains.rows)


def dab_density(
    rgb: UInt8[np.ndarray, "*pixels 3"], *, white: White, stains: StainMatrix
) -> Float32[np.ndarray, "*pixels"]:
    """Return the DAB optical density of each pixel, not clipped; never an amount of protein.

    >>> print(f"{dab_density(np.uint8([155, 90, 61]), white=(255,) * 3, stains=HDAB):.3f}")
    0.798
    """
    density = optical_density(rgb, white=white)
    weights = stains.inverse[:, 1].astype(np.float32)
    return density @ weights


def qupath_stains(stains: StainMatrix, *, white: tuple[float, float, float]) -> str:
    """Return the text that QuPath stores as the stains of an image.

    >>> qupath_stains(HDAB, white=(255, 255, 255)).split("Values 2")[1]
    '" : "0.26917 0.56824 0.77759", "Background" : "255 255 255"}'
    """
    values = [" ".join(f"{part:.5f}" for part in row) for row in stains.vectors]
    background = " ".join(f"{part:g}" for part in white)
    return (
        '{"Name" : "H-DAB rimlight", "Stain 1" : "Hematoxylin", '
        f'"Values 1" : "{values[0]}", "Stain 2" : "DAB", '
        f'"Values 2" : "{values[1]}", "Background" : "{background}"}}'
    )


def stains_from_qupath(text: str) -> tuple[StainMatrix, tuple[float, float, float]]:
    """Return the stain matrix and the white point that QuPath's stain text describes.

    Raises:
        SettingsError: The text lacks two stains or the background, or they cannot be unmixed.
    """
    found = {key: _numbers(text, key) for key in ("Values 1", "Values 2", "Background")}
    lacking = [key for key, values in found.items() if len(values) != 3]
    if lacking:
        raise SettingsError(
            f"QuPath stains: {lacking[0]!r} is not three numbers in {text[:80]!r}; "
            "copy the whole text from QuPath's Image panel"
        )
    matrix = matrix_of(found["Values 1"], found["Values 2"], source="QuPath")
    return matrix, cast(tuple[float, float, float], found["Background"])


def _numbers(text: str, key: str) -> tuple[float, ...]:
    match = re.search(rf'"{key}"\s*:\s*"([^"]*)"', text)
    try:
        return tuple(float(part) for part in match.group(1).split()) if match else ()
    except ValueError:
        return ()


def _times(
    values: Float[np.ndarray, "*pixels 3"], matrix: Float64[np.ndarray, "3 3"]
) -> Float32[np.ndarray, "*pixels 3"]:
    flat = values.reshape(-1, 3)
    found = np.empty(flat.shape, dtype=np.float32)
    for first in range(0, len(flat), _ROWS_AT_ONCE):  # fp64 in small blocks: exact, little memory
        part = slice(first, first + _ROWS_AT_ONCE)
        found[part] = flat[part].astype(np.float64) @ matrix
    return found.reshape(values.shape)


def _unit(vector: tuple[float, ...], name: str) -> Float64[np.ndarray, "3"]:
    values = np.asarray(vector, dtype=np.float64)
    if values.shape != (3,) or not np.isfinite(values).all() or not np.linalg.norm(values) > 0:
        raise SettingsError(
            f"stain vector {name}: must be three finite numbers, not all 0, got {vector}; "
            "give the optical densities of red, green and blue"
        )
    return values / np.linalg.norm(values)


def _angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1.0, 1.0))))


HDAB = stain_matrix(StainSettings())


@dataclass(frozen=True, slots=True, kw_only=True)
class StainEstimate:
    """Stain vectors estimated from pixels, or the fixed ones and the reason.

    stains: what to use; the fixed vectors where the estimate was refused.
    dab_share: share 0..1 of stained pixels that look like DAB.
    reason: why the estimate was refused; empty where it was accepted.
    """

    stains: StainMatrix
    dab_share: float
    reason: str

    @property
    def is_estimated(self) -> bool:
        return not self.reason


def estimate_stains(
    density: Float[np.ndarray, "*pixels 3"], *, fixed: StainMatrix = HDAB
) -> StainEstimate:
    """Return stain vectors estimated from pixels, or ``fixed`` where that is not safe.

    The two extreme directions of stained pixels in the plane of their largest variation.
    Hand in pixels of drawn regions or pooled over a batch of slides, never one automatic
    field: sparse DAB misleads the estimate by 20 degrees and more.

    Accepted only with at least 2 % DAB-like pixels, each vector within 15 degrees of
    ``fixed`` and 20 degrees between the two.

    Source:
        Macenko et al. (2009), ISBI, 1107-1110; the guard is our own definition.
    """
    flat = np.asarray(density, dtype=np.float64).reshape(-1, 3)
    stained = flat[np.linalg.norm(flat, axis=1) > _STAINED_OD]
    if len(stained) < _FEWEST_PIXELS:
        return StainEstimate(stains=fixed, dab_share=0.0, reason=f"{len(stained)} stained pixels")
    haematoxylin, dab, _ = unmix(stained, stains=fixed).T
    dab_share = float(((dab > _STAINED_OD) & (dab > haematoxylin)).mean())
    if dab_share < _SMALLEST_DAB_SHARE:
        reason = f"{100 * dab_share:.1f} % of stained pixels look like DAB, 2 % are needed"
        return StainEstimate(stains=fixed, dab_share=dab_share, reason=reason)
    estimate, reason = _judged(_extremes(stained), fixed)
    return StainEstimate(stains=estimate, dab_share=dab_share, reason=reason)


_STAINED_OD = 0.15
_FEWEST_PIXELS = 1000
_SMALLEST_DAB_SHARE = 0.02
_LARGEST_SHIFT_DEG = 15.0
_SMALLEST_ESTIMATED_ANGLE_DEG = 20.0


def _extremes(stained: Float64[np.ndarray, "pixels 3"]) -> Float64[np.ndarray, "2 3"]:
    _, axes = np.linalg.eigh(stained.T @ stained)
    plane = axes[:, [2, 1]]
    plane[:, 0] *= np.sign(plane[:, 0].sum())
    across = stained @ plane
    ends = np.percentile(np.arctan2(across[:, 1], across[:, 0]), [1, 99])
    return cast(np.ndarray, np.stack([np.cos(ends), np.sin(ends)], axis=1) @ plane.T)


def _judged(vectors: Float64[np.ndarray, "2 3"], fixed: StainMatrix) -> tuple[StainMatrix, str]:
    haematoxylin, dab = sorted(vectors, key=lambda row: row[2] - row[0])  # DAB is bluest in OD
    shifts = (_angle_deg(haematoxylin, fixed.rows[0]), _angle_deg(dab, fixed.rows[1]))
    if max(shifts) > _LARGEST_SHIFT_DEG:
        name = fixed.names[shifts.index(max(shifts))]
        return fixed, f"{name} would move by {max(shifts):.0f} degrees, 15 are allowed"
    apart = _angle_deg(haematoxylin, dab)
    if apart < _SMALLEST_ESTIMATED_ANGLE_DEG:
        return fixed, f"haematoxylin and DAB would be {apart:.0f} degrees apart, 20 are needed"
    return matrix_of(tuple(haematoxylin), tuple(dab), source="estimate"), ""
