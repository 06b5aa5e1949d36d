"""The verb that checks a study and its runs: verify."""

from typing import Annotated

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer


def verify(
    study: StudyFolder,
    *,
    run: RunName = None,
    n_cells: Annotated[
        int,
        typer.Option("--cells", metavar="N", min=0, help="Cells of each fold made again; 0: all."),
    ] = 64,
    as_json: AsJson = False,
) -> None:
    """Check that labels, slides and a run are what they say; makes its numbers again."""
    from rimlight.io.runs import open_run, run_ids
    from rimlight.io.study import open_study
    from rimlight.workflows.verify import verify_run, verify_study

    opened = open_study(study)
    found = list(verify_study(opened))
    if run is not None or run_ids(opened):
        found += verify_run(open_run(opened, run), n_cells=n_cells)
    n_faults = sum(not each.is_ok for each in found)
    facts = {
        "findings": [
            {"name": each.name, "is_ok": each.is_ok, "sentence": each.sentence} for each in found
        ]
    }
    lines = [
        f"{'ok    ' if each.is_ok else 'FAULT '} {each.name}: {each.sentence}" for each in found
    ]
    told = f"{n_faults} faults" if n_faults else "all is as it was written"
    answer(facts, "\n".join([*lines, told]), as_json=as_json, is_ok=not n_faults)
    if n_faults:
        raise typer.Exit(1)
