"""Maps of a whole slide as one picture: the slide, and each map on it with its scale in words.

Drawn with Pillow alone. A map is drawn on the tissue in pale grey, and where it has no value only
the tissue is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from rimlight.explain.colour import LEGEND, colour_bar, desaturated, overlay
from rimlight.explain.lettering import fitting, font_of, wrapped

_GAP, _TITLE, _LINE, _BAR, _NAME = 20, 34, 19, 16, 26
_INK, _PALE, _EDGE = (25, 25, 25), (95, 95, 95), (190, 190, 190)
_OPACITY = 0.8
_LENGTHS_UM = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_LEAST_WIDTH = 330
_TALL, _WIDE = 0.6, 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapPanel:
    """One map as it is drawn.

    values: on the pixels of the picture; nan where there is no value.
    low, high: values at the ends of the colours; what lies beyond has the end colour.
    ticks: values with what they are called, in order.
    meaning: what the colour says, in one or two sentences.
    colours: from low to high in even steps, uint8 (n, 3).
    """

    title: str
    values: Float[np.ndarray, "h w"]
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    meaning: str
    colours: UInt8[np.ndarray, "n 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The border of an area: x, y in pixels of the picture, and what it is called."""

    points: tuple[tuple[float, float], ...]
    colour: tuple[int, int, int]
    name: str


def slide_picture(
    rgb: UInt8[np.ndarray, "h w 3"],
    panels: Sequence[MapPanel],
    *,
    um_per_px: float,
    title: str,
    footer: str,
) -> Image.Image:
    """Return the slide with a length bar, and beside it each map with its legend.

    Args:
        rgb: The slide, at the size at which it is drawn.
        panels: Maps on the same pixels.
        um_per_px: Micrometres a pixel of the picture.
        title: The first line, large.
        footer: The last lines.

    Raises:
        ValueError: A map has another shape than the slide.
    """
    for panel in panels:
        if panel.values.shape != rgb.shape[:2]:
            raise ValueError(f"{panel.title}: of {panel.values.shape}, the slide {rgb.shape[:2]}")
    width = max(rgb.shape[1], _LEAST_WIDTH)
    blocks = [_block(rgb, "Slide", _length_bar(rgb.shape[1], um_per_px), width)]
    blocks += [
        _block(map_on_tissue(rgb, panel), panel.title, _legend(panel, width), width)
        for panel in panels
    ]
    return _page(blocks, title, footer, across=_columns(rgb.shape[1] / rgb.shape[0], len(blocks)))


def cells_picture(
    rgb: UInt8[np.ndarray, "h w 3"],
    values: Float[np.ndarray, "h w"],
    outlines: Sequence[Outline],
    *,
    scale: float,
    um_per_px: float,
    title: str,
    footer: str,
) -> Image.Image:
    """Return a field of explained cells: tissue, heat map on it, and outlines by level.

    Args:
        rgb: The field, at the size at which it is drawn.
        values: Signed heat map on the same pixels, nan where no cell was explained.
        outlines: Of contributing pixels; the legend names them in this order.
        scale: Value at the ends of the colours of the heat map.
        um_per_px: Micrometres a pixel of the picture.
        title: The first line, large.
        footer: The last lines.
    """
    width = max(rgb.shape[1], _LEAST_WIDTH)
    heat = MapPanel(
        title="What pushed each call",
        values=values,
        low=-scale,
        high=scale,
        ticks=((-scale, f"-{scale:.2g}"), (0.0, "0"), (scale, f"+{scale:.2g}")),
        meaning=f"Blue {LEGEND[0]}, vermilion {LEGEND[1]}; attribution in logits a pixel, each "
        "place from the map of the nearest explained cell. Pale: nothing pushed, or no map.",
        colours=colour_bar(),
    )
    blocks = [
        _block(rgb, "Slide", _length_bar(rgb.shape[1], um_per_px), width),
        _block(
            overlay(rgb, np.nan_to_num(values), scale=scale),
            heat.title,
            _legend(heat, width),
            width,
        ),
        _block(
            _outlined(rgb, outlines),
            "Contributing pixels of each cell",
            _swatches(outlines, width),
            width,
        ),
    ]
    return _page(blocks, title, footer, across=len(blocks))


def map_on_tissue(rgb: UInt8[np.ndarray, "h w 3"], panel: MapPanel) -> UInt8[np.ndarray, "h w 3"]:
    """Return a map in its colours on the tissue in grey; where it is nan only tissue is seen."""
    pale = desaturated(rgb)
    colours = colours_of(panel.values, panel)
    mixed = np.rint(pale * (1 - _OPACITY) + colours * _OPACITY).astype(np.uint8)
    shown: np.ndarray = np.where(np.isnan(panel.values)[..., None], pale, mixed)
    return shown


def coloured(values: Float[np.ndarray, "h w"], panel: MapPanel) -> UInt8[np.ndarray, "h w 4"]:
    """Return the colours of a map by themselves, transparent where it is nan."""
    opacity = np.where(np.isnan(values), 0, round(255 * _OPACITY)).astype(np.uint8)
    return np.concatenate([colours_of(values, panel), opacity[..., None]], axis=-1)


def colours_of(
    values: Float[np.ndarray, "*pixels"], panel: MapPanel
) -> UInt8[np.ndarray, "*pixels 3"]:
    """Return the colour of each value on the scale of a panel; nan has any."""
    share = np.clip((np.nan_to_num(values) - panel.low) / (panel.high - panel.low), 0, 1)
    rgb: np.ndarray = panel.colours[np.rint(share * (len(panel.colours) - 1)).astype(int)]
    return rgb


