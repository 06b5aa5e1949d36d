"""What is done with the regions that stand: written out, withdrawn, and cores given their cases."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from rimlight.errors import LabelFileError, NotEnoughDataError, StudyError
from rimlight.io.database import writing
from rimlight.io.files import inside, make_folder
from rimlight.io.formats.points import Frame
from rimlight.io.formats.qupath_regions import write_qupath_regions
from rimlight.io.formats.tables import read_table
from rimlight.io.regions import current_regions, put_regions, withdraw_regions
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import CaseId, ReaderId, Region, RegionKind, SlideId, SlideInfo

_MAX_NAMES = 8


def export_regions(
    study: Study, path: Path, *, slide: str | None = None, frame: Frame | None = None
) -> int:
    """Write regions as GeoJSON of QuPath: one slide to a file, or each to a file in a folder.

    Raises:
        NotEnoughDataError: There is no region to write.
        LabelFileError: A file would hold several slides.
        StorageError: The disk refuses.
    """
    path = Path(path)
    info_of_slide = {info.slide_id: info for info in slides(study.engine)}
    found = [each for each in current_regions(study.engine) if slide in (None, each.slide_id)]
    found.sort(key=_order)
    if not found:
        where = f" on slide {slide}" if slide else ""
        raise NotEnoughDataError(f"{study.folder}: has no regions{where}; import some first")
    is_file = path.name.lower().removesuffix(".gz").endswith((".geojson", ".json"))
    if is_file and len({region.slide_id for region in found}) > 1:
        raise LabelFileError(
            f"{path}: a file of GeoJSON holds one slide; name a folder, or one slide with --slide"
        )
    for slide_id, of_slide in groupby(found, key=lambda region: region.slide_id):
        target = path if is_file else _file_of_slide(path, f"{slide_id}.geojson")
        write_qupath_regions(target, of_slide, slide=info_of_slide[slide_id], frame=frame)
    return len(found)


def withdraw_regions_named(
    study: Study, names: Sequence[str], *, slide: str, reader: str | None = None
) -> int:
    """Withdraw regions of a slide by name, all of them or none, and return how many.

    Raises:
        StudyError: The slide has no region of such a name.
    """
    info = slide_of(study, slide)
    standing = {each.name: each for each in current_regions(study.engine, info.slide_id)}
    for name in names:
        if name not in standing:
            known = ", ".join(list(standing)[:_MAX_NAMES]) or "none"
            raise StudyError(f"slide {slide}: has no region {name!r}; it has {known}")
    chosen = [standing[name] for name in names]
    return withdraw_regions(study.engine, chosen, reader=ReaderId(reader or ""))


def put_cases(study: Study, path: Path, *, slide: str) -> int:
    """Say which case each core of a slide is of, by a table with the columns core and case.

    Returns:
        How many cores the table names.

    Raises:
        LabelFileError: The table is none, names a core twice, or one that the slide has not.
    """
    info = slide_of(study, slide)
    table = read_table(Path(path), refusal=LabelFileError)
    if not {"core", "case"} <= set(table):
        raise LabelFileError(f"{path}: needs the columns core and case, has {', '.join(table)}")
    case_of_core = dict(zip(table["core"], table["case"], strict=True))
    if len(case_of_core) < len(table["core"]):
        twice = next(name for name, n in Counter(table["core"]).items() if n > 1)
        raise LabelFileError(f"{path}: names core {twice!r} twice; leave one line of each core")
    with writing(study.engine) as transaction:
        standing = current_regions(transaction, info.slide_id)
        cores = {each.name: each for each in standing if each.kind is RegionKind.CORE}
        unknown = sorted(set(case_of_core) - set(cores))
        if unknown:
            raise LabelFileError(
                f"{path}: names cores that slide {slide} has not: {', '.join(unknown[:_MAX_NAMES])}"
            )
        put_regions(
            transaction,
            [
                replace(cores[name], case_id=CaseId(case) if case else None)
                for name, case in case_of_core.items()
            ],
        )
    return len(case_of_core)


def slide_of(study: Study, slide: str) -> SlideInfo:
    """Return a slide of the study by its id.

    Raises:
        StudyError: It is not in the study.
    """
    every = {info.slide_id: info for info in slides(study.engine)}
    if slide not in every:
        raise StudyError(
            f"slide {slide!r}: is not in {study.folder}; name a slide by its id, as in "
            f"{', '.join(list(every)[:5])}"
        )
    return every[SlideId(slide)]


def _order(region: Region) -> tuple[object, ...]:
    """Return what brings cores row by row, as the grid of QuPath wants them, behind the others."""
    if region.kind is not RegionKind.CORE:
        return region.slide_id, False, ()
    return region.slide_id, True, tuple((len(part), part) for part in region.name.split("-"))


def _file_of_slide(folder: Path, name: str) -> Path:
    if folder.suffix and not folder.is_dir():
        raise LabelFileError(f"{folder}: is no .geojson file; name one, or a folder")
    return inside(make_folder(folder, parents=True), name)
