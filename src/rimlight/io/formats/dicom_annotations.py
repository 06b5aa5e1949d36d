"""DICOM Microscopy Bulk Simple Annotations: groups of cells on a DICOM slide, out and in.

Places are written in mm of the slide's frame of reference, so that they hold for all its levels.
A group is one class: of one reader for labels (MANUAL), of the run for scored cells (AUTOMATIC).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from rimlight import __version__
from rimlight.errors import LabelFileError
from rimlight.io.files import whole_file
from rimlight.io.formats.dicom_source import (
    DicomSource,
    damages,
    dicom_libraries,
    dicom_source,
    quiet,
)
from rimlight.io.formats.packing import MAX_BYTES
from rimlight.io.formats.polygons import area_centroid
from rimlight.io.formats.qupath import MAX_POINTS
from rimlight.io.formats.qupath_collection import NAMESPACE
from rimlight.records import SlideInfo

_ANNOTATION_CLASS = "1.2.840.10008.5.1.4.1.1.91.1"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_MAX_LABEL = 64
_CELL_SHAPES = ("POINT", "POLYGON", "RECTANGLE", "ELLIPSE")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellGroup:
    """Cells of one class on one slide.

    class_name: as other programs show it. is_automatic: a program found them, nobody labelled.
    reader: who labelled; None where nobody did, or the file does not say.
    places_l0: x and y in level-0 pixels, (n, 2) float64. measured: a value a cell, by name.
    """

    class_name: str
    is_automatic: bool
    reader: str | None
    places_l0: np.ndarray
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DicomAnnotations:
    """What an annotation file holds; notes: what was left out, one sentence each."""

    slide: SlideInfo
    groups: tuple[CellGroup, ...]
    content_hash: str
    notes: tuple[str, ...]


def write_dicom_annotations(
    path: Path, groups: Sequence[CellGroup], *, slide: SlideInfo, algorithm: str
) -> int:
    """Write groups of cells of one DICOM slide, whole or not at all, and return how many cells.

    Args:
        path: The file.
        groups: None of them empty.
        slide: Its ``path`` leads to one file of the series, whole.
        algorithm: Name and version of what found the cells that no reader labelled.

    Raises:
        LabelFileError: highdicom is not installed, or the slide is not DICOM.
        StorageError: The disk refuses.
    """
    pydicom, highdicom = dicom_libraries(path)
    with quiet():
        written = _dataset(highdicom, groups, dicom_source(slide, path), algorithm)
        with whole_file(path) as handle:
            pydicom.dcmwrite(handle, written, enforce_file_format=True)
    return sum(len(group.places_l0) for group in groups)


def _dataset(
    highdicom: Any, groups: Sequence[CellGroup], source: DicomSource, algorithm: str
) -> Any:
    slide = source.slide
    name = f"{slide.fingerprint}/{algorithm}"
    return highdicom.ann.MicroscopyBulkSimpleAnnotations(
        source_images=[source.full],
        annotation_coordinate_type="3D",
        annotation_groups=[
            _group(group, number, source, name=f"{name}/{number}", by=algorithm)
            for number, group in enumerate(groups, start=1)
        ],
        series_instance_uid=_uid(f"series/{name}"),
        series_number=1,
        sop_instance_uid=_uid(f"instance/{name}"),
        instance_number=1,
        manufacturer="rimlight",
        manufacturer_model_name="rimlight",
        software_versions=__version__,
        device_serial_number="0",
        content_label="RIMLIGHT CELLS",
        content_description="Cells. Research use only.",
    )


def read_dicom_annotations(path: Path, slides: Sequence[SlideInfo]) -> DicomAnnotations:
    """Read the groups of an annotation file; it is of the slide whose images it refers to.

    Outlines come as the middle of their area.

    Args:
        path: The file.
        slides: Those it may be of; each ``path`` leads to one file of a series, whole.

    Raises:
        LabelFileError: highdicom is not installed, the file is absent, damaged or no annotation
            file, or it is of none of the slides.
    """
    pydicom, highdicom = dicom_libraries(path)
    path = Path(path)
    with quiet():
        content_hash = _checked(path, pydicom)
    try:
        with quiet():
            read = highdicom.ann.annread(path)
            source, image = _source_of(read, slides, path)
            drawn = read.get_annotation_groups()
            taken = [each for each in drawn if each.graphic_type.value in _CELL_SHAPES]
            groups = [_read_group(each, read, source, image) for each in taken]
    except damages(pydicom) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise LabelFileError(
            f"{path}: is no sound DICOM annotation file: {reason}; write it again"
        ) from error
    if sum(len(group.places_l0) for group in groups) > MAX_POINTS:
        raise LabelFileError(f"{path}: holds more than {MAX_POINTS} points; split the file")
    left_out = [each for each in drawn if each.graphic_type.value not in _CELL_SHAPES]
    return DicomAnnotations(
        slide=source.slide,
        groups=tuple(groups),
        content_hash=content_hash,
        notes=tuple(
            f"group {each.label!r} holds {each.graphic_type.value.lower()}s, no cells; left out"
            for each in left_out
        ),
    )


def _group(group: CellGroup, number: int, source: DicomSource, *, name: str, by: str) -> Any:
    import highdicom.ann
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    facts = {"class": group.class_name} | ({"reader": group.reader} if group.reader else {})
    identified = (
        None
        if not group.is_automatic
        else highdicom.AlgorithmIdentificationSequence(
            name=by, family=codes.DCM.ArtificialIntelligence, version=__version__
        )
    )
    measurements = [
        highdicom.ann.Measurements(
            name=Code(key.replace(" ", "_")[:16], "99RIMLIGHT", key),
            values=np.asarray(values, dtype=np.float32),
            unit=codes.UCUM.NoUnits,
        )
        for key, values in group.measured.items()
        if not np.isnan(values).all()  # a measurement of no cell cannot be read back
    ]
    label = f"{group.class_name}, {group.reader}" if group.reader else group.class_name
    return highdicom.ann.AnnotationGroup(
        number=number,
        uid=_uid(f"group/{name}"),
        label=label[:_MAX_LABEL],
        annotated_property_category=codes.SCT.AnatomicalStructure,
        annotated_property_type=codes.SCT.Cell,
        graphic_type="POINT",
        graphic_data=list(source.to_mm(group.places_l0)[:, None, :]),
        algorithm_type="AUTOMATIC" if group.is_automatic else "MANUAL",
        algorithm_identification=identified,
        measurements=measurements or None,
        description=json.dumps({"rimlight": facts}),
    )


def _uid(name: str) -> str:
    """Return the id that an object of this name has in every file."""
    return f"2.25.{uuid5(UUID(str(NAMESPACE)), name).int}"


def _checked(path: Path, pydicom: Any) -> str:
    """Return the sha256 of a file that is small enough and not packed."""
    try:
        with path.open("rb") as handle:
            if path.stat().st_size > MAX_BYTES:
                raise LabelFileError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; split it")
            content_hash = hashlib.file_digest(handle, "sha256").hexdigest()
        meta = pydicom.filereader.read_file_meta_info(path)
        kind, packing = meta.get("MediaStorageSOPClassUID"), meta.get("TransferSyntaxUID")
    except OSError as error:
        raise LabelFileError(
            f"{path}: cannot be read: {error.strerror}; give the path of a DICOM annotation file"
        ) from error
    except damages(pydicom) as error:
        raise LabelFileError(f"{path}: is no DICOM file; export the annotations again") from error
    if kind != _ANNOTATION_CLASS:
        raise LabelFileError(
            f"{path}: is DICOM but no Microscopy Bulk Simple Annotations; export the annotations "
            "as such"
        )
    if packing == _DEFLATED:
        raise LabelFileError(f"{path}: is deflated DICOM; write it without compression")
    return content_hash


def _source_of(read: Any, slides: Sequence[SlideInfo], path: Path) -> tuple[DicomSource, Any]:
    """Return the slide that a file refers to, and which of its images."""
    wanted = [str(item.ReferencedSOPInstanceUID) for item in read.ReferencedImageSequence]
    for slide in slides:
        if "dicom" not in slide.format:
            continue
        source = dicom_source(slide, path)
        for name in wanted:
            if name in source.images:
                return source, source.images[name]
    raise LabelFileError(
        f"{path}: is of no DICOM slide in this study; add the slide it was made on, whole, with "
        "rimlight add"
    )


def _read_group(group: Any, read: Any, source: DicomSource, image: Any) -> CellGroup:
    kind = read.annotation_coordinate_type
    drawn = group.get_graphic_data(kind)
    middles = [np.empty((0, drawn[0].shape[1] if drawn else 2))]
    shape = group.graphic_type.value
    middles += drawn if shape == "POINT" else [_middle(each, shape) for each in drawn]
    places = np.concatenate(middles)
    is_in_mm = kind.value == "3D"
    facts = _facts_of(group)
    return CellGroup(
        class_name=str(facts.get("class") or group.label),
        is_automatic=group.algorithm_type.value != "MANUAL",
        reader=facts.get("reader"),
        places_l0=source.from_mm(places) if is_in_mm else source.from_pixels(places, image),
    )


def _middle(corners: np.ndarray, shape: str) -> np.ndarray:
    """Return the middle of an outline, (1, 2) or (1, 3); an ellipse is given by its axes."""
    if shape == "ELLIPSE":
        return np.asarray(corners.mean(axis=0, keepdims=True))
    ring = [(float(x), float(y)) for x, y in corners[:, :2]]
    return np.array([[*area_centroid([[ring]]), *corners[0, 2:]]])


def _facts_of(group: Any) -> dict[str, Any]:
    """Return what a group of ours says of itself; nothing of any other."""
    try:
        said = json.loads(group.get("AnnotationGroupDescription") or "{}")["rimlight"]
        if isinstance(said, dict):
            return said
    except (ValueError, KeyError, TypeError):
        pass
    return {}
