"""DICOM slides as annotation files refer to them: their series, and the way from pixels to mm.

Needs highdicom and pydicom, which come with ``pip install "rimlight[dicom]"``.
"""

import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import LabelFileError
from rimlight.records import SlideInfo

_SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    MemoryError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSource:
    """One DICOM slide: the headers of the images of its series by their SOP instance.

    full: that of the full resolution, whose pixels are level 0.
    """

    slide: SlideInfo
    images: Mapping[str, Any]
    full: Any

    def to_mm(self, places_l0: np.ndarray) -> np.ndarray:
        """Return x, y, z in mm of the slide's frame of reference, (n, 3), of level-0 pixels."""
        from highdicom.spatial import ImageToReferenceTransformer

        way = ImageToReferenceTransformer.for_image(self.full, for_total_pixel_matrix=True)
        return np.asarray(way(places_l0))

    def from_mm(self, places_mm: np.ndarray) -> np.ndarray:
        """Return x and y in level-0 pixels, (n, 2), of places in the frame of reference."""
        from highdicom.spatial import ReferenceToImageTransformer

        way = ReferenceToImageTransformer.for_image(self.full, for_total_pixel_matrix=True)
        return np.asarray(way(places_mm))[:, :2]

    def from_pixels(self, places: np.ndarray, image: Any) -> np.ndarray:
        """Return x and y in level-0 pixels of columns and rows of any image of the series."""
        scale = (
            self.full.TotalPixelMatrixColumns / image.TotalPixelMatrixColumns,
            self.full.TotalPixelMatrixRows / image.TotalPixelMatrixRows,
        )
        return np.asarray(places[:, :2] * scale)


def dicom_source(slide: SlideInfo, file: Path) -> DicomSource:
    """Return the images of a DICOM slide, headers only.

    Args:
        slide: Its ``path`` leads to one file of the series, whole.
        file: What is written or read, for the sentence.

    Raises:
        LabelFileError: highdicom is not installed, or the slide is not DICOM or cannot be read.
    """
    pydicom, _ = dicom_libraries(file)
    path = Path(slide.path)
    if "dicom" not in slide.format:
        raise LabelFileError(
            f"{file}: slide {slide.slide_id} is no DICOM slide but {slide.format}; "
            "DICOM annotations refer to DICOM slides only, use another format"
        )
    try:
        first = pydicom.dcmread(path, stop_before_pixels=True)
        images = {}
        for each in sorted(path.parent.iterdir()):
            found = first if each == path else _header_of(each, pydicom)
            if found is not None and _is_of_series(found, first):
                images[str(found.SOPInstanceUID)] = found
        volumes = [each for each in images.values() if "VOLUME" in each.ImageType]
        full = max(volumes, key=lambda each: int(each.TotalPixelMatrixColumns))
    except damages(pydicom) as error:
        raise LabelFileError(
            f"{file}: the DICOM files of slide {slide.slide_id} cannot be read; copy "
            "the series again"
        ) from error
    return DicomSource(slide=slide, images=images, full=full)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to itself what pydicom complains of in headers of scanners that break a rule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def damages(pydicom: Any) -> tuple[type[Exception], ...]:
    """Return what pydicom and highdicom raise on a damaged file."""
    errors = pydicom.errors
    return (*_DAMAGED, errors.InvalidDicomError, errors.BytesLengthException)


def dicom_libraries(file: Path) -> tuple[Any, Any]:
    """Return pydicom and highdicom.

    Raises:
        LabelFileError: They are not installed.
    """
    try:
        import highdicom.ann
        import highdicom.spatial
        import pydicom
        import pydicom.errors
    except ImportError as error:
        raise LabelFileError(
            f'{file}: DICOM annotations need highdicom; pip install "rimlight[dicom]", or use '
            "another format"
        ) from error
    return pydicom, highdicom


def _header_of(path: Path, pydicom: Any) -> Any:
    if not path.is_file():
        return None
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except damages(pydicom):
        return None  # another file in the folder


def _is_of_series(found: Any, first: Any) -> bool:
    is_slide = found.get("SOPClassUID") == _SLIDE_CLASS
    return bool(is_slide and found.get("SeriesInstanceUID") == first.SeriesInstanceUID)
