"""From tensors to what a figure shows: image, reference and map as colours, enlarged alike.

Images are (c, h, w): three channels are RGB, others are pooled to grey.  Of a volume (c, d, h, w)
the three central slices are shown.  A signal (c, l) is drawn as lines, see ``pictures.py``.
"""

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from rimlight.explain.colour import overlay
from rimlight.explain.explanation import Explanation

_SIDE_PX = 288
_RGB = 3
_AXES = ("first axis", "second axis", "third axis")

Panel = UInt8[np.ndarray, "h w 3"]


def panel_rows(
    found: Explanation, number: int, *, values: Float[np.ndarray, "*space"], scale: float
) -> tuple[tuple[str, tuple[Panel, Panel, Panel]], ...]:
    """Return rows of image, reference and map, each with the name of its slice.

    Args:
        values: The map that is shown, one value a pixel.
        scale: Value at the end of the colours.
    """
    image, reference = found.images[number], found.references[number, 0]
    low, high = shown_range(image)
    shown, started = (_light(tensor, low, high) for tensor in (image, reference))
    if values.ndim == 2:
        return (("", _panels(shown, started, values, scale)),)
    rows = []
    for axis, word in enumerate(_AXES):
        middle = values.shape[axis] // 2
        light, start, moved = (np.take(part, middle, axis) for part in (shown, started, values))
        name = f"slice {middle + 1} of {values.shape[axis]}, {word}"
        rows.append((name, _panels(light, start, moved, scale)))
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
    image: np.ndarray, reference: np.ndarray, values: np.ndarray, scale: float
) -> tuple[Panel, Panel, Panel]:
    zoom = max(1, round(_SIDE_PX / max(values.shape)))
    large = [part.repeat(zoom, 0).repeat(zoom, 1) for part in (image, reference, values)]
    return large[0], large[1], overlay(large[0], large[2], scale=scale)
