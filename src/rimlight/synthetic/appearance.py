"""How a case is stained and how a scanner sees it: stain maps become an 8-bit picture."""

from dataclasses import dataclass
from math import radians

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.ndimage import gaussian_filter1d

from rimlight.synthetic.settings import MPP, SynthSettings
from rimlight.synthetic.textures import smooth_noise

_HAEMATOXYLIN = (0.65, 0.70, 0.29)
_DAB = (0.27, 0.57, 0.78)
_GREY = (0.577, 0.577, 0.577)
_PREVALENCE_FEW = 0.04  # share of positive cells in the nearly negative cases; 1 - this: the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """One make of scanner; ``tint`` and ``gamma`` act on the light relative to white."""

    name: str
    white: tuple[float, float, float]
    gamma: tuple[float, float, float]
    blur: float  # times SynthSettings.blur_um
    noise: float  # grey levels


SCANNERS = (
    Scanner(name="synthetic-1", white=(243, 243, 245), gamma=(1.0, 1.0, 1.0), blur=1.0, noise=1.2),
    Scanner(
        name="synthetic-2", white=(238, 234, 230), gamma=(0.95, 1.0, 1.04), blur=1.2, noise=2.0
    ),
    Scanner(
        name="synthetic-3", white=(249, 247, 249), gamma=(1.06, 1.04, 1.0), blur=1.35, noise=1.6
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the slides of one case have in common.

    stains: unit rows haematoxylin, DAB, grey, in optical density of R, G, B.
    gains: factor on each stain, for a weak or heavy staining run.
    white: I0 of the case's slides, 0..255.
    shares: share of the tumour cells at each level, negative to strong.
    cell_um: typical diameter of a tumour cell.
    vesicular: 0..1, pale nuclei with nucleoli rather than dark ones.
    tumour_share: share of the tissue taken by nests.
    macrophage_share: share of the cells of a nest that are macrophages.
    pigment: 0..1, how much soot.
    inset_um: how far a membrane lies inside its cell's border: tissue shrinks more or less.
    """

    scanner: Scanner
    stains: tuple[tuple[float, ...], ...]
    gains: tuple[float, float, float]
    white: tuple[float, float, float]
    shares: tuple[float, float, float, float]
    cell_um: float
    vesicular: float
    tumour_share: float
    macrophage_share: float
    pigment: float
    inset_um: float


def case_look(settings: SynthSettings, case: int) -> Look:
    """Return the look of one case; it depends on the seed, the case and the number of cases."""
    rng = np.random.default_rng([settings.seed, 1, case])
    scanner = SCANNERS[int(rng.integers(len(SCANNERS)))]
    red, green, blue = np.rint(scanner.white + rng.normal(0, 1.5, 3).clip(-3, 3)).tolist()
    return Look(
        scanner=scanner,
        stains=(_turned(rng, _HAEMATOXYLIN), _turned(rng, _DAB), _GREY),
        gains=(float(rng.uniform(0.72, 1.2)), float(np.exp(rng.normal(0, 0.1))), 1.0),
        white=(red, green, blue),
        shares=_level_shares(settings, case, rng),
        cell_um=float(rng.uniform(12.5, 16.5)),
        vesicular=float(rng.uniform(0.2, 1.0)),
        tumour_share=float(rng.uniform(0.5, 0.68)),
        macrophage_share=float(rng.uniform(0.005, 0.035)),
        pigment=float(rng.uniform(0, 1) ** 3),
        inset_um=settings.inset_um * float(rng.uniform(0.3, 1.7)),
    )


def _turned(rng: np.random.Generator, stain: tuple[float, ...]) -> tuple[float, ...]:
    unit = np.array(stain) / np.linalg.norm(stain)
    turned = unit + rng.normal(0, radians(1.3), 3)
    return tuple(float(part) for part in turned / np.linalg.norm(turned))


def _level_shares(
    settings: SynthSettings, case: int, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    order = np.random.default_rng([settings.seed, 2]).permutation(settings.n_cases)
    place = (order[case] + 0.5) / settings.n_cases
    positive = float(np.interp(place, [0, 0.08, 0.081, 0.919, 0.92, 1], _PREVALENCES))
    strength = rng.uniform(0.05, 0.95)
    mix = np.array([(1 - strength) ** 2, 2 * strength * (1 - strength), strength**2]) + 0.15
    weak, moderate, strong = positive * mix / mix.sum()
    return (1 - positive, float(weak), float(moderate), float(strong))


_PREVALENCES = (0.02, _PREVALENCE_FEW, 0.2, 0.85, 1 - _PREVALENCE_FEW, 0.98)


def developed(
    planes: Float32[np.ndarray, "3 h w"],
    look: Look,
    settings: SynthSettings,
    *,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture a scanner takes of stain maps.

    Args:
        planes: Haematoxylin, DAB and grey density of each pixel at ``MPP``.
        look: The case.
        settings: Blur.
        rng: Noise and focus.
    """
    rows = np.array(look.stains, dtype=np.float32) * np.array(look.gains, np.float32)[:, None]
    rows *= np.float32(-np.log(10)) * np.array(look.scanner.gamma, np.float32)
    light = np.exp(rows.T @ planes.reshape(3, -1)).reshape(planes.shape)
    light = _focused(light, look.scanner.blur * settings.blur_um / MPP, rng)
    light *= np.array(look.white, np.float32)[:, None, None]
    light += rng.standard_normal(light.shape, dtype=np.float32) * np.float32(look.scanner.noise)
    return np.ascontiguousarray(np.rint(light).clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def _focused(
    light: Float32[np.ndarray, "3 h w"], sigma_px: float, rng: np.random.Generator
) -> Float32[np.ndarray, "3 h w"]:
    """Blur, and blur more where the focus is lost."""
    sharp = _blurred(light, sigma_px)
    softer = _blurred(sharp, sigma_px * float(rng.uniform(0.7, 1.3)))
    lost = smooth_noise(rng, (light.shape[1], light.shape[2]), step_px=600)
    softer -= sharp
    softer *= np.clip(lost, 0, 1)
    sharp += softer
    return sharp


def _blurred(light: Float32[np.ndarray, "3 h w"], sigma_px: float) -> Float32[np.ndarray, "3 h w"]:
    down = gaussian_filter1d(light, sigma_px, axis=1, mode="nearest", truncate=3)
    across: Float32[np.ndarray, "3 h w"] = gaussian_filter1d(
        down, sigma_px, axis=2, mode="nearest", truncate=3
    )
    return across
