"""Colours of scored cells, one scale for the whole report.

Levels have the colours of QuPath, so that a slide looks the same here and there. Shares of positive
cells go from pale yellow at 0 % to dark brown at 100 % (YlOrBr of ColorBrewer), as the stain does.
"""

import numpy as np
from markupsafe import Markup

from rimlight.report.panels import png_data
from rimlight.report.svg import INK

LEVEL_FILLS = ("#5a5ab4", "#ffd700", "#e19632", "#c83232")
LEVEL_WORDS = ("negative", "1+", "2+", "3+")
POSITIVE_FILL = "#c83232"
COUNTED_FILL = "#0b5c8a"
NOT_COUNTED_FILLS = ("#8a5a00", "#c99a3f", "#e5c98f", "#66757f", "#a8b4bd", "#d5dce2")
SCALE_NAME = "YlOrBr"


def fills_of(n_kinds: int) -> tuple[str, ...]:
    """Return the colours of four levels, or of negative and positive."""
    return LEVEL_FILLS if n_kinds == 4 else (LEVEL_FILLS[0], POSITIVE_FILL)


def words_of(n_kinds: int) -> tuple[str, ...]:
    """Return the names of four levels, or negative and positive."""
    return LEVEL_WORDS if n_kinds == 4 else ("negative", "positive")


def share_rgb(share: np.ndarray) -> np.ndarray:
    """Return the colour of shares 0..1 of positive cells, uint8 (..., 3)."""
    from matplotlib import colormaps

    rgba = colormaps[SCALE_NAME](np.clip(np.asarray(share, dtype=float), 0, 1))
    rgb: np.ndarray = np.rint(255 * np.asarray(rgba)[..., :3]).astype(np.uint8)
    return rgb


def share_fill(share: float) -> str:
    """Return the colour of one share as SVG names it."""
    return "#{:02x}{:02x}{:02x}".format(*share_rgb(np.array(share)).tolist())


def swatch(fill: str, words: str) -> Markup:
    """Return a small square of a colour with what it stands for."""
    return Markup(
        '<span class="key"><svg class="swatch" viewBox="0 0 10 10" role="img" '
        'aria-label="Colour of {words}"><rect width="10" height="10" fill="{fill}"/></svg>'
        "{words}</span>"
    ).format(words=words, fill=fill)


def share_scale() -> Markup:
    """Return the scale of shares of positive cells with its ends and its name."""
    ramp = share_rgb(np.linspace(0, 1, 128))[None]
    alt = f"Colours of the share of positive cells ({SCALE_NAME})"
    return Markup(
        '<svg class="share-scale" viewBox="0 0 260 40" role="img" aria-label="{alt}">'
        '<image width="200" height="12" x="30" y="4" preserveAspectRatio="none" href="{data}"/>'
        '<rect width="200" height="12" x="30" y="4" fill="none" stroke="{ink}" stroke-width=".6"/>'
        '<text x="30" y="32" text-anchor="middle">0 %</text>'
        '<text x="130" y="32" text-anchor="middle">positive</text>'
        '<text x="230" y="32" text-anchor="middle">100 %</text></svg>'
    ).format(alt=alt, data=png_data(ramp), ink=INK)


def level_scale(n_kinds: int) -> Markup:
    """Return the colours of called cells with their names."""
    parts = []
    for at, (fill, words) in enumerate(zip(fills_of(n_kinds), words_of(n_kinds), strict=True)):
        parts.append(
            Markup(
                '<circle cx="{x}" cy="10" r="5" fill="{fill}" stroke="{ink}" stroke-width=".6"/>'
                '<text x="{tx}" y="14">{words}</text>'
            ).format(x=36 + 58 * at + 22 * (at > 0), tx=46 + 58 * at + 22 * (at > 0), fill=fill,
                     words=words, ink=INK)
        )  # fmt: skip
    return Markup(
        '<svg class="share-scale" viewBox="0 0 300 20" role="img" aria-label="{alt}">{parts}</svg>'
    ).format(alt="Colours of called cells", parts=Markup("").join(parts))