def ramp(name: str) -> UInt8[np.ndarray, "256 3"]:
    """Return the colours of a colour map of matplotlib, from low to high."""
    from matplotlib import colormaps

    rgba = np.asarray(colormaps[name](np.linspace(0, 1, 256)))
    rgb: np.ndarray = np.rint(255 * rgba[:, :3]).astype(np.uint8)
    return rgb


def _block(
    pixels: UInt8[np.ndarray, "h w 3"], title: str, below: Image.Image, width: int
) -> Image.Image:
    height = pixels.shape[0]
    block = Image.new("RGB", (width, _NAME + height + 8 + below.height), "white")
    draw = ImageDraw.Draw(block)
    draw.text((0, 2), fitting(title, width, 17), fill=_INK, font=font_of(17))
    block.paste(Image.fromarray(pixels), (0, _NAME))
    edge = (0, _NAME, pixels.shape[1] - 1, _NAME + height - 1)
    draw.rectangle(edge, outline=_EDGE)
    block.paste(below, (0, _NAME + height + 8))
    return block


def _legend(panel: MapPanel, width: int) -> Image.Image:
    lines = wrapped(panel.meaning, width, 14)
    legend = Image.new("RGB", (width, _BAR + 8 + _LINE * (len(lines) + 1)), "white")
    draw, inset = ImageDraw.Draw(legend), 14
    ramp = np.linspace(panel.low, panel.high, width - 2 * inset)[None]
    bar = colours_of(np.repeat(ramp, _BAR, axis=0), panel)
    legend.paste(Image.fromarray(bar), (inset, 0))
    draw.rectangle((inset, 0, width - inset - 1, _BAR - 1), outline=_EDGE)
    for value, words in panel.ticks:
        at = inset + (value - panel.low) / (panel.high - panel.low) * (width - 2 * inset - 1)
        draw.line((at, _BAR, at, _BAR + 4), fill=_INK)
        left = min(max(at - font_of(14).getlength(words) / 2, 0), width - 1)
        left = min(left, width - font_of(14).getlength(words))
        draw.text((left, _BAR + 5), words, fill=_INK, font=font_of(14))
    for number, line in enumerate(lines, start=1):
        draw.text((0, _BAR + 6 + number * _LINE), line, fill=_PALE, font=font_of(14))
    return legend


def _length_bar(picture_px: int, um_per_px: float) -> Image.Image:
    fitting_um = [um for um in _LENGTHS_UM if um / um_per_px <= 0.4 * picture_px]
    um = fitting_um[-1] if fitting_um else _LENGTHS_UM[0]
    words = f"{um / 1000:g} mm" if um >= 1000 else f"{um} um"
    long_px = round(um / um_per_px)
    bar = Image.new("RGB", (max(long_px, 90), 8 + _LINE), "white")
    draw = ImageDraw.Draw(bar)
    draw.rectangle((0, 0, long_px - 1, 4), fill=_INK)
    draw.text((0, 8), words, fill=_INK, font=font_of(14))
    return bar


def _columns(width_over_height: float, n_blocks: int) -> int:
    """Return how many blocks stand side by side: tall slides all, very wide ones one, else two."""
    if width_over_height < _TALL:
        return n_blocks
    return 1 if width_over_height > _WIDE else min(2, n_blocks)


def _page(blocks: Sequence[Image.Image], title: str, footer: str, *, across: int) -> Image.Image:
    rows = [blocks[at : at + across] for at in range(0, len(blocks), across)]
    width = across * blocks[0].width + (across + 1) * _GAP
    body = sum(max(block.height for block in row) + _GAP for row in rows)
    lines = wrapped(footer, width - 2 * _GAP, 14)
    page = Image.new("RGB", (width, 3 * _GAP + _TITLE + body + _LINE * len(lines)), "white")
    draw = ImageDraw.Draw(page)
    draw.text((_GAP, _GAP), fitting(title, width - 2 * _GAP, 22), fill=_INK, font=font_of(22))
    top = _GAP + _TITLE
    for row in rows:
        for number, block in enumerate(row):
            page.paste(block, (_GAP + number * (block.width + _GAP), top))
        top += max(block.height for block in row) + _GAP
    for number, line in enumerate(lines):
        draw.text((_GAP, top + number * _LINE), line, fill=_PALE, font=font_of(14))
    return page


def _outlined(
    rgb: UInt8[np.ndarray, "h w 3"], outlines: Sequence[Outline]
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the tissue with outlines, each with a dark rim so that it shows on any colour."""
    drawn = Image.fromarray(rgb)
    draw = ImageDraw.Draw(drawn)
    for outline in outlines:
        closed = [*outline.points, outline.points[0]]
        draw.line(closed, fill=_INK, width=4)
        draw.line(closed, fill=outline.colour, width=2)
    return np.asarray(drawn)


def _swatches(outlines: Sequence[Outline], width: int) -> Image.Image:
    named = {outline.name: outline.colour for outline in outlines}
    words = (
        "Stained pixels that the call rests on: evidence about the network, no validated "
        "segmentation. Called negative, or without a complete map: no outline."
    )
    lines = wrapped(words, width, 14)
    legend = Image.new("RGB", (width, _BAR + 8 + _LINE * (len(lines) + 1)), "white")
    draw, left = ImageDraw.Draw(legend), 0.0
    for name, colour in named.items():
        draw.rectangle((left, 2, left + 13, 15), fill=colour, outline=_INK)
        draw.text((left + 19, 0), name, fill=_INK, font=font_of(14))
        left += 40 + font_of(14).getlength(name)
    for number, line in enumerate(lines, start=1):
        draw.text((0, _BAR + 6 + number * _LINE), line, fill=_PALE, font=font_of(14))
    return legend
