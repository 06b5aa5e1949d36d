"""Own membranes of synthetic tissue: each ingredient of the method, and the hold-out with controls.

    rimlight demo --scale study --folder /tmp/study
    python benchmarks/membranes.py /tmp/study/study --validation
    rimlight membranes /tmp/study/study
    python benchmarks/membranes.py /tmp/study/study

With ``--validation``: average precision and Dice of the default and of variants with one
ingredient changed, on validation cells labelled and called positive, never held-out ones.  Without
it: the table of the hold-out, which ``rimlight membranes`` measured.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from rimlight.core.overlap import average_precision, dice
from rimlight.explain.contributing import evidence, gaussian_prior
from rimlight.explain.membranes import joint_claim
from rimlight.io.runs import open_run, read_metrics
from rimlight.io.study import open_study
from rimlight.model.network import folded
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.membrane_truth import truth_of_cells
from rimlight.workflows.own_membranes import (
    MEMBRANE_REFERENCES,
    Tissue,
    evidence_of,
    mask_of,
    membrane_settings,
    tissue_of,
)
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.walks import drawn, path_settings, walked

N_CELLS = 160
VARIANTS: dict[str, dict[str, float]] = {
    "default": {},
    "claims do not steer the path": {"claim_power": 0.0},
    "claims do not weigh pixels": {"pixel_power": 0.0},
    "no cost of what is inside": {"inside_cost": 0.0},
    "ridges count no more than areas": {"ridge_gain": 0.0},
    "stronger lines are not foreign": {"foreign_level": 1e9},
    "no sharpening": {"sharpening": 0.0},
    "band of 0.65 um for every cell": {"band_um": 0.65, "band_um_per_gate": 0.0},
    "stiff path (bends cost 10 times)": {"bend_cost": 0.08},
    "smoothing 0.5 um": {"sigma_um": 0.5},
    "smoothing 3 um": {"sigma_um": 3.0},
}


def main() -> None:
    """Print one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--validation", action="store_true")
    given = parser.parse_args()
    if given.validation:
        validation_table(given.study)
    else:
        hold_out_table(given.study)


def validation_table(folder: Path) -> None:
    """Print every variant on validation cells."""
    run = open_run(open_study(folder))
    study = study_of(run)
    cells = cell_patches(study, consensus_of_study(study).cells)
    fold = explained_folds(run, study, cells)[0]
    table, grounds = fold.grounds.table, fold.grounds
    allowed = (table.part == "validation") & table.is_called_positive & (table.level > 0)
    rows = drawn(np.flatnonzero(allowed), n_cells=N_CELLS, seed=study.settings.study.seed)
    network, path = folded(fold.model.network), path_settings(study.settings)
    maps = {
        name: walked(network, grounds, rows, name=name, path=path).values
        for name in MEMBRANE_REFERENCES
    }
    truth = truth_of_cells(study, cells, [int(row) for row in rows])
    if truth is None:
        raise SystemExit("the study is not synthetic: nothing to compare with")
    kept = [at for at, row in enumerate(rows) if truth[int(row)].any()]
    tissues = {at: tissue_of(grounds, int(rows[at])) for at in kept}
    own = {at: truth[int(rows[at])] for at in kept}
    n_cases = len(np.unique(table.case[rows[kept]]))
    print(f"{len(kept)} validation cells of {n_cases} cases")
    print("".ljust(48), "average precision".ljust(18), "Dice")
    settings = membrane_settings(study.settings.explain)
    joint = {at: joint_claim(np.stack([maps[name][at] for name in maps])) for at in kept}

    def line(name: str, strength: Callable[[int, Tissue], np.ndarray]) -> None:
        scores = []
        for at in kept:
            found = strength(at, tissues[at])
            scores.append(
                (average_precision(found, own[at]), dice(mask_of(found, tissues[at]), own[at]))
            )
        precision, overlap = np.mean(scores, axis=0)
        print(name.ljust(48), f"{precision:.3f}".ljust(18), f"{overlap:.3f}", flush=True)

    for name, change in VARIANTS.items():
        varied = replace(settings, **change)
        line(name, lambda at, tissue, it=varied: evidence_of(joint[at], tissue, settings=it))
    for name, values in maps.items():
        line(
            f"one reference: {name}",
            lambda at, tissue, it=values: evidence_of(
                joint_claim(it[at][None]), tissue, settings=settings
            ),
        )
        line(
            f"no path: {name} x DAB",
            lambda at, tissue, it=values: evidence(
                it[at], gate=tissue.gate, sigma_px=settings.sigma_um / tissue.mpp
            ),
        )
    line(
        "no path: three references x DAB",
        lambda at, tissue: evidence(
            joint[at].astype(np.float32), gate=tissue.gate, sigma_px=settings.sigma_um / tissue.mpp
        ),
    )
    without = replace(settings, inside_cost=0.5)
    for um in (4.0, 6.0, 8.0):
        bell = gaussian_prior(study.settings.patch.size_px, sigma_px=um / study.settings.patch.mpp)
        line(
            f"no network: path with a bell of {um:g} um",
            lambda _, tissue, it=bell: evidence_of(it, tissue, settings=without),
        )
        line(f"no network: bell of {um:g} um x DAB", lambda _, tissue, it=bell: tissue.gate * it)


def hold_out_table(folder: Path) -> None:
    """Print what ``rimlight membranes`` measured on the hold-out."""
    found = read_metrics(open_run(open_study(folder))).get("membranes", {}).get("truth", {})
    if "systems" not in found:
        raise SystemExit("run rimlight membranes on a synthetic study first")
    print(f"{found['n_cells']} held-out cells of {found['n_cases']} cases")
    print(
        "".ljust(24),
        *(head.ljust(24) for head in ("average precision", "margin", "Dice", "margin")),
    )
    for name, system in found["systems"].items():
        words = []
        for figure in ("average_precision", "dice"):
            words.append(interval(system["figures"][figure]))
            margin = found["margins"].get(name)
            words.append(interval(margin["figures"][figure]) if margin else "")
        print(name.ljust(24), *(word.ljust(24) for word in words))
    print("by level:", found["levels"])
    print("completeness:", found["completeness"])
    print("fitted on validation cells:", found["fitted"])


def interval(figure: dict[str, float | None]) -> str:
    """Return value and interval."""
    if figure["value"] is None or figure["low"] is None:
        return "undefined"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


if __name__ == "__main__":
    main()
