"""Records of tissue controls from a table into a study, and what stands of each slide."""

from dataclasses import dataclass
from pathlib import Path

from rimlight.errors import StudyError
from rimlight.io.controls import controls_of, current_controls, put_controls
from rimlight.io.formats.tables import read_table
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Control, ControlName, ControlOutcome, ReaderId


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedControls:
    """What became of a table: outcomes it states, and those that were new or changed."""

    n_stated: int
    n_new: int


def import_controls(study: Study, path: Path, *, reader: str | None = None) -> ImportedControls:
    """Take a table of controls into a study, all of it or nothing.

    Columns: ``slide`` or ``case``, or both, of which each row fills one; any of ``positive``,
    ``negative``, ``reagent`` with pass, fail or not recorded, an empty cell says nothing; and if
    wanted ``reader``.

    Args:
        study: To take it into.
        path: A CSV.
        reader: Who looked, where the table names nobody.

    Raises:
        StudyError: The file is no such table, or a row cannot be taken; the first is named.
        StorageError: The disk refuses; nothing was stored.
    """
    path = Path(path)
    table = read_table(path, refusal=StudyError)
    names = [control.value for control in ControlName]
    if not {"slide", "case"} & set(table) or not set(names) & set(table):
        raise StudyError(
            f"{path}: its columns are {', '.join(table)}; a table of controls has slide or case, "
            f"and {', '.join(names)}"
        )
    every = slides(study.engine)
    known = {
        "slide": {str(info.slide_id) for info in every},
        "case": {str(info.case_id) for info in every},
    }
    found: list[Control] = []
    for number in range(len(next(iter(table.values())))):
        row = {name: cells[number].strip() for name, cells in table.items()}
        found += _controls(row, f"{path}: row {number + 1}", known=known, reader=reader or "")
    return ImportedControls(n_stated=len(found), n_new=put_controls(study.engine, found))


def listed_controls(study: Study) -> list[dict[str, str]]:
    """Return what stands of each slide: ``slide``, ``case``, and the outcome of each control."""
    standing = current_controls(study.engine)
    return [
        {
            "slide": str(info.slide_id),
            "case": str(info.case_id),
            **controls_of(standing, info),
        }
        for info in slides(study.engine)
    ]


def _controls(
    row: dict[str, str], where: str, *, known: dict[str, set[str]], reader: str
) -> list[Control]:
    scopes = [scope for scope in ("slide", "case") if row.get(scope)]
    if len(scopes) != 1:
        raise StudyError(f"{where}: names {_both(scopes)}; fill in a slide or a case, one of them")
    subject = row[scopes[0]]
    if subject not in known[scopes[0]]:
        raise StudyError(
            f"{where}: the {scopes[0]} {subject!r} is not in this study; name one that is"
        )
    return [
        Control(
            scope=scopes[0],
            subject=subject,
            control=control,
            outcome=_outcome(row[control.value], f"{where}: {control.value}"),
            reader=ReaderId(row.get("reader") or reader),
            source=where.partition(": row")[0],
        )
        for control in ControlName
        if row.get(control.value)
    ]


def _both(scopes: list[str]) -> str:
    return "a slide and a case" if scopes else "neither a slide nor a case"


def _outcome(cell: str, where: str) -> ControlOutcome:
    try:
        return ControlOutcome(cell.casefold().replace("_", " "))
    except ValueError as error:
        raise StudyError(f"{where}: must be pass, fail or not recorded, got {cell!r}") from error
