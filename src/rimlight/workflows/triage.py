"""A trained run and its confirmed causes to a round: the cells to label next.

All candidates of slides whose case is not held out pass by once. Of each kind only a shortlist is
kept, so that memory does not grow with the slides; the round is chosen from it. Writes the round
to the store, ``rounds/N/SLIDE.geojson`` into the run, and the section ``triage`` of its metrics.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.core.selection import Selection, uncertainty_of
from rimlight.core.shortlists import fair_number, far_from
from rimlight.errors import NotEnoughDataError, RunError, SettingsError
from rimlight.io.database import writing
from rimlight.io.files import inside, storage_error
from rimlight.io.formats.qupath_rounds import write_qupath_round
from rimlight.io.journal import current_labels
from rimlight.io.rounds import put_round, rounds
from rimlight.io.runs import Run, merge_metrics
from rimlight.io.store import slides
from rimlight.io.study import Study, open_study
from rimlight.model.prediction import features_of, probability
from rimlight.records import Round, RoundCell, SlideId, SlideInfo
from rimlight.workflows.candidates import CandidateTile
from rimlight.workflows.choosing import (
    Search,
    Shortlists,
    chosen_cells,
    empty_shortlists,
    shares_of,
)
from rimlight.workflows.exemplars import exemplars_of
from rimlight.workflows.explain import study_of
from rimlight.workflows.given_candidates import given_of_slide, tiles_with_given, where_from
from rimlight.workflows.models import read_network
from rimlight.workflows.patches import Progress, no_progress
from rimlight.workflows.run_tables import table_of_step
from rimlight.workflows.train import fold_folder
from rimlight.workflows.tumour_decision import kept_tumour_network

BATCH = 128


def triage(
    run: Run, *, n_cells: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Draw the next round from a run; return the section ``triage`` as written.

    Args:
        run: Trained by ``hold-out`` or a given split, its causes looked for.
        n_cells: Cells in the round; None for the setting.
        progress: Told how many tiles are done.

    Raises:
        RunError: The run is by folds, or a step is missing.
        NotEnoughDataError: No slide or no candidate is left to ask about.
        SettingsError: Shares that do not add up to 1.
        SlideError: A slide is missing, changed or damaged.
        StorageError: The disk refuses; no round was made.
    """
    show = progress or no_progress
    held = _held_cases(run)
    search = _search_of(run, held, n_cells=n_cells, show=show)
    found = _streamed(search, show)
    if not found.n_candidates:
        raise NotEnoughDataError(
            f"{search.study.folder}: no candidate is left on {len(search.infos)} slides; add "
            "slides of cases that are not held out"
        )
    cells, selection = chosen_cells(search, found)
    made, folder = _kept(run, search, cells, held=held)
    section = _section(search, found, selection, made) | {"folder": str(folder)}
    merge_metrics(run, "triage", section)
    return section


def _held_cases(run: Run) -> dict[str, list[str]]:
    """Return the held-out and validation cases of a run with one fold."""
    parts = table_of_step(run, "parts.csv", step="train")
    if len(set(parts["fold"])) > 1:
        raise RunError(
            f"run {run.run_id}: was trained by folds, which hold out every case once and lock "
            "none; train with split.method = hold-out, then do rimlight triage"
        )
    return {
        name: [c for c, part in zip(parts["case"], parts["part"], strict=True) if part == name]
        for name in ("hold-out", "validation")
    }


def _search_of(
    run: Run, held: Mapping[str, list[str]], *, n_cells: int | None, show: Progress
) -> Search:
    import torch

    from rimlight.model.network import folded

    study = study_of(run)
    settings = open_study(study.folder).settings.triage
    if n_cells is not None:
        settings = replace(settings, n_cells=n_cells)
    if settings.n_cells < 1:
        raise SettingsError(f"triage.n_cells: must be at least 1, got {settings.n_cells}")
    torch.set_num_threads(study.settings.train.n_threads)
    infos = _slides_to_search(study, set(held["hold-out"]))
    model = read_network(fold_folder(run, 0), patch=study.settings.patch)
    network = folded(model.network)
    return Search(
        study=study,
        network=network,
        temperature=model.temperature,
        tumour=kept_tumour_network(run, 0),
        exemplars=exemplars_of(run, study, network, progress=show),
        infos=infos,
        known=_known_places(study),
        settings=settings,
        seed=study.settings.study.seed + len(rounds(study.engine)) + 1,
    )


def _slides_to_search(study: Study, held: set[str]) -> list[SlideInfo]:
    """Return the slides of cases that are not held out; no copy of a held-out slide either."""
    every = slides(study.engine)
    held_files = {info.fingerprint for info in every if info.case_id in held}
    found = [
        info for info in every if info.case_id not in held and info.fingerprint not in held_files
    ]
    if not found:
        raise NotEnoughDataError(
            f"{study.folder}: every slide is of a held-out case; add slides of other cases"
        )
    return found


def _known_places(study: Study) -> dict[SlideId, np.ndarray]:
    """Return the places of all cells that were labelled or asked about before, by slide."""
    cells = [label.cell for label in current_labels(study.engine)]
    cells += [asked.cell for made in rounds(study.engine) for asked in made.cells]
    places: dict[SlideId, list[tuple[float, float]]] = {}
    for cell in cells:
        places.setdefault(cell.slide_id, []).append((cell.x_l0, cell.y_l0))
    return {slide: np.array(points) for slide, points in places.items()}


