"""The verb that judges the maps of a run: quality."""

from typing import Annotated

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer, progress_bar

Seeds = Annotated[
    int,
    typer.Option(
        "--seeds", metavar="N", min=0, help="Train N more networks with other seeds, for E9."
    ),
]


def quality(
    study: StudyFolder, *, run: RunName = None, seeds: Seeds = 0, as_json: AsJson = False
) -> None:
    """Judge the maps of a run by checks that could refute them, on one scorecard."""
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study

    opened = open_run(open_study(study), run)
    from rimlight.workflows.quality import quality as judged

    with progress_bar() as progress:
        section = judged(opened, n_seeds=seeds, progress=progress)
    from rimlight.cli.headlines import headline

    lines = f"run {opened.run_id}: quality done\n{headline('quality', {'quality': section})}"
    facts = {"run": opened.run_id, "folder": str(opened.folder), "quality": section}
    answer(facts, lines, as_json=as_json)
