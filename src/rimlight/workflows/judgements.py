"""What people say of a cause that the program found: confirmed or rejected, with a note.

Append-only acts; of each reader the latest of a cell and cause counts, and a later one takes an
earlier one back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rimlight.io.acts import acts, append_act
from rimlight.io.study import Study
from rimlight.records import CellId, ReaderId

JUDGE_CAUSE = "judge_cause"
N_NOTE = 500
"""Characters of a note at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one reader says of the cause found for one cell; at: UTC, ISO 8601."""

    cell_id: CellId
    cause: str
    reader: ReaderId
    is_confirmed: bool
    note: str
    at: str


def judge(
    study: Study,
    *,
    reader: ReaderId,
    run_id: str,
    cell_id: CellId,
    cause: str,
    is_confirmed: bool | None,
    note: str = "",
) -> None:
    """Keep what a reader says of a cause; None takes an earlier judgement back.

    Raises:
        StorageError: The disk refuses; nothing was kept.
    """
    append_act(
        study.engine,
        JUDGE_CAUSE,
        reader=reader,
        subject=run_id,
        detail={
            "cell_id": str(cell_id),
            "cause": cause,
            "is_confirmed": is_confirmed,
            "note": " ".join(note.split())[:N_NOTE],
        },
    )


def judgements(study: Study, run_id: str) -> Mapping[CellId, Sequence[Judgement]]:
    """Return what counts now of a run, by cell, in the order in which it was said."""
    latest: dict[tuple[str, str, str], Judgement] = {}
    for act in acts(study.engine, JUDGE_CAUSE, subject=run_id):
        said = act.detail
        key = (str(act.reader), str(said["cell_id"]), str(said["cause"]))
        latest.pop(key, None)
        if said["is_confirmed"] is not None:
            latest[key] = Judgement(
                cell_id=CellId(key[1]),
                cause=key[2],
                reader=act.reader,
                is_confirmed=bool(said["is_confirmed"]),
                note=str(said.get("note", "")),
                at=act.recorded_at,
            )
    found: dict[CellId, list[Judgement]] = {}
    for judgement in latest.values():
        found.setdefault(judgement.cell_id, []).append(judgement)
    return found


def rejected(study: Study, run_id: str) -> set[tuple[str, str]]:
    """Return the cells of a run, each with a cause that more people rejected than confirmed."""
    weight: dict[tuple[str, str], int] = {}
    for cell_id, said in judgements(study, run_id).items():
        for one in said:
            key = (str(cell_id), one.cause)
            weight[key] = weight.get(key, 0) + (1 if one.is_confirmed else -1)
    return {key for key, found in weight.items() if found < 0}
