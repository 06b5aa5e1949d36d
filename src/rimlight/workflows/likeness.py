"""How alike cells are to the network: what its last layer weighs, kept beside the run.

The features of a run's labelled cells, and of a fair draw of a slide's candidates, are computed
once and kept in ``runs/R/likeness`` under the hash of all that they were made from. Reading them
needs no network. All cells of a run are seen by one network, that of its first fold: features of
different networks cannot be compared.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Shaped

from rimlight.core.selection import feature_scale
from rimlight.core.shortlists import fair_number
from rimlight.errors import RimlightError, RunError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.checkpoints import MANIFEST
from rimlight.io.files import make_folder, sha256_of
from rimlight.io.runs import Run
from rimlight.io.store import slides
from rimlight.records import CaseId, Cell, CellId, Expression, LabelledCell, SlideId, SlideInfo
from rimlight.workflows.explain import study_of
from rimlight.workflows.patches import Progress, cut_patches, no_progress
from rimlight.workflows.run_cells import RunCells, run_cells
from rimlight.workflows.run_tables import table_of_step
from rimlight.workflows.seen_points import SeenPoints
from rimlight.workflows.slide_points import SlidePoints, read_points
from rimlight.workflows.train import fold_folder

MOST_A_SLIDE = 4000
"""Candidates of a slide whose features are kept; a fair draw where there are more."""
_AT_ONCE = 512
_FOLD = 0
_VERSION = 1


class NotPreparedError(RimlightError):
    """The features are not kept yet; ``rimlight likeness`` makes them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """What the last layer weighs of cells. names: of the cells; scale: spread of each feature."""

    names: Shaped[np.ndarray, " n"]
    features: Float32[np.ndarray, "n f"]
    scale: Float64[np.ndarray, " f"]

    def __len__(self) -> int:
        return len(self.names)

    def distances(self, features: Float[np.ndarray, " f"]) -> Float64[np.ndarray, " n"]:
        """Return the root mean square difference of each cell, in units of ``scale``."""
        away = (self.features.astype(np.float64) - features.astype(np.float64)) / self.scale
        found: np.ndarray = np.sqrt((away**2).mean(axis=1))
        return found

    def row(self, name: str) -> int | None:
        """Return the row of a cell."""
        rows = np.flatnonzero(self.names == name)
        return int(rows[0]) if len(rows) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearCell:
    """A training cell and how far it is: 0 for the same features, about 1.4 for any two cells."""

    cell: Cell
    expression: Expression
    distance: float


def embed_run(run: Run, *, progress: Progress | None = None) -> Embedding:
    """Return the features of a run's labelled cells, computed unless they are kept.

    Raises:
        RunError, ModelError: The run cannot be used.
        SlideError: A slide is missing, changed or damaged.
        StorageError: The disk refuses.
    """
    every = run_cells(run)
    cells = [every.cell(row) for row in range(len(every))]
    return _kept_or_made(run, "cells", cells, progress=progress)


def embed_slide(run: Run, slide_id: SlideId, *, progress: Progress | None = None) -> Embedding:
    """Return the features of a fair draw of a slide's candidates, computed unless they are kept.

    Raises:
        RunError, ModelError: The run cannot be used, or predicted no cell of the slide.
        SlideError: The slide is missing, changed or damaged.
        StorageError: The disk refuses.
    """
    points = read_points(study_of(run), run, slide_id)
    cells = [points.cell(number) for number in drawn_numbers(points).tolist()]
    return _kept_or_made(run, _slide_name(slide_id), cells, progress=progress)


def drawn_numbers(points: SlidePoints, *, most: int = MOST_A_SLIDE) -> Int64[np.ndarray, " k"]:
    """Return which candidates of a slide are compared: those that count, a fair draw of them."""
    counting = np.flatnonzero(points.reason == 0)
    if len(counting) <= most:
        return counting
    tenths = points.tenths[counting].astype(np.int64)
    fair = fair_number(tenths[:, 0], tenths[:, 1], slide=str(points.slide_id), seed=0)
    return np.sort(counting[np.argsort(-fair, kind="stable")[:most]])


def nearest_training_cells(
    run: Run, features: Float[np.ndarray, " f"], *, n: int = 8, without: CellId | None = None
) -> list[NearCell]:
    """Return the cells that the run was trained on that are most alike, the nearest first.

    Args:
        run: Trained.
        features: Of a cell, as ``features_of`` gives them for the network of the run's first fold.
        n: Cells at the most.
        without: A cell that is left out: the one that is compared.

    Raises:
        NotPreparedError: The features of the run's cells are not kept yet.
        RunError: A table is damaged.
    """
    every = run_cells(run)
    kept = kept_run(run, every)
    table = table_of_step(run, "cells.csv", step="train")
    case_of = dict(zip(table["cell"], table["case"], strict=True))
    said = dict(zip(table["cell"], table["expression"], strict=True))
    parts = table_of_step(run, "parts.csv", step="train")
    trained = {
        case
        for fold, case, part in zip(parts["fold"], parts["case"], parts["part"], strict=True)
        if int(fold) == _FOLD and part == "train"
    }
    away = kept.distances(features)
    found: list[NearCell] = []
    for row in np.argsort(away, kind="stable").tolist():
        name = str(kept.names[row])
        if len(found) == n:
            break
        if case_of[name] in trained and name != without:
            expression = Expression(said[name])
            cell = every.cell(row)
            found.append(NearCell(cell=cell, expression=expression, distance=float(away[row])))
    return found


