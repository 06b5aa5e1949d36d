"""The verb that takes cell centres of other programs: candidates."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer, say
from rimlight.errors import SettingsError
from rimlight.io.formats.points import CandidateFormat, Frame


def candidates(
    study: StudyFolder,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Cells, detections or points: .geojson, .json, .csv, .tsv (also .gz), .dcm; none "
            "lists what slides were given.",
        ),
    ] = None,
    *,
    slide: Annotated[str | None, typer.Option(help="Slide of a file that names none.")] = None,
    tool: Annotated[
        str | None, typer.Option(help="Program that found the cells, for the record.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help="Only objects of this class; repeat it."),
    ] = None,
    frame: Annotated[
        Frame | None, typer.Option(help="Where x and y count from, if the file does not say it.")
    ] = None,
    file_format: Annotated[
        CandidateFormat | None,
        typer.Option(
            "--format", metavar="FORMAT", help="qupath, csv or dicom; else told from the name."
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(metavar="SLIDE", help="Forget what a slide was given; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take cell centres of another program as candidates, in place of the search; or list them."""
    from rimlight.io.study import open_study
    from rimlight.workflows.given_candidates import (
        import_candidates,
        list_candidates,
        remove_candidates,
    )

    opened = open_study(study)
    if files and remove:
        raise SettingsError("--remove: takes no files; remove first, then import")
    for name in remove or []:
        remove_candidates(opened, name)
    notes = []
    for file in files or []:
        found = import_candidates(
            opened,
            file,
            slide=slide,
            frame=frame,
            file_format=file_format,
            tool=tool,
            classes=classes or (),
        )
        told = [f"replaces what slide {name} was given before" for name in found.replaced]
        notes += [f"{file.name}: {sentence}" for sentence in (*found.notes, *told)]
    for sentence in notes:
        say(sentence)
    sets = list_candidates(opened)
    lines = [
        f"{each.slide}: {each.n_cells} candidates imported from {each.file} ({each.tool})"
        for each in sets
    ]
    text = "\n".join(lines) or f"{study}: no slide was given candidates; rimlight finds them itself"
    facts = {"candidates": [asdict(each) for each in sets], "notes": notes}
    answer(facts, text, as_json=as_json)
