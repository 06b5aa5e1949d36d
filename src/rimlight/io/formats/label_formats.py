"""Which format a label file is in: by the word of the user, by its name, by its first bytes."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rimlight.errors import LabelFileError
from rimlight.io.formats.asap import read_asap, write_asap
from rimlight.io.formats.coco import read_coco, write_coco
from rimlight.io.formats.dicom_labels import read_dicom_labels, write_dicom_labels
from rimlight.io.formats.dsa import read_dsa, write_dsa
from rimlight.io.formats.imagescope import read_imagescope, write_imagescope
from rimlight.io.formats.label_parquet import read_label_parquet, write_label_parquet
from rimlight.io.formats.label_tables import read_label_table, write_label_table
from rimlight.io.formats.packing import opened
from rimlight.io.formats.pixel_tables import read_cellvit, read_patchsorter
from rimlight.io.formats.points import Frame, PointFile, ReadFormat, WrittenFormat
from rimlight.io.formats.qupath import read_qupath, write_qupath
from rimlight.records import Label, SlideId, SlideInfo

_TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_JSON_ENDINGS = (".json", ".json.gz")
_XML_ENDINGS = (".xml", ".xml.gz")
_QUPATH_ENDINGS = (".geojson", ".geojson.gz")
ENDINGS: Mapping[WrittenFormat, tuple[str, ...]] = {
    "qupath": (*_QUPATH_ENDINGS, *_JSON_ENDINGS),
    "csv": _TABLE_ENDINGS,
    "parquet": (".parquet",),
    "coco": _JSON_ENDINGS,
    "asap": _XML_ENDINGS,
    "imagescope": _XML_ENDINGS,
    "dsa": _JSON_ENDINGS,
    "dicom": (".dcm",),
}
_READERS: Mapping[ReadFormat, Callable[[Path], PointFile]] = {
    "qupath": read_qupath,
    "csv": read_label_table,
    "parquet": read_label_parquet,
    "coco": read_coco,
    "asap": read_asap,
    "imagescope": read_imagescope,
    "dsa": read_dsa,
    "cellvit": read_cellvit,
    "patchsorter": read_patchsorter,
}
_HEAD_BYTES = 2**16
_COCO_KEYS = {"images", "categories", "annotations", "licenses"}
_DSA_KEYS = {"elements", "annotation"}
_JSON_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[][{}]')
_FIRST_ELEMENT = re.compile(r"<([A-Za-z_][\w.-]*)")
_NUMBERS_ALONE = re.compile(r"\s*[+-]?[\d.]+\s*([,;\t]\s*[+-]?[\d.]+\s*){1,2}")


class WriterOfSlide(Protocol):
    """Writes the labels of one slide and returns how many."""

    def __call__(
        self, path: Path, labels: Sequence[Label], *, slide: SlideInfo, frame: Frame | None
    ) -> int:
        """Write the file, whole or not at all."""


WRITERS_OF_SLIDE: Mapping[WrittenFormat, WriterOfSlide] = {
    "qupath": write_qupath,
    "asap": write_asap,
    "imagescope": write_imagescope,
    "dsa": write_dsa,
    "dicom": write_dicom_labels,
}


def read_labels(
    path: Path, file_format: ReadFormat | None = None, *, slides: Sequence[SlideInfo] = ()
) -> PointFile:
    """Read the point labels of a file.

    Args:
        path: The file.
        file_format: Its format; None tells it from the name and the first bytes.
        slides: Those it may be of, their paths whole, for formats that count from the slide's
            own frame of reference.

    Raises:
        LabelFileError: The format cannot be told, or the file is none of it.
    """
    kind = file_format or format_of_file(path)
    return read_dicom_labels(path, slides) if kind == "dicom" else _READERS[kind](path)


def format_of_file(path: Path) -> ReadFormat:
    """Return the format of a file by its name and its first bytes.

    Raises:
        LabelFileError: It may be several, or none that we know; or it cannot be read.
    """
    name = path.name.lower()
    if name.endswith(_QUPATH_ENDINGS):
        return "qupath"
    if name.endswith(".parquet"):
        return "parquet"
    if name.endswith(".dcm"):
        return "dicom"
    if name.endswith(_JSON_ENDINGS):
        return _format_of_json(_head_of(path))
    if name.endswith(_XML_ENDINGS):
        return _format_of_xml(_head_of(path), path)
    if name.endswith(_TABLE_ENDINGS):
        first = _head_of(path).lstrip("\ufeff\r\n").split("\n", 1)[0]
        if _NUMBERS_ALONE.fullmatch(first):
            raise LabelFileError(
                f"{path}: has no header; say --format cellvit if its columns are x, y, class, "
                "--format patchsorter if they are row, column, class, or write a header"
            )
        return "csv"
    raise LabelFileError(
        f"{path}: is no .geojson, .json, .xml, .csv, .parquet or .dcm by its name; export it "
        "as one of these, or name its format with --format"
    )


def format_to_write(path: Path, file_format: WrittenFormat | None) -> WrittenFormat:
    """Return the format in which a file or a folder of files is to be written.

    Raises:
        LabelFileError: The name does not say it, or contradicts what was asked for.
    """
    name = path.name.lower()
    fitting = [kind for kind, endings in ENDINGS.items() if name.endswith(endings)]
    if file_format is None and name.endswith(_XML_ENDINGS):
        raise LabelFileError(f"{path}: say --format asap or --format imagescope")
    if file_format is not None and fitting and file_format not in fitting:
        endings = " or ".join(ENDINGS[file_format])
        raise LabelFileError(f"{path}: {file_format} is written as {endings}; name it so")
    return file_format or (fitting or ["qupath"])[0]


def write_study(
    path: Path,
    labels: Sequence[Label],
    *,
    slides: Mapping[SlideId, SlideInfo],
    file_format: WrittenFormat,
    frame: Frame | None,
) -> int:
    """Write the labels of several slides into one file, whole or not at all; return how many.

    Raises:
        LabelFileError: pyarrow is needed and not installed.
        StorageError: The disk refuses.
    """
    if file_format == "coco":
        return write_coco(path, labels, slides=slides, frame=frame)
    cases = {slide_id: slide.case_id for slide_id, slide in slides.items()}
    written = write_label_parquet if file_format == "parquet" else write_label_table
    return written(path, labels, case_of_slide=cases)


def _head_of(path: Path) -> str:
    with opened(path) as file:
        content = file.read(_HEAD_BYTES)
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if is_utf16 else "utf-8", errors="replace")


def _format_of_json(head: str) -> ReadFormat:
    keys = _first_keys(head)
    if keys & _COCO_KEYS:
        return "coco"
    return "dsa" if keys & _DSA_KEYS else "qupath"


def _first_keys(head: str) -> set[str]:
    """Return the keys of the object, or of the objects of the list, that JSON begins with."""
    keys: set[str] = set()
    depth, wanted = 0, 2 if head.lstrip("\ufeff \t\r\n").startswith("[") else 1
    for token in _JSON_TOKEN.finditer(head):
        if token.group() in ("{", "["):
            depth += 1
        elif token.group() in ("}", "]"):
            depth -= 1
        elif depth == wanted and token.group(2):
            keys.add(token.group(1))
    return keys


def _format_of_xml(head: str, path: Path) -> ReadFormat:
    first = _FIRST_ELEMENT.search(re.sub(r"<!--.*?-->", "", head, flags=re.DOTALL))
    name = first.group(1) if first else ""
    if name == "ASAP_Annotations":
        return "asap"
    if name == "Annotations":
        return "imagescope"
    raise LabelFileError(
        f"{path}: is XML of neither ASAP nor ImageScope, it begins with {name[:40]!r}; export "
        "the labels in another format"
    )
