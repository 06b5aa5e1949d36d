"""Labels in from foreign files, and out to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from rimlight.core.label_origins import is_of_workbench
from rimlight.errors import LabelFileError, NotEnoughDataError
from rimlight.io.database import writing
from rimlight.io.event_chain import utc_now
from rimlight.io.files import inside, make_folder
from rimlight.io.formats.label_formats import (
    ENDINGS,
    WRITERS_OF_SLIDE,
    format_to_write,
    read_labels,
    write_study,
)
from rimlight.io.formats.points import (
    Fault,
    Frame,
    PointFile,
    ReadFormat,
    WrittenFormat,
    plain_text,
)
from rimlight.io.journal import append_labels, current_labels, label_events
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import ANSWERS, Expression, Label, SlideId, SlideInfo
from rimlight.workflows.matching import Origin, match_points
from rimlight.workflows.placing import Placed, Wording, place_points

_MAX_NAMES = 8
_ANSWER_OF_NAME = {answer.value: answer for answer in ANSWERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did.

    n_events: sound labels in the file.
    n_new: labels appended to the journal; ``n_corrections`` of them replace what the same
        reader said of the same cell.
    n_known: labels that the journal held already.
    faults: what was skipped, one sentence each; empty unless ``skip_faults`` was asked for.
    notes: what is no point label and was left out, one sentence each.
    """

    n_events: int
    n_new: int
    n_known: int
    n_corrections: int
    slides: tuple[SlideId, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def import_labels(
    study: Study,
    path: Path,
    *,
    reader: str | None = None,
    slide: str | None = None,
    class_names: Mapping[str, Expression | str] | None = None,
    frame: Frame | None = None,
    skip_faults: bool = False,
    file_format: ReadFormat | None = None,
) -> Imported:
    """Append the labels of a file to the journal, all of them or none.

    Importing a file again adds nothing. A label that differs from what the same reader last
    said of the same cell is a correction; the earlier one stays in the journal.

    Args:
        study: The study; the slides must be in it.
        path: A file of any format in ``ReadFormat``.
        reader: Who gave the labels for which the file names nobody.
        slide: Id or file name of the slide, where the file does not say it.
        class_names: What class names mean that are not in our own table.
        frame: Where x and y count from, for a slide with an empty margin and a file that does
            not say it: ``bounds`` as QuPath shows it, or ``level0``.
        skip_faults: Import the sound labels and report the others.
        file_format: The format; None tells it from the file.

    Raises:
        LabelFileError: The file has faults, all of them listed, and nothing was imported.
        StorageError: The disk refuses, and nothing was imported.
    """
    path = Path(path)
    name = path.name.encode(errors="replace").decode()
    wording = Wording(
        file=name,
        reader=_reader(reader),
        slide=slide,
        frame=frame,
        class_names=_expressions(class_names or {}),
    )
    every = [_with_whole_path(study, info) for info in slides(study.engine)]
    file = read_labels(path, file_format, slides=every)
    placed = place_points(file, every, wording=wording)
    source = f"file {name}" if is_of_workbench(name) else name
    origin = Origin(source=source, content_hash=file.content_hash, now=utc_now())
    with writing(study.engine) as transaction:
        events = [event.label for event in label_events(transaction)]
        matched = match_points(placed.points, events, origin=origin)
        faults = _in_order(file, (*placed.faults, *matched.faults))
        _refuse(name, file, placed, faults=() if skip_faults else faults)
        if faults and not (matched.labels or matched.n_known):
            raise LabelFileError(f"{name}: has no sound label, only faults; correct it", faults)
        append_labels(transaction, matched.labels)
    return Imported(
        n_events=len(matched.labels) + matched.n_known,
        n_new=len(matched.labels),
        n_known=matched.n_known,
        n_corrections=matched.n_corrections,
        slides=tuple(sorted({point.slide.slide_id for point in placed.points})),
        faults=faults,
        notes=file.notes,
    )


def export_labels(
    study: Study,
    path: Path,
    *,
    slide: str | None = None,
    frame: Frame | None = None,
    file_format: WrittenFormat | None = None,
) -> int:
    """Write the current labels of the study, whole or not at all, and return how many.

    A file of QuPath, ASAP, ImageScope, DSA or DICOM holds one slide, because these read it into one
    slide. For several slides name a folder: each slide gets its own file in it.

    Args:
        study: The study.
        path: ``.csv``, ``.parquet``, ``.geojson`` or ``.json``; with a format, a file of its
            ending; or a folder.
        slide: Id of the one slide to export; None for all.
        frame: Where coordinates count from; None takes what QuPath shows for QuPath, and
            ``level0`` for all others. Tables are always of level 0.
        file_format: The format; None tells it from the name.

    Raises:
        NotEnoughDataError: There is no label to write.
        LabelFileError: The name fits no format, or a file would hold several slides.
        StorageError: The disk refuses.
    """
    path = Path(path)
    info_of_slide = {info.slide_id: _with_whole_path(study, info) for info in slides(study.engine)}
    labels = sorted(
        (label for label in current_labels(study.engine) if slide in (None, label.cell.slide_id)),
        key=lambda label: (label.cell.slide_id, label.cell.cell_id, label.reader),
    )
    if not labels:
        of_slide = f" on slide {slide}" if slide else ""
        raise NotEnoughDataError(f"{study.folder}: has no labels{of_slide}; import some first")
    written = format_to_write(path, file_format)
    is_file = path.name.lower().endswith(ENDINGS[written])
    if written in WRITERS_OF_SLIDE:
        write = _write_file if is_file else _write_folder
        return write(path, labels, info_of_slide, _Manner(file_format=written, frame=frame))
    if not is_file:
        raise LabelFileError(
            f"{path}: {written} holds all slides in one file; name it {ENDINGS[written][0]}"
        )
    return write_study(path, labels, slides=info_of_slide, file_format=written, frame=frame)


def _with_whole_path(study: Study, info: SlideInfo) -> SlideInfo:
    """Return a slide whose path holds from any folder."""
    return replace(info, path=str(study.folder / info.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How the files of single slides are written."""

    file_format: WrittenFormat
    frame: Frame | None


def _expressions(class_names: Mapping[str, Expression | str]) -> dict[str, Expression]:
    meant: dict[str, Expression] = {}
    for name, level in class_names.items():
        try:
            meant[name] = _ANSWER_OF_NAME[level]
        except KeyError as error:
            raise LabelFileError(
                f"--class {name}={level}: {level!r} is no level; choose one of {', '.join(ANSWERS)}"
            ) from error
    return meant


def _reader(name: str | None) -> str | None:
    try:
        return plain_text(name, what="reader")
    except ValueError as error:
        raise LabelFileError(f"--reader: {error}; give a plain name") from error


def _in_order(file: PointFile, faults: Sequence[Fault]) -> tuple[str, ...]:
    place_of = {item.place: number for number, item in enumerate(file.items)}
    return tuple(map(str, sorted(faults, key=lambda fault: place_of[fault.place])))


def _sentence(name: str, faults: Sequence[str], placed: Placed) -> str:
    parts = [f"{name}: {len(faults)} faults, nothing was imported"]
    if len(faults) == 1:
        parts = [f"{name}: {faults[0]}; nothing was imported"]
    if placed.unknown_classes:
        unknown = sorted(placed.unknown_classes)
        shown = ", ".join(
            f"{each!r} ({placed.unknown_classes[each]})" for each in unknown[:_MAX_NAMES]
        )
        parts.append(f'say what these classes mean, {shown}, with --class "{unknown[0]}=weak"')
    if placed.is_swapped:
        parts.append(
            "the points outside would fit with x and y exchanged, so look at the headings, or at "
            "--format"
        )
    parts.append("correct the file, or take the sound labels with --skip-faults")
    return "; ".join(parts)


def _refuse(name: str, file: PointFile, placed: Placed, *, faults: Sequence[str]) -> None:
    if not file.items:
        noted = f", only {len(file.notes)} other objects" if file.notes else ""
        raise LabelFileError(f"{name}: holds no point labels{noted}; export points with a class")
    if faults:
        raise LabelFileError(_sentence(name, faults, placed), tuple(faults))


def _write_file(
    path: Path,
    labels: Sequence[Label],
    info_of_slide: Mapping[SlideId, SlideInfo],
    manner: _Manner,
) -> int:
    found = sorted({label.cell.slide_id for label in labels})
    if len(found) > 1:
        what = "GeoJSON" if manner.file_format == "qupath" else manner.file_format
        raise LabelFileError(
            f"{path}: a file of {what} holds one slide, the labels are on {len(found)}; name a "
            "folder, one slide with --slide, or a .csv file"
        )
    write = WRITERS_OF_SLIDE[manner.file_format]
    return write(path, labels, slide=info_of_slide[found[0]], frame=manner.frame)


def _write_folder(
    folder: Path,
    labels: Sequence[Label],
    info_of_slide: Mapping[SlideId, SlideInfo],
    manner: _Manner,
) -> int:
    if folder.suffix and not folder.is_dir():
        raise LabelFileError(
            f"{folder}: is no format we write; name a .geojson or .csv file, or a folder"
        )
    ending = ENDINGS[manner.file_format][0]
    n_labels = 0
    for slide_id, of_slide in groupby(labels, key=lambda label: label.cell.slide_id):
        path = _file_of_slide(folder, f"{slide_id}{ending}")
        n_labels += _write_file(path, list(of_slide), info_of_slide, manner)
    return n_labels


def _file_of_slide(folder: Path, name: str) -> Path:
    return inside(make_folder(folder, parents=True), name)
