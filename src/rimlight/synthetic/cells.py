"""Labelled synthetic patches in memory, from the same renderer as the slides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from rimlight.records import Box
from rimlight.synthetic.appearance import case_look
from rimlight.synthetic.field import Field, render_field
from rimlight.synthetic.reader import chosen_cells, clicks, read_levels
from rimlight.synthetic.settings import DEMO, MPP, TRUTH_MPP, SynthSettings
from rimlight.synthetic.truth import membrane_masks, truth_patch

_CELLS_PER_FIELD = 60
_REACH_L0 = round(TRUTH_MPP / MPP)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticPatches:
    """Patches at ``TRUTH_MPP`` with what is true of them.

    rgb: the picture, the click at its centre.
    level: what the reader said, 0..3; true_level: what was painted.
    case: name of the case; white: I0 of its slides, 0..255.
    own_membrane, neighbour_membrane: where the clicked cell's, and any other cell's, lies.
    own_nucleus: where the clicked cell's nucleus lies.
    is_discordant: truly negative among positive cells, or the other way round.
    """

    rgb: UInt8[np.ndarray, "n s s 3"]
    level: Int64[np.ndarray, " n"]
    true_level: Int64[np.ndarray, " n"]
    case: np.ndarray
    white: Float32[np.ndarray, "n 3"]
    own_membrane: Bool[np.ndarray, "n s s"]
    neighbour_membrane: Bool[np.ndarray, "n s s"]
    own_nucleus: Bool[np.ndarray, "n s s"]
    completeness: Float64[np.ndarray, " n"]
    is_discordant: Bool[np.ndarray, " n"]


def patches(
    n: int, *, n_cases: int = 16, size_px: int = 72, settings: SynthSettings = DEMO
) -> SyntheticPatches:
    """Return n labelled patches from n_cases cases, about as many from each.

    Args:
        n: Number of patches.
        n_cases: Number of cases; each is one field of tissue or several.
        size_px: Even side of a patch at ``TRUTH_MPP``.
        settings: Seed and difficulty; its counts and slide size are not used.
    """
    if size_px % 2 or not 1 <= n_cases <= n:
        raise ValueError(f"needs an even size_px and 1 <= n_cases <= n, got {size_px}, {n_cases}")
    settings = replace(settings, n_cases=n_cases, n_slides=n_cases, n_cells=n)
    parts = [
        part
        for case in range(n_cases)
        for part in _of_case(
            (n * (case + 1)) // n_cases - (n * case) // n_cases,
            case,
            size_px=size_px,
            settings=settings,
        )
    ]
    return SyntheticPatches(
        **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )


def _of_case(
    n: int, case: int, *, size_px: int, settings: SynthSettings
) -> Iterator[dict[str, np.ndarray]]:
    look = case_look(settings, case)
    n_fields = ceil(n / _CELLS_PER_FIELD)
    for number in range(n_fields):
        wanted = (n * (number + 1)) // n_fields - (n * number) // n_fields
        side_um = 2 * (wanted / look.tumour_share) ** 0.5 * look.cell_um + size_px * TRUTH_MPP
        field = render_field(
            look,
            settings,
            size_um=(side_um, side_um),
            seed=(settings.seed, 3, case, number),
            has_glass=False,
        )
        rng = np.random.default_rng([settings.seed, 4, case, number])
        rows = chosen_cells(field, wanted, border_l0=size_px * _REACH_L0 / 2, rng=rng)
        part = _cut(field, rows, size_px=size_px, settings=settings, rng=rng)
        part["case"] = np.full(wanted, f"synthetic-{case + 1:02d}")
        part["white"] = np.tile(np.array(look.white, np.float32), (wanted, 1))
        yield part


def _cut(
    field: Field,
    rows: Int64[np.ndarray, " n"],
    *,
    size_px: int,
    settings: SynthSettings,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    clicks_l0 = clicks(field.cells, rows, settings=settings, rng=rng)
    side_l0 = size_px * _REACH_L0
    rgb, masks, nuclei = [], [], []
    for row, (x_l0, y_l0) in zip(rows, clicks_l0.tolist(), strict=True):
        left, top = x_l0 - side_l0 // 2, y_l0 - side_l0 // 2
        box = Box(left_l0=left, top_l0=top, width_l0=side_l0, height_l0=side_l0)
        rgb.append(halved(field.rgb[top : top + side_l0, left : left + side_l0]))
        masks.append(membrane_masks(field.owner, name=int(row) + 1, box=box, size_px=size_px))
        nuclei.append(truth_patch(field.nucleus, box=box, size_px=size_px) == row + 1)
    return {
        "rgb": np.stack(rgb),
        "level": read_levels(field.cells.level[rows], settings=settings, rng=rng),
        "true_level": field.cells.level[rows],
        "own_membrane": np.stack([mask.own for mask in masks]),
        "neighbour_membrane": np.stack([mask.neighbour for mask in masks]),
        "own_nucleus": np.stack(nuclei),
        "completeness": field.cells.completeness[rows],
        "is_discordant": field.cells.is_discordant[rows],
    }


def halved(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Return a picture of ``MPP`` at ``TRUTH_MPP``: the mean of each square of four pixels."""
    height, width = rgb.shape[:2]
    blocks = rgb.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3), dtype=np.float32)
    picture: UInt8[np.ndarray, "h2 w2 3"] = np.rint(blocks).astype(np.uint8)
    return picture
