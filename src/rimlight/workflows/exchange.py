"""Labels in from foreign files, and out to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rimlight.errors import LabelFileError, NotEnoughDataError
from rimlight.io.database import writing
from rimlight.io.files import inside, storage_error
from rimlight.io.formats.label_tables import read_label_table, write_label_table
from rimlight.io.formats.points import Fault, Frame, PointFile, plain_text
from rimlight.io.formats.qupath import read_qupath, write_qupath
from rimlight.io.journal import append_labels, current_labels, label_events, utc_now
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Expression, Label, SlideId, SlideInfo
from rimlight.workflows.matching import Origin, match_points
from rimlight.workflows.placing import Placed, Wording, place_points

_GEOJSON_ENDINGS = (".geojson", ".json", ".geojson.gz", ".json.gz")
_TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_MAX_NAMES = 8


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
) -> Imported:
    """Append the labels of a file to the journal, all of them or none.

    Importing a file again adds nothing. A label that differs from what the same reader last
    said of the same cell is a correction; the earlier one stays in the journal.

    Args:
        study: The study; the slides must be in it.
        path: QuPath GeoJSON or CSV.
        reader: Who gave the labels for which the file names nobody.
        slide: Id or file name of the slide, where the file does not say it.
        class_names: What class names mean that are not in our own table.
        frame: Where x and y count from, for a slide with an empty margin and a file that does
            not say it: ``bounds`` as QuPath shows it, or ``level0``.
        skip_faults: Import the sound labels and report the others.

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
    file = _read(path)
    placed = place_points(file, slides(study.engine), wording=wording)
    origin = Origin(source=name, content_hash=file.content_hash, now=utc_now())
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
    study: Study, path: Path, *, slide: str | None = None, frame: Frame | None = None
) -> int:
    """Write the current labels of the study, whole or not at all, and return how many.

    A GeoJSON file holds one slide, because QuPath reads it into one slide. For several slides
    name a folder: each slide gets its own file in it.

    Args:
        study: The study.
        path: ``.csv``; ``.geojson`` or ``.json``, with or without ``.gz``; or a folder.
        slide: Id of the one slide to export; None for all.
        frame: Where GeoJSON coordinates count from; None takes what QuPath shows.

    Raises:
        NotEnoughDataError: There is no label to write.
        LabelFileError: The name fits no format, or a GeoJSON file would hold several slides.
        StorageError: The disk refuses.
    """
    path = Path(path)
    info_of_slide = {info.slide_id: info for info in slides(study.engine)}
    labels = sorted(
        (label for label in current_labels(study.engine) if slide in (None, label.cell.slide_id)),
        key=lambda label: (label.cell.slide_id, label.cell.cell_id, label.reader),
    )
    if not labels:
        of_slide = f" on slide {slide}" if slide else ""
        raise NotEnoughDataError(f"{study.folder}: has no labels{of_slide}; import some first")
    if path.name.lower().endswith(_TABLE_ENDINGS):
        cases = {slide_id: info.case_id for slide_id, info in info_of_slide.items()}
        return write_label_table(path, labels, case_of_slide=cases)
    if path.name.lower().endswith(_GEOJSON_ENDINGS):
        return _write_geojson(path, labels, info_of_slide, frame)
    return _write_folder(path, labels, info_of_slide, frame)


def _read(path: Path) -> PointFile:
    name = path.name.lower()
    if name.endswith(_GEOJSON_ENDINGS):
        return read_qupath(path)
    if name.endswith(_TABLE_ENDINGS):
        return read_label_table(path)
    raise LabelFileError(
        f"{path}: is neither .geojson, .json nor .csv by its name; export it in one of these"
    )


def _expressions(class_names: Mapping[str, Expression | str]) -> dict[str, Expression]:
    meant = {}
    for name, level in class_names.items():
        try:
            meant[name] = Expression(level)
        except ValueError as error:
            raise LabelFileError(
                f"--class {name}={level}: {level!r} is no level; "
                f"choose one of {', '.join(Expression)}"
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
        parts.append("the points outside would fit with x and y exchanged, so look at the headings")
    parts.append("correct the file, or take the sound labels with --skip-faults")
    return "; ".join(parts)


def _refuse(name: str, file: PointFile, placed: Placed, *, faults: Sequence[str]) -> None:
    if not file.items:
        noted = f", only {len(file.notes)} other objects" if file.notes else ""
        raise LabelFileError(f"{name}: holds no point labels{noted}; export points with a class")
    if faults:
        raise LabelFileError(_sentence(name, faults, placed), tuple(faults))


def _write_geojson(
    path: Path,
    labels: Sequence[Label],
    info_of_slide: Mapping[SlideId, SlideInfo],
    frame: Frame | None,
) -> int:
    found = sorted({label.cell.slide_id for label in labels})
    if len(found) > 1:
        raise LabelFileError(
            f"{path}: a GeoJSON file holds one slide, the labels are on {len(found)}; name a "
            "folder, one slide with --slide, or a .csv file"
        )
    return write_qupath(path, labels, slide=info_of_slide[found[0]], frame=frame)


def _write_folder(
    folder: Path,
    labels: Sequence[Label],
    info_of_slide: Mapping[SlideId, SlideInfo],
    frame: Frame | None,
) -> int:
    if folder.suffix and not folder.is_dir():
        raise LabelFileError(
            f"{folder}: is no format we write; name a .geojson or .csv file, or a folder"
        )
    n_labels = 0
    for slide_id, of_slide in groupby(labels, key=lambda label: label.cell.slide_id):
        n_labels += write_qupath(
            _file_of_slide(folder, slide_id), of_slide, slide=info_of_slide[slide_id], frame=frame
        )
    return n_labels


def _file_of_slide(folder: Path, slide_id: SlideId) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    return inside(folder, f"{slide_id}.geojson")
