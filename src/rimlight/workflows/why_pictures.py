"""What is told of a cell as pictures: PNG bytes by name, at sizes that a browser shows as they are.

The heat map that lies over the slide has one pixel a patch pixel and is transparent where nothing
moved the logit; the others are enlarged for the eye.
"""

from io import BytesIO

import numpy as np
from PIL import Image

from rimlight.explain.colour import colour_bar, heat_rgba, overlay
from rimlight.workflows.why import Why

ZOOM = 4
_WASH = 0.5
_OUTLINE, _LINE_PX, _RIM_PX = (0, 150, 255), 2, 2


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
        "heat_map": png_of(washed(heat_rgba(told.shown, scale=scale))),
        "bar": png_of(colour_bar()[None]),
    }


def washed(heat: np.ndarray) -> np.ndarray:
    """Return a heat map, colour and opacity, on a half transparent white.

    Over brown tissue the colours of a map are hard to tell; on a pale ground they are not.
    """
    opacity = heat[..., 3:] / 255.0
    whole = opacity + _WASH * (1 - opacity)
    colour = (heat[..., :3] * opacity + 255.0 * _WASH * (1 - opacity)) / whole
    picture: np.ndarray = np.rint(np.concatenate([colour, 255 * whole], axis=-1)).astype(np.uint8)
    return picture


def enlarged_png(rgb: np.ndarray) -> bytes:
    """Return a patch four times as large, smooth between its pixels."""
    image = Image.fromarray(np.ascontiguousarray(rgb))
    return _saved(image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.BICUBIC))


def png_of(pixels: np.ndarray) -> bytes:
    """Return pixels, uint8 (h, w, 3 or 4), as PNG."""
    return _saved(Image.fromarray(np.ascontiguousarray(pixels)))


def _contoured(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The outline along the edges of the mask's pixels, on the enlarged and smooth patch.

    Thick enough to be seen when the picture is shown at half its size: colour inside, white out.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    image = Image.fromarray(np.ascontiguousarray(rgb))
    smooth = image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.BICUBIC)
    drawn = np.array(smooth)
    large = np.repeat(np.repeat(mask, ZOOM, axis=0), ZOOM, axis=1)
    inner = large & ~binary_erosion(large, iterations=_LINE_PX)
    drawn[binary_dilation(large, iterations=_RIM_PX) & ~large] = 255
    drawn[inner] = _OUTLINE
    return drawn


def _saved(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()
