"""Everything that explains cells on request, kept warm: runs, cells, scenes and recent answers.

One desk a process; several threads may ask it.  It answers with plain facts and PNG bytes, so that
a process can pass them on.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from rimlight.errors import StudyError
from rimlight.explain.cause_edits import HandEdit, Scene
from rimlight.io.runs import Run, json_ready
from rimlight.io.store import slides
from rimlight.io.study import Study, open_study
from rimlight.records import Cell, CellId, SlideId
from rimlight.workflows.explain import study_of
from rimlight.workflows.explained_cells import (
    ExplainedSlide,
    atlas_of,
    changed_at,
    explained_slide,
    facts_of,
)
from rimlight.workflows.known_causes import known_causes
from rimlight.workflows.trained_runs import trained_run
from rimlight.workflows.what_if import WhatIf, what_if, what_if_scene
from rimlight.workflows.why import why
from rimlight.workflows.why_cells import Placed, ReadyRun, model_words, placed, ready_run
from rimlight.workflows.why_pictures import enlarged_png, pictures_of

Found = TypeVar("Found")
MOST_CELLS = 2000
"""Explained cells that are told at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which cell is asked about, by which run; run None: the latest that was trained."""

    slide_id: str
    cell_id: str
    x_l0: float
    y_l0: float
    run: str | None = None

    @property
    def cell(self) -> Cell:
        """The cell."""
        return Cell(
            cell_id=CellId(self.cell_id),
            slide_id=SlideId(self.slide_id),
            x_l0=self.x_l0,
            y_l0=self.y_l0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Plain facts, ready for JSON, and PNG bytes by name."""

    facts: dict[str, Any]
    pictures: dict[str, bytes]


