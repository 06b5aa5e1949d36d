"""Plain PNG and JPEG images, decoded once when they are opened."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from rimlight.errors import SlideError
from rimlight.io.rasters import Light, Piece, PixelWindow, Rgb, clipped, levels_of, pasted

MAX_IMAGE_PIXELS = 80_000_000  # 240 MB of colour; a larger image belongs in a pyramid
_MODES = ("RGB", "RGBA", "P")


class ImageRaster:
    """One level in memory.

    profile: the ICC profile of its colours, None where it has none.
    """

    def __init__(self, rgb: Rgb, *, profile: bytes | None = None) -> None:
        self._rgb = rgb
        self.profile = profile
        self.levels = levels_of([(rgb.shape[1], rgb.shape[0])])

    def read(self, index: int, window: PixelWindow, *, white: Light) -> Piece:
        """Return the pixels of ``window``, white where it leaves the image."""
        part = clipped(window, self.levels[index])
        corner = (part.left_px - window.left_px, part.top_px - window.top_px)
        rows = slice(part.top_px, part.top_px + part.height_px)
        columns = slice(part.left_px, part.left_px + part.width_px)
        return pasted(self._rgb[rows, columns], window, corner=corner, white=white)


def is_plain_image(start: bytes) -> bool:
    """Whether a file that starts so is a PNG or JPEG.

    >>> is_plain_image(b"\\x89PNG\\r\\n"), is_plain_image(b"GIF89a")
    (True, False)
    """
    return start.startswith((b"\x89PNG", b"\xff\xd8\xff"))


def image_raster(path: Path) -> ImageRaster:
    """Return a PNG or JPEG image as stored: neither turned by EXIF nor changed by a profile.

    Transparent pixels become 255.

    Raises:
        SlideError: The image is damaged, too large, or not in colour at 8 bits a channel.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path, formats=("PNG", "JPEG"))
        with image:
            _check(image, path)
            found = image.info.get("icc_profile")
            return ImageRaster(_decoded(image), profile=found or None)
    except Image.DecompressionBombError as error:
        raise _too_large(path, "far more") from error
    except (
        UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError, EOFError,
    ) as error:  # fmt: skip
        raise SlideError(f"{path}: a damaged image ({error}); copy it again") from error


def _check(image: Image.Image, path: Path) -> None:
    n_pixels = image.width * image.height
    if n_pixels > MAX_IMAGE_PIXELS:
        raise _too_large(path, f"{image.width} x {image.height}")
    if image.mode not in _MODES:
        raise SlideError(
            f"{path}: is not brightfield in colour at 8 bits a channel but of mode {image.mode}; "
            "export it as RGB"
        )


def _too_large(path: Path, what: str) -> SlideError:
    return SlideError(
        f"{path}: {what} pixels, more than {MAX_IMAGE_PIXELS:,} in one plain image; "
        "convert it to a pyramidal TIFF"
    )


def _decoded(image: Image.Image) -> Rgb:
    if image.mode == "RGB":
        return np.asarray(image)
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(ground, rgba).convert("RGB"))