def _streamed(search: Search, show: Progress) -> Shortlists:
    found = empty_shortlists(search)
    number_of_slide = {info.slide_id: number for number, info in enumerate(search.infos)}
    tiles = tiles_with_given(
        search.study, search.infos, on_tile=lambda done, total: show("triage", done, total)
    )
    for tile in tiles:
        left = _left(search, tile, found)
        if len(left):
            _take(search, left, found, slide=number_of_slide[left.slide.slide_id])
    return found


def _left(search: Search, tile: CandidateTile, found: Shortlists) -> CandidateTile:
    """The candidates of a tile that are new and whose patch lies on the slide."""
    info = tile.slide
    known = search.known.get(info.slide_id, np.empty((0, 2)))
    is_new = far_from(tile.x_l0, tile.y_l0, known, radius=search.settings.apart_um / info.mpp)
    is_inside = tile.is_whole(search.study.settings.patch)
    kept = is_new & is_inside
    found.n_known += int((~is_new).sum())
    found.n_edge += int((is_new & ~is_inside).sum())
    found.n_candidates += int(kept.sum())
    return replace(tile, x_l0=tile.x_l0[kept], y_l0=tile.y_l0[kept], patches=tile.patches[kept])


def _take(search: Search, tile: CandidateTile, found: Shortlists, *, slide: int) -> None:
    logits, features = _judged(search, tile.patches)
    undecided = uncertainty_of(probability(logits, temperature=search.temperature))
    is_other = _is_other(search, tile.patches)
    found.n_other += int(is_other.sum())
    columns = {
        "x_l0": tile.x_l0,
        "y_l0": tile.y_l0,
        "logit": logits,
        "features": features,
        "is_other": is_other,
    }
    found.uncertain.add(np.where(is_other, -np.inf, undecided), columns, slide=slide)
    # Centres lie on a grid, so that whole numbers tell them apart.
    places = (np.rint(value * 16).astype(np.int64) for value in (tile.x_l0, tile.y_l0))
    fair = fair_number(*places, slide=tile.slide.slide_id, seed=search.seed)
    found.drawn.add(fair, columns, slide=slide)
    for cause, best in found.of_cause.items():
        alike = search.exemplars.alike(cause, features, logits)
        # A sure call is seldom wrong, however like an example it is.
        score = alike * undecided
        best.add(
            np.where((score > 0) & ~is_other, score, -np.inf),
            columns | {"patches": tile.patches},
            slide=slide,
        )


def _is_other(search: Search, patches: np.ndarray) -> np.ndarray:
    if search.tumour is None:
        return np.zeros(len(patches), dtype=bool)
    return search.tumour.is_other(patches)


def _judged(search: Search, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features, in batches of one size: torch keeps memory for every size it meets."""
    n, size_px = len(patches), search.study.settings.patch.size_px
    n_more = -n % BATCH
    parts = []
    for start in range(0, n, BATCH):
        part = patches[start : start + BATCH]
        if len(part) < BATCH:
            part = np.concatenate([part, np.repeat(part[-1:], n_more, axis=0)])
        parts.append(features_of(search.network, part, size_px=size_px))
    logits, features = (np.concatenate(values)[:n] for values in zip(*parts, strict=True))
    return logits, features


def _kept(
    run: Run, search: Search, cells: Sequence[RoundCell], *, held: Mapping[str, list[str]]
) -> tuple[Round, Path]:
    """Store the round and write it for QuPath, both or neither."""
    settings = {
        "n_cells": search.settings.n_cells,
        "shares": asdict(shares_of(search.settings)),
        **held,
    }
    with writing(search.study.engine) as transaction:
        made = put_round(
            transaction,
            cells,
            run_id=run.run_id,
            seed=search.seed,
            settings=json.dumps(settings, sort_keys=True),
        )
        folder = run.folder / "rounds" / str(made.round_id)
        try:
            shutil.rmtree(folder, ignore_errors=True)  # of a round that was not kept
            folder.mkdir(parents=True)
        except OSError as error:
            raise storage_error(folder, error) from error
        for info in search.infos:
            mine = [asked.cell for asked in cells if asked.cell.slide_id == info.slide_id]
            if mine:
                path = inside(folder, f"{info.slide_id}.geojson")
                write_qupath_round(path, mine, slide=info, round_id=made.round_id)
    return made, folder


def _where_from(search: Search) -> dict[str, int]:
    """Return on how many slides candidates come from where."""
    found = [where_from(given_of_slide(search.study, info)) for info in search.infos]
    return dict(Counter(found))


def _section(
    search: Search, found: Shortlists, selection: Selection, made: Round
) -> dict[str, Any]:
    return {
        "round": made.round_id,
        "n_cells": len(made.cells),
        "n_asked": dict(selection.n_asked),
        "n_given": dict(selection.n_given),
        "causes": dict(Counter(asked.cause for asked in made.cells if asked.cause)),
        "confirmed": dict(search.exemplars.n_of_cause),
        "n_slides": len(search.infos),
        "candidates": _where_from(search),
        "n_candidates": found.n_candidates,
        "n_known": found.n_known,
        "n_edge": found.n_edge,
        "n_other": None if search.tumour is None else found.n_other,
        "notes": list(selection.notes),
    }
