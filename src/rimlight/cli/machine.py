"""The verb about this computer: doctor."""

from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.options import AsJson
from rimlight.cli.output import answer


def doctor(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY]", help="Look at this study's disk as well.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what works on this computer, and what to do about what does not."""
    from rimlight.workflows.doctor import checks

    found = list(checks(study))
    is_well = all(check.is_ok for check in found if check.is_core)
    facts = {
        "checks": [
            {
                "name": check.name,
                "is_ok": check.is_ok,
                "is_core": check.is_core,
                "sentence": check.sentence,
            }
            for check in found
        ]
    }
    marks = {True: "ok     ", False: "FAILED "}
    lines = [
        f"{marks[check.is_ok] if check.is_core or check.is_ok else 'note   '}"
        f"{check.name}: {check.sentence}"
        for check in found
    ]
    answer(facts, "\n".join(lines), as_json=as_json, is_ok=is_well)
    if not is_well:
        raise typer.Exit(1)
