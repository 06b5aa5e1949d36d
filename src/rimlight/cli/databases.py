"""The verb that gives a study's database to a server: move-database."""

import getpass
from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer
from rimlight.records import ReaderId


def move_database(
    study: StudyFolder,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ADDRESS",
            help="postgresql://USER@HOST/NAME of an empty database; the password comes from "
            "PGPASSWORD or ~/.pgpass.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Move the labels of a study to a PostgreSQL server; every row is compared."""
    from rimlight.io.study import open_study
    from rimlight.workflows.move_database import move_database as moved_to

    moved = moved_to(open_study(study), to, by=ReaderId(getpass.getuser()))
    facts = {
        "address": moved.address,
        "n_rows": moved.n_rows,
        "n_labels": moved.n_labels,
        "old": str(moved.old),
    }
    text = (
        f"{moved.n_rows} rows, {moved.n_labels} labels are at {moved.address} now; "
        f"{moved.old.name} is as it was, keep it as a backup"
    )
    answer(facts, text, as_json=as_json)
