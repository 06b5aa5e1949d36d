"""The verb that judges the maps of a run: quality."""

from typing import Annotated, Any

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer, progress_bar
from rimlight.report.wording import number

Seeds = Annotated[
    int,
    typer.Option(
        "--seeds", metavar="N", min=0, help="Train N more networks with other seeds, for E9."
    ),
]
_MARKS = {"pass": "pass", "fail": "FAIL", "alarm": "ALARM", "printed": "-", "not run": "not run"}


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
    facts = {"run": opened.run_id, "folder": str(opened.folder), "quality": section}
    answer(facts, scorecard_lines(str(opened.run_id), section), as_json=as_json)


def scorecard_lines(run_id: str, section: dict[str, Any]) -> str:
    """Return one line a check: code, verdict, name, value with interval, and why."""
    lines = [f"run {run_id}: quality done"]
    for check in section["checks"]:
        value = ""
        if check["value"] is not None:
            value = f" {number(check['value'])}"
            if check["low"] is not None:
                value += f" [{number(check['low'])}, {number(check['high'])}]"
        mark = _MARKS[check["verdict"]]
        lines.append(f"{check['code']:<4}{mark:<8}{check['name']}{value}. {check['reason']}")
    stamp = section["stamp"]
    lines.append(f"Every map is stamped: {stamp}." if stamp else "No map is stamped.")
    return "\n".join(lines)
