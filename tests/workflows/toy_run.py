"""A made-up run folder: tables as training and explaining write them, with known effects."""

import json
from pathlib import Path

import numpy as np

from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import Run
from rimlight.records import RunId
from rimlight.settings import Settings, settings_as_dict

DENSITIES = ("od_centre", "od_disc", "od_ring", "od_patch", "od_best_ring", "od_neighbours")


def settings_record(n_resamples: int = 200) -> dict:
    record = settings_as_dict(Settings())
    record["evaluate"]["n_resamples"] = n_resamples
    return record


def toy_run(
    folder: Path, *, n_cases: int = 16, n_per_case: int = 40, n_folds: int = 1, seed: int = 0
) -> Run:
    """The network sees the level with little noise; neighbours agree with it half the time.

    Each case has the same part in the table as ``toy_parts`` says.
    """
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    n = n_cases * n_per_case
    case = np.repeat([f"case{i:02d}" for i in range(n_cases)], n_per_case)
    level = random.integers(0, 4, n)
    other = np.where(random.random(n) < 0.5, level, random.integers(0, 4, n))
    cells = {
        "cell": [f"c{i:05d}" for i in range(n)],
        "slide": [f"s-{name}" for name in case],
        "case": case,
        "assay": np.where(np.arange(n) < n // 2, "22c3", "sp263"),
        "scanner": np.where(case < "case06", "one", "two"),
        "x_l0": np.arange(n) * 1.5,
        "y_l0": np.arange(n) * 2.5,
        "expression": np.array(["negative", "weak", "moderate", "strong"])[level],
        "level": level,
        "fold": np.zeros(n, dtype=int),
    }
    logit = 4.0 * (level - 0.5) + random.normal(0, 1.5, n)
    own, near = 0.2 * level, 0.2 * other
    density = {
        "od_centre": 0.3 * own + random.normal(0, 0.08, n),
        "od_disc": own + 0.5 * near + random.normal(0, 0.08, n),
        "od_ring": own + 0.3 * near + random.normal(0, 0.08, n),
        "od_patch": 0.3 * own + near + random.normal(0, 0.05, n),
        "od_best_ring": own + 0.3 * near + random.normal(0, 0.06, n),
        "od_neighbours": near + random.normal(0, 0.03, n),
    }
    rows = {"cell": [], "fold": [], "part": [], "row": []}
    for fold in range(n_folds):
        part = toy_parts(n_cases, n_folds=n_folds, fold=fold)
        rows["cell"] += cells["cell"]
        rows["fold"] += [fold] * n
        rows["part"] += [part[name] for name in case]
        rows["row"] += list(range(n))
    at = np.array(rows.pop("row"))
    probability = 1 / (1 + np.exp(-logit))
    predicted = {"logit": logit, "probability": probability, "call": (logit > 0).astype(int)}
    write_table(folder / "cells.csv", cells)
    write_table(
        folder / "predictions.csv",
        rows | {name: values[at] for name, values in (predicted | density).items()},
    )
    write_run_json(folder)
    return Run(run_id=RunId("0001"), folder=folder)


def toy_explanations(
    run: Run,
    *,
    references: tuple[str, ...] = ("fixed_negatives", "white"),
    n_random: int = 2,
    has_training_cells: bool = True,
    seed: int = 1,
) -> None:
    """The trained map finds the own stain; untrained ones find own and neighbour stain alike.

    As in a real run, untrained networks are explained on hold-out cells alone.
    """
    random = np.random.default_rng(seed)
    cells, rows = read_table(run.folder / "cells.csv"), read_table(run.folder / "predictions.csv")
    level_of = dict(zip(cells["cell"], map(int, cells["level"]), strict=True))
    held = [i for i, part in enumerate(rows["part"]) if part == "hold-out"]
    both = list(range(len(rows["part"]))) if has_training_cells else held
    level = np.array([level_of[cell] for cell in rows["cell"]])
    near = np.array(rows["od_neighbours"], dtype=float)
    networks = ("trained", *(f"random-{i}" for i in range(n_random)))
    blocks = [
        _block(rows, keep, network, reference, level=level, near=near, random=random)
        for reference in references
        for network, keep in ((name, both if name == "trained" else held) for name in networks)
    ]
    table = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    write_table(run.folder / "explanations.csv", table)


def _block(rows, keep, network, reference, *, level, near, random) -> dict:
    n, level, near = len(keep), level[keep], near[keep]
    share = 1.0 if network == "trained" else 0.5
    od = 0.2 * level * share + near * (1 - share) + random.normal(0, 0.07, n)
    logit = np.array([float(rows["logit"][i]) for i in keep])
    return {
        "cell": np.array([rows["cell"][i] for i in keep]),
        "fold": np.array([int(rows["fold"][i]) for i in keep]),
        "part": np.array([rows["part"][i] for i in keep]),
        "network": np.full(n, network),
        "reference": np.full(n, reference),
        "logit": logit,
        "rise": logit + 4,
        "gap": 0.002 * (logit + 4),
        "n_gradients": np.full(n, 32),
        "is_converged": np.ones(n, dtype=int),
        "is_small_rise": (np.abs(logit + 4) < 0.5).astype(int),
        "map_change": np.full(n, np.nan),
        "od_attributed": od,
        "od_negative_attribution": 0.1 * level + near + random.normal(0, 0.1, n),
        "od_random": near + random.normal(0, 0.1, n),
        "saturated_share": np.zeros(n),
    }


def write_run_json(folder: Path, *, n_resamples: int = 200) -> None:
    record = {"settings": settings_record(n_resamples)}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")


def toy_parts(n_cases: int, *, n_folds: int, fold: int) -> dict[str, str]:
    """Hold-out: the last cases, or every n-th of several folds; validation: two of the others."""
    held = {
        i for i in range(n_cases) if (i % n_folds == fold if n_folds > 1 else i >= n_cases // 2)
    }
    rest = [i for i in range(n_cases) if i not in held]
    part = dict.fromkeys(held, "hold-out") | dict.fromkeys(rest[2:], "train")
    part |= dict.fromkeys(rest[:2], "validation")
    return {f"case{i:02d}": name for i, name in part.items()}
