"""TPS and H-score of synthetic slides against what was painted, held out by case.

    python benchmarks/synthetic_scores.py WORK                     seeds 101 and 103
    python benchmarks/synthetic_scores.py WORK --seeds 1           one to develop on
    python benchmarks/synthetic_scores.py --study COPY --truth SYNTHETIC    a trained study

Each seed paints a study of 48 cases with a slide each, as many labelled cells as a study of that
size has, half of the cases held out, trains on the others with the settings of every new study,
and scores the held-out slides twice: with every candidate taken for a tumour cell, and after a
simulated reader called 40 random candidates a case `other` where no tumour cell was painted. The
truth is the share of positive cells among all painted tumour cells of a slide. Columns:

    painted     the truth
    found       the truth at the painted tumour cells that have a candidate: what finding costs
    called      the network's calls at those: what calling costs
    all         every candidate counted, as scored without labels `other`
    told        as scored with them; with the interval

Seeds run beside each other, a process each; a study that was trained is not trained again.
"""

import argparse
import gzip
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import binomtest

from rimlight.io.database import writing
from rimlight.io.formats.tables import read_table
from rimlight.io.journal import append_labels
from rimlight.io.runs import Run, open_run
from rimlight.io.store import slides
from rimlight.io.study import Study, create_study, open_study
from rimlight.records import Cell, CellId, Expression, Label, LabelId, ReaderId, SlideInfo
from rimlight.settings import Settings
from rimlight.synthetic.settings import STUDY
from rimlight.workflows.candidates import candidate_tiles
from rimlight.workflows.exchange import import_labels
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.register import entries_of_manifest, register_slides
from rimlight.workflows.score import score
from rimlight.workflows.synth import read_truth, write_synthetic_study
from rimlight.workflows.train import train

SEEDS = (101, 103)
REACH_UM = 4.0
N_OTHERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """What is true of one slide: share positive in per cent, and its tumour cells."""

    tps: float
    h_score: float
    places: np.ndarray
    level: np.ndarray


