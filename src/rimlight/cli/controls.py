"""The verb that records tissue controls: controls."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer


def controls(
    study: StudyFolder,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CSV]",
            help="Table with slide or case, and positive, negative, reagent: pass, fail or not "
            "recorded; none lists what is recorded.",
        ),
    ] = None,
    *,
    reader: Annotated[
        str | None, typer.Option(help="Who looked at controls of which the table does not say it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record tissue controls of slides or cases; one that failed withholds the score."""
    from rimlight.io.study import open_study
    from rimlight.workflows.controls import import_controls, listed_controls

    opened = open_study(study)
    found = None if file is None else import_controls(opened, file, reader=reader)
    rows = listed_controls(opened)
    if found is not None:
        text = f"{found.n_new} of {found.n_stated} outcomes are new or changed\n{_sums(rows)}"
    else:
        text = "\n".join([*map(_line, rows), _sums(rows)])
    taken = {} if found is None else asdict(found)
    answer({**taken, "controls": rows}, text, as_json=as_json)


_NAMES = {"positive": "positive tissue control", "negative": "negative tissue control"}


def _line(row: dict[str, str]) -> str:
    words = [f"{name} {row[name]}" for name in ("positive", "negative", "reagent")]
    return f"{row['slide']}: {', '.join(words)}"


def _sums(rows: list[dict[str, str]]) -> str:
    lines = []
    for name in ("positive", "negative", "reagent"):
        counts = Counter(row[name] for row in rows)
        told = ", ".join(f"{outcome} {counts[outcome]}" for outcome in sorted(counts))
        lines.append(f"{_NAMES.get(name, 'negative reagent slide')}: {told or 'no slide'}")
    return "\n".join(lines)
