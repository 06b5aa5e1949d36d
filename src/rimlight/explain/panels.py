"""From tensors to what a figure shows: image, reference and map as colours, enlarged alike.

Images are (c, h, w): three channels are RGB, others are pooled to grey.  Of a volume (c, d, h, w)
the three central slices are shown.  A signal (c, l) is drawn as lines, see ``pictures.py``.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from rimlight.explain.colour import contoured, overlay
from rimlight.explain.explanation import Explanation

_SIDE_PX = 288
_RGB = 3
_AXES = ("first axis", "second axis", "third axis")

Panel = UInt8[np.ndarray, "_ _ 3"]
SHOWN = 4  # references in quarters of their panel; of fewer the first alone
_NEAREST = Image.Resampling.NEAREST
PanelRows = tuple[tuple[str, tuple[Panel, Panel, Panel]], ...]


def panel_rows(
    found: Explanation,
    number: int,
    *,
    values: Float[np.ndarray, "*space"],
    scale: float,
    outline: Bool[np.ndarray, "*space"] | None = None,
    through_px: Sequence[int] | None = None,
) -> PanelRows:
    """Return rows of image, reference and map, each with the name of its slice.

    Args:
        values: The map that is shown, one value a pixel.
        scale: Value at the end of the colours.
        outline: Mask whose border is drawn on the image.
        through_px: The voxel through which a volume is cut; its middle where it is not given.
    """
    image = found.images[number]
    low, high = shown_range(image)
    shown = _light(image, low, high)
    started = np.stack([_light(part, low, high) for part in found.references[number, :SHOWN]])
    mask = np.zeros(values.shape, dtype=bool) if outline is None else outline
    if values.ndim == 2:
        return (("", _panels(shown, started, values, mask, scale=scale)),)
    rows = []
    for axis, word in enumerate(_AXES):
        place = values.shape[axis] // 2 if through_px is None else through_px[axis]
        reference = np.take(started, place, axis + 1)
        cut = [np.take(part, place, axis) for part in (shown, values, mask)]
        name = f"slice {place + 1} of {values.shape[axis]}, {word}"
        rows.append((name, _panels(cut[0], reference, cut[1], cut[2], scale=scale)))
    return tuple(rows)


def shown_range(image: Tensor) -> tuple[float, float]:
    """Return the values that are drawn black and white: 0 and 1 where they hold the image."""
    low, high = float(image.min()), float(image.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, max(high, low + 1e-12))


def _light(tensor: Tensor, low: float, high: float) -> UInt8[np.ndarray, "*space 3"]:
    channels = ((tensor.detach().double().cpu().numpy() - low) / (high - low)).clip(0, 1)
    if len(channels) != _RGB or channels.ndim != 3:
        channels = np.repeat(channels.mean(0, keepdims=True), _RGB, 0)
    light: np.ndarray = np.rint(255 * np.moveaxis(channels, 0, -1)).astype(np.uint8)
    return light


def _panels(
    image: np.ndarray, references: np.ndarray, values: np.ndarray, mask: np.ndarray, *, scale: float
) -> tuple[Panel, Panel, Panel]:
    zoom = max(1, round(_SIDE_PX / max(values.shape)))
    large, large_values = (part.repeat(zoom, 0).repeat(zoom, 1) for part in (image, values))
    outlined = contoured(image, mask, zoom=zoom)
    return outlined, _mosaic(references, large), overlay(large, large_values, scale=scale)


def _mosaic(references: UInt8[np.ndarray, "r h w 3"], like: Panel) -> Panel:
    """Return one reference large, or the first four in quarters of the panel."""
    height, width = like.shape[:2]
    if len(references) < SHOWN:
        panel = np.asarray(Image.fromarray(references[0]).resize((width, height), _NEAREST))
    else:
        panel = np.full_like(like, 255)
        size = ((width - 2) // 2, (height - 2) // 2)
        for place, reference in enumerate(references):
            top, left = (place // 2) * (height - size[1]), (place % 2) * (width - size[0])
            small = np.asarray(Image.fromarray(reference).resize(size, _NEAREST))
            panel[top : top + size[1], left : left + size[0]] = small
    return panel
