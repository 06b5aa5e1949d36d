"""A synthetic study on disk: slides, QuPath labels, manifest, and the truth beside them."""

import io
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from jaxtyping import Int

from rimlight.core.planes import patch_box
from rimlight.errors import StudyError
from rimlight.io.files import storage_error, sync_folder, write_json, write_whole
from rimlight.io.formats.qupath import write_qupath
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.pyramids import write_pyramid
from rimlight.records import Cell, CellId, Expression, Label, LabelId, ReaderId, SlideId, SlideInfo
from rimlight.synthetic.settings import MPP, TRUTH_MPP, SynthSettings, settings_as_dict
from rimlight.synthetic.study import (
    ASSAY,
    SlidePlan,
    SyntheticSlide,
    study_plan,
    synthetic_slide,
    truth_columns,
)
from rimlight.synthetic.truth import MembraneMasks, membrane_masks

READER = ReaderId("synthetic-reader")
_MADE_AT = "2026-01-01T00:00:00Z"
_NAMESPACE = UUID("5b1f2f0e-6a36-5a0b-8b0c-3c3f7d3f1f64")
_JPEG_QUALITY = 85
_EXPRESSIONS = (Expression.NEGATIVE, Expression.WEAK, Expression.MODERATE, Expression.STRONG)
_README = """Synthetic tissue made by rimlight. No patient, no microscope, no diagnosis.

slides/    pyramidal TIFF at 0.25 um per pixel
labels/    QuPath GeoJSON, one point a labelled cell
cases.csv  slide, case, assay, scanner, mpp: what `rimlight add --manifest` takes
truth/     per slide: a table of all painted cells, and at 0.5 um per pixel two images that
           name the cell whose membrane, or nucleus, lies there (0: none)
settings.json  what it was made from; the same settings give the same bytes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideTruth:
    """What is true of one synthetic slide.

    cells: columns of the truth table, as text, by name; ``synthetic.study.truth_columns``.
    membrane: at 0.5 um per pixel, the ``name`` of the cell whose membrane lies there; 0: none.
    nucleus: the same for nuclei.
    """

    cells: dict[str, list[str]]
    membrane: Int[np.ndarray, "h w"]
    nucleus: Int[np.ndarray, "h w"]

    def masks(self, cell: Cell, *, size_px: int) -> MembraneMasks:
        """Return own and neighbour membranes in a labelled cell's patch at 0.5 um per pixel.

        Raises:
            ValueError: The cell is not one of this slide's.
        """
        name = 1 + self.cells["cell"].index(cell.cell_id)
        box = patch_box(cell, size_px=size_px, patch_mpp=TRUTH_MPP, slide_mpp=MPP)
        return membrane_masks(self.membrane, name=name, box=box, size_px=size_px)


def write_synthetic_study(
    folder: Path,
    settings: SynthSettings,
    *,
    n_threads: int = 2,
    on_slide: Callable[[SlideId], None] | None = None,
) -> tuple[SlidePlan, ...]:
    """Write a synthetic study, all of it or nothing.

    Args:
        folder: Absent or empty; its parents are made.
        settings: Size, seed and difficulty; the same settings give the same bytes.
        n_threads: Slides made at a time; no effect on what is written.
        on_slide: Called after each slide, in any order.

    Returns:
        The slides, in the order of the manifest.

    Raises:
        StudyError: The folder holds something.
        SettingsError: A slide is too small for the cells to be labelled.
        StorageError: The disk is full, read-only or refuses to write.
    """
    plans = study_plan(settings)
    with _draft(Path(folder)) as draft:
        for name in ("slides", "labels", "truth"):
            (draft / name).mkdir()
        _write_slides(draft, plans, settings, n_threads=n_threads, on_slide=on_slide)
        write_table(draft / "cases.csv", _manifest(plans))
        write_json(draft / "settings.json", settings_as_dict(settings))
        write_whole(draft / "README.txt", _README)
    return plans


def read_truth(folder: Path, slide_id: SlideId) -> SlideTruth:
    """Return the truth of one slide of a synthetic study.

    Raises:
        StudyError: The truth is missing or damaged.
    """
    place = Path(folder) / "truth"
    cells = read_table(place / f"{slide_id}.csv", refusal=StudyError)
    try:
        with np.load(place / f"{slide_id}.npz", allow_pickle=False) as images:
            return SlideTruth(cells=cells, membrane=images["membrane"], nucleus=images["nucleus"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StudyError(
            f"{place / slide_id}.npz: the truth cannot be read: {error}; make the study again"
        ) from error


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A folder that takes its name only when it is complete."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise StudyError(f"{folder}: is there and not empty; name a new folder")
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.tmp")
    try:
        draft.mkdir(parents=True)
        yield draft
        draft.replace(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_slides(
    draft: Path,
    plans: tuple[SlidePlan, ...],
    settings: SynthSettings,
    *,
    n_threads: int,
    on_slide: Callable[[SlideId], None] | None,
) -> None:
    pool = ThreadPoolExecutor(max_workers=n_threads)
    try:
        jobs = {pool.submit(_write_slide, draft, plan, settings): plan for plan in plans}
        for job in as_completed(jobs):
            job.result()
            if on_slide is not None:
                on_slide(jobs[job].slide_id)
    finally:
        pool.shutdown(cancel_futures=True)


def _write_slide(draft: Path, plan: SlidePlan, settings: SynthSettings) -> None:
    slide = synthetic_slide(plan, settings)
    write_pyramid(draft / _slide_path(plan), slide.field.rgb, mpp=MPP, quality=_JPEG_QUALITY)
    truth = {name: column.tolist() for name, column in truth_columns(slide).items()}
    cells = [f"{plan.slide_id}-{name:04d}" for name in truth["name"]]
    write_table(draft / "truth" / f"{plan.slide_id}.csv", {"cell": cells, **truth})
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        membrane=slide.field.owner.astype(np.uint16),
        nucleus=slide.field.nucleus.astype(np.uint16),
    )
    write_whole(draft / "truth" / f"{plan.slide_id}.npz", packed.getvalue())
    labels = [_label(slide, place) for place in range(len(slide.rows))]
    write_qupath(draft / "labels" / f"{plan.slide_id}.geojson", labels, slide=_info(slide))


def _label(slide: SyntheticSlide, place: int) -> Label:
    cell_id = CellId(f"{slide.plan.slide_id}-{slide.rows[place] + 1:04d}")
    x_l0, y_l0 = slide.clicks_l0[place].tolist()
    return Label(
        label_id=LabelId(str(uuid5(_NAMESPACE, f"{cell_id}/{READER}"))),
        cell=Cell(
            cell_id=cell_id, slide_id=slide.plan.slide_id, x_l0=float(x_l0), y_l0=float(y_l0)
        ),
        reader=READER,
        expression=_EXPRESSIONS[slide.labels[place]],
        made_at=_MADE_AT,
        source="synthetic",
    )


def _info(slide: SyntheticSlide) -> SlideInfo:
    """The slide as the label file names it; it carries no fingerprint of the written file."""
    height_l0, width_l0 = slide.field.rgb.shape[:2]
    return SlideInfo(
        slide_id=slide.plan.slide_id,
        case_id=slide.plan.case_id,
        path=_slide_path(slide.plan),
        fingerprint="",
        format="synthetic",
        width_l0=width_l0,
        height_l0=height_l0,
        mpp=MPP,
        mpp_source="file",
        assay=ASSAY,
        scanner=slide.plan.scanner,
        white=slide.look.white,
        is_white_estimated=True,
    )


def _slide_path(plan: SlidePlan) -> str:
    return f"slides/{plan.slide_id}.tiff"


def _manifest(plans: tuple[SlidePlan, ...]) -> dict[str, Sequence[Any]]:
    return {
        "slide": [_slide_path(plan) for plan in plans],
        "case": [plan.case_id for plan in plans],
        "assay": [ASSAY] * len(plans),
        "scanner": [plan.scanner for plan in plans],
        "mpp": [MPP] * len(plans),
    }
