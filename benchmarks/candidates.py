"""How many painted tumour cells become candidates, and what hides the others.

    python benchmarks/candidates.py                        synthetic fields, seeds 101 to 105
    python benchmarks/candidates.py --study FOLDER          the labelled cells of a study, read only

A cell is found if a candidate lies within 4 um of its centre. Synthetic cells whose nucleus the
section missed have none to find; they are counted apart. Nuclei of stroma are painted but stand in
no table, so that the share of candidates at a painted cell is a lower bound of precision.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from rimlight.core.candidates import candidate_centres, least_contrast_od, nuclear_contrasts
from rimlight.core.resampling import block_mean
from rimlight.core.stains import HDAB
from rimlight.io.store import slides
from rimlight.io.study import Study, open_study
from rimlight.synthetic.appearance import case_look
from rimlight.synthetic.field import render_field
from rimlight.synthetic.settings import MPP, SynthSettings
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.label import consensus_of_study

SEEDS = (101, 102, 103, 104, 105)
REACH_UM = 4.0
LEAST_NUCLEUS_UM2 = 20.0
LEVELS = ("negative", "weak", "moderate", "strong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Tumour cells of one field: level 0..3, nucleus seen, candidate near; and the candidates."""

    level: np.ndarray
    has_nucleus: np.ndarray
    is_found: np.ndarray
    n_candidates: int
    n_at_a_cell: int


def main() -> None:
    """Print recall and precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path)
    parser.add_argument("--cases", type=int, default=8, help="fields a seed, one a case")
    given = parser.parse_args()
    if given.study is not None:
        print_study(open_study(given.study))
        return
    every = []
    for seed in SEEDS:
        settings = SynthSettings(seed=seed, n_cases=given.cases, n_slides=given.cases)
        fields = [found_in(settings, case) for case in range(given.cases)]
        every += fields
        print(f"seed {seed}: {sentence(fields)}")
    print(f"all: {sentence(every)}")
    for number, level in enumerate(LEVELS):
        print(f"  {level}: {shares(every, number)}")


def found_in(settings: SynthSettings, case: int) -> Found:
    """Return what is found in one field of one case."""
    look = case_look(settings, case)
    size_um = (settings.width_um, settings.height_um)
    field = render_field(look, settings, size_um=size_um, seed=(settings.seed, 6, case, 1))
    side = round(1.0 / MPP)
    how: dict[str, Any] = {"mpp": MPP * side, "white": look.white, "stains": HDAB}
    rgb = block_mean(field.rgb, side_px=side)
    least_od = least_contrast_od(nuclear_contrasts(rgb, **how))
    centres = candidate_centres(rgb, **how, least_contrast_od=least_od)
    candidates = (centres + 0.5) * side
    cells = field.cells
    place = np.column_stack([cells.x_l0, cells.y_l0])
    far = cKDTree(candidates).query(place)[0] * MPP
    near_a_cell = cKDTree(place).query(candidates)[0] * MPP <= REACH_UM
    area_um2 = np.bincount(field.nucleus.ravel(), minlength=len(place) + 1)[1:] * (2 * MPP) ** 2
    chosen = cells.is_tumour
    return Found(
        level=cells.level[chosen],
        has_nucleus=area_um2[chosen] >= LEAST_NUCLEUS_UM2,
        is_found=far[chosen] <= REACH_UM,
        n_candidates=len(candidates),
        n_at_a_cell=int(near_a_cell.sum()),
    )


def sentence(fields: list[Found]) -> str:
    """Return recall and precision in words."""
    n_candidates = sum(one.n_candidates for one in fields)
    n_at_a_cell = sum(one.n_at_a_cell for one in fields)
    return (
        f"{shares(fields)}; {n_candidates} candidates, "
        f"{100 * n_at_a_cell / n_candidates:.1f} % at a painted cell"
    )


def shares(fields: list[Found], level: int | None = None) -> str:
    """Return the share found of all tumour cells, of those with a nucleus, and of the others."""
    levels, has_nucleus, is_found = (
        np.concatenate([getattr(one, name) for one in fields])
        for name in ("level", "has_nucleus", "is_found")
    )
    mine = np.ones(len(levels), dtype=bool) if level is None else levels == level
    with_nucleus, without = mine & has_nucleus, mine & ~has_nucleus
    return (
        f"{100 * is_found[mine].mean():.1f} % of {mine.sum()} tumour cells found, "
        f"{100 * is_found[with_nucleus].mean():.1f} % of {with_nucleus.sum()} with a nucleus and "
        f"{100 * is_found[without].mean():.1f} % of {without.sum()} without"
    )


def print_study(study: Study) -> None:
    """Print the share of a study's labelled cells that are candidates, by level."""
    places: dict[str, list[tuple[float, float, int]]] = {}
    for cell in consensus_of_study(study).cells:
        row = (cell.cell.x_l0, cell.cell.y_l0, cell.expression.level)
        places.setdefault(cell.cell.slide_id, []).append(row)
    level, is_found, n_candidates = [], [], 0
    for info in slides(study.engine):
        if info.slide_id not in places:
            continue
        tiles = candidate_tiles(study, [info])
        parts = [np.column_stack([tile.x_l0, tile.y_l0]) for tile in tiles]
        found = np.concatenate([np.empty((0, 2)), *parts])
        known = np.array(places[info.slide_id])
        far = cKDTree(found).query(known[:, :2])[0] * info.mpp
        level += known[:, 2].astype(int).tolist()
        is_found += (far <= REACH_UM).tolist()
        n_candidates += len(found)
    print(f"{len(places)} slides with labels, {n_candidates} candidates on them")
    for number, name in enumerate((*LEVELS, "all")):
        mine = np.array(level) == number if name != "all" else np.ones(len(level), dtype=bool)
        if mine.any():
            print(f"  {name}: {100 * np.array(is_found)[mine].mean():.1f} % of {mine.sum()} found")


if __name__ == "__main__":
    main()
