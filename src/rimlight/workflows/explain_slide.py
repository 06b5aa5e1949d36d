"""Cells of scored slides to heat maps and contributing pixels that open on the slide.

Each cell is explained as ``explain`` and ``membranes`` explain held-out ones: same references,
same settings, same rule of completeness. A slide is made part by part; the parts of one that was
stopped are kept and taken up again. Writes to ``explained_slides/`` of the run: a table of cells,
outlines for QuPath, the map of the slide as OME-TIFF, a picture, and last ``SLIDE.json``.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from rimlight.errors import SlideError
from rimlight.io.files import inside, make_folder, read_made_from, write_json
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.runs import Run, json_ready
from rimlight.records import SlideInfo
from rimlight.workflows.cell_choice import CellChoice, chosen_rows
from rimlight.workflows.explained_files import Parts, write_files
from rimlight.workflows.explained_parts import CELLS_A_PART, explained_part, write_part
from rimlight.workflows.patches import Progress, no_progress
from rimlight.workflows.slide_cells import References, Subject, references_of, subject_of
from rimlight.workflows.slide_maps import cells_path, score_record, scored_slides
from rimlight.workflows.walks import path_settings

FOLDER = "explained_slides"
_VERSION = 1  # of the way to explain a slide; another explains every slide again

OnPrice = Callable[[int, float], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """One slide: its cells, which of them are explained, and what they are explained from."""

    info: SlideInfo
    scored: ScoredCells
    rows: np.ndarray
    made_from: str


def explain_slide(
    run: Run,
    slides: Sequence[str],
    *,
    choice: CellChoice | None = None,
    progress: Progress | None = None,
    on_price: OnPrice | None = None,
) -> dict[str, Any]:
    """Explain cells of scored slides; return the records, and the slides that failed with why.

    A slide that was explained with the same choice and settings is not explained again.

    Args:
        run: Its slides have been scored.
        slides: Ids.
        choice: Which cells; None for all that count and are called positive.
        progress: Told how many cells are done.
        on_price: Told how many cells are left and how many seconds one takes, by the first ones.

    Raises:
        RunError: A slide is not scored, or labels have changed since training.
        StudyError: A slide, region or labelled cell is not known.
        NotEnoughDataError: No scored cell lies at a place that is named.
        StorageError: The disk refuses; parts that were written stay.
    """
    show = progress or no_progress
    references = references_of(run, progress=show)
    folder = _folder(run)
    infos = scored_slides(run, references.study, slides)
    tasks = [_task(references, info, choice or CellChoice()) for info in infos]
    clock = _Clock(
        n_cells=sum(len(task.rows) for task in tasks if _kept(folder, task) is None),
        show=show,
        on_price=on_price,
    )
    records, failed = [], []
    for task in tasks:
        record = _kept(folder, task)
        try:
            records.append(record or _explained(references, task, folder, clock))
        except SlideError as error:
            failed.append({"slide": str(task.info.slide_id), "words": str(error)})
    return {"slides": records, "failed": failed}


@dataclass(slots=True, kw_only=True)
class _Clock:
    """Counts cells that are done, and tells once what one costs."""

    n_cells: int
    show: Progress
    on_price: OnPrice | None
    n_done: int = 0
    started: float | None = None
    is_told: bool = False

    def begin(self) -> None:
        """Start to measure, when all is ready."""
        if self.started is None:
            self.started = perf_counter()

    def skip(self, n_cells: int) -> None:
        """Count cells of parts that are there already."""
        self.n_cells -= n_cells

    def count(self, n_cells: int) -> None:
        """Count cells that were explained."""
        self.n_done += n_cells
        if not self.is_told and self.on_price is not None and self.started is not None:
            seconds = (perf_counter() - self.started) / self.n_done
            self.on_price(self.n_cells - self.n_done, seconds)
            self.is_told = True
        self.show("explain", self.n_done, self.n_cells)


def _folder(run: Run) -> Path:
    return make_folder(run.folder / FOLDER)


def _task(references: References, info: SlideInfo, choice: CellChoice) -> _Task:
    run, study = references.run, references.study
    scored = read_scored_cells(cells_path(run, info))
    labelled = {
        str(each.cell.cell_id): (each.cell.x_l0, each.cell.y_l0)
        for each in references.cells.cells
        if each.cell.slide_id == info.slide_id
    }
    rows = chosen_rows(
        choice,
        scored,
        info,
        labelled=labelled,
        regions=references.plan.regions_of(info),
        seed=study.settings.study.seed,
    )
    told = {
        "version": _VERSION,
        "scores": score_record(run, info)["made_from"],
        "base": references.plan.base,
        "settings": asdict(study.settings.explain),
        "choice": asdict(choice),
        "rows": hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest(),
    }
    made_from = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return _Task(info=info, scored=scored, rows=rows, made_from=made_from)


def _kept(folder: Path, task: _Task) -> dict[str, Any] | None:
    """Return the record of a slide that was explained from the same, if all its files are there."""
    record = read_made_from(inside(folder, f"{task.info.slide_id}.json"), task.made_from)
    if record is None:
        return None
    try:
        names = [record["table"], record["objects"]["file"], record["map"]["file"]]
    except (KeyError, TypeError):
        return None
    return record if all((folder / str(name)).is_file() for name in names) else None


def _explained(references: References, task: _Task, folder: Path, clock: _Clock) -> dict[str, Any]:
    """Explain one slide, and write its record last."""
    info = task.info
    record_path = inside(folder, f"{info.slide_id}.json")
    record_path.unlink(missing_ok=True)
    subject = subject_of(references, info, task.scored) if len(task.rows) else None
    parts = _parts(subject, task, folder, clock)
    files = write_files(references.study, info, parts, folder)
    record = {
        "slide": str(info.slide_id),
        "made_from": task.made_from,
        "part": references.plan.place_of(info)[1],
        "table": f"{info.slide_id}.cells.csv",
        **files,
        "research_use_only": True,
    }
    write_json(record_path, json_ready(record))
    shutil.rmtree(parts.folder, ignore_errors=True)
    return record


def _parts(subject: Subject | None, task: _Task, folder: Path, clock: _Clock) -> Parts:
    """Explain the cells of a slide part by part; those that are there already are kept."""
    home = _home(task, folder)
    n_parts = -(-len(task.rows) // CELLS_A_PART)
    names = tuple(f"part-{number:05d}" for number in range(n_parts))
    tops, bottoms = [], []
    for number, name in enumerate(names):
        rows = task.rows[number * CELLS_A_PART : (number + 1) * CELLS_A_PART]
        if subject is not None and not (home / name).is_dir():
            clock.begin()
            path = path_settings(subject.study.settings)
            part = explained_part(subject, rows, path=path, on_cells=clock.count)
            write_part(home, name, part)
        else:
            clock.skip(len(rows))
        half_l0 = _half_patch_l0(subject)
        tops.append(float(task.scored.y_l0[rows].min()) - half_l0)
        bottoms.append(float(task.scored.y_l0[rows].max()) + half_l0)
    return Parts(folder=home, names=names, tops=tuple(tops), bottoms=tuple(bottoms))


def _half_patch_l0(subject: Subject | None) -> float:
    if subject is None:
        return 0.0
    patch = subject.study.settings.patch
    return (patch.size_px / 2 + 1) * patch.mpp / subject.info.mpp


def _home(task: _Task, folder: Path) -> Path:
    """Return the folder of a slide's parts; those of another choice are removed."""
    slide = str(task.info.slide_id)
    home = inside(folder, f".{slide}.{task.made_from[:12]}.parts")
    own = re.compile(re.escape(f".{slide}.") + r"[0-9a-f]{12}\.parts")
    for other in folder.iterdir():
        if other != home and own.fullmatch(other.name):
            shutil.rmtree(other, ignore_errors=True)
    return make_folder(home)
