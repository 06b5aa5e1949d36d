"""Cells on which readers differ, with the label of each, their consensus, and no model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from rimlight.io.journal import current_labels, label_head
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Cell, CellId, Expression, Label, ReaderId, RunId
from rimlight.workflows.label import consensus
from rimlight.workflows.remembered import Remembered
from rimlight.workflows.review import open_cells

Gap = Literal["side", "kind", "level"]
GAPS: tuple[Gap, ...] = ("side", "kind", "level")
OF_READERS = RunId("readers")
"""What is disclosed to who looks at others' labels before a first run."""
CONSENSUS_RULE = (
    "No tumour cell where at least half of the readers say so. Else, of those who gave a level: "
    "none where as many call the cell positive as negative, and the median level otherwise, "
    "rounded down at a half."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One cell on which readers differ.

    said: the current label of each reader, by name.
    gap: ``side``: positive against negative. ``kind``: a level against none. ``level``: which.
    n_levels: steps between the lowest and the highest level, 0..3.
    together: their consensus; None where they are split.
    """

    cell: Cell
    case_id: str
    said: Sequence[tuple[ReaderId, Expression]]
    gap: Gap
    n_levels: int
    together: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreements:
    """The cells asked for, the widest gap first.

    n: of all that were asked for. n_of_gap: before gaps were asked for. n_shared: cells that two
    readers or more labelled. n_hidden: left out, since the reader has not labelled them yet.
    """

    cells: Sequence[Disagreement]
    n: int
    n_of_gap: Mapping[Gap, int]
    n_shared: int
    n_hidden: int
    readers: Sequence[ReaderId]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    cells: Sequence[Disagreement]
    n_shared: int
    readers: Sequence[ReaderId]


def disagreements(
    study: Study,
    *,
    reader: ReaderId,
    remembered: Remembered,
    run_id: RunId = OF_READERS,
    gap: Gap | None = None,
    between: tuple[ReaderId, ReaderId] | None = None,
    part: slice = slice(0, 100),
) -> Disagreements:
    """Return cells on which readers differ.

    Args:
        study: The study.
        reader: Who asks; cells that they have still to label themselves are left out.
        remembered: Where the cells are kept until a label comes.
        run_id: Whose disclosure opens cells to the reader beside their own.
        gap: Of this kind alone.
        between: Two readers who differ; None for any.
        part: Which of them, the widest gap first.
    """
    found = remembered.kept(
        ("disagreements", str(study.folder)), label_head(study.engine), lambda: _found(study)
    )
    asked = [it for it in found.cells if between is None or _differ(it, between)]
    seen = _seen(study, asked, reader=reader, run_id=run_id)
    shown = [it for it in asked if it.cell.cell_id in seen]
    wanted = [it for it in shown if gap in (None, it.gap)]
    return Disagreements(
        cells=wanted[part],
        n=len(wanted),
        n_of_gap={kind: sum(it.gap == kind for it in shown) for kind in GAPS},
        n_shared=found.n_shared,
        n_hidden=len(asked) - len(shown),
        readers=found.readers,
    )


def gap_of(said: Iterable[Expression]) -> tuple[Gap, int] | None:
    """Return how expressions differ and by how many levels, None where they do not.

    >>> gap_of([Expression.WEAK, Expression.STRONG]), gap_of([Expression.WEAK, Expression.NEGATIVE])
    (('level', 2), ('side', 1))
    >>> gap_of([Expression.WEAK, Expression.OTHER]), gap_of([Expression.WEAK])
    (('kind', 0), None)
    """
    different = set(said)
    if len(different) < 2:
        return None
    levels = {it.level for it in different if it.level is not None}
    n_levels = max(levels) - min(levels) if levels else 0
    if len({level > 0 for level in levels}) > 1:
        return "side", n_levels
    return ("kind" if len(levels) < len(different) else "level"), n_levels


def _found(study: Study) -> _Found:
    case_of_slide = {info.slide_id: str(info.case_id) for info in slides(study.engine)}
    labels: dict[CellId, list[Label]] = {}
    for label in current_labels(study.engine):
        labels.setdefault(label.cell.cell_id, []).append(label)
    shared = [mine for mine in labels.values() if len(mine) > 1]
    cells = []
    for mine in shared:
        said = sorted((label.reader, label.expression) for label in mine)
        gap = gap_of(expression for _, expression in said)
        if gap is not None:
            cells.append(
                Disagreement(
                    cell=mine[0].cell,
                    case_id=case_of_slide[mine[0].cell.slide_id],
                    said=said,
                    gap=gap[0],
                    n_levels=gap[1],
                    together=consensus([expression for _, expression in said]),
                )
            )
    cells.sort(key=_widest_first)
    readers = sorted({label.reader for mine in labels.values() for label in mine})
    return _Found(cells=cells, n_shared=len(shared), readers=readers)


def _widest_first(it: Disagreement) -> tuple[int, int, int, str, str]:
    return GAPS.index(it.gap), -it.n_levels, -len(it.said), it.cell.slide_id, it.cell.cell_id


def _differ(it: Disagreement, between: tuple[ReaderId, ReaderId]) -> bool:
    said = dict(it.said)
    mine = [said[reader] for reader in between if reader in said]
    return any(a != b for a, b in combinations(mine, 2))


def _seen(
    study: Study, cells: Sequence[Disagreement], *, reader: ReaderId, run_id: RunId
) -> set[CellId]:
    """Own cells may be seen without asking; the others if their slides or runs were disclosed."""
    own = {it.cell.cell_id for it in cells if any(name == reader for name, _ in it.said)}
    others = [it.cell for it in cells if it.cell.cell_id not in own]
    return own | open_cells(study, others, reader=reader, run_id=run_id)
