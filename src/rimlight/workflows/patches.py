"""Cells of a study to patches: cut once from their slides, kept in the study's cache."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from rimlight.core.planes import patch_box
from rimlight.core.stains import StainMatrix, dab_density, stain_matrix
from rimlight.errors import NotEnoughDataError, RimlightError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.inspection import check_unchanged
from rimlight.io.slides import open_slide
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.model.prediction import centre
from rimlight.records import LabelledCell, SlideInfo
from rimlight.settings import PatchSettings

Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Take a progress notice and show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPatches:
    """Scored cells of a study in a fixed order, with their patches.

    patches: light 0..255 with a margin around ``size_px``.
    white: I0 of each cell's slide; level: 0 negative to 3 strong.
    """

    cells: tuple[LabelledCell, ...]
    slide_of_cell: tuple[SlideInfo, ...]
    patches: UInt8[np.ndarray, "n wide wide 3"]
    white: Float[np.ndarray, "n 3"]
    level: Int[np.ndarray, " n"]
    settings: PatchSettings
    stains: StainMatrix

    @property
    def case(self) -> np.ndarray:
        return np.array([cell.case_id for cell in self.cells])

    @property
    def cell_ids(self) -> np.ndarray:
        return np.array([cell.cell.cell_id for cell in self.cells])

    def dab(self, chosen: np.ndarray | None = None) -> Float[np.ndarray, "n size size"]:
        """Return the DAB optical density of the patches without their margin."""
        index = np.arange(len(self.cells)) if chosen is None else chosen
        inner = centre(self.patches[index], size_px=self.settings.size_px)
        densities = [
            dab_density(patch, white=white, stains=self.stains)
            for patch, white in zip(inner, self.white[index], strict=True)
        ]
        return np.stack(densities)


def wide_px(settings: PatchSettings) -> int:
    """Return the side of a patch with its margin, in patch pixels.

    >>> wide_px(PatchSettings(size_px=64, mpp=0.5, margin_um=2.0))
    72
    """
    return settings.size_px + 2 * round(settings.margin_um / settings.mpp)


def cell_patches(
    study: Study, cells: Sequence[LabelledCell], *, progress: Progress = no_progress
) -> CellPatches:
    """Return the patches of scored cells, sorted by slide and cell.

    Raises:
        NotEnoughDataError: No cell has a level.
        SlideError: A slide is missing, changed or damaged.
    """
    scored = sorted(
        (cell for cell in cells if cell.expression.level is not None),
        key=lambda cell: (cell.cell.slide_id, cell.cell.cell_id),
    )
    if not scored:
        raise NotEnoughDataError(
            f"{study.folder}: no cell has a level from negative to strong; import labels first"
        )
    info_of_slide = {info.slide_id: info for info in slides(study.engine)}
    infos = tuple(info_of_slide[cell.cell.slide_id] for cell in scored)
    settings = study.settings.patch
    name = f"patches-{_fingerprint(scored, infos, settings)}"
    folder = study.folder / "cache"
    try:
        patches = read_arrays(folder, name)["patches"]
    except (RimlightError, FileNotFoundError):
        patches = cut_patches(study, scored, infos, progress=progress)
        write_arrays(folder, name, {"patches": patches})
    return CellPatches(
        cells=tuple(scored),
        slide_of_cell=infos,
        patches=patches,
        white=np.array([info.white for info in infos], dtype=np.float32),
        level=np.array([cell.expression.level for cell in scored]),
        settings=settings,
        stains=stain_matrix(study.settings.stain),
    )


def cut_patches(
    study: Study,
    cells: Sequence[LabelledCell],
    infos: Sequence[SlideInfo],
    *,
    progress: Progress = no_progress,
) -> UInt8[np.ndarray, "n wide wide 3"]:
    """Return the patches of cells with their margin; each slide is opened once.

    Args:
        study: With the patch settings that hold.
        cells: In order of their slides.
        infos: The slide of each cell.
        progress: Told how many patches are cut.

    Raises:
        SlideError: A slide is missing, changed or damaged.
    """
    settings = study.settings.patch
    side = wide_px(settings)
    patches = np.empty((len(cells), side, side, 3), dtype=np.uint8)
    done = 0
    while done < len(cells):
        info = infos[done]
        same = [i for i in range(done, len(cells)) if infos[i].slide_id == info.slide_id]
        check_unchanged(study.folder / info.path, info)
        boxes = [
            patch_box(cells[at].cell, size_px=side, patch_mpp=settings.mpp, slide_mpp=info.mpp)
            for at in same
        ]
        with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
            patches[same] = slide.read_patches(boxes, size_px=side, white=info.white)
        done = same[-1] + 1
        progress("cutting patches", done, len(cells))
    return patches


def _fingerprint(
    cells: Sequence[LabelledCell], infos: Sequence[SlideInfo], settings: PatchSettings
) -> str:
    rows = [
        [c.cell.cell_id, c.cell.x_l0, c.cell.y_l0, info.fingerprint, info.mpp, info.white]
        for c, info in zip(cells, infos, strict=True)
    ]
    text = json.dumps([rows, settings.size_px, settings.mpp, settings.margin_um])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
