"""How many pixels of a map the OD validation takes: chosen on validation cells only.

    rimlight demo --scale study --folder /tmp/study
    python benchmarks/top_share.py /tmp/study/study

For shares of pixels and smoothings of the map: Pearson's r of the mean DAB density there with the
level, on validation cells (not held out, not trained on), all and with neighbours that disagree,
for the trained network and one untrained.  On a synthetic study, the share of the patch that the
cell's own membrane covers is printed too.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from rimlight.core.measurement import mean_od, separating_cut, top_share
from rimlight.io.runs import open_run
from rimlight.io.study import open_study
from rimlight.model.network import folded
from rimlight.workflows.explain import (
    explained_folds,
    study_of,
    untrained_networks,
)
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.rivals import rival_densities
from rimlight.workflows.synth import read_truth
from rimlight.workflows.walks import BATCH_CELLS, ExplainedFold, path_settings, walked

N_CELLS = 160
SHARES = (0.02, 0.05, 0.1)
SIGMAS_PX = (0.0, 1.0, 2.0, 3.5)


def main() -> None:
    """Print r for every share and smoothing on the validation cells of a study's latest run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    given = parser.parse_args()
    run = open_run(open_study(given.study))
    study = study_of(run)
    cells = cell_patches(study, consensus_of_study(study).cells)
    fold = explained_folds(run, study, cells)[0]
    part = fold.grounds.table.part
    rows = np.random.default_rng(5).permutation(np.flatnonzero(part == "validation"))[:N_CELLS]
    rows.sort()
    level, dab = cells.level[rows], np.minimum(cells.dab(rows), study.settings.explain.max_od)
    neighbours = rival_densities(cells, study.settings.evaluate)["od_neighbours"]
    fitted = part == "train"
    cut = separating_cut(neighbours[fitted], cells.level[fitted] > 0)
    is_discordant = (neighbours[rows] > cut) != (level > 0)
    print(f"{len(rows)} validation cells, {is_discordant.sum()} with neighbours that disagree")
    _print_truth(given.study.parent / "synthetic", fold, rows)
    paths = {"trained": path_settings(study.settings), "random-0": control_path(study.settings)}
    networks = {"trained": folded(fold.model.network), **untrained_networks(fold, study.settings)}
    for reference in ("opposite", "white"):
        for name, path in paths.items():
            batches = np.array_split(rows, np.arange(BATCH_CELLS, len(rows), BATCH_CELLS))
            found = [
                walked(networks[name], fold.grounds, batch, name=reference, path=path)
                for batch in batches
            ]
            maps = np.concatenate([one.values for one in found if one is not None])
            for sigma_px in SIGMAS_PX:
                smooth = gaussian_filter(maps, (0, sigma_px, sigma_px), mode="reflect")
                for share in SHARES:
                    od = mean_od(dab, top_share(smooth, share=share))
                    print(
                        f"{reference:9s} {name:9s} sigma {sigma_px:.1f} px, top {share:4.0%}: "
                        f"r {np.corrcoef(od, level)[0, 1]:+.3f}, discordant "
                        f"{np.corrcoef(od[is_discordant], level[is_discordant])[0, 1]:+.3f}"
                    )


def _print_truth(synthetic: Path, fold: ExplainedFold, rows: np.ndarray) -> None:
    if not (synthetic / "truth").is_dir():
        return
    cells = [fold.grounds.cells.cells[row].cell for row in rows]
    size_px = fold.grounds.cells.settings.size_px
    own = [read_truth(synthetic, cell.slide_id).masks(cell, size_px=size_px).own for cell in cells]
    print(f"own membrane of these cells: {np.mean(own):.1%} of the patch (synthetic truth)")


if __name__ == "__main__":
    main()
