"""The door to slides: opened by one fixed order of readers, cut into patches, never written to.

Order, by content and never by file name: (1) PNG and JPEG by Pillow; (2) TIFF: directories
checked first, then OME-TIFF by tifffile, others by OpenSlide, and by tifffile where OpenSlide
sees one level of several or knows no such format; (3) all else by OpenSlide.

Pixels are those of the file: no ICC profile is applied, see
docs/decisions/0002-white-point-and-icc.md.
Label and macro images, which may name a patient, are never read.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import ceil, floor, isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rimlight.core.resampling import Window, block_mean, resampled
from rimlight.errors import MissingMppError, SlideError
from rimlight.io.images import image_raster, is_plain_image
from rimlight.io.pyramids import open_tiff_raster
from rimlight.io.rasters import PixelWindow, Raster, Rgb
from rimlight.io.tiff_directories import Directory, check_tiff, is_tiff
from rimlight.io.vendor_slides import open_vendor_raster
from rimlight.records import Box

PLAUSIBLE_MPP = (0.1, 1.0)  # what slide scanners make at level 0; a stray 72 dpi reads as 352.8
_USER_MPP = (0.05, 2.0)
_MPP_TOLERANCE = 0.05
_MAX_WINDOW_PIXELS = 64 * 2**20  # 256 MB in one read of four bytes a pixel
_BAND_PIXELS = 4 * 2**20
_MAX_OVERVIEW_LEVEL_PIXELS = 400_000_000
_WHITE = (255.0, 255.0, 255.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """An open slide.

    mpp_source: ``file`` or ``user``: who says the mpp.
    format: the reader and the vendor, such as ``openslide/aperio``.
    bounds: the non-empty part of the slide, where the file states one.
    scanner: the scanner's model as the file states it; empty where it does not.
    series: the DICOM series, whose every file opens this slide; empty for other formats.
    profile: the ICC profile of its colours, never applied here; None where it has none.
    notices: what the user should know, one sentence each.
    """

    path: Path
    width_l0: int
    height_l0: int
    mpp: float
    mpp_source: str
    format: str
    bounds: Box | None
    scanner: str
    series: str
    profile: bytes | None
    notices: tuple[str, ...]
    raster: Raster

    def read_patch(self, box: Box, *, size_px: int, white: Sequence[float] = _WHITE) -> Rgb:
        """Return the square patch that ``box`` becomes, uint8 (size_px, size_px, 3).

        Read once from the level whose pixels are the largest that are no larger than those of
        the patch, and resampled once, by covered area and exact to a part of a pixel.

        Args:
            box: In the plane of level 0; it may leave the slide.
            size_px: Side of the patch.
            white: I0 of the slide, 0..255; fills what lies beyond the slide.

        Raises:
            SlideError: The pixels cannot be decoded, or are too many for one read.
            ValueError: The box is empty or not finite.
        """
        filling = np.asarray(white, dtype=np.float32)
        _check_box(box, size_px)
        if not self._touches(box):
            blank: Rgb = np.rint(np.broadcast_to(filling, (size_px, size_px, 3))).astype(np.uint8)
            return blank
        index = self._level_for(box, size_px)
        level = self.raster.levels[index]
        left, top = box.left_l0 / level.scale_x, box.top_l0 / level.scale_y
        width, height = box.width_l0 / level.scale_x, box.height_l0 / level.scale_y
        wanted = PixelWindow(
            left_px=floor(left) - 1,
            top_px=floor(top) - 1,
            width_px=ceil(left + width) - floor(left) + 2,
            height_px=ceil(top + height) - floor(top) + 2,
        )
        self._check_budget(wanted)
        piece = self.raster.read(index, wanted, white=filling)
        window = Window(
            left_px=left - piece.left_px,
            top_px=top - piece.top_px,
            width_px=width,
            height_px=height,
        )
        return resampled(piece.pixels, window=window, width_px=size_px, height_px=size_px)

    def read_patches(
        self, boxes: Sequence[Box], *, size_px: int, white: Sequence[float] = _WHITE
    ) -> NDArray[np.uint8]:
        """Return the patches of many boxes, uint8 (n, size_px, size_px, 3), in their order.

        They are read row of tiles by row of tiles, so that each tile is decoded about once.

        Raises:
            SlideError: As ``read_patch``.
        """
        patches = np.empty((len(boxes), size_px, size_px, 3), dtype=np.uint8)
        order = sorted(
            range(len(boxes)),
            key=lambda at: (boxes[at].top_l0 // 512, boxes[at].left_l0, boxes[at].top_l0),
        )
        for at in order:
            patches[at] = self.read_patch(boxes[at], size_px=size_px, white=white)
        return patches

    def overview(self, max_px: int) -> Rgb:
        """Return the whole slide, no side longer than ``max_px``, uint8 (h, w, 3).

        Made from the smallest level that is large enough, by the mean of whole blocks. What
        is no part of the slide is 255.

        Raises:
            SlideError: The pixels cannot be decoded, or the slide has no small levels.
        """
        sides = [max(level.width_px, level.height_px) for level in self.raster.levels]
        index = max((i for i, side in enumerate(sides) if side >= max_px), default=0)
        level = self.raster.levels[index]
        if level.width_px * level.height_px > _MAX_OVERVIEW_LEVEL_PIXELS:
            raise SlideError(
                f"{self.path}: has no smaller level than {level.width_px} x {level.height_px} px; "
                "convert it to a pyramidal TIFF"
            )
        side_px = ceil(sides[index] / max_px)
        n_rows = max(1, _BAND_PIXELS // level.width_px // side_px) * side_px
        bands = [
            self._band(index, top, min(n_rows, level.height_px - top), side_px)
            for top in range(0, level.height_px, n_rows)
        ]
        return np.concatenate(bands)

    def _band(self, index: int, top: int, n_rows: int, side_px: int) -> Rgb:
        level = self.raster.levels[index]
        window = PixelWindow(left_px=0, top_px=top, width_px=level.width_px, height_px=n_rows)
        piece = self.raster.read(index, window, white=np.asarray(_WHITE, dtype=np.float32))
        pixels = piece.pixels[:n_rows, : level.width_px]
        if pixels.dtype != np.uint8:
            pixels = np.rint(pixels).astype(np.uint8)
        return block_mean(pixels, side_px=min(side_px, *pixels.shape[:2]))

    def _touches(self, box: Box) -> bool:
        is_across = -box.width_l0 < box.left_l0 < self.width_l0
        return is_across and -box.height_l0 < box.top_l0 < self.height_l0

    def _level_for(self, box: Box, size_px: int) -> int:
        """Return the coarsest level that is at least as fine as the patch."""
        step = min(box.width_l0, box.height_l0) / size_px * 1.001
        fine = [
            i
            for i, level in enumerate(self.raster.levels)
            if max(level.scale_x, level.scale_y) <= step
        ]
        return max(fine, default=0)

    def _check_budget(self, window: PixelWindow) -> None:
        if window.width_px * window.height_px > _MAX_WINDOW_PIXELS:
            raise SlideError(
                f"{self.path}: a patch would need {window.width_px} x {window.height_px} px in one "
                "read; ask for a smaller box"
            )


@contextmanager
def open_slide(path: Path, *, mpp: float | None = None) -> Iterator[Slide]:
    """Open a slide for reading, and close it afterwards.

    Args:
        path: A file of a format that OpenSlide, tifffile or Pillow reads.
        mpp: Micrometres per level-0 pixel, for a file that does not say it. Where the file
            says it too, the caller's value holds, and a notice tells of more than 5 %.

    Raises:
        SlideError: The file is absent, of another kind, damaged, or not brightfield.
        MissingMppError: Neither the file nor the caller says a plausible mpp.
    """
    path = Path(path)
    start = file_start(path)
    with ExitStack() as stack:
        source = _source(path, start, stack)
        value, by, notices = _mpp_of(source.mpp, mpp, path)
        level = source.raster.levels[0]
        yield Slide(
            path=path,
            width_l0=level.width_px,
            height_l0=level.height_px,
            mpp=value,
            mpp_source=by,
            format=source.format,
            bounds=source.bounds,
            scanner=source.scanner,
            series=source.series,
            profile=source.profile,
            notices=notices,
            raster=source.raster,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """An open raster and what its reader says of it."""

    raster: Raster
    format: str
    mpp: tuple[float, float] | None = None
    bounds: Box | None = None
    scanner: str = ""
    series: str = ""
    profile: bytes | None = None


def file_start(path: Path) -> bytes:
    """Return the first bytes of a plain file, after making sure that it is one.

    Raises:
        SlideError: It is absent, a folder, a pipe or a device, empty, or may not be read.
    """
    try:
        if not path.is_file():
            what = "no such file"
            if path.exists():
                what = "is a folder, no slide file" if path.is_dir() else "is no plain file"
            raise SlideError(f"{path}: {what}; put it back or register it where it is now")
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        raise SlideError(
            f"{path}: cannot be read: {error.strerror}; give yourself the right to read it"
        ) from error
    if not start:
        raise SlideError(f"{path}: an empty file; copy it again")
    return start


def _source(path: Path, start: bytes, stack: ExitStack) -> _Source:
    if is_plain_image(start):
        picture = image_raster(path)
        return _Source(raster=picture, format="image", profile=picture.profile)
    directories = check_tiff(path) if is_tiff(start) else []
    if any("<OME" in directory.description for directory in directories):
        return _tiff_source(path, stack)
    if directories:
        _check_colour(directories[0], path)
    found = stack.enter_context(open_vendor_raster(path))
    if found is None and directories:
        return _tiff_source(path, stack)
    if found is None and start[128:132] == b"DICM":
        raise SlideError(f"{path}: a DICOM file without a slide image; name an image file")
    if found is None:
        raise SlideError(
            f"{path}: not of a slide format that rimlight reads; convert it to OME-TIFF or DICOM"
        )
    if len(found.levels) == 1 and len(directories) > 1:
        deeper = _deeper_source(path, stack)
        if deeper is not None:
            return replace(deeper, bounds=found.bounds, scanner=found.scanner)
    return _Source(
        raster=found,
        format=f"openslide/{found.vendor}",
        mpp=found.mpp,
        bounds=found.bounds,
        scanner=found.scanner,
        series=found.series,
        profile=found.profile,
    )


def _tiff_source(path: Path, stack: ExitStack) -> _Source:
    raster = stack.enter_context(open_tiff_raster(path))
    return _Source(raster=raster, format="tifffile", mpp=raster.mpp, profile=raster.profile)


def _deeper_source(path: Path, stack: ExitStack) -> _Source | None:
    """Return what tifffile sees where OpenSlide saw one level; None if that is no more."""
    try:
        source = _tiff_source(path, stack)
    except SlideError:
        return None
    return source if len(source.raster.levels) > 1 else None


def _check_colour(directory: Directory, path: Path) -> None:
    if directory.n_bits == 8 and directory.n_samples in (3, 4):
        return
    raise SlideError(
        f"{path}: is not brightfield: a pixel has {directory.n_samples} x {directory.n_bits} bits "
        "instead of 3 x 8, as in fluorescence or grey scale; export it as RGB of 8 bits"
    )


def _mpp_of(
    stated: tuple[float, float] | None, said: float | None, path: Path
) -> tuple[float, str, tuple[str, ...]]:
    """Return the mpp, who says it, and notices."""
    by_file = _plausible(stated, path)
    if said is None and by_file is None:
        what = "does not say how many micrometres a pixel covers"
        if stated is not None:
            what = f"says {stated[0]:.4g} um a pixel, which no slide scanner makes"
        raise MissingMppError(
            f"{path}: the file {what}; give it with --mpp, for example --mpp 0.25 for a 40x scan, "
            "or in the mpp column of the manifest"
        )
    if said is None or said == by_file:
        assert by_file is not None
        return by_file, "file", ()
    if not _USER_MPP[0] <= said <= _USER_MPP[1]:
        raise SlideError(
            f"{path}: an mpp of {said} cannot be; give micrometres per pixel between "
            f"{_USER_MPP[0]} and {_USER_MPP[1]}, for example 0.25 for a 40x scan"
        )
    if by_file is None or abs(said / by_file - 1) <= _MPP_TOLERANCE:
        return said, "user", ()
    told = f"{path}: the file says {by_file:.4g} um a pixel, but {said:.4g} is taken as you said"
    return said, "user", (told,)


def _plausible(stated: tuple[float, float] | None, path: Path) -> float | None:
    low, high = PLAUSIBLE_MPP
    if stated is None or not all(low <= value <= high for value in stated):
        return None
    if max(stated) / min(stated) > 1 + _MPP_TOLERANCE:
        raise SlideError(
            f"{path}: its pixels are {stated[0]:.4g} um wide and {stated[1]:.4g} um high; "
            "export it with square pixels"
        )
    return sum(stated) / 2


def _check_box(box: Box, size_px: int) -> None:
    sides = (box.left_l0, box.top_l0, box.width_l0, box.height_l0)
    if size_px < 1 or not all(map(isfinite, sides)) or box.width_l0 <= 0 or box.height_l0 <= 0:
        raise ValueError(f"a patch needs a finite box and a size above 0, got {box}, {size_px}")
