"""Which formats scored cells are written in, and by what."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from rimlight import __version__
from rimlight.errors import LabelFileError
from rimlight.io.formats.dicom_annotations import CellGroup, write_dicom_annotations
from rimlight.io.formats.points import ScoreFormat
from rimlight.io.formats.qupath_scores import (
    LEVEL_CLASSES,
    POSITIVE_CLASS,
    ScoredCells,
    write_qupath_scores,
)
from rimlight.io.formats.scored_anndata import write_scored_anndata
from rimlight.io.formats.scored_columns import write_scored_csv, write_scored_parquet
from rimlight.records import SlideInfo

SCORE_ENDINGS: Mapping[ScoreFormat, tuple[str, ...]] = {
    "qupath": (".geojson.gz", ".geojson"),
    "csv": (".csv", ".csv.gz"),
    "parquet": (".parquet",),
    "h5ad": (".h5ad",),
    "dicom": (".dcm",),
}


class WriterOfScoredSlide(Protocol):
    """Writes the cells of one slide and returns how many."""

    def __call__(self, path: Path, cells: ScoredCells, *, slide: SlideInfo, run_id: str) -> int:
        """Write the file, whole or not at all."""


def _write_qupath(path: Path, cells: ScoredCells, *, slide: SlideInfo, run_id: str) -> int:  # noqa: ARG001
    return write_qupath_scores(path, cells, slide=slide)


def _write_dicom(path: Path, cells: ScoredCells, *, slide: SlideInfo, run_id: str) -> int:
    """Write a group a class, with probability, logit and density of each cell."""
    names = LEVEL_CLASSES if cells.has_levels else (LEVEL_CLASSES[0], POSITIVE_CLASS)
    counts = cells.reason == 0
    chosen = {f"Tumor: {name}": counts & (cells.level == n) for n, name in enumerate(names)}
    chosen |= {f"Ignore: {name}": cells.reason == n for n, name in enumerate(cells.reasons) if n}
    groups = [
        CellGroup(
            class_name=name,
            is_automatic=True,
            reader=None,
            places_l0=np.column_stack([cells.x_l0[these], cells.y_l0[these]]),
            measured={
                "probability": cells.probability[these],
                "logit": cells.logit[these],
                "ring DAB OD": cells.od_ring[these],
            },
        )
        for name, these in chosen.items()
        if these.any()
    ]
    algorithm = f"rimlight {__version__}, run {run_id}"
    return write_dicom_annotations(path, groups, slide=slide, algorithm=algorithm)


SCORE_WRITERS_OF_SLIDE: Mapping[ScoreFormat, WriterOfScoredSlide] = {
    "qupath": _write_qupath,
    "h5ad": write_scored_anndata,
    "dicom": _write_dicom,
}


def write_scores_of_slides(
    path: Path,
    slides: Iterable[tuple[SlideInfo, ScoredCells]],
    *,
    file_format: ScoreFormat,
    run_id: str,
) -> int:
    """Write the cells of several slides into one table, whole or not at all; return how many.

    Raises:
        LabelFileError: pyarrow is needed and not installed.
        StorageError: The disk refuses.
    """
    if file_format == "parquet":
        return write_scored_parquet(path, slides, run_id=run_id)
    return write_scored_csv(path, slides)


def score_format_of(path: Path, file_format: ScoreFormat | None) -> tuple[ScoreFormat, bool]:
    """Return the format in which scores are to be written, and whether the path is a file of it.

    Raises:
        LabelFileError: The name does not say it, or contradicts what was asked for.
    """
    name = path.name.lower()
    fitting = [kind for kind, ends in SCORE_ENDINGS.items() if name.endswith(ends)]
    if file_format is not None and fitting and file_format not in fitting:
        raise LabelFileError(
            f"{path}: {file_format} is written as {SCORE_ENDINGS[file_format][0]}; name it so"
        )
    if not fitting and path.suffix and not path.is_dir():
        raise LabelFileError(
            f"{path}: scores are written as {', '.join(ends[0] for ends in SCORE_ENDINGS.values())}"
            "; name it so, or name a folder"
        )
    return file_format or (fitting or ["qupath"])[0], bool(fitting)
