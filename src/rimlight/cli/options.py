"""Arguments and options that several verbs share, each described once."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of text.", show_default=False)
]
RunName = Annotated[
    str | None, typer.Option("--run", metavar="ID", help="A run by its id; else the latest.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Seed of split, training, bootstrap and examples.")
]


def command_line(context: typer.Context) -> str:
    """Return the command as it was typed, for the record of a run."""
    return shlex.join(["rimlight", *(context.obj or [])])
