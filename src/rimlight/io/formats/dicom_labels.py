"""Labels as DICOM annotations: a group for each class and reader, MANUAL, in mm."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rimlight.errors import LabelFileError
from rimlight.io.formats.dicom_annotations import (
    CellGroup,
    read_dicom_annotations,
    write_dicom_annotations,
)
from rimlight.io.formats.gathering import Gathered, of_slide
from rimlight.io.formats.points import Frame, PointFile, PointRecord, plain_text
from rimlight.records import Label, SlideInfo


def write_dicom_labels(
    path: Path, labels: Sequence[Label], *, slide: SlideInfo, frame: Frame | None = None
) -> int:
    """Write the labels of one DICOM slide, whole or not at all, and return how many.

    Places, classes and readers are kept; times and ids have no room in the format.

    Args:
        path: The file.
        labels: Labels of cells on this slide.
        slide: Its ``path`` leads to one file of the series, whole.
        frame: None or ``level0``: places are in mm of the slide.

    Raises:
        LabelFileError: highdicom is not installed, the slide is not DICOM, or another frame is
            asked for.
        StorageError: The disk refuses.
        ValueError: A label is of another slide.
    """
    if frame == "bounds":
        raise LabelFileError(f"{path}: DICOM places are in mm of the slide; leave out --frame")
    places: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for label in of_slide(labels, slide.slide_id):
        key = label.expression.value, str(label.reader)
        places.setdefault(key, []).append((label.cell.x_l0, label.cell.y_l0))
    groups = [
        CellGroup(
            class_name=class_name, is_automatic=False, reader=reader, places_l0=np.array(found)
        )
        for (class_name, reader), found in sorted(places.items())
    ]
    return write_dicom_annotations(path, groups, slide=slide, algorithm="labels")


def read_dicom_labels(path: Path, slides: Sequence[SlideInfo]) -> PointFile:
    """Read the groups that people made as labels: the class is the label of a group.

    Groups that a program made are left out and noted: a program is no reader.

    Args:
        path: The file.
        slides: Those it may be of; each ``path`` leads to one file of a series, whole.

    Raises:
        LabelFileError: The file is absent, damaged, or of none of the slides.
    """
    read = read_dicom_annotations(path, slides)
    gathered = Gathered(path=Path(path), notes=list(read.notes))
    for group in read.groups:
        what = f"group {group.class_name!r}"
        if group.is_automatic:
            gathered.note(f"{what}: was made by a program, which is no reader; left out")
            continue
        for number, (x, y) in enumerate(group.places_l0.tolist(), start=1):
            place = f"{what}, point {number}"
            place += f", of {group.reader}" if group.reader else ""
            try:
                record = PointRecord(
                    place=place,
                    x=round(x, 6),
                    y=round(y, 6),
                    class_name=plain_text(group.class_name, what="class") or "",
                    reader=plain_text(group.reader, what="reader"),
                )
            except ValueError as error:
                gathered.fault(place, error)
                continue
            gathered.take(record)
    header = {"frame": "level0", "slide": read.slide.slide_id}
    return gathered.file(read.content_hash, header | {"slide_hash": read.slide.fingerprint})
