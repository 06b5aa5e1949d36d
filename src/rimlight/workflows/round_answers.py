"""Which labels answer a round: those of its cells, by id or by place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rimlight.io.rounds import rounds
from rimlight.io.store import slides
from rimlight.io.study import Study
from rimlight.records import Cell, CellId, Expression, Round, SlideId
from rimlight.workflows.label import Consensus, consensus_of_study
from rimlight.workflows.placing import SAME_CELL_UM, Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What readers said of a cell of a round: their consensus, None where there is none."""

    cell_id: CellId
    expression: Expression | None


def answers_of_rounds(study: Study, made: Sequence[Round]) -> dict[int, dict[int, Answer]]:
    """Return per round the answers that its cells have got, by their place in it."""
    answers = _answers(study)
    mpp = {info.slide_id: info.mpp for info in slides(study.engine)}
    return {each.round_id: _answered(each, answers, mpp) for each in made}


def cells_of_rounds(study: Study) -> frozenset[CellId]:
    """Return the labelled cells that any round of the study asked for."""
    known = rounds(study.engine)
    if not known:
        return frozenset()
    found = answers_of_rounds(study, known).values()
    return frozenset(answer.cell_id for each in found for answer in each.values())


def _answers(study: Study) -> list[tuple[Cell, Expression | None]]:
    """Return every labelled cell with its consensus; None where readers are split or unsure."""
    found: Consensus = consensus_of_study(study)
    sure = [(each.cell, each.expression) for each in (*found.cells, *found.others)]
    return [*sure, *((cell, None) for cell in (*found.disputed, *found.unjudged))]


def _answered(
    made: Round,
    answers: Sequence[tuple[Cell, Expression | None]],
    mpp: Mapping[SlideId, float],
) -> dict[int, Answer]:
    """Return the answer to each place of a round: of the cell by its id, else of one within 1 µm.

    A label given to another point of the same nucleus, as when QuPath's file lost the ids, counts.
    """
    by_id = {cell.cell_id: Answer(cell_id=cell.cell_id, expression=e) for cell, e in answers}
    grids: dict[SlideId, Grid] = {}
    for cell, _ in answers:
        if cell.slide_id in mpp:
            reach = SAME_CELL_UM / mpp[cell.slide_id]
            grid = grids.setdefault(cell.slide_id, Grid(reach=reach))
            grid.add(cell.x_l0, cell.y_l0, cell.cell_id)
    found = {}
    for place, asked in enumerate(made.cells):
        answer = by_id.get(asked.cell.cell_id)
        grid_here = grids.get(asked.cell.slide_id)
        if answer is None and grid_here is not None:
            near = grid_here.near(asked.cell.x_l0, asked.cell.y_l0)
            answer = by_id[CellId(near[0][1])] if near else None
        if answer is not None:
            found[place] = answer
    return found
