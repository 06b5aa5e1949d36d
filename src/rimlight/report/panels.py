"""Pixels as small pictures of the page: a patch with vector marks over it, each with words."""

import base64
import io
import re

import numpy as np
from markupsafe import Markup

SCALE_BAR_UM = 10.0
TOP_OD = 1.5
_NOTHING = Markup()


def picture(rgb: np.ndarray, *, alt: str, marks: Markup = _NOTHING) -> Markup:
    """Return uint8 (h, w, 3) or (h, w, 4) as SVG; marks are drawn over it in patch pixels."""
    height_px, width_px = rgb.shape[:2]
    return Markup(
        '<svg class="patch" viewBox="0 0 {w} {h}" role="img" aria-label="{alt}">'
        '<image width="{w}" height="{h}" href="{data}"/>{marks}</svg>'
    ).format(w=width_px, h=height_px, alt=alt, data=png_data(rgb), marks=marks)


def png_data(pixels: np.ndarray) -> str:
    """Return a data address that holds the pixels, lossless."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def jpeg_data(pixels: np.ndarray) -> str:
    """Return a data address of an overview, lossy: a tenth of the bytes, for the eye alone."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format="JPEG", quality=78, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def click_mark(size_px: tuple[int, int], *, mpp: float) -> Markup:
    """Return four strokes around the clicked point, which itself stays in view.

    Args:
        size_px: Height and width of the patch; the click is at its middle.
        mpp: Micrometres per patch pixel; strokes reach from 1.5 to 3.5 um.
    """
    y, x = size_px[0] / 2, size_px[1] / 2
    near, far = 1.5 / mpp, 3.5 / mpp
    path = "".join(
        f"M{x + near * dx:.2f} {y + near * dy:.2f}L{x + far * dx:.2f} {y + far * dy:.2f}"
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
    return _haloed(path)


def scale_bar(size_px: tuple[int, int], *, mpp: float) -> Markup:
    """Return a bar of 10 um with its length, at the lower left."""
    height_px = size_px[0]
    left, length, low = 0.05 * height_px, SCALE_BAR_UM / mpp, 0.94 * height_px
    text = Markup(
        '<text class="scale-text" x="{x:.2f}" y="{y:.2f}" font-size="{size:.2f}">{um:g} µm</text>'
    ).format(x=left, y=low - 0.03 * height_px, size=0.085 * height_px, um=SCALE_BAR_UM)
    return _haloed(f"M{left:.2f} {low:.2f}h{length:.2f}") + text


def outline(mask: np.ndarray) -> Markup:
    """Return the border of a bool (h, w) mask along pixel edges: exactly the pixels that count."""
    padded = np.pad(mask.astype(np.int8), 1)
    path = []
    for row, column in zip(*np.nonzero(np.diff(padded, axis=0)[:, 1:-1]), strict=True):
        path.append(f"M{column} {row}h1")
    for row, column in zip(*np.nonzero(np.diff(padded, axis=1)[1:-1]), strict=True):
        path.append(f"M{column} {row}v1")
    return _haloed("".join(path), name="outline") if path else Markup("")


def density_grey(dab: np.ndarray) -> np.ndarray:
    """Return DAB optical density (h, w) as grey uint8 (h, w, 3): 0 is white, 1.5 and more black."""
    share = np.clip(dab / TOP_OD, 0, 1)
    grey = np.round(255 * (1 - share)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _haloed(path: str, *, name: str = "mark") -> Markup:
    return Markup('<path class="{name}-halo" d="{path}"/><path class="{name}" d="{path}"/>').format(
        name=name, path=path
    )


def stamp_band(size_px: tuple[int, int], words: str, *, is_at_bottom: bool = False) -> Markup:
    """Return a band across a picture that says why it must not be trusted."""
    height_px, width_px = size_px
    top = 0.87 * height_px if is_at_bottom else 0.0
    return Markup(
        '<g class="stamp"><rect y="{top:.2f}" width="{w}" height="{h:.2f}"/>'
        '<text x="{x:.2f}" y="{y:.2f}" font-size="{size:.2f}">{words}</text></g>'
    ).format(
        top=top,
        w=width_px,
        h=0.13 * height_px,
        x=width_px / 2,
        y=top + 0.095 * height_px,
        size=0.085 * height_px,
        words=words.upper(),
    )


def gate_words(stamp: str) -> str:
    """Return the stamp of the quality gate short enough for a small picture.

    >>> gate_words("quality gate failed: E2 reference validity, E3 model randomisation")
    'gate failed: E2 E3'
    """
    codes = re.findall(r"\bE\d+\b", stamp)
    return f"gate failed: {' '.join(codes)}" if len(codes) < 3 else f"failed: {' '.join(codes)}"
