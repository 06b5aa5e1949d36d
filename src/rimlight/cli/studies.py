"""The verbs that fill a study: init, add, import."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer, progress_bar, say
from rimlight.errors import SettingsError, StudyError
from rimlight.io.formats.points import Frame, ReadFormat
from rimlight.settings import Settings, settings_from_toml


def init(
    study: StudyFolder,
    *,
    name: Annotated[str | None, typer.Option(help="Name shown in the report.")] = None,
    assay: Annotated[str | None, typer.Option(help="Assay of slides that name none.")] = None,
    settings_file: Annotated[
        Path | None, typer.Option("--from", metavar="TOML", help="Settings to start from.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty study: a folder with its settings and its database."""
    from rimlight.io.study import create_study

    settings = Settings() if settings_file is None else _settings_of(settings_file)
    about = replace(
        settings.study,
        name=name if name is not None else _own_name(settings, study),
        assay=assay if assay is not None else settings.study.assay,
    )
    create_study(study, replace(settings, study=about))
    text = f"{study}: study made; set it up in study.toml, then: rimlight add {study} SLIDE..."
    answer({"study": str(study), "name": about.name, "assay": about.assay}, text, as_json=as_json)


def add(
    study: StudyFolder,
    slides: Annotated[
        list[Path] | None, typer.Argument(metavar="[SLIDE]...", help="Slide files.")
    ] = None,
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Table with slide, case, assay, scanner, mpp."),
    ] = None,
    case: Annotated[str | None, typer.Option(help="Case of these slides; else file name.")] = None,
    assay: Annotated[str | None, typer.Option(help="Assay; else that of the study.")] = None,
    scanner: Annotated[str | None, typer.Option(help="Scanner; else what the file says.")] = None,
    mpp: Annotated[
        float | None, typer.Option(help="Micrometres per pixel, for files that do not say it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register slides by reference; the files stay where they are and are never written to."""
    from rimlight.io.study import open_study
    from rimlight.workflows.register import (
        SlideEntry,
        entries_of_manifest,
        register_slides,
    )

    opened = open_study(study)
    entries = [] if manifest is None else entries_of_manifest(manifest)
    entries += [
        SlideEntry(path=path, case=case, assay=assay, scanner=scanner, mpp=mpp)
        for path in slides or []
    ]
    if not entries:
        raise StudyError(f"{study}: no slide was named; name files, or a table with --manifest")
    with progress_bar() as progress:
        registered = register_slides(opened, entries, progress=progress)
    for sentence in (*registered.notices, *registered.refused):
        say(sentence)
    facts = asdict(registered)
    text = f"{len(registered.added)} slides added, {len(registered.known)} known already"
    text += f", {len(registered.refused)} refused" if registered.refused else ""
    answer(facts, text, as_json=as_json, is_ok=not registered.refused)
    if registered.refused:
        raise typer.Exit(2)


def import_labels(
    study: StudyFolder,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Labels: .geojson, .json, .xml (also .gz), .csv, .parquet or .dcm.",
        ),
    ],
    *,
    file_format: Annotated[
        ReadFormat | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="qupath, csv, parquet, coco, asap, imagescope, dsa, dicom, cellvit or "
            "patchsorter; else told from the file.",
        ),
    ] = None,
    reader: Annotated[str | None, typer.Option(help="Who gave labels that name no reader.")] = None,
    slide: Annotated[str | None, typer.Option(help="Slide of a file that names none.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME=LEVEL", help="Meaning of a class; repeat it."),
    ] = None,
    frame: Annotated[
        Frame | None, typer.Option(help="Where x and y count from, if the file does not say it.")
    ] = None,
    skip_faults: Annotated[
        bool, typer.Option("--skip-faults", help="Import the sound labels and list the others.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take labels into the study; a file with any fault is not imported at all."""
    from rimlight.io.study import open_study
    from rimlight.workflows.exchange import import_labels as taken_in

    opened = open_study(study)
    found = []
    for file in files:
        found.append(
            taken_in(
                opened,
                file,
                reader=reader,
                slide=slide,
                class_names=_level_of_class(classes or []),
                frame=frame,
                skip_faults=skip_faults,
                file_format=file_format,
            )
        )
        for sentence in (*found[-1].notes, *found[-1].faults):
            say(f"{file.name}: {sentence}")
    numbers = {
        "n_new": sum(item.n_new for item in found),
        "n_known": sum(item.n_known for item in found),
        "n_corrections": sum(item.n_corrections for item in found),
        "n_faults": sum(len(item.faults) for item in found),
    }
    text = "{n_new} labels imported, {n_corrections} of them corrections; {n_known} known already"
    text += "; {n_faults} skipped" if skip_faults else ""
    faults = [sentence for item in found for sentence in item.faults]
    notes = [sentence for item in found for sentence in item.notes]
    facts = {"files": [str(file) for file in files], **numbers, "faults": faults, "notes": notes}
    answer(facts, text.format(**numbers), as_json=as_json)


def _settings_of(file: Path) -> Settings:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read as text; name a TOML file") from error
    return settings_from_toml(text, origin=str(file))


def _own_name(settings: Settings, study: Path) -> str:
    is_default = settings.study.name == Settings().study.name
    return study.resolve().name if is_default else settings.study.name


def _level_of_class(pairs: list[str]) -> dict[str, str]:
    level_of_class = {}
    for pair in pairs:
        name, sign, level = pair.rpartition("=")
        if not (name and sign):
            raise SettingsError(f'--class "{pair}": has no level; write "name=weak"')
        level_of_class[name] = level
    return level_of_class