def main() -> None:
    """Paint, train, score, and print the table and its sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, nargs="?", help="folder for the studies")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--cases", type=int, default=48)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.study is not None:
        rows = measured(open_run(open_study(given.study)), given.truth)
    else:
        how = [(given.work / f"seed-{seed}", seed, given.cases) for seed in given.seeds]
        with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
            rows = [row for found in pool.map(of_seed, *zip(*how, strict=True)) for row in found]
    print_sums(rows)


def of_seed(folder: Path, seed: int, n_cases: int) -> list[dict[str, Any]]:
    """Paint, train and score the study of one seed; return a row a held-out slide."""
    return measured(trained(folder, seed=seed, n_cases=n_cases), folder / "synthetic")


def trained(folder: Path, *, seed: int, n_cases: int) -> Run:
    """Paint a study and train on half of its cases, unless that was done and not yet scored."""
    if (folder / "study" / "runs" / "0001" / "predictions.csv").exists():
        known = open_study(folder / "study")
        if not consensus_of_study(known).others:
            return open_run(known)
    shutil.rmtree(folder / "study", ignore_errors=True)
    size = replace(STUDY, seed=seed, n_cases=n_cases, n_slides=n_cases)
    size = replace(size, n_cells=round(STUDY.n_cells * n_cases / STUDY.n_cases))
    if not (folder / "synthetic").exists():
        write_synthetic_study(folder / "synthetic", size, n_threads=1)
    start = Settings()
    settings = replace(
        start,
        study=replace(start.study, name="synthetic scores", assay="synthetic", seed=seed),
        split=replace(start.split, hold_out_share=0.5),
        train=replace(start.train, n_threads=1),
    )
    study = create_study(folder / "study", settings)
    register_slides(study, entries_of_manifest(folder / "synthetic" / "cases.csv"))
    for file in sorted((folder / "synthetic" / "labels").glob("*.geojson")):
        import_labels(study, file)
    return train(study, command="benchmarks/synthetic_scores.py")


def measured(run: Run, truth: Path) -> list[dict[str, Any]]:
    """Score the held-out slides without and with labels `other`, and print a row a slide."""
    study = open_study(run.folder.parent.parent)
    parts = read_table(run.folder / "parts.csv")
    held = {c for c, p in zip(parts["case"], parts["part"], strict=True) if p == "hold-out"}
    infos = [info for info in slides(study.engine) if info.case_id in held]
    names = [str(info.slide_id) for info in infos]
    plain = {row["slide"]: row for row in score(run, slides=names)["slides"]}
    cells = {name: cells_of(run, name) for name in names}
    label_others(study, truth)
    section = score(run, slides=names)
    print(*section["sentences"], sep="\n", flush=True)
    ruled = {row["slide"]: row for row in section["slides"]}
    print("slide painted found called all [low high] told [low high] | H painted H told [low high]")
    rows = []
    table = read_table(run.folder / "scores.csv")
    for info in infos:
        name = str(info.slide_id)
        row = row_of(info, painted_of(truth, info), cells[name])
        row |= {"all": plain[name], "told": ruled[name], "seed": study.settings.study.seed}
        at = table["slide"].index(name)
        row["h"] = tuple(float(table[key][at] or "nan") for key in ("h_score", "h_low", "h_high"))
        print_row(row)
        rows.append(row)
    return rows


def cells_of(run: Run, name: str) -> dict[str, np.ndarray]:
    """Return the cells of a scored slide."""
    with gzip.open(run.folder / "scores" / f"{name}.csv.gz", "rt", encoding="utf-8") as handle:
        lines = [line.rstrip("\n").split(",") for line in handle]
    return {key: np.array([line[at] for line in lines[1:]]) for at, key in enumerate(lines[0])}


def painted_of(truth: Path, info: SlideInfo) -> Painted:
    """Return the truth of a slide."""
    table = read_truth(truth, info.slide_id).cells
    chosen = np.array(table["kind"]) == "tumour"
    level = np.array(table["level"], dtype=int)[chosen]
    places = np.column_stack([np.array(table[key], dtype=float) for key in ("x_l0", "y_l0")])
    return Painted(
        tps=100 * float((level > 0).mean()),
        h_score=100 * float(level.mean()),
        places=places[chosen],
        level=level,
    )


def row_of(info: SlideInfo, painted: Painted, cells: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what finding and calling cost on one slide."""
    counted = cells["excluded"] != "near_edge"
    places = np.column_stack([cells[key].astype(float) for key in ("x_l0", "y_l0")])[counted]
    call = cells["call"].astype(int)[counted]
    far, nearest = cKDTree(painted.places).query(places)
    near = far * info.mpp <= REACH_UM
    found = cKDTree(places).query(painted.places)[0] * info.mpp <= REACH_UM
    inside = (painted.places >= places.min(axis=0)) & (painted.places <= places.max(axis=0))
    is_positive = painted.level > 0
    return {
        "slide": str(info.slide_id),
        "case": str(info.case_id),
        "painted": painted.tps,
        "h_painted": painted.h_score,
        "found": 100 * float((painted.level[nearest[near]] > 0).mean()),
        "called": 100 * float(call[near].mean()),
        "tumour_share": float(near.mean()),
        "recall": [
            float(found[mine & inside.all(axis=1)].mean()) for mine in (is_positive, ~is_positive)
        ],
    }


def label_others(study: Study, truth: Path) -> None:
    """Let a simulated reader call random candidates `other` where no tumour cell was painted."""
    by_case: dict[str, list[SlideInfo]] = {}
    for info in slides(study.engine):
        by_case.setdefault(str(info.case_id), []).append(info)
    labels = []
    for number, (_case, infos) in enumerate(sorted(by_case.items())):
        info = infos[0]
        tiles = [np.column_stack([t.x_l0, t.y_l0]) for t in candidate_tiles(study, [info])]
        places = np.concatenate([np.empty((0, 2)), *tiles])
        far = cKDTree(painted_of(truth, info).places).query(places)[0] * info.mpp
        others = places[far > REACH_UM]
        rng = np.random.default_rng([study.settings.study.seed, number])
        for x, y in others[rng.permutation(len(others))[:N_OTHERS]].tolist():
            labels.append(other_label(info, x, y))
    with writing(study.engine) as transaction:
        append_labels(transaction, labels)


