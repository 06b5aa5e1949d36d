"""What is planted into the picture of a cell: density added to the light, or a click beside it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from scipy.ndimage import distance_transform_edt, gaussian_filter

from rimlight.core.density import light, optical_density
from rimlight.core.stains import StainMatrix, unmix
from rimlight.synthetic.settings import TRUTH_MPP

SHIFT_UM = (4.0, 6.0)
DARK_FACTOR = 1.8
"""Haematoxylin of a darkened nucleus, times what was painted."""
AROUND_UM = 16.0
"""Nuclei farther from the click than this are not darkened."""
N_SPECKS = (14, 40)
SPECK_OD, SPECK_DAB_OD, SPECK_UM = (0.5, 1.3), (0.05, 0.4), (0.3, 0.8)
HEAP_UM = 5.0
_GREY = np.full(3, 3**-0.5, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plant:
    """One planting: density added to R, G, B, and how far the click lies beside the cell."""

    added_od: Float32[np.ndarray, "s s 3"]
    offset_px: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """A square of a field around a click, at ``TRUTH_MPP``.

    nucleus: 1 the clicked cell's, 2 another cell's, 0 none.
    """

    rgb: UInt8[np.ndarray, "s s 3"]
    nucleus: Int64[np.ndarray, "s s"]
    white: tuple[float, float, float]
    stains: StainMatrix


def planted(window: Window, plant: Plant, *, size_px: int) -> UInt8[np.ndarray, "t t 3"]:
    """Return the picture with what is planted: density added, then cut around the click."""
    density = optical_density(window.rgb, white=window.white) + plant.added_od
    bright = np.rint(light(density, white=window.white)).astype(np.uint8)
    changed = np.where(plant.added_od.any(axis=2, keepdims=True), bright, window.rgb)
    edge = (len(changed) - size_px) // 2
    left, top = edge + plant.offset_px[0], edge + plant.offset_px[1]
    if min(left, top) < 0 or max(left, top) + size_px > len(changed):
        raise ValueError(f"offset_px {plant.offset_px} leaves a window of {len(changed)} px")
    cut: UInt8[np.ndarray, "t t 3"] = changed[top : top + size_px, left : left + size_px]
    return cut


def darkened_nuclei(window: Window) -> Plant:
    """Return the density that makes the nuclei of the cells around darker."""
    rows, columns = np.indices(window.nucleus.shape) - (len(window.rgb) - 1) / 2
    is_near = np.hypot(rows, columns) * TRUTH_MPP <= AROUND_UM
    cover = gaussian_filter(((window.nucleus == 2) & is_near).astype(np.float32), 0.5)
    maps = unmix(optical_density(window.rgb, white=window.white), stains=window.stains)
    more = (DARK_FACTOR - 1) * maps[..., 0].clip(min=0) * np.where(cover > 0.05, cover, 0)
    haematoxylin = np.array(window.stains.vectors[0], np.float32)
    return Plant(added_od=(more[..., None] * haematoxylin).astype(np.float32))


def specks(window: Window, *, rng: np.random.Generator) -> Plant:
    """Return a heap of black-brown specks, as of soot, where the cell's membrane would lie."""
    is_own = window.nucleus == 1
    if not is_own.any():
        is_own[len(is_own) // 2, len(is_own) // 2] = True
    far_um = distance_transform_edt(~is_own) * TRUTH_MPP
    places = np.argwhere((far_um > 1.0) & (far_um < 4.5))
    heap_um2 = ((places - places[rng.integers(len(places))]) ** 2).sum(1) * TRUTH_MPP**2
    chance = np.exp(-heap_um2 / (2 * HEAP_UM**2))
    rows, columns = np.indices(is_own.shape)
    dab = np.array(window.stains.vectors[1], np.float32)
    added = np.zeros(window.rgb.shape, np.float32)
    for at in rng.choice(len(places), int(rng.integers(*N_SPECKS)), p=chance / chance.sum()):
        away_um = np.hypot(rows - places[at][0], columns - places[at][1]) * TRUTH_MPP
        cover = np.clip((rng.uniform(*SPECK_UM) - away_um) / TRUTH_MPP + 0.5, 0, 1)
        density = rng.uniform(*SPECK_OD) * _GREY + rng.uniform(*SPECK_DAB_OD) * dab
        added = np.maximum(added, (cover[..., None] * density).astype(np.float32))
    return Plant(added_od=added)


def shifted_click(*, rng: np.random.Generator) -> tuple[int, int]:
    """Return how far a click lies 4 to 6 um beside the cell, in pixels of the truth."""
    far_px, angle = rng.uniform(*SHIFT_UM) / TRUTH_MPP, rng.uniform(0, 2 * np.pi)
    return round(far_px * np.cos(angle)), round(far_px * np.sin(angle))
