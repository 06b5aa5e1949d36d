"""The verbs that fill a study: init, add, import, export, synth."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer, say
from rimlight.errors import SettingsError
from rimlight.records import Expression
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
    from rimlight.workflows.register import SlideEntry, entries_of_manifest, register_slides

    opened = open_study(study)
    entries = [] if manifest is None else list(entries_of_manifest(manifest))
    entries += [
        SlideEntry(path=path, slide=None, case=case, assay=assay, scanner=scanner, mpp=mpp)
        for path in slides or []
    ]
    registered = register_slides(opened, entries)
    for sentence in registered.refused:
        say(sentence)
    facts = {
        "added": list(registered.added),
        "known": list(registered.known),
        "refused": list(registered.refused),
    }
    text = f"{len(registered.added)} slides added, {len(registered.known)} known already"
    text += f", {len(registered.refused)} refused" if registered.refused else ""
    answer(facts, text, as_json=as_json, is_ok=not registered.refused)
    if registered.refused:
        raise typer.Exit(2)


def import_labels(
    study: StudyFolder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="GeoJSON or CSV labels.")],
    *,
    reader: Annotated[str | None, typer.Option(help="Who gave labels that name no reader.")] = None,
    slide: Annotated[str | None, typer.Option(help="Slide of a file that names none.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME=LEVEL", help="Meaning of a class; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take labels into the study; a file with any fault is not imported at all."""
    from rimlight.io.study import open_study
    from rimlight.workflows.exchange import import_labels as taken_in

    opened = open_study(study)
    class_names = _level_of_class(classes or [])
    imported = [
        taken_in(opened, file, reader=reader, slide=slide, class_names=class_names)
        for file in files
    ]
    n_new = sum(item.n_new for item in imported)
    n_known = sum(item.n_known for item in imported)
    facts = {"files": [str(file) for file in files], "n_new": n_new, "n_known": n_known}
    answer(facts, f"{n_new} labels imported, {n_known} known already", as_json=as_json)


def export_labels(
    study: StudyFolder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .geojson or .csv.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write the current labels of the study as QuPath GeoJSON or CSV."""
    from rimlight.io.study import open_study
    from rimlight.workflows.exchange import export_labels as written

    n_labels = written(open_study(study), file)
    answer({"file": str(file), "n_labels": n_labels}, f"{file}: {n_labels} labels", as_json=as_json)


def _settings_of(file: Path) -> Settings:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read as text; name a TOML file") from error
    return settings_from_toml(text, origin=str(file))


def _own_name(settings: Settings, study: Path) -> str:
    is_default = settings.study.name == Settings().study.name
    return study.resolve().name if is_default else settings.study.name


def _level_of_class(pairs: list[str]) -> dict[str, Expression]:
    level_of_class = {}
    for pair in pairs:
        name, _, level = pair.rpartition("=")
        if not name or level not in [expression.value for expression in Expression]:
            known = ", ".join(Expression)
            raise SettingsError(f'--class "{pair}": write NAME=LEVEL with a level of {known}')
        level_of_class[name] = Expression(level)
    return level_of_class
