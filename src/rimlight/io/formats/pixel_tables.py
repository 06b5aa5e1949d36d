"""Label tables without a header: CellViT++ (x, y, class) and PatchSorter (row, column, class).

Each table is of one picture, which is a slide by the name of the file. The two look alike, so
which it is must be said; a table read with exchanged axes would be wrong without a word.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rimlight.errors import LabelFileError
from rimlight.io.formats.gathering import Gathered, pixels_of_text
from rimlight.io.formats.points import PointFile, PointRecord, plain_text
from rimlight.io.formats.row_stream import streamed_rows
from rimlight.io.formats.tables import MAX_ROWS, TableRow

LABEL_MAP = "label_map.yaml"
MAX_MAP_BYTES = 2**16
_PLAIN = r"""[^\s"'#!&*{}\[\]|>%@`][^"'#]*?"""  # nothing that YAML would take for more than text
_MAP_LINE = re.compile(
    rf"""\s*["']?(\d{{1,9}})["']?\s*:\s+(?:"([^"]*)"|'([^']*)'|({_PLAIN}))\s*(?:\#.*)?"""
)
_PASSED_OVER = re.compile(r"\s*(#.*|labels\s*:\s*|---\s*)?")
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)


def read_cellvit(path: Path) -> PointFile:
    """Read a table of CellViT++: x, y and the number of a class in each row.

    ``label_map.yaml`` in the folder of the table, or up to two above, names the classes; without
    it the numbers are the names.

    Raises:
        LabelFileError: The file or its label map is absent, too large, or of another form.
    """
    rows = _rows_of(path)
    name_of, map_text = _label_map(Path(path))
    gathered = Gathered(path=Path(path))
    for row in rows:
        place = f"line {row.line}"
        try:
            if len(row.cells) != 3:
                raise ValueError(f"needs x, y and class, has {len(row.cells)} cells")
            x, y = pixels_of_text(row.cells[0], "x"), pixels_of_text(row.cells[1], "y")
            number = _class_number(row.cells[2])
            name = name_of.get(number, str(number))
            gathered.take(PointRecord(place=place, x=x, y=y, class_name=name))
        except ValueError as error:
            gathered.fault(place, error)
    _note_whole_pixels(gathered, rows)
    return gathered.file(_hash_of(rows, map_text), {})


def read_patchsorter(path: Path) -> PointFile:
    """Read a table of PatchSorter: row, column and the number of a class, which may be absent.

    Cells without a class, or of class -1, were not labelled; they are left out and noted.

    Raises:
        LabelFileError: The file is absent, too large, or of another form.
    """
    rows = _rows_of(path)
    gathered = Gathered(path=Path(path))
    for row in rows:
        place = f"line {row.line}"
        try:
            if len(row.cells) not in (2, 3):
                raise ValueError(f"needs row, column and class, has {len(row.cells)} cells")
            y, x = pixels_of_text(row.cells[0], "row"), pixels_of_text(row.cells[1], "column")
            number = _class_number(row.cells[2]) if len(row.cells) == 3 else -1
            if number == -1:
                gathered.note(f"{place}: has no class yet; left out")
                continue
            gathered.take(PointRecord(place=place, x=x, y=y, class_name=str(number)))
        except ValueError as error:
            gathered.fault(place, error)
    _note_whole_pixels(gathered, rows)
    return gathered.file(_hash_of(rows, ""), {})


def _rows_of(path: Path) -> list[TableRow]:
    with streamed_rows(path, has_header=False, max_rows=MAX_ROWS) as rows:
        return list(rows)


def _class_number(text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()) or len(text) > 9:
        raise ValueError(f"the class {text[:40]!r} is no whole number")
    return int(text)


def _note_whole_pixels(gathered: Gathered, rows: Sequence[TableRow]) -> None:
    if gathered.items and all(_WHOLE.fullmatch(x.strip()) for row in rows for x in row.cells[:2]):
        gathered.note("the format keeps whole pixels only, so places are up to half a pixel off")


def _hash_of(rows: Sequence[TableRow], more: str) -> str:
    return hashlib.sha256(repr(([row.cells for row in rows], more)).encode()).hexdigest()


def _label_map(path: Path) -> tuple[Mapping[int, str], str]:
    """Return the class names by number, and the text that says so; empty where there is none."""
    for folder in path.resolve().parents[:3]:
        file = folder / LABEL_MAP
        if file.is_file():
            text = _map_text(file)
            try:
                return _names_of(text), text
            except ValueError as error:
                raise LabelFileError(f"{file}: {error}; write lines like 0: negative") from error
    return {}, ""


def _map_text(file: Path) -> str:
    try:
        with file.open("rb") as handle:
            content = handle.read(MAX_MAP_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise LabelFileError(
            f"{file}: cannot be read: {error.strerror}; give the label map read access"
        ) from error
    except UnicodeDecodeError as error:
        raise LabelFileError(f"{file}: is not UTF-8 text; save it in UTF-8") from error
    if len(content) > MAX_MAP_BYTES:
        raise LabelFileError(f"{file}: larger than {MAX_MAP_BYTES} bytes; it needs a line a class")
    return text


def _names_of(text: str) -> dict[int, str]:
    """Return the names of the few forms of YAML that label maps have; no more is read."""
    names: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if _PASSED_OVER.fullmatch(line):
            continue
        found = _MAP_LINE.fullmatch(line)
        name = (
            plain_text(next(filter(None, found.groups()[1:]), None), what="name") if found else None
        )
        if found is None or name is None:
            raise ValueError(f"line {number} names no class by its number, got {line[:40]!r}")
        key = int(found.group(1))
        if key in names:
            raise ValueError(f"class {key} stands twice")
        names[key] = name
    return names
