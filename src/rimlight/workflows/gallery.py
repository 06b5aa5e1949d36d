"""The cells that the report shows: chosen by rule, each with its maps and a caption in words."""

from typing import Any

import numpy as np

from rimlight.core.measurement import mean_od
from rimlight.io.arrays import write_arrays
from rimlight.io.files import write_json
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import Run
from rimlight.model.prediction import centre, probability
from rimlight.settings import Settings
from rimlight.workflows.own_membranes import (
    Claims,
    evidence_of,
    joint_claims,
    mask_of,
    membrane_settings,
    membrane_walks,
    tissue_of,
)
from rimlight.workflows.run_tables import LEVEL_NAMES
from rimlight.workflows.walks import ExplainedFold, Grounds, Walked, path_settings

RULE = (
    "Of each level and outcome, the held-out cell with the median logit and the one furthest on "
    "the wrong side; nobody picked them."
)


def write_gallery(run: Run, folds: list[ExplainedFold], *, settings: Settings) -> dict[str, Any]:
    """Write ``gallery/``; return how many cells of each group it shows."""
    rows, arrays = [], []
    for fold, cells in _chosen(folds):
        found, pictures = _explained(fold, cells, settings=settings)
        rows += found
        arrays.append(pictures)
    names = tuple(rows[0])
    columns = {name: [row[name] for row in rows] for name in names}
    joined = {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}
    write_arrays(run.folder, "gallery", joined)
    folder = run.folder / "gallery"
    write_table(folder / "gallery.csv", columns)
    write_json(folder / "gallery.json", {"mpp": settings.patch.mpp, "rule": RULE})
    groups = [row["group"] for row in rows]
    return {group: groups.count(group) for group in ("TP", "FP", "FN", "TN")}


