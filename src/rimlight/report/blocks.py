"""What a section of the page is made of: paragraphs, tables, drawings, and their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

_MOST_ROWS_SHOWN = 60
_NOTHING = Markup()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCell:
    """One cell of a table; kind is a class of the style sheet, ``n`` for numbers.

    svg stands before the text; badges and a small note stand below it.
    """

    text: str
    kind: str = ""
    svg: Markup = _NOTHING
    badges: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with a title; the first cell of each row heads it."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One picture of a figure, with a heading of its own; call: what the network says of it."""

    svg: Markup
    title: str = ""
    note: str = ""
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One cell: a sentence, and the pictures that show it, side by side.

    lead: the sentence; facts: small words beside it; badges: what must not be overlooked.
    points: a list below the pictures. kind: a class of the style sheet, where the pictures are no
    patches.
    """

    lead: str
    facts: str
    drawings: tuple[Drawing, ...]
    badges: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A figure or a table with its caption, and its numbers as columns.

    name: stem of the CSV in ``figures/``.
    numbers: what the CSV holds, where no earlier step has written it.
    strips: cells shown one below the other, each in its own row of pictures.
    """

    name: str
    title: str
    caption: str
    numbers: Mapping[str, Sequence[Any]]
    drawings: tuple[Drawing, ...] = ()
    strips: tuple[Strip, ...] = ()
    table: Table | None = None
    is_wide_table: bool = False

    @property
    def n_rows(self) -> int:
        """Rows of the numbers."""
        return len(next(iter(self.numbers.values()), ()))

    @property
    def is_wide(self) -> bool:
        """Whether the block needs the whole width of the page."""
        return len(self.drawings) > 1 or self.is_wide_table or bool(self.strips)

    @property
    def numbers_table(self) -> Table | None:
        """The numbers as a table, where they are few and no table shows them already."""
        if self.table is not None or not 0 < self.n_rows <= _MOST_ROWS_SHOWN:
            return None
        return table_of(self.numbers, title=self.title)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A step that this run lacks, and the command that makes it."""

    name: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page with a heading.

    short: the heading in the list of contents.
    points, closing, closing_points: a list after the paragraphs, and a second one with its lead.
    """

    key: str
    short: str
    title: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    closing: str = ""
    closing_points: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    missing: Missing | None = None


def table_of(columns: Mapping[str, Sequence[Any]], *, title: str) -> Table:
    """Return columns as a table, numbers to the right."""
    rows = zip(*columns.values(), strict=True)
    return Table(
        title=title,
        heads=tuple(_heading(name) for name in columns),
        rows=tuple(tuple(_cell(value) for value in row) for row in rows),
    )


def numbers_row(label: str, *texts: str) -> tuple[TableCell, ...]:
    """Return a row of a table: its heading, then numbers as text."""
    return (TableCell(text=label), *(TableCell(text=text, kind="n") for text in texts))


def alt_text(svg: str, *, alt: str) -> Markup:
    """Return our own SVG as markup that a screen reader reads as one picture."""
    escaped = Markup.escape(alt)
    head = Markup('<svg role="img" aria-label="{alt}" ').format(alt=escaped)
    return head + Markup(svg.removeprefix("<svg "))  # noqa: S704 - drawn_svg escapes its text


def _heading(name: str) -> str:
    stem, unit = (name[:-3], ", µm") if name.endswith("_um") else (name, "")
    return stem.replace("_", " ") + unit


def _cell(value: Any) -> TableCell:
    if value is None:
        return TableCell(text="undefined", kind="n")
    if isinstance(value, bool):
        return TableCell(text="yes" if value else "no")
    if isinstance(value, float):
        return TableCell(text=f"{value:.4g}", kind="n")
    if isinstance(value, int):
        return TableCell(text=f"{value:,}", kind="n")
    return TableCell(text=str(value))
