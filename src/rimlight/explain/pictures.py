"""One figure of an explanation, for any network: image, reference, signed map, and what it means.

Blue lowers the response, vermilion raises it, and where nothing moved it the pale image is seen.
Drawn with Pillow alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw
from torch import Tensor

from rimlight.explain.captions import Words, words_of
from rimlight.explain.colour import colour_bar, shared_scale
from rimlight.explain.explanation import Explanation
from rimlight.explain.lettering import fitting, font_of, wrapped
from rimlight.explain.named_references import blurred
from rimlight.explain.panels import PanelRows, panel_rows, shown_range
from rimlight.explain.traces import trace_panel

_GAP, _TITLE, _LINE, _BAR = 16, 26, 22, 14
_FEWEST_WIDTH = 760
_INK, _PALE, _STAMP = (25, 25, 25), (110, 110, 110), (20, 20, 20)


def picture_of(
    found: Explanation,
    number: int = 0,
    *,
    scale: float | None = None,
    smoothing_px: float = 0.0,
    outline: Bool[Tensor, "*space"] | None = None,
    through_px: Sequence[int] | None = None,
    stamp: str = "",
) -> Image.Image:
    """Return the figure of one image: image, reference, map on pale tissue, legend in words.

    Images of two axes beside each other, of a volume the three central slices, of a signal its
    line on the colours of the map.  Gap and reference are in the caption; a map that did not
    converge, a forced reference and a method that is not complete are stamped.

    Args:
        number: Of the image in the batch.
        scale: Value at the end of the colours, for figures that are compared; the 99.5th
            percentile of all maps of the batch where it is not given.
        smoothing_px: Gaussian sigma of the map that is drawn; it keeps the sum, and is said.
        outline: A mask of this image, such as the truth, whose border is drawn; not on signals.
        through_px: The voxel through which a volume is cut; its middle where it is not given.
        stamp: One stamp more, such as that of a scorecard that failed, ``Scorecard.stamp``.

    Raises:
        ValueError: Images with other axes than these, a number that is not there, or a mask of
            another shape.
    """
    if not 3 <= found.images.ndim <= 5:
        raise ValueError(
            f"images: {tuple(found.images.shape)} cannot be drawn; signals (n, c, l), images "
            "(n, c, h, w) and volumes (n, c, d, h, w) can"
        )
    if not 0 <= number < len(found.images):
        raise ValueError(f"number: must be 0 to {len(found.images) - 1}, got {number}")
    values = _drawn_values(found.pooled, smoothing_px)
    scale = shared_scale(values) if scale is None else scale
    words = words_of(found, number)
    if stamp:
        words = replace(words, stamps=(*words.stamps, stamp.upper()))
    notes = _notes(found.images[number], smoothing_px)
    if found.images.ndim == 3:
        body = trace_panel(found, number, values=values[number], scale=scale, words=words)
    else:
        rows = panel_rows(
            found,
            number,
            values=values[number],
            scale=scale,
            outline=None if outline is None else _mask(outline, values[number].shape),
            through_px=through_px,
        )
        body = _grid(rows, words)
    return _page(body, words, scale=scale, lines=(*words.caption, *notes))


def _mask(outline: Tensor, shape: tuple[int, ...]) -> Bool[np.ndarray, "*space"]:
    if outline.dtype != torch.bool or tuple(outline.shape) != shape:
        raise ValueError(
            f"outline: must be true or false and of shape {shape}, got {outline.dtype} of "
            f"{tuple(outline.shape)}"
        )
    mask: np.ndarray = outline.cpu().numpy()
    return mask


def _drawn_values(pooled: Tensor, smoothing_px: float) -> Float[np.ndarray, "n *space"]:
    if smoothing_px > 0:
        pooled = blurred(pooled[:, None], sigma_px=smoothing_px)[:, 0]
    drawn: np.ndarray = pooled.detach().double().cpu().numpy()
    return drawn


def _notes(image: Tensor, smoothing_px: float) -> tuple[str, ...]:
    notes = [f"map smoothed for the eye, sigma {smoothing_px:g} px"] if smoothing_px > 0 else []
    if image.ndim > 2 and len(image) not in (1, 3):
        notes.append(f"image: mean of {len(image)} channels")
    low, high = shown_range(image)
    if image.ndim > 2 and (low, high) != (0.0, 1.0):
        notes.append(f"image drawn from {low:.3g} (black) to {high:.3g} (white)")
    return ("; ".join(notes),) if notes else ()


def _grid(rows: PanelRows, words: Words) -> Image.Image:
    name_height = _LINE if len(rows) > 1 else 0
    height = _TITLE + sum(row[0].shape[0] + name_height + _GAP for _name, row in rows) - _GAP
    widest = [max(row[column].shape[1] for _name, row in rows) for column in range(3)]
    grid = Image.new("RGB", (sum(widest) + 2 * _GAP, height), "white")
    draw = ImageDraw.Draw(grid)
    top = _TITLE
    for name, row in rows:
        left = 0
        draw.text((0, top), name, fill=_PALE, font=font_of(13))
        top += name_height
        for column, panel in enumerate(row):
            grid.paste(Image.fromarray(panel), (left, top))
            edge = (left, top, left + panel.shape[1] - 1, top + panel.shape[0] - 1)
            draw.rectangle(edge, outline=(190, 190, 190))
            left += widest[column] + _GAP
        top += row[0].shape[0] + _GAP
    for column, title in enumerate(words.titles):
        left = sum(widest[:column]) + _GAP * column
        draw.text((left, 2), fitting(title, widest[column], 16), fill=_INK, font=font_of(16))
    _stamp(draw, words.stamps, left=sum(widest[:2]) + 2 * _GAP, width=widest[2])
    return grid


def _stamp(draw: ImageDraw.ImageDraw, stamps: tuple[str, ...], *, left: int, width: int) -> None:
    for number, stamp in enumerate(stamps):
        top = _TITLE + 4 + number * 26
        draw.rectangle((left, top, left + width - 1, top + 23), fill=_STAMP)
        draw.text(
            (left + 8, top + 3), fitting(stamp, width - 16, 15), fill="white", font=font_of(15)
        )


def _page(body: Image.Image, words: Words, *, scale: float, lines: tuple[str, ...]) -> Image.Image:
    inner = max(body.width, _FEWEST_WIDTH)
    text_lines = [part for line in lines for part in wrapped(line, inner, 15)]
    legend = _legend(words, inner, scale)
    height = body.height + legend.height + _LINE * len(text_lines) + 4 * _GAP
    page = Image.new("RGB", (inner + 2 * _GAP, height), "white")
    page.paste(body, (_GAP, _GAP))
    top = body.height + 2 * _GAP
    page.paste(legend, (_GAP, top))
    draw, top = ImageDraw.Draw(page), top + legend.height + _GAP // 2
    for number, line in enumerate(text_lines):
        draw.text((_GAP, top + number * _LINE), line, fill=_INK, font=font_of(15))
    return page


def _legend(words: Words, width: int, scale: float) -> Image.Image:
    """Return the colour bar with words at its ends and the number and unit of its scale."""
    legend = Image.new("RGB", (width, _LINE + _BAR + _LINE), "white")
    draw, font = ImageDraw.Draw(legend), font_of(15)
    bar: UInt8[np.ndarray, "1 255 3"] = colour_bar()[None]
    legend.paste(Image.fromarray(bar).resize((width, _BAR)), (0, _LINE))
    low, high = (tuple(int(part) for part in colour_bar()[end]) for end in (0, -1))
    draw.text((0, 0), fitting(f"< {words.lowers}", width // 2 - 8, 15), fill=low, font=font)
    right = fitting(f"{words.raises} >", width // 2 - 8, 15)
    draw.text((width - font.getlength(right), 0), right, fill=high, font=font)
    middle = fitting(f"0: moved nothing; unit: {words.unit}", width - 200, 13)
    numbers = (f"-{scale:.3g}", middle, f"+{scale:.3g}")
    for text, share in zip(numbers, (0.0, 0.5, 1.0), strict=True):
        left = (width - font_of(13).getlength(text)) * share
        draw.text((left, _LINE + _BAR + 3), text, fill=_PALE, font=font_of(13))
    return legend
