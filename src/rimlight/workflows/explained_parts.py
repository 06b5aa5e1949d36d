"""Some cells of a scored slide to heat maps, outlines and facts, kept until the slide is whole.

A part is written whole or not at all, so that an interrupted slide goes on where it stopped.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.errors import RunError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.formats.qupath import Area
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.runs import json_ready
from rimlight.workflows.membranes import CLASS_NAME, Outlined, area_of, called_negative, outlined
from rimlight.workflows.own_membranes import claims_of
from rimlight.workflows.run_tables import LEVEL_NAMES
from rimlight.workflows.slide_cells import Subject, cells_to_explain
from rimlight.workflows.walks import BATCH_CELLS, ExplainedFold, Walked, walked

if TYPE_CHECKING:
    from rimlight.explain.attribution import PathSettings

CELLS_A_PART = 256
_COLOUR_OF_LEVEL = {
    "weak": (255, 215, 0),
    "moderate": (225, 150, 50),
    "strong": (200, 50, 50),
    "positive": (200, 50, 50),
}

OnCells = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Some explained cells of a slide.

    rows: their rows in the table of scored cells.
    x_l0, y_l0: their centres.
    values: signed heat map of each, float32 (n, size, size), logits per patch pixel; nan where
        the map did not converge.
    facts: what is told of each.
    areas: the outlined ones, in level-0 pixels.
    """

    rows: np.ndarray
    x_l0: np.ndarray
    y_l0: np.ndarray
    values: np.ndarray
    facts: list[dict[str, Any]]
    areas: list[Area]


def explained_part(
    subject: Subject, rows: np.ndarray, *, path: "PathSettings", on_cells: OnCells
) -> Part:
    """Explain scored cells, as ``explain`` and ``membranes`` explain held-out ones.

    Args:
        subject: The slide.
        rows: Of its scored cells.
        path: How finely paths are walked.
        on_cells: Told how many cells are done, batch by batch.

    Raises:
        SlideError: The slide is missing, changed or damaged.
    """
    fold = cells_to_explain(subject, rows)
    size_px = fold.grounds.cells.settings.size_px
    values = np.full((len(rows), size_px, size_px), np.nan, dtype=np.float32)
    found: dict[int, Outlined] = {}
    is_positive = fold.grounds.table.is_called_positive
    for is_called in (True, False):
        mine = np.flatnonzero(is_positive == is_called)
        for at in range(0, len(mine), BATCH_CELLS):
            batch = mine[at : at + BATCH_CELLS]
            explained = _positives if is_called else _negatives
            walk, each = explained(subject, fold, batch, path)
            is_whole = walk.columns["is_converged"] > 0
            values[batch[is_whole]] = walk.values[is_whole]
            found |= dict(zip(batch.tolist(), each, strict=True))
            on_cells(len(batch))
    ordered = [found[place] for place in range(len(rows))]
    facts = [
        _told(cell.facts, subject.cells, int(row), is_whole=not np.isnan(values[place]).any())
        for place, (cell, row) in enumerate(zip(ordered, rows, strict=True))
    ]
    return Part(
        rows=rows,
        x_l0=subject.cells.x_l0[rows],
        y_l0=subject.cells.y_l0[rows],
        values=values,
        facts=facts,
        areas=[_area(cell, fact) for cell, fact in zip(ordered, facts, strict=True)
               if cell.polygons],
    )  # fmt: skip


def _positives(
    subject: Subject, fold: ExplainedFold, batch: np.ndarray, path: "PathSettings"
) -> tuple[Walked, list[Outlined]]:
    claims = claims_of(subject.network, fold.grounds, batch, path=path)
    return claims.main, [outlined(fold, claims, place) for place in range(len(batch))]


def _negatives(
    subject: Subject, fold: ExplainedFold, batch: np.ndarray, path: "PathSettings"
) -> tuple[Walked, list[Outlined]]:
    """Explain cells called negative, against positive cells; against white where none can serve."""
    name = "opposite"
    walk = walked(subject.network, fold.grounds, batch, name=name, path=path)
    if walk is None:
        name = "white"
        walk = walked(subject.network, fold.grounds, batch, name=name, path=path)
    if walk is None:
        raise ValueError("white serves every cell as a reference")
    cells = []
    for place, row in enumerate(batch):
        cell = called_negative(fold, int(row))
        more = {
            "rise": float(walk.columns["rise"][place]),
            "gap": float(walk.columns["gap"][place]),
            "references": name,
        }
        cells.append(replace(cell, facts=cell.facts | more))
    return walk, cells


def _told(
    facts: dict[str, Any], scored: ScoredCells, row: int, *, is_whole: bool
) -> dict[str, Any]:
    """Return what is told of a cell: as of membranes, with its call in place of a reader's word."""
    level = int(scored.level[row])
    kept = {name: value for name, value in facts.items() if name not in ("expression", "fold")}
    called = LEVEL_NAMES[level] if scored.has_levels else ("negative", "positive")[level > 0]
    return {
        **kept,
        "level": called,
        "od_ring": float(scored.od_ring[row]),
        "excluded": scored.reasons[int(scored.reason[row])],
        "is_converged": int(is_whole),
    }


def _area(cell: Outlined, facts: dict[str, Any]) -> Area:
    level = str(facts["level"])
    return replace(
        area_of(cell),
        class_name=f"{CLASS_NAME}: {level}",
        colour=_COLOUR_OF_LEVEL.get(level, (0, 140, 255)),
    )


def write_part(folder: Path, name: str, part: Part) -> None:
    """Write a part, whole or not at all.

    Raises:
        StorageError: The disk refuses.
    """
    said = {"facts": json_ready(part.facts), "areas": [asdict(area) for area in part.areas]}
    text = json.dumps(said, allow_nan=False, separators=(",", ":"))
    arrays = {
        "rows": part.rows,
        "x_l0": part.x_l0,
        "y_l0": part.y_l0,
        "values": part.values,
        "said": np.frombuffer(text.encode(), dtype=np.uint8),
    }
    write_arrays(folder, name, arrays)


def said_of(folder: Path, name: str) -> tuple[list[dict[str, Any]], list[Area]]:
    """Return what is told of the cells of a part that was written, and the outlined ones.

    Raises:
        RunError: It is missing or damaged.
    """
    text = read_arrays(folder, name, ["said"])["said"].tobytes()
    try:
        said = json.loads(text)
        return said["facts"], [_area_of_json(area) for area in said["areas"]]
    except (KeyError, ValueError, TypeError) as error:
        raise RunError(f"{folder / name}: is damaged; remove it and explain again") from error


def _area_of_json(area: dict[str, Any]) -> Area:
    return Area(
        name=area["name"],
        class_name=area["class_name"],
        colour=tuple(area["colour"]),
        polygons=tuple(
            tuple(tuple((x, y) for x, y in ring) for ring in rings) for rings in area["polygons"]
        ),
        measurements=area["measurements"],
    )
