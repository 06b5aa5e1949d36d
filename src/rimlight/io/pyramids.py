"""Pyramidal TIFF: written tile by tile, and read where OpenSlide sees too little.

This module and ``value_pyramids`` are the only ones that name tifffile.
"""

import logging
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

from rimlight.errors import SlideError
from rimlight.io.files import whole_file
from rimlight.io.pyramid_levels import TILE_PX, LevelTiles, level_sizes
from rimlight.io.rasters import (
    Level,
    Light,
    Piece,
    PixelWindow,
    Rgb,
    clipped,
    levels_of,
    pasted,
)
from rimlight.io.tiff_segments import COMPRESSIONS, decoded_segment, segment_shape

_BIGTIFF_FROM_PIXELS = 2**31  # JPEG needs at most about 1.5 bytes a pixel, all levels together
_CACHE_BYTES = 64 * 2**20
_ICC_PROFILE = 34675
_UM_OF_UNIT = {"µm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6, "Å": 1e-4}
_UM_OF_RESOLUTION_UNIT = {2: 25400.0, 3: 10000.0}
_FOREIGN_ERRORS = (
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError,
    RuntimeError, OSError, MemoryError, struct.error,
)  # fmt: skip  # what tifffile and imagecodecs are known to raise on damaged files
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def write_pyramid(path: Path, rgb: Rgb, *, mpp: float, quality: int = 85) -> None:
    """Write an RGB image as a tiled pyramidal TIFF that OpenSlide sees in full.

    The same image gives the same bytes. Each level is the mean of 2 x 2 pixels of the one before;
    a file half written never stands under ``path``.

    Args:
        path: Ends in ``.tiff`` or ``.tif``.
        rgb: Level 0, uint8 (h, w, 3).
        mpp: Micrometres per level-0 pixel.
        quality: JPEG quality, 1..100; colour is not subsampled.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
        ValueError: Not an RGB image, or an mpp that is not above 0.
    """
    height_px, width_px = rgb.shape[:2]
    bands = (rgb[top : top + TILE_PX] for top in range(0, height_px, TILE_PX))
    write_pyramid_rows(
        path, bands, width_px=width_px, height_px=height_px, mpp=mpp, quality=quality
    )


def write_pyramid_rows(
    path: Path,
    rows: Iterable[Rgb],
    *,
    width_px: int,
    height_px: int,
    mpp: float,
    quality: int = 85,
) -> None:
    """Write a slide too large for memory, from bands of rows in order from the top.

    As ``write_pyramid``, but only one band is held in memory.

    Args:
        path: Ends in ``.tiff`` or ``.tif``.
        rows: Bands uint8 (any number of rows, width_px, 3) that add up to height_px.
        width_px: Width of level 0.
        height_px: Height of level 0.
        mpp: Micrometres per level-0 pixel.
        quality: JPEG quality, 1..100.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
        ValueError: A band of another shape, too few or too many rows, or mpp not above 0.
    """
    if not mpp > 0:
        raise ValueError(f"mpp must be above 0, got {mpp}")
    sizes = level_sizes(width_px, height_px)
    rows = iter(rows)
    like = np.empty((0, 0, 3), dtype=np.uint8)
    with (
        whole_file(path) as file,
        LevelTiles(
            rows,
            sizes,
            like=like,
            halved=_halved,
            encoded=_encoder(quality),
            folder=Path(path).parent,
        ) as tiles,
        tifffile.TiffWriter(file, bigtiff=width_px * height_px > _BIGTIFF_FROM_PIXELS) as out,
    ):
        for index, (width, height) in enumerate(sizes):
            out.write(
                tiles.smaller(index) if index else tiles.level_0(),
                shape=(height, width, 3),
                dtype=np.uint8,
                tile=(TILE_PX, TILE_PX),
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                subfiletype=1 if index else 0,
                resolution=(1e4 / mpp / 2**index,) * 2,
                resolutionunit="CENTIMETER",
                metadata=None,
                software=False,
            )
            for _ in rows:  # tifffile has taken all that it needs
                raise ValueError(f"the bands must have {height_px} rows together, got more")


def _encoder(quality: int) -> Callable[[Rgb], bytes]:
    def encoded(tile: Rgb) -> bytes:
        short = [(0, TILE_PX - side) for side in tile.shape[:2]]
        full = np.pad(tile, [*short, (0, 0)], mode="edge")
        return bytes(imagecodecs.jpeg8_encode(full, level=quality, subsampling="444"))

    return encoded


def _halved(band: Rgb) -> Rgb:
    """Return the mean of each 2 x 2 pixels, rounded; an odd last row or column stands twice."""
    odd = [(0, side % 2) for side in band.shape[:2]]
    even = np.pad(band, [*odd, (0, 0)], mode="edge").astype(np.uint16)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)