def kept_run(run: Run, cells: RunCells | None = None) -> Embedding:
    """Return the kept features of a run's labelled cells, in the order of ``run_cells``.

    Raises:
        NotPreparedError: They are not kept yet, or were made from other cells.
    """
    every = cells or run_cells(run)
    return _kept(run, "cells", [every.cell(row) for row in range(len(every))])


def alike_cells(run: Run, cells: RunCells, *, like: str) -> Int64[np.ndarray, " n"]:
    """Return the rows of a run's cells from the most to the least alike to one of them.

    Raises:
        NotPreparedError: The features are not kept yet.
        RunError: That cell is not among them.
    """
    return _ordered(kept_run(run, cells), like=like)


def alike_points(run: Run, points: SlidePoints, seen: SeenPoints, *, like: str) -> np.ndarray:
    """Return the numbers of a slide's compared candidates, the most alike to one of them first.

    Raises:
        NotPreparedError: The features are not kept yet.
        RunError: That cell is not among them.
    """
    numbers = drawn_numbers(points)
    kept = _kept(run, _slide_name(points.slide_id), [points.cell(n) for n in numbers.tolist()])
    place = {seen.cell(number).cell_id: number for number in numbers.tolist()}
    number = place.get(CellId(like))
    name = like if number is None else points.cell(number).cell_id
    order: np.ndarray = numbers[_ordered(kept, like=name)]
    return order


def _ordered(kept: Embedding, *, like: str) -> Int64[np.ndarray, " n"]:
    row = kept.row(like)
    if row is None:
        raise RunError(
            f"cell {like}: is not among the {len(kept)} cells that were compared; choose another"
        )
    return np.argsort(kept.distances(kept.features[row]), kind="stable")


def _kept_or_made(
    run: Run, name: str, cells: Sequence[Cell], *, progress: Progress | None
) -> Embedding:
    try:
        return _kept(run, name, cells)
    except NotPreparedError:
        features = _features(run, cells, progress=progress or no_progress)
    names = np.array([cell.cell_id for cell in cells], dtype=str)
    scale = feature_scale(features) if len(features) else np.ones(features.shape[1])
    arrays = {
        "names": names,
        "features": features,
        "scale": scale,
        "made_from": np.array([_made_from(run, cells)]),
    }
    write_arrays(make_folder(_home(run)), name, arrays)
    return Embedding(names=names, features=features, scale=scale)


def _kept(run: Run, name: str, cells: Sequence[Cell]) -> Embedding:
    try:
        arrays = read_arrays(_home(run), name)
    except (RunError, FileNotFoundError):
        arrays = {}
    if not arrays or str(arrays["made_from"][0]) != _made_from(run, cells):
        raise NotPreparedError(
            f"run {run.run_id}: its cells were not compared yet; do rimlight likeness first"
        )
    return Embedding(names=arrays["names"], features=arrays["features"], scale=arrays["scale"])


def _features(run: Run, cells: Sequence[Cell], *, progress: Progress) -> Float32[np.ndarray, "n f"]:
    """Return what the last layer of the first fold's network weighs of each cell."""
    import torch

    from rimlight.model.network import folded
    from rimlight.model.prediction import features_of
    from rimlight.workflows.models import read_network

    study = study_of(run)
    torch.set_num_threads(study.settings.train.n_threads)
    network = folded(read_network(fold_folder(run, _FOLD), patch=study.settings.patch).network)
    info_of = {info.slide_id: info for info in slides(study.engine)}
    order = sorted(range(len(cells)), key=lambda row: cells[row].slide_id)
    parts: list[np.ndarray] = []
    for start in range(0, len(order), _AT_ONCE):
        chunk = [cells[row] for row in order[start : start + _AT_ONCE]]
        infos = [_info(info_of, cell.slide_id) for cell in chunk]
        patches = cut_patches(study, [_as_labelled(cell) for cell in chunk], infos)
        size_px = study.settings.patch.size_px
        parts.append(features_of(network, patches, size_px=size_px)[1])
        progress("comparing cells", start + len(chunk), len(order))
    found = np.concatenate([np.empty((0, network.settings.channels[-1]), np.float32), *parts])
    features = np.empty_like(found)
    features[order] = found
    return features


def _info(info_of: dict[SlideId, SlideInfo], slide_id: SlideId) -> SlideInfo:
    if slide_id not in info_of:
        raise RunError(f"slide {slide_id}: is not in the study any more; train a new run")
    return info_of[slide_id]


def _as_labelled(cell: Cell) -> LabelledCell:
    return LabelledCell(cell=cell, case_id=CaseId(""), expression=Expression.NEGATIVE, n_readers=0)


def _made_from(run: Run, cells: Sequence[Cell]) -> str:
    """Name all that features depend on: the network, its patches, and the cells."""
    manifest = fold_folder(run, _FOLD) / MANIFEST
    if not manifest.is_file():
        raise RunError(f"run {run.run_id}: has no network; do rimlight train first")
    study = study_of(run)
    fingerprint = {info.slide_id: info.fingerprint for info in slides(study.engine)}
    named = [[c.cell_id, fingerprint.get(c.slide_id, ""), c.x_l0, c.y_l0] for c in cells]
    text = json.dumps([_VERSION, sha256_of(manifest), asdict(study.settings.patch), named])
    return hashlib.sha256(text.encode()).hexdigest()


def _home(run: Run) -> Path:
    return run.folder / "likeness"


def _slide_name(slide_id: SlideId) -> str:
    return f"slide-{hashlib.sha256(slide_id.encode()).hexdigest()[:16]}"
