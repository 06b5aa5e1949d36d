"""The cells of scored slides to other programs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rimlight.errors import LabelFileError, RunError, StudyError
from rimlight.io.files import inside, make_folder
from rimlight.io.formats.points import ScoreFormat
from rimlight.io.formats.qupath_scores import ScoredCells
from rimlight.io.formats.score_formats import (
    SCORE_ENDINGS,
    SCORE_WRITERS_OF_SLIDE,
    score_format_of,
    write_scores_of_slides,
)
from rimlight.io.formats.scored_table import read_scored_cells
from rimlight.io.runs import Run
from rimlight.io.store import slides
from rimlight.records import SlideInfo
from rimlight.workflows.explain import study_of


def export_scores(
    run: Run,
    path: Path,
    *,
    slide: str | None = None,
    file_format: ScoreFormat | None = None,
) -> int:
    """Write the cells of the run's scored slides, whole or not at all, and return how many.

    CSV and Parquet hold all slides in one file; the others one slide a file, so that several
    slides need a folder.

    Args:
        run: Whose slides were scored.
        path: A file of an ending in ``SCORE_ENDINGS``, or a folder.
        slide: Id of the one slide to export; None for all that have a score.
        file_format: The format; None tells it from the name.

    Raises:
        RunError: No slide was scored.
        StudyError: The slide is not in the study or was not scored.
        LabelFileError: The name fits no format, a file would hold several slides, a slide is not
            of the kind that the format needs, or an extra is not installed.
        StorageError: The disk refuses.
    """
    path = Path(path)
    kind, is_file = score_format_of(path, file_format)
    infos = _scored(run, slide)
    if kind not in SCORE_WRITERS_OF_SLIDE:
        if not is_file:
            raise LabelFileError(
                f"{path}: {kind} holds all slides in one file; name it {SCORE_ENDINGS[kind][0]}"
            )
        return write_scores_of_slides(
            path, _cells(run, infos), file_format=kind, run_id=str(run.run_id)
        )
    if is_file and len(infos) > 1:
        raise LabelFileError(
            f"{path}: a file of {kind} holds one slide, {len(infos)} have scores; name a folder, "
            "or one slide with --slide"
        )
    write = SCORE_WRITERS_OF_SLIDE[kind]
    n_cells = 0
    for info, cells in _cells(run, infos):
        file = path if is_file else _in_folder(path, f"{info.slide_id}{SCORE_ENDINGS[kind][0]}")
        n_cells += write(file, cells, slide=info, run_id=str(run.run_id))
    return n_cells


def _scored(run: Run, slide: str | None) -> list[SlideInfo]:
    study = study_of(run)
    every = slides(study.engine)
    if slide is not None and slide not in {info.slide_id for info in every}:
        raise StudyError(f"slide {slide!r}: is not in {study.folder}; name a slide by its id")
    found = [
        replace(info, path=str(study.folder / info.path))
        for info in every
        if slide in (None, info.slide_id)
        and (run.folder / "scores" / f"{info.slide_id}.json").is_file()
    ]
    if not found:
        what = "has no scored slide" if slide is None else f"has no score of slide {slide}"
        raise RunError(f"run {run.run_id}: {what}; do rimlight score first")
    return found


def _cells(run: Run, infos: list[SlideInfo]) -> Iterator[tuple[SlideInfo, ScoredCells]]:
    for info in infos:
        path = inside(run.folder / "scores", f"{info.slide_id}.csv.gz")
        yield info, read_scored_cells(path)


def _in_folder(folder: Path, name: str) -> Path:
    return inside(make_folder(folder, parents=True), name)
