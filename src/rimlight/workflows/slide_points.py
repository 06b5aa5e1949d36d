"""The predicted cells of a slide as columns: of its score, else of the cells that a run predicted.

A table of a million cells takes seconds to read, so its columns are kept in the study's cache,
named by what they were read from, and the slides asked for last stay in memory.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from rimlight.errors import RimlightError, RunError, StorageError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.files import inside, read_json, sha256_of
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.runs import Run, open_run, run_ids
from rimlight.io.study import Study
from rimlight.records import Cell, CellId, RunId, SlideId
from rimlight.workflows.run_cells import RunCells, run_cells
from rimlight.workflows.run_tables import table_of_step

T = TypeVar("T")
N_KEPT = 5
NEAR_UM = 4.0
"""A named cell and a candidate at most this far apart are the same cell, as in a round."""
_VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class SlidePoints:
    """The predicted cells of one slide, one entry each; its number in the table names an entry.

    source: ``scores`` of the whole slide, or ``predictions`` of labelled cells.
    model: the network that judged them. part: of the slide's case in the run's split.
    level: 0 negative to 3 strong; without levels 0 or 1. reason: index of ``reasons``, 0 counts.
    od_ring: DAB density of the ring; nan: not measured.
    cell_ids: names of the cells; None where only their places name them.
    orders: orders that were asked for, kept.
    """

    run_id: RunId
    slide_id: SlideId
    source: Literal["scores", "predictions"]
    model: str
    part: str
    x_l0: Float64[np.ndarray, " n"]
    y_l0: Float64[np.ndarray, " n"]
    logit: Float32[np.ndarray, " n"]
    probability: Float32[np.ndarray, " n"]
    od_ring: Float32[np.ndarray, " n"]
    level: UInt8[np.ndarray, " n"]
    reason: UInt8[np.ndarray, " n"]
    reasons: tuple[str, ...]
    has_levels: bool
    cell_ids: tuple[CellId, ...] | None = None
    orders: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.x_l0)

    def cell(self, number: int) -> Cell:
        """Return a cell under its name, or under the one that its place gives it."""
        x_l0, y_l0 = float(self.x_l0[number]), float(self.y_l0[number])
        if self.cell_ids is None:
            return Cell.at_place(self.slide_id, x_l0, y_l0)
        return Cell(cell_id=self.cell_ids[number], slide_id=self.slide_id, x_l0=x_l0, y_l0=y_l0)

    @cached_property
    def tree(self) -> Any:
        """The places as a tree of neighbours."""
        from scipy.spatial import cKDTree

        return cKDTree(np.column_stack([self.x_l0, self.y_l0]))

    @cached_property
    def tenths(self) -> Int32[np.ndarray, "n 2"]:
        """x and y in tenths of level-0 pixels, rounded as the name of a place is."""
        return np.column_stack([_tenths(self.x_l0), _tenths(self.y_l0)])


@dataclass(slots=True)
class PointStore:
    """The tables asked for last, in memory; safe between threads."""

    n_kept: int = N_KEPT
    _kept: OrderedDict[tuple[str, ...], Any] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def points(self, study: Study, slide_id: SlideId, *, run_id: str | None = None) -> SlidePoints:
        """Return the predicted cells of a slide.

        Args:
            study: Its study.
            slide_id: A slide of the study.
            run_id: None for the latest run that predicted cells of the slide.

        Raises:
            RunError: There is no such run, no prediction, or a table is damaged.
        """
        run = open_run(study, run_id) if run_id else latest_with_points(study, slide_id)
        source = _source_of(run, slide_id)
        return self._once(source, str(slide_id), lambda: read_points(study, run, slide_id))

    def cells(self, run: Run) -> RunCells:
        """Return the labelled cells that a run predicted.

        Raises:
            RunError: The run was not trained, or a table is damaged.
        """
        path = run.folder / "predictions.csv"
        if not path.is_file():
            raise RunError(f"run {run.run_id}: has no predictions; train it to its end first")
        return self._once(path, "", lambda: run_cells(run))

    def _once(self, source: Path, name: str, make: Callable[[], T]) -> T:
        """Return what was made of a file as it is now; two who ask at once make it once."""
        state = source.stat()
        key = (str(source), name, str(state.st_mtime_ns), str(state.st_size))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
                while len(self._kept) > self.n_kept:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            found: T = self._kept[key]
            return found


def latest_with_points(study: Study, slide_id: SlideId) -> Run:
    """Return the latest run that scored a slide or, without one, that predicted cells of it.

    Raises:
        RunError: There is none.
    """
    runs = [open_run(study, run_id) for run_id in reversed(run_ids(study))]
    for run in runs:
        if _scores_path(run, slide_id).is_file():
            return run
    for run in runs:
        if (run.folder / "predictions.csv").is_file() and slide_id in _slides_of(run):
            return run
    raise _no_prediction(slide_id)


def read_points(study: Study, run: Run, slide_id: SlideId) -> SlidePoints:
    """Return the predicted cells of a slide by one run.

    Raises:
        RunError: The run predicted none of it, or a table is damaged.
    """
    path = _source_of(run, slide_id)
    if path.parent.name != "scores":
        return _of_predictions(run, slide_id)
    arrays = _columns(study, path)
    about = _about_score(run, slide_id)
    return SlidePoints(
        run_id=run.run_id,
        slide_id=slide_id,
        source="scores",
        model=about["model"],
        part=about["part"],
        x_l0=arrays["x_l0"],
        y_l0=arrays["y_l0"],
        logit=arrays["logit"],
        probability=arrays["probability"],
        od_ring=arrays["od_ring"],
        level=arrays["level"],
        reason=arrays["reason"],
        reasons=tuple(str(name) for name in arrays["reasons"]),
        has_levels=bool(arrays["has_levels"][0]),
    )


def _columns(study: Study, path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a table of scored cells, from the cache where they are kept."""
    name = f"points-{hashlib.sha256(f'{_VERSION} {sha256_of(path)}'.encode()).hexdigest()[:16]}"
    with suppress(RimlightError, FileNotFoundError):
        return read_arrays(study.cache, name)
    cells = read_scored_cells(path)
    arrays = {
        "x_l0": cells.x_l0,
        "y_l0": cells.y_l0,
        "logit": cells.logit.astype(np.float32),
        "probability": cells.probability.astype(np.float32),
        "od_ring": cells.od_ring.astype(np.float32),
        "level": cells.level.astype(np.uint8),
        "reason": cells.reason.astype(np.uint8),
        "reasons": np.array(cells.reasons, dtype=str),
        "has_levels": np.array([cells.has_levels]),
    }
    with suppress(StorageError):  # a full or a read-only disk costs the next start some seconds
        write_arrays(study.cache, name, arrays)
    return arrays


