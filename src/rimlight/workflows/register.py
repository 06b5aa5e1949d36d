"""Slides into a study, by reference: added once, found again when moved, refused with a reason."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rimlight.errors import SlideError, StudyError
from rimlight.io.formats.tables import read_table
from rimlight.io.inspection import Inspection, fingerprint
from rimlight.io.isolation import Inspector, inspector
from rimlight.io.store import put_slides, slides
from rimlight.io.study import Study
from rimlight.records import CaseId, SlideId, SlideInfo

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideEntry:
    """A slide to register; None where nothing is said.

    path: the file.
    slide: its name in the study; else the name of the file without its ending.
    case: the specimen it comes from; else the slide is taken as a case of its own.
    assay: else that of the study.
    scanner: else what the file says.
    mpp: micrometres per level-0 pixel; else what the file says.
    """

    path: Path
    slide: str | None = None
    case: str | None = None
    assay: str | None = None
    scanner: str | None = None
    mpp: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What became of the entries.

    added, known: slides that are new, and that were there already, perhaps with new facts.
    refused: one sentence for each entry that was not taken.
    notices: one sentence for each thing the user should know.
    """

    added: tuple[SlideId, ...]
    known: tuple[SlideId, ...]
    refused: tuple[str, ...]
    notices: tuple[str, ...]


def register_slides(
    study: Study, entries: Sequence[SlideEntry], *, progress: Progress | None = None
) -> Registered:
    """Look every slide over in a process of its own and store what is fit for use.

    A bad slide does not stop the others, and what was stored stays if the work is broken off.
    Files are not copied and never written to. A file that is known already is found by its
    fingerprint: at another place the slide is linked anew, and under the name of another file
    it is refused.

    Raises:
        StorageError: The database cannot be written.
    """
    with inspector() as looker:
        desk = _Desk(study, looker)
        for done, entry in enumerate(entries, start=1):
            desk.take(entry)
            if progress is not None:
                progress("looking slides over", done, len(entries))
    return desk.registered()


def entries_of_manifest(path: Path) -> list[SlideEntry]:
    """Return the slides of a CSV; relative paths count from the folder of the CSV.

    Columns: ``slide`` (the file), and if wanted ``case``, ``assay``, ``scanner``, ``mpp``.
    Where there is a column ``path``, that is the file, and ``slide`` its name in the study.
    Other columns are left alone; an empty cell says nothing.

    Raises:
        StudyError: The file is no such table, or a cell cannot be read.
    """
    path = Path(path)
    table = read_table(path, refusal=StudyError)
    file_column = "path" if "path" in table else "slide"
    if file_column not in table:
        raise StudyError(
            f"{path}: has no column slide; its columns are slide, case, assay, scanner, mpp"
        )
    n_rows = len(table[file_column])
    columns = {name: [cell.strip() or None for cell in cells] for name, cells in table.items()}
    nothing = [None] * n_rows

    def entry(row: int) -> SlideEntry:
        def cell(name: str) -> str | None:
            return columns.get(name, nothing)[row]

        file = cell(file_column)
        if file is None:
            raise StudyError(f"{path}: row {row + 1} names no file; fill in its {file_column}")
        return SlideEntry(
            path=path.parent / file,
            slide=cell("slide") if file_column == "path" else None,
            case=cell("case"),
            assay=cell("assay"),
            scanner=cell("scanner"),
            mpp=_mpp(cell("mpp"), f"{path}: row {row + 1}"),
        )

    return [entry(row) for row in range(n_rows)]


