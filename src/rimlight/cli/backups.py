"""The verbs that keep a study's labels twice: backup, restore."""

from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer


def backup(study: StudyFolder, *, as_json: AsJson = False) -> None:
    """Make a verified backup of a study's labels; rimlight serve makes one every hour."""
    from rimlight.io.study import open_study
    from rimlight.workflows.backups import back_up_study, backups_of

    made = back_up_study(open_study(study))
    newest = made or backups_of(study)[-1]
    told = f"backup: {newest}" if made else f"nothing changed since {newest}"
    answer({"backup": newest, "is_new": made is not None}, told, as_json=as_json)


def restore(
    study: StudyFolder,
    backup: Annotated[
        Path | None,
        typer.Argument(metavar="[BACKUP]", help="A file of backups/; none lists what is there."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of a study's labels; what stood there is kept beside it."""
    from rimlight.workflows.backups import backups_of, restore_study

    if backup is None:
        known = [str(path) for path in backups_of(study)]
        answer({"backups": known}, "\n".join(known) or "no backup yet", as_json=as_json)
        return
    done = restore_study(study, backup)
    aside = f"; what stood there is now {done.replaced}" if done.replaced else ""
    facts = {"n_labels": done.n_labels, "replaced": done.replaced}
    answer(facts, f"{done.n_labels} label events are back{aside}", as_json=as_json)
