"""Cells of a review that are to be asked again, given to readers as an assignment."""

from collections.abc import Sequence

from rimlight.errors import StudyError
from rimlight.records import Cell, CellId
from rimlight.workflows.review_table import ReviewTable


def cells_to_ask(table: ReviewTable, cell_ids: Sequence[CellId]) -> list[Cell]:
    """Return the cells of a review that are to be asked again, each once.

    Raises:
        StudyError: One is none of the review, or was held out: a study that mends what its
            held-out cells got wrong has no held-out cells any more.
    """
    found = []
    for cell_id in dict.fromkeys(cell_ids):
        known = table.of_cell.get(cell_id)
        if known is None:
            raise StudyError(
                f"cell {str(cell_id)[:80]}: is none that run {table.run_id} would look at again; "
                "open the review anew"
            )
        if known.is_held_out:
            raise StudyError(
                f"cell {cell_id}: was held out by run {table.run_id}, which is measured on it; "
                "take it out of the cells to ask again"
            )
        found.append(known.cell)
    return found