class _Desk:
    """Takes entries one by one, and keeps count."""

    def __init__(self, study: Study, looker: Inspector) -> None:
        self._study = study
        self._looker = looker
        self._info_of_slide = {info.slide_id: info for info in slides(study.engine)}
        self._added: list[SlideId] = []
        self._known: list[SlideId] = []
        self._refused: list[str] = []
        self._notices: list[str] = []
        self._n_own_cases = 0
        self._series_of_slide: dict[SlideId, str] = {}

    def take(self, entry: SlideEntry) -> None:
        """Register one slide, or note why not."""
        try:
            self._take(entry)
        except SlideError as error:
            self._refused.append(" ".join(str(error).split()))

    def registered(self) -> Registered:
        """Return what became of all entries."""
        return Registered(
            added=tuple(self._added),
            known=tuple(self._known),
            refused=tuple(self._refused),
            notices=tuple(self._all_notices()),
        )

    def _all_notices(self) -> Iterator[str]:
        yield from self._notices
        if self._n_own_cases:
            yield (
                f"{self._n_own_cases} slide(s) name no case, so each is a case of its own; give "
                "--case or the case column of a manifest where slides share a specimen"
            )

    def _take(self, entry: SlideEntry) -> None:
        slide_id = _slide_id(entry)
        mark = fingerprint(entry.path)
        known = self._info_of_slide.get(slide_id)
        if known is None:
            twin = self._twin(mark)
            if twin is None:
                self._add(entry, slide_id)
                return
            if self._path_of(twin).exists():
                raise SlideError(
                    f"{entry.path}: is the same file as slide {twin.slide_id}; register it once"
                )
            known = twin
        if known.fingerprint != mark:
            raise SlideError(
                f"{entry.path}: is another file than the one registered as {known.slide_id}; "
                "put the old file back, or give this one another name in a manifest with the "
                "columns path and slide"
            )
        self._meet_again(entry, known)

    def _add(self, entry: SlideEntry, slide_id: SlideId) -> None:
        found = self._inspected(entry, slide_id, entry.case or slide_id)
        relative = self._of_same_series(found)
        if relative is not None:
            self._note_series(entry, relative)
            return
        self._added.append(slide_id)
        self._n_own_cases += entry.case is None
        self._put(found.info)

    def _of_same_series(self, found: Inspection) -> SlideInfo | None:
        """Return the known slide that another file of the same DICOM series opens, if any."""
        folder = self._path_of(found.info).parent
        for info in self._info_of_slide.values():
            path = self._path_of(info)
            if not found.series or info.format != found.info.format or path.parent != folder:
                continue
            if info.slide_id not in self._series_of_slide:
                self._inspected(SlideEntry(path=path, mpp=info.mpp), info.slide_id, info.case_id)
            if self._series_of_slide[info.slide_id] == found.series:
                return info
        return None

    def _note_series(self, entry: SlideEntry, known: SlideInfo) -> None:
        what = f"{entry.path}: is a file of the DICOM series that is slide {known.slide_id}"
        if entry.case not in (None, known.case_id):
            raise SlideError(f"{what} of case {known.case_id}; one slide is of one case")
        self._notices.append(f"{what}, so nothing was added")

    def _meet_again(self, entry: SlideEntry, known: SlideInfo) -> None:
        """Take up what is new about a slide that is known: where it is, and what was said."""
        info = replace(
            known,
            path=self._reference(entry.path),
            case_id=CaseId(entry.case or known.case_id),
            assay=entry.assay or known.assay,
            scanner=entry.scanner or known.scanner,
        )
        if entry.mpp is not None and entry.mpp != known.mpp:
            looked = self._inspected(entry, known.slide_id, info.case_id)
            info = replace(info, mpp=looked.info.mpp, mpp_source=looked.info.mpp_source)
        for name in ("path", "case_id", "assay", "scanner", "mpp"):
            old, new = getattr(known, name), getattr(info, name)
            if old != new:
                what = name.removesuffix("_id")
                self._notices.append(f"{known.slide_id}: its {what} was {old} and is now {new}")
        self._known.append(known.slide_id)
        if info != known:
            self._put(info)

    def _inspected(self, entry: SlideEntry, slide_id: SlideId, case: str) -> Inspection:
        found = self._looker.inspect(
            entry.path,
            slide_id=slide_id,
            case_id=CaseId(case),
            assay=entry.assay or self._study.settings.study.assay,
            scanner=entry.scanner,
            mpp=entry.mpp,
        )
        self._series_of_slide[slide_id] = found.series
        self._notices.extend(found.notices)
        return replace(found, info=replace(found.info, path=self._reference(entry.path)))

    def _put(self, info: SlideInfo) -> None:
        put_slides(self._study.engine, [info])
        self._info_of_slide[info.slide_id] = info

    def _twin(self, mark: str) -> SlideInfo | None:
        same = (info for info in self._info_of_slide.values() if info.fingerprint == mark)
        return next(same, None)

    def _reference(self, path: Path) -> str:
        """Return the path from the study's folder if the file lies in it, else the whole path."""
        whole, home = path.absolute(), self._study.folder.absolute()
        return whole.relative_to(home).as_posix() if whole.is_relative_to(home) else str(whole)

    def _path_of(self, info: SlideInfo) -> Path:
        return self._study.folder / info.path


def _slide_id(entry: SlideEntry) -> SlideId:
    name = entry.slide or entry.path.stem
    if not name.isprintable() or "/" in name or "\\" in name:
        raise SlideError(
            f"{entry.path}: {name!r} cannot name a slide; give it a name without slashes and line "
            "breaks in a manifest with the columns path and slide"
        )
    return SlideId(name)


def _mpp(cell: str | None, where: str) -> float | None:
    if cell is None:
        return None
    try:
        return float(cell)
    except ValueError as error:
        raise StudyError(f"{where}: mpp must be a number such as 0.25, got {cell!r}") from error
