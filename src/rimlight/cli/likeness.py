"""The verb that compares cells by what the network sees of them: likeness."""

from typing import Annotated

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer, progress_bar

Slide = Annotated[
    str | None,
    typer.Option(
        "--slide", metavar="ID", help="Compare candidates of this slide; else the run's cells."
    ),
]


def likeness(
    study: StudyFolder, *, run: RunName = None, slide: Slide = None, as_json: AsJson = False
) -> None:
    """Compare cells by what the network sees, so that the grid can be ordered by likeness."""
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study
    from rimlight.records import SlideId
    from rimlight.workflows.likeness import embed_run, embed_slide

    opened = open_run(open_study(study), run)
    with progress_bar() as progress:
        if slide is None:
            found = embed_run(opened, progress=progress)
        else:
            found = embed_slide(opened, SlideId(slide), progress=progress)
    facts = {"run": opened.run_id, "slide": slide, "n_cells": len(found)}
    answer(facts, f"compared {len(found)} cells of run {opened.run_id}", as_json=as_json)