def _chosen(folds: list[ExplainedFold]) -> list[tuple[ExplainedFold, np.ndarray]]:
    """Return the rows that each fold shows: over all folds, per level and outcome, two cells."""
    candidates: list[tuple[int, int, int, float]] = []
    for place, fold in enumerate(folds):
        table = fold.grounds.table
        for row in np.flatnonzero(table.part == "hold-out"):
            candidates.append((place, int(row), int(table.level[row]), float(table.logit[row])))
    picked: dict[int, set[int]] = {}
    for level in range(4):
        for is_called_positive in (False, True):
            group = [c for c in candidates if c[2] == level and (c[3] > 0) == is_called_positive]
            group.sort(key=lambda c: (c[3], c[0], c[1]))
            if group:
                furthest = group[0] if level > 0 else group[-1]
                for chosen in (group[len(group) // 2], furthest):
                    picked.setdefault(chosen[0], set()).add(chosen[1])
    return [(folds[place], np.array(sorted(rows))) for place, rows in sorted(picked.items())]


def _explained(
    fold: ExplainedFold, rows: np.ndarray, *, settings: Settings
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    from rimlight.model.network import folded

    network, path = folded(fold.model.network), path_settings(settings)
    grounds = fold.grounds
    walks = membrane_walks(network, grounds, rows, path=path)
    name = next(iter(walks))
    main, removed, dab = walks[name], walks["stain_removed"], grounds.cells.dab(rows)
    masks = _masks(grounds, joint_claims(rows, walks))
    pictures = {
        "patches": centre(grounds.cells.patches[rows], size_px=settings.patch.size_px),
        "references": np.stack(
            [
                reference_picture(grounds, int(row), main.reference_rows[at])
                for at, row in enumerate(rows)
            ]
        ),
        "maps": main.values,
        "stain_removed_maps": removed.values,
        "masks": masks,
        "dab": dab,
    }
    share = probability(main.columns["logit"], temperature=fold.model.temperature)
    facts = [
        _facts(grounds, int(row), at, main, name=name, mask=masks[at], dab=dab[at])
        | {"probability": float(share[at])}
        for at, row in enumerate(rows)
    ]
    return facts, pictures


def _masks(grounds: Grounds, claims: Claims) -> np.ndarray:
    settings, size_px = membrane_settings(grounds.settings), grounds.cells.settings.size_px
    masks = np.zeros((len(claims.rows), size_px, size_px), dtype=bool)
    for at, row in enumerate(claims.rows):
        if not claims.reasons[at]:
            tissue = tissue_of(grounds, int(row))
            masks[at] = mask_of(evidence_of(claims.values[at], tissue, settings=settings), tissue)
    return masks


def reference_picture(grounds: Grounds, row: int, reference_rows: np.ndarray) -> np.ndarray:
    """Return what a cell's map starts from: its first reference cell, or clear glass."""
    source, size_px = (grounds.pool or grounds).cells, grounds.cells.settings.size_px
    if len(reference_rows):
        picture: np.ndarray = centre(source.patches[reference_rows[:1]], size_px=size_px)[0]
        return picture
    white = np.round(grounds.cells.white[row]).astype(np.uint8)
    return np.broadcast_to(white, (size_px, size_px, 3))


def _facts(
    grounds: Grounds,
    row: int,
    at: int,
    found: Walked,
    *,
    name: str,
    mask: np.ndarray,
    dab: np.ndarray,
) -> dict[str, Any]:
    columns, level = found.columns, int(grounds.cells.level[row])
    is_called_positive = bool(columns["logit"][at] > 0)
    rise, gap = float(columns["rise"][at]), float(columns["gap"][at])
    in_mask = float(found.values[at][mask].sum())
    return {
        "cell": str(grounds.cells.cell_ids[row]),
        "group": _group(is_called_positive=is_called_positive, is_positive=level > 0),
        "expression": LEVEL_NAMES[level],
        "logit": float(columns["logit"][at]),
        "reference": name,
        "rise": rise,
        "gap": gap,
        "is_converged": int(columns["is_converged"][at]),
        "is_small_rise": int(columns["is_small_rise"][at]),
        "n_pixels": int(mask.sum()),
        "share_in_pixels": in_mask / rise if rise and mask.any() else None,
        "od_attributed": float(mean_od(dab[None], mask)[0]) if mask.any() else None,
        "caption": words_of_walk(found, at, name=name, mask=mask),
    }


def _group(*, is_called_positive: bool, is_positive: bool) -> str:
    if is_called_positive:
        return "TP" if is_positive else "FP"
    return "FN" if is_positive else "TN"


def words_of_walk(found: Walked, at: int, *, name: str, mask: np.ndarray) -> str:
    """Return the caption of a map: from where to where it leads, and how far its sum is off."""
    rise, gap = (float(found.columns[column][at]) for column in ("rise", "gap"))
    n_references = len(found.reference_rows[at])
    is_negative = name == "fixed_negatives" or found.columns["logit"][at] > 0
    kind = "negative" if is_negative else "positive"
    against = f"{n_references} {kind} cell{'s' if n_references > 1 else ''}"
    if not n_references:
        against = "the cell without DAB" if name == "stain_removed" else "clear glass"
    start = f"{_signed(rise)} logits against {against}"
    if mask.any():
        in_mask = float(found.values[at][mask].sum())
        start = f"{_signed(in_mask)} of {start} come from {mask.sum()} px"
    # A share of next to nothing says nothing: there the gap is given in logits.
    is_small = bool(found.columns["is_small_rise"][at])
    size = f"{abs(gap):.2f} logits" if is_small else f"{100 * abs(gap / rise):.1f} %"
    return f"{start}; gap {size}; reference: {name.replace('_', ' ')}."


def _signed(value: float) -> str:
    """Return a number with one decimal and its sign; nothing is not below nothing.

    >>> _signed(-0.04), _signed(-1.25), _signed(4.2)
    ('0.0', '\u22121.2', '+4.2')
    """
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "\u2212")
