"""What is told of a cell as pictures: PNG bytes by name, at sizes that a browser shows as they are.

The heat map that lies over the slide has one pixel a patch pixel and is transparent where nothing
moved the logit; the others are enlarged for the eye.
"""

from io import BytesIO

import numpy as np
from PIL import Image

from rimlight.explain.colour import colour_bar, contoured, heat_rgba, overlay
from rimlight.workflows.why import Why

ZOOM = 4
_OUTLINE = (0, 180, 255)


def pictures_of(told: Why) -> dict[str, bytes]:
    """Return PNG bytes by name.

    patch; reference; overlay: the map on pale tissue; mask: the outline on tissue; heat_map: colour
    and opacity, one pixel a patch pixel; bar: the colours from -scale to +scale.
    """
    scale = told.facts["scale"]["logits"]
    return {
        "patch": enlarged_png(told.patch),
        "reference": enlarged_png(told.reference_patch),
        "overlay": enlarged_png(overlay(told.patch, told.shown, scale=scale)),
        "mask": png_of(_contoured(told.patch, told.mask)),
        "heat_map": png_of(heat_rgba(told.shown, scale=scale)),
        "bar": png_of(colour_bar()[None]),
    }


def enlarged_png(rgb: np.ndarray) -> bytes:
    """Return a patch four times as large, smooth between its pixels."""
    image = Image.fromarray(np.ascontiguousarray(rgb))
    return _saved(image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.BICUBIC))


def png_of(pixels: np.ndarray) -> bytes:
    """Return pixels, uint8 (h, w, 3 or 4), as PNG."""
    return _saved(Image.fromarray(np.ascontiguousarray(pixels)))


def _contoured(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The outline along the edges of the mask's pixels, on the enlarged and smooth patch."""
    image = Image.fromarray(np.ascontiguousarray(rgb))
    smooth = image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.BICUBIC)
    large = np.repeat(np.repeat(mask, ZOOM, axis=0), ZOOM, axis=1)
    return contoured(np.asarray(smooth), large, zoom=1, colour=_OUTLINE)


def _saved(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()
