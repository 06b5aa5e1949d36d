"""Scored slides to maps that open on the slide: probability, membrane stain, share of positives.

Writes for each slide to ``slide_maps/`` of the run: a pyramidal OME-TIFF a map with its colours as
an overlay, a picture with legends, and ``SLIDE.json``, which says where each lies on the slide.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.core.field_maps import disc_rows, field_counts, smoothed_share
from rimlight.core.map_frames import MapFrame, map_frame
from rimlight.errors import RunError, SlideError, StudyError
from rimlight.explain.colour import colour_bar
from rimlight.explain.map_pictures import MapPanel, coloured, ramp, slide_picture
from rimlight.io.files import inside, make_folder, read_json, whole_file, write_json
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.runs import Run, json_ready
from rimlight.io.slides import open_slide
from rimlight.io.store import slides as slides_of
from rimlight.io.study import Study
from rimlight.io.value_pyramids import read_ome_level, write_ome_pyramid
from rimlight.records import Box, SlideInfo
from rimlight.workflows.explain import study_of
from rimlight.workflows.map_places import origin_um, place_facts, shown_box, write_overlay
from rimlight.workflows.patches import Progress, no_progress

FOLDER = "slide_maps"
CELL_MPP, FIELD_MPP = 2.0, 16.0
"""About the map pixel of cells, and of shares; each is a whole number of level-0 pixels."""
CELL_RADIUS_UM = 6.0
SIGMA_UM = 50.0
LEAST_CELLS = 5.0
HIGHEST_OD = 1.0
"""End of the colours of density in pictures, the same for every slide."""
_PICTURE_PX = 640
_UNMEASURED = "no map of ring density: the score tells no levels apart, so no ring was measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapKind:
    """A map of cells: its name in files, what QuPath shows, and how it is drawn and read.

    colours: a colour map of matplotlib, or ``signed`` for that of heat maps.
    """

    name: str
    channel: str
    title: str
    meaning: str
    high: float
    ticks: tuple[tuple[float, str], ...]
    colours: str


POSITIVE_SHARE = MapKind(
    name="positive-share",
    channel="share of tumour cells called positive [0..1]",
    title="Where positive cells are",
    meaning=(
        f"Share of the tumour cells around each place that are called positive (Gaussian, sigma "
        f"{SIGMA_UM:g} um). Grey: too few cells."
    ),
    high=1.0,
    ticks=((0.0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %")),
    colours="YlOrBr",
)
RING_OD = MapKind(
    name="membrane-od",
    channel="ring DAB optical density [log10]",
    title="How strongly the rings are stained",
    meaning=(
        "Mean DAB optical density (log10, no unit) in the ring around each counted cell, where its "
        "membrane lies. Grey: no counted cell."
    ),
    high=HIGHEST_OD,
    ticks=((0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1 or more")),
    colours="magma_r",
)
PROBABILITY = MapKind(
    name="probability",
    channel="probability of membrane stain [0..1]",
    title="How sure each call is",
    meaning=(
        "Calibrated probability that the cell is positive: near 0.5 the call is a guess. Grey: no "
        "counted cell."
    ),
    high=1.0,
    ticks=((0.0, "0: negative"), (0.5, "0.5"), (1.0, "1: positive")),
    colours="signed",
)
KINDS = (POSITIVE_SHARE, RING_OD, PROBABILITY)


def slide_maps(
    run: Run, *, slides: Sequence[str] | None = None, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Write the maps of scored slides; return the record of each, as written.

    A slide that cannot be read any more has no picture; its maps are written all the same.

    Args:
        run: Its slides have been scored.
        slides: Ids; None for all that are scored.
        progress: Told how many slides are done.

    Raises:
        RunError: No slide is scored, or one that is named is not; the cells of one are damaged.
        StudyError: A slide is not in the study.
        StorageError: The disk refuses.
    """
    show = progress or no_progress
    study = study_of(run)
    folder = run.folder / FOLDER
    chosen = scored_slides(run, study, slides)
    make_folder(folder)
    records = []
    for number, info in enumerate(chosen, start=1):
        records.append(_write_maps(run, study, info, folder))
        show("maps", number, len(chosen))
    return records


