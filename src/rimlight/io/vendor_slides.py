"""Slides of scanner vendors and DICOM slides; the only module that names OpenSlide."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil, floor
from pathlib import Path

import numpy as np
import openslide
from PIL import ImageCms

from rimlight.errors import SlideError
from rimlight.io.rasters import Level, Light, Piece, PixelWindow, levels_of
from rimlight.records import Box

_CACHE_BYTES = 64 * 2**20
_BOUNDS = tuple(f"openslide.bounds-{name}" for name in ("x", "y", "width", "height"))
_SCANNER_NAMES = (
    "aperio.ScanScope ID", "hamamatsu.Product", "tiff.Model", "mirax.GENERAL.SLIDE_SCANNER_TYPE",
    "leica.device-model", "ventana.ScannerModel", "dicom.ManufacturerModelName",
    "philips.DICOM_MANUFACTURERS_MODEL_NAME", "trestle.System", "tiff.Make", "dicom.Manufacturer",
)  # fmt: skip


class VendorRaster:
    """The levels of a slide that OpenSlide has opened. Label and macro image are never read."""

    def __init__(self, handle: openslide.OpenSlide, path: Path) -> None:
        self._handle = handle
        self._path = path
        self.properties: Mapping[str, str] = dict(handle.properties)
        self._downsamples: Sequence[float] = handle.level_downsamples
        self.levels: Sequence[Level] = levels_of(handle.level_dimensions)

    @property
    def vendor(self) -> str:
        return self.properties.get("openslide.vendor", "unknown")

    @property
    def mpp(self) -> tuple[float, float] | None:
        """Across and down as the file states them, plausible or not."""
        try:
            across = float(self.properties[openslide.PROPERTY_NAME_MPP_X])
            down = float(self.properties[openslide.PROPERTY_NAME_MPP_Y])
        except (KeyError, ValueError):
            return None
        return across, down

    @property
    def bounds(self) -> Box | None:
        """The non-empty part, which QuPath crops to."""
        try:
            left, top, width, height = (float(self.properties[name]) for name in _BOUNDS)
        except (KeyError, ValueError):
            return None
        return Box(left_l0=left, top_l0=top, width_l0=width, height_l0=height)

    @property
    def profile(self) -> bytes | None:
        """The ICC profile of the slide's colours; None where there is none that can be read."""
        try:
            found = self._handle.color_profile
        except (openslide.OpenSlideError, ImageCms.PyCMSError, OSError, ValueError):
            return None
        return None if found is None else bytes(found.tobytes())

    @property
    def series(self) -> str:
        """The DICOM series: each of its files opens the same slide; empty for other formats."""
        return self.properties.get("dicom.SeriesInstanceUID", "")

    @property
    def scanner(self) -> str:
        names = (self.properties.get(name, "").strip() for name in _SCANNER_NAMES)
        return next((name for name in names if name), "")

    def read(self, index: int, window: PixelWindow, *, white: Light) -> Piece:
        """Return at least the pixels of ``window``; transparent pixels are white.

        OpenSlide takes the corner in whole level-0 pixels and divides by its own mean
        downsample, which may be a little off the true scale; the piece says where it really
        begins, to a part of a pixel.
        """
        downsample = self._downsamples[index]
        level = self.levels[index]
        left_l0 = floor(window.left_px * downsample + 1e-6)
        top_l0 = floor(window.top_px * downsample + 1e-6)
        left_px, top_px = left_l0 / downsample, top_l0 / downsample
        size = (
            ceil(window.left_px + window.width_px - left_px - 1e-6),
            ceil(window.top_px + window.height_px - top_px - 1e-6),
        )
        try:
            image = self._handle.read_region((left_l0, top_l0), index, size)
        except (openslide.OpenSlideError, ValueError, MemoryError) as error:
            raise SlideError(
                f"{self._path}: damaged: pixels at {left_l0}, {top_l0} cannot be decoded "
                f"on the level of {level.width_px} x {level.height_px} px ({error}); copy it again"
            ) from error
        rgba = np.asarray(image)
        pixels = rgba[..., :3]
        if rgba[..., 3].min() < 255:
            opaque = rgba[..., 3:].astype(np.float32) / 255
            pixels = pixels * opaque + white * (1 - opaque)
        return Piece(pixels=pixels, left_px=left_px, top_px=top_px)


@contextmanager
def open_vendor_raster(path: Path) -> Iterator[VendorRaster | None]:
    """Open what OpenSlide can open, and close it afterwards; None where it knows no such format.

    Raises:
        SlideError: OpenSlide knows the format, and the file is damaged or incomplete.
    """
    try:
        handle = openslide.OpenSlide(path)
    except openslide.OpenSlideUnsupportedFormatError:
        yield None
        return
    except (openslide.OpenSlideError, OSError, ValueError) as error:
        raise SlideError(
            f"{path}: damaged: OpenSlide cannot open it ({error}); copy it again"
        ) from error
    with handle:
        handle.set_cache(openslide.OpenSlideCache(_CACHE_BYTES))
        raster = VendorRaster(handle, path)
        _check_dicom(raster.properties, path)
        yield raster


def _check_dicom(properties: Mapping[str, str], path: Path) -> None:
    if properties.get("dicom.ImageType[3]") == "RESAMPLED":
        raise SlideError(
            f"{path}: an incomplete DICOM series: the file of its full resolution is missing; "
            "put all files of the series into this folder"
        )
    n_planes = properties.get("dicom.TotalPixelMatrixFocalPlanes", "1")
    if n_planes != "1":
        raise SlideError(f"{path}: has {n_planes} focal planes; export one plane as a slide")
