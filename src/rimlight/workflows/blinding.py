"""What a reader may see of the model's word: not before their own, unless it was disclosed.

A cell is open to a reader who has labelled it. A slide or a run that was disclosed to a reader
opens its other cells too, but for those that wait in one of the reader's assignments. Where an
assignment repeats cells, all its cells stay hidden until its last place is answered: the repeat of
a cell whose prediction was shown after the first look would be no blinded second look, and hiding
the repeated ones alone would tell which they are. Disclosing is an act that is kept for good.
"""

from collections.abc import Collection, Mapping
from typing import Literal

from rimlight.io.acts import acts, append_act
from rimlight.io.assignments import answered_places, assignments, assignments_with
from rimlight.io.journal import cells_labelled_by
from rimlight.io.study import Study
from rimlight.records import CellId, ReaderId, RunId, SlideId

ACT = "disclose"
Scope = Literal["slide", "run"]


def may_see(
    study: Study,
    *,
    reader: ReaderId,
    slide_id: SlideId,
    cell_ids: Collection[CellId],
    run_id: RunId | None = None,
) -> set[CellId]:
    """Return those cells of a slide of which a reader may see the model's word.

    Args:
        study: With ``[workbench] blind = false`` everybody may see everything.
        reader: Who asks.
        slide_id: The slide that the cells lie on.
        cell_ids: The cells; they need not be known to the study.
        run_id: Whose word it is; a run that was disclosed opens what a disclosed slide does.
    """
    asked = set(cell_ids)
    if not study.settings.workbench.blind:
        return asked
    labelled = cells_labelled_by(study.engine, reader, slide_id=slide_id, cell_ids=asked)
    waiting = assignments_with(study.engine, reader, slide_id=slide_id, cell_ids=asked)
    assigned = {cell for cells in waiting.values() for cell in cells}
    is_open = is_disclosed(study, reader=reader, scope="slide", subject=slide_id) or (
        run_id is not None and is_disclosed(study, reader=reader, scope="run", subject=run_id)
    )
    found = asked - (assigned - labelled) if is_open else asked & labelled
    return found - _shut(study, reader, waiting) if waiting else found


def is_disclosed(study: Study, *, reader: ReaderId, scope: Scope, subject: str) -> bool:
    """Return whether a slide or a run was disclosed to a reader, or nothing is hidden at all."""
    if not study.settings.workbench.blind:
        return True
    found = acts(study.engine, ACT, subject=f"{scope}:{subject}")
    return any(act.reader == reader for act in found)


def disclose(study: Study, *, reader: ReaderId, scope: Scope, subject: str) -> None:
    """Open a slide or a run to a reader, for good; once is enough.

    Raises:
        StorageError: The disk refuses; nothing was disclosed.
    """
    if not is_disclosed(study, reader=reader, scope=scope, subject=subject):
        append_act(study.engine, ACT, reader=reader, subject=f"{scope}:{subject}")


def _shut(study: Study, reader: ReaderId, waiting: Mapping[int, set[CellId]]) -> set[CellId]:
    """Return the cells of assignments whose every cell is hidden until the last is answered."""
    return {
        cell
        for made in assignments(study.engine, reader=reader)
        if made.assignment_id in waiting and made.settings.get("is_blind_to_the_end")
        if len(answered_places(study.engine, made)) < made.n_cells
        for cell in waiting[made.assignment_id]
    }