def scored_slides(run: Run, study: Study, names: Sequence[str] | None) -> list[SlideInfo]:
    """Return slides that have been scored, by id; None for all of them.

    Raises:
        RunError: No slide is scored, or one that is named is not.
        StudyError: A slide is not in the study.
    """
    known = {str(info.slide_id): info for info in slides_of(study.engine)}
    if names is None:
        found = [info for info in known.values() if cells_path(run, info).is_file()]
        if not found:
            raise RunError(
                f"run {run.run_id}: no slide is scored; run rimlight score {study.folder} first"
            )
        return found
    for name in names:
        if name not in known:
            raise StudyError(
                f"slide {name!r}: is not in {study.folder}; name a slide by its id, as in "
                f"{', '.join(list(known)[:5])}"
            )
        if not cells_path(run, known[name]).is_file():
            raise RunError(
                f"slide {name!r}: is not scored in run {run.run_id}; run rimlight score "
                f"{study.folder} --slides {name} first"
            )
    return [known[name] for name in dict.fromkeys(names)]


def cells_path(run: Run, info: SlideInfo) -> Path:
    """Return where the scored cells of a slide lie."""
    return inside(run.folder / "scores", f"{info.slide_id}.csv.gz")


def score_record(run: Run, info: SlideInfo) -> dict[str, Any]:
    """Return the record of a scored slide.

    Raises:
        RunError: It is missing or damaged.
    """
    path = inside(run.folder / "scores", f"{info.slide_id}.json")
    try:
        found = read_json(path)
        return {**found, "score": dict(found["score"]), "made_from": str(found["made_from"])}
    except (StudyError, TypeError, KeyError, ValueError) as error:
        raise RunError(f"{path}: cannot be read; run rimlight score again") from error


def _write_maps(run: Run, study: Study, info: SlideInfo, folder: Path) -> dict[str, Any]:
    """Write the maps of one slide, and its record last."""
    record_path = inside(folder, f"{info.slide_id}.json")
    record_path.unlink(missing_ok=True)
    scored = score_record(run, info)
    cells = read_scored_cells(cells_path(run, info))
    maps: list[dict[str, Any]] = []
    panels: list[MapPanel] = []
    picture = _Picture(info=info)
    for kind in KINDS:
        frame = _frame(info, kind)
        bands = _rows_of(kind, cells, frame)
        if bands is not None:
            path = inside(folder, f"{info.slide_id}.{kind.name}.ome.tiff")
            _write_map(path, bands, frame, info, kind=kind)
            panel = _panel(kind, picture.on_pixels(path, frame))
            overlay = write_overlay(path, frame, info, colours=partial(coloured, panel=panel))
            place = place_facts(frame, info)
            maps.append({"file": path.name, "channel": kind.channel, **place, "overlay": overlay})
            panels.append(panel)
    why = _write_picture(study, picture, panels, folder, score=scored["score"])
    unmeasured = _UNMEASURED if len(maps) < len(KINDS) else ""
    record = {
        "slide": str(info.slide_id),
        "scores_made_from": scored["made_from"],
        "n_cells": len(cells),
        "n_counted": int((cells.reason == 0).sum()),
        "maps": maps,
        "picture": None if why else f"{info.slide_id}.png",
        "words": "; ".join(filter(None, (unmeasured, why))),
        "research_use_only": True,
    }
    write_json(record_path, json_ready(record))
    return record


def _write_map(
    path: Path, bands: Iterator[np.ndarray], frame: MapFrame, info: SlideInfo, *, kind: MapKind
) -> None:
    write_ome_pyramid(
        path,
        bands,
        shape=frame.shape,
        mpp=frame.mpp,
        channel=kind.channel,
        description=f"{kind.meaning} NaN where there is no value. Research use only.",
        origin_um=origin_um(frame, info),
    )


def _frame(info: SlideInfo, kind: MapKind) -> MapFrame:
    about_mpp = FIELD_MPP if kind is POSITIVE_SHARE else CELL_MPP
    step_l0 = max(1, round(about_mpp / info.mpp))
    return map_frame(shown_box(info), step_l0=step_l0, slide_mpp=info.mpp)


