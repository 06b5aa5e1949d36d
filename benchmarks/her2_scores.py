"""Positivity of real HER2 cores against the pathologists' score of the core, 0 to 3.

    python benchmarks/her2_scores.py FOLDER WORK
    python benchmarks/her2_scores.py FOLDER WORK --initial MODEL     training starts from MODEL

FOLDER holds ``cores.csv``, ``labels.csv`` and ``images``; the data is not part of this repository.
The cores are divided into four folds, two cores each: every core is scored by the network that
was trained on the six others, and what tells tumour cells was learned from labels of these six.
MODEL is a network trained on synthetic cells. Scores are those of ``rimlight score``; a core that
is not evaluable has none and is left out of that row. The control needs no cell: the mean DAB
density of the tissue. The score of a pathologist is of the whole core, by intensity and
completeness of membranes, and is no share of cells.
"""

import argparse
import csv
from dataclasses import replace
from itertools import permutations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from rimlight.core.stains import HDAB, dab_density
from rimlight.core.tissue import tissue_mask
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import Run, open_run
from rimlight.io.slides import open_slide
from rimlight.io.store import slides
from rimlight.io.study import Study, create_study, open_study
from rimlight.settings import Settings
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.register import SlideEntry, register_slides
from rimlight.workflows.score import score
from rimlight.workflows.train import train

N_FOLDS = 4
N_RESAMPLES = 10_000
OVERVIEW_PX = 1024


def main() -> None:
    """Train by folds, score every core, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cores", type=Path)
    parser.add_argument("work", type=Path, help="folder for the study")
    parser.add_argument("--initial", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rank_of_core, rows = facts_of(given.cores)
    study = study_of_cores(given.cores, given.work / "study", rows, initial=given.initial)
    run = trained(study)
    section = score(run)
    print(*dict.fromkeys(section["sentences"]), *section["warnings"], sep="\n")
    print_table(rank_of_core, table_of(run, study))


def facts_of(folder: Path) -> tuple[dict[str, int], list[dict[str, str]]]:
    """Return the pathologists' score of each core by slide, and the rows of its table."""
    with (folder / "cores.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {Path(row["slide"]).stem: int(row["pathologist_score"]) for row in rows}, rows


def study_of_cores(
    cores: Path, folder: Path, rows: list[dict[str, str]], *, initial: Path | None
) -> Study:
    """Return the study of the cores, made unless it is there."""
    if folder.exists():
        return open_study(folder)
    start = Settings()
    settings = replace(
        start,
        study=replace(start.study, name="HER2 cores", assay="HER2", seed=101),
        split=replace(start.split, method="folds", n_folds=N_FOLDS),
        train=replace(
            start.train,
            n_threads=1,
            initial="" if initial is None else str(initial.resolve()),
            width=8,
            n_epochs=10,
            learning_rate=3e-3 if initial is None else 5e-4,
        ),
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    study = create_study(folder, settings)
    entries = [
        SlideEntry(
            path=cores / "images" / row["slide"],
            case=row["case"],
            assay="HER2",
            mpp=float(row["mpp"]),
        )
        for row in rows
    ]
    found = register_slides(study, entries)
    print(*found.refused, sep="\n")
    labels = read_table(cores / "labels.csv")
    table = folder.parent / "labels.csv"
    columns = {
        "slide": [Path(name).stem for name in labels["slide"]],
        "cell": [
            f"{Path(s).stem}-{c}" for s, c in zip(labels["slide"], labels["cell"], strict=True)
        ],
        "x": labels["x_px"],
        "y": labels["y_px"],
        "label": labels["label"],
        "reader": labels["reader"],
    }
    write_table(table, columns)
    import_labels(study, table)
    return study


def trained(study: Study) -> Run:
    """Return the trained run of a study."""
    known = sorted((study.folder / "runs").glob("*/predictions.csv"))
    return open_run(study) if known else train(study, command="benchmarks/her2_scores.py")


def table_of(run: Run, study: Study) -> list[dict[str, Any]]:
    """Return what was scored of each core, with the control."""
    table = read_table(run.folder / "scores.csv")
    row_of_slide = {name: at for at, name in enumerate(table["slide"])}
    found = []
    for info in slides(study.engine):
        at = row_of_slide[str(info.slide_id)]
        number = {
            name: float(table[name][at] or "nan")
            for name in ("value", "low", "high", "h_score", "n_positive", "n_negative")
        }
        with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
            overview = slide.overview(OVERVIEW_PX)
        density = dab_density(overview, white=info.white, stains=HDAB)
        tissue = density[tissue_mask(overview, white=info.white)]
        found.append(
            {
                "core": str(info.slide_id),
                "reason": table["reason"][at],
                **number,
                "n_called_other": table["n_called_other"][at],
                "tissue_od": float(tissue.mean()),
            }
        )
    return found


def print_table(rank_of_core: dict[str, int], rows: list[dict[str, Any]]) -> None:
    """Print every core, then the rank correlations."""
    print("core       pathologists  TPS [low, high]  H-score  positive negative other  tissue OD")
    for row in sorted(rows, key=lambda row: (rank_of_core[row["core"]], row["core"])):
        value = f"{row['value']:5.1f} [{row['low']:.0f}, {row['high']:.0f}]"
        print(
            row["core"][:10],
            rank_of_core[row["core"]],
            row["reason"] or value,
            f"{row['h_score']:.0f}",
            f"{row['n_positive']:.0f} {row['n_negative']:.0f} {row['n_called_other']}",
            f"{row['tissue_od']:.3f}",
            sep="  ",
        )
    rank = np.array([rank_of_core[row["core"]] for row in rows], dtype=float)
    for name in ("value", "h_score", "tissue_od"):
        number = np.array([row[name] for row in rows])
        known = ~np.isnan(number)
        print_correlation(name, number[known], rank[known])
        if name == "tissue_od":
            both = ~np.isnan([row["value"] for row in rows])
            print_correlation("tissue_od, cores with a TPS", number[both], rank[both])


def print_correlation(name: str, number: np.ndarray, rank: np.ndarray) -> None:
    """Print Spearman's rho with an interval that resamples cores and the exact p of no relation."""
    if len(number) < 3:
        print(f"{name}: {len(number)} cores, too few")
        return
    rho = spearman(number, rank)
    random = np.random.default_rng(0)
    draws = random.integers(0, len(number), (N_RESAMPLES, len(number)))
    resampled = np.array([spearman(number[rows], rank[rows]) for rows in draws])
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    orders = np.array(list(permutations(range(len(number)))))
    a, b = (ranks - ranks.mean() for ranks in (rankdata(number), rankdata(rank)))
    every = (a[orders] * b).sum(axis=1) / np.sqrt((a**2).sum() * (b**2).sum())
    p = float((np.abs(every) >= abs(rho) - 1e-9).mean())
    print(
        f"{name}: Spearman {rho:.2f} [{low:.2f}, {high:.2f}] over {N_RESAMPLES} resamples of "
        f"n = {len(number)} cores; exact p {p:.3f} ({factorial(len(number))} orders)"
    )


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of the ranks; nan where one of them does not vary."""
    a, b = (ranks - ranks.mean() for ranks in (rankdata(a), rankdata(b)))
    below = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / below) if below > 0 else float("nan")


if __name__ == "__main__":
    main()
