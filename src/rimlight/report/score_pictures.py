"""Overviews of scored slides, plain and with the calls on them.

Reads ``score_pictures/`` of a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from rimlight.errors import RunError
from rimlight.explain.colour import desaturated
from rimlight.io.arrays import read_arrays
from rimlight.io.formats.tables import read_table
from rimlight.report.blocks import Block, Drawing, Strip
from rimlight.report.panels import jpeg_data, png_data
from rimlight.report.score_colours import fills_of, level_scale, share_rgb, share_scale
from rimlight.report.score_rows import ScoredRow
from rimlight.report.score_words import reason_words
from rimlight.report.wording import count, number

LEAST_CELLS = 5
"""In a field, for its share to be shown."""
_BARS_UM = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_OPACITY = 215
_DOT_UM, _LEAST_DOT_PX = 7.0, 2.6


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePictures:
    """What is shown of one slide: two drawings, and how many cells are on them."""

    slide: str
    n_cells: int
    field_um: float
    is_by_field: bool
    has_outlines: bool
    drawings: tuple[Drawing, ...]


def read_score_pictures(folder: Path) -> dict[str, SlidePictures]:
    """Return the pictures of a run by slide; none before they were made.

    Raises:
        RunError: A file of them is missing or damaged.
    """
    if not (folder / "pictures.csv").is_file():
        return {}
    table = read_table(folder / "pictures.csv", refusal=RunError)
    arrays = read_arrays(folder.parent, folder.name)
    found = {}
    for at, values in enumerate(zip(*table.values(), strict=True)):
        row = dict(zip(table, values, strict=True))
        own = {name.removesuffix(f"-{at}"): array for name, array in arrays.items()
               if name.endswith(f"-{at}")}  # fmt: skip
        if not {"overview", "positive", "negative"} <= set(own):
            raise RunError(f"{folder}: lacks arrays of row {at}; run rimlight score again")
        found[row["slide"]] = _pictures(row, own)
    return found


def _pictures(row: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> SlidePictures:
    overview, slide = arrays["overview"], row["slide"]
    l0_per_px = float(row["width_l0"]) / overview.shape[1]
    um_per_px = l0_per_px * float(row["mpp"])
    field_um = float(row["field_l0"]) * float(row["mpp"])
    n_cells = int(row["n_cells"])
    pale = desaturated(overview, fade=0.45)
    bar = _length_bar(overview.shape[:2], um_per_px=um_per_px)
    if "dots" in arrays:
        fills = fills_of(4 if row["has_levels"] == "1" else 2)
        marks = _dots(arrays["dots"], fills, l0_per_px=l0_per_px, um_per_px=um_per_px)
        title = f"{count(n_cells, 'cell')} that count, by call"
        alt = f"Slide {slide}: {n_cells:,} called cells as dots"
    else:
        field_px = float(row["field_l0"]) / l0_per_px
        marks = _fields(arrays["positive"], arrays["negative"], field_px=field_px)
        title = f"Share positive, fields of {field_um:.0f} µm, {count(n_cells, 'cell')}"
        alt = f"Slide {slide}: share of positive cells by field"
    if "outlines" in arrays:
        marks += _outlines(arrays["outlines"], l0_per_px=l0_per_px)
    plain = _overview(overview, alt=f"Slide {slide}, overview", marks=bar)
    called = _overview(pale, alt=alt, marks=marks)
    return SlidePictures(
        slide=slide,
        n_cells=n_cells,
        field_um=field_um,
        is_by_field="dots" not in arrays,
        has_outlines="outlines" in arrays,
        drawings=(Drawing(svg=plain, title="Slide"), Drawing(svg=called, title=title)),
    )


def _overview(rgb: np.ndarray, *, alt: str, marks: Markup) -> Markup:
    height_px, width_px = rgb.shape[:2]
    return Markup(
        '<svg class="patch" viewBox="0 0 {w} {h}" role="img" aria-label="{alt}">'
        '<image width="{w}" height="{h}" href="{data}"/>{marks}</svg>'
    ).format(w=width_px, h=height_px, alt=alt, data=jpeg_data(rgb), marks=marks)


def _dots(
    dots: np.ndarray, fills: tuple[str, ...], *, l0_per_px: float, um_per_px: float
) -> Markup:
    """Return cells as round dots, positive ones above negative ones and with a dark rim."""
    width_px = max(_DOT_UM / um_per_px, _LEAST_DOT_PX)
    places, level = dots[:, :2] / l0_per_px, dots[:, 2].astype(int)
    parts = []
    for value, fill in enumerate(fills):
        path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places[level == value].tolist())
        if not path:
            continue
        rim = "#fff" if value == 0 else "#222"
        for colour, width in ((rim, 1.25 * width_px), (fill, width_px)):
            parts.append(
                Markup(
                    '<path class="dots" d="{d}" stroke="{c}" stroke-width="{w:.2f}"/>'
                ).format(d=path, c=colour, w=width)
            )  # fmt: skip
    return Markup("").join(parts)


def _fields(positive: np.ndarray, negative: np.ndarray, *, field_px: float) -> Markup:
    """Return the share of positive cells of each field as colour; blank where cells are few."""
    n_cells = positive + negative
    share = positive / np.maximum(n_cells, 1)
    opacity = np.where(n_cells >= LEAST_CELLS, _OPACITY, 0).astype(np.uint8)
    pixels = np.concatenate([share_rgb(share), opacity[..., None]], axis=-1)
    rows, columns = share.shape
    return Markup(
        '<image class="fields" width="{w:.2f}" height="{h:.2f}" preserveAspectRatio="none" '
        'href="{data}"/>'
    ).format(w=columns * field_px, h=rows * field_px, data=png_data(pixels))


def _outlines(rings_of: np.ndarray, *, l0_per_px: float) -> Markup:
    """Return the rings of regions and cores; dashed where they leave cells out."""
    parts = []
    for leaves_out in (0, 1):
        rings = rings_of[rings_of[:, 1] == leaves_out]
        path = ""
        for ring in np.unique(rings[:, 0]):
            places = rings[rings[:, 0] == ring, 2:] / l0_per_px
            corners = dict.fromkeys(f"{x:.0f} {y:.0f}" for x, y in places.tolist())
            path += "M" + "L".join(corners) + "Z"
        if path:
            dash = Markup(' stroke-dasharray="7 5"') if leaves_out else Markup("")
            parts.append(
                Markup('<path class="region-halo" d="{d}"/><path class="region" d="{d}"{dash}/>')
                .format(d=path, dash=dash)
            )  # fmt: skip
    return Markup("").join(parts)


def _length_bar(size_px: tuple[int, ...], *, um_per_px: float) -> Markup:
    """Return a bar of a round length with that length, at the lower left."""
    height_px, width_px = size_px[:2]
    fitting = [um for um in _BARS_UM if um / um_per_px <= 0.35 * width_px]
    um = fitting[-1] if fitting else _BARS_UM[0]
    words = f"{um / 1000:g} mm" if um >= 1000 else f"{um} µm"
    left, low, font = 0.03 * width_px, height_px - 0.03 * width_px, 0.045 * width_px
    path = f"M{left:.1f} {low:.1f}h{um / um_per_px:.1f}"
    return Markup(
        '<path class="length-bar-halo" d="{d}"/><path class="length-bar" d="{d}"/>'
        '<text class="overview-text" x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}">{words}</text>'
    ).format(d=path, x=left, y=low - 0.02 * width_px, size=font, words=words)


def _numbers(shown: Sequence[SlidePictures]) -> dict[str, list[Any]]:
    return {
        "slide": [each.slide for each in shown],
        "n_cells": [each.n_cells for each in shown],
        "field_um": [each.field_um for each in shown],
    }


def pictures_block(
    rows: Sequence[ScoredRow], pictures: Mapping[str, SlidePictures]
) -> Block | None:
    """Return each slide that has pictures with its value above; None where none has."""
    shown = [row for row in rows if row.slide in pictures]
    if not shown:
        return None
    has_levels = any(len(row.levels) == 4 for row in shown)
    has_fields = any(pictures[row.slide].is_by_field for row in shown)
    has_dots = any(not pictures[row.slide].is_by_field for row in shown)
    legends = [Drawing(svg=level_scale(4 if has_levels else 2))] if has_dots else []
    legends += [Drawing(svg=share_scale())] if has_fields else []
    n_left = sum(row.slide not in pictures for row in rows)
    left = (
        f" {count(n_left, 'slide')} more not shown: some that are not evaluable or borderline come "
        "first, then held-out ones from the lowest value to the highest."
        if n_left
        else ""
    )
    fields = (
        " Slides of more cells show the share of positive cells by field on one scale; fields of "
        "fewer than 5 cells stay blank."
        if has_fields
        else ""
    )
    outlines = (
        " Black line: a region or core in which alone cells count; dashed: one that is left out."
        if any(pictures[row.slide].has_outlines for row in shown)
        else ""
    )
    return Block(
        name="score_pictures",
        title="Where the cells lie",
        caption=f"Beside each slide the same view in pale grey with the cells that count.{fields}"
        f"{outlines} Label and macro images are never read.{left}",
        drawings=tuple(legends),
        strips=tuple(_strip(row, pictures[row.slide]) for row in shown),
        numbers=_numbers([pictures[row.slide] for row in shown]),
    )


def _strip(row: ScoredRow, pictures: SlidePictures) -> Strip:
    lead, facts = f"{row.score} not evaluable: {reason_words(row)}", row.slide
    if row.value is not None:
        known = ""
        if row.low is not None and row.high is not None:
            known = f" ({number(row.low, digits=1)}\u2013{number(row.high, digits=1)})"
        lead = f"{row.score} {row.shown}{known}"
    badges = ["seen in training"] if row.is_seen else []
    badges += [f"in {row.extent} alone"] if row.extent != "slide" else []
    badges += [f"borderline at {cut:g}" for cut in row.borderline]
    return Strip(
        lead=lead, facts=facts, drawings=pictures.drawings, badges=tuple(badges), kind="slides"
    )
