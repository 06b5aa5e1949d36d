"""The parts of an explained slide to its files: table, objects for QuPath, map and picture.

Parts are read one at a time, so that memory does not grow with the number of cells.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rimlight.core.map_frames import MapFrame, map_frame
from rimlight.core.patch_mosaics import MosaicBand
from rimlight.explain.colour import heat_rgba, shared_scale
from rimlight.explain.map_pictures import Outline, cells_picture
from rimlight.io.arrays import read_arrays
from rimlight.io.files import inside, whole_file
from rimlight.io.formats.qupath import Area, write_qupath_areas
from rimlight.io.formats.tables import write_rows
from rimlight.io.slides import open_slide
from rimlight.io.study import Study
from rimlight.io.value_pyramids import write_ome_pyramid
from rimlight.records import Box, SlideInfo
from rimlight.settings import PatchSettings
from rimlight.workflows.explained_parts import said_of
from rimlight.workflows.map_places import origin_um, place_facts, shown_box, write_overlay

CHANNEL = "attribution [logits per pixel]"
DESCRIPTION = (
    "Signed: above 0 pushes towards positive. Each pixel from the map of the nearest explained "
    "cell; NaN where there is none or its map did not converge. Research use only."
)
MOST_ANNOTATIONS = 500
"""Outlines are annotations, which can be edited in QuPath; of more cells they are detections."""
_BAND_PX = 256
_PICTURE_UM, _PICTURE_PX = 160.0, 640
EYE_UM = 0.75
"""Sigma of heat maps that are drawn; the sum of a map stays."""
_ORDER = {name: number for number, name in enumerate(("negative", "weak", "moderate", "strong"))}
COLUMNS = (
    "cell", "slide", "case", "x_l0", "y_l0", "call", "level", "logit", "probability", "od_ring",
    "excluded", "references", "rise", "gap", "is_converged", "reason", "n_pixels", "area_um2",
    "od_mean", "od_median", "od_p90", "saturated_share", "completeness", "completeness_sd",
    "longest_gap_deg", "n_sectors", "bridged_gap_deg", "own_share", "own_over_neighbour",
    "is_nucleus_found", "sigma_um",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one slide, in their order.

    folder: where they lie. names: of each. tops, bottoms: level-0 rows that their patches reach.
    """

    folder: Path
    names: tuple[str, ...]
    tops: tuple[float, ...]
    bottoms: tuple[float, ...]

    def areas(self) -> Iterator[Area]:
        """Yield the outlined cells."""
        for name in self.names:
            yield from said_of(self.folder, name)[1]

    def facts(self) -> Iterator[dict[str, Any]]:
        """Yield what is told of each cell."""
        for name in self.names:
            yield from said_of(self.folder, name)[0]


def write_files(study: Study, info: SlideInfo, parts: Parts, folder: Path) -> dict[str, Any]:
    """Write all files of an explained slide but its record; return what the record tells of them.

    Raises:
        SlideError: The slide is missing, changed or damaged.
        StorageError: The disk refuses.
    """
    slide = str(info.slide_id)
    counts = _write_table(inside(folder, f"{slide}.cells.csv"), parts)
    objects = inside(folder, f"{slide}.outlines.geojson.gz")
    is_few = counts["n_outlined"] <= MOST_ANNOTATIONS
    kind: Literal["annotation", "detection"] = "annotation" if is_few else "detection"
    write_qupath_areas(objects, parts.areas(), slide=info, kind=kind)
    frame = frame_of_patches(info, study.settings.patch)
    mosaic = _Mosaic(frame=frame, parts=parts, patch=study.settings.patch)
    drawn = _write_map(inside(folder, f"{slide}.attribution.ome.tiff"), mosaic, info)
    picture = _write_picture(study, info, mosaic, inside(folder, f"{slide}.png"), counts=counts)
    return {
        **counts,
        "objects": {"file": objects.name, "kind": kind},
        "map": drawn,
        "picture": picture,
    }


def _write_map(path: Path, mosaic: "_Mosaic", info: SlideInfo) -> dict[str, Any]:
    """Write the map of a slide with its overlay; return where it lies."""
    frame = mosaic.frame
    write_ome_pyramid(
        path,
        mosaic.bands(),
        shape=frame.shape,
        mpp=frame.mpp,
        channel=CHANNEL,
        description=DESCRIPTION,
        origin_um=origin_um(frame, info),
    )
    overlay = write_overlay(path, frame, info, colours=_heat)
    place = place_facts(frame, info)
    return {"file": path.name, "channel": CHANNEL, **place, "overlay": overlay}


def _heat(values: np.ndarray) -> np.ndarray:
    known = values[~np.isnan(values)]
    scale = shared_scale(known) if len(known) else 1.0
    return heat_rgba(np.nan_to_num(values), scale=scale)


def frame_of_patches(info: SlideInfo, patch: PatchSettings) -> MapFrame:
    """Return the raster of patch pixels over what QuPath shows of a slide: nothing is resampled."""
    step_l0 = patch.mpp / info.mpp
    return map_frame(shown_box(info), step_l0=step_l0, slide_mpp=info.mpp, is_on_slide_grid=True)