class TiffRaster:
    """The levels of a brightfield TIFF, decoded tile by tile within a budget."""

    def __init__(self, path: Path, pages: Sequence[Any], *, is_ome: bool) -> None:
        self._path = path
        self._pages = pages
        self._is_ome = is_ome
        self._tiles: OrderedDict[tuple[int, int], Rgb] = OrderedDict()
        self._n_cached_bytes = 0
        self.levels: Sequence[Level] = levels_of(
            [(page.keyframe.imagewidth, page.keyframe.imagelength) for page in pages]
        )

    @property
    def mpp(self) -> tuple[float, float] | None:
        """Across and down as the file states them, plausible or not."""
        first = self._pages[0].keyframe
        if self._is_ome:
            return _ome_mpp(first.description)
        unit = first.tags.valueof(296, default=2)
        um = _UM_OF_RESOLUTION_UNIT.get(int(unit))
        resolutions = [first.tags.valueof(code) for code in (282, 283)]
        if um is None or not all(isinstance(pair, tuple) and all(pair) for pair in resolutions):
            return None
        across, down = (um * pair[1] / pair[0] for pair in resolutions)
        return across, down

    @property
    def profile(self) -> bytes | None:
        """The ICC profile of its colours; None where there is none."""
        found = self._pages[0].keyframe.tags.valueof(_ICC_PROFILE)
        return bytes(found) if isinstance(found, bytes) and found else None

    def read(self, index: int, window: PixelWindow, *, white: Light) -> Piece:
        """Return the pixels of ``window``, white where it leaves the level."""
        part = clipped(window, self.levels[index])
        pixels = np.empty((part.height_px, part.width_px, 3), dtype=np.uint8)
        rows, columns = segment_shape(self._pages[index].keyframe)
        n_across = ceil(self.levels[index].width_px / columns)
        right, bottom = part.left_px + part.width_px, part.top_px + part.height_px
        if pixels.size:
            for row in range(part.top_px // rows, (bottom - 1) // rows + 1):
                for column in range(part.left_px // columns, (right - 1) // columns + 1):
                    tile = self._tile(index, row * n_across + column)
                    top, left = row * rows - part.top_px, column * columns - part.left_px
                    target = pixels[max(top, 0) : top + rows, max(left, 0) : left + columns]
                    source = tile[max(-top, 0) :, max(-left, 0) :]
                    target[:] = source[: target.shape[0], : target.shape[1]]
        corner = (part.left_px - window.left_px, part.top_px - window.top_px)
        return pasted(pixels, window, corner=corner, white=white)

    def _tile(self, index: int, number: int) -> Rgb:
        key = (index, number)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        try:
            tile = decoded_segment(self._pages[index], number)
        except _FOREIGN_ERRORS as error:
            level = self.levels[index]
            raise SlideError(
                f"{self._path}: damaged: tile {number} of the level of {level.width_px} x "
                f"{level.height_px} px cannot be decoded ({_reason(error)}); copy it again"
            ) from error
        self._tiles[key] = tile
        self._n_cached_bytes += tile.nbytes
        while self._n_cached_bytes > _CACHE_BYTES and len(self._tiles) > 1:
            self._n_cached_bytes -= self._tiles.popitem(last=False)[1].nbytes
        return tile


@contextmanager
def open_tiff_raster(path: Path) -> Iterator[TiffRaster]:
    """Open the pyramid of an OME-TIFF or a plain TIFF, and close it afterwards.

    The directories must have passed ``check_tiff``. Only this one file is read, whatever other
    files its OME-XML names.

    Raises:
        SlideError: The file is damaged, a z or time series, or no 8-bit colour image.
    """
    try:
        tiff = tifffile.TiffFile(path, _multifile=False)
    except _FOREIGN_ERRORS as error:
        raise SlideError(f"{path}: a damaged TIFF ({_reason(error)}); copy it again") from error
    with tiff:
        try:
            is_ome = bool(tiff.is_ome)
            xml = tiff.pages.first.description if is_ome else ""
            if "<!" in re.sub(r"<!--.*?-->", "", xml, flags=re.DOTALL):
                raise SlideError(f"{path}: its OME-XML declares entities; export it again")
            series = tiff.series[0]
            pages: list[Any] = [level.pages[0] for level in series.levels]
            sizes = dict(zip(series.axes, series.shape, strict=True))
            faults = [_page_fault(page.keyframe) for page in pages]
            fault = _series_fault(sizes) or next(filter(None, faults), None)
        except _FOREIGN_ERRORS as error:
            raise SlideError(f"{path}: a damaged TIFF ({_reason(error)}); copy it again") from error
        if fault:
            raise SlideError(f"{path}: {fault}")
        yield TiffRaster(path, pages, is_ome=is_ome)


def _reason(error: Exception) -> str:
    """Return what a foreign error says, if it was written for people."""
    is_telling = isinstance(error, ValueError | RuntimeError | OSError) and str(error)
    return " ".join(str(error).split())[:120] if is_telling else type(error).__name__


def _series_fault(sizes: dict[str, int]) -> str | None:
    for axis, name in (("T", "time points"), ("Z", "focal planes")):
        if sizes.get(axis, 1) > 1:
            return f"is a series of {sizes[axis]} {name}; export one plane of it as a slide"
    if sizes.get("S") != 3:
        n_channels = sizes.get("C", 1) * sizes.get("S", 1)
        return (
            f"is not brightfield: a pixel has {n_channels} value(s) instead of red, green, blue, "
            "as in fluorescence or grey scale; export it as RGB"
        )
    if set(sizes) - {"T", "Z", "C"} != {"Y", "X", "S"}:
        return f"has axes {''.join(sizes)}; export one plane of it as a slide"
    return None


def _page_fault(page: Any) -> str | None:
    if page.dtype != np.uint8 or page.photometric not in (2, 6):
        return f"is not brightfield: values of type {page.dtype}; export it as RGB of 8 bits"
    if int(page.compression) not in COMPRESSIONS:
        return f"has compression {int(page.compression)}, which is not read; save it with JPEG"
    return None


def _ome_mpp(xml: str) -> tuple[float, float] | None:
    """Return the physical pixel size of the first image; None where it is not stated in full."""
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    if pixels is None:
        return None
    found = dict(re.findall(r'(PhysicalSize[XY](?:Unit)?)="([^"]*)"', pixels.group()))
    try:
        across, down = (
            float(found[f"PhysicalSize{axis}"])
            * _UM_OF_UNIT[found.get(f"PhysicalSize{axis}Unit", "µm")]
            for axis in "XY"
        )
    except (KeyError, ValueError):
        return None
    return across, down