def other_label(info: SlideInfo, x_l0: float, y_l0: float) -> Label:
    """Return a label `other` at a place."""
    cell_id = CellId(f"{info.slide_id}@{x_l0:.1f}_{y_l0:.1f}")
    return Label(
        label_id=LabelId(f"other-{cell_id}"),
        cell=Cell(cell_id=cell_id, slide_id=info.slide_id, x_l0=x_l0, y_l0=y_l0),
        reader=ReaderId("synthetic-reader"),
        expression=Expression.OTHER,
        made_at="2026-01-01T00:00:00Z",
        source="benchmark",
    )


def print_row(row: dict[str, Any]) -> None:
    """Print one slide."""
    words = [row["slide"], *(f"{row[key]:5.1f}" for key in ("painted", "found", "called"))]
    for key in ("all", "told"):
        it = row[key]
        if it["value"] is None:
            words.append(f"{key}: {it['reason']}")
            continue
        words.append(f"{it['value']:5.1f} [{it['low']:.1f}, {it['high']:.1f}]")
    h, low, high = row["h"]
    print(*words, f"| {row['h_painted']:.0f} {h:.0f} [{low:.0f}, {high:.0f}]", flush=True)


def print_sums(rows: list[dict[str, Any]]) -> None:
    """Print bias, closeness and coverage over all slides."""
    n_cases = len({(row["seed"], row["case"]) for row in rows})
    print(f"{len(rows)} held-out slides of {n_cases} cases")
    truth = np.array([row["painted"] for row in rows])
    share = np.mean([row["tumour_share"] for row in rows])
    recall = np.nanmean([row["recall"] for row in rows], axis=0)
    print(f"of the candidates {share:.1%} lie at a painted tumour cell; of these cells are found:")
    print(f"  positive {recall[0]:.1%}, negative {recall[1]:.1%}")
    for key in ("found", "called"):
        print_bias(key, np.array([row[key] for row in rows]) - truth)
    for key in ("all", "told"):
        known = np.array([row[key]["value"] is not None for row in rows])
        value, low, high = (
            np.array([row[key][name] for row in rows if row[key]["value"] is not None])
            for name in ("value", "low", "high")
        )
        print_bias(key, value - truth[known])
        covered = (low <= truth[known]) & (truth[known] <= high)
        print(f"    interval holds it: {share_words(covered)}; median width {median(high - low)}")
    h = np.array([row["h"] for row in rows])
    h_truth = np.array([row["h_painted"] for row in rows])
    known = ~np.isnan(h[:, 0])
    if known.any():
        off = h[known, 0] - h_truth[known]
        covered = (h[known, 1] <= h_truth[known]) & (h_truth[known] <= h[known, 2])
        print(
            f"H-score: mean difference {off.mean():+.1f}, within 15 points "
            f"{share_words(np.abs(off) <= 15)}; interval holds it: {share_words(covered)}; median "
            f"width {median(h[known, 2] - h[known, 1])}"
        )


def print_bias(name: str, off: np.ndarray) -> None:
    """Print mean difference and closeness of one column."""
    near, far = share_words(np.abs(off) <= 5), share_words(np.abs(off) <= 10)
    print(
        f"{name:>7}: mean difference {off.mean():+.1f}, largest {off[np.abs(off).argmax()]:+.1f}; "
        f"within 5 points {near}, within 10 {far}"
    )


def share_words(is_so: np.ndarray) -> str:
    """Return a share with its 95 % interval (Wilson) and how many of how many."""
    found = binomtest(int(is_so.sum()), len(is_so)).proportion_ci(method="wilson")
    return (
        f"{is_so.sum()} of {len(is_so)} ({is_so.mean():.0%}, {found.low:.0%} to {found.high:.0%})"
    )


def median(values: np.ndarray) -> str:
    """Return a median in points."""
    return f"{np.median(values):.1f}"


if __name__ == "__main__":
    main()