class Kept:
    """The latest things made, by key; the oldest is dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Found]) -> Found:
        """Return what is kept by a key, else make it; not for several threads by itself."""
        if key not in self._found:
            self._found[key] = make()
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        self._found.move_to_end(key)
        found: Found = self._found[key]
        return found


class WhyDesk:
    """Answers why and what if for the cells of one study."""

    def __init__(self, folder: Path, *, n_threads: int = 1) -> None:
        self._study: Study = open_study(folder)
        self._n_threads = n_threads
        self._lock, self._long_lock, self._layer_lock = RLock(), RLock(), RLock()
        self._runs, self._placed, self._scenes = Kept(2), Kept(64), Kept(64)
        self._answers, self._slides = Kept(128), Kept(4)

    def warm(self, run: str | None = None) -> str:
        """Make a run ready, and return its id.

        Raises:
            RunError: It is missing or was not trained.
        """
        return str(self._cells(run).run.run_id)

    def why(self, asked: Asked, *, reference: str | None = None) -> Answer:
        """Explain a cell; see ``workflows.why``.

        Raises:
            RimlightError: It cannot be explained; the sentence says why.
        """
        cells = self._cells(asked.run)
        key = (cells.run.run_id, asked, reference)
        with self._long_lock:  # what if goes on beside it
            told = self._answers.get(key, lambda: self._explained(cells, asked, reference))
        known = CellId(asked.cell_id) in cells.row_of_cell
        late = {"causes": known_causes(cells.run, asked.cell_id) if known else []}
        return replace(told, facts=told.facts | json_ready(late))

    def what_if(self, asked: Asked, change: WhatIf) -> Answer:
        """Say what the network makes of an edited cell; see ``workflows.what_if``.

        Raises:
            RimlightError: The cell cannot be edited so; the sentence says why.
        """
        cells = self._cells(asked.run)
        found, scene = self._scene(cells, asked)
        changed = what_if(found, scene, change)
        facts = {
            "run": str(cells.run.run_id),
            "logit_before": changed.logit_before,
            "logit": changed.logit,
            "probability_before": changed.probability_before,
            "probability": changed.probability,
            "edited_share": changed.edited_share,
        }
        return Answer(facts=json_ready(facts), pictures={"picture": enlarged_png(changed.patch)})

    def cells(self, slide_id: str, run: str, *, box: tuple[float, float, float, float]) -> Answer:
        """Return the cells of a slide that a run has explained, within a box of the slide.

        Raises:
            RunError: A file of the run is damaged.
            StudyError: The slide is not in the study.
        """
        found = self._slide(slide_id, run)
        facts = facts_of(found, box=box, most=MOST_CELLS)
        told = {"cells": facts, "n": len(found.cells), "scale": found.scale if facts else None}
        return Answer(facts=json_ready(told), pictures={})

    def maps(self, slide_id: str, run: str, *, numbers: list[int]) -> Answer:
        """Return heat maps of explained cells as one picture; see ``explained_cells.atlas_of``.

        Raises:
            RunError: A map is missing or damaged, or there is no such number.
            StudyError: The slide is not in the study.
        """
        found = self._slide(slide_id, run)
        atlas = atlas_of(found, numbers)
        places = found.places[numbers].tolist()
        return Answer(facts=json_ready({"places": places}), pictures={"atlas": atlas})

    def _slide(self, slide_id: str, run: str) -> ExplainedSlide:
        made = trained_run(self._study, run)
        info = next((i for i in slides(self._study.engine) if i.slide_id == slide_id), None)
        if info is None:
            raise StudyError(f"slide {slide_id!r}: is not in this study; name one that is")
        key = (slide_id, run, *changed_at(made, info))
        with self._layer_lock:
            return self._slides.get(
                key, lambda: explained_slide(made, info, study_of(made).settings.patch)
            )

    def _explained(self, cells: ReadyRun, asked: Asked, reference: str | None) -> Answer:
        found = self._place(cells, asked)
        told = why(cells, found, reference=reference)
        run_id = str(cells.run.run_id)
        facts = {
            **told.facts,
            "run": run_id,
            "model": model_words(found, run_id=run_id, n_folds=len(cells.folds)),
            "part": found.part,
            "fold": found.fold.number,
            "case_id": str(found.fold.grounds.cells.case[found.row]),
            "box": {
                "left_l0": told.box.left_l0,
                "top_l0": told.box.top_l0,
                "width_l0": told.box.width_l0,
                "width_um": told.patch.shape[0] * cells.study.settings.patch.mpp,
            },
            "mask": [[[list(point) for point in ring] for ring in part] for part in told.polygons],
            "nearest": [],
        }
        return Answer(facts=json_ready(facts), pictures=pictures_of(told))

    def _cells(self, run: str | None) -> ReadyRun:
        with self._lock:
            chosen = trained_run(self._study, run)
            return self._runs.get(chosen.run_id, lambda: self._made(chosen))

    def _made(self, run: Run) -> ReadyRun:
        cells = ready_run(run)
        settings = cells.study.settings
        train = replace(settings.train, n_threads=self._n_threads)
        study = replace(cells.study, settings=replace(settings, train=train))
        return replace(cells, study=study)

    def _place(self, cells: ReadyRun, asked: Asked) -> Placed:
        with self._lock:
            key = (cells.run.run_id, asked)
            return self._placed.get(key, lambda: placed(cells, asked.cell))

    def _scene(self, cells: ReadyRun, asked: Asked) -> tuple[Placed, Scene]:
        with self._lock:
            found = self._place(cells, asked)
            key = (cells.run.run_id, asked)
            return found, self._scenes.get(key, lambda: what_if_scene(cells, found))


def change_of(
    *, dab_own: float, dab_neighbours: float, lighten_nuclei: float, dx_um: float, dy_um: float
) -> WhatIf:
    """Return a change by hand; the first three are shares 0..1 of the stain that is there.

    Raises:
        ValueError: A share outside 0..1.
    """
    stain = HandEdit(dab_own=dab_own, dab_neighbours=dab_neighbours, nuclei=lighten_nuclei)
    return WhatIf(stain=stain, dx_um=dx_um, dy_um=dy_um)
