"""From the labels of several readers to one label a cell: the consensus of a study."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rimlight.core.standing_labels import Standing
from rimlight.io.journal import label_events
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import CaseId, Cell, CellId, Expression, Label, LabelledCell, SlideId

_EXPRESSION_OF_LEVEL = (
    Expression.NEGATIVE,
    Expression.WEAK,
    Expression.MODERATE,
    Expression.STRONG,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """What the readers of a study say together, each group ordered by slide and cell.

    cells: cells with a level; the only ones that train and count.
    others: cells of which at least half of the readers say ``other``.
    disputed: cells that as many readers call positive as negative.
    unjudged: cells of which every reader says ``cannot_judge``.
    """

    cells: tuple[LabelledCell, ...]
    others: tuple[LabelledCell, ...]
    disputed: tuple[Cell, ...]
    unjudged: tuple[Cell, ...] = ()


def labelled_cells(study: Study) -> list[LabelledCell]:
    """Return the cells of a study whose readers agree on a level; see ``consensus_of_study``."""
    return list(consensus_of_study(study).cells)


def consensus_of_study(study: Study) -> Consensus:
    """Return the consensus of every labelled cell of a study.

    A cell lies where its first label lay.
    """
    case_of_slide = {info.slide_id: info.case_id for info in slides(study.engine)}
    return consensus_of(
        [event.label for event in label_events(study.engine)], case_of_slide=case_of_slide
    )


def consensus_of(events: Iterable[Label], *, case_of_slide: Mapping[SlideId, CaseId]) -> Consensus:
    """Return the consensus of label events, the oldest first; a reader's latest label counts.

    Repeats are no votes, nor is a label that was taken back.
    """
    first: dict[CellId, Cell] = {}
    found = Standing()
    for label in events:
        first.setdefault(label.cell.cell_id, label.cell)
        found.add(label)
    standing: dict[CellId, list[Expression]] = {}
    for label in found:
        standing.setdefault(label.cell.cell_id, []).append(label.expression)
    cells: list[LabelledCell] = []
    others: list[LabelledCell] = []
    disputed: list[Cell] = []
    unjudged: list[Cell] = []
    labelled = (first[cell_id] for cell_id in standing)
    for cell in sorted(labelled, key=lambda cell: (cell.slide_id, cell.cell_id)):
        said = [each for each in standing[cell.cell_id] if each.is_vote]
        if not said:
            unjudged.append(cell)
            continue
        expression = consensus(said)
        if expression is None:
            disputed.append(cell)
            continue
        agreed = LabelledCell(
            cell=cell,
            case_id=case_of_slide[cell.slide_id],
            expression=expression,
            n_readers=len(said),
        )
        (others if expression is Expression.OTHER else cells).append(agreed)
    return Consensus(
        cells=tuple(cells),
        others=tuple(others),
        disputed=tuple(disputed),
        unjudged=tuple(unjudged),
    )


def consensus(said: Sequence[Expression]) -> Expression | None:
    """Return what readers say together of one cell, or None where they are split.

    Those who cannot judge have no vote. ``other`` where at least half say so. Else, of those who
    gave a level: None where as many call the cell positive as negative, and the median level,
    rounded down at a half, otherwise.

    Source:
        Own definition, see docs/method.md.

    >>> consensus([Expression.WEAK, Expression.STRONG]), consensus([])
    (<Expression.MODERATE: 'moderate'>, None)
    """
    votes = [expression for expression in said if expression.is_vote]
    levels = sorted(vote.level for vote in votes if vote.level is not None)
    if not votes:
        return None
    if 2 * (len(votes) - len(levels)) >= len(votes):
        return Expression.OTHER
    n_positive = sum(level > 0 for level in levels)
    if 2 * n_positive == len(levels):
        return None
    middle = len(levels) // 2
    median = levels[middle] if len(levels) % 2 else (levels[middle - 1] + levels[middle]) // 2
    return _EXPRESSION_OF_LEVEL[median]