def _of_predictions(run: Run, slide_id: SlideId) -> SlidePoints:
    """Return the labelled cells of a slide, each judged by the fold that held it out, if any."""
    every = run_cells(run)
    rows = np.flatnonzero(every.slide == slide_id)
    if not len(rows):
        raise _no_prediction(slide_id, run)
    of = every.only(rows)
    return SlidePoints(
        run_id=run.run_id,
        slide_id=slide_id,
        source="predictions",
        model=", ".join(f"fold-{fold}" for fold in sorted(set(of.fold))),
        part=", ".join(sorted(set(of.part))),
        x_l0=of.x_l0,
        y_l0=of.y_l0,
        logit=of.logit,
        probability=of.probability,
        od_ring=of.od_ring,
        level=of.level,
        reason=np.zeros(len(rows), dtype=np.uint8),
        reasons=("",),
        has_levels=False,
        cell_ids=tuple(of.cell_ids.tolist()),
    )


def _source_of(run: Run, slide_id: SlideId) -> Path:
    path = _scores_path(run, slide_id)
    path = path if path.is_file() else run.folder / "predictions.csv"
    if not path.is_file():
        raise _no_prediction(slide_id, run)
    return path


def _scores_path(run: Run, slide_id: SlideId) -> Path:
    return inside(run.folder / "scores", f"{slide_id}.csv.gz")


def _about_score(run: Run, slide_id: SlideId) -> dict[str, str]:
    """Return which network judged a slide, and the part of its case in the split."""
    record = inside(run.folder / "scores", f"{slide_id}.json")
    with suppress(RimlightError, OSError, KeyError, TypeError):
        score = read_json(record)["score"]
        parts = table_of_step(run, "parts.csv", step="train")
        held = [
            fold
            for fold, case, part in zip(parts["fold"], parts["case"], parts["part"], strict=True)
            if case == score["case"] and part == "hold-out"
        ]
        return {"model": f"fold-{held[0] if held else 0}", "part": str(score["part"])}
    return {"model": "", "part": ""}


def _slides_of(run: Run) -> set[str]:
    with suppress(RimlightError, KeyError):
        return set(table_of_step(run, "cells.csv", step="train")["slide"])
    return set()


def _no_prediction(slide_id: SlideId, run: Run | None = None) -> RunError:
    who = f"run {run.run_id}" if run else "any run"
    return RunError(
        f"slide {slide_id}: has no cell predicted by {who}; score it with rimlight score, or "
        "label cells of it and train"
    )


def _tenths(place_l0: Float64[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
    """Round as ``f"{place:.1f}"`` does, also halfway between two tenths."""
    ten = place_l0 * 10
    found: np.ndarray = np.rint(ten).astype(np.int32)
    for row in np.flatnonzero(np.abs(ten - np.floor(ten) - 0.5) < 1e-6):
        found[row] = int(f"{place_l0[row]:.1f}".replace(".", ""))
    return found