def _rows_of(kind: MapKind, cells: ScoredCells, frame: MapFrame) -> Iterator[np.ndarray] | None:
    """Return a map in bands of rows; None where no cell has such a value."""
    counts = cells.reason == 0
    x_l0, y_l0 = cells.x_l0[counts], cells.y_l0[counts]
    if kind is POSITIVE_SHARE:
        sides = {
            "width_l0": frame.columns * frame.step_l0,
            "height_l0": frame.rows * frame.step_l0,
            "field_l0": frame.step_l0,
        }
        part, whole = (
            field_counts(x_l0 - frame.left_l0, y_l0 - frame.top_l0, weight, **sides)
            for weight in ((cells.level[counts] > 0).astype(float), np.ones(len(x_l0)))
        )
        share = smoothed_share(part, whole, sigma_px=SIGMA_UM / frame.mpp, least=LEAST_CELLS)
        return iter([share])
    value = (cells.od_ring if kind is RING_OD else cells.probability)[counts]
    if kind is RING_OD and np.isnan(value).all():
        return None
    return disc_rows(
        frame.x_px(x_l0),
        frame.y_px(y_l0),
        value,
        shape=frame.shape,
        radius_px=CELL_RADIUS_UM / frame.mpp,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """The pixels of a picture of a slide: as many as its longer side needs."""

    info: SlideInfo

    @property
    def l0_per_px(self) -> float:
        box = shown_box(self.info)
        return max(box.width_l0, box.height_l0) / _PICTURE_PX

    @property
    def shape(self) -> tuple[int, int]:
        box = shown_box(self.info)
        return tuple(max(1, round(side / self.l0_per_px)) for side in (box.height_l0, box.width_l0))  # type: ignore[return-value]

    def on_pixels(self, path: Path, frame: MapFrame) -> np.ndarray:
        """Return the values of a map, as written, at the middles of the picture's pixels."""
        values, level = read_ome_level(path, most_px=2 * _PICTURE_PX)
        box = shown_box(self.info)
        step_l0 = frame.step_l0 * 2**level
        rows, columns = (
            ((start + (np.arange(n) + 0.5) * self.l0_per_px - first) / step_l0).astype(int)
            for start, n, first in (
                (box.top_l0, self.shape[0], frame.top_l0),
                (box.left_l0, self.shape[1], frame.left_l0),
            )
        )
        rows, columns = rows.clip(0, values.shape[0] - 1), columns.clip(0, values.shape[1] - 1)
        picked: np.ndarray = values[rows[:, None], columns]
        return picked

    def tissue(self, study: Study) -> np.ndarray:
        """Return what is shown of the slide.

        Raises:
            SlideError: The slide is missing or damaged.
        """
        box, info = shown_box(self.info), self.info
        side_l0 = _PICTURE_PX * self.l0_per_px
        square = Box(left_l0=box.left_l0, top_l0=box.top_l0, width_l0=side_l0, height_l0=side_l0)
        with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
            pixels = slide.read_patch(square, size_px=_PICTURE_PX, white=info.white)
        return np.asarray(pixels[: self.shape[0], : self.shape[1]])


def _panel(kind: MapKind, values: np.ndarray) -> MapPanel:
    return MapPanel(
        title=kind.title,
        values=values,
        low=0.0,
        high=kind.high,
        ticks=kind.ticks,
        meaning=kind.meaning,
        colours=colour_bar() if kind.colours == "signed" else ramp(kind.colours),
    )


def _write_picture(
    study: Study,
    picture: _Picture,
    panels: Sequence[MapPanel],
    folder: Path,
    *,
    score: Mapping[str, Any],
) -> str:
    """Write the picture of one slide; return why there is none, empty where there is one."""
    path = inside(folder, f"{picture.info.slide_id}.png")
    path.unlink(missing_ok=True)
    try:
        tissue = picture.tissue(study)
    except SlideError as error:
        return f"no picture: {error}"
    drawn = slide_picture(
        tissue,
        panels,
        um_per_px=picture.l0_per_px * picture.info.mpp,
        title=f"{picture.info.slide_id}: {_score_words(score)}",
        footer="Research use only: an aid that a pathologist checks. Maps show what the network "
        "called; they are no diagnosis.",
    )
    with whole_file(path) as file:
        drawn.save(file, format="PNG")
    return ""


def _score_words(score: Mapping[str, Any]) -> str:
    seen = " (seen in training)" if score.get("part") in ("train", "validation") else ""
    if not score.get("is_evaluable"):
        return f"{score.get('score')} not evaluable, {score.get('words')}"
    extent = score.get("extent") or "slide"
    part = "" if extent == "slide" else f" in its {extent} alone"
    words = f"{score['score']} {score['shown']}{part}{seen}"
    if score.get("low") is not None:
        words += f" (95 % interval {score['low']:.1f} to {score['high']:.1f})"
    n_positive, n_negative = score["n_positive"], score["n_negative"]
    return f"{words}, {n_positive:,} of {n_positive + n_negative:,} cells positive"