def _write_table(path: Path, parts: Parts) -> dict[str, Any]:
    """Write a row a cell, and return how many are of each kind."""
    counted: Counter[str] = Counter()
    reasons: Counter[str] = Counter()

    def rows() -> Iterator[list[Any]]:
        for fact in parts.facts():
            counted["n_cells"] += 1
            counted["n_called_positive"] += fact["call"]
            counted["n_not_converged"] += not fact["is_converged"]
            counted["n_outlined"] += not fact["reason"]
            reasons[fact["reason"]] += bool(fact["reason"])
            yield [fact.get(name) for name in COLUMNS]

    write_rows(path, COLUMNS, rows())
    names = ("n_cells", "n_called_positive", "n_not_converged", "n_outlined")
    return {
        **{name: counted[name] for name in names},
        "reasons": {reason: n for reason, n in sorted(reasons.items()) if n},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mosaic:
    """The heat maps of all parts as one map of the slide."""

    frame: MapFrame
    parts: Parts
    patch: PatchSettings

    def bands(self) -> Iterator[np.ndarray]:
        """Yield the map from the top."""
        for first in range(0, self.frame.rows, _BAND_PX):
            n_rows = min(_BAND_PX, self.frame.rows - first)
            yield self.window(first, 0, n_rows=n_rows, n_columns=self.frame.columns)

    def window(self, row: int, column: int, *, n_rows: int, n_columns: int) -> np.ndarray:
        """Return some of the map."""
        band = MosaicBand(first_row=row, n_rows=n_rows, n_columns=n_columns)
        top_l0 = self.frame.top_l0 + row * self.frame.step_l0
        bottom_l0 = top_l0 + n_rows * self.frame.step_l0
        parts = self.parts
        for name, top, bottom in zip(parts.names, parts.tops, parts.bottoms, strict=True):
            if bottom <= top_l0 or top >= bottom_l0:
                continue
            part = read_arrays(parts.folder, name, ["values", "x_l0", "y_l0"])
            left, above = (
                np.rint(middle - self.patch.size_px / 2).astype(np.int64)
                for middle in (self.frame.x_px(part["x_l0"]), self.frame.y_px(part["y_l0"]))
            )
            band.add(part["values"], left=left - column, top=above)
        return band.values


def _write_picture(
    study: Study, info: SlideInfo, mosaic: _Mosaic, path: Path, *, counts: Mapping[str, Any]
) -> str | None:
    """Write a picture of the field with the most explained cells; return its name."""
    path.unlink(missing_ok=True)
    frame = mosaic.frame
    box = _fullest_field(info, mosaic.parts)
    if box is None:
        return None
    n_px = round(box.width_l0 / frame.step_l0)
    row, column = (
        round((start - first) / frame.step_l0)
        for start, first in ((box.top_l0, frame.top_l0), (box.left_l0, frame.left_l0))
    )
    values = for_the_eye(
        mosaic.window(row, column, n_rows=n_px, n_columns=n_px), sigma_px=EYE_UM / frame.mpp
    )
    at = ((np.arange(_PICTURE_PX) + 0.5) * n_px / _PICTURE_PX).astype(int)
    with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
        tissue = slide.read_patch(box, size_px=_PICTURE_PX, white=info.white)
    known = values[~np.isnan(values)]
    drawn = cells_picture(
        tissue,
        values[at[:, None], at],
        _outlines(mosaic.parts, box),
        scale=shared_scale(known) if len(known) else 1.0,
        um_per_px=box.width_l0 * info.mpp / _PICTURE_PX,
        title=f"{info.slide_id}: {counts['n_cells']:,} cells explained, "
        f"{counts['n_outlined']:,} outlined; the field with the most of them",
        footer=f"{counts['n_not_converged']:,} of {counts['n_cells']:,} maps did not reach "
        f"completeness and are left out. The heat map is smoothed for the eye, sigma {EYE_UM:g} "
        "um. A map shows what moved the network, not what is true of the cell. Research use only.",
    )
    with whole_file(path) as file:
        drawn.save(file, format="PNG")
    return path.name


def for_the_eye(values: np.ndarray, *, sigma_px: float) -> np.ndarray:
    """Return a map smoothed, nan where it was; its sum stays."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.nan_to_num(values).astype(np.float64), sigma_px)
    return np.where(np.isnan(values), np.nan, smooth)


def _fullest_field(info: SlideInfo, parts: Parts) -> Box | None:
    """Return the square field, of a grid of half its side, that holds the most cells."""
    places = [read_arrays(parts.folder, name, ["x_l0", "y_l0"]) for name in parts.names]
    if not places:
        return None
    x_l0, y_l0 = (np.concatenate([place[axis] for place in places]) for axis in ("x_l0", "y_l0"))
    half_l0 = _PICTURE_UM / info.mpp / 2
    column, row = (np.floor(axis / half_l0).astype(int) for axis in (x_l0, y_l0))
    counts = np.zeros((row.max() + 3, column.max() + 3))
    for down in (0, 1):
        for across in (0, 1):
            np.add.at(counts, (row - down + 1, column - across + 1), 1)
    top, left = np.unravel_index(counts.argmax(), counts.shape)
    return Box(
        left_l0=(left - 1) * half_l0,
        top_l0=(top - 1) * half_l0,
        width_l0=2 * half_l0,
        height_l0=2 * half_l0,
    )


def _outlines(parts: Parts, box: Box) -> list[Outline]:
    per_l0 = _PICTURE_PX / box.width_l0
    found = []
    for area in parts.areas():
        for rings in area.polygons:
            points = np.array(rings[0]) - (box.left_l0, box.top_l0)
            if ((points >= 0) & (points < box.width_l0)).all(axis=1).any():
                found += [
                    Outline(
                        points=tuple(
                            ((x - box.left_l0) * per_l0, (y - box.top_l0) * per_l0) for x, y in ring
                        ),
                        colour=area.colour,
                        name=area.class_name.split(": ")[-1],
                    )
                    for ring in rings
                ]
    return sorted(found, key=lambda outline: _ORDER.get(outline.name, len(_ORDER)))
