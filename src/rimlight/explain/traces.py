"""A signal as a line on the colours of its map, the reference as a thin line beside it."""

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from rimlight.explain.captions import Words
from rimlight.explain.colour import heat_rgb
from rimlight.explain.explanation import Explanation

_WIDTH, _HEIGHT, _TITLE = 896, 120, 26
_MOST_CHANNELS = 6


def trace_panel(
    found: Explanation,
    number: int,
    *,
    values: Float[np.ndarray, " l"],
    scale: float,
    words: Words,
) -> Image.Image:
    """Return one band a channel: the colours of the map, the signal dark, the reference pale.

    The colours are those of all channels together.

    Raises:
        ValueError: More channels than can be told apart.
    """
    image = found.images[number].double().cpu().numpy()
    reference = found.references[number, 0].double().cpu().numpy()
    if len(image) > _MOST_CHANNELS:
        raise ValueError(
            f"images: a signal of {len(image)} channels cannot be drawn, {_MOST_CHANNELS} can; "
            "choose channels first"
        )
    panel = Image.new("RGB", (_WIDTH, _TITLE + _HEIGHT * len(image)), "white")
    draw = ImageDraw.Draw(panel)
    title = f"signal (dark), {words.titles[1]} (pale), colours: {words.titles[2]}"
    draw.text((0, 2), title, fill=(25, 25, 25), font=ImageFont.load_default(16))
    heat = Image.fromarray(heat_rgb(values, scale=scale)[None]).resize(
        (_WIDTH, _HEIGHT - 4), Image.Resampling.NEAREST
    )
    low, high = min(image.min(), reference.min()), max(image.max(), reference.max())
    for channel in range(len(image)):
        top = _TITLE + channel * _HEIGHT
        panel.paste(heat, (0, top))
        for line, colour, width in ((reference, (120, 120, 120), 1), (image, (15, 15, 15), 2)):
            draw.line(_points(line[channel], low, high, top), fill=colour, width=width)
    for place, stamp in enumerate(words.stamps):
        top = _TITLE + 4 + place * 26
        draw.rectangle((_WIDTH - 300, top, _WIDTH - 1, top + 23), fill=(20, 20, 20))
        draw.text((_WIDTH - 292, top + 3), stamp, fill="white", font=ImageFont.load_default(15))
    return panel


def _points(line: np.ndarray, low: float, high: float, top: int) -> list[tuple[float, float]]:
    across = (np.arange(len(line)) + 0.5) * _WIDTH / len(line)
    height = (line - low) / max(high - low, 1e-12)
    down = top + (_HEIGHT - 4) * (0.92 - 0.84 * height)
    return [(float(x), float(y)) for x, y in zip(across, down, strict=True)]
